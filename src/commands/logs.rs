//! `logs`: what containers wrote.

use anyhow::bail;
use jiff::SignedDuration;

use crate::error::UsageError;
use crate::object::time::{rfc3339, rfc3339_error};
use crate::object::{Object, Status};
use crate::ops::context::Context;
use crate::ops::interrupt::interruptible_though_unread;
use crate::ops::logs::{Choice, LogOptions, Reading, logs_of, print};
use crate::ops::pods::running_timeout;
use crate::ops::resources::{Builder, Info};

/// Lines of each log where pods are selected by labels and no number is given.
const SELECTED_TAIL: i64 = 10;

/// Print what the containers of a pod, or of another object's pods, wrote. If the pod has one container only, its name may be left out.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# The log of a pod with one container\nkctl logs web\n\n# The logs of a pod's containers\nkctl logs web --all-containers=true\n\n# The logs of all pods of a deployment, each line with its source\nkctl logs deployment/web --all-pods=true\n\n# The logs of all containers of the pods with the label app=web\nkctl logs -l app=web --all-containers=true\n\n# What the container ruby wrote before it was restarted\nkctl logs -p -c ruby web-1\n\n# Follow the log of the container ruby\nkctl logs -f -c ruby web-1\n\n# Only the last 20 lines\nkctl logs --tail=20 web\n\n# What was written in the last hour\nkctl logs --since=1h web\n\n# The log of the first container of a job\nkctl logs job/hello\n\n# The log of a container of a deployment\nkctl logs deployment/web -c web-1"
)]
pub struct LogsArgs {
    /// Print the logs of all containers of the pods.
    #[arg(long)]
    pub all_containers: bool,
    /// Print the logs of all pods. Each line begins with its source, then.
    #[arg(long)]
    pub all_pods: bool,
    /// Print the log of this container.
    #[arg(long, short)]
    pub container: Option<String>,
    /// Go on printing what is written.
    #[arg(long, short)]
    pub follow: bool,
    /// Of several logs that are followed, let errors of one not end the others.
    #[arg(long)]
    pub ignore_errors: bool,
    /// Do not check who the kubelet is that the log comes from. Somebody else could send another log, then; it helps where a kubelet's certificate has expired.
    #[arg(long)]
    pub insecure_skip_tls_verify_backend: bool,
    /// The most bytes of a log to print. Without it there is no limit.
    #[arg(long, default_value = "0")]
    pub limit_bytes: i64,
    /// The most logs to follow at a time where pods are selected by labels.
    #[arg(long, default_value = "5")]
    pub max_log_requests: i64,
    /// How long (a length of time such as 5s, 2m or 3h, more than zero) to wait until a pod runs.
    #[arg(long, default_value = "20s")]
    pub pod_running_timeout: SignedDuration,
    /// Begin each line with its source, the pod's and the container's names.
    #[arg(long)]
    pub prefix: bool,
    /// If true, print the log of the container's run before the present one.
    #[arg(long, short)]
    pub previous: bool,
    /// Narrow the pods by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Only lines newer than a length of time such as 5s, 2m or 3h. Not together with --since-time.
    #[arg(long, default_value = "0s")]
    pub since: SignedDuration,
    /// Only lines after a time (RFC 3339). Not together with --since.
    #[arg(long)]
    pub since_time: Option<String>,
    /// Only so many lines from the end. -1 for all of them, which is so without a selector; with one it is 10.
    #[arg(long, value_name = "=-1")]
    pub tail: Option<i64>,
    /// Begin each line with its time.
    #[arg(long)]
    pub timestamps: bool,
    /// The pod, or TYPE/NAME, and the container.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `logs`.
///
/// # Errors
/// Wrong use, an object that has no logs, and what the server refuses.
pub async fn run(ctx: &Context, args: LogsArgs) -> anyhow::Result<()> {
    let selector = args.selector.as_deref().unwrap_or_default();
    let (resource, inline) = named(&args, selector)?;
    let (namespace, _) = ctx.namespace()?;
    let limit = running_timeout(args.pod_running_timeout)?;
    let options = options(&args, inline, selector)?;
    let objects = objects(ctx, &namespace, resource, selector).await?;
    validate(&args, &options)?;
    let client = ctx.client().await?;
    let choice = Choice { all_containers: args.all_containers, all_pods: args.all_pods, limit };
    let mut logs = Vec::new();
    for object in &objects {
        logs.append(&mut logs_of(ctx, client, object, &options, choice).await?);
    }
    let most = usize::try_from(args.max_log_requests).unwrap_or(0);
    if args.follow && logs.len() > 1 && logs.len() > most {
        bail!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {}, use --max-log-requests to increase the limit",
            logs.len(),
            args.max_log_requests
        );
    }
    let reading =
        Reading { follow: args.follow, prefix: args.prefix || args.all_pods, ignore_errors: args.ignore_errors, limit };
    interruptible_though_unread(print(ctx, client, &logs, reading)).await
}

/// The object and the container that the arguments name.
fn named<'a>(args: &'a LogsArgs, selector: &str) -> anyhow::Result<(Option<&'a str>, Option<&'a str>)> {
    let wrong = |message: &str| UsageError { command: "logs".to_owned(), message: message.to_owned() };
    const EXPECTED: &str = "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command";
    match args.args.as_slice() {
        [] if selector.is_empty() => Err(wrong(EXPECTED).into()),
        [] => Ok((None, None)),
        [_] if !selector.is_empty() => Err(wrong("only a selector (-l) or a POD name is allowed").into()),
        [resource] => Ok((Some(resource), None)),
        [resource, container] => Ok((Some(resource), Some(container))),
        _ => Err(wrong(EXPECTED).into()),
    }
}

fn options(args: &LogsArgs, inline: Option<&str>, selector: &str) -> anyhow::Result<LogOptions> {
    let container = inline.or(args.container.as_deref()).unwrap_or_default();
    let since_time = args.since_time.as_deref().filter(|text| !text.is_empty()).map(since_time).transpose()?;
    let tail = match args.tail {
        None if !selector.is_empty() => Some(SELECTED_TAIL),
        tail => tail.filter(|lines| *lines != -1),
    };
    Ok(LogOptions {
        container: container.to_owned(),
        follow: args.follow,
        previous: args.previous,
        timestamps: args.timestamps,
        insecure_backend: args.insecure_skip_tls_verify_backend,
        since_time,
        since_seconds: (!args.since.is_zero())
            .then(|| args.since.round(jiff::Unit::Second).unwrap_or(args.since).as_secs()),
        tail,
        limit_bytes: Some(args.limit_bytes).filter(|bytes| *bytes != 0),
    })
}

/// A time in the form in which the server takes it.
fn since_time(text: &str) -> anyhow::Result<String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) if text.contains('T') => Ok(rfc3339(time)),
        _ => bail!(rfc3339_error(text)),
    }
}

async fn objects(
    ctx: &Context,
    namespace: &str,
    resource: Option<&str>,
    selector: &str,
) -> anyhow::Result<Vec<Object>> {
    let builder = Builder::new(ctx).namespace(namespace).default_namespace().single_type().flatten();
    let builder = match resource {
        Some(resource) => builder.names_of("pods", &[resource.to_owned()]),
        None => builder.types_or_names(true, &["pods".to_owned()]).labels(selector),
    };
    let (infos, result) = builder.plan().await?.infos().await;
    result.map_err(|error| match error.downcast_ref::<Status>() {
        Some(status) if status.is_not_found() => {
            anyhow::anyhow!("error from server (NotFound): {error} in namespace {namespace:?}")
        }
        _ => error,
    })?;
    if resource.is_some() && infos.len() != 1 {
        bail!("expected a resource");
    }
    if infos.is_empty() {
        ctx.streams.say(format!("No resources found in {namespace} namespace."));
    }
    Ok(infos.into_iter().filter_map(|info: Info| info.object).collect())
}

fn validate(args: &LogsArgs, options: &LogOptions) -> anyhow::Result<()> {
    for (wrong, message) in [
        (
            options.since_time.is_some() && options.since_seconds.is_some(),
            "at most one of `sinceTime` or `sinceSeconds` may be specified".to_owned(),
        ),
        (
            args.all_containers && !options.container.is_empty(),
            format!("--all-containers=true should not be specified with container name {}", options.container),
        ),
        (
            args.container.is_some() && args.args.len() == 2,
            "only one of -c or an inline [CONTAINER] arg is allowed".to_owned(),
        ),
        (args.limit_bytes < 0, "--limit-bytes must be greater than 0".to_owned()),
        (options.since_seconds.is_some_and(|seconds| seconds < 0), "--since must be greater than 0".to_owned()),
        (options.tail.is_some_and(|lines| lines < -1), "--tail must be greater than or equal to -1".to_owned()),
    ] {
        if wrong {
            bail!(message);
        }
    }
    Ok(())
}
