//! Many transactions in one: they become visible, and last, together.
//!
//! The engine of the cluster writes so: each of its writes happens whole or not at all, but the
//! database is asked once for hundreds of them. What was written is read from a [`Mirror`] that
//! the engine keeps anyway.

use std::sync::{Arc, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::pending::Pending;
use super::{Store, StoreError};
use crate::object::Object;

/// Somebody's copy of most objects, which is as new as the changes that were handed on.
pub trait Mirror: Send + Sync {
    /// Whether it has the objects of a resource; the others are read from the database.
    fn has(&self, resource: &str) -> bool;
    /// The object of that name and its revision.
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<(Arc<Object>, u64)>;
    /// Whether there is an object of that name.
    fn exists(&self, resource: &str, namespace: &str, name: &str) -> bool;
    /// The objects of a resource, in one namespace or in all, whose names begin so; sorted by namespace and name.
    fn each(&self, resource: &str, namespace: Option<&str>, prefix: &str, visit: &mut dyn FnMut(&Object));
}

/// A batch that is under way. It has the store to itself.
pub(super) struct Batch {
    /// `None` only while it ends.
    pub connection: Option<Box<Connection>>,
    pub pending: Pending,
    pub mirror: Arc<dyn Mirror>,
    store: Store,
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if !connection.is_autocommit() {
                // What cannot be rolled back goes with the connection's next use.
                let _ = connection.execute_batch("ROLLBACK");
            }
            self.store.shared.slot.put(connection);
        }
    }
}

impl Store {
    /// The same store, for who writes in batches: between [`Self::begin`] and [`Self::commit`] everything
    /// that is done through this handle (and its clones) belongs to one batch.
    #[must_use]
    pub fn in_batches(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), batch: Some(Arc::default()) }
    }

    /// Begins a batch. Others who wait for the store come first.
    ///
    /// # Errors
    /// A store that is not for batches; a database that fails.
    pub fn begin(&self, mirror: Arc<dyn Mirror>) -> Result<(), StoreError> {
        let Some(cell) = &self.batch else { return Ok(()) };
        let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
        if cell.is_some() {
            return Ok(());
        }
        self.shared.slot.let_others_go_first();
        let connection = self.shared.slot.take();
        let begun = connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| Pending::begin(&connection));
        match begun {
            Ok(pending) => {
                self.shared.known.begin(pending.revision());
                let store = Self { shared: Arc::clone(&self.shared), batch: None };
                *cell = Some(Batch { connection: Some(connection), pending, mirror, store });
                Ok(())
            }
            Err(error) => {
                if !connection.is_autocommit() {
                    let _ = connection.execute_batch("ROLLBACK");
                }
                self.shared.slot.put(connection);
                Err(self.about(error.into()))
            }
        }
    }

    /// Whether a batch is under way.
    pub fn is_in_batch(&self) -> bool {
        self.batch().is_some_and(|cell| cell.is_some())
    }

    /// The bytes of the batch's writes, and whether others wait for the store.
    pub fn batch_load(&self) -> (usize, bool) {
        let size = self.batch().and_then(|cell| cell.as_ref().map(|batch| batch.pending.size()));
        (size.unwrap_or(0), self.shared.slot.is_wanted())
    }

    /// Makes the batch's writes last, and gives the store back.
    ///
    /// # Errors
    /// A database that fails: then none of them happened.
    pub fn commit(&self) -> Result<(), StoreError> {
        let Some(mut batch) = self.batch().and_then(|mut cell| cell.take()) else { return Ok(()) };
        let Some(connection) = batch.connection.as_deref() else { return Ok(()) };
        let written = batch.pending.flush(connection);
        let written = written.and_then(|()| batch.pending.compact(connection, self.shared.kept_revisions));
        let written = written.and_then(|()| Ok(connection.execute_batch("COMMIT")?));
        if let Err(error) = written {
            self.shared.known.forget();
            return Err(self.about(error));
        }
        self.shared.known.done(batch.pending.revision());
        let revision = batch.pending.revision();
        drop(batch);
        self.shared.watch.notify(revision);
        Ok(())
    }

    /// Gives the store back; none of the batch's writes happened.
    pub fn abandon(&self) {
        if let Some(batch) = self.batch().and_then(|mut cell| cell.take()) {
            self.shared.known.forget();
            drop(batch);
        }
    }

    pub(super) fn batch(&self) -> Option<MutexGuard<'_, Option<Batch>>> {
        let cell = self.batch.as_ref()?;
        Some(cell.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
