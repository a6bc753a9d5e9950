//! Connecting to the container that was made.

use super::DebugArgs;
use crate::client::request::Endpoint;
use crate::error::Exit;
use crate::object::{Meta, Object};
use crate::ops::attach::{Wish, print_log, to_container, wait_for};
use crate::ops::context::Context;
use crate::ops::pods;

/// Waits until the container runs and connects to it; of one that has ended, or that cannot be connected
/// to, the log has to do.
pub(super) async fn follow(ctx: &Context, args: &DebugArgs, pod: &Object, container: &str) -> anyhow::Result<()> {
    let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name());
    let pod = wait_for(ctx, &endpoint, None, |pod| {
        let Some(state) = state_of(pod, container) else { return Ok(false) };
        let message = state.str_at(&["waiting", "message"]);
        if !args.quiet && !message.is_empty() {
            ctx.streams.warn(format!("container {container}: {message}"));
        }
        Ok(state.get("running").is_some() || state.get("terminated").is_some())
    });
    let pod = pod.await?;
    if state_of(&pod, container).is_some_and(|state| state.get("terminated").is_some()) {
        return print_log(ctx, &pod, container).await;
    }
    let attached = async {
        let phase = pod.str_at(&["status", "phase"]);
        if matches!(phase, "Succeeded" | "Failed") {
            anyhow::bail!("cannot attach a container in a completed pod; current phase is {phase}");
        }
        let found = pods::named_container(&pod, container)
            .map_err(|error| anyhow::anyhow!("cannot attach to the container: {error}"))?;
        let wish = Wish { stdin: args.stdin, tty: args.tty, quiet: args.quiet, detach_keys: &args.detach_keys };
        to_container(ctx, &pod, found, &wish).await
    };
    match attached.await {
        Err(error) if !error.is::<Exit>() => {
            let name = pod.name();
            ctx.streams
                .say(format!("warning: couldn't attach to pod/{name}, falling back to streaming logs: {error:#}"));
            print_log(ctx, &pod, container).await
        }
        // How the process ended says nothing about the session.
        _ => Ok(()),
    }
}

/// The state of a container, where the kubelet has told it.
fn state_of<'a>(pod: &'a Object, container: &str) -> Option<&'a Object> {
    ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"]
        .into_iter()
        .flat_map(|list| pod.list_at(&["status", list]))
        .find(|status| status.str_at(&["name"]) == container)?
        .get("state")
}
