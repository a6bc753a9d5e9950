//! `cordon`: whether new pods may come to a node.

use super::drain::{Which, set_unschedulable};
use crate::client::paging::DEFAULT_PAGE;
use crate::ops::change::DryRunArgs;
use crate::ops::context::Context;

/// Keep new pods away from a node.
///
/// Marks the node as unschedulable. What runs on it stays.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "# Keep new pods away from node-1\nkctl cordon node-1")]
pub struct CordonArgs {
    /// Nodes by label: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Nodes.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `cordon`.
///
/// # Errors
/// Nodes that do not exist.
pub async fn run(ctx: &Context, args: CordonArgs) -> anyhow::Result<()> {
    let which = Which { command: "cordon", selector: args.selector.as_deref(), names: &args.args };
    which.check()?;
    let dry_run = args.dry_run.read(ctx)?;
    let nodes = which.nodes(ctx, DEFAULT_PAGE).await?;
    set_unschedulable(ctx, &nodes, true, dry_run).await
}
