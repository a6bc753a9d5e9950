//! Pods that no kubelet will ever end: those whose node is gone, those on a node that is out of
//! service, and those being deleted that never had a node.

use super::{OUT_OF_SERVICE, is_failed};
use crate::backend::controllers::support::{conditions, owners, pods};
use crate::backend::controllers::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object};

/// So many seconds pods outlive their node.
const QUARANTINE_SECONDS: i64 = 5;

/// See the module's text.
#[derive(Debug, Default)]
pub struct PodGarbageCollector;

impl Controller for PodGarbageCollector {
    fn name(&self) -> &'static str {
        "pod-garbage-collector"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["nodes", "pods"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == "pods" {
            let lost = |pod: &Object| {
                let node = pod.str_at(&["spec", "nodeName"]);
                pod.deletion_timestamp().is_some() || !node.is_empty() && view.get("nodes", "", node).is_none()
            };
            return change.new.as_ref().filter(|pod| lost(pod)).map(|_| change.key.clone()).into_iter().collect();
        }
        view.pods_on(&change.key.name).map(|pod| owners::key_of("pods", pod)).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(pod) = view.at(key) else { return Outcome::default() };
        let terminating = pod.deletion_timestamp().is_some();
        let node = pod.str_at(&["spec", "nodeName"]);
        if node.is_empty() {
            return if terminating { remove(key, pod, false, view) } else { Outcome::default() };
        }
        let Some(node) = view.get("nodes", "", node) else {
            // Without the node there is no telling since when: first the pod is marked.
            let list = pod.list_at(&["status", "conditions"]);
            let marked =
                conditions::find(list, "DisruptionTarget").and_then(|mark| mark.time_at(&["lastTransitionTime"]));
            return match marked.and_then(|marked| pods::after(marked, QUARANTINE_SECONDS)) {
                Some(due) if due <= view.now() => remove(key, pod, false, view),
                Some(due) => Outcome { writes: Vec::new(), requeue_at: Some(due) },
                None => Outcome { writes: vec![mark(pod, view)], requeue_at: None },
            };
        };
        let out = node.list_at(&["spec", "taints"]).iter().any(|taint| taint.str_at(&["key"]) == OUT_OF_SERVICE);
        if terminating && out && is_failed(node) {
            return remove(key, pod, true, view);
        }
        Outcome::default()
    }
}

fn mark(pod: &Object, view: &View) -> Write {
    let mut object = pod.clone();
    let mut list = object.list_at(&["status", "conditions"]).to_vec();
    conditions::set(
        &mut list,
        "DisruptionTarget",
        "True",
        "DeletionByPodGC",
        "PodGC: node no longer exists",
        view.now(),
    );
    object.set_at(&["status", "conditions"], list);
    Write::UpdateStatus { resource: "pods", object }
}

/// Ends and deletes a pod without waiting for anyone. One that is already to go at once is only held by
/// finalizers, which are not touched.
fn remove(key: &Key, pod: &Object, out_of_service: bool, view: &View) -> Outcome {
    let mut writes = Vec::new();
    if !pods::is_finished(pod) {
        // No kubelet will say so, and whoever counts this pod's end waits for it.
        let mut object = pod.clone();
        if out_of_service {
            let mut list = object.list_at(&["status", "conditions"]).to_vec();
            conditions::remove(&mut list, "Ready");
            list.push(conditions::condition("Ready", "False", "PodFailed", "", view.now()));
            object.set_at(&["status", "conditions"], list);
        }
        object.set_at(&["status", "phase"], "Failed");
        writes.push(Write::UpdateStatus { resource: "pods", object });
    }
    writes.push(Write::Delete {
        key: key.clone(),
        uid: pod.uid().into(),
        grace_period_seconds: Some(0),
        propagation: None,
    });
    Outcome { writes, requeue_at: None }
}
