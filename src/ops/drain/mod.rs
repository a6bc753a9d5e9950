//! Emptying a node: which pods have to go, what stands against it, and seeing them off.

mod choice;
mod departures;

use std::io::Write;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;

use self::departures::Departures;
pub use choice::Pods;

use super::change::DryRun;
use super::context::Context;
use crate::client::Client;
use crate::client::request::{Call, DeleteParams, Endpoint, WriteParams};
use crate::error::Many;
use crate::go::duration;
use crate::object::{GroupVersionResource, Meta, Object, Status};

/// How long to wait before an eviction is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// How often to look whether a pod has been ending for too long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How a node is emptied.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    /// Pods without a controller go too.
    pub force: bool,
    /// Pods of daemon sets stay.
    pub ignore_daemon_sets: bool,
    /// Pods with local data go too.
    pub delete_empty_dir_data: bool,
    /// Seconds that pods get to end; their own choice where none are given.
    pub grace_period: Option<i64>,
    /// How long all of it may take; none for as long as it does.
    pub timeout: Option<SignedDuration>,
    /// Label selector of the pods; empty for all.
    pub pod_selector: String,
    /// Delete pods rather than evict them.
    pub disable_eviction: bool,
    /// Pods that have been ending for more than so many seconds are not waited for; 0 waits for all.
    pub skip_wait_seconds: i64,
    /// Items a page of lists.
    pub page: u64,
    /// Whether anything is really done.
    pub dry_run: DryRun,
}

fn pods() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
}

impl Drain {
    /// Evicts (or deletes) pods and waits until they are gone.
    ///
    /// # Errors
    /// What the server refuses, and what is not gone in time.
    pub async fn send_off(&self, ctx: &Context, node: &str, found: &Pods) -> anyhow::Result<()> {
        if found.going.is_empty() {
            return Ok(());
        }
        let client = ctx.client().await?;
        let limit = self.timeout.and_then(|timeout| Duration::try_from(timeout).ok());
        let ends = limit.map(|limit| tokio::time::Instant::now() + limit);
        let departures = Departures::new(&found.going);
        let work = async {
            if self.disable_eviction {
                self.delete_all(ctx, client, found, &departures, ends).await
            } else {
                let each = found.going.iter().map(|pod| self.evict(ctx, client, pod, &departures, ends));
                let errors: Vec<anyhow::Error> = join_all(each).await.into_iter().filter_map(Result::err).collect();
                if errors.is_empty() { Ok(()) } else { Err(Many(errors).into()) }
            }
        };
        if self.dry_run == DryRun::Server {
            return work.await;
        }
        tokio::select! {
            done = work => done,
            failed = departures.follow(client, self, node, &found.version) => failed,
        }
    }

    fn delete_options(&self) -> DeleteParams {
        DeleteParams {
            grace_period_seconds: self.grace_period,
            dry_run: self.dry_run == DryRun::Server,
            ..DeleteParams::default()
        }
    }

    async fn evict(
        &self,
        ctx: &Context,
        client: &Client,
        pod: &Object,
        departures: &Departures,
        ends: Option<tokio::time::Instant>,
    ) -> anyhow::Result<()> {
        let (namespace, name) = (pod.namespace(), pod.name());
        let endpoint = Endpoint::object(&pods(), namespace, name);
        let mut options = self.delete_options().to_object();
        // They are part of an eviction and have no type of their own there.
        options.remove_at(&["kind"]);
        options.remove_at(&["apiVersion"]);
        let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace}, "deleteOptions": options});
        let call = Call::create(&endpoint.clone().subresource("eviction"), &eviction, &WriteParams::default());
        let suffix = if self.dry_run == DryRun::Server { " (server dry run)" } else { "" };
        loop {
            say(ctx, &format!("evicting pod {namespace}/{name}{suffix}\n"))?;
            if ends.is_some_and(|ends| tokio::time::Instant::now() >= ends) {
                let timeout = duration::text(self.timeout.unwrap_or_default());
                anyhow::bail!("error when evicting pods/{name:?} -n {namespace:?}: global timeout reached: {timeout}");
            }
            let error = match client.bytes(call.clone()).await {
                Ok(_) => break,
                Err(error) => error,
            };
            let status = error.downcast_ref::<Status>();
            let ending = status.is_some_and(is_namespace_terminating);
            match status.map(|status| status.reason.as_str()) {
                Some("NotFound") => return Ok(()),
                Some("TooManyRequests") => ctx.streams.say(format!(
                    "error when evicting pods/{name:?} -n {namespace:?} (will retry after 5s): {error:#}"
                )),
                Some("Forbidden") if ending && departures.deletion(pod.uid()).is_some() => break,
                Some("Forbidden") if ending => ctx.streams.say(format!(
                    "error when evicting pod {name:?} from terminating namespace {namespace:?} (will retry after 5s): {error:#}"
                )),
                _ => anyhow::bail!("error when evicting pods/{name:?} -n {namespace:?}: {error:#}"),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
        if self.dry_run == DryRun::Server {
            return Ok(());
        }
        match self.until_gone(ctx, pod, departures, ends).await {
            Ok(true) => say(ctx, &format!("pod/{name} evicted\n")),
            Ok(false) => Ok(()),
            Err(error) => {
                anyhow::bail!("error when waiting for pod {name:?} in namespace {namespace:?} to terminate: {error:#}")
            }
        }
    }

    async fn delete_all(
        &self,
        ctx: &Context,
        client: &Client,
        found: &Pods,
        departures: &Departures,
        ends: Option<tokio::time::Instant>,
    ) -> anyhow::Result<()> {
        for pod in &found.going {
            let endpoint = Endpoint::object(&pods(), pod.namespace(), pod.name());
            match client.bytes(Call::delete(&endpoint, &self.delete_options())).await {
                Err(error) if !error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => return Err(error),
                _ => {}
            }
        }
        if self.dry_run == DryRun::Server {
            return Ok(());
        }
        for pod in &found.going {
            if self.until_gone(ctx, pod, departures, ends).await? {
                say(ctx, &format!("pod/{} deleted\n", pod.name()))?;
            }
        }
        Ok(())
    }

    /// Waits for a pod to be gone; false where it has been ending for too long to wait for it.
    async fn until_gone(
        &self,
        ctx: &Context,
        pod: &Object,
        departures: &Departures,
        ends: Option<tokio::time::Instant>,
    ) -> anyhow::Result<bool> {
        loop {
            let changed = departures.changed.notified();
            if departures.is_gone(pod.uid()) {
                return Ok(true);
            }
            if self.is_skipped(departures.deletion(pod.uid()), ctx.clock.now()) {
                let (name, seconds) = (pod.name(), self.skip_wait_seconds);
                say(ctx, &format!("pod {name:?} has DeletionTimestamp older than {seconds} seconds, skipping\n"))?;
                return Ok(false);
            }
            let mut next = tokio::time::Instant::now() + LOOK_AGAIN;
            if let Some(ends) = ends {
                if tokio::time::Instant::now() >= ends {
                    anyhow::bail!("context deadline exceeded");
                }
                next = next.min(ends);
            }
            // Whoever waits for a change looks again after a while: ages change by themselves.
            let _ = tokio::time::timeout_at(next, changed).await;
        }
    }
}

fn say(ctx: &Context, text: &str) -> anyhow::Result<()> {
    let mut out = ctx.streams.out();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn is_namespace_terminating(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}
