//! Pods that answer, Services that balance, on real sockets.

//! Pods and services that listen and answer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::backend::controllers::Event;
use crate::backend::kubelet::env::Lookup;
use crate::object::{Object, Timestamp};

#[derive(Default)]
struct Reports(Mutex<Vec<String>>);

impl Lookup for Reports {
    fn object(&self, _: &str, _: &str, _: &str) -> Option<Arc<Object>> {
        None
    }
    fn services(&self, _: &str) -> Vec<Arc<Object>> {
        Vec::new()
    }
}

impl Access for Reports {
    fn list(&self, _: &str, _: Option<&str>) -> Vec<Arc<Object>> {
        Vec::new()
    }
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
    fn update_status(&self, _: &'static str, _: Object) {}
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event.message);
    }
}

/// A cluster whose objects the test changes.
struct World {
    proxy: Proxy,
    view: View,
    reports: Arc<Reports>,
    folder: std::path::PathBuf,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kctl-network-{name}-{}", std::process::id()));
        let reports = Arc::new(Reports::default());
        let (proxy, network) = network(Arc::clone(&reports) as Arc<dyn Access>, LogFiles::new(&folder), None);
        tokio::spawn(network.run(std::future::pending()));
        Self { proxy, view: View::of([], Timestamp::UNIX_EPOCH), reports, folder }
    }

    async fn set(&mut self, resource: &'static str, name: &str, object: Option<Object>) {
        let key = Key { resource, namespace: "n".into(), name: name.into() };
        let old = self.view.at(&key).cloned();
        self.view.set(key.clone(), object.map(Arc::new));
        let change = Change { key: key.clone(), revision: 1, old, new: self.view.at(&key).cloned(), text: None };
        for key in self.proxy.keys(&change, &self.view) {
            assert_eq!(self.proxy.reconcile(&key, &self.view), Outcome::default());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn pod(name: &str, ip: &str, leaving: bool) -> Object {
    let mut pod = json!({
        "metadata": {"namespace": "n", "name": name, "uid": format!("uid-{name}")},
        "spec": {"nodeName": "w", "containers": [{"name": "c", "image": "jocatalin/kubernetes-bootcamp:v1"}]},
        "status": {"phase": "Running", "podIP": ip, "containerStatuses": [{"name": "c", "restartCount": 0, "containerID": name,
            "state": {"running": {"startedAt": "1970-01-01T00:00:00Z"}}}]},
    });
    if leaving {
        pod["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:30Z");
    }
    pod
}

fn service(node_port: u16) -> Object {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "n", "name": "s"},
        "spec": {"clusterIP": "10.97.3.4", "ports": [{"port": 8080, "nodePort": node_port, "protocol": "TCP"}]},
    })
}

fn slice(ready: &[&str]) -> Object {
    let endpoints: Vec<Object> =
        ready.iter().map(|ip| json!({"addresses": [ip], "conditions": {"ready": true}})).collect();
    json!({
        "metadata": {"namespace": "n", "name": "s-x", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": 8080, "protocol": "TCP"}],
    })
}

async fn get(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    text.starts_with("HTTP/1.1 200").then(|| text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()))?
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

#[test]
fn addresses_move_to_the_loopback_network() {
    assert_eq!(loopback("10.244.1.5"), Some(Ipv4Addr::new(127, 244, 1, 5)));
    assert_eq!(loopback("10.96.0.10"), Some(Ipv4Addr::new(127, 96, 0, 10)));
    assert_eq!(loopback("None"), None);
}

#[tokio::test]
async fn pods_answer_and_services_balance() {
    let mut world = World::new("balance");
    let node_port = free_port();
    world.set("pods", "a", Some(pod("a", "10.244.77.2", false))).await;
    world.set("pods", "b", Some(pod("b", "10.244.77.3", false))).await;
    world.set("services", "s", Some(service(node_port))).await;
    world.set(SLICES, "s-x", Some(slice(&["10.244.77.2", "10.244.77.3"]))).await;
    assert_eq!(get("127.244.77.2:8080").await.as_deref(), Some("Hello Kubernetes bootcamp! | Running on: a | v=1\n"));
    for address in ["127.97.3.4:8080".to_owned(), format!("127.0.0.1:{node_port}")] {
        let mut answers: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..10 {
            *answers.entry(get(&address).await.expect("an answer")).or_default() += 1;
        }
        assert_eq!(answers.values().copied().collect::<Vec<_>>(), [5, 5], "{address}: {answers:?}");
    }
    let log = std::fs::read_to_string(world.folder.join("pods/uid-a/c/0.log")).expect("a log");
    assert_eq!(log.lines().count(), 11);
    assert!(
        log.lines()
            .last()
            .is_some_and(|line| line.contains("Running On: a | Total Requests: 11 | App Uptime: 0.000 seconds")),
        "{log}"
    );

    // Only those that are ready are asked.
    world.set(SLICES, "s-x", Some(slice(&["10.244.77.3"]))).await;
    for _ in 0..4 {
        assert!(get("127.97.3.4:8080").await.is_some_and(|answer| answer.contains("Running on: b")));
    }
    world.set("pods", "a", None).await;
    assert_eq!(get("127.244.77.2:8080").await, None);
    world.set("services", "s", None).await;
    assert_eq!(get("127.97.3.4:8080").await, None);
    std::fs::remove_dir_all(&world.folder).expect("removed");
}

#[tokio::test]
async fn no_request_fails_while_pods_are_replaced() {
    let mut world = World::new("rolling");
    world
        .set(
            "services",
            "s",
            Some({
                let mut s = service(free_port());
                s["spec"]["clusterIP"] = json!("10.97.3.5");
                s
            }),
        )
        .await;
    let ip = |index: usize| format!("10.244.78.{}", index + 2);
    world.set("pods", "p0", Some(pod("p0", &ip(0), false))).await;
    world.set(SLICES, "s-x", Some(slice(&[&ip(0)]))).await;
    let over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let over = Arc::clone(&over);
            tokio::spawn(async move {
                let (mut asked, mut failed) = (0, 0);
                while !over.load(Ordering::Relaxed) {
                    asked += 1;
                    failed += u32::from(get("127.97.3.5:8080").await.is_none());
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                (asked, failed)
            })
        })
        .collect();
    for index in 1..6 {
        let (new, old) = (format!("p{index}"), format!("p{}", index - 1));
        world.set("pods", &new, Some(pod(&new, &ip(index), false))).await;
        // As the controllers do: the old pod begins to end, leaves the endpoints, and is gone a while later.
        world.set("pods", &old, Some(pod(&old, &ip(index - 1), true))).await;
        world.set(SLICES, "s-x", Some(slice(&[&ip(index)]))).await;
        world.set("pods", &old, None).await;
    }
    over.store(true, Ordering::Relaxed);
    let (mut asked, mut failed) = (0, 0);
    for client in clients {
        let (a, f) = client.await.expect("a client");
        asked += a;
        failed += f;
    }
    assert!(asked > 50, "{asked}");
    assert_eq!(failed, 0, "of {asked}");
    let _ = std::fs::remove_dir_all(&world.folder);
}

#[tokio::test]
async fn an_occupied_port_is_an_event() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let mut world = World::new("taken");
    let mut service = service(port);
    service["spec"]["clusterIP"] = json!("10.97.3.6");
    world.set("services", "s", Some(service)).await;
    let reports = world.reports.0.lock().unwrap().join("\n");
    assert!(
        reports.starts_with(&format!("can't open port \"nodePort for n/s\" (127.0.0.1:{port}/tcp), skipping it: ")),
        "{reports}"
    );
    assert_eq!(reports.lines().count(), 1);
}
