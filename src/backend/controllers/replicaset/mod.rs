//! Replica sets and replication controllers: as many pods as asked for.
//!
//! `victims` holds the order in which pods are given up.

mod victims;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::SignedDuration;

use super::engine::writes::{reference, with_status};
use super::support::standing::{Membership, Standing};
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
        if let Some(counts) = Counts::at_a_glance(set, view) {
            return self.outcome(set, Vec::new(), counts, view.now());
        }
        let claim = owners::claim(view, "pods", set, |_| true);
        let changed = claim.adopt.iter().chain(&claim.release);
        let mut writes: Vec<Write> =
            changed.map(|pod| Write::Update { resource: "pods", object: pod.clone() }).collect();
        let owned = claim.owned.iter().cloned().chain(claim.adopt.into_iter().map(Arc::new));
        let owned: Vec<Arc<Object>> = owned.collect();
        let active: Vec<&Arc<Object>> = owned.iter().filter(|pod| pods::is_active(pod)).collect();
        if set.deletion_timestamp().is_none() {
            self.manage(set, &active, view, &mut writes);
        }
        self.outcome(set, writes, Counts::of(set, &owned), view.now())
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
        let mut seen = self.status(set, &Counts::of(set, &owned), view.now());
        let mut list = seen.list_at(&["conditions"]).to_vec();
        if conditions::find(&list, "ReplicaFailure").is_none() {
            list.push(conditions::condition("ReplicaFailure", "True", "FailedCreate", &status.message, view.now()));
            seen.set_at(&["conditions"], list);
        }
        if set.at(&["status"]) != Some(&seen) {
            writes.push(Write::UpdateStatus { resource: self.0.resource, object: with_status(set, seen) });
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

    /// The writes with that of the status, where it changes, and when it will change by itself.
    fn outcome(&self, set: &Object, mut writes: Vec<Write>, counts: Counts, now: Timestamp) -> Outcome {
        let status = self.status(set, &counts, now);
        if set.at(&["status"]).is_none_or(|current| *current != status) {
            writes.push(Write::UpdateStatus { resource: self.0.resource, object: with_status(set, status) });
        }
        Outcome { writes, requeue_at: counts.available_at.into_iter().filter(|time| *time > now).min() }
    }

    fn status(&self, set: &Object, counts: &Counts, now: Timestamp) -> Object {
        let mut status = set.at(&["status"]).cloned().unwrap_or_else(|| serde_json::json!({}));
        let available = counts.available_at.iter().filter(|time| **time <= now).count();
        // `replicas` is the one count that is there even if it is zero.
        status.set_at(&["replicas"], counts.active);
        put_count(&mut status, "fullyLabeledReplicas", counts.labelled as i64);
        put_count(&mut status, "readyReplicas", counts.ready as i64);
        put_count(&mut status, "availableReplicas", available as i64);
        if self.0.counts_terminating {
            status.set_at(&["terminatingReplicas"], counts.terminating);
        }
        status.set_at(&["observedGeneration"], set.generation());
        let wanted = set.int_at(&["spec", "replicas"]).unwrap_or(1);
        let mut list = status.list_at(&["conditions"]).to_vec();
        // A failure is over once as many pods exist as are asked for.
        if wanted == counts.active as i64 && !list.is_empty() {
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
            regarding: reference(set),
            field_path: String::new(),
            kind,
            reason: reason.to_owned(),
            message,
            component: self.0.component,
            host: String::new(),
        })
    }
}

/// What a set's status says of its pods.
#[derive(Debug, Default)]
struct Counts {
    active: usize,
    labelled: usize,
    ready: usize,
    terminating: usize,
    /// From when on each of the ready ones counts as available.
    available_at: Vec<Timestamp>,
}

impl Counts {
    fn of(set: &Object, owned: &[Arc<Object>]) -> Self {
        let standings = owned.iter().map(|pod| Standing::of(pod, None));
        Self::sum(set, standings.collect::<Vec<_>>().iter())
    }

    /// The counts without a look at the pods themselves, where nothing is to be done but count: all are the set's
    /// own, none asks for an owner, and none is missing or too many.
    fn at_a_glance(set: &Object, view: &View) -> Option<Self> {
        let (namespace, uid) = (set.namespace(), set.uid());
        if set.deletion_timestamp().is_some() || view.orphans("pods", namespace).next().is_some() {
            return None;
        }
        let selector = selector::of(set.at(&["spec", "selector"]));
        let mut last: Option<&Arc<Membership>> = None;
        for Standing { membership, .. } in view.standings(namespace, uid) {
            let known = last.replace(membership).is_some_and(|last| Arc::ptr_eq(last, membership));
            if !(known || membership.controller == uid && selector.matches_labels(Some(&membership.labels))) {
                return None;
            }
        }
        let counts = Self::sum(set, view.standings(namespace, uid));
        let wanted = set.int_at(&["spec", "replicas"]).unwrap_or(1);
        (usize::try_from(wanted).unwrap_or(0) == counts.active).then_some(counts)
    }

    fn sum<'a>(set: &Object, standings: impl Iterator<Item = &'a Standing>) -> Self {
        let min_ready = set.int_at(&["spec", "minReadySeconds"]).unwrap_or(0);
        let labels = selector::of(set.at(&["spec", "template", "metadata", "labels"]));
        let mut counts = Self::default();
        let mut last: Option<(&Arc<Membership>, bool)> = None;
        for standing in standings {
            counts.terminating += usize::from(standing.is_terminating);
            if !standing.is_active {
                continue;
            }
            let labelled = match last.filter(|(last, _)| Arc::ptr_eq(last, &standing.membership)) {
                Some((_, labelled)) => labelled,
                None => labels.matches_labels(Some(&standing.membership.labels)),
            };
            last = Some((&standing.membership, labelled));
            counts.active += 1;
            counts.labelled += usize::from(labelled);
            counts.ready += usize::from(standing.is_ready);
            counts.available_at.extend(standing.available_at(min_ready));
        }
        counts
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
