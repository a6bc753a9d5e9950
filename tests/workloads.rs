//! The whole bundled cluster: API, controllers, scheduler and kubelet together.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use kctl::backend::controllers::engine::Engine;
use kctl::backend::controllers::engine::bundled::{Bundle, Waiting, engine};
use kctl::backend::controllers::{self, Controller};
use kctl::backend::kubelet::Kubelet;
use kctl::backend::kubelet::access::Access;
use kctl::backend::kubelet::logs::LogFiles;
use kctl::backend::kubelet::network::network;
use kctl::backend::kubelet::streams::Streams;
use kctl::backend::{Handle, Options};
use kctl::object::clock::Clock;
use kctl::object::{Meta, Object};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Cluster {
    handle: Handle,
    engine: Arc<Engine>,
    clock: Clock,
    folder: PathBuf,
}

impl Cluster {
    fn open(name: &str, clock: Clock, more: Vec<Box<dyn Controller>>) -> Self {
        let folder = std::env::temp_dir().join(format!("kctl-cluster-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let handle =
            Handle::open(Options { dir: None, clock: clock.clone(), seed: Some(7), nodes: 3 }).expect("a cluster");
        Self::over(handle, clock, folder, more)
    }

    fn over(handle: Handle, clock: Clock, folder: PathBuf, more: Vec<Box<dyn Controller>>) -> Self {
        let mut all = controllers::all("");
        all.push(Box::new(Kubelet::new()));
        all.extend(more);
        let bundle = Bundle {
            store: handle.api().store().clone(),
            clock: clock.clone(),
            seed: Some(7),
            controllers: all,
            logs: Box::new(LogFiles::new(&folder)),
            waiting: Waiting::default(),
        };
        let engine = Arc::new(engine(bundle, None));
        let access: Arc<dyn Access> = Arc::new(handle.api().clone());
        handle.set_nodes(Arc::new(Streams::new(access, &folder, None)));
        Self { handle, engine, clock, folder }
    }

    /// Lets so many seconds pass, on a manual clock.
    fn pass(&self, seconds: i64) {
        let to = self.clock.now().checked_add(jiff::SignedDuration::from_secs(seconds)).expect("a time");
        self.clock.advance_to(to);
        self.engine.settle(to).expect("settled");
    }

    async fn call(&self, method: &str, path: &str, body: Option<Object>) -> (u16, String) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let response = self.handle.call(request.body(body).expect("a request")).await;
        if self.clock.is_manual() {
            self.engine.settle(self.clock.now()).expect("settled");
        }
        let status = response.status().as_u16();
        let text = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&text).into_owned())
    }

    fn pods(&self) -> Vec<Object> {
        self.handle.api().list("pods", Some("default")).expect("pods")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn deployment(tag: &str, replicas: u32) -> Object {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "kubernetes-bootcamp", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "selector": {"matchLabels": {"app": "b"}},
            "template": {
                "metadata": {"labels": {"app": "b"}},
                "spec": {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler", "containers": [{
                    "name": "kubernetes-bootcamp", "image": format!("jocatalin/kubernetes-bootcamp:{tag}"), "imagePullPolicy": "IfNotPresent",
                }]},
            },
        },
    })
}

fn service(ip: &str, node_port: u16) -> Object {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "b", "namespace": "default"},
        "spec": {
            "type": "NodePort", "clusterIP": ip, "clusterIPs": [ip], "selector": {"app": "b"}, "ipFamilies": ["IPv4"],
            "ports": [{"port": 8080, "targetPort": 8080, "protocol": "TCP", "nodePort": node_port}],
        },
    })
}

#[tokio::test]
async fn a_deployment_comes_up_rolls_and_goes() {
    let start = "2026-01-02T03:04:05Z".parse().expect("a time");
    let cluster = Cluster::open("life", Clock::manual(start), Vec::new());
    let (status, text) =
        cluster.call("POST", "/apis/apps/v1/namespaces/default/deployments", Some(deployment("v1", 3))).await;
    assert_eq!(status, 201, "{text}");
    cluster.pass(10);
    let pods = cluster.pods();
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        assert_eq!(pod.str_at(&["status", "phase"]), "Running", "{pod}");
        assert!(pod.str_at(&["status", "podIP"]).starts_with("10.244."), "{pod}");
    }
    let name = pods[0].name();
    let (status, log) = cluster.call("GET", &format!("/api/v1/namespaces/default/pods/{name}/log"), None).await;
    assert_eq!(status, 200, "{log}");
    assert!(log.starts_with("Kubernetes Bootcamp App Started At: 2026-01-02T03:04:0"), "{log}");
    let (status, answer) = cluster.call("GET", &format!("/api/v1/namespaces/default/pods/{name}/proxy/"), None).await;
    assert_eq!((status, answer), (200, format!("Hello Kubernetes bootcamp! | Running on: {name} | v=1\n")));

    let change = |tag: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "kubernetes-bootcamp", "image": format!("jocatalin/kubernetes-bootcamp:{tag}")}]}}}});
    let mut current: Object = serde_json::from_str(
        &cluster.call("GET", "/apis/apps/v1/namespaces/default/deployments/kubernetes-bootcamp", None).await.1,
    )
    .expect("JSON");
    current["spec"]["template"] = {
        let mut t = current["spec"]["template"].clone();
        t["spec"]["containers"][0]["image"] =
            change("v2")["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        t
    };
    let (status, text) =
        cluster.call("PUT", "/apis/apps/v1/namespaces/default/deployments/kubernetes-bootcamp", Some(current)).await;
    assert_eq!(status, 200, "{text}");
    cluster.pass(60);
    let images: Vec<String> = cluster
        .pods()
        .iter()
        .map(|pod| pod.list_at(&["status", "containerStatuses"])[0].str_at(&["image"]).to_owned())
        .collect();
    assert_eq!(images, ["docker.io/jocatalin/kubernetes-bootcamp:v2"; 3]);

    let events = cluster.handle.api().list("events", Some("default")).expect("events");
    for (reason, message) in [
        ("Pulling", "Pulling image \"jocatalin/kubernetes-bootcamp:v1\""),
        ("Started", "Container started"),
        ("Killing", "Stopping container kubernetes-bootcamp"),
    ] {
        let found =
            events.iter().any(|event| event.str_at(&["reason"]) == reason && event.str_at(&["message"]) == message);
        assert!(found, "{reason} {message}");
    }
    let (status, text) =
        cluster.call("DELETE", "/apis/apps/v1/namespaces/default/deployments/kubernetes-bootcamp", None).await;
    assert_eq!(status, 200, "{text}");
    cluster.pass(60);
    assert_eq!(cluster.pods(), [] as [Object; 0]);
}

async fn get(address: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    text.starts_with("HTTP/1.1 200").then_some(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_update_loses_no_request() {
    let clock = Clock::System;
    let handle = Handle::open(Options { dir: None, clock: clock.clone(), seed: Some(7), nodes: 3 }).expect("a cluster");
    let folder = std::env::temp_dir().join(format!("kctl-cluster-rolling-{}", std::process::id()));
    let access: Arc<dyn Access> = Arc::new(handle.api().clone());
    let (proxy, net) = network(access, LogFiles::new(&folder), None);
    let cluster = Cluster::over(handle, clock, folder, vec![Box::new(proxy)]);
    tokio::spawn(net.run(std::future::pending()));
    let engine = Arc::clone(&cluster.engine);
    tokio::spawn(async move { engine.run(std::future::pending()).await });
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let (status, text) =
        cluster.call("POST", "/api/v1/namespaces/default/services", Some(service("10.96.44.4", port))).await;
    assert_eq!(status, 201, "{text}");
    let (status, text) =
        cluster.call("POST", "/apis/apps/v1/namespaces/default/deployments", Some(deployment("v1", 3))).await;
    assert_eq!(status, 201, "{text}");
    let address = format!("127.0.0.1:{port}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while get(&address).await.is_none() {
        assert!(tokio::time::Instant::now() < deadline, "no answer: {:?}", cluster.pods());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let client = tokio::spawn({
        let (over, address) = (Arc::clone(&over), address.clone());
        async move {
            let (mut asked, mut failed, mut new) = (0, 0, 0);
            while !over.load(Ordering::Relaxed) {
                asked += 1;
                match get(&address).await {
                    Some(text) => new += u32::from(text.contains("v=2")),
                    None => failed += 1,
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            (asked, failed, new)
        }
    });
    let path = "/apis/apps/v1/namespaces/default/deployments/kubernetes-bootcamp";
    for _ in 0..20 {
        let mut current: Object = serde_json::from_str(&cluster.call("GET", path, None).await.1).expect("JSON");
        current["spec"]["template"]["spec"]["containers"][0]["image"] = json!("jocatalin/kubernetes-bootcamp:v2");
        if cluster.call("PUT", path, Some(current)).await.0 == 200 {
            break;
        }
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(40);
    loop {
        let pods = cluster.pods();
        let done = pods.len() == 3
            && pods.iter().all(|pod| {
                pod.list_at(&["spec", "containers"])[0].str_at(&["image"]).ends_with(":v2")
                    && pod.str_at(&["status", "phase"]) == "Running"
            });
        if done {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{pods:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    over.store(true, Ordering::Relaxed);
    let (asked, failed, new) = client.await.expect("a client");
    assert!(asked > 50 && new > 0, "{asked} {new}");
    assert_eq!(failed, 0, "of {asked}");
}
