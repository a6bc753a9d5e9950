//! The way to the pod that is meant, and to the one after it.

use std::time::Duration;

use anyhow::{anyhow, bail};

use super::ports::{self, Pair};
use crate::client::request::{Call, Endpoint};
use crate::client::streams::forward::Tunnel;
use crate::client::watch::until;
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::pods;

/// How long before the next pod is looked for again.
const PAUSE: Duration = Duration::from_millis(500);

/// What was named, and which of its ports.
pub struct Route<'a> {
    /// Where to look.
    pub ctx: &'a Context,
    /// A pod, or what has pods.
    pub object: Object,
    /// The ports, as they were typed.
    pub ports: Vec<String>,
    /// How long the first pod of a workload is waited for.
    pub limit: Duration,
}

/// An open way to a pod.
pub struct Way {
    /// The pod, by itself: another one of its name is another pod.
    endpoint: Endpoint,
    uid: String,
    /// The way.
    pub tunnel: Tunnel,
    /// The ports: as many, and in the order in which they were typed.
    pub pairs: Vec<Pair>,
}

impl Route<'_> {
    /// Opens the way to a pod.
    ///
    /// # Errors
    /// No pod in time, one that does not run, ports that it does not have, and what the server refuses.
    pub async fn open(&self) -> anyhow::Result<Way> {
        let pod = pods::attachable(self.ctx.client().await?, &self.object, self.limit).await?;
        self.open_to(&pod).await
    }

    async fn open_to(&self, pod: &Object) -> anyhow::Result<Way> {
        let service = (self.object.kind() == "Service").then_some(&self.object);
        let pairs = ports::resolve(&self.ports, service, pod)?;
        let phase = pod.str_at(&["status", "phase"]);
        if phase != "Running" {
            bail!("unable to forward port because pod is not running. Current status={phase}");
        }
        let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name());
        let call = Call::get(&endpoint.clone().subresource("portforward"));
        let tunnel = Tunnel::open(self.ctx.client().await?, call).await;
        let tunnel = tunnel.map_err(|error| anyhow!("error upgrading connection: {error}"))?;
        Ok(Way { endpoint, uid: pod.uid().to_owned(), tunnel, pairs })
    }

    /// Opens the way to the pod that takes the place of the one that is gone, however long that takes.
    pub async fn reopen(&self) -> Way {
        loop {
            if let Ok(Some(way)) = self.next().await {
                return way;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The way to a pod that runs and stays; none where there is none yet.
    async fn next(&self) -> anyhow::Result<Option<Way>> {
        let client = self.ctx.client().await?;
        let pod = if self.object.kind() == "Pod" {
            let endpoint = Endpoint::object(&pods::resource(), self.object.namespace(), self.object.name());
            client.json(Call::get(&endpoint)).await?
        } else {
            pods::attachable(client, &self.object, self.limit).await?
        };
        if !runs(&pod) {
            return Ok(None);
        }
        self.open_to(&pod).await.map(Some)
    }
}

impl Way {
    /// The pod's name.
    pub fn pod(&self) -> &str {
        &self.endpoint.name
    }

    /// Whether the pod is there no more, as far as the server says.
    pub async fn is_gone(&self, ctx: &Context) -> bool {
        let Ok(client) = ctx.client().await else { return false };
        match client.json(Call::get(&self.endpoint)).await {
            Ok(pod) => pod.uid() != self.uid || !matches!(pod.str_at(&["status", "phase"]), "Running"),
            Err(error) => error.downcast_ref().is_some_and(crate::object::Status::is_not_found),
        }
    }

    /// Waits until the pod is leaving or gone. Whoever may not watch pods learns it when the connection ends.
    pub async fn left(endpoint: Endpoint, uid: String, ctx: &Context) {
        let Ok(client) = ctx.client().await else { return std::future::pending().await };
        let leaves = until(client, &endpoint, None, |pod| {
            let stays = pod.is_some_and(|pod| pod.uid() == uid && runs(pod));
            Ok((!stays).then_some(()))
        });
        if leaves.await.is_err() {
            std::future::pending().await
        }
    }

    /// What [`Way::left`] is asked with.
    pub fn identity(&self) -> (Endpoint, String) {
        (self.endpoint.clone(), self.uid.clone())
    }
}

fn runs(pod: &Object) -> bool {
    pod.str_at(&["status", "phase"]) == "Running" && pod.deletion_timestamp().is_none()
}
