//! Replica sets and replication controllers: as many pods as asked for.
//!
//! `victims` holds the order in which pods are given up.

mod victims;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::SignedDuration;

use super::support::{conditions, owners, pods, put_count, selector};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Status, Timestamp};

/// At most so many pods are made or deleted in one look.
const BURST: usize = 500;

/// Which of the two kinds a controller looks after.
#[derive(Debug)]
struct Kind {
    resource: &'static str,
    kind: &'static str,
    component: &'static str,
    /// Replication controllers do not count the pods that are on their way out.
    counts_terminating: bool,
}

/// Looks after replica sets or replication controllers.
#[derive(Debug)]
pub struct ReplicaSetController(Kind);

impl ReplicaSetController {
    /// For `ReplicaSet`.
    pub fn replica_sets() -> Self {
        Self(Kind {
            resource: "replicasets.apps",
            kind: "ReplicaSet",
            component: "replicaset-controller",
            counts_terminating: true,
        })
    }

    /// For `ReplicationController`.
    pub fn replication_controllers() -> Self {
        Self(Kind {
            resource: "replicationcontrollers",
            kind: "ReplicationController",
            component: "replication-controller",
            counts_terminating: false,
        })
    }
}

impl Controller for ReplicaSetController {
    fn name(&self) -> &'static str {
        self.0.component
    }

    fn watches(&self) -> &'static [&'static str] {
        if self.0.counts_terminating { &["replicasets.apps", "pods"] } else { &["replicationcontrollers", "pods"] }
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == self.0.resource {
            return vec![change.key.clone()];
        }
        if !pods::matters(change) {
            return Vec::new();
        }
        let sides = [&change.old, &change.new].into_iter().flatten();
        let mut keys: Vec<Key> =
            sides.filter_map(|pod| owners::controller_key(pod, self.0.kind, self.0.resource)).collect();
        keys.dedup();
        if let Some(pod) = &change.new {
            keys.extend(owners::adopters(view, self.0.resource, pod));
        }
        keys
    }

    fn patience(&self, key: &Key, change: &Change, view: &View) -> SignedDuration {
        let wanted =
            view.at(key).filter(|_| change.key.resource == "pods").and_then(|set| set.int_at(&["spec", "replicas"]));
        pods::patience(wanted.and_then(|wanted| usize::try_from(wanted).ok()).unwrap_or(0))
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(set) = view.at(key) else { return Outcome::default() };
        let claim = owners::claim(view, "pods", set, |_| true);
        let changed = claim.adopt.iter().chain(&claim.release);
        let mut writes: Vec<Write> =
            changed.map(|pod| Write::Update { resource: "pods", object: pod.clone() }).collect();
        let owned = claim.owned.iter().cloned().chain(claim.adopt.into_iter().map(Arc::new));
        let owned: Vec<Arc<Object>> = owned.collect();
        let active: Vec<&Arc<Object>> = owned.iter().filter(|pod| pods::is_active(pod)).collect();
        let terminating = owned.iter().filter(|pod| pods::is_terminating(pod)).count();
        if set.deletion_timestamp().is_none() {
            self.manage(set, &active, view, &mut writes);
        }
        let min_ready = set.int_at(&["spec", "minReadySeconds"]).unwrap_or(0);
        let available_at: Vec<Timestamp> = active.iter().filter_map(|pod| pods::available_at(pod, min_ready)).collect();
        let status = self.status(set, &active, &available_at, terminating, view.now());
        if set.at(&["status"]).is_none_or(|current| *current != status) {
            let mut object = Object::clone(set);
            object.set_at(&["status"], status);
            writes.push(Write::UpdateStatus { resource: self.0.resource, object });
        }
        let requeue_at = available_at.into_iter().filter(|time| *time > view.now()).min();
        Outcome { writes, requeue_at }
    }

    fn refused(&self, key: &Key, write: &Write, status: &Status, view: &View) -> Vec<Write> {
        let (Some(set), Write::Create { resource: "pods", .. }) = (view.at(key), write) else { return Vec::new() };
        if super::deployment::namespace_ends(status) {
            return Vec::new();
        }
        let mut writes =
            vec![self.event(set, "Warning", "FailedCreate", format!("Error creating: {}", status.message))];
        // What was to be written after the pod is not; that pods are missing does not hide those there are.
        let owned = owners::claim(view, "pods", set, |_| true).owned;
        let active: Vec<&Arc<Object>> = owned.iter().filter(|pod| pods::is_active(pod)).collect();
        let terminating = owned.iter().filter(|pod| pods::is_terminating(pod)).count();
        let min_ready = set.int_at(&["spec", "minReadySeconds"]).unwrap_or(0);
        let available_at: Vec<Timestamp> = active.iter().filter_map(|pod| pods::available_at(pod, min_ready)).collect();
        let mut seen = self.status(set, &active, &available_at, terminating, view.now());
        let mut list = seen.list_at(&["conditions"]).to_vec();
        if conditions::find(&list, "ReplicaFailure").is_none() {
            list.push(conditions::condition("ReplicaFailure", "True", "FailedCreate", &status.message, view.now()));
            seen.set_at(&["conditions"], list);
        }
        if set.at(&["status"]) != Some(&seen) {
            let mut object = Object::clone(set);
            object.set_at(&["status"], seen);
            writes.push(Write::UpdateStatus { resource: self.0.resource, object });
        }
        writes
    }
}

impl ReplicaSetController {
    /// Makes the pods that are missing, or deletes those there are too many of.
    fn manage(&self, set: &Object, active: &[&Arc<Object>], view: &View, writes: &mut Vec<Write>) {
        let wanted = usize::try_from(set.int_at(&["spec", "replicas"]).unwrap_or(1)).unwrap_or(0);
        let empty = Object::Null;
        let template = set.at(&["spec", "template"]).unwrap_or(&empty);
        let mut names: Vec<String> = Vec::new();
        for salt in 0..wanted.saturating_sub(active.len()).min(BURST) {
            let pod = pods::from_template(view, set, template, salt, &names);
            let message = format!("Created pod: {}", pod.name());
            names.push(pod.name().to_owned());
            writes.push(Write::Create { resource: "pods", object: pod });
            writes.push(self.event(set, "Normal", "SuccessfulCreate", message));
        }
        let surplus = active.len().saturating_sub(wanted).min(BURST);
        if surplus == 0 {
            return;
        }
        for pod in victims::order(active, &related(set, view), view.now()).into_iter().take(surplus) {
            writes.push(Write::delete("pods", pod));
            writes.push(self.event(set, "Normal", "SuccessfulDelete", format!("Deleted pod: {}", pod.name())));
        }
    }

    fn status(
        &self,
        set: &Object,
        active: &[&Arc<Object>],
        available_at: &[Timestamp],
        terminating: usize,
        now: Timestamp,
    ) -> Object {
        let mut status = set.at(&["status"]).cloned().unwrap_or_else(|| serde_json::json!({}));
        let labels = selector::of(set.at(&["spec", "template", "metadata", "labels"]));
        let labelled = active.iter().filter(|pod| labels.matches(pod)).count();
        let ready = active.iter().filter(|pod| pods::is_ready(pod)).count();
        let available = available_at.iter().filter(|time| **time <= now).count();
        // `replicas` is the one count that is there even if it is zero.
        status.set_at(&["replicas"], active.len());
        put_count(&mut status, "fullyLabeledReplicas", labelled as i64);
        put_count(&mut status, "readyReplicas", ready as i64);
        put_count(&mut status, "availableReplicas", available as i64);
        if self.0.counts_terminating {
            status.set_at(&["terminatingReplicas"], terminating);
        }
        status.set_at(&["observedGeneration"], set.generation());
        let wanted = set.int_at(&["spec", "replicas"]).unwrap_or(1);
        let mut list = status.list_at(&["conditions"]).to_vec();
        // A failure is over once as many pods exist as are asked for.
        if wanted == active.len() as i64 && !list.is_empty() {
            conditions::remove(&mut list, "ReplicaFailure");
            if list.is_empty() {
                status.remove_at(&["conditions"]);
            } else {
                status.set_at(&["conditions"], list);
            }
        }
        status
    }

    fn event(&self, set: &Object, kind: &'static str, reason: &str, message: String) -> Write {
        Write::Event(Event {
            regarding: set.clone(),
            field_path: String::new(),
            kind,
            reason: reason.to_owned(),
            message,
            component: self.0.component,
            host: String::new(),
        })
    }
}

/// The pods of all sets that have the same controller: those of one deployment.
fn related<'a>(set: &Object, view: &'a View) -> Vec<&'a Arc<Object>> {
    let Some(owner) = set.controller_ref() else {
        return view.owned_by("pods", set.uid()).collect();
    };
    let siblings = view.owned_by("replicasets.apps", owner.str_at(&["uid"]));
    siblings.flat_map(|sibling| view.owned_by("pods", sibling.uid())).collect()
}
