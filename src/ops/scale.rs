//! Scaling: the `scale` subresource, conditions on the present size, and waiting for the new one.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use crate::client::Client;
use crate::client::request::{Call, Endpoint, PatchType, WatchParams, WriteParams};
use crate::client::watch::Watcher;
use crate::object::{Meta, Object, Status};

/// How long to wait after a conflict.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often to try after conflicts.
const TRIES: u32 = 300;

/// What must hold before the size is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// The present number of replicas.
    pub replicas: Option<i64>,
    /// The resource version; empty for any.
    pub resource_version: String,
}

impl Precondition {
    fn is_empty(&self) -> bool {
        self.replicas.is_none() && self.resource_version.is_empty()
    }

    fn check(&self, scale: &Object) -> Result<(), Unmet> {
        let unmet = |what, wanted: String, found: String| Err(Unmet { what, wanted, found });
        let replicas = scale.int_at(&["spec", "replicas"]).unwrap_or(0);
        if let Some(wanted) = self.replicas.filter(|wanted| *wanted != replicas) {
            return unmet("replicas", wanted.to_string(), replicas.to_string());
        }
        let version = scale.resource_version();
        if !self.resource_version.is_empty() && self.resource_version != version {
            return unmet("resource version", self.resource_version.clone(), version.to_owned());
        }
        Ok(())
    }
}

/// A condition that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Unmet {
    what: &'static str,
    wanted: String,
    found: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expected {} to be {}, was {}", self.what, self.wanted, self.found)
    }
}

impl std::error::Error for Unmet {}

/// Sets the number of replicas of an object and returns the number that the server took. Tries again
/// after conflicts.
///
/// # Errors
/// [`Unmet`], and what the server refuses.
pub async fn scale(
    client: &Client,
    object: &Endpoint,
    replicas: i64,
    precondition: &Precondition,
    dry_run: bool,
) -> anyhow::Result<i64> {
    let endpoint = object.clone().subresource("scale");
    let write = WriteParams { dry_run, ..WriteParams::default() };
    let mut tries = 0;
    loop {
        match once(client, &endpoint, replicas, precondition, &write).await {
            Ok(scale) => return Ok(scale.int_at(&["spec", "replicas"]).unwrap_or(0)),
            Err(error) if error.downcast_ref::<Status>().is_some_and(Status::is_conflict) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(RETRY_AFTER).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn once(
    client: &Client,
    endpoint: &Endpoint,
    replicas: i64,
    precondition: &Precondition,
    write: &WriteParams,
) -> anyhow::Result<Object> {
    if precondition.is_empty() {
        let patch = json!({"spec": {"replicas": replicas}}).to_string();
        return client.json(Call::patch(endpoint, PatchType::Merge, patch, write)).await;
    }
    let mut scale = client.json(Call::get(endpoint)).await?;
    precondition.check(&scale)?;
    scale.set_at(&["spec", "replicas"], replicas);
    client.json(Call::update(endpoint, &scale, write)).await
}

/// Waits until an object has as many replicas as it was told to have, or is told something else.
///
/// # Errors
/// After `limit`: `timed out waiting for "web" to be synced`.
pub async fn wait(client: &Client, object: &Endpoint, replicas: i64, limit: Duration) -> anyhow::Result<()> {
    match tokio::time::timeout(limit, follow(client, object, replicas)).await {
        Ok(result) => result,
        Err(_) => anyhow::bail!("timed out waiting for {:?} to be synced", object.name),
    }
}

async fn follow(client: &Client, object: &Endpoint, replicas: i64) -> anyhow::Result<()> {
    let collection = Endpoint { name: String::new(), ..object.clone() };
    let params =
        WatchParams { fields: format!("metadata.name={}", object.name), bookmarks: true, ..WatchParams::default() };
    let mut watcher = Watcher::new(client, collection, params);
    watcher.connect().await?;
    // The scale alone says what counts as a replica of a custom resource; a change of the object says
    // when to look.
    let endpoint = object.clone().subresource("scale");
    loop {
        let scale = client.json(Call::get(&endpoint)).await?;
        let wanted = scale.int_at(&["spec", "replicas"]).unwrap_or(0);
        if wanted != replicas || scale.int_at(&["status", "replicas"]).unwrap_or(0) == replicas {
            return Ok(());
        }
        watcher.next().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_checked_in_kubectls_words() {
        let scale = json!({"metadata": {"resourceVersion": "7"}, "spec": {"replicas": 2}});
        for (replicas, version, want) in [
            (None, "", ""),
            (Some(2), "7", ""),
            (Some(3), "8", "Expected replicas to be 3, was 2"),
            (None, "8", "Expected resource version to be 8, was 7"),
        ] {
            let precondition = Precondition { replicas, resource_version: version.into() };
            let said = precondition.check(&scale).err().map(|unmet| unmet.to_string()).unwrap_or_default();
            assert_eq!(said, want);
        }
    }
}
