//! Stateful sets: pods with names and storage of their own, one after the other.
//!
//! Claims are deleted by the garbage collector: what a set says of them shows in their owner references
//! (`claims`).

mod claims;
mod identity;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::json;

use super::support::{owners, pods, put_count, revisions};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Status, Timestamp};

const SETS: &str = "statefulsets.apps";
const COMPONENT: &str = "statefulset-controller";
/// On revisions the hash, on pods the revision's name.
const REVISION: &str = "controller-revision-hash";

/// See the module's text.
#[derive(Debug, Default)]
pub struct StatefulSetController;

impl Controller for StatefulSetController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &[SETS, "pods"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == SETS {
            return vec![change.key.clone()];
        }
        let sides = [&change.old, &change.new].into_iter().flatten();
        let mut keys: Vec<Key> = sides.filter_map(|pod| owners::controller_key(pod, "StatefulSet", SETS)).collect();
        if let Some(pod) = &change.new {
            keys.extend(owners::adopters(view, SETS, pod));
        }
        keys.dedup();
        keys
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(set) = view.at(key).filter(|set| set.deletion_timestamp().is_none()) else {
            return Outcome::default();
        };
        let mut history = revisions::history(view, set, "controller.kubernetes.io/hash");
        let limit = set.int_at(&["spec", "revisionHistoryLimit"]).unwrap_or(10);
        let current = match set.str_at(&["status", "currentRevision"]) {
            "" => history.name.clone(),
            name => name.to_owned(),
        };
        history.forget(limit, |revision| {
            revision.name() == current
                || view.owned_by("pods", set.uid()).any(|pod| pod.label(REVISION) == Some(revision.name()))
        });
        let claim = owners::claim(view, "pods", set, |pod| identity::ordinal(set, pod).is_some());
        let mut writes = std::mem::take(&mut history.writes);
        let changed = claim.adopt.iter().chain(&claim.release);
        writes.extend(changed.map(|pod| Write::Update { resource: "pods", object: pod.clone() }));
        let mut pods: Vec<Arc<Object>> = claim.owned;
        pods.sort_by_key(|pod| identity::ordinal(set, pod));
        let mut look = Look { set, view, history, current, pods, writes, next: None };
        look.step();
        look.status();
        Outcome { writes: look.writes, requeue_at: look.next }
    }

    fn refused(&self, key: &Key, write: &Write, status: &Status, view: &View) -> Vec<Write> {
        let (Some(set), Write::Create { resource, object }) = (view.at(key), write) else { return Vec::new() };
        let what = match *resource {
            "pods" => format!("Pod {}", object.name()),
            "persistentvolumeclaims" => {
                let pod = object.name().rsplit_once('-').map_or("", |(_, ordinal)| ordinal);
                format!("Claim {} for Pod {}-{pod}", object.name(), set.name())
            }
            _ => return Vec::new(),
        };
        if super::deployment::namespace_ends(status) {
            return Vec::new();
        }
        let message = format!("Create {what} in StatefulSet {} failed error: {}", set.name(), status.message);
        vec![event(set, "Warning", "FailedCreate", message)]
    }
}

struct Look<'a> {
    set: &'a Arc<Object>,
    view: &'a View,
    history: revisions::History,
    /// The name of the revision that the set is leaving.
    current: String,
    /// By ordinal.
    pods: Vec<Arc<Object>>,
    writes: Vec<Write>,
    next: Option<Timestamp>,
}

impl Look<'_> {
    fn replicas(&self) -> i64 {
        self.set.int_at(&["spec", "replicas"]).unwrap_or(1)
    }

    fn first(&self) -> i64 {
        self.set.int_at(&["spec", "ordinals", "start"]).unwrap_or(0)
    }

    fn pod(&self, ordinal: i64) -> Option<Arc<Object>> {
        self.pods.iter().find(|pod| identity::ordinal(self.set, pod) == Some(ordinal)).cloned()
    }

    /// Whether a pod is up, and has been for long enough.
    fn is_available(&mut self, pod: &Object) -> bool {
        let min_ready = self.set.int_at(&["spec", "minReadySeconds"]).unwrap_or(0);
        match pods::available_at(pod, min_ready).filter(|_| pod.deletion_timestamp().is_none()) {
            Some(time) if time <= self.view.now() => true,
            Some(time) => {
                self.next = Some(self.next.map_or(time, |earlier| earlier.min(time)));
                false
            }
            None => false,
        }
    }

    /// One step: what is missing comes first, then what is too much goes, then what is old.
    fn step(&mut self) {
        let parallel = self.set.str_at(&["spec", "podManagementPolicy"]) == "Parallel";
        let ordinals = self.first()..self.first() + self.replicas();
        let mut waits = false;
        let mut deletes = false;
        for ordinal in ordinals.clone() {
            match self.pod(ordinal) {
                None => {
                    self.create(ordinal);
                    waits = true;
                }
                Some(pod) if pods::is_finished(&pod) && pod.deletion_timestamp().is_none() => {
                    self.delete(&pod);
                    (waits, deletes) = (true, true);
                }
                Some(pod) => {
                    self.fix_claims(&pod);
                    waits |= !self.is_available(&pod);
                }
            }
            if waits && !parallel {
                return;
            }
        }
        if deletes {
            return;
        }
        let surplus: Vec<Arc<Object>> = self
            .pods
            .iter()
            .rev()
            .filter(|pod| identity::ordinal(self.set, pod).is_some_and(|ordinal| !ordinals.contains(&ordinal)))
            .cloned()
            .collect();
        surplus.iter().for_each(|pod| self.fix_claims(pod));
        let first_down = surplus.iter().rev().find(|pod| !self.is_available(pod)).map(|pod| pod.uid().to_owned());
        for pod in &surplus {
            let is_down = first_down.is_some() && !self.is_available(pod);
            if !parallel && is_down && first_down.as_deref() != Some(pod.uid()) {
                return;
            }
            if pod.deletion_timestamp().is_none() {
                self.delete(pod);
            }
            if !parallel {
                return;
            }
        }
        if self.set.str_at(&["spec", "updateStrategy", "type"]) != "OnDelete" {
            self.update(ordinals.rev().collect());
        }
    }

    /// The first ordinal that is updated; pods made below it are as they were.
    fn partition(&self) -> i64 {
        let partition = self.set.int_at(&["spec", "updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
        self.first().saturating_add(partition)
    }

    /// Brings the owner references of a pod's claims to what the set says becomes of them.
    fn fix_claims(&mut self, pod: &Object) {
        let Some(ordinal) = identity::ordinal(self.set, pod) else { return };
        let is_kept = (self.first()..self.first() + self.replicas()).contains(&ordinal);
        for claim in identity::claims(self.set, ordinal) {
            let found = self.view.get("persistentvolumeclaims", self.set.namespace(), claim.name());
            if let Some(object) = found.and_then(|claim| claims::owned(self.set, pod, is_kept, claim)) {
                self.writes.push(Write::Update { resource: "persistentvolumeclaims", object });
            }
        }
    }

    /// Replaces the last pod that is old, once all after it are new and up.
    fn update(&mut self, ordinals: Vec<i64>) {
        let partition = self.partition();
        for ordinal in ordinals.into_iter().filter(|ordinal| *ordinal >= partition) {
            let Some(pod) = self.pod(ordinal) else { return };
            if pod.label(REVISION) != Some(&self.history.name) {
                if pod.deletion_timestamp().is_none() {
                    self.delete(&pod);
                }
                return;
            }
            if !self.is_available(&pod) {
                return;
            }
        }
    }

    fn create(&mut self, ordinal: i64) {
        let partition = self.partition();
        let own = self.set.at(&["spec", "template"]);
        let old = self.history.template(&self.current).filter(|_| ordinal < partition);
        let (template, revision) = match old {
            Some(template) => (Some(template), self.current.clone()),
            None => (own, self.history.name.clone()),
        };
        let mut pod = identity::pod(self.set, template.unwrap_or(&Object::Null), ordinal);
        pod.set_at(&["metadata", "labels", REVISION], revision);
        let (name, set) = (pod.name().to_owned(), self.set.name());
        for mut claim in identity::claims(self.set, ordinal) {
            claims::own_new(self.set, &mut claim);
            if self.view.get("persistentvolumeclaims", self.set.namespace(), claim.name()).is_none() {
                let message = format!("Create Claim {} Pod {name} in StatefulSet {set} success", claim.name());
                self.writes.push(Write::Create { resource: "persistentvolumeclaims", object: claim });
                self.event("SuccessfulCreate", message);
            }
        }
        let message = format!("Create Pod {name} in StatefulSet {set} successful");
        self.writes.push(Write::Create { resource: "pods", object: pod });
        self.event("SuccessfulCreate", message);
    }

    fn delete(&mut self, pod: &Object) {
        self.writes.push(Write::delete("pods", pod));
        self.event(
            "SuccessfulDelete",
            format!("Delete Pod {} in StatefulSet {} successful", pod.name(), self.set.name()),
        );
    }

    fn event(&mut self, reason: &str, message: String) {
        self.writes.push(event(self.set, "Normal", reason, message));
    }

    fn status(&mut self) {
        let all = self.pods.clone();
        let (mut replicas, mut ready, mut available, mut current, mut updated) = (0, 0, 0, 0, 0);
        for pod in all.iter().filter(|pod| !pods::is_finished(pod)) {
            replicas += 1;
            ready += i64::from(pods::is_ready(pod));
            available += i64::from(self.is_available(pod));
            if pod.deletion_timestamp().is_none() {
                current += i64::from(pod.label(REVISION) == Some(&self.current));
                updated += i64::from(pod.label(REVISION) == Some(&self.history.name));
            }
        }
        let done = self.current != self.history.name
            && self.set.str_at(&["spec", "updateStrategy", "type"]) != "OnDelete"
            && updated == replicas
            && ready == replicas
            && replicas == self.replicas();
        let mut name = self.current.clone();
        if done {
            (name, current) = (self.history.name.clone(), updated);
        }
        let mut status = self.set.at(&["status"]).cloned().unwrap_or_else(|| json!({}));
        for (field, value) in [
            ("replicas", json!(replicas)),
            ("availableReplicas", json!(available)),
            ("currentRevision", json!(name)),
            ("updateRevision", json!(self.history.name)),
            ("observedGeneration", json!(self.set.generation())),
            ("collisionCount", json!(0)),
        ] {
            status.set_at(&[field], value);
        }
        for (field, count) in [("readyReplicas", ready), ("currentReplicas", current), ("updatedReplicas", updated)] {
            put_count(&mut status, field, count);
        }
        if self.set.at(&["status"]) != Some(&status) {
            let mut object = Object::clone(self.set);
            object.set_at(&["status"], status);
            self.writes.push(Write::UpdateStatus { resource: SETS, object });
        }
    }
}

fn event(set: &Object, kind: &'static str, reason: &str, message: String) -> Write {
    Write::Event(Event {
        regarding: set.clone(),
        field_path: String::new(),
        kind,
        reason: reason.to_owned(),
        message,
        component: COMPONENT,
        host: String::new(),
    })
}
