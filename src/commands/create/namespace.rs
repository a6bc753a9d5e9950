//! `create namespace`.

use super::new::{Creation, NewArgs, cluster_scoped, name};
use crate::ops::context::Context;

/// Create a namespace with the given name.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Create the namespace blue\nkctl create namespace blue")]
pub struct NamespaceArgs {
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create namespace`.
///
/// # Errors
/// Wrong flags, and what the server refuses.
pub async fn run(ctx: &Context, args: NamespaceArgs) -> anyhow::Result<()> {
    let name = name("namespace", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    creation.finish(cluster_scoped("v1", "Namespace", name), "").await
}
