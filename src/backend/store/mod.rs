//! The store: a revisioned log in one SQLite file.
//!
//! One counter, the revision. Every write appends to `log` (what the object became, and where it says
//! what it was) and updates `object`, the table of what is there now, in the same transaction: lists are one index
//! scan, watches replay the log. The revision is written into the stored bytes as the object's
//! `resourceVersion`, so they can be sent as they are. Compaction drops the oldest part of the log;
//! who wants to replay from before gets [`StoreError::Compacted`].
//!
//! Several processes may share a file. A write that returned survives the end of the process.

mod batch;
mod database;
mod error;
mod pending;
mod read;
mod slot;
mod transaction;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use batch::Batch;
pub use batch::Mirror;
pub use error::StoreError;
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
    watch: watch::Shared,
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
                watch: watch::Shared::default(),
                kept_revisions,
            }),
            batch: None,
        }
    }

    /// The revision of the last write; 1 in a store without any.
    pub fn revision(&self) -> Result<u64, StoreError> {
        let mut lease = self.lock();
        if let Some(pending) = lease.pending() {
            return Ok(pending.revision());
        }
        Ok(read::revision(lease.connection()?)?)
    }

    /// The object of that name, or `None`.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Result<Option<Stored>, StoreError> {
        Ok(read::get(self.flushed()?.connection()?, resource, namespace, name)?)
    }

    /// How many objects there are of each resource (`pods`, `deployments.apps`), of those that have any.
    pub fn counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        Ok(read::counts(self.flushed()?.connection()?)?)
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
        let lease = self.flushed()?;
        let _snapshot = lease.snapshot()?;
        Ok(read::scan(lease.connection()?, resource, options, visit)?)
    }

    /// Everything that happened after a revision, oldest first. In a batch, what was handed on once is not
    /// read again.
    pub fn changes_since(&self, revision: u64) -> Result<Vec<Change>, StoreError> {
        if let Some(changes) = self.lock().pending().and_then(|pending| pending.hand_on(revision)) {
            return Ok(changes);
        }
        self.log_since(revision, None)?.into_iter().map(Change::try_from).collect()
    }

    /// Like [`Store::changes_since`], unparsed, and of one resource only where one is named.
    pub fn log_since(&self, revision: u64, resource: Option<&str>) -> Result<Vec<Logged>, StoreError> {
        let lease = self.flushed()?;
        let _snapshot = lease.snapshot()?;
        read::log_since(lease.connection()?, revision, resource)
    }

    /// The oldest revision from which the log can be replayed.
    pub fn compacted(&self) -> Result<u64, StoreError> {
        Ok(read::compacted(self.flushed()?.connection()?)?)
    }

    /// Runs `work` as one transaction: all of its writes happen, or, where it fails, none. It has the
    /// store to itself, and must not use the [`Store`] but only what it is given.
    pub fn transact<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if let Some(mut cell) = self.batch()
            && let Some(Batch { connection: Some(connection), pending, mirror, .. }) = &mut *cell
        {
            let mark = pending.mark();
            let result = work(&mut Transaction::new(connection, pending, Some(&**mirror)));
            if result.is_err() {
                pending.rewind(mark);
            }
            return result;
        }
        let mut lease = self.lock();
        let raw = lease.connection_mut()?.transaction_with_behavior(TransactionBehavior::Immediate);
        let raw = raw.map_err(StoreError::from)?;
        let mut pending = Pending::begin(&raw).map_err(StoreError::from)?;
        let before = pending.revision();
        let result = work(&mut Transaction::new(&raw, &mut pending, None))?;
        pending.flush(&raw)?;
        pending.compact(&raw, self.shared.kept_revisions)?;
        raw.commit().map_err(StoreError::from)?;
        drop(lease);
        if pending.revision() != before {
            self.shared.watch.notify(pending.revision());
        }
        Ok(result)
    }

    /// A value that the engine keeps beside the objects.
    pub fn meta_get(&self, key: &str) -> Result<Option<String>, StoreError> {
        let lease = self.flushed()?;
        let connection = lease.connection()?;
        let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?)
    }

    /// Keeps a value beside the objects. Watchers do not see it and the revision stays.
    pub fn meta_set(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let lease = self.flushed()?;
        let connection = lease.connection()?;
        connection
            .prepare_cached("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
            .execute([key, value])?;
        Ok(())
    }

    /// A way to wait for writes, also for those of other processes, from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription::new(self.clone())
    }

    /// The file, if the store has one.
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }

    /// Moves what the write-ahead log holds into the file itself. For processes that live long.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.flushed()?.connection()?.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        Ok(())
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
mod tests;
