//! Connections that only read: they see what is committed, and wait for nobody.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::{StoreError, database};

/// How many are kept for the next ones; more may be at work for a moment.
const KEPT: usize = 8;

/// The connections that nobody uses just now.
#[derive(Default)]
pub(super) struct Readers {
    wanted: AtomicBool,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// From now on reading is worth connections of its own.
    pub fn open_more(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn are_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Reads from the store in a file.
    pub fn with<T>(
        &self,
        path: &Path,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => database::reader(path)?,
        };
        let result = work(&mut connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        result
    }
}
