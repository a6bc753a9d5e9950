//! Connecting to the process of a container that runs already: `attach`, and commands that attach to a
//! pod that they made.

use std::io::Write as _;
use std::time::Duration;

use anyhow::anyhow;
use http_body_util::BodyExt;

use super::context::Context;
use super::pods;
use super::remote::{self, Session};
use crate::client::from_box;
use crate::client::request::{Call, Endpoint};
use crate::client::watch::{TimedOut, until};
use crate::object::{Meta, Object, Status};

/// The keys that leave a session, unless others are named.
pub const DETACH_KEYS: &str = "ctrl-p,ctrl-q";

/// How to attach.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Whether standard input goes to the process.
    pub stdin: bool,
    /// Whether it is to have this terminal.
    pub tty: bool,
    /// Whether nothing is said beside its output.
    pub quiet: bool,
    /// The keys that leave it; empty for the usual ones.
    pub detach_keys: &'a str,
}

/// Connects to the process of a container.
///
/// # Errors
/// What the server refuses, and the process's own exit code.
pub async fn to_container(ctx: &Context, pod: &Object, container: &Object, wish: &Wish<'_>) -> anyhow::Result<()> {
    let name = container.str_at(&["name"]);
    let has_terminal = container.bool_at(&["tty"]);
    if wish.tty && !has_terminal && !wish.quiet {
        ctx.streams.say(format!("error: Unable to use a TTY - container {name} did not allocate one"));
    }
    let raw = remote::is_raw(ctx, wish.stdin, has_terminal, wish.quiet);
    if !wish.quiet {
        ctx.streams.say("All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.");
        ctx.streams.say("If you don't see a command prompt, try pressing enter.");
    }
    let keys = if wish.detach_keys.is_empty() { DETACH_KEYS } else { wish.detach_keys };
    let detach = remote::detach_keys(keys, raw)?;
    let session = Session { stdin: wish.stdin, raw, detach, redraw: true };
    let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name()).subresource("attach");
    let call = Call::get(&endpoint).query("container", name);
    remote::run(ctx, remote::with_streams(call, &session, !raw), session).await?;
    if raw && !wish.quiet {
        let program = ctx.program;
        let again = format!("{program} attach {} -c {name} -n {} -i -t", pod.name(), pod.namespace());
        let line = if pods::is_ephemeral(pod, name) {
            format!(
                "Session ended, the ephemeral container will not be restarted but may be reattached using '{again}' if it is still running"
            )
        } else {
            format!("Session ended, resume using '{again}' command")
        };
        let mut out = ctx.streams.out();
        // What is said of the process's end comes after it.
        writeln!(out, "{line}").and_then(|()| out.flush())?;
    }
    Ok(())
}

/// Prints the log of a container as far as there is one.
///
/// # Errors
/// What the server refuses, and what keeps it from being printed.
pub async fn print_log(ctx: &Context, pod: &Object, container: &str) -> anyhow::Result<()> {
    let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name()).subresource("log");
    let call = Call::get(&endpoint).text("container", container);
    let mut body = ctx.client().await?.send(call).await?.into_body();
    let _as_it_is = ctx.streams.raw();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(from_box)?.into_data() {
            ctx.streams.out().write_all(&data)?;
        }
    }
    Ok(())
}

/// Follows a pod until it is as wanted.
///
/// # Errors
/// It is gone, the time is over, and what `wanted` fails with.
pub async fn wait_for(
    ctx: &Context,
    endpoint: &Endpoint,
    limit: Option<Duration>,
    mut wanted: impl FnMut(&Object) -> anyhow::Result<bool>,
) -> anyhow::Result<Object> {
    let mut seen = false;
    let found = until(ctx.client().await?, endpoint, limit, |pod| {
        let Some(pod) = pod else {
            if seen {
                return Err(Status::not_found("pods", "").into());
            }
            return Ok(None);
        };
        seen = true;
        Ok(wanted(pod)?.then(|| pod.clone()))
    });
    found.await.map_err(|error| match error.is::<TimedOut>() {
        true => anyhow!("timed out waiting for the condition"),
        false => error,
    })
}
