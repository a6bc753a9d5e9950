//! What a write sees of the cluster while it happens.

use std::cell::RefCell;
use std::sync::Arc;

use fastrand::Rng;

use super::Api;
use super::webhooks::{Hook, Session};
use crate::backend::registry::{Cluster, DisabledPlugins, Plugin};
use crate::backend::store::Transaction;
use crate::object::{Object, Status, Timestamp};

/// The cluster inside of a transaction.
pub(super) struct Inside<'a, 'b> {
    pub transaction: &'a mut Transaction<'b>,
    pub now: Timestamp,
    pub rng: RefCell<Rng>,
    /// Texts for `Warning` headers, of writes that give nothing else back for them.
    pub warnings: RefCell<Vec<String>>,
    pub disabled: DisabledPlugins,
    /// Where webhooks are asked, if they are.
    pub session: Option<&'a Session>,
    /// The webhooks that there are, for a session.
    pub hooks: Vec<Hook>,
}

impl Api {
    /// Runs a write. What it returns as an error undoes it.
    pub(super) fn write<T>(&self, work: impl FnOnce(&mut Inside<'_, '_>) -> Result<T, Status>) -> Result<T, Status> {
        self.ensure_seed()?;
        self.store().transact(|transaction| {
            let rng = RefCell::new(self.rng(transaction.revision())?);
            let (now, disabled, session) = (self.clock().now(), self.disabled(), self.session.as_deref());
            let (warnings, hooks) = (RefCell::default(), Vec::new());
            let mut inside = Inside { transaction, now, rng, warnings, disabled, session, hooks };
            if let Some(session) = session {
                inside.hooks = inside.read_hooks();
                if !inside.hooks.is_empty() {
                    // Another attempt leads to the same object.
                    let (chance, now) = session.begin(inside.transaction.revision(), now);
                    (inside.rng, inside.now) = (RefCell::new(self.rng(chance)?), now);
                }
            }
            work(&mut inside)
        })
    }
}

/// The cluster outside of a transaction: what is not there and what cannot be read are the same.
pub(super) struct Outside<'a>(pub &'a Api);

impl Cluster for Outside<'_> {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Object> {
        self.0.get(resource, namespace, name).ok()
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Object> {
        self.0.list(resource, namespace).unwrap_or_default()
    }

    fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    fn admits(&self, plugin: Plugin) -> bool {
        !self.0.disabled().has(plugin)
    }
}

impl Inside<'_, '_> {
    /// The object of that name with its revision, or the status that says it is not there.
    pub fn find(&self, resource: &str, namespace: &str, name: &str) -> Result<(Arc<Object>, u64), Status> {
        let found = self.transaction.object(resource, namespace, name)?;
        found.ok_or_else(|| Status::not_found(resource, name))
    }
}

impl Cluster for Inside<'_, '_> {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Object> {
        self.shared(resource, namespace, name).map(Arc::unwrap_or_clone)
    }

    fn shared(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        Some(self.transaction.object(resource, namespace, name).ok()??.0)
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Object> {
        self.transaction.list(resource, namespace).unwrap_or_default()
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn random(&self) -> u64 {
        self.rng.borrow_mut().u64(..)
    }

    fn admits(&self, plugin: Plugin) -> bool {
        !self.disabled.has(plugin)
    }
}
