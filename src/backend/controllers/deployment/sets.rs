//! A replica set as the deployment controller works on it.

use std::cmp::Ordering;

use super::{REPLICA_SETS, Rollout, Write};
use crate::object::{Meta, Object};

/// Sum of `spec.replicas` when the set was last scaled: tells scaling from rolling out.
pub const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The same with the surge, to scale sets in proportion.
pub const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";

/// A copy of a replica set, written back if it was changed.
pub struct Set {
    pub object: Object,
    /// Its template is the deployment's.
    pub is_new: bool,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Found,
    Changed,
    Created,
    Deleted,
}

impl Set {
    pub fn found(object: &Object) -> Self {
        Self { object: object.clone(), is_new: false, state: State::Found }
    }

    pub fn created(object: Object) -> Self {
        Self { object, is_new: true, state: State::Created }
    }

    pub fn name(&self) -> &str {
        self.object.name()
    }

    /// `spec.replicas`.
    pub fn size(&self) -> i64 {
        self.object.int_at(&["spec", "replicas"]).unwrap_or(1)
    }

    /// A number in its status.
    pub fn count(&self, field: &str) -> i64 {
        self.object.int_at(&["status", field]).unwrap_or(0)
    }

    pub fn available(&self) -> i64 {
        self.count("availableReplicas")
    }

    pub fn set_annotation(&mut self, key: &str, value: &str) -> bool {
        let changed = self.object.annotation(key) != Some(value);
        if changed {
            self.object.set_at(&["metadata", "annotations", key], value);
            self.touch();
        }
        changed
    }

    pub fn set_field(&mut self, field: &str, value: i64) {
        self.object.set_at(&["spec", field], value);
        self.touch();
    }

    fn touch(&mut self) {
        if self.state == State::Found {
            self.state = State::Changed;
        }
    }

    pub fn mark_deleted(&mut self) {
        self.state = State::Deleted;
    }

    pub fn into_write(self) -> Option<Write> {
        match self.state {
            State::Found | State::Deleted => None,
            State::Changed => Some(Write::Update { resource: REPLICA_SETS, object: self.object }),
            State::Created => Some(Write::Create { resource: REPLICA_SETS, object: self.object }),
        }
    }

    /// Oldest first, then by name.
    pub fn age_order(&self, other: &Self) -> Ordering {
        let created = |set: &Self| set.object.creation_timestamp();
        // What is not created yet is the youngest.
        let key = |set: &Self| (set.state == State::Created, created(set));
        key(self).cmp(&key(other)).then_with(|| self.name().cmp(other.name()))
    }
}

impl Rollout<'_> {
    /// The sum of the sizes asked of the sets.
    pub fn total_size(&self) -> i64 {
        self.sets.iter().map(Set::size).sum()
    }

    /// The sum of a number in the sets' status.
    pub fn total(&self, field: &str) -> i64 {
        self.sets.iter().map(|set| set.count(field)).sum()
    }

    /// Gives a set another size, with the annotations that say for which size of the deployment, and
    /// tells about it. Says whether the size changed.
    pub fn resize(&mut self, index: usize, size: i64, force: bool) -> bool {
        let (desired, maximum) = (self.replicas(), self.replicas() + self.max_surge());
        let Some(set) = self.sets.get_mut(index) else { return false };
        let before = set.size();
        if before == size && !force {
            return false;
        }
        set.set_annotation(DESIRED, &desired.to_string());
        set.set_annotation(MAXIMUM, &maximum.to_string());
        if before == size {
            return false;
        }
        set.set_field("replicas", size);
        let way = if before < size { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {} from {before} to {size}", set.name());
        self.event("Normal", "ScalingReplicaSet", message);
        true
    }
}
