//! What `run` does after the pod is created, where you want to talk to it.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use anyhow::bail;

use super::RunArgs;
use crate::client::request::{Call, DeleteParams, Endpoint};
use crate::error::Exit;
use crate::object::{Meta, Object, Status};
use crate::ops::attach::{Wish, print_log, to_container, wait_for};
use crate::ops::context::Context;
use crate::ops::pods;

/// So long what was written before is waited for.
const LOG_LIMIT: Duration = Duration::from_secs(5);

/// Waits until the pod runs, connects to it, and ends as the pod's process ends.
pub(super) async fn follow(ctx: &Context, args: &RunArgs, restart: &str, pod: &Object) -> anyhow::Result<()> {
    let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name());
    let limit = Duration::try_from(args.pod_running_timeout).ok();
    let running = wait_for(ctx, &endpoint, limit, |pod| Ok(is_completed(pod) || is_ready(pod))).await?;
    if is_completed(&running) {
        print_log(ctx, &running, first_container(&running)).await?;
    } else {
        connect(ctx, args, &running).await?;
    }
    if args.leave_stdin_open || restart == "Always" {
        return Ok(());
    }
    let only_success = restart == "OnFailure";
    let ended = wait_for(ctx, &endpoint, limit, |pod| {
        let phase = pod.str_at(&["status", "phase"]);
        Ok(phase == "Succeeded" || (phase == "Failed" && !only_success))
    });
    exit_of(&ended.await?)
}

/// How a pod's process ended, where that was not well.
#[derive(Debug)]
struct Ended {
    code: u8,
    text: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Ended {}

/// Says how the pod's process ended, where that is the error: the last thing that is said.
pub(super) fn said(ctx: &Context, error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Ended>() {
        Some(Ended { code, text }) => {
            // Whoever cannot be told the rest is told this.
            let _ = ctx.streams.out().flush();
            ctx.streams.say(text);
            Exit(*code).into()
        }
        None => error,
    }
}

/// Shows what the container wrote so far and connects to it; where that fails its log has to do.
async fn connect(ctx: &Context, args: &RunArgs, pod: &Object) -> anyhow::Result<()> {
    let written = tokio::time::timeout(LOG_LIMIT, print_log(ctx, pod, first_container(pod))).await;
    if let Ok(Err(error)) = written {
        ctx.streams.say(format!("warning: couldn't fetch pre-attach logs: {error:#}"));
    }
    ctx.streams.out().flush()?;
    let wish = Wish { stdin: args.stdin, tty: args.tty, quiet: args.quiet, detach_keys: &args.detach_keys };
    let attached = async {
        let container = pods::container_or_default(ctx, pod, "", args.quiet)?;
        to_container(ctx, pod, container, &wish).await
    };
    match attached.await {
        Err(error) if !error.is::<Exit>() => {
            let name = pod.name();
            ctx.streams
                .say(format!("warning: couldn't attach to pod/{name}, falling back to streaming logs: {error:#}"));
            print_log(ctx, pod, first_container(pod)).await
        }
        // How the process ended is read from the pod.
        _ => Ok(()),
    }
}

fn first_container(pod: &Object) -> &str {
    pod.list_at(&["spec", "containers"]).first().map(|first| first.str_at(&["name"])).unwrap_or_default()
}

/// The code with which a pod's only container ended.
fn exit_of(pod: &Object) -> anyhow::Result<()> {
    let (namespace, name) = (pod.namespace(), pod.name());
    match pod.str_at(&["status", "phase"]) {
        "Succeeded" => Ok(()),
        "Failed" => {
            let terminated = pod
                .list_at(&["status", "containerStatuses"])
                .first()
                .and_then(|status| status.at(&["state", "terminated"]));
            let code = terminated.and_then(|ended| ended.int_at(&["exitCode"])).unwrap_or(0);
            match u8::try_from(code) {
                Ok(0) | Err(_) => bail!("pod {namespace}/{name} failed with unknown exit code"),
                Ok(code) => {
                    let part = |field| terminated.map(|ended| ended.str_at(&[field])).unwrap_or_default();
                    let (reason, message) = (part("reason"), part("message"));
                    let text = format!("pod {namespace}/{name} terminated ({reason})\n{message}");
                    Err(Ended { code, text: text.trim_end_matches('\n').to_owned() }.into())
                }
            }
        }
        phase => bail!("pod {namespace}/{name} left in phase {phase}"),
    }
}

/// Deletes what was created (`--rm`).
pub(super) async fn remove(ctx: &Context, args: &RunArgs, created: &[Object]) -> anyhow::Result<()> {
    let client = ctx.client().await?;
    let propagation = match args.cascade.as_str() {
        "orphan" | "false" => "Orphan",
        "foreground" => "Foreground",
        _ => "Background",
    };
    for object in created {
        let mapping = client.mapping(&object.gvk()).await?;
        let endpoint = Endpoint::object(&mapping.resource, object.namespace(), object.name());
        let params = DeleteParams { propagation: propagation.to_owned(), ..DeleteParams::default() };
        match client.bytes(Call::delete(&endpoint, &params)).await {
            Ok(_) if args.quiet => {}
            Ok(_) => {
                let resource = mapping.kind.group_kind().to_string().to_lowercase();
                let from = match object.namespace() {
                    "" => String::new(),
                    namespace => format!(" from {namespace} namespace"),
                };
                writeln!(ctx.streams.out(), "{resource} {:?} deleted{from}", object.name())?;
            }
            Err(error) if error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_completed(pod: &Object) -> bool {
    matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed")
}

fn is_ready(pod: &Object) -> bool {
    pod.str_at(&["status", "phase"]) == "Running"
        && pod
            .list_at(&["status", "conditions"])
            .iter()
            .any(|condition| condition.str_at(&["type"]) == "Ready" && condition.str_at(&["status"]) == "True")
}
