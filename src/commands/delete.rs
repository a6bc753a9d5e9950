//! `delete`: objects by name, by file, by label, or all of a type.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};

use anyhow::bail;
use http::Method;
use jiff::SignedDuration;

use crate::ops::change::{DryRunArgs, FileArgs};
use crate::ops::context::Context;
use crate::ops::delete::{self, Deletion};
use crate::ops::raw;
use crate::ops::resources::{Builder, Info};

/// Delete objects by file, by standard input, by type and name, or by type and label.
///
/// Only one way of naming the objects may be used. Some objects, such as pods, are given time to end by themselves; --grace-period says how long, --now allows one second. --force with --grace-period=0 removes the object from the API without waiting for a confirmation that what ran is ended: two processes of the same identity may run for a while, so use it only when you know better.
///
/// What was changed since you looked is lost with the object: the command does not check versions.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Delete the pod that pod.json describes\nkctl delete -f ./pod.json\n\n# Delete what comes on standard input\ncat pod.json | kctl delete -f -\n\n# Delete pods and services of these names\nkctl delete pod,service web api\n\n# Delete pods and services by label\nkctl delete pods,services -l app=web\n\n# Delete a pod with hardly any delay\nkctl delete pod web --now\n\n# Remove a pod that was on a dead node\nkctl delete pod web --force\n\n# Delete all pods\nkctl delete pods --all\n\n# Delete all pods, after a question\nkctl delete pods --all --interactive"
)]
pub struct DeleteArgs {
    /// Delete all objects of the given types in the namespace.
    #[arg(long)]
    pub all: bool,
    /// If present, the objects of all namespaces. The namespace of the current context and of --namespace does not count.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Must be "background", "orphan", or "foreground": what becomes of objects that belong to the deleted ones, such as the pods of a replica set.
    #[arg(long, default_value = "background", num_args = 0..=1, require_equals = true, default_missing_value = "background")]
    pub cascade: String,
    /// Narrow by fields: '=', '==' and '!=' are understood (e.g. --field-selector key1=value1,key2=value2). Each type knows only few fields.
    #[arg(long)]
    pub field_selector: Option<String>,
    /// If true, remove objects from the API at once, without grace. Objects may be left in an inconsistent state, and data may be lost.
    #[arg(long)]
    pub force: bool,
    /// Seconds that the object is given to end by itself. Below 0 the object's own. 1 for a fast end. 0 only with --force.
    #[arg(long, default_value_t = -1)]
    pub grace_period: i64,
    /// It is no error that an object is not there. True where --all, -l or --field-selector is given.
    #[arg(long, value_name = "=false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ignore_not_found: Option<bool>,
    /// If true, ask before anything is deleted.
    #[arg(long, short)]
    pub interactive: bool,
    /// If true, end what runs at once (as --grace-period=1).
    #[arg(long)]
    pub now: bool,
    /// Output mode. Use "-o name" for shorter output (resource/name).
    #[arg(long, short)]
    pub output: Option<String>,
    /// Path to send DELETE to as it is, with the credentials of the kubeconfig.
    #[arg(long)]
    pub raw: Option<String>,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// How long to wait before giving up on a delete (1s, 2m, 3h). 0 waits without end.
    #[arg(long, default_value = "0s")]
    pub timeout: SignedDuration,
    /// If true, wait until the objects are gone, finalizers included.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub wait: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

/// Runs `delete`.
///
/// # Errors
/// Flags that do not go together, unknown types, and what the server refuses.
pub async fn run(ctx: &Context, args: DeleteArgs) -> anyhow::Result<()> {
    let propagation = delete::propagation(ctx, &args.cascade)?;
    let (namespace, explicit) = ctx.namespace()?;
    let selects = args.all || !text(&args.selector).is_empty() || !text(&args.field_selector).is_empty();
    let mut deletion = Deletion {
        propagation,
        grace_period: grace_period(&args)?,
        dry_run: args.dry_run.read(ctx)?,
        ignore_not_found: args.ignore_not_found.unwrap_or(selects),
        names_only: text(&args.output) == "name",
        wait: args.wait,
        timeout: args.timeout.try_into().unwrap_or_default(),
        warn_cluster_scope: explicit && !args.all_namespaces,
    };
    let raw = text(&args.raw);
    if !raw.is_empty() {
        validate(ctx, &args, &deletion)?;
        return send_raw(ctx, &args, raw).await;
    }
    let plan = Builder::new(ctx)
        .namespace(namespace)
        .default_namespace()
        .filenames(explicit, &args.files.options())
        .labels(text(&args.selector))
        .fields(text(&args.field_selector))
        .select_all(args.all)
        .all_namespaces(args.all_namespaces)
        .types_or_names(false, &args.args)
        .require_object(false)
        .continue_on_error()
        .flatten()
        .plan()
        .await?;
    validate(ctx, &args, &deletion)?;
    let found = plan.results().await;
    if args.interactive {
        let found = found.into_iter().collect::<anyhow::Result<Vec<Info>>>();
        let found = match found {
            Err(error) if deletion.ignore_not_found && is_not_found(&error) => Vec::new(),
            found => found?,
        };
        if found.is_empty() {
            writeln!(ctx.streams.out(), "No resources found")?;
            return Ok(());
        }
        if !confirmed(ctx, &found)? {
            writeln!(ctx.streams.out(), "deletion is cancelled")?;
            return Ok(());
        }
        // Asked for once, deleted once.
        let mut seen = HashSet::new();
        let found = found.into_iter().filter(|info| seen.insert(info.endpoint().path()));
        deletion.warn_cluster_scope &= explicit;
        return deletion.run(ctx, found.map(Ok).collect()).await;
    }
    deletion.run(ctx, found).await
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<crate::object::Status>().is_some_and(crate::object::Status::is_not_found)
}

/// Seconds of grace, all flags together.
fn grace_period(args: &DeleteArgs) -> anyhow::Result<i64> {
    let mut seconds = args.grace_period;
    if args.now {
        if seconds != -1 {
            bail!("--now and --grace-period cannot be specified together");
        }
        seconds = 1;
    }
    // Without --force nothing is removed without any grace.
    if seconds == 0 && !args.force {
        seconds = 1;
    }
    Ok(if args.force && seconds < 0 { 0 } else { seconds })
}

fn validate(ctx: &Context, args: &DeleteArgs, deletion: &Deletion) -> anyhow::Result<()> {
    let output = text(&args.output);
    if !matches!(output, "" | "name") {
        bail!("unexpected -o output mode: {output}. We only support '-o name'");
    }
    for (flag, name) in [(&args.selector, "selector"), (&args.field_selector, "field-selector")] {
        if args.all && !text(flag).is_empty() {
            bail!("cannot set --all and --{name} at the same time");
        }
    }
    if args.force {
        if deletion.grace_period > 0 {
            bail!("--force and --grace-period greater than 0 cannot be specified together");
        }
        ctx.streams.warn("Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.");
    }
    Ok(())
}

/// `--raw`.
async fn send_raw(ctx: &Context, args: &DeleteArgs, path: &str) -> anyhow::Result<()> {
    if args.interactive {
        bail!("--interactive can not be used with --raw");
    }
    if args.files.filename.len() > 1 {
        bail!("--raw can only use a single local file or stdin");
    }
    raw::check_files(&args.files.filename, args.files.recursive)?;
    if !text(&args.output).is_empty() {
        bail!("--raw and --output are mutually exclusive");
    }
    let file = args.files.filename.first().map(String::as_str).unwrap_or_default();
    raw::send(ctx, Method::DELETE, raw::target(path)?, file).await
}

/// Asks; only `y` means yes.
fn confirmed(ctx: &Context, found: &[Info]) -> anyhow::Result<bool> {
    {
        let mut out = ctx.streams.out();
        writeln!(out, "You are about to delete the following {} resource(s):", found.len())?;
        for info in found {
            writeln!(out, "{}", info.kind_name())?;
        }
        write!(out, "Do you want to continue? (y/N): ")?;
        out.flush()?;
    }
    let mut line = String::new();
    BufReader::new(&mut **ctx.streams.input()).read_line(&mut line)?;
    Ok(line.trim().eq_ignore_ascii_case("y"))
}
