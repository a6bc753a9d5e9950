//! A session with a process in a container, as `exec` and `attach` have it: standard streams, a
//! terminal where there is one, and the process's exit code as one's own.

use std::io::Write as _;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::context::Context;
use crate::client::request::Call;
use crate::client::streams::{self, Failed, Flow};
use crate::error::Exit;
use crate::terminal::detach::DetachKeys;
use crate::terminal::signals;
use crate::terminal::size::{Size, size, sizes};

/// What a session is to be like.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Whether standard input goes to the process.
    pub stdin: bool,
    /// Whether the process has a terminal, and this one is its.
    pub raw: bool,
    /// Keys that leave the session, where the terminal is the process's.
    pub detach: Option<DetachKeys>,
    /// Whether the terminal changes its size for a moment, so that programs draw it anew.
    pub redraw: bool,
}

/// Whether the process can have this terminal: `-i` and `-t` are given, and there is one. Says so where
/// there is none.
pub fn is_raw(ctx: &Context, stdin: bool, tty: bool, quiet: bool) -> bool {
    if !stdin || !tty {
        return false;
    }
    if !ctx.streams.in_is_terminal && !quiet {
        ctx.streams.say("Unable to use a TTY - input is not a terminal or the right kind of file");
    }
    ctx.streams.in_is_terminal
}

/// Reads the keys that leave a session which has the terminal; none where none are named.
///
/// # Errors
/// Something that is no sequence of keys.
pub fn detach_keys(text: &str, raw: bool) -> anyhow::Result<Option<DetachKeys>> {
    let keys = (raw && !text.is_empty()).then(|| DetachKeys::parse(text)).transpose();
    keys.map_err(|error| anyhow!("could not bind detach keys: {error}"))
}

/// Adds to a request which streams are meant.
pub fn with_streams(call: Call, session: &Session, stderr: bool) -> Call {
    let flags = [("stdin", session.stdin), ("stdout", true), ("stderr", stderr), ("tty", session.raw)];
    flags.into_iter().filter(|(_, on)| *on).fold(call, |call, (name, _)| call.query(name, "true"))
}

/// Runs a session until the process ends or the session is left.
///
/// # Errors
/// [`Exit`] with the process's code where that is not 0 (what there is to say is said); what keeps it
/// from running.
pub async fn run(ctx: &Context, call: Call, session: Session) -> anyhow::Result<()> {
    let client = ctx.client().await?;
    let as_it_is = ctx.streams.raw();
    let result = if session.raw {
        raw(ctx, call, session).await
    } else {
        let stdin = session.stdin.then(|| ctx.streams.input_pieces());
        let open = streams::open(client, call).await?;
        open.run(flow(ctx, stdin, None)).await
    };
    drop(as_it_is);
    match result {
        Err(error) => match error.downcast_ref::<Failed>() {
            Some(failed) => {
                ctx.streams.say(failed.to_string());
                Err(Exit(failed.0).into())
            }
            None => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

/// A session that has the terminal.
#[cfg(unix)]
async fn raw(ctx: &Context, call: Call, session: Session) -> anyhow::Result<()> {
    let first = size();
    let larger = first.map(|size| Size { width: size.width.saturating_add(1), height: size.height.saturating_add(1) });
    let first = larger.filter(|_| session.redraw).into_iter().chain(first).collect();
    let sizes = pairs(sizes(first));
    let guard = crate::terminal::raw_mode::RawMode::enter().context("taking over the terminal")?;
    let open = streams::open(ctx.client().await?, call).await?;
    let (left, leaving) = tokio::sync::oneshot::channel();
    let stdin = watched(ctx.streams.input_pieces(), session.detach, left);
    let result = tokio::select! {
        result = open.run(flow(ctx, Some(stdin), Some(sizes))) => result,
        Ok(()) = leaving => Ok(()),
        _ = signals::asked_to_end() => Err(Exit(1).into()),
    };
    drop(guard);
    result
}

/// A session that has the terminal.
#[cfg(not(unix))]
async fn raw(_: &Context, _: Call, _: Session) -> anyhow::Result<()> {
    anyhow::bail!("a terminal cannot be handed over on this system yet; leave -t out")
}

fn flow<'a>(
    ctx: &'a Context,
    stdin: Option<mpsc::Receiver<Bytes>>,
    sizes: Option<mpsc::Receiver<streams::Size>>,
) -> Flow<'a> {
    Flow {
        stdin,
        stdout: Box::new(|data| {
            let mut out = ctx.streams.out();
            out.write_all(data).and_then(|()| out.flush())
        }),
        stderr: Box::new(|data| {
            let mut err = ctx.streams.err();
            err.write_all(data).and_then(|()| err.flush())
        }),
        sizes,
    }
}

#[cfg(unix)]
fn pairs(mut sizes: mpsc::Receiver<Size>) -> mpsc::Receiver<streams::Size> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(size) = sizes.recv().await {
            if sender.send((size.width, size.height)).await.is_err() {
                return;
            }
        }
    });
    receiver
}

/// Input on its way, watched for the keys that leave the session.
#[cfg(unix)]
fn watched(
    mut input: mpsc::Receiver<Bytes>,
    detach: Option<DetachKeys>,
    left: tokio::sync::oneshot::Sender<()>,
) -> mpsc::Receiver<Bytes> {
    let Some(mut keys) = detach else { return input };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(piece) = input.recv().await {
            let filtered = keys.filter(&piece);
            if !filtered.input.is_empty() && sender.send(filtered.input.into()).await.is_err() {
                return;
            }
            if filtered.detached {
                let _ = left.send(());
                return;
            }
        }
        let held = keys.rest();
        if !held.is_empty() {
            let _ = sender.send(Bytes::copy_from_slice(held)).await;
        }
    });
    receiver
}
