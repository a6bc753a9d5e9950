//! The last changes in memory: the log is read once for all watches, and each watch wakes for its resource
//! alone.
//!
//! While there is a watch, a task follows the log and keeps a window of it. A watch that is behind the window
//! reads the log itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::{Logged, Store, StoreError};
use crate::object::Object;

/// How many changes the window holds at most.
const MOST: usize = 4096;
/// How many bytes the objects in it have at most, as they are stored.
const MOST_BYTES: usize = 16 << 20;
/// How many changes are taken at once.
const PAGE: usize = 256;
/// How long nothing is read after the store failed.
const RECOVERY: Duration = Duration::from_secs(1);

/// A change, with what watches made of it.
#[derive(Debug)]
pub struct Happened {
    /// The write's revision.
    pub revision: u64,
    /// `pods`, `deployments.apps`.
    pub resource: &'static str,
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    /// The object before, as it is stored; `None` if this created it.
    pub old: Option<Bytes>,
    /// The object after; `None` if this removed it.
    pub new: Option<Bytes>,
    objects: [OnceLock<Object>; 2],
    texts: [OnceLock<Bytes>; 3],
}

impl From<Logged> for Happened {
    fn from(logged: Logged) -> Self {
        Self {
            revision: logged.revision,
            resource: logged.resource,
            namespace: logged.namespace,
            old: logged.old.map(Bytes::from),
            new: logged.new.map(Bytes::from),
            objects: Default::default(),
            texts: Default::default(),
        }
    }
}

impl Happened {
    /// The object before.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub fn old_object(&self) -> Result<Option<&Object>, StoreError> {
        parsed(&self.old, &self.objects[0])
    }

    /// The object after.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub fn new_object(&self) -> Result<Option<&Object>, StoreError> {
        parsed(&self.new, &self.objects[1])
    }

    /// One of three texts about it, made once for all.
    ///
    /// # Errors
    /// Those of its maker.
    pub fn text<E>(&self, which: usize, make: impl FnOnce() -> Result<Bytes, E>) -> Result<Bytes, E> {
        let Some(text) = self.texts.get(which) else { return make() };
        match text.get() {
            Some(text) => Ok(text.clone()),
            None => {
                let fresh = make()?;
                Ok(text.get_or_init(|| fresh).clone())
            }
        }
    }

    fn size(&self) -> usize {
        self.old.as_ref().map_or(0, Bytes::len) + self.new.as_ref().map_or(0, Bytes::len)
    }
}

fn parsed<'a>(bytes: &Option<Bytes>, object: &'a OnceLock<Object>) -> Result<Option<&'a Object>, StoreError> {
    match (bytes, object.get()) {
        (None, _) => Ok(None),
        (_, Some(object)) => Ok(Some(object)),
        (Some(bytes), None) => {
            let fresh = serde_json::from_slice(bytes)?;
            Ok(Some(object.get_or_init(|| fresh)))
        }
    }
}

/// What all watches of a store share.
#[derive(Default)]
pub(super) struct Shared {
    window: Mutex<Window>,
    topics: Mutex<Topics>,
    /// The last watch has ended.
    idle: Notify,
}

#[derive(Default)]
struct Window {
    changes: VecDeque<Arc<Happened>>,
    bytes: usize,
    /// Everything after this revision is there …
    from: u64,
    /// … up to this one.
    reached: u64,
}

#[derive(Default)]
struct Topics {
    by_resource: HashMap<&'static str, watch::Sender<u64>>,
    /// Whether a task follows the log.
    followed: bool,
}

impl Shared {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn begin(&mut self, revision: u64) {
        *self = Self { from: revision, reached: revision, ..Self::default() };
    }

    fn push(&mut self, change: Happened) {
        self.reached = change.revision;
        self.bytes += change.size();
        self.changes.push_back(Arc::new(change));
        while self.changes.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.changes.pop_front() else { break };
            self.bytes -= oldest.size();
            self.from = oldest.revision;
        }
    }

    /// The first changes of a resource after a revision, and up to where they are all.
    fn after(&self, revision: u64, resource: &str) -> (Vec<Arc<Happened>>, u64) {
        let start = self.changes.partition_point(|change| change.revision <= revision);
        let found: Vec<_> =
            self.changes.range(start..).filter(|change| change.resource == resource).take(PAGE).cloned().collect();
        let reached = match found.last() {
            Some(last) if found.len() == PAGE => last.revision,
            _ => self.reached.max(revision),
        };
        (found, reached)
    }
}

/// The changes of one resource, for one watch.
pub struct Feed {
    store: Store,
    resource: &'static str,
    news: watch::Receiver<u64>,
    /// Whether there may be something that no news was about.
    behind: bool,
}

impl Feed {
    /// The changes of a resource; within a runtime.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(super) fn new(store: &Store, resource: &'static str) -> Result<Self, StoreError> {
        let shared = &store.shared.feed;
        let mut topics = shared.topics();
        if !topics.followed
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            shared.window().begin(store.revision()?);
            topics.followed = true;
            runtime.spawn(follow(Following { store: store.clone(), over: false }));
        }
        let topic = topics.by_resource.entry(resource).or_insert_with(|| watch::Sender::new(0));
        let news = topic.subscribe();
        drop(topics);
        Ok(Self { store: store.clone(), resource, news, behind: true })
    }

    /// Ends when there may be changes. Safe to drop before it ends.
    pub async fn changed(&mut self) {
        if !self.behind {
            // The sender stays for as long as there is a receiver.
            let _ = self.news.changed().await;
            self.behind = true;
        }
    }

    /// The next changes after a revision, oldest first, and up to where they are all.
    ///
    /// # Errors
    /// The changes are no longer there, or the store cannot be read.
    pub fn after(&mut self, revision: u64) -> Result<(Vec<Arc<Happened>>, u64), StoreError> {
        self.news.mark_unchanged();
        let window = self.store.shared.feed.window();
        let found = if revision >= window.from && window.reached > 0 {
            window.after(revision, self.resource)
        } else {
            drop(window);
            let (log, reached) = match self.store.log_page(revision, Some(self.resource), PAGE) {
                // It is still to come.
                Err(StoreError::Future { .. }) => (Vec::new(), revision),
                page => page?,
            };
            (log.into_iter().map(|logged| Arc::new(Happened::from(logged))).collect(), reached)
        };
        self.behind = found.0.len() == PAGE;
        Ok(found)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let shared = &self.store.shared.feed;
        let mut topics = shared.topics();
        if topics.by_resource.get(self.resource).is_some_and(|topic| topic.receiver_count() <= 1) {
            topics.by_resource.remove(self.resource);
        }
        if topics.by_resource.is_empty() {
            shared.idle.notify_one();
        }
    }
}

/// The task's claim to be the one that follows the log.
struct Following {
    store: Store,
    over: bool,
}

impl Following {
    /// Gives the claim back where nobody watches.
    fn end_if_idle(&mut self) -> bool {
        let shared = &self.store.shared.feed;
        let mut topics = shared.topics();
        if topics.by_resource.is_empty() {
            topics.followed = false;
            shared.window().begin(0);
            self.over = true;
        }
        self.over
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        // The runtime may end before the watches do.
        if !self.over {
            let shared = &self.store.shared.feed;
            shared.topics().followed = false;
            shared.window().begin(0);
        }
    }
}

/// Keeps the window until nobody watches.
async fn follow(mut following: Following) {
    let mut subscription = following.store.subscribe();
    loop {
        let reached = following.store.shared.feed.window().reached;
        tokio::select! {
            moved = subscription.after(reached) => {
                if moved.and_then(|_| take_over(&following.store)).is_err() {
                    tokio::time::sleep(RECOVERY).await;
                }
            }
            () = following.store.shared.feed.idle.notified() => {}
        }
        if following.end_if_idle() {
            return;
        }
    }
}

/// Takes what the log has after the window, and wakes those whom it concerns.
fn take_over(store: &Store) -> Result<(), StoreError> {
    let shared = &store.shared.feed;
    let reached = shared.window().reached;
    let log = match store.log_page(reached, None, PAGE) {
        Ok((log, _)) => log,
        Err(StoreError::Compacted { .. } | StoreError::Future { .. }) => {
            // The store was filled anew: everybody finds that out in the log.
            shared.window().begin(store.revision()?);
            for topic in shared.topics().by_resource.values() {
                topic.send_replace(0);
            }
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let mut touched: Vec<&'static str> = Vec::new();
    let mut window = shared.window();
    for logged in log {
        if touched.last() != Some(&logged.resource) && !touched.contains(&logged.resource) {
            touched.push(logged.resource);
        }
        window.push(logged.into());
    }
    let reached = window.reached;
    drop(window);
    let topics = shared.topics();
    for topic in touched.iter().filter_map(|resource| topics.by_resource.get(resource)) {
        topic.send_replace(reached);
    }
    Ok(())
}
