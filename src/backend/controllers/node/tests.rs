//! Nodes that fail, are cordoned, tainted and removed.

use serde_json::json;

use super::*;
use crate::backend::controllers::deployment::DeploymentController;
use crate::backend::controllers::replicaset::ReplicaSetController;
use crate::backend::controllers::support::{conditions, pods};
use crate::backend::controllers::testing::{FakeKubelet, Lab, deployment};
use crate::backend::scheduler::Scheduler;

fn lab() -> Lab {
    Lab::new(vec![
        Box::new(NodeLifecycleController),
        Box::new(TaintEvictionController),
        Box::new(PodGarbageCollector),
        Box::new(DeploymentController),
        Box::new(ReplicaSetController::replica_sets()),
        Box::new(Scheduler),
        Box::new(FakeKubelet),
    ])
}

/// Three pods, one on each node, with the tolerations that admission adds.
fn running() -> Lab {
    let lab = lab();
    let mut web = deployment("web", 3, "nginx");
    let toleration =
        |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    web.set_at(&["spec", "template", "spec", "tolerations"], json!([toleration(NOT_READY), toleration(UNREACHABLE)]));
    lab.create("deployments.apps", web);
    lab.pass(10);
    lab
}

fn fail(lab: &Lab, how: &str) {
    lab.edit("nodes", "n2", |node| node.set_at(&["metadata", "annotations", FAILED], how));
}

fn ready_nodes(lab: &Lab) -> Vec<String> {
    let mut nodes: Vec<String> = lab
        .list("pods")
        .iter()
        .filter(|pod| pods::is_ready(pod))
        .map(|pod| pod.str_at(&["spec", "nodeName"]).to_owned())
        .collect();
    nodes.sort();
    nodes
}

fn taints(lab: &Lab) -> Vec<String> {
    let node = lab.get("nodes", "n2");
    let taints = node.list_at(&["spec", "taints"]).iter();
    taints.map(|taint| format!("{}:{}", taint.str_at(&["key"]), taint.str_at(&["effect"]))).collect()
}

#[test]
fn pods_of_a_failed_node_come_up_elsewhere_within_seconds() {
    let lab = running();
    assert_eq!(ready_nodes(&lab), ["n1", "n2", "n3"]);
    fail(&lab, "true");
    lab.pass(4);
    assert_eq!(ready_nodes(&lab), ["n1", "n2", "n3"], "not noticed yet");
    lab.pass(4);
    let node = lab.get("nodes", "n2");
    let ready = conditions::find(node.list_at(&["status", "conditions"]), "Ready").cloned().unwrap_or_default();
    assert_eq!(
        (ready.str_at(&["status"]), ready.str_at(&["message"]), ready.str_at(&["lastTransitionTime"])),
        ("Unknown", "Kubelet stopped posting node status.", "2026-03-01T12:00:15Z")
    );
    assert_eq!(ready_nodes(&lab).len(), 3);
    assert!(!ready_nodes(&lab).contains(&"n2".to_owned()));
    assert_eq!(lab.list("pods").len(), 3, "the lost pod is gone");
    assert_eq!(
        taints(&lab),
        [
            "node.kubernetes.io/unreachable:NoSchedule",
            "node.kubernetes.io/unreachable:NoExecute",
            "node.kubernetes.io/out-of-service:NoExecute"
        ]
    );
    assert_eq!(lab.events("Node"), ["NodeNotReady: Node n2 status is now: NodeNotReady"]);
}

#[test]
fn an_unreachable_node_keeps_its_pods_as_long_as_they_tolerate_it() {
    let lab = running();
    fail(&lab, "unreachable");
    lab.pass(200);
    assert_eq!(ready_nodes(&lab), ["n1", "n3"]);
    assert_eq!(lab.list("pods").len(), 3);
    lab.pass(110);
    assert_eq!(ready_nodes(&lab).len(), 3, "replaced");
    assert_eq!(lab.list("pods").len(), 4, "and the lost one hangs until its node is back");
    lab.edit("nodes", "n2", |node| drop(node.remove_at(&["metadata", "annotations", FAILED])));
    lab.pass(10);
    assert_eq!(lab.list("pods").len(), 3);
    assert_eq!(taints(&lab), Vec::<String>::new());
    assert!(conditions::is_true(&lab.get("nodes", "n2"), "Ready"));
    assert_eq!(lab.get("nodes", "n2").annotation(FAILED_SINCE), None);
}

#[test]
fn a_cordoned_node_is_tainted_until_it_is_uncordoned() {
    let lab = running();
    lab.edit("nodes", "n2", |node| node.set_at(&["spec", "unschedulable"], true));
    lab.pass(1);
    assert_eq!(taints(&lab), ["node.kubernetes.io/unschedulable:NoSchedule"]);
    assert_eq!(ready_nodes(&lab), ["n1", "n2", "n3"]);
    lab.edit("nodes", "n2", |node| drop(node.remove_at(&["spec", "unschedulable"])));
    lab.pass(1);
    assert_eq!(taints(&lab), Vec::<String>::new());
}

#[test]
fn a_taint_that_is_not_tolerated_drives_pods_away() {
    let lab = running();
    lab.edit("nodes", "n2", |node| node.set_at(&["spec", "taints"], json!([{"key": "a", "effect": "NoExecute"}])));
    lab.pass(5);
    assert!(!ready_nodes(&lab).contains(&"n2".to_owned()));
    let evictions = lab
        .events("Pod")
        .into_iter()
        .filter(|event| event.starts_with("TaintManagerEviction: Marking for deletion Pod default/web-"));
    assert_eq!(evictions.count(), 1);
}

#[test]
fn pods_do_not_outlive_their_node_for_long() {
    let lab = running();
    lab.delete("nodes", "n2", "");
    lab.pass(12);
    assert_eq!(lab.list("pods").len(), 3);
    assert!(!ready_nodes(&lab).contains(&"n2".to_owned()));
}
