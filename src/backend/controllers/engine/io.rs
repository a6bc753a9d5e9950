//! The edges of the engine: where it reads, where it writes, and when to wake up.

use std::future::Future;
use std::pin::Pin;

use crate::backend::controllers::view::SharedView;
use crate::backend::controllers::{Change, Event};
use crate::object::{Object, Status, Timestamp};

/// How to delete: what a client may ask for beside the name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    /// Delete only the object with this UID, where it is given.
    pub uid: Option<String>,
    /// Seconds of grace; `None` leaves it to the object.
    pub grace_period_seconds: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`; `None` is the type's default.
    pub propagation: Option<&'static str>,
}

/// The API as controllers write through it. Its clock is the engine's moment, not the system's.
/// `resource` is `pods` or `deployments.apps`.
pub trait Writer: Send {
    /// Creates an object.
    fn create(&self, resource: &str, object: Object) -> Result<Object, Status>;
    /// Replaces an object's metadata and spec.
    fn update(&self, resource: &str, object: Object) -> Result<Object, Status>;
    /// Replaces an object's status.
    fn update_status(&self, resource: &str, object: Object) -> Result<Object, Status>;
    /// Binds a pod to a node.
    fn bind(&self, namespace: &str, pod: &str, node: &str) -> Result<(), Status>;
    /// Deletes an object, or begins to.
    fn delete(&self, resource: &str, namespace: &str, name: &str, options: &DeleteOptions) -> Result<(), Status>;
    /// Records an event.
    fn record_event(&self, event: &Event) -> Result<(), Status>;
    /// Removes events that are over: see [`Write::DropEvents`](crate::backend::controllers::Write::DropEvents).
    fn drop_events(&self, until: Timestamp) -> Result<(), Status>;
}

/// Those whose word a write may wait for, as webhooks are.
pub trait Reviewer: Send + Sync {
    /// Writes from now on are this component's.
    fn act_as(&self, component: &'static str);
    /// Whether the last write was undone, and is to be tried again with their word.
    fn is_wanted(&self) -> bool;
    /// Whether nobody is asking them just now.
    fn is_ready(&self) -> bool;
    /// Gets their word. Whether there was something to ask.
    fn ask(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
    /// The last write is over.
    fn finish(&self);
}

/// Why the changes since a revision are not to be had: they are compacted away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted;

/// The store as the engine reads it.
pub trait Source: Send + Sync {
    /// The revision of the newest write.
    fn revision(&self) -> anyhow::Result<u64>;
    /// Everything there is but what views do not hold, with its resource, and the revision at which it was so.
    fn snapshot(&self) -> anyhow::Result<(u64, Vec<(&'static str, Object)>)>;
    /// The objects that views do not hold, each as JSON.
    fn each_unseen(&self, visit: &mut dyn FnMut(&[u8])) -> anyhow::Result<()>;
    /// The changes after a revision, in order.
    fn changes_since(&self, revision: u64) -> anyhow::Result<Result<Vec<Change>, Compacted>>;
    /// A small text that outlives the process.
    fn meta_get(&self, key: &str) -> anyhow::Result<Option<String>>;
    /// Keeps a small text. This is not a write that moves the revision.
    fn meta_set(&self, key: &str, value: &str) -> anyhow::Result<()>;
    /// Begins a batch: what is written through the engine's [`Writer`] and read here belongs to it until
    /// [`Self::commit`]. `view` is as new as the changes that were read here. Nothing where one is under way.
    fn begin(&self, view: &SharedView) -> anyhow::Result<()>;
    /// Whether a batch is under way.
    fn is_in_batch(&self) -> bool;
    /// The bytes that the batch wrote so far, and whether others wait for it to end.
    fn load(&self) -> (usize, bool);
    /// Ends the batch: what was written lasts. An error means that none of it happened.
    fn commit(&self) -> anyhow::Result<()>;
    /// Ends a batch that is still under way: none of it happened.
    fn abandon(&self);
    /// Returns when something was written after `revision`, by whomever.
    fn changed<'a>(&'a self, revision: u64) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
    /// Whether someone waits for things to happen (a watch is open). Only asked with a manual clock.
    fn someone_waits(&self) -> bool;
}

/// Where the lines go that containers write.
pub trait LogSink: Send {
    /// Appends a line to the log of one run of a container.
    fn append(&self, pod_uid: &str, container: &str, restart: i64, time: Timestamp, line: &str);
}

/// Drops every line.
impl LogSink for () {
    fn append(&self, _: &str, _: &str, _: i64, _: Timestamp, _: &str) {}
}
