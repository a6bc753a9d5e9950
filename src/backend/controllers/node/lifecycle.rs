//! Conditions and taints of nodes.

use serde_json::json;

use super::{
    FAILED, FAILED_SINCE, GRACE_SECONDS, NOT_READY, OUT_OF_SERVICE, UNREACHABLE, UNSCHEDULABLE, event, is_failed,
};
use crate::backend::controllers::support::{conditions, pods};
use crate::backend::controllers::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Timestamp, time::rfc3339};

const COMPONENT: &str = "node-controller";

/// What a kubelet reports of a node that is well: condition, status, reason, message.
const WELL: &[(&str, &str, &str, &str)] = &[
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];

/// See the module's text.
#[derive(Debug, Default)]
pub struct NodeLifecycleController;

impl Controller for NodeLifecycleController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &["nodes"]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        vec![change.key.clone()]
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(node) = view.at(key).filter(|node| node.deletion_timestamp().is_none()) else {
            return Outcome::default();
        };
        let now = view.now();
        let mut object = Object::clone(node);
        let mut writes = Vec::new();
        let mut requeue_at = None;
        let since = node.annotation(FAILED_SINCE).and_then(crate::object::time::parse_rfc3339);
        let mut events = Vec::new();
        let mut status = node.list_at(&["status", "conditions"]).to_vec();
        match (is_failed(node), since) {
            (true, None) => {
                object.set_at(&["metadata", "annotations", FAILED_SINCE], rfc3339(now));
                requeue_at = pods::after(now, GRACE_SECONDS);
            }
            (true, Some(since)) => match pods::after(since, GRACE_SECONDS).filter(|due| *due > now) {
                Some(due) => requeue_at = Some(due),
                None => lose(&mut status, node, view, &mut writes, &mut events),
            },
            (false, Some(_)) => {
                object.remove_at(&["metadata", "annotations", FAILED_SINCE]);
                recover(&mut status, node, now, &mut events);
            }
            (false, None) => {}
        }
        let taints = taints(node, &status, now);
        let (before, after) = (node.at(&["spec", "taints"]).filter(|taints| !taints.is_null()), taints.as_ref());
        if before != after {
            match taints {
                Some(taints) => object.set_at(&["spec", "taints"], taints),
                None => drop(object.remove_at(&["spec", "taints"])),
            }
        }
        if object != **node {
            writes.push(Write::Update { resource: "nodes", object: object.clone() });
        }
        if status.as_slice() != node.list_at(&["status", "conditions"]) {
            object.set_at(&["status", "conditions"], status);
            writes.push(Write::UpdateStatus { resource: "nodes", object });
        }
        writes.extend(events);
        Outcome { writes, requeue_at }
    }
}

/// Nobody has heard of the node: its conditions are unknown and its pods count as not ready.
fn lose(list: &mut Vec<Object>, node: &Object, view: &View, writes: &mut Vec<Write>, events: &mut Vec<Write>) {
    let mut lost = false;
    for (kind, ..) in WELL {
        if conditions::find(list, kind).is_some_and(|condition| condition.str_at(&["status"]) == "Unknown") {
            continue;
        }
        lost = true;
        conditions::set(list, kind, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", view.now());
    }
    if !lost {
        return;
    }
    events.push(event(
        node,
        COMPONENT,
        "Normal",
        "NodeNotReady",
        format!("Node {} status is now: NodeNotReady", node.name()),
    ));
    for pod in view.pods_on(node.name()).filter(|pod| pods::is_ready(pod)) {
        let mut object = Object::clone(pod);
        let mut list = object.list_at(&["status", "conditions"]).to_vec();
        for condition in &mut list {
            if condition.str_at(&["type"]) == "Ready" {
                condition.set_at(&["status"], "False");
                condition.set_at(&["lastTransitionTime"], rfc3339(view.now()));
            }
        }
        object.set_at(&["status", "conditions"], list);
        writes.push(Write::UpdateStatus { resource: "pods", object });
        events.push(event(pod, COMPONENT, "Warning", "NodeNotReady", "Node is not ready".into()));
    }
}

/// The kubelet reports again.
fn recover(list: &mut Vec<Object>, node: &Object, now: Timestamp, events: &mut Vec<Write>) {
    for (kind, status, reason, message) in WELL {
        conditions::set(list, kind, status, reason, message, now);
        for condition in list.iter_mut().filter(|condition| condition.str_at(&["type"]) == *kind) {
            condition.set_at(&["lastHeartbeatTime"], rfc3339(now));
        }
    }
    events.push(event(
        node,
        "kubelet",
        "Normal",
        "NodeReady",
        format!("Node {} status is now: NodeReady", node.name()),
    ));
}

/// The node's taints as its conditions want them; those of others stay. `None` for none.
fn taints(node: &Object, status: &[Object], now: Timestamp) -> Option<Object> {
    let ready = conditions::find(status, "Ready").map_or("True", |condition| condition.str_at(&["status"])).to_owned();
    let gone = node.annotation(FAILED) == Some("true") && ready == "Unknown";
    let is_true = |kind: &str| conditions::find(status, kind).is_some_and(|it| it.str_at(&["status"]) == "True");
    let wanted = [
        (UNSCHEDULABLE, "NoSchedule", node.bool_at(&["spec", "unschedulable"])),
        (NOT_READY, "NoSchedule", ready == "False"),
        (UNREACHABLE, "NoSchedule", ready == "Unknown"),
        (NOT_READY, "NoExecute", ready == "False"),
        (UNREACHABLE, "NoExecute", ready == "Unknown"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule", is_true("MemoryPressure")),
        ("node.kubernetes.io/disk-pressure", "NoSchedule", is_true("DiskPressure")),
        ("node.kubernetes.io/pid-pressure", "NoSchedule", is_true("PIDPressure")),
    ];
    let is =
        |taint: &Object, key: &str, effect: &str| taint.str_at(&["key"]) == key && taint.str_at(&["effect"]) == effect;
    let mut taints = node.list_at(&["spec", "taints"]).to_vec();
    for (key, effect, wanted) in wanted {
        let there = taints.iter().any(|taint| is(taint, key, effect));
        if wanted && !there {
            taints.push(json!({"key": key, "effect": effect, "timeAdded": rfc3339(now)}));
        } else if !wanted && there {
            taints.retain(|taint| !is(taint, key, effect));
        }
    }
    // An operator's own taint of this kind goes with the next change of the annotation only.
    let ours = |taint: &Object| is(taint, OUT_OF_SERVICE, "NoExecute") && taint.str_at(&["value"]) == "kctl";
    if gone && !taints.iter().any(|taint| is(taint, OUT_OF_SERVICE, "NoExecute")) {
        taints.push(json!({"key": OUT_OF_SERVICE, "value": "kctl", "effect": "NoExecute", "timeAdded": rfc3339(now)}));
    } else if !gone {
        taints.retain(|taint| !ours(taint));
    }
    (!taints.is_empty()).then(|| taints.into())
}
