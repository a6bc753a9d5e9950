//! What roles and bindings grant, kept for the next request of the same user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Rules, User};
use crate::backend::api::Api;
use crate::backend::api::transaction::Outside;

/// How many users' rules are kept, each user once for each namespace.
const MOST: usize = 1024;

/// The rules of users in namespaces, and the epoch of the store in which they were so.
#[derive(Default)]
pub(in crate::backend::api) struct Cache(Mutex<HashMap<(User, String), (u64, Arc<Rules>)>>);

impl Api {
    /// The rules that hold for a user in a namespace, or (`""`) in the whole cluster alone.
    pub(in crate::backend::api) fn rules(&self, user: &User, namespace: &str) -> Arc<Rules> {
        let read = || Arc::new(Rules::of(&Outside(self), user, namespace));
        // Read before the rules: what is written meanwhile makes them old at once.
        let Some(epoch) = self.store().access_epoch() else { return read() };
        let mut known = self.shared.access.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (user.clone(), namespace.to_owned());
        if let Some((_, rules)) = known.get(&key).filter(|(then, _)| *then == epoch) {
            return Arc::clone(rules);
        }
        drop(known);
        let rules = read();
        known = self.shared.access.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, (epoch, Arc::clone(&rules)));
        rules
    }
}
