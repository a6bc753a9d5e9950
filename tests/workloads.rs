//! Workloads in the bundled cluster, with a clock that is moved and in real time behind `serve`.

#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use kctl::backend::controllers;
use kctl::backend::controllers::engine::Engine;
use kctl::backend::controllers::engine::bundled::{Bundle, Waiting, engine};
use kctl::backend::kubelet::Kubelet;
use kctl::backend::kubelet::access::Access;
use kctl::backend::kubelet::logs::LogFiles;
use kctl::backend::kubelet::streams::Streams;
use kctl::backend::{Handle, Options, serve};
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
    fn open(name: &str, clock: Clock) -> Self {
        let folder = std::env::temp_dir().join(format!("kctl-cluster-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let handle = Handle::open(Options {
            dir: None,
            clock: clock.clone(),
            seed: Some(7),
            nodes: 3,
            disabled: Default::default(),
        })
        .expect("a cluster");
        let mut all = controllers::all(&kctl::backend::trust::Trust::default());
        all.push(Box::new(Kubelet::new()));
        let bundle = Bundle {
            disabled: Default::default(),
            store: handle.api().store().clone(),
            clock: clock.clone(),
            seed: Some(7),
            controllers: all,
            logs: Box::new(LogFiles::new(&folder)),
            waiting: Waiting::default(),
            way_to_webhooks: Default::default(),
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
    let cluster = Cluster::open("life", Clock::manual(start));
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
    let folder = std::env::temp_dir().join(format!("kctl-cluster-rolling-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let clock = Clock::System;
    let cluster = Options {
        dir: Some(folder.clone()),
        clock: clock.clone(),
        seed: Some(7),
        nodes: 3,
        disabled: Default::default(),
    };
    let (told, ready) = tokio::sync::oneshot::channel();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let options = serve::Options::new(folder.clone(), clock.now());
    let serving = tokio::spawn(serve::cluster(
        cluster,
        options,
        |_| Ok(()),
        move |server, _| told.send(server.running().clone()).expect("someone waits"),
        async { stopped.await.unwrap_or(()) },
    ));
    let running = ready.await.expect("a server");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = reqwest::Certificate::from_pem(running.certificate_authority.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder().tls_certs_only([certificate]).no_proxy().build().expect("a client");
    let send = async |method: reqwest::Method, path: &str, body: Option<Object>| {
        let request = client.request(method, format!("{}{path}", running.server)).bearer_auth(&running.token);
        let request = request
            .header("content-type", "application/json")
            .body(body.map(|body| body.to_string()).unwrap_or_default());
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str::<Object>(&text).expect("JSON"))
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let (status, said) = send(
        reqwest::Method::POST,
        "/api/v1/namespaces/default/services",
        Some(service("10.96.44.4", node_port(port))),
    )
    .await;
    assert_eq!(status, 201, "{said}");
    let port = said["spec"]["ports"][0]["nodePort"].as_u64().expect("a port");
    let (status, said) =
        send(reqwest::Method::POST, "/apis/apps/v1/namespaces/default/deployments", Some(deployment("v1", 3))).await;
    assert_eq!(status, 201, "{said}");
    let address = format!("127.0.0.1:{port}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while get(&address).await.is_none() {
        assert!(tokio::time::Instant::now() < deadline, "no answer");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
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
        let mut current = send(reqwest::Method::GET, path, None).await.1;
        current["spec"]["template"]["spec"]["containers"][0]["image"] = json!("jocatalin/kubernetes-bootcamp:v2");
        if send(reqwest::Method::PUT, path, Some(current)).await.0 == 200 {
            break;
        }
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(40);
    loop {
        let pods = send(reqwest::Method::GET, "/api/v1/namespaces/default/pods", None).await.1;
        let pods = pods.list_at(&["items"]);
        let is_new = |pod: &Object| {
            pod.list_at(&["spec", "containers"])[0].str_at(&["image"]).ends_with(":v2")
                && pod.str_at(&["status", "phase"]) == "Running"
        };
        if pods.len() == 3 && pods.iter().all(is_new) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{pods:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    over.store(true, Ordering::Relaxed);
    let (asked, failed, new) = asking.await.expect("a client");
    assert!(asked > 50 && new > 0, "{asked} {new}");
    assert_eq!(failed, 0, "of {asked}");
    stop.send(()).expect("running");
    serving.await.expect("an end").expect("served");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(get(&address).await, None);
    assert!(serve::find(&folder).is_none() && !running.kubeconfig.exists());
    std::fs::remove_dir_all(folder).expect("removed");
}

/// A port in the range of NodePorts.
fn node_port(port: u16) -> u16 {
    30_000 + port % 2768
}
