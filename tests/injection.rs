//! Time that runs faster, things that go wrong, and behaviour that users bring, in a cluster for tests.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use http::{Method, Request};
use http_body_util::BodyExt as _;
use kctl::backend::{TestCluster, TestOptions, faults};
use kctl::object::{Meta, Object, Status, yaml};
use serde_json::json;

const PODS: &str = "/api/v1/namespaces/default/pods";
const STAGES: &str = include_str!("data/injection/stages.yaml");

fn cluster() -> TestCluster {
    let cluster = TestCluster::start().expect("a cluster");
    for definition in faults::definitions() {
        cluster.apply(&definition).expect("a definition");
    }
    cluster
}

fn fault(cluster: &TestCluster, name: &str, spec: Object) {
    let fault = json!({"apiVersion": "kctl.dev/v1alpha1", "kind": "Fault", "metadata": {"name": name}, "spec": spec});
    faults::check(&fault).expect("a fault");
    cluster.apply(&fault).expect("a fault");
}

fn pod(name: &str, labels: Object, image: &str) -> Object {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": image}]},
    })
}

fn wait(cluster: &TestCluster, seconds: u64) {
    cluster.pass(Duration::from_secs(seconds));
}

fn get(cluster: &TestCluster, name: &str) -> Object {
    cluster.get(&format!("{PODS}/{name}")).expect("a pod")
}

fn container(cluster: &TestCluster, name: &str) -> Object {
    get(cluster, name)["status"]["containerStatuses"][0].clone()
}

fn reasons(cluster: &TestCluster, name: &str) -> Vec<String> {
    let events = cluster.list("/api/v1/namespaces/default/events").expect("events");
    let own = events.iter().filter(|event| event.str_at(&["involvedObject", "name"]) == name);
    own.map(|event| event.str_at(&["reason"]).to_owned()).collect()
}

#[test]
fn images_that_cannot_be_pulled_or_slowly() {
    let cluster = cluster();
    fault(&cluster, "gone", json!({"image": {"match": "nginx:*", "error": "Unreachable"}}));
    fault(&cluster, "slow", json!({"image": {"match": "redis*", "delay": "5m"}}));
    cluster.apply(&pod("web", json!({}), "nginx:1.27")).expect("a pod");
    cluster.apply(&pod("cache", json!({}), "redis:7")).expect("a pod");
    wait(&cluster, 120);
    let reason = |name: &str| container(&cluster, name).str_at(&["state", "waiting", "reason"]).to_owned();
    assert!(["ErrImagePull", "ImagePullBackOff"].contains(&reason("web").as_str()), "{}", reason("web"));
    let message = container(&cluster, "web").str_at(&["state", "waiting", "message"]).to_owned();
    assert!(message.contains("lookup docker.io: no such host"), "{message}");
    assert_eq!(reason("cache"), "ContainerCreating");
    cluster.delete("/apis/kctl.dev/v1alpha1/faults/gone").expect("gone");
    wait(&cluster, 600);
    for name in ["web", "cache"] {
        assert_eq!(get(&cluster, name).str_at(&["status", "phase"]), "Running", "{name}");
    }
}

#[test]
fn containers_that_crash_as_often_as_they_should() {
    let cluster = cluster();
    let spec = json!({"exitCode": 137, "reason": "OOMKilled", "after": "1m", "times": 2, "labels": {"app": "web"}});
    fault(&cluster, "memory", json!({"container": spec}));
    fault(&cluster, "slow", json!({"container": {"startDelay": "10m", "labels": {"app": "slow"}}}));
    cluster.apply(&pod("web", json!({"app": "web"}), "nginx")).expect("a pod");
    cluster.apply(&pod("other", json!({"app": "other"}), "nginx")).expect("a pod");
    cluster.apply(&pod("slow", json!({"app": "slow"}), "nginx")).expect("a pod");
    wait(&cluster, 300);
    let web = container(&cluster, "web");
    assert_eq!(web.int_at(&["restartCount"]), Some(2), "{web}");
    assert_eq!(web.str_at(&["lastState", "terminated", "reason"]), "OOMKilled", "{web}");
    assert_eq!(web.int_at(&["lastState", "terminated", "exitCode"]), Some(137), "{web}");
    assert_eq!(container(&cluster, "other").int_at(&["restartCount"]), Some(0));
    assert_eq!(get(&cluster, "slow").str_at(&["status", "phase"]), "Pending");
    wait(&cluster, 3600);
    assert_eq!(container(&cluster, "web").int_at(&["restartCount"]), Some(2));
    assert_eq!(get(&cluster, "slow").str_at(&["status", "phase"]), "Running");
}

#[test]
fn nodes_down_and_under_pressure() {
    let cluster = cluster();
    fault(&cluster, "disk", json!({"node": {"match": "kctl-worker2", "conditions": ["DiskPressure"]}}));
    fault(&cluster, "power", json!({"node": {"match": "*-worker", "down": true}}));
    wait(&cluster, 60);
    let node = |name: &str| cluster.get(&format!("/api/v1/nodes/{name}")).expect("a node");
    let condition = |name: &str, kind: &str| {
        let node = node(name);
        let list = node.list_at(&["status", "conditions"]);
        list.iter().find(|it| it.str_at(&["type"]) == kind).map_or("", |it| it.str_at(&["status"])).to_owned()
    };
    assert_eq!(condition("kctl-worker2", "DiskPressure"), "True");
    assert_eq!(node("kctl-worker2")["spec"]["taints"][0]["key"], "node.kubernetes.io/disk-pressure");
    assert_eq!(condition("kctl-worker", "Ready"), "Unknown");
    cluster.apply(&pod("web", json!({}), "nginx")).expect("a pod");
    wait(&cluster, 60);
    assert_eq!(get(&cluster, "web").str_at(&["spec", "nodeName"]), "kctl-control-plane");
    cluster.delete("/apis/kctl.dev/v1alpha1/faults").expect("gone");
    wait(&cluster, 60);
    assert_eq!(condition("kctl-worker2", "DiskPressure"), "False");
    assert_eq!(condition("kctl-worker", "Ready"), "True");
    for name in ["kctl-worker", "kctl-worker2"] {
        assert_eq!(node(name).at(&["spec", "taints"]), None, "{name}");
    }
}

#[test]
fn requests_that_fail_or_come_late() {
    let cluster = cluster();
    let list = |resource: &str| cluster.get(&format!("/api/v1/namespaces/default/{resource}"));
    fault(&cluster, "busy", json!({"rate": 0.5, "api": {"verbs": ["list"], "resources": ["pods"], "status": 429}}));
    fault(&cluster, "late", json!({"api": {"verbs": ["get"], "resources": ["nodes"], "latency": "60ms"}}));
    let failed = (0..200).filter(|_| {
        let Err(error) = list("pods") else { return false };
        let status = error.downcast_ref::<Status>().expect("a status");
        assert_eq!((status.code, status.reason.as_str()), (429, "TooManyRequests"));
        true
    });
    let failed = failed.count();
    assert!((60..140).contains(&failed), "{failed} of 200");
    assert!(list("services").is_ok());
    let began = Instant::now();
    cluster.get("/api/v1/nodes/kctl-worker").expect("a node");
    assert!(began.elapsed() >= Duration::from_millis(60));
    // What a fault does cannot keep it from being taken away.
    fault(&cluster, "all", json!({"api": {"status": 500}}));
    let error = list("services").expect_err("everything fails").to_string();
    assert_eq!(error, "Internal error occurred: fault all");
    cluster.delete("/apis/kctl.dev/v1alpha1/faults/all").expect("gone");
    assert!(list("services").is_ok());
}

#[test]
fn watches_that_break_off() {
    let cluster = cluster();
    fault(&cluster, "short", json!({"api": {"verbs": ["watch"], "closeWatchesAfter": "50ms"}}));
    let request = Request::get(format!("{PODS}?watch=true")).body(bytes::Bytes::new()).expect("a request");
    // The answer can be read to its end, which it had not without the fault.
    let response = cluster.call(request).expect("an answer");
    assert_eq!(response.status(), 200);
}

fn documents() -> Vec<Object> {
    STAGES
        .split("---\n")
        .map(|text| yaml::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{why}: {text}")))
        .collect()
}

#[test]
fn stages_move_pods_and_nodes() {
    let cluster = cluster();
    for stage in documents() {
        faults::check(&stage).unwrap_or_else(|why| panic!("{}: {why}", stage.name()));
        cluster.apply(&stage).expect("a stage");
    }
    let mut staged = pod("staged", json!({"staged": "yes"}), "whatever:1");
    staged["metadata"]["annotations"] = json!({"begin/delay": "20s", "fail/reason": "Bored"});
    cluster.apply(&staged).expect("a pod");
    cluster.apply(&pod("plain", json!({}), "nginx")).expect("a pod");
    wait(&cluster, 18);
    let phase = |name: &str| get(&cluster, name).str_at(&["status", "phase"]).to_owned();
    assert_eq!((phase("staged").as_str(), phase("plain").as_str()), ("Pending", "Running"));
    wait(&cluster, 4);
    let running = get(&cluster, "staged");
    assert_eq!(running.str_at(&["status", "phase"]), "Running", "{running:#}");
    assert!(running.str_at(&["status", "podIP"]).starts_with("10.244."), "{running:#}");
    assert!(running.str_at(&["status", "hostIP"]).starts_with("172.18."), "{running:#}");
    assert_eq!(running["metadata"]["finalizers"][0], "example.com/hold");
    assert!(reasons(&cluster, "staged").contains(&"Begun".to_owned()));
    wait(&cluster, 25);
    let failed = get(&cluster, "staged");
    assert_eq!(failed.str_at(&["status", "phase"]), "Failed", "{failed:#}");
    assert_eq!(failed["status"]["containerStatuses"][0]["state"]["terminated"]["reason"], "Bored");
    cluster.delete(&format!("{PODS}/staged")).expect("deleted");
    wait(&cluster, 40);
    assert!(cluster.get(&format!("{PODS}/staged")).is_err());
    let beats = json!({"metadata": {"labels": {"beats": "yes"}}});
    cluster.send(Method::PATCH, "/api/v1/nodes/kctl-worker", &beats).expect("labelled");
    wait(&cluster, 600);
    let first = cluster.get("/api/v1/nodes/kctl-worker").expect("a node");
    wait(&cluster, 90);
    let second = cluster.get("/api/v1/nodes/kctl-worker").expect("a node");
    assert_ne!(first.annotation("beat"), second.annotation("beat"));
    assert!(first.annotation("beat").is_some());
}

#[test]
fn what_a_stage_cannot_do_is_said() {
    let stage = |spec: Object| json!({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": "s"}, "spec": spec});
    let of = json!({"kind": "Pod"});
    for (spec, part) in [
        (json!({}), "missing field `resourceRef`"),
        (json!({"resourceRef": of, "steps": [{"apply": {}}]}), "unknown field `apply`"),
        (json!({"resourceRef": of, "next": {"statusTemplate": "{{ Nowhere }}"}}), "function \"Nowhere\" not defined"),
        (
            json!({"resourceRef": of, "selector": {"matchExpressions": [{"key": ".a + 1", "operator": "Exists"}]}}),
            "the expression \".a + 1\"",
        ),
        (
            json!({"resourceRef": of, "selector": {"matchExpressions": [{"key": ".a", "operator": "In"}]}}),
            "In and NotIn need values",
        ),
        (json!({"resourceRef": of, "next": {"patches": [{"subresource": "scale"}]}}), "the subresource \"scale\""),
    ] {
        let error = faults::check(&stage(spec)).expect_err("refused");
        assert!(error.contains(part), "{error}");
    }
    let cluster = cluster();
    cluster.apply(&stage(json!({"resourceRef": {"kind": "Boat"}, "selector": {}}))).expect("taken");
    wait(&cluster, 5);
    assert_eq!(reasons(&cluster, "s"), ["InvalidStage"]);
}

#[test]
fn a_day_takes_a_moment() {
    let cluster = TestOptions::default().time_scale(100_000.0).start().expect("a cluster");
    let began = cluster.now();
    cluster
        .apply(&json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "hourly"},
            "spec": {
                "schedule": "0 * * * *", "successfulJobsHistoryLimit": 100,
                "jobTemplate": {"spec": {"template": {"spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "main", "image": "busybox", "command": ["sleep", "90"]}],
                }}}},
            },
        }))
        .expect("a cron job");
    let real = Instant::now();
    while cluster.now().duration_since(began).as_hours() < 12 && real.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nothing was left out, and everything happened at its time.
    let jobs = cluster.list("/apis/batch/v1/namespaces/default/jobs").expect("jobs");
    assert!((11..=14).contains(&jobs.len()), "{} jobs", jobs.len());
    for job in jobs.iter().filter(|job| job.at(&["status", "completionTime"]).is_some()) {
        let made = job.creation_timestamp().expect("a time");
        assert_eq!(made.as_second() % 3600, 0, "{made}");
        let took = job.time_at(&["status", "completionTime"]).expect("a time").duration_since(made).as_secs();
        assert!((90..110).contains(&took), "{took} s");
    }
}

#[test]
fn a_served_cluster_is_there_for_other_clients() {
    let cluster = TestOptions::default().nodes(1).serve().expect("a cluster");
    let kubeconfig = cluster.kubeconfig().expect("served").to_owned();
    assert!(kubeconfig.is_file());
    let server = cluster.server().expect("served");
    assert!(std::net::TcpStream::connect(&server.address).is_ok());
    assert_eq!(cluster.list("/api/v1/nodes").expect("nodes").len(), 1);
    drop(cluster);
    assert!(!kubeconfig.exists() && kubeconfig.parent().is_some_and(|folder| !folder.exists()));
}

#[tokio::test]
async fn a_test_may_be_a_future() {
    let cluster = TestCluster::start().expect("a cluster");
    let request = Request::get("/version").body(bytes::Bytes::new()).expect("a request");
    let body = cluster.handle().call(request).await.into_body().collect().await.expect("a body").to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("v1.36"));
    assert_eq!(cluster.list("/api/v1/nodes").expect("nodes").len(), 3);
}
