//! Replica sets in a small cluster.

use serde_json::json;

use super::*;
use crate::backend::controllers::testing::{FakeKubelet, Lab};
use crate::backend::scheduler::Scheduler;

const SETS: &str = "replicasets.apps";

fn lab() -> Lab {
    Lab::new(vec![Box::new(ReplicaSetController::replica_sets()), Box::new(Scheduler), Box::new(FakeKubelet)])
}

fn set(replicas: i64) -> Object {
    json!({
        "metadata": {"name": "web", "namespace": "default", "generation": 1},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}},
        },
    })
}

#[test]
fn makes_pods_and_gives_up_the_youngest() {
    let lab = lab();
    lab.create(SETS, set(2));
    lab.pass(10);
    let first = lab.names("pods");
    lab.edit(SETS, "web", |set| set.set_at(&["spec", "replicas"], 4));
    lab.pass(10);
    lab.edit(SETS, "web", |set| set.set_at(&["spec", "replicas"], 2));
    lab.pass(10);
    assert_eq!(lab.names("pods").len(), 2);
    let kept = lab.names("pods").iter().filter(|pod| first.contains(pod)).count();
    assert!(kept >= 1, "the crowded node gives up first, then the youngest");
    let status = lab.get(SETS, "web").at(&["status"]).cloned();
    assert_eq!(
        status,
        Some(json!({
            "replicas": 2, "fullyLabeledReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
            "terminatingReplicas": 0, "observedGeneration": 3,
        }))
    );
    let events = lab.events("ReplicaSet");
    assert_eq!(events.iter().filter(|event| event.starts_with("SuccessfulCreate: Created pod: web-")).count(), 4);
    assert_eq!(events.iter().filter(|event| event.starts_with("SuccessfulDelete: Deleted pod: web-")).count(), 2);
}

#[test]
fn adopts_what_matches_and_lets_go_of_what_no_longer_does() {
    let lab = lab();
    lab.create("pods", json!({"metadata": {"name": "stray", "namespace": "default", "labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}));
    lab.create(SETS, set(2));
    lab.pass(10);
    assert_eq!(lab.names("pods").len(), 2);
    assert!(lab.get("pods", "stray").controller_ref().is_some());
    lab.edit("pods", "stray", |pod| pod.set_at(&["metadata", "labels", "app"], "debug"));
    lab.pass(10);
    assert_eq!(lab.names("pods").len(), 3);
    assert!(lab.get("pods", "stray").controller_ref().is_none());
}

#[test]
fn a_pod_that_is_deleted_is_replaced_at_once() {
    let lab = lab();
    lab.create(SETS, set(1));
    lab.pass(10);
    let first = lab.names("pods").remove(0);
    lab.delete("pods", &first, "");
    lab.settle();
    assert_eq!(lab.names("pods").len(), 2, "one stops, one starts");
    assert_eq!(lab.get(SETS, "web").int_at(&["status", "terminatingReplicas"]), Some(1));
    lab.pass(10);
    assert!(!lab.names("pods").contains(&first));
}

#[test]
fn available_only_after_min_ready_seconds() {
    let lab = lab();
    let mut object = set(1);
    object.set_at(&["spec", "minReadySeconds"], 10);
    lab.create(SETS, object);
    lab.pass(5);
    assert_eq!(lab.get(SETS, "web").int_at(&["status", "availableReplicas"]), None);
    lab.pass(7);
    assert_eq!(lab.get(SETS, "web").int_at(&["status", "availableReplicas"]), Some(1));
}

#[test]
fn victims_in_order() {
    let now = crate::object::time::parse_rfc3339("2026-01-01T01:00:00Z").expect("a time");
    let pod = |name: &str, node: &str, phase: &str, ready: Option<&str>, cost: Option<&str>, restarts: i64| {
        let mut pod = json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": node},
            "status": {"phase": phase, "containerStatuses": [{"restartCount": restarts}]},
        });
        if let Some(since) = ready {
            pod.set_at(
                &["status", "conditions"],
                json!([{"type": "Ready", "status": "True", "lastTransitionTime": since}]),
            );
        }
        if let Some(cost) = cost {
            pod.set_at(&["metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost"], cost);
        }
        Arc::new(pod)
    };
    let old = Some("2026-01-01T00:00:10Z");
    let pods = [
        pod("dear", "n1", "Running", old, Some("5"), 0),
        pod("steady", "n1", "Running", old, None, 0),
        pod("restarting", "n1", "Running", old, None, 9),
        pod("young", "n1", "Running", Some("2026-01-01T00:59:50Z"), None, 0),
        pod("crowded", "n2", "Running", old, None, 0),
        pod("cheap", "n1", "Running", old, Some("-1"), 0),
        pod("unready", "n1", "Running", None, None, 0),
        pod("pending", "n1", "Pending", None, None, 0),
        pod("homeless", "", "Pending", None, None, 0),
    ];
    let others: Vec<_> = (0..9).map(|n| pod(&format!("o{n}"), "n2", "Running", None, None, 0)).collect();
    let candidates: Vec<&Arc<Object>> = pods.iter().collect();
    let related: Vec<&Arc<Object>> = pods.iter().chain(&others).collect();
    let order: Vec<&str> = victims::order(&candidates, &related, now).into_iter().map(|pod| pod.name()).collect();
    assert_eq!(order, ["homeless", "pending", "unready", "cheap", "crowded", "young", "restarting", "steady", "dear"]);
}

/// Of equal ages the restarts decide, of nearly equal ones the UIDs: together that can be a circle.
#[test]
fn victims_whose_order_is_a_circle() {
    let now = crate::object::time::parse_rfc3339("2026-01-01T01:00:00Z").expect("a time");
    let pods: Vec<_> = (0..60)
        .map(|n| {
            let since = format!("2026-01-01T00:00:0{}Z", n % 2);
            let name = format!("{:02}", n * 37 % 60);
            Arc::new(json!({
                "metadata": {"name": name, "uid": name, "creationTimestamp": since},
                "spec": {"nodeName": "n"},
                "status": {
                    "phase": "Running",
                    "containerStatuses": [{"restartCount": n % 7}],
                    "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}],
                },
            }))
        })
        .collect();
    let candidates: Vec<&Arc<Object>> = pods.iter().collect();
    assert_eq!(victims::order(&candidates, &candidates, now).len(), 60);
}
