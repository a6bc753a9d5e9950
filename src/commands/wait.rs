//! `wait`: until objects are as they should be.

use std::time::Duration;

use anyhow::{anyhow, bail};
use jiff::SignedDuration;

use crate::client::request::{Endpoint, WatchParams};
use crate::client::watch::{Event, TimedOut, Watcher, until};
use crate::error::{Exit, Many};
use crate::object::Status;
use crate::ops::change::{self, DryRun, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::interrupt::interruptible;
use crate::ops::manifests::FilenameOptions;
use crate::ops::resources::{Builder, Info, Source};
use crate::ops::wait::{self, Condition};

/// So long a negative timeout waits.
const FOR_EVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Wait until objects meet a condition.
///
/// Objects are named, narrowed by labels, or read from files. With several conditions all must be met, one after the other; that of being created always comes first. What happened before the command began counts as well. Prints a line for each condition that is met, and fails when the time is over.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Wait until a pod is ready\nkctl wait --for=condition=Ready pod/busybox1\n\n# Wait until it is not; the status of a condition is compared without regard to case\nkctl wait --for=condition=Ready=false pod/busybox1\n\n# Wait until a field has a value\nkctl wait --for=jsonpath='{.status.phase}'=Running pod/busybox1\n\n# Wait until a Service has an address from outside\nkctl wait --for=jsonpath='{.status.loadBalancer.ingress}' service/web\n\n# Wait until an object is created\nkctl wait --for=create secret/busybox1 --timeout=30s\n\n# Wait until a pod is gone\nkctl wait --for=delete pod/busybox1 --timeout=60s\n\n# Wait until a pod is created and then ready\nkctl wait --for=condition=Ready --for=create pod/busybox1\n\n# Wait until a job has ended, one way or the other (kctl's own)\nkctl wait --for-any --for=condition=Complete --for=condition=Failed job/pi"
)]
pub struct WaitArgs {
    /// All objects of the given types in the namespace.
    #[arg(long)]
    pub all: bool,
    /// Objects of all namespaces.
    #[arg(long, short = 'A')]
    pub all_namespaces: bool,
    /// Narrow by fields: '=', '==' and '!=' are understood (e.g. --field-selector key1=value1,key2=value2).
    #[arg(long)]
    pub field_selector: Option<String>,
    /// File, folder or URL that names the objects.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// What to wait for: create, delete, condition=NAME[=STATUS], or jsonpath='{JSONPath expression}'[=VALUE]. A status that is left out is true. May be given several times.
    #[arg(long = "for", action = clap::ArgAction::Append)]
    pub conditions: Vec<String>,
    /// kctl's own: one of several --for conditions is enough, whichever is met first.
    #[arg(long)]
    pub for_any: bool,
    /// If true, look only at what the files hold.
    #[arg(long)]
    pub local: bool,
    /// Process folders given with -f down to the last one.
    #[arg(long, short = 'R', action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub recursive: bool,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// How long to wait (1s, 2m, 3h). 0 looks once and does not wait, a negative time waits for a week.
    #[arg(long, default_value = "30s")]
    pub timeout: SignedDuration,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `wait`.
///
/// # Errors
/// Conditions that do not read, and those that are not met in time.
pub async fn run(ctx: &Context, args: WaitArgs) -> anyhow::Result<()> {
    let report = Report::new(ctx, &args.output, DryRun::None)?.sorted_keys();
    let conditions: Vec<Condition> =
        args.conditions.iter().map(|text| Condition::parse(text)).collect::<anyhow::Result<_>>()?;
    if conditions.is_empty() {
        bail!("unrecognized condition: []");
    }
    let once = args.timeout.is_zero();
    let limit =
        if args.timeout.is_negative() { FOR_EVER } else { Duration::try_from(args.timeout).unwrap_or_default() };
    let ends = tokio::time::Instant::now() + limit;
    let deletion = conditions.iter().any(|condition| matches!(condition, Condition::Deleted));
    if conditions.iter().any(|condition| matches!(condition, Condition::Created)) {
        match tokio::time::timeout_at(ends, until_created(ctx, &args, once)).await {
            Ok(created) => created?,
            Err(_) => return Err(TimedOut.into()),
        }
    }
    let (infos, result) = builder(ctx, &args)?.plan().await?.infos().await;
    let mut errors = change::errors_of(result);
    if deletion {
        errors.retain(|error| !is_not_found(error));
    }
    if infos.is_empty() && errors.is_empty() && !deletion {
        bail!("no matching resources found");
    }
    let mut printer = report.printer("condition met")?;
    // What was just fetched answers for itself, until the first object has to be waited for.
    let mut fresh = true;
    for info in &infos {
        let met = |object: &crate::object::Object| printer.print(object.clone());
        let waited = if once {
            wait::check(info, &conditions, args.for_any, met)
        } else if args.local {
            Err(anyhow!("local operation only"))
        } else {
            let left = ends.saturating_duration_since(tokio::time::Instant::now());
            let started = tokio::time::Instant::now();
            let client = ctx.client().await?;
            let waited = interruptible(wait::wait(client, info, &conditions, args.for_any, left, fresh, met)).await;
            if waited.as_ref().is_err_and(anyhow::Error::is::<Exit>) {
                return waited;
            }
            fresh &= started.elapsed().is_zero() || waited.is_ok();
            waited
        };
        errors.extend(waited.err());
    }
    Many::collect(errors)
}

fn builder<'a>(ctx: &'a Context, args: &WaitArgs) -> anyhow::Result<Builder<'a>> {
    let (namespace, explicit) = ctx.namespace()?;
    let files =
        FilenameOptions { filenames: args.filename.clone(), recursive: args.recursive, ..FilenameOptions::default() };
    let builder = Builder::new(ctx).namespace(namespace).default_namespace().all_namespaces(args.all_namespaces);
    let builder = builder.filenames(explicit, &files).continue_on_error().flatten().local(args.local);
    if args.local {
        if !args.args.is_empty() {
            bail!(super::set::LOCAL_NEEDS_FILES);
        }
        return Ok(builder);
    }
    let builder = builder
        .types_or_names(args.all, &args.args)
        .labels(args.selector.as_deref().unwrap_or_default())
        .fields(args.field_selector.as_deref().unwrap_or_default());
    Ok(builder.latest())
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(Status::is_not_found)
}

/// Waits until everything that is named exists, or anything that is selected.
async fn until_created(ctx: &Context, args: &WaitArgs, once: bool) -> anyhow::Result<()> {
    loop {
        let plan = builder(ctx, args)?.plan().await?;
        let (infos, result) = plan.infos().await;
        let errors = change::errors_of(result);
        let missing = errors.iter().any(is_not_found);
        if errors.iter().any(|error| !is_not_found(error)) {
            return Many::collect(errors);
        }
        if !missing && !infos.is_empty() {
            return Ok(());
        }
        if once {
            return Err(TimedOut.into());
        }
        let client = ctx.client().await?;
        match plan.sources.iter().find_map(|source| awaited(source, &infos)) {
            Some(Awaited::Object(endpoint)) => {
                let exists = |object: Option<&crate::object::Object>| Ok(object.map(|_| ()));
                until(client, &endpoint, None, exists).await?;
            }
            Some(Awaited::Any(endpoint, params)) => {
                let mut watcher = Watcher::new(client, endpoint, params);
                while !matches!(watcher.next().await?, Event::Added(_)) {}
            }
            // A manifest's objects are looked up by name, each time anew.
            None => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

/// What has to come into being first.
enum Awaited {
    Object(Endpoint),
    Any(Endpoint, WatchParams),
}

fn awaited(source: &Source, there: &[Info]) -> Option<Awaited> {
    match source {
        Source::Object(info) => {
            let same = |other: &Info| other.endpoint() == info.endpoint();
            (!there.iter().any(same)).then(|| Awaited::Object(info.endpoint()))
        }
        Source::Collection { mapping, namespace, labels, fields } => {
            let params = WatchParams { labels: labels.clone(), fields: fields.clone(), ..WatchParams::default() };
            Some(Awaited::Any(Endpoint::collection(&mapping.resource, namespace.clone()), params))
        }
        Source::Manifest(_) => None,
    }
}
