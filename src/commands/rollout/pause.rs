//! `rollout pause`: changes wait.

use super::{Change, TargetArgs};
use crate::object::{Meta, Object};
use crate::ops::change::{DryRun, OutputArgs, Report};
use crate::ops::context::Context;

/// Hold the rollout of a deployment back.
///
/// A paused deployment is not looked after by its controller: changes of its template are rolled out when it is resumed. Only deployments can be paused.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Let changes of a deployment wait until it is resumed\nkctl rollout pause deployment/web")]
pub struct PauseArgs {
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-rollout")]
    pub field_manager: String,
    /// Which workloads.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Runs `rollout pause`.
///
/// # Errors
/// What is paused already or cannot be, and what the server refuses.
pub async fn run(ctx: &Context, args: PauseArgs) -> anyhow::Result<()> {
    let report = Report::new(ctx, &args.output, DryRun::None)?;
    let change = Change {
        change: &pause,
        done: "paused",
        same: &|info| report.print("already paused", info.object.clone().unwrap_or_default()),
    };
    change.run(ctx, &args.target, &args.output, &args.field_manager).await
}

fn pause(object: &mut Object) -> Result<(), &'static str> {
    let gvk = object.gvk();
    if (gvk.group.as_str(), gvk.kind.as_str()) != ("apps", "Deployment") {
        return Err("pausing is not supported");
    }
    if object.bool_at(&["spec", "paused"]) {
        return Err("is already paused");
    }
    object.set_at(&["spec", "paused"], true);
    Ok(())
}
