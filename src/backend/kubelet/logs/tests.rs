//! What a reader of logs sees.

use std::sync::Mutex;

use super::*;
use crate::backend::controllers::{Event, Key, View};
use crate::backend::kubelet::env::Lookup;
use crate::object::clock::Clock;
use serde_json::json;

/// A cluster in memory.
struct Fake {
    view: Mutex<View>,
    clock: Clock,
}

impl Lookup for Fake {
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.view.lock().unwrap().object(resource, namespace, name)
    }
    fn services(&self, namespace: &str) -> Vec<Arc<Object>> {
        self.view.lock().unwrap().services(namespace)
    }
}

impl Access for Fake {
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Object>> {
        self.view.lock().unwrap().list(resource, namespace).cloned().collect()
    }
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
    fn update_status(&self, _: &'static str, _: Object) {}
    fn report(&self, _: Event) {}
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_323_045 + seconds).expect("a time")
}

fn pod(state: Object, last: Object, restarts: i64) -> Object {
    json!({
        "metadata": {"namespace": "n", "name": "p", "uid": "u1"},
        "spec": {"nodeName": "w", "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", "echo start; while true; do sleep 10; echo tick; done"]}]},
        "status": {"containerStatuses": [{"name": "c", "state": state, "lastState": last, "restartCount": restarts}]},
    })
}

fn cluster(pod: &Object, now: i64) -> (Arc<dyn Access>, Arc<Fake>) {
    let fake =
        Arc::new(Fake { view: Mutex::new(View::of([("pods", pod.clone())], at(now))), clock: Clock::manual(at(now)) });
    (Arc::clone(&fake) as Arc<dyn Access>, fake)
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("kctl-logs-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

async fn read(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.expect("a body").to_bytes().to_vec()).expect("text")
}

fn running(seconds: i64) -> Object {
    json!({"running": {"startedAt": at(seconds).to_string()}})
}

fn ended(from: i64, to: i64) -> Object {
    json!({"terminated": {"startedAt": at(from).to_string(), "finishedAt": at(to).to_string(), "exitCode": 1, "containerID": "containerd://x"}})
}

#[tokio::test]
async fn merges_cuts_and_stamps() {
    let pod = pod(running(0), json!({}), 0);
    let (access, _) = cluster(&pod, 35);
    let folder = folder("merge");
    let files = LogFiles::new(&folder);
    files.append("u1", "c", 0, at(15), "asked");
    files.append("u1", "c", 1, at(15), "of another run");
    for (query, want) in [
        ("", "start\ntick\nasked\ntick\ntick\n"),
        ("tailLines=2", "tick\ntick\n"),
        ("tailLines=0", ""),
        ("sinceSeconds=16", "tick\ntick\n"),
        ("sinceTime=2026-01-02T03%3A04%3A20Z", "asked\ntick\ntick\n"),
        ("limitBytes=7", "start\nt"),
        (
            "timestamps=true&tailLines=4",
            "2026-01-02T03:04:15.000000000Z tick\n2026-01-02T03:04:20.000000000Z asked\n2026-01-02T03:04:25.000000000Z tick\n2026-01-02T03:04:35.000000000Z tick\n",
        ),
    ] {
        let options = LogOptions::parse(query).expect("options");
        assert_eq!(read(serve(&access, &files, &pod, &options).expect("a log")).await, want, "{query}");
    }
    std::fs::remove_dir_all(folder).expect("removed");
}

#[tokio::test]
async fn follows_until_the_end() {
    let pod = pod(running(0), json!({}), 0);
    let (access, fake) = cluster(&pod, 5);
    let folder = folder("follow");
    let files = LogFiles::new(&folder);
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let reading = tokio::spawn(read(serve(&access, &files, &pod, &options).expect("a log")));
    tokio::time::sleep(Duration::from_millis(120)).await;
    fake.clock.advance_to(at(21));
    files.append("u1", "c", 0, at(21), "asked");
    tokio::time::sleep(Duration::from_millis(120)).await;
    let mut over = pod.clone();
    over["status"]["containerStatuses"][0]["state"] = ended(0, 32);
    fake.clock.advance_to(at(60));
    fake.view
        .lock()
        .unwrap()
        .set(Key { resource: "pods", namespace: "n".into(), name: "p".into() }, Some(Arc::new(over)));
    assert_eq!(reading.await.expect("read"), "start\ntick\ntick\nasked\ntick\n");
    std::fs::remove_dir_all(folder).expect("removed");
}

#[tokio::test]
async fn says_which_log_there_is() {
    let files = LogFiles::new(folder("none"));
    let waiting = |reason: &str| json!({"waiting": {"reason": reason}});
    for (state, last, previous, want) in [
        (
            waiting("ContainerCreating"),
            json!({}),
            false,
            Err("container \"c\" in pod \"p\" is waiting to start: ContainerCreating"),
        ),
        (
            waiting("ImagePullBackOff"),
            json!({}),
            false,
            Err("container \"c\" in pod \"p\" is waiting to start: trying and failing to pull image"),
        ),
        (
            waiting("ErrImagePull"),
            json!({}),
            false,
            Err("container \"c\" in pod \"p\" is waiting to start: image can't be pulled"),
        ),
        (running(0), json!({}), true, Err("previous terminated container \"c\" in pod \"p\" not found")),
        (running(30), ended(0, 12), true, Ok("start\ntick\n")),
        (waiting("CrashLoopBackOff"), ended(0, 22), false, Ok("start\ntick\ntick\n")),
        (ended(0, 3), json!({}), false, Ok("start\n")),
    ] {
        let pod = pod(state, last, 1);
        let (access, _) = cluster(&pod, 100);
        let options = LogOptions { previous, ..LogOptions::default() };
        match (serve(&access, &files, &pod, &options), want) {
            (Ok(response), Ok(want)) => assert_eq!(read(response).await, want),
            (Err(status), Err(want)) => assert_eq!((status.message.as_str(), status.code), (want, 400)),
            (found, want) => panic!("{:?} instead of {want:?}", found.err()),
        }
    }
}

proptest::proptest! {
    #[test]
    fn queries_never_panic(text in "\\PC{0,80}") {
        let _ = LogOptions::parse(&text);
    }
}

#[test]
fn chooses_a_container() {
    let pod = json!({"metadata": {"name": "x"}, "spec": {"initContainers": [{"name": "i"}], "containers": [{"name": "a"}, {"name": "b"}]}});
    assert_eq!(choose(&pod, "b").map(|(_, c)| c["name"].clone()), Ok(json!("b")));
    assert_eq!(
        choose(&pod, "").unwrap_err().message,
        "a container name must be specified for pod x, choose one of: [i a b]"
    );
    assert_eq!(choose(&pod, "z").unwrap_err().message, "container z is not valid for pod x");
}
