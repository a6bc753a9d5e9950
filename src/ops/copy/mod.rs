//! Copying files between this machine and a container: `tar` runs in the container, its archive comes or
//! goes over the streams of a process.

mod beneath;
#[cfg(test)]
#[cfg(unix)]
mod hostile;
mod pack;
pub mod path;
mod progress;
pub mod unpack;

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::time::Duration;

use anyhow::bail;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::context::Context;
use super::pods;
use crate::client::request::{Call, Endpoint};
use crate::client::streams::{self, Failed, Flow, Sink};
use crate::error::Exit;
use crate::object::{Meta, Object};
use crate::terminal::signals;
use path::FileSpec;
use progress::{Count, Progress};
use unpack::{Message, Plan};

/// How long a container may take to say whether a path is a folder.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pieces of an archive that wait for the disk at most.
const WAITING: usize = 16;

/// How to copy.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The container; empty for the pod's usual one.
    pub container: String,
    /// Whether owner and permissions become those of whoever unpacks.
    pub no_preserve: bool,
    /// How often a copy from a container is taken up again where it broke off; below 0 without end.
    pub retries: i64,
}

/// Processes in one container of a pod.
struct Container<'a> {
    ctx: &'a Context,
    pod: Object,
    container: String,
}

impl<'a> Container<'a> {
    /// Looks a pod up. `say` hears which container is taken where none is named.
    async fn find(ctx: &'a Context, spec: &FileSpec, wish: &Wish, say: impl Fn(&Object)) -> anyhow::Result<Self> {
        let namespace = if spec.namespace.is_empty() { ctx.namespace()?.0 } else { spec.namespace.clone() };
        let endpoint = Endpoint::object(&pods::resource(), namespace, &spec.pod);
        let pod = ctx.client().await?.json(Call::get(&endpoint)).await?;
        let phase = pod.str_at(&["status", "phase"]);
        if matches!(phase, "Succeeded" | "Failed") {
            bail!("cannot exec into a container in a completed pod; current phase is {phase}");
        }
        let container = if wish.container.is_empty() {
            let named = pod.annotation(pods::DEFAULT_CONTAINER).unwrap_or_default();
            if named.is_empty() {
                say(&pod);
            }
            pods::container_or_default(ctx, &pod, named, true)?
        } else {
            pods::named_container(&pod, &wish.container)?
        };
        let container = container.str_at(&["name"]).to_owned();
        Ok(Self { ctx, pod, container })
    }

    /// Runs a command to its end.
    async fn run(
        &self,
        command: &[&str],
        stdin: Option<mpsc::Receiver<Bytes>>,
        stdout: Sink<'_>,
        stderr: Sink<'_>,
    ) -> anyhow::Result<()> {
        let endpoint = Endpoint::object(&pods::resource(), self.pod.namespace(), self.pod.name()).subresource("exec");
        let call = Call::get(&endpoint).query("container", self.container.as_str());
        let call = command.iter().fold(call, |call, word| call.query("command", *word));
        let flags = [("stdin", stdin.is_some()), ("stdout", true), ("stderr", true)];
        let call = flags.into_iter().filter(|(_, on)| *on).fold(call, |call, (name, _)| call.query(name, "true"));
        let session = streams::open(self.ctx.client().await?, call).await?;
        session.run(Flow { stdin, stdout, stderr, sizes: None }).await
    }

    async fn is_folder(&self, path: &str) -> anyhow::Result<bool> {
        let nowhere = || -> Sink<'static> { Box::new(|_| Ok(())) };
        match tokio::time::timeout(PATIENCE, self.run(&["test", "-d", path], None, nowhere(), nowhere())).await {
            Ok(result) => Ok(result.is_ok()),
            Err(_) => bail!("context deadline exceeded"),
        }
    }
}

/// The process was asked to end.
#[derive(Debug)]
struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Says how a command ended that did not end well.
fn ended(ctx: &Context, error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Failed>() {
        Some(failed) => {
            ctx.streams.say(failed.to_string());
            Exit(failed.0).into()
        }
        None => error,
    }
}

/// The files and folders of a container whose paths begin like this, folders with a slash at their end: for
/// whoever is typing a path.
///
/// # Errors
/// What the server refuses, and a container without `ls`.
pub async fn list(ctx: &Context, typed: &FileSpec) -> anyhow::Result<Vec<String>> {
    let container = Container::find(ctx, typed, &Wish::default(), |_| {}).await?;
    let folder = typed.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let slash = if typed.path.contains('/') { "/" } else { "" };
    let shown = if folder.is_empty() && slash.is_empty() { "." } else { &format!("{folder}/") };
    let mut text = Vec::new();
    let nowhere: Sink<'_> = Box::new(|_| Ok(()));
    let stdout: Sink<'_> = Box::new(|data| {
        text.extend_from_slice(data);
        Ok(())
    });
    container.run(&["ls", "-1Ap", "--", shown], None, stdout, nowhere).await?;
    let text = String::from_utf8_lossy(&text);
    let names = text.lines().filter(|name| !name.chars().any(char::is_control));
    Ok(names.map(|name| format!("{folder}{slash}{name}")).filter(|path| path.starts_with(&typed.path)).collect())
}

/// Copies a file or folder into a container.
///
/// # Errors
/// No such file here; what the server refuses; the exit code of the container's `tar`.
pub async fn to_container(ctx: &Context, source: &FileSpec, target: &FileSpec, wish: &Wish) -> anyhow::Result<()> {
    if std::fs::metadata(&source.path).is_err() {
        bail!("{source} doesn't exist in local filesystem");
    }
    let container = Container::find(ctx, target, wish, |pod| pods::say_defaulted(ctx, pod)).await?;
    let target = if container.is_folder(&target.path).await? {
        path::join(&target.path, &path::split(&source.path).1)
    } else {
        target.path.clone()
    };
    let (folder, name) = path::split(&target);
    let mut command = vec!["tar"];
    if wish.no_preserve {
        command.extend(["--no-same-permissions", "--no-same-owner"]);
    }
    command.extend(["-xmf", "-", "-C", &folder]);
    let (pieces, stdin) = mpsc::channel(WAITING);
    let source = source.path.clone();
    let (done, mut packed) = tokio::sync::oneshot::channel();
    let progress = Progress::new(ctx);
    let count = progress.count();
    // A thread of its own: reading files waits, and what it reads flows on meanwhile.
    std::thread::spawn(move || done.send(pack::pack(Path::new(&source), &name, pieces, &count)));
    let stdout: Sink<'_> = Box::new(|data| ctx.streams.out().write_all(data));
    let stderr: Sink<'_> = Box::new(|data| ctx.streams.err().write_all(data));
    let result = progress.beside(container.run(&command, Some(stdin), stdout, stderr)).await;
    // What could not be read here is why the container got less.
    if let Ok(Err(error)) = packed.try_recv() {
        return Err(error);
    }
    result.map_err(|error| ended(ctx, error))
}

/// Copies a file or folder out of a container.
///
/// # Errors
/// What the server refuses; an archive that is not what was asked for; files that cannot be written here;
/// the exit code of the container's `tar`.
pub async fn from_container(ctx: &Context, source: &FileSpec, target: &FileSpec, wish: &Wish) -> anyhow::Result<()> {
    // What the container says on the side goes to standard output, as with kubectl.
    let say = |text: String| writeln!(ctx.streams.out(), "{text}");
    let container = Container::find(ctx, source, wish, |pod| {
        let first = pod.list_at(&["spec", "containers"]).first().map(|own| own.str_at(&["name"])).unwrap_or_default();
        let names = pods::container_names(pod);
        if names != first {
            let _ = say(format!("Defaulted container {first:?} out of: {names}"));
        }
    })
    .await?;
    let plan = Plan {
        prefix: path::prefix(&source.path),
        destination: target.path.clone(),
        advice: format!(
            "{} exec -n {:?} {:?} -- tar cf - {:?} | tar xf -",
            ctx.program, source.namespace, source.pod, source.path
        ),
    };
    let (feed, messages) = sync_channel(WAITING);
    let (warn, warnings) = channel::<String>();
    let (done, unpacked) = tokio::sync::oneshot::channel();
    // A thread of its own: writing files waits, and the connection must not.
    std::thread::spawn(move || {
        let result = unpack::unpack(&plan, messages, &|text| {
            let _ = warn.send(text);
        });
        done.send(result)
    });
    let tell = || warnings.try_iter().for_each(|text| ctx.streams.say(text));
    let progress = Progress::new(ctx);
    let count = progress.count();
    // What is under way is taken back, then.
    let result = tokio::select! {
        result = progress.beside(fetch(&container, &source.path, wish.retries, &feed, &count, &tell, &say)) => result,
        _ = signals::asked_to_end() => Err(Interrupted.into()),
    };
    drop(feed);
    let unpacked = unpacked.await.unwrap_or_else(|_| Err(anyhow::anyhow!("writing the files ended early")));
    tell();
    match result {
        // The container's own failure says more than the archive that is short because of it.
        Err(error) if error.is::<Failed>() => Err(ended(ctx, error)),
        Err(error) if error.is::<Interrupted>() => Err(error),
        result => unpacked.and(result),
    }
}

/// Has an archive sent, from where it broke off if it did.
async fn fetch(
    container: &Container<'_>,
    path: &str,
    retries: i64,
    feed: &SyncSender<Message>,
    count: &Count,
    tell: &dyn Fn(),
    say: &dyn Fn(String) -> io::Result<()>,
) -> anyhow::Result<()> {
    // A name that begins with a dash is no option.
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    let mut received: u64 = 0;
    let mut tried: i64 = 0;
    loop {
        let from = received.saturating_add(1).to_string();
        // From the start there is nothing to leave out, and it is tar's own end that is told.
        let command: Vec<&str> = if received == 0 {
            vec!["tar", "cf", "-", &path]
        } else {
            // The shell gets the path as an argument, not as a part of what it reads.
            vec!["sh", "-c", "tar cf - \"$1\" | tail -c +\"$2\"", "sh", &path, &from]
        };
        let stdout: Sink<'_> = Box::new(|data| {
            tell();
            received += data.len() as u64;
            count.add(data.len());
            let sent = feed.send(Message::Data(Bytes::copy_from_slice(data)));
            sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
        });
        let ctx = container.ctx;
        let stderr: Sink<'_> = Box::new(|data| ctx.streams.out().write_all(data));
        let result = container.run(&command, None, stdout, stderr).await;
        let (answer, complete) = sync_channel(1);
        // Nobody there to ask: writing has failed, and says why itself.
        if feed.send(Message::Ask(answer)).is_err() || complete.recv().unwrap_or(true) {
            return result;
        }
        let failed = result.as_ref().err().is_some_and(|error| error.downcast_ref::<Failed>().is_some());
        if retries == 0 || failed {
            return result;
        }
        if retries > 0 && tried >= retries {
            say(format!("Dropping out copy after {tried} retries"))?;
            return result.and(Err(anyhow::anyhow!("unexpected EOF")));
        }
        tried += 1;
        say(format!("Resuming copy at {received} bytes, retry {tried}/{retries}"))?;
    }
}
