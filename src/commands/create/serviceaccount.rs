//! `create serviceaccount`.

use super::new::{Creation, NewArgs, name};
use crate::ops::context::Context;

/// Create a ServiceAccount with the given name.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Create the service account robot\nkctl create serviceaccount robot")]
pub struct ServiceAccountArgs {
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create serviceaccount`.
///
/// # Errors
/// Wrong flags, and what the server refuses.
pub async fn run(ctx: &Context, args: ServiceAccountArgs) -> anyhow::Result<()> {
    let name = name("serviceaccount", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let object = creation.namespaced("v1", "ServiceAccount", name);
    creation.finish(object, "failed to create serviceaccount:").await
}
