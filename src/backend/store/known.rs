//! What is known of the store without asking it: resources of which there is nothing, and whether roles and
//! bindings are as they were. Both are looked at with every request.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::intern;
use crate::backend::controllers::view::UNSEEN;

/// The group of roles and bindings.
const ACCESS: &str = ".rbac.authorization.k8s.io";

/// What is known. Transactions alone learn, because they have the store to themselves.
#[derive(Default)]
pub(super) struct Known {
    /// The revision at which the last transaction left the store.
    revision: AtomicU64,
    empty: Mutex<HashSet<&'static str>>,
    access_epoch: AtomicU64,
    /// Changes with every write to events.
    events_epoch: AtomicU64,
    /// Whether the transaction in progress has written to roles or bindings.
    access_written: AtomicBool,
    /// Whether a transaction is in progress; or else it ended in a panic.
    open: AtomicBool,
}

impl Known {
    /// A transaction begins at a revision.
    pub fn begin(&self, revision: u64) {
        if self.open.swap(true, Ordering::Relaxed) {
            self.forget();
            self.open.store(true, Ordering::Relaxed);
        }
        self.see(revision);
    }

    /// The store is at a revision. What other processes wrote on the way there is not known.
    pub fn see(&self, revision: u64) {
        if self.revision.swap(revision, Ordering::Relaxed) != revision {
            self.empty().clear();
            self.access_epoch.fetch_add(1, Ordering::AcqRel);
            self.events_epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The transaction writes to a resource.
    pub fn write(&self, resource: &str) {
        if resource.ends_with(ACCESS) {
            self.access_written.store(true, Ordering::Relaxed);
        }
        if resource == UNSEEN {
            self.events_epoch.fetch_add(1, Ordering::AcqRel);
        }
        self.empty().remove(resource);
    }

    /// The transaction found no object of a resource.
    pub fn found_empty(&self, resource: &str) {
        self.empty().insert(intern(resource));
    }

    /// The transaction is over, and left the store at a revision.
    pub fn done(&self, revision: u64) {
        self.open.store(false, Ordering::Relaxed);
        self.revision.store(revision, Ordering::Relaxed);
        if self.access_written.swap(false, Ordering::Relaxed) {
            // Whoever reads from now on reads what is written; what was read before is of another epoch.
            self.access_epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Nothing that was known counts any longer: the transaction was undone, or somebody else has written.
    pub fn forget(&self) {
        self.open.store(false, Ordering::Relaxed);
        self.empty().clear();
        self.access_written.store(false, Ordering::Relaxed);
        self.access_epoch.fetch_add(1, Ordering::AcqRel);
        self.events_epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether a resource has no objects, as far as is known.
    pub fn is_empty(&self, resource: &str) -> bool {
        self.empty().contains(resource)
    }

    /// Changes with every write to events, and where such a write may have been undone or made by others. Holds
    /// still while a transaction is open.
    pub fn events_epoch(&self) -> u64 {
        self.events_epoch.load(Ordering::Acquire)
    }

    /// Changes with every write to roles and bindings.
    pub fn access_epoch(&self) -> u64 {
        self.access_epoch.load(Ordering::Acquire)
    }

    fn empty(&self) -> MutexGuard<'_, HashSet<&'static str>> {
        self.empty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_no_more_than_what_holds() {
        let known = Known::default();
        known.begin(1);
        known.found_empty("pods");
        known.done(1);
        assert!(known.is_empty("pods") && !known.is_empty("secrets"));
        known.begin(1);
        assert!(known.is_empty("pods"));
        known.write("pods");
        assert!(!known.is_empty("pods"));
        known.found_empty("secrets");
        known.done(2);
        assert!(known.is_empty("secrets"));
        // The next one does not come to its end.
        known.begin(2);
        known.found_empty("pods");
        known.begin(2);
        assert!(!known.is_empty("pods"));
        known.found_empty("secrets");
        known.done(2);
        // Another process has written.
        known.begin(3);
        assert!(!known.is_empty("secrets"));
        known.found_empty("secrets");
        // What a transaction saw of its own writes goes with them.
        known.forget();
        assert!(!known.is_empty("secrets"));
    }

    #[test]
    fn a_write_to_events_begins_an_epoch() {
        let known = Known::default();
        let mut before = u64::MAX;
        let mut moved = |known: &Known| std::mem::replace(&mut before, known.events_epoch()) != known.events_epoch();
        known.begin(1);
        assert!(moved(&known));
        known.write("pods");
        known.done(2);
        known.begin(2);
        assert!(!moved(&known));
        known.write("events");
        assert!(moved(&known));
        known.forget();
        assert!(moved(&known));
        known.see(9);
        assert!(moved(&known));
    }

    #[test]
    fn a_write_to_roles_begins_an_epoch() {
        let known = Known::default();
        known.begin(1);
        known.done(1);
        let before = known.access_epoch();
        known.begin(1);
        known.write("pods");
        known.done(2);
        assert_eq!(known.access_epoch(), before);
        known.begin(2);
        known.write("rolebindings.rbac.authorization.k8s.io");
        known.done(3);
        assert_ne!(known.access_epoch(), before);
    }
}
