//! `rollout restart`: new pods from the same template.

use super::{Change, TargetArgs};
use crate::object::{Meta, Object, Timestamp, time};
use crate::ops::change::OutputArgs;
use crate::ops::context::Context;

/// Says when a template was to be rolled out again.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Replace all pods of a workload, a few at a time.
///
/// Marks the pod template with the present time, so that its controller rolls it out again. Works on deployments, daemon sets and stateful sets.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Restart all deployments of a namespace\nkctl rollout restart deployment -n test\n\n# Restart a deployment\nkctl rollout restart deployment/web\n\n# Restart a daemon set\nkctl rollout restart daemonset/agent\n\n# Restart deployments by label\nkctl rollout restart deployment --selector=app=web"
)]
pub struct RestartArgs {
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

/// Runs `rollout restart`.
///
/// # Errors
/// What is paused or has no rollouts, and what the server refuses.
pub async fn run(ctx: &Context, args: RestartArgs) -> anyhow::Result<()> {
    let now = ctx.clock.now();
    let change = Change {
        change: &|object| restart(object, now),
        done: "restarted",
        same: &|info| {
            anyhow::bail!(
                "failed to create patch for {}: if restart has already been triggered within the past second, please wait before attempting to trigger another",
                info.name
            )
        },
    };
    change.run(ctx, &args.target, &args.output, &args.field_manager).await
}

fn restart(object: &mut Object, now: Timestamp) -> Result<(), &'static str> {
    let gvk = object.gvk();
    if gvk.group != "apps" || !matches!(gvk.kind.as_str(), "Deployment" | "DaemonSet" | "StatefulSet") {
        return Err("restarting is not supported");
    }
    if gvk.kind == "Deployment" && object.bool_at(&["spec", "paused"]) {
        return Err("can't restart paused deployment (run rollout resume first)");
    }
    object.set_at(&["spec", "template", "metadata", "annotations", RESTARTED_AT], time::rfc3339(now));
    Ok(())
}
