//! The scheduler: finds a node for each pod that has none.
//!
//! A pod is held against every node by a list of filters ([`filters`]), and the nodes that pass are
//! weighed by a list of scores ([`scores`]). Of equal nodes the first by name wins.

mod affinity;
mod filters;
mod loads;
mod node;
mod plain;
mod resources;
mod scores;
mod spread;
pub mod taints;
mod verdict;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::json;

use super::controllers::engine::writes::reference;
use super::controllers::support::{conditions, owners, pods};
use super::controllers::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::{Meta, Object, time::rfc3339};
pub use loads::{Loads, PodLoad};
use node::Node;
pub use resources::Resources;
use verdict::Failures;

const NAME: &str = "default-scheduler";

/// See the module's text.
#[derive(Debug, Default)]
pub struct Scheduler;

impl Controller for Scheduler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &["pods", "nodes", "persistentvolumeclaims"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        match change.key.resource {
            "pods" => {
                let waits = change.new.as_ref().is_some_and(|pod| is_waiting(pod));
                let own = waits.then(|| change.key.clone());
                own.into_iter().chain(freed_by(change).then(|| waiting(view)).into_iter().flatten()).collect()
            }
            "nodes" if !node_matters(change) => Vec::new(),
            _ => waiting(view).collect(),
        }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(pod) = view.at(key).filter(|pod| is_waiting(pod)) else { return Outcome::default() };
        let writes = match find_node(pod, view) {
            Ok(node) => {
                let message = format!("Successfully assigned {}/{} to {node}", pod.namespace(), pod.name());
                vec![Write::Bind { pod: key.clone(), node }, event(pod, "Normal", "Scheduled", message)]
            }
            Err(message) => refuse(pod, message, view),
        };
        Outcome { writes, requeue_at: None }
    }
}

/// Whether a pod is this scheduler's to place.
fn is_waiting(pod: &Object) -> bool {
    pod.str_at(&["spec", "nodeName"]).is_empty()
        && pod.deletion_timestamp().is_none()
        && !pods::is_finished(pod)
        && matches!(pod.str_at(&["spec", "schedulerName"]), NAME | "")
        && pod.list_at(&["spec", "schedulingGates"]).is_empty()
}

fn waiting(view: &View) -> impl Iterator<Item = Key> {
    // Those that were never looked at are due anyway.
    view.refused().filter(|pod| is_waiting(pod)).map(|pod| owners::key_of("pods", pod))
}

/// Whether a pod's change may make room, or a place to be near to, for others.
fn freed_by(change: &Change) -> bool {
    let placed = |pod: &Object| !pod.str_at(&["spec", "nodeName"]).is_empty();
    let Some(old) = &change.old else { return false };
    match &change.new {
        None => placed(old),
        Some(new) => {
            placed(new)
                && (!placed(old)
                    || pods::is_finished(old) != pods::is_finished(new)
                    || old.at(&["metadata", "labels"]) != new.at(&["metadata", "labels"]))
        }
    }
}

/// Whether a node's change may matter to pods that wait: heartbeats do not.
fn node_matters(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return change.new.is_some() };
    [&["spec"][..], &["metadata", "labels"], &["status", "allocatable"]].iter().any(|path| old.at(path) != new.at(path))
}

/// The best node for a pod, or why there is none.
fn find_node(pod: &Object, view: &View) -> Result<String, String> {
    plain::find_node(pod, view).map_or_else(|| find_node_by_all_rules(pod, view), Ok)
}

fn find_node_by_all_rules(pod: &Object, view: &View) -> Result<String, String> {
    let nodes: Vec<Node> = view.list("nodes", None).map(|node| Node::of(node, view)).collect();
    if nodes.is_empty() {
        return Err("no nodes available to schedule pods".to_owned());
    }
    if let Some(message) = missing_claim(pod, view) {
        return Err(Failures::before_filters(nodes.len(), &message));
    }
    let asked = filters::Asked::of(pod, &nodes, view);
    let mut failures = Failures::default();
    let mut fitting: Vec<&Node> = Vec::new();
    for node in &nodes {
        match filters::check(&asked, node) {
            Ok(()) => fitting.push(node),
            Err(failure) => failures.add(failure),
        }
    }
    scores::best(&asked, &fitting).ok_or_else(|| failures.message(nodes.len()))
}

/// A claim that the pod names and that is not there.
fn missing_claim(pod: &Object, view: &View) -> Option<String> {
    let claims =
        pod.list_at(&["spec", "volumes"]).iter().map(|volume| volume.str_at(&["persistentVolumeClaim", "claimName"]));
    let mut claims = claims.filter(|claim| !claim.is_empty());
    let missing = claims.find(|claim| view.get("persistentvolumeclaims", pod.namespace(), claim).is_none())?;
    Some(format!("persistentvolumeclaim \"{missing}\" not found"))
}

/// Says on the pod and in an event why it stays without a node; once for each reason.
fn refuse(pod: &Object, message: String, view: &View) -> Vec<Write> {
    let mut list = pod.list_at(&["status", "conditions"]).to_vec();
    let said = conditions::find(&list, "PodScheduled");
    if said.is_some_and(|said| said.str_at(&["status"]) == "False" && said.str_at(&["message"]) == message) {
        return Vec::new();
    }
    let since =
        said.filter(|said| said.str_at(&["status"]) == "False").map(|said| said.str_at(&["lastTransitionTime"]));
    let condition = json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastProbeTime": null, "observedGeneration": pod.generation().max(1),
        "lastTransitionTime": since.map_or_else(|| rfc3339(view.now()), ToOwned::to_owned),
    });
    conditions::remove(&mut list, "PodScheduled");
    list.push(condition);
    let mut object = pod.clone();
    object.set_at(&["status", "conditions"], list);
    vec![Write::UpdateStatus { resource: "pods", object }, event(pod, "Warning", "FailedScheduling", message)]
}

fn event(pod: &Object, kind: &'static str, reason: &str, message: String) -> Write {
    Write::Event(Event {
        regarding: reference(pod),
        field_path: String::new(),
        kind,
        reason: reason.to_owned(),
        message,
        component: NAME,
        host: String::new(),
    })
}

/// Whether a daemon's pod may start on a node, and whether one that runs may stay: as the scheduler
/// judges, but for resources, which are not a daemon's concern.
pub fn daemon_fits(pod: &Object, node: &Arc<Object>) -> (bool, bool) {
    let empty = View::default();
    let fits = affinity::matches_node(pod, &Node::of(node, &empty));
    let start = taints::untolerated(node, pod, &["NoSchedule", "NoExecute"]).is_none();
    let stay = taints::untolerated(node, pod, &["NoExecute"]).is_none();
    (fits && start, fits && stay)
}
