//! Container logs: which there are for an object, and reading them, one after another or all at once.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::BodyExt;

use super::context::Context;
use super::pods;
use crate::client::request::{Call, Endpoint};
use crate::client::{self, Client};
use crate::object::{Meta, Object, Status};

/// What is asked of each log (`v1.PodLogOptions`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The container; empty for the pod's default.
    pub container: String,
    /// Whether lines are sent as they are written.
    pub follow: bool,
    /// Whether the run before the present one is meant.
    pub previous: bool,
    /// Whether each line begins with its time.
    pub timestamps: bool,
    /// Whether the API server need not know the kubelet's certificate.
    pub insecure_backend: bool,
    /// Only lines since then, RFC 3339.
    pub since_time: Option<String>,
    /// Only lines of the last so many seconds.
    pub since_seconds: Option<i64>,
    /// Only the last so many lines.
    pub tail: Option<i64>,
    /// At most so many bytes.
    pub limit_bytes: Option<i64>,
}

impl LogOptions {
    /// The request for the log of one container.
    fn call(&self, pod: &Object, container: &str) -> Call {
        let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name()).subresource("log");
        let mut call = Call::get(&endpoint).text("container", container);
        for (name, given) in [
            ("follow", self.follow),
            ("previous", self.previous),
            ("timestamps", self.timestamps),
            ("insecureSkipTLSVerifyBackend", self.insecure_backend),
        ] {
            if given {
                call = call.query(name, "true");
            }
        }
        for (name, number) in
            [("sinceSeconds", self.since_seconds), ("tailLines", self.tail), ("limitBytes", self.limit_bytes)]
        {
            if let Some(number) = number {
                call = call.query(name, number.to_string());
            }
        }
        call.text("sinceTime", self.since_time.as_deref().unwrap_or_default())
    }
}

/// The log of one container.
#[derive(Clone, Debug)]
pub struct Log {
    /// The pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    call: Call,
}

/// Which logs of an object are meant.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Those of all containers of a pod.
    pub all_containers: bool,
    /// Those of all pods of a workload.
    pub all_pods: bool,
    /// How long the first pod of a workload is waited for.
    pub limit: Duration,
}

/// The logs of a pod, or of what has pods.
///
/// # Errors
/// A container that is not there, an object without pods, none of them in time.
pub async fn logs_of(
    ctx: &Context,
    client: &Client,
    object: &Object,
    options: &LogOptions,
    choice: Choice,
) -> anyhow::Result<Vec<Log>> {
    if object.kind() == "Pod" {
        return of_pod(ctx, object, options, choice);
    }
    let selector = pods::selector_of(object)
        .map_err(|error| anyhow::anyhow!("cannot get the logs from {}: {error}", pods::go_type(object)))?;
    let found = pods::pods_of(client, object.namespace(), &selector, choice.limit, pods::by_logging).await?;
    let count = found.len();
    let mut logs = Vec::new();
    for pod in found {
        if count > 1 && !choice.all_pods {
            ctx.streams.say(format!("Found {count} pods, using pod/{}", pod.name()));
        }
        logs.append(&mut of_pod(ctx, &pod, options, choice)?);
        if !choice.all_pods {
            break;
        }
    }
    Ok(logs)
}

fn of_pod(ctx: &Context, pod: &Object, options: &LogOptions, choice: Choice) -> anyhow::Result<Vec<Log>> {
    let log = |container: &str| Log {
        pod: pod.name().to_owned(),
        container: container.to_owned(),
        call: options.call(pod, container),
    };
    if choice.all_containers {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let all = lists.iter().flat_map(|list| pod.list_at(&["spec", list]));
        return Ok(all.map(|container| log(container.str_at(&["name"]))).collect());
    }
    let mut name = options.container.as_str();
    if name.is_empty()
        && let Some(annotated) = pod.annotation(pods::DEFAULT_CONTAINER).filter(|name| !name.is_empty())
    {
        if pods::container(pod, annotated).is_some() {
            name = annotated;
        } else {
            ctx.streams.say(format!("Default container name {annotated:?} not found in pod {}", pod.name()));
        }
    }
    if name.is_empty() {
        name = pod.list_at(&["spec", "containers"]).first().map_or("", |first| first.str_at(&["name"]));
        if !choice.all_pods {
            pods::say_defaulted(ctx, pod);
        }
    }
    pods::named_container(pod, name)?;
    Ok(vec![log(name)])
}

/// How logs are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Whether lines are printed as they are written.
    pub follow: bool,
    /// Whether each line begins with its pod and container.
    pub prefix: bool,
    /// Whether an error of one log is printed, and the others go on.
    pub ignore_errors: bool,
    /// How long a log that cannot be read yet is tried again.
    pub limit: Duration,
}

/// Prints logs, one after another; several that are followed, all at once.
///
/// # Errors
/// The first error of a log, unless they are ignored.
pub async fn print(ctx: &Context, client: &Client, logs: &[Log], reading: Reading) -> anyhow::Result<()> {
    let whole_lines = reading.prefix || logs.len() > 1;
    // Lines of a log go out as they are, with the colours that programs give them.
    let _as_it_is = ctx.streams.raw();
    let one = |log| Printer { ctx, client, log, reading, whole_lines }.print();
    if !reading.follow {
        for log in logs {
            one(log).await?;
        }
        return Ok(());
    }
    let mut all: FuturesUnordered<_> = logs.iter().map(one).collect();
    while let Some(result) = all.next().await {
        result?;
    }
    Ok(())
}

struct Printer<'a> {
    ctx: &'a Context,
    client: &'a Client,
    log: &'a Log,
    reading: Reading,
    /// Whether lines of others may come in between.
    whole_lines: bool,
}

/// How long before a log that could not be read is tried again.
const PAUSE: Duration = Duration::from_secs(1);

impl Printer<'_> {
    async fn print(self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let Err(error) = self.copy().await else { return Ok(()) };
            // Nobody reads any more.
            let unread = error.is::<io::Error>();
            if self.reading.ignore_errors && !unread {
                return self.out(format!("error: {error:#}\n").as_bytes());
            }
            if !self.reading.follow || unread {
                return Err(error);
            }
            self.ctx.streams.say(format!("{error:#}"));
            if !error.is::<Status>() {
                return Err(error);
            }
            if begun.elapsed() + PAUSE > self.reading.limit {
                anyhow::bail!("context deadline exceeded");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn copy(&self) -> anyhow::Result<()> {
        let mut body = self.client.send(self.log.call.clone()).await?.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(client::from_box)?.into_data() else { continue };
            if self.whole_lines {
                self.lines(&data, &mut rest)?;
            } else {
                self.out(&data)?;
            }
        }
        if rest.is_empty() { Ok(()) } else { self.line(&rest) }
    }

    /// Prints the lines that are whole and keeps the rest.
    fn lines(&self, data: &[u8], rest: &mut Vec<u8>) -> anyhow::Result<()> {
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            if piece.ends_with(b"\n") && rest.is_empty() {
                self.line(piece)?;
                continue;
            }
            rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.line(rest)?;
                rest.clear();
            }
        }
        Ok(())
    }

    fn line(&self, line: &[u8]) -> anyhow::Result<()> {
        if self.reading.prefix {
            let prefix = format!("[pod/{}/{}] ", self.log.pod, self.log.container);
            self.ctx.streams.out().write_all(prefix.as_bytes())?;
        }
        self.out(line)
    }

    fn out(&self, data: &[u8]) -> anyhow::Result<()> {
        let mut out = self.ctx.streams.out();
        out.write_all(data)?;
        // What is followed is seen at once.
        if self.reading.follow {
            out.flush()?;
        }
        Ok(())
    }
}
