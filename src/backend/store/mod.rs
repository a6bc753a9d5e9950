//! The store: a revisioned log in one SQLite file.
//!
//! One counter, the revision. Every write appends to `log` (what the object became, and where it says
//! what it was) and updates `object`, which says where in the log the objects of now are, in the same transaction:
//! what is written is written once. Lists are one index scan, watches replay the log. The revision is written into
//! the stored bytes as the object's `resourceVersion`, so they can be sent as they are. Compaction drops what is no
//! longer there from the oldest part of the log; who wants to replay from before gets [`StoreError::Compacted`].
//!
//! Several processes may share a file. A write that returned survives the end of the process.

mod batch;
mod database;
mod error;
mod feed;
mod intact;
mod known;
mod past;
mod pending;
mod read;
mod readers;
mod slot;
mod transaction;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use batch::Batch;
pub use batch::Mirror;
pub use error::StoreError;
pub use feed::{Feed, Happened};
pub use read::{ListOptions, Logged, Page, Stored};
pub use transaction::Transaction;
pub use watch::Subscription;

use super::controllers::Change;
use crate::object::builtin;
use pending::Pending;
use slot::{Lease, Slot, Taken};

/// Revisions that compaction keeps.
const KEPT_REVISIONS: u64 = 5_000;
/// Compaction looks at the log when the revision is a multiple of this.
const COMPACTION_STEP: u64 = 500;

/// The store. Clones share one connection.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    /// The batch of those who write in batches.
    batch: Option<Arc<Mutex<Option<Batch>>>>,
}

struct Shared {
    slot: Slot,
    /// `None` for a store in memory, which no other process writes to.
    path: Option<PathBuf>,
    readers: readers::Readers,
    watch: watch::Shared,
    feed: feed::Shared,
    known: known::Known,
    kept_revisions: u64,
}

impl Store {
    /// Opens the store in a file, which is made if it is not there. A file that is damaged or not a
    /// store is an error, and stays as it is.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::with(database::open(path)?, Some(path.to_owned()), KEPT_REVISIONS))
    }

    /// A store that ends with the process.
    pub fn memory() -> Result<Self, StoreError> {
        Ok(Self::with(database::memory()?, None, KEPT_REVISIONS))
    }

    /// Whether there is a store, whole or not. What cannot be looked at is not there.
    pub fn is_there(path: &Path) -> bool {
        database::is_there(path).unwrap_or(false)
    }

    /// Moves a store's files aside (`NAME.aside-1`, …) so that a new one can be made; returns where
    /// the file went, or `None` if there was none. Only for when the user asked for it.
    pub fn set_aside(path: &Path) -> std::io::Result<Option<PathBuf>> {
        database::set_aside(path)
    }

    fn with(connection: Connection, path: Option<PathBuf>, kept_revisions: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                slot: Slot::new(connection),
                path,
                readers: readers::Readers::default(),
                watch: watch::Shared::default(),
                feed: feed::Shared::default(),
                known: known::Known::default(),
                kept_revisions,
            }),
            batch: None,
        }
    }

    /// The revision of the last write; 1 in a store without any.
    pub fn revision(&self) -> Result<u64, StoreError> {
        if let Some(revision) = self.batch().and_then(|cell| cell.as_ref().map(|batch| batch.pending.revision())) {
            return Ok(revision);
        }
        self.read(|connection| Ok(read::revision(connection)?))
    }

    /// The object of that name, or `None`.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Option<Stored>, StoreError> {
        self.read(|connection| Ok(read::get(connection, resource, namespace, name)?))
    }

    /// How many objects there are of each resource (`pods`, `deployments.apps`), of those that have any.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|connection| Ok(read::counts(connection)?))
    }

    /// Objects of a resource, sorted by namespace and name, all as of one revision.
    pub fn list(&self, resource: &str, options: &ListOptions<'_>) -> Result<Page, StoreError> {
        let mut items = Vec::new();
        let page = self.scan(resource, options, |namespace, name, revision, bytes| {
            items.push(Stored { namespace: namespace.into(), name: name.into(), revision, bytes: bytes.to_vec() });
        })?;
        Ok(Page { items, ..page })
    }

    /// Like [`Store::list`], but hands each object (namespace, name, revision, bytes) to `visit` where
    /// it lies; the returned page has no items.
    pub fn scan(
        &self,
        resource: &str,
        options: &ListOptions<'_>,
        visit: impl FnMut(&str, &str, u64, &[u8]),
    ) -> Result<Page, StoreError> {
        self.read(|connection| {
            let _snapshot = slot::snapshot(connection)?;
            Ok(read::scan(connection, resource, options, visit)?)
        })
    }

    /// Like [`Store::list`], but as of an earlier revision.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] where the log does not reach back that far.
    pub fn list_at(&self, resource: &str, options: &ListOptions<'_>, revision: u64) -> Result<Page, StoreError> {
        self.read(|connection| {
            let _snapshot = slot::snapshot(connection)?;
            past::list(connection, resource, options, revision)
        })
    }

    /// Everything that happened after a revision, oldest first. In a batch, what was handed on once is not
    /// read again.
    pub fn changes_since(&self, revision: u64) -> Result<Vec<Change>, StoreError> {
        if let Some(mut cell) = self.batch()
            && let Some(batch) = &mut *cell
            && let Some(changes) = batch.pending.hand_on(revision)
        {
            return Ok(changes);
        }
        self.log_since(revision, None)?.into_iter().map(Change::try_from).collect()
    }

    /// Like [`Store::changes_since`], unparsed, and of one resource only where one is named.
    pub fn log_since(&self, revision: u64, resource: Option<&str>) -> Result<Vec<Logged>, StoreError> {
        self.read(|connection| {
            let _snapshot = slot::snapshot(connection)?;
            read::log_since(connection, revision, resource)
        })
    }

    /// The first `most` of them, and the revision up to which they are all.
    fn log_page(&self, revision: u64, resource: Option<&str>, most: usize) -> Result<(Vec<Logged>, u64), StoreError> {
        self.read(|connection| {
            let _snapshot = slot::snapshot(connection)?;
            read::log_page(connection, revision, resource, most)
        })
    }

    /// The oldest revision from which the log can be replayed.
    pub fn compacted(&self) -> Result<u64, StoreError> {
        self.read(|connection| Ok(read::compacted(connection)?))
    }

    /// Runs `work` as one transaction: all of its writes happen, or, where it fails, none. It has the
    /// store to itself, and must not use the [`Store`] but only what it is given.
    pub fn transact<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let known = &self.shared.known;
        if let Some(mut cell) = self.batch()
            && let Some(Batch { connection: Some(connection), pending, mirror, .. }) = &mut *cell
        {
            let mark = pending.mark();
            let result = work(&mut Transaction::new(connection, pending, known, Some(&**mirror)));
            if result.is_err() {
                pending.rewind(mark);
                known.forget();
            }
            return result;
        }
        let mut lease = self.lock();
        let raw = lease.connection_mut()?.transaction_with_behavior(TransactionBehavior::Immediate);
        let raw = raw.map_err(|error| self.about(error.into()))?;
        let mut pending = Pending::begin(&raw).map_err(|error| self.about(error.into()))?;
        let before = pending.revision();
        known.begin(before);
        let result = work(&mut Transaction::new(&raw, &mut pending, known, None)).inspect_err(|_| known.forget())?;
        let written = pending.flush(&raw).and_then(|()| pending.compact(&raw, self.shared.kept_revisions));
        let written = written.and_then(|()| Ok(raw.commit()?)).inspect_err(|_| known.forget());
        written.map_err(|error| self.about(error))?;
        known.done(pending.revision());
        drop(lease);
        if pending.revision() != before {
            self.shared.watch.notify(pending.revision());
        }
        Ok(result)
    }

    /// A value that the engine keeps beside the objects.
    pub fn meta_get(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
            Ok(statement.query_row([key], |row| row.get(0)).optional()?)
        })
    }

    /// Keeps a value beside the objects. Watchers do not see it and the revision stays.
    pub fn meta_set(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let set = || -> Result<(), StoreError> {
            let lease = self.flushed()?;
            let connection = lease.connection()?;
            connection
                .prepare_cached("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
                .execute([key, value])?;
            Ok(())
        };
        set().map_err(|error| self.about(error))
    }

    /// Prepares for many clients in this process: they read without waiting for writes. Other processes'
    /// writes, which are few then, are noticed somewhat later.
    pub fn serve(&self) {
        self.shared.readers.open_more();
        self.shared.watch.poll_rarely();
    }

    /// Whether a resource is known to have no objects; `false` where that is not known.
    pub fn is_known_empty(&self, resource: &str) -> bool {
        self.shared.known.is_empty(resource)
    }

    /// Changes with every write to roles and their bindings; none where other processes may write some at
    /// any time.
    pub fn access_epoch(&self) -> Option<u64> {
        let alone = self.shared.path.is_none() || self.shared.readers.are_wanted();
        alone.then(|| self.shared.known.access_epoch())
    }

    /// A way to wait for writes, also for those of other processes, from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(self.clone())
    }

    /// The changes of a resource as they happen, for a watch.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn feed(&self, resource: &'static str) -> Result<Feed, StoreError> {
        Feed::new(self, resource)
    }

    /// The file, if the store has one.
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }

    /// Looks through the whole file for damage.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], with the first fault.
    pub fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            let fault: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if fault == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: PathBuf::new(), why: fault }) }
        })
    }

    /// Moves what the write-ahead log holds into the file itself. For processes that live long.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.flushed()?.connection()?.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// Reads: what is committed, and, within a batch, what that wrote.
    fn read<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = match &self.shared.path {
            Some(path) if self.shared.readers.are_wanted() && !self.is_in_batch() => {
                self.shared.readers.with(path, work)
            }
            _ => self.flushed().and_then(|mut lease| work(lease.connection_mut()?)),
        };
        result.map_err(|error| self.about(error))
    }

    /// An error, with the file that it speaks of.
    fn about(&self, error: StoreError) -> StoreError {
        match &self.shared.path {
            Some(path) => database::about(path, error),
            None => error,
        }
    }

    /// The connection. Within a batch it does not know of the writes that are pending.
    fn lock(&self) -> Lease<'_> {
        match self.batch() {
            Some(cell) if cell.is_some() => Lease::Batch(cell),
            _ => Lease::Taken(Taken::from(&self.shared.slot)),
        }
    }

    /// The connection, which knows everything.
    fn flushed(&self) -> Result<Lease<'_>, StoreError> {
        let mut lease = self.lock();
        lease.flush()?;
        Ok(lease)
    }
}

/// The static spelling of a resource's name. Names outside of the built-in table (custom resources)
/// are kept for the life of the process; there are only as many as there are definitions.
pub fn intern(resource: &str) -> &'static str {
    static OTHERS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    if let Some(builtin) = builtin::by_group_resource(resource) {
        return builtin.group_resource();
    }
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = others.iter().find(|known| **known == resource) {
        return known;
    }
    let leaked: &'static str = Box::leak(resource.to_owned().into_boxed_str());
    others.push(leaked);
    leaked
}

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;
