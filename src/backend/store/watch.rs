//! Waiting for writes, of this process and of others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Store, StoreError, read};

/// How often other processes' writes are looked for while someone waits.
const POLL: Duration = Duration::from_millis(10);
/// The same in a process that serves: others ask it rather than write.
const RARE_POLL: Duration = Duration::from_millis(250);

/// What all waiters of a store share.
pub(super) struct Shared {
    /// The last revision that is known in this process.
    known: watch::Sender<u64>,
    poll: Mutex<Poll>,
    rarely: AtomicBool,
}

#[derive(Default)]
struct Poll {
    last: Option<Instant>,
    data_version: Option<i64>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { known: watch::Sender::new(0), poll: Mutex::default(), rarely: AtomicBool::new(false) }
    }
}

impl Shared {
    /// Other processes' writes are few from now on.
    pub(super) fn poll_rarely(&self) {
        self.rarely.store(true, Ordering::Relaxed);
    }

    fn poll(&self) -> Duration {
        if self.rarely.load(Ordering::Relaxed) { RARE_POLL } else { POLL }
    }

    pub(super) fn notify(&self, revision: u64) {
        self.known.send_if_modified(|known| {
            let newer = revision > *known;
            *known = revision.max(*known);
            newer
        });
    }
}

/// Waits for writes. Dropped, it costs nothing more.
pub struct Subscription {
    store: Store,
    receiver: watch::Receiver<u64>,
}

impl Subscription {
    pub(super) fn new(store: Store) -> Self {
        let receiver = store.shared.watch.known.subscribe();
        Self { store, receiver }
    }

    /// Ends when there is a revision after `revision`, and returns the last one. Ends at once if
    /// there already is. Safe to drop before it ends.
    pub async fn after(&mut self, revision: u64) -> Result<u64, StoreError> {
        let current = self.store.revision()?;
        if current > revision {
            return Ok(current);
        }
        loop {
            let known = *self.receiver.borrow_and_update();
            if known > revision {
                return Ok(known);
            }
            if self.store.path().is_none() {
                // The sender lives as long as the store that we hold.
                let _ = self.receiver.changed().await;
                continue;
            }
            tokio::select! {
                _ = self.receiver.changed() => {}
                () = tokio::time::sleep(self.store.shared.watch.poll()) => self.store.look_for_foreign_writes()?,
            }
        }
    }
}

impl Store {
    /// Asks the database whether another connection wrote, at most once in a while for all waiters.
    fn look_for_foreign_writes(&self) -> Result<(), StoreError> {
        let mut poll = self.shared.watch.poll.lock().unwrap_or_else(PoisonError::into_inner);
        if poll.last.is_some_and(|last| last.elapsed() < self.shared.watch.poll() / 2) {
            return Ok(());
        }
        poll.last = Some(Instant::now());
        let lease = self.lock();
        let connection = lease.connection()?;
        let version = connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if poll.data_version.replace(version) == Some(version) {
            return Ok(());
        }
        let revision = read::revision(connection)?;
        self.shared.known.see(revision);
        drop(lease);
        self.shared.watch.notify(revision);
        Ok(())
    }
}
