//! `create priorityclass`.

use super::new::{Creation, NewArgs, cluster_scoped, name};
use crate::object::Meta;
use crate::ops::context::Context;

/// Create a PriorityClass with the given name and value.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# A high priority\nkctl create priorityclass high --value=1000 --description=\"before others\"\n\n# The priority of pods that name none\nkctl create priorityclass usual --value=1000 --global-default=true --description=\"the usual one\"\n\n# A priority that drives no other pods away\nkctl create priorityclass patient --value=1000 --description=\"waits its turn\" --preemption-policy=\"Never\""
)]
pub struct PriorityClassArgs {
    /// When to use the class.
    #[arg(long)]
    description: Option<String>,
    /// Whether this is the class of pods that name none.
    #[arg(long)]
    global_default: bool,
    /// Whether pods of the class drive away those of a lower priority.
    #[arg(long, default_value = "PreemptLowerPriority")]
    preemption_policy: String,
    /// The priority; more goes first.
    #[arg(long, default_value_t = 0)]
    value: i32,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create priorityclass`.
///
/// # Errors
/// Wrong flags, and what the server refuses.
pub async fn run(ctx: &Context, args: PriorityClassArgs) -> anyhow::Result<()> {
    let name = name("priorityclass", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let mut object = cluster_scoped("scheduling.k8s.io/v1", "PriorityClass", name);
    object.set_at(&["value"], args.value);
    object.set_at(&["globalDefault"], args.global_default);
    object.set_at(&["description"], args.description.unwrap_or_default());
    object.set_at(&["preemptionPolicy"], args.preemption_policy);
    creation.finish(object, "failed to create priorityclass:").await
}
