//! `set serviceaccount`: as whom the pods act.

use anyhow::{anyhow, bail};

use super::{Changes, SetArgs};
use crate::error::Many;
use crate::ops::context::Context;
use crate::ops::pod_template::spec_mut;

/// Change the service account of a pod template.
///
/// Works on everything that has a pod template.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Let the pods of a deployment act as another service account\nkctl set serviceaccount deployment web picker\n\n# Print what a file becomes, without a server\nkctl set sa -f web.yaml picker --local --dry-run=client -o yaml"
)]
pub struct ServiceAccountArgs {
    /// What all of them have.
    #[command(flatten)]
    pub set: SetArgs,
    /// Types, names, and the service account.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `set serviceaccount`.
///
/// # Errors
/// What has no pod template, and what the server refuses.
pub async fn run(ctx: &Context, args: ServiceAccountArgs) -> anyhow::Result<()> {
    let set = &args.set;
    let dry_run = set.dry_run.read(ctx)?;
    set.refuse_local_on_server(dry_run)?;
    let mut changes = Changes::new(ctx, set, dry_run, "serviceaccount updated", "failed to patch ServiceAccountName ")?;
    changes.always = true;
    let Some((account, resources)) = args.args.split_last() else { bail!("serviceaccount is required") };
    // Names beside --local are not even looked at here.
    let builder = set.named(ctx, resources, "")?;
    let infos = super::fetch(builder).await?;
    let mut errors = Vec::new();
    let mut changed = Vec::new();
    for info in infos {
        let mut object = info.object.clone().unwrap_or_default();
        let after = match spec_mut(&mut object) {
            Ok(spec) => {
                spec["serviceAccountName"] = account.as_str().into();
                Ok(object)
            }
            Err(error) => Err(anyhow!(error)),
        };
        changed.push((info, after));
    }
    changes.apply(changed, &mut errors).await?;
    Many::collect(errors)
}
