//! The bundled cluster as a program would use it: requests in, responses out, a clock that is moved.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use kctl::backend::{self, Handle, Options};
use kctl::object::clock::Clock;
use kctl::object::{Meta, Object, Timestamp, time};
use serde_json::json;

struct Cluster {
    handle: Handle,
    clock: Clock,
}

impl Cluster {
    fn new() -> Self {
        let clock = Clock::manual(time::parse_rfc3339("2026-01-02T03:04:05Z").expect("a time"));
        let options =
            Options { dir: None, clock: clock.clone(), seed: Some(1), nodes: 3, disabled: Default::default() };
        Self { handle: backend::open(options).expect("opens"), clock }
    }

    fn pass(&self, seconds: i64) {
        let later = self.clock.now().as_second() + seconds;
        self.clock.advance_to(Timestamp::from_second(later).expect("a time"));
    }

    async fn send(&self, method: &str, path: &str, body: Object) -> (u16, Object) {
        let content = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).header("content-type", content).body(body);
        let response = self.handle.call(request.expect("a request")).await;
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (code, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Object {
        let (code, object) = self.send("GET", path, Object::Null).await;
        assert_eq!(code, 200, "{path}: {object}");
        object
    }
}

fn deployment(replicas: i64) -> Object {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "nginx", "image": "nginx:1.27"}]},
            },
        },
    })
}

#[tokio::test]
async fn a_deployment_becomes_ready_in_time_and_is_dated_when_it_was() {
    let cluster = Cluster::new();
    let (code, object) = cluster.send("POST", "/apis/apps/v1/namespaces/default/deployments", deployment(2)).await;
    assert_eq!(code, 201, "{object}");
    cluster.pass(60);
    let deployment = cluster.get("/apis/apps/v1/namespaces/default/deployments/web").await;
    assert_eq!(deployment.int_at(&["status", "readyReplicas"]), Some(2), "{deployment:#}");
    let pods = cluster.get("/api/v1/namespaces/default/pods").await;
    let created = deployment.creation_timestamp().expect("a time");
    for pod in pods.list_at(&["items"]) {
        assert_eq!(pod.str_at(&["status", "phase"]), "Running");
        let age = pod.creation_timestamp().expect("a time").as_second() - created.as_second();
        assert!((0..2).contains(&age), "a pod was created {age} s after its deployment");
        let ready = pod.list_at(&["status", "conditions"]).iter().find(|it| it.str_at(&["type"]) == "Ready");
        let since = ready.expect("a condition").time_at(&["lastTransitionTime"]).expect("a time").as_second();
        assert!((1..20).contains(&(since - created.as_second())), "ready after {} s", since - created.as_second());
    }
    assert_eq!(pods.list_at(&["items"]).len(), 2);
}

#[tokio::test]
async fn an_idle_cluster_writes_nothing() {
    let cluster = Cluster::new();
    cluster.send("POST", "/apis/apps/v1/namespaces/default/deployments", deployment(2)).await;
    // The last that happens is that its events are over.
    cluster.pass(2 * 3600);
    let before = cluster.get("/api/v1/pods").await.str_at(&["metadata", "resourceVersion"]).to_owned();
    cluster.pass(24 * 3600);
    assert_eq!(cluster.get("/api/v1/pods").await.str_at(&["metadata", "resourceVersion"]), before);
}

#[tokio::test]
async fn what_is_deleted_takes_its_dependents_along() {
    let cluster = Cluster::new();
    cluster.send("POST", "/apis/apps/v1/namespaces/default/deployments", deployment(3)).await;
    cluster.pass(60);
    let (code, _) = cluster.send("DELETE", "/apis/apps/v1/namespaces/default/deployments/web", Object::Null).await;
    assert_eq!(code, 200);
    cluster.pass(60);
    for path in ["/api/v1/namespaces/default/pods", "/apis/apps/v1/namespaces/default/replicasets"] {
        let left = cluster.get(path).await;
        assert!(left.list_at(&["items"]).is_empty(), "{left:#}");
    }
}
