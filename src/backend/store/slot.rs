//! The connection: one at a time has it, for a moment or for a batch.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::StoreError;
use super::batch::Batch;

/// How long who has much to do waits for those who have little.
const POLITENESS: Duration = Duration::from_millis(20);

/// Where the connection lies while nobody has it.
pub(super) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    connection: Option<Box<Connection>>,
    waiting: usize,
}

impl Slot {
    pub fn new(connection: Connection) -> Self {
        let state = State { connection: Some(Box::new(connection)), waiting: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the connection, once it is there.
    pub fn take(&self) -> Box<Connection> {
        let mut state = self.state();
        loop {
            if let Some(connection) = state.connection.take() {
                return connection;
            }
            state.waiting += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    /// Brings it back.
    pub fn put(&self, connection: Box<Connection>) {
        let mut state = self.state();
        state.connection = Some(connection);
        let waited_for = state.waiting > 0;
        drop(state);
        if waited_for {
            self.changed.notify_one();
        }
    }

    /// Whether somebody waits for it.
    pub fn is_wanted(&self) -> bool {
        self.state().waiting > 0
    }

    /// Waits until nobody waits any longer, but not for ever.
    pub fn let_others_go_first(&self) {
        let mut rest = POLITENESS;
        let step = Duration::from_micros(200);
        while self.is_wanted() && rest > Duration::ZERO {
            std::thread::sleep(step);
            rest = rest.saturating_sub(step);
        }
    }
}

/// The connection, taken; it goes back when this is dropped.
pub(super) struct Taken<'a> {
    slot: &'a Slot,
    connection: Option<Box<Connection>>,
}

impl<'a> Taken<'a> {
    pub fn from(slot: &'a Slot) -> Self {
        Self { slot, connection: Some(slot.take()) }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.slot.put(connection);
        }
    }
}

/// The connection for one call: taken for it, or that of the batch that is under way.
pub(super) enum Lease<'a> {
    Taken(Taken<'a>),
    Batch(MutexGuard<'a, Option<Batch>>),
}

impl Lease<'_> {
    pub fn connection(&self) -> Result<&Connection, StoreError> {
        let connection = match self {
            Self::Taken(taken) => taken.connection.as_deref(),
            Self::Batch(cell) => cell.as_ref().and_then(|batch| batch.connection.as_deref()),
        };
        connection.ok_or(StoreError::Database(rusqlite::Error::UnwindingPanic))
    }

    pub fn connection_mut(&mut self) -> Result<&mut Connection, StoreError> {
        let connection = match self {
            Self::Taken(taken) => taken.connection.as_deref_mut(),
            Self::Batch(cell) => cell.as_mut().and_then(|batch| batch.connection.as_deref_mut()),
        };
        connection.ok_or(StoreError::Database(rusqlite::Error::UnwindingPanic))
    }

    /// Puts what the batch has into the database.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if let Self::Batch(cell) = self
            && let Some(Batch { connection: Some(connection), pending, .. }) = &mut **cell
        {
            pending.flush(connection)?;
        }
        Ok(())
    }
}

/// Has everything that is read until the result is dropped be of one moment; within a batch it is anyway.
pub(super) fn snapshot(connection: &Connection) -> rusqlite::Result<Option<Transaction<'_>>> {
    let begin = || Transaction::new_unchecked(connection, TransactionBehavior::Deferred);
    connection.is_autocommit().then(begin).transpose()
}
