//! `drain`, and what `cordon` and `uncordon` share with it: nodes and whether pods may come.

use std::io::Write;

use anyhow::{anyhow, bail};
use jiff::SignedDuration;
use serde_json::json;

use crate::client::paging::DEFAULT_PAGE;
use crate::error::{Many, UsageError};
use crate::object::Meta;
use crate::object::labels::Selector;
use crate::ops::change::{DryRun, DryRunArgs};
use crate::ops::context::Context;
use crate::ops::drain::Drain;
use crate::ops::patches::Difference;
use crate::ops::resources::{Builder, Info};

/// Empty a node before maintenance.
///
/// No new pods come to the node, and those on it are evicted, as the disruption budgets allow; with --disable-eviction they are deleted whatever the budgets say. The command waits until they are gone.
///
/// Pods of daemon sets would come back at once: with --ignore-daemonsets they stay, otherwise they are an error. So are pods that no controller replaces, unless you say --force, and pods with data in an emptyDir, unless you say --delete-emptydir-data. Pods that the node itself runs cannot be removed and stay.
///
/// When the node is fit again, let pods come back with uncordon.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Empty a node, even of pods that nothing replaces\nkctl drain node-1 --force\n\n# Give pods 15 minutes to end\nkctl drain node-1 --grace-period=900"
)]
pub struct DrainArgs {
    /// Ask for long lists in pieces of this many objects. 0 asks for everything at once.
    #[arg(long, default_value_t = DEFAULT_PAGE as i64)]
    pub chunk_size: i64,
    /// Go on even if there are pods with data in an emptyDir, which is lost.
    #[arg(long)]
    pub delete_emptydir_data: bool,
    /// Delete pods rather than evict them. Disruption budgets are not asked.
    #[arg(long)]
    pub disable_eviction: bool,
    /// Go on even if there are pods without a controller.
    #[arg(long)]
    pub force: bool,
    /// Seconds that each pod gets to end. Negative for as many as it asks for.
    #[arg(long, default_value_t = -1)]
    pub grace_period: i64,
    /// Leave pods of daemon sets where they are.
    #[arg(long)]
    pub ignore_daemonsets: bool,
    /// Only pods with these labels.
    #[arg(long)]
    pub pod_selector: Option<String>,
    /// Nodes by label: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Do not wait for pods that have been ending for more than this many seconds. 0 waits for all.
    #[arg(long, default_value_t = 0)]
    pub skip_wait_for_delete_timeout: i64,
    /// How long to go on before giving up. 0 means for ever.
    #[arg(long, default_value = "0s")]
    pub timeout: SignedDuration,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Nodes.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `drain`.
///
/// # Errors
/// Pods that stand against it, and what the server refuses.
pub async fn run(ctx: &Context, args: DrainArgs) -> anyhow::Result<()> {
    let which = Which { command: "drain", selector: args.selector.as_deref(), names: &args.args };
    which.check()?;
    let dry_run = args.dry_run.read(ctx)?;
    let pod_selector = args.pod_selector.clone().unwrap_or_default();
    if Selector::parse(&pod_selector).is_err() {
        bail!("--pod-selector=<pod_selector> must be a valid label selector");
    }
    let page = u64::try_from(args.chunk_size).unwrap_or(0);
    let nodes = which.nodes(ctx, page).await?;
    let drain = Drain {
        force: args.force,
        ignore_daemon_sets: args.ignore_daemonsets,
        delete_empty_dir_data: args.delete_emptydir_data,
        grace_period: Some(args.grace_period).filter(|seconds| *seconds >= 0),
        timeout: Some(args.timeout).filter(|timeout| !timeout.is_zero()),
        pod_selector,
        disable_eviction: args.disable_eviction,
        skip_wait_seconds: args.skip_wait_for_delete_timeout,
        page,
        dry_run,
    };
    set_unschedulable(ctx, &nodes, true, dry_run).await?;
    let mut failed = Vec::new();
    for node in &nodes {
        match empty(ctx, &drain, &node.name).await {
            Ok(()) => say(ctx, &node.name, "drained", dry_run)?,
            Err(error) => {
                let name = &node.name;
                ctx.streams.say(format!(
                    "error: unable to drain node {name:?} due to error: {error:#}, continuing command..."
                ));
                failed.push((name.clone(), error));
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    ctx.streams.say("There are pending nodes to be drained:");
    for (name, _) in &failed {
        ctx.streams.say(format!(" {name}"));
    }
    Err(Many(failed.into_iter().map(|(_, error)| error).collect()).into())
}

async fn empty(ctx: &Context, drain: &Drain, node: &str) -> anyhow::Result<()> {
    let found = drain.pods(ctx, node).await.map_err(|error| Many(vec![error]))?;
    let errors = found.errors();
    if !errors.is_empty() {
        return Err(Many(errors).into());
    }
    if let Some(warning) = found.warning() {
        ctx.streams.warn(warning);
    }
    if drain.dry_run == DryRun::Client {
        for pod in &found.going {
            writeln!(ctx.streams.out(), "evicting pod {}/{} (dry run)", pod.namespace(), pod.name())?;
        }
        return Ok(());
    }
    let Err(error) = drain.send_off(ctx, node, &found).await else { return Ok(()) };
    match drain.pods(ctx, node).await {
        Ok(pending) => {
            if !pending.going.is_empty() {
                ctx.streams.say(format!("There are pending pods in node {node:?} when an error occurred: {error:#}"));
            }
            for pod in &pending.going {
                ctx.streams.say(format!("pod/{}", pod.name()));
            }
            let errors = pending.errors();
            if !errors.is_empty() {
                ctx.streams.say(format!(
                    "Following errors occurred while getting the list of pods to delete:\n{}",
                    one_or_many(errors)
                ));
            }
        }
        Err(other) => {
            ctx.streams.say(format!("Following errors occurred while getting the list of pods to delete:\n{other:#}"))
        }
    }
    Err(error)
}

/// Several errors as one text: a single one as itself.
fn one_or_many(errors: Vec<anyhow::Error>) -> String {
    match errors.as_slice() {
        [only] => format!("{only:#}"),
        _ => Many(errors).to_string(),
    }
}

/// Which nodes are meant.
pub(super) struct Which<'a> {
    /// The command's name.
    pub(super) command: &'a str,
    /// `-l`, where it is given.
    pub(super) selector: Option<&'a str>,
    /// Names.
    pub(super) names: &'a [String],
}

impl Which<'_> {
    /// Refuses none at all, and both names and labels.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let wrong = |message: String| UsageError { command: self.command.to_owned(), message };
        if self.names.is_empty() && self.selector.is_none() {
            return Err(wrong(format!("USAGE: {} NODE [flags]", self.command)).into());
        }
        if !self.names.is_empty() && self.selector.is_some_and(|selector| !selector.is_empty()) {
            return Err(wrong("error: cannot specify both a node name and a --selector option".to_owned()).into());
        }
        Ok(())
    }

    /// The nodes.
    pub(super) async fn nodes(&self, ctx: &Context, page: u64) -> anyhow::Result<Vec<Info>> {
        let builder = Builder::new(ctx).namespace(ctx.namespace()?.0).default_namespace().page(page);
        let builder = builder.single_type().flatten();
        let builder = match self.selector.filter(|selector| !selector.is_empty()) {
            Some(selector) => builder.labels(selector).types_or_names(false, &["nodes".to_owned()]),
            None => builder.names_of("nodes", self.names),
        };
        let (nodes, result) = builder.plan().await?.infos().await;
        result?;
        for node in &nodes {
            let mapping = node.mapping.as_ref().ok_or_else(|| anyhow!("no resource for {}", node.name))?;
            if mapping.resource.group_resource() != "nodes" {
                let resource = &mapping.resource;
                let shown = format!("{}/{}, Resource={}", resource.group, resource.version, resource.resource);
                bail!("error: expected resource of type node, got {shown:?}");
            }
        }
        Ok(nodes)
    }
}

/// Says whether new pods may come to nodes.
pub(super) async fn set_unschedulable(
    ctx: &Context,
    nodes: &[Info],
    wanted: bool,
    dry_run: DryRun,
) -> anyhow::Result<()> {
    let word = if wanted { "cordon" } else { "uncordon" };
    for node in nodes {
        if node.object().bool_at(&["spec", "unschedulable"]) == wanted {
            say(ctx, &node.name, &format!("already {word}ed"), dry_run)?;
            continue;
        }
        if dry_run != DryRun::Client {
            let value = if wanted { json!(true) } else { json!(null) };
            let difference = Difference { patch: json!({"spec": {"unschedulable": value}}), ..Difference::nothing() };
            if let Err(error) = difference.send(ctx, node, &dry_run.write("")).await {
                ctx.streams.say(format!("error: unable to {word} node {:?}: {error:#}", node.name));
                continue;
            }
        }
        say(ctx, &node.name, &format!("{word}ed"), dry_run)?;
    }
    Ok(())
}

fn say(ctx: &Context, node: &str, done: &str, dry_run: DryRun) -> anyhow::Result<()> {
    Ok(writeln!(ctx.streams.out(), "node/{node} {done}{}", dry_run.suffix())?)
}
