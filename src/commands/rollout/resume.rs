//! `rollout resume`: changes that waited are rolled out.

use super::{Change, TargetArgs};
use crate::object::{Meta, Object};
use crate::ops::change::{DryRun, OutputArgs, Report};
use crate::ops::context::Context;

/// Let a paused deployment go on.
///
/// Its controller looks after it again, and what was changed in the meantime is rolled out. Only deployments can be paused and resumed.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Resume a paused deployment\nkctl rollout resume deployment/web")]
pub struct ResumeArgs {
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

/// Runs `rollout resume`.
///
/// # Errors
/// What is not paused or cannot be, and what the server refuses.
pub async fn run(ctx: &Context, args: ResumeArgs) -> anyhow::Result<()> {
    let report = Report::new(ctx, &args.output, DryRun::None)?;
    let change = Change {
        change: &resume,
        done: "resumed",
        same: &|info| report.print("already resumed", info.object.clone().unwrap_or_default()),
    };
    change.run(ctx, &args.target, &args.output, &args.field_manager).await
}

fn resume(object: &mut Object) -> Result<(), &'static str> {
    let gvk = object.gvk();
    if (gvk.group.as_str(), gvk.kind.as_str()) != ("apps", "Deployment") {
        return Err("resuming is not supported");
    }
    if !object.bool_at(&["spec", "paused"]) {
        return Err("is not paused");
    }
    object.remove_at(&["spec", "paused"]);
    Ok(())
}
