//! Deployments: a replica set for each pod template, and the pods moved from the old ones to the new.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `sets` | the replica sets of a deployment, as copies to change and write back |
//! | `revision` | which set is the new one, its name and revision, annotations, history |
//! | `scale` | proportional scaling while a rollout is under way or paused |
//! | `rolling`, `recreate` | the two strategies |
//! | `status` | counts and conditions |

mod recreate;
mod revision;
mod rolling;
mod scale;
mod sets;
mod status;

#[cfg(test)]
mod tests;

use super::engine::writes::reference;
use super::support::{owners, selector};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Status, Timestamp};
pub use revision::namespace_ends;
use sets::Set;

const DEPLOYMENTS: &str = "deployments.apps";
const REPLICA_SETS: &str = "replicasets.apps";
const COMPONENT: &str = "deployment-controller";

/// See the module's text.
#[derive(Debug, Default)]
pub struct DeploymentController;

impl Controller for DeploymentController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &[DEPLOYMENTS, REPLICA_SETS, "pods"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        let (Some(object), key) = (change.new.as_ref().or(change.old.as_ref()), &change.key) else { return Vec::new() };
        match key.resource {
            DEPLOYMENTS => vec![key.clone()],
            REPLICA_SETS => {
                let mut keys: Vec<Key> = [&change.old, &change.new]
                    .into_iter()
                    .flatten()
                    .filter_map(|set| owners::controller_key(set, "Deployment", DEPLOYMENTS))
                    .collect();
                if change.new.is_some() {
                    keys.extend(owners::adopters(view, DEPLOYMENTS, object));
                }
                keys
            }
            // Only the end of a pod matters here: `Recreate` waits for it.
            _ if change.new.is_none() => owners::controller_key(object, "ReplicaSet", REPLICA_SETS)
                .and_then(|set| owners::controller_key(view.at(&set)?, "Deployment", DEPLOYMENTS))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(deployment) = view.at(key) else { return Outcome::default() };
        let mut rollout = Rollout::new(deployment, view);
        rollout.sync();
        rollout.finish()
    }

    fn refused(&self, key: &Key, write: &Write, status: &Status, view: &View) -> Vec<Write> {
        let (Some(deployment), Write::Create { object, .. }) = (view.at(key), write) else { return Vec::new() };
        if namespace_ends(status) {
            return Vec::new();
        }
        let mut rollout = Rollout::new(deployment, view);
        rollout.creation_failed(object, status);
        rollout.finish().writes
    }
}

/// One look at one deployment: copies to change, and what came of it.
struct Rollout<'a> {
    view: &'a View,
    now: Timestamp,
    /// As it was found.
    original: &'a Object,
    /// With a changed revision annotation, if it changed.
    deployment: Object,
    /// Starts as it was found.
    status: Object,
    /// Every replica set of the deployment, oldest first.
    sets: Vec<Set>,
    /// Adoptions and releases, before everything else.
    claims: Vec<Write>,
    /// Replica sets that history no longer needs.
    deletions: Vec<Write>,
    events: Vec<Write>,
    requeue_at: Option<Timestamp>,
}

impl<'a> Rollout<'a> {
    fn new(original: &'a Object, view: &'a View) -> Self {
        let claim = owners::claim(view, REPLICA_SETS, original, |_| true);
        let claims = claim.adopt.iter().chain(&claim.release);
        let claims = claims.map(|object| Write::Update { resource: REPLICA_SETS, object: object.clone() }).collect();
        let mut sets: Vec<Set> = claim.owned.iter().map(|set| Set::found(set)).collect();
        sets.extend(claim.adopt.iter().map(Set::found));
        sets.sort_by(|a, b| a.age_order(b));
        Self {
            view,
            now: view.now(),
            original,
            deployment: original.clone(),
            status: original.at(&["status"]).cloned().unwrap_or_else(|| serde_json::json!({})),
            sets,
            claims,
            deletions: Vec::new(),
            events: Vec::new(),
            requeue_at: None,
        }
    }

    fn sync(&mut self) {
        if !self.has_selector() {
            self.event(
                "Warning",
                "SelectingAll",
                "This deployment is selecting all pods. A non-empty selector is required.".into(),
            );
            self.status.set_at(&["observedGeneration"], self.original.generation());
            return;
        }
        if self.original.deletion_timestamp().is_some() {
            self.find_new(false);
            return self.sync_status();
        }
        self.check_paused();
        let paused = self.original.bool_at(&["spec", "paused"]);
        if paused || self.is_scaling_event() {
            self.find_new(false);
            self.scale();
            if paused {
                self.clean_up();
            }
            return self.sync_status();
        }
        if self.original.str_at(&["spec", "strategy", "type"]) == "Recreate" {
            self.recreate();
        } else {
            self.roll();
        }
    }

    fn has_selector(&self) -> bool {
        let selector = self.original.at(&["spec", "selector"]);
        selector::of(selector).matches_labels(self.original.at(&["spec", "template", "metadata", "labels"]))
    }

    /// What came of the look, in the order in which it is to be written.
    fn finish(self) -> Outcome {
        let mut writes = self.claims;
        for set in self.sets {
            writes.extend(set.into_write());
        }
        writes.extend(self.deletions);
        let mut deployment = self.deployment;
        deployment.set_at(&["status"], self.status);
        if deployment != *self.original {
            // The annotations go with the status: a write of the whole object would be a new generation.
            writes.push(Write::UpdateStatus { resource: DEPLOYMENTS, object: deployment });
        }
        writes.extend(self.events);
        Outcome { writes, requeue_at: self.requeue_at }
    }

    fn event(&mut self, kind: &'static str, reason: &str, message: String) {
        self.events.push(Write::Event(Event {
            regarding: reference(self.original),
            field_path: String::new(),
            kind,
            reason: reason.to_owned(),
            message,
            component: COMPONENT,
            host: String::new(),
        }));
    }

    fn replicas(&self) -> i64 {
        self.original.int_at(&["spec", "replicas"]).unwrap_or(1)
    }

    fn new_set(&self) -> Option<&Set> {
        self.sets.iter().find(|set| set.is_new)
    }
}
