//! Where pods are put, and what is said when nowhere.

use serde_json::json;

use super::*;
use crate::backend::controllers::testing::{Lab, node};
use crate::object::Timestamp;

fn pod(spec: Object) -> Object {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        pod.set_at(&["spec", field], value.clone());
    }
    pod
}

/// Three nodes: `n1` tainted, `n2` cordoned, `n3` with an SSD, and what runs on them.
fn place(pod_spec: Object, others: Vec<Object>) -> Result<String, String> {
    let mut nodes = [node("n1", "2", "4Gi"), node("n2", "2", "4Gi"), node("n3", "2", "4Gi")];
    let [first, second, third] = &mut nodes;
    first.set_at(&["spec", "taints"], json!([{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]));
    second.set_at(&["spec", "unschedulable"], true);
    third.set_at(&["metadata", "labels", "disk"], "ssd");
    let objects = nodes.into_iter().map(|node| ("nodes", node)).chain(others.into_iter().map(|pod| ("pods", pod)));
    let view = View::of(objects, Timestamp::UNIX_EPOCH);
    find_node(&pod(pod_spec), &view)
}

fn running(name: &str, node: &str, spec: Object) -> Object {
    let mut other = pod(spec);
    other.set_at(&["metadata", "name"], name);
    other.set_at(&["spec", "nodeName"], node);
    other
}

fn requests(cpu: &str, memory: &str) -> Object {
    json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]})
}

const TAINT: &str = "1 node(s) had untolerated taint(s), 1 node(s) were unschedulable";
const NO_HELP: &str =
    "no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
const NO_VICTIMS: &str = "no new claims to deallocate, preemption: 0/3 nodes are available: \
    1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.";

#[test]
fn finds_a_node_or_says_why_not() {
    let affinity = |kind: &str, term: Object| json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": term}}});
    let near = |label: &str| json!([{"labelSelector": {"matchLabels": {"app": label}}, "topologyKey": "kubernetes.io/hostname"}]);
    let port = |number: i64| json!({"containers": [{"ports": [{"containerPort": 80, "hostPort": number}]}]});
    let spread = json!({"topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]});
    let cases: Vec<(&str, Object, Vec<Object>, Result<&str, String>)> = vec![
        ("anywhere", json!({}), vec![], Ok("n3")),
        ("by label", json!({"nodeSelector": {"disk": "ssd"}}), vec![], Ok("n3")),
        (
            "no such label",
            json!({"nodeSelector": {"disk": "hdd"}}),
            vec![],
            Err(format!(
                "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, {TAINT}. {NO_HELP}"
            )),
        ),
        (
            "by toleration",
            json!({"tolerations": [{"key": "dedicated", "operator": "Exists"}], "nodeSelector": {"kubernetes.io/hostname": "n1"}}),
            vec![],
            Ok("n1"),
        ),
        (
            "too much for any node",
            requests("3", "1Gi"),
            vec![],
            Err(format!("0/3 nodes are available: 1 Insufficient cpu, {TAINT}. {NO_HELP}")),
        ),
        (
            "too much for what is left",
            requests("1500m", "3Gi"),
            vec![running("a", "n3", requests("1", "2Gi"))],
            Err(format!("0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, {TAINT}. {NO_VICTIMS}")),
        ),
        (
            "port taken",
            port(8080),
            vec![running("a", "n3", port(8080))],
            Err(format!(
                "0/3 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, {TAINT}. {NO_VICTIMS}"
            )),
        ),
        ("other port", port(8081), vec![running("a", "n3", port(8080))], Ok("n3")),
        ("near itself at first", affinity("podAffinity", near("web")), vec![], Ok("n3")),
        (
            "near nobody",
            affinity("podAffinity", near("db")),
            vec![],
            Err(format!("0/3 nodes are available: 1 node(s) didn't match pod affinity rules, {TAINT}. {NO_HELP}")),
        ),
        (
            "apart from its like",
            affinity("podAntiAffinity", near("web")),
            vec![running("a", "n3", json!({}))],
            Err(format!(
                "0/3 nodes are available: 1 node(s) didn't match pod anti-affinity rules, {TAINT}. {NO_VICTIMS}"
            )),
        ),
        (
            "unwelcome",
            json!({}),
            vec![running("a", "n3", affinity("podAntiAffinity", near("web")))],
            Err(format!(
                "0/3 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules, {TAINT}. {NO_VICTIMS}"
            )),
        ),
        (
            "no domain to spread over",
            spread,
            vec![],
            Err(format!(
                "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label), {TAINT}. {NO_HELP}"
            )),
        ),
        (
            "claim missing",
            json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}),
            vec![],
            Err(format!("0/3 nodes are available: persistentvolumeclaim \"data\" not found. {NO_HELP}")),
        ),
    ];
    for (name, spec, others, want) in cases {
        assert_eq!(place(spec, others), want.map(ToOwned::to_owned), "{name}");
    }
}

#[test]
fn spreads_over_nodes_and_prefers_what_is_preferred() {
    let nodes = [node("a", "4", "8Gi"), node("b", "4", "8Gi")];
    let view = |others: Vec<Object>| {
        let objects = nodes.clone().into_iter().map(|node| ("nodes", node));
        View::of(objects.chain(others.into_iter().map(|pod| ("pods", pod))), Timestamp::UNIX_EPOCH)
    };
    assert_eq!(find_node(&pod(json!({})), &view(vec![])), Ok("a".into()), "of equals the first");
    assert_eq!(find_node(&pod(json!({})), &view(vec![running("x", "a", json!({}))])), Ok("b".into()));
    let prefers = json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "preference": {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["a"]}]}}]}}});
    assert_eq!(find_node(&pod(prefers), &view(vec![running("x", "a", json!({}))])), Ok("a".into()));
}

#[test]
fn says_so_once_and_tries_again_when_something_changed() {
    let lab = Lab::new(vec![Box::new(Scheduler)]);
    lab.create("pods", pod(json!({"nodeSelector": {"disk": "ssd"}})));
    lab.pass(10);
    let waiting = lab.get("pods", "p");
    let condition =
        conditions::find(waiting.list_at(&["status", "conditions"]), "PodScheduled").cloned().unwrap_or_default();
    let message = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. \
        no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
    assert_eq!((condition.str_at(&["reason"]), condition.str_at(&["message"])), ("Unschedulable", message));
    assert_eq!(lab.events("Pod"), [format!("FailedScheduling: {message}")]);
    lab.edit("nodes", "n2", |node| node.set_at(&["metadata", "labels", "disk"], "ssd"));
    lab.settle();
    assert_eq!(lab.get("pods", "p").str_at(&["spec", "nodeName"]), "n2");
    assert_eq!(lab.events("Pod").last().map(String::as_str), Some("Scheduled: Successfully assigned default/p to n2"));
}

#[test]
fn pods_without_any_node() {
    let view = View::of([], Timestamp::UNIX_EPOCH);
    assert_eq!(find_node(&pod(json!({})), &view), Err("no nodes available to schedule pods".into()));
}

#[test]
fn what_a_pod_asks_for() {
    let container = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
    let sidecar = |cpu: &str| json!({"restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}});
    for (spec, want) in [
        (json!({"containers": [container("100m"), container("0.2")]}), 300),
        (json!({"containers": [container("100m")], "initContainers": [container("1")]}), 1000),
        (json!({"containers": [container("100m")], "initContainers": [sidecar("200m"), container("50m")]}), 300),
        (json!({"containers": [container("100m")], "overhead": {"cpu": "10m"}}), 110),
        (json!({"containers": [container("nonsense")]}), 0),
    ] {
        assert_eq!(Resources::of_pod(&json!({"spec": spec})).get("cpu"), want, "{spec}");
    }
}

#[test]
fn the_short_way_leads_to_the_same_node() {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut found = 0;
    for _ in 0..200 {
        let sizes = ["1", "2", "3500m"];
        let memory = ["1Gi", "3Gi", "700Mi"];
        let nodes: Vec<Object> = (0..rng.usize(1..6))
            .map(|number| node(&format!("n{number}"), sizes[rng.usize(..3)], memory[rng.usize(..3)]))
            .collect();
        let owned = |mut pod: Object, owner: usize| {
            let uid = format!("u{owner}");
            pod.set_at(
                &["metadata", "ownerReferences"],
                json!([{"uid": uid, "controller": true, "kind": "ReplicaSet"}]),
            );
            pod
        };
        let asks = |rng: &mut fastrand::Rng| match rng.usize(..4) {
            0 => json!({}),
            _ => requests(["100m", "250m", "1"][rng.usize(..3)], ["16Mi", "200Mi", "900Mi"][rng.usize(..3)]),
        };
        let mut objects: Vec<(&str, Object)> = nodes.iter().map(|node| ("nodes", node.clone())).collect();
        for number in 0..rng.usize(..12) {
            let on = format!("n{}", rng.usize(..nodes.len()));
            let mut other = owned(running(&format!("p{number}"), &on, asks(&mut rng)), rng.usize(..3));
            if rng.usize(..5) == 0 {
                other.set_at(&["status", "phase"], "Succeeded");
            }
            if rng.usize(..5) == 0 {
                other.set_at(&["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z");
            }
            objects.push(("pods", other));
        }
        let view = View::of(objects, Timestamp::UNIX_EPOCH);
        let pod = owned(pod(asks(&mut rng)), rng.usize(..3));
        if let Some(node) = plain::find_node(&pod, &view) {
            found += 1;
            assert_eq!(find_node_by_all_rules(&pod, &view), Ok(node));
        } else {
            assert!(find_node_by_all_rules(&pod, &view).is_err());
        }
    }
    assert!(found > 100, "{found}");
}
