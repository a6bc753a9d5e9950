//! Waiting for a condition of one object.

use std::time::Duration;

use super::event::{Event, Undecodable};
use super::watcher::{PAUSE, Watcher};
use crate::client::request::{Call, Endpoint, ListParams, WatchParams};
use crate::client::{BodyError, Client, ConnectionError, paging};
use crate::object::{Meta, Object, Status};

/// Whether an error may pass by itself: the server is down, overloaded or at fault.
fn may_pass(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Status>() {
        Some(status) => status.code == 429 || status.code >= 500,
        None => error.is::<ConnectionError>() || error.is::<BodyError>() || error.is::<Undecodable>(),
    }
}

/// Whether an error says that a watch must begin again with a list.
pub fn is_expired(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| matches!(status.reason.as_str(), "Expired" | "Gone"))
}

/// The time for [`until`] is over.
#[derive(Debug)]
pub struct TimedOut;

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("timed out waiting for the condition")
    }
}

impl std::error::Error for TimedOut {}

/// Follows one object until `check` has a result. It is handed the object as it is, then after every
/// change, and none where there is no such object. Fails with [`TimedOut`] after `limit`.
pub async fn until<T>(
    client: &Client,
    object: &Endpoint,
    limit: Option<Duration>,
    mut check: impl FnMut(Option<&Object>) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let follow = follow(client, object, &mut check);
    match limit {
        None => follow.await,
        Some(limit) => tokio::time::timeout(limit, follow).await.unwrap_or(Err(TimedOut.into())),
    }
}

async fn follow<T>(
    client: &Client,
    object: &Endpoint,
    check: &mut impl FnMut(Option<&Object>) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let collection = Endpoint { name: String::new(), ..object.clone() };
    let fields = format!("metadata.name={}", object.name);
    loop {
        let list = ListParams { fields: fields.clone(), ..ListParams::default() };
        let list = match client.json(Call::list(&collection, &list)).await {
            Err(error) if may_pass(&error) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            list => list?,
        };
        let params = WatchParams {
            fields: fields.clone(),
            resource_version: list.resource_version().to_owned(),
            bookmarks: true,
            ..WatchParams::default()
        };
        if let Some(result) = check(paging::take_items(list).first())? {
            return Ok(result);
        }
        let mut watcher = Watcher::new(client, collection.clone(), params);
        loop {
            let result = match watcher.next().await {
                Ok(Event::Added(object) | Event::Modified(object)) => check(Some(&object))?,
                Ok(Event::Deleted(_)) => check(None)?,
                Ok(Event::Bookmark(_) | Event::Error(_)) => None,
                Err(error) if is_expired(&error) => break,
                Err(error) if may_pass(&error) => {
                    tokio::time::sleep(PAUSE).await;
                    break;
                }
                Err(error) => return Err(error),
            };
            if let Some(result) = result {
                return Ok(result);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::recorded::Recorded;
    use crate::object::GroupVersionResource;
    use serde_json::json;
    use std::sync::Arc;

    fn pod(version: u32, phase: &str) -> Object {
        json!({"kind": "Pod", "metadata": {"name": "p", "resourceVersion": version.to_string()}, "status": {"phase": phase}})
    }

    fn event(kind: &str, object: Object) -> Object {
        json!({"type": kind, "object": object})
    }

    fn recorded(exchanges: Object) -> (Recorded, Client) {
        let recorded = Recorded::parse(&exchanges.to_string()).expect("a recording");
        let client = Client::new(Arc::new(recorded.clone()), "test", Box::new(|_| {}));
        (recorded, client)
    }

    #[tokio::test]
    async fn goes_on_after_the_last_version_and_lists_again_when_it_is_gone() {
        let list = "/api/v1/namespaces/d/pods?fieldSelector=metadata.name%3Dp";
        let watch = |version: u32| {
            format!(
                "/api/v1/namespaces/d/pods?allowWatchBookmarks=true&fieldSelector=metadata.name%3Dp&resourceVersion={version}&watch=true"
            )
        };
        let gone = Status::expired("too old resource version").to_object();
        let (recorded, client) = recorded(json!([
            {"uri": list, "response": {"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": []}},
            {"uri": list, "response": {"kind": "PodList", "metadata": {"resourceVersion": "9"}, "items": [pod(9, "Pending")]}},
            {"uri": watch(5), "stream": [event("ADDED", pod(6, "Pending")), event("BOOKMARK", pod(7, ""))]},
            {"uri": watch(7), "stream": [event("ERROR", gone)]},
            {"uri": watch(9), "stream": [event("MODIFIED", pod(10, "Running")), event("DELETED", pod(11, "Running"))]},
        ]));
        let endpoint = Endpoint::object(&GroupVersionResource::new("", "v1", "pods"), "d", "p");
        let mut phases = Vec::new();
        let result = until(&client, &endpoint, None, |object| {
            let phase = object.map_or("gone", |object| object.str_at(&["status", "phase"]));
            phases.push(phase.to_owned());
            Ok((phase == "gone" && phases.len() > 1).then_some(7))
        });
        assert_eq!(result.await.expect("a result"), 7);
        assert_eq!(phases, ["gone", "Pending", "Pending", "Running", "gone"]);
        assert!(recorded.unused().is_empty());
    }

    #[tokio::test]
    async fn gives_up_in_time() {
        let (_, client) = recorded(json!([
            {"uri": "/api/v1/pods?fieldSelector=metadata.name%3Dp", "response": {"metadata": {"resourceVersion": "5"}, "items": []}},
            {"uri": "/api/v1/pods?allowWatchBookmarks=true&fieldSelector=metadata.name%3Dp&resourceVersion=5&watch=true", "stream": []},
        ]));
        let endpoint = Endpoint::object(&GroupVersionResource::new("", "v1", "pods"), "", "p");
        let never = until::<()>(&client, &endpoint, Some(Duration::from_millis(30)), |_| Ok(None)).await;
        assert_eq!(never.expect_err("out of time").to_string(), "timed out waiting for the condition");
    }
}
