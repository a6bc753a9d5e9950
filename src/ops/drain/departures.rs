//! Seeing pods go: one watch of the node's pods, and those that wait for news of theirs.

use std::cell::RefCell;
use std::collections::HashMap;

use tokio::sync::Notify;

use super::{Drain, pods};
use crate::client::Client;
use crate::client::request::{Call, Endpoint, ListParams, WatchParams};
use crate::client::watch::{Event, Watcher, is_expired};
use crate::object::{Meta, Object, Timestamp};

/// What is seen of pods that are to go, by UID, on one watch of the node's pods.
pub(super) struct Departures {
    pods: RefCell<HashMap<String, Seen>>,
    /// Somebody looks again when this says so.
    pub(super) changed: Notify,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    gone: bool,
    deletion: Option<Timestamp>,
}

impl Departures {
    pub(super) fn new(pods: &[Object]) -> Self {
        let seen = |pod: &Object| (pod.uid().to_owned(), Seen { gone: false, deletion: pod.deletion_timestamp() });
        Self { pods: RefCell::new(pods.iter().map(seen).collect()), changed: Notify::new() }
    }

    pub(super) fn is_gone(&self, uid: &str) -> bool {
        self.pods.borrow().get(uid).is_none_or(|seen| seen.gone)
    }

    pub(super) fn deletion(&self, uid: &str) -> Option<Timestamp> {
        self.pods.borrow().get(uid)?.deletion
    }

    fn note(&self, pod: &Object, gone: bool) {
        if let Some(seen) = self.pods.borrow_mut().get_mut(pod.uid()) {
            seen.gone |= gone;
            seen.deletion = pod.deletion_timestamp();
        }
        self.changed.notify_waiters();
    }

    /// Those that are not in a list are gone.
    fn compare(&self, there: &[Object]) {
        for (uid, seen) in self.pods.borrow_mut().iter_mut() {
            seen.gone |= !there.iter().any(|pod| pod.uid() == uid);
        }
        self.changed.notify_waiters();
    }

    /// Follows the node's pods from a version on. Only ends with an error.
    pub(super) async fn follow(&self, client: &Client, drain: &Drain, node: &str, version: &str) -> anyhow::Result<()> {
        let endpoint = Endpoint::collection(&pods(), "");
        let fields = format!("spec.nodeName={node}");
        let mut version = version.to_owned();
        loop {
            let params = WatchParams {
                labels: drain.pod_selector.clone(),
                fields: fields.clone(),
                resource_version: version,
                bookmarks: true,
                ..WatchParams::default()
            };
            let mut watcher = Watcher::new(client, endpoint.clone(), params);
            loop {
                match watcher.next().await {
                    Ok(Event::Deleted(pod)) => self.note(&pod, true),
                    Ok(Event::Added(pod) | Event::Modified(pod)) => self.note(&pod, false),
                    Ok(Event::Bookmark(_) | Event::Error(_)) => {}
                    Err(error) if is_expired(&error) => break,
                    Err(error) => return Err(error),
                }
            }
            let params = ListParams { fields: fields.clone(), ..ListParams::default() };
            let list = client.json(Call::list(&endpoint, &params)).await?;
            version = list.resource_version().to_owned();
            self.compare(&crate::client::paging::take_items(list));
        }
    }
}
