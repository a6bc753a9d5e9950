//! The engine: order, dates, waiting, and who may run it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

use super::bundled::{Bundle, Waiting, engine};
use super::*;
use crate::backend::controllers::Write;
use crate::backend::controllers::testing::{Lab, deployment};
use crate::backend::controllers::{Outcome, all};
use crate::backend::store::Store;
use crate::object::{Meta, Object};

/// Counts its looks; asks to look again as `again` says; writes what `write` says.
struct Probe {
    looks: Arc<Mutex<Vec<(String, i64)>>>,
    again: Option<i64>,
    write: fn(&Key, &View) -> Vec<Write>,
}

impl Controller for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }
    fn watches(&self) -> &'static [&'static str] {
        &["configmaps"]
    }
    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        vec![change.key.clone()]
    }
    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        self.looks.lock().expect("no panic").push((key.name.clone(), view.now().as_second()));
        let due = self.again.map(|seconds| view.now() + SignedDuration::from_secs(seconds));
        Outcome { writes: (self.write)(key, view), requeue_at: due }
    }
}

fn probe(again: Option<i64>, write: fn(&Key, &View) -> Vec<Write>) -> (Lab, Arc<Mutex<Vec<(String, i64)>>>) {
    let looks = Arc::new(Mutex::new(Vec::new()));
    let lab = Lab::new(vec![Box::new(Probe { looks: Arc::clone(&looks), again, write })]);
    lab.create("configmaps", json!({"metadata": {"name": "a", "namespace": "default"}}));
    (lab, looks)
}

#[test]
fn nothing_is_looked_at_when_nothing_is_due() {
    let (lab, looks) = probe(Some(10), |_, _| Vec::new());
    lab.settle();
    assert_eq!(looks.lock().expect("no panic").len(), 1);
    lab.clock.advance_to(lab.clock.now() + SignedDuration::from_secs(9));
    assert_eq!(lab.settle(), Report::default());
    assert_eq!(lab.pass(1).looks, 1);
}

#[test]
fn a_new_process_finds_nothing_to_do_in_a_settled_cluster() {
    let (lab, _) = probe(None, |_, _| Vec::new());
    lab.settle();
    let looks = Arc::new(Mutex::new(Vec::new()));
    let other = engine(
        Bundle {
            disabled: Default::default(),
            store: lab.api.store().clone(),
            clock: lab.clock.clone(),
            seed: Some(7),
            controllers: vec![Box::new(Probe { looks: Arc::clone(&looks), again: None, write: |_, _| Vec::new() })],
            logs: Box::new(()),
            waiting: Waiting::default(),
            way_to_webhooks: Default::default(),
        },
        None,
    );
    assert_eq!(other.settle(lab.clock.now()).expect("settles"), Report::default());
    lab.create("configmaps", json!({"metadata": {"name": "b", "namespace": "default"}}));
    let later = lab.clock.now() + SignedDuration::from_secs(60);
    other.settle(later).expect("settles");
    let start = lab.clock.now().as_second();
    assert_eq!(
        *looks.lock().expect("no panic"),
        [("a".to_owned(), start), ("b".to_owned(), start + 60)],
        "what is new is due now, all else when it was last settled"
    );
}

#[test]
fn each_look_is_at_the_moment_it_was_due() {
    let (lab, looks) = probe(Some(10), |_, _| Vec::new());
    lab.pass(35);
    let start = lab.clock.now().as_second() - 35;
    let times: Vec<i64> = looks.lock().expect("no panic").iter().map(|(_, time)| time - start).collect();
    assert_eq!(times, [0, 10, 20, 30]);
}

#[test]
fn a_long_sleep_is_not_lived_through_again() {
    let (lab, looks) = probe(Some(60), |_, _| Vec::new());
    lab.pass(30 * 86_400);
    let looks = looks.lock().expect("no panic").len();
    assert!(looks > 60 && looks < 80, "an hour, and the last ten minutes: {looks}");
}

#[test]
fn what_goes_round_in_circles_is_parked_and_named() {
    let (lab, _) = probe(None, |key, view| {
        let Some(object) = view.at(key) else { return Vec::new() };
        let mut object = Object::clone(object);
        let count = object.str_at(&["data", "n"]).len();
        object.set_at(&["data", "n"], if count > 3 { String::new() } else { "x".repeat(count + 1) });
        vec![Write::Update { resource: "configmaps", object }]
    });
    let report = lab.engine.settle(lab.clock.now()).expect("ends");
    let [(controller, key)] = report.parked.as_slice() else { panic!("{report:?}") };
    assert_eq!((*controller, key.name.as_str()), ("probe", "a"));
}

#[test]
fn a_refused_write_is_tried_again_ever_later() {
    let (lab, looks) = probe(None, |_, _| {
        vec![Write::Create { resource: "pods", object: json!({"metadata": {"name": "p", "namespace": "nowhere"}}) }]
    });
    lab.pass(60);
    let start = lab.clock.now().as_second() - 60;
    let times: Vec<i64> = looks.lock().expect("no panic").iter().map(|(_, time)| time - start).collect();
    assert_eq!(times, [0, 0, 1, 3, 7, 15, 31]);
}

#[test]
fn writes_of_one_look_build_on_each_other() {
    let (lab, looks) = probe(None, |key, view| {
        let Some(object) = view.at(key).filter(|object| object.str_at(&["data", "n"]).is_empty()) else {
            return Vec::new();
        };
        let mut first = Object::clone(object);
        first.set_at(&["data", "n"], "1");
        let mut second = first.clone();
        second.set_at(&["data", "n"], "2");
        [first, second].map(|object| Write::Update { resource: "configmaps", object }).into()
    });
    lab.settle();
    assert_eq!(lab.get("configmaps", "a").str_at(&["data", "n"]), "2");
    assert_eq!(looks.lock().expect("no panic").len(), 2);
}

#[test]
fn a_failed_write_ends_the_outcome() {
    let (lab, _) = probe(None, |key, view| {
        let Some(object) = view.at(key) else { return Vec::new() };
        let mut stale = Object::clone(object);
        stale.set_at(&["metadata", "resourceVersion"], "1");
        vec![
            Write::Update { resource: "configmaps", object: stale },
            Write::Create {
                resource: "configmaps",
                object: json!({"metadata": {"name": "never", "namespace": "default"}}),
            },
        ]
    });
    lab.settle();
    assert_eq!(lab.names("configmaps"), ["a"]);
}

fn seeded(seed: u64) -> Vec<String> {
    let mut controllers = all(&crate::backend::trust::Trust::new(None));
    controllers.push(Box::new(crate::backend::controllers::testing::FakeKubelet));
    let lab = Lab::seeded(controllers, seed);
    lab.create("deployments.apps", deployment("web", 3, "nginx"));
    lab.create(
        "services",
        json!({
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"clusterIP": "10.96.0.9", "selector": {"app": "web"}, "ports": [{"port": 80}]},
        }),
    );
    lab.pass(30);
    lab.edit("deployments.apps", "web", |object| object.set_at(&["spec", "replicas"], 5));
    lab.pass(30);
    let resources = ["pods", "replicasets.apps", "events", "endpoints", "endpointslices.discovery.k8s.io"];
    resources.iter().flat_map(|resource| lab.list(resource)).map(|object| object.to_string()).collect()
}

#[test]
fn the_same_seed_and_clock_give_the_same_cluster() {
    let first = seeded(1);
    assert_eq!(first, seeded(1));
    assert_ne!(first, seeded(2));
}

#[test]
fn only_one_process_runs_it() {
    let folder = std::env::temp_dir().join(format!("kctl-engine-run-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let held = EngineLock::in_folder(&folder).try_acquire().expect("works").expect("is free");
    let bundle = |store: Store| Bundle {
        disabled: Default::default(),
        store,
        clock: Clock::default(),
        seed: Some(1),
        controllers: all(&crate::backend::trust::Trust::new(None)),
        logs: Box::new(()),
        waiting: Waiting::default(),
        way_to_webhooks: Default::default(),
    };
    let store = Store::memory().expect("a store");
    let here = engine(bundle(store.clone()), Some(&folder));
    let now = Clock::default().now();
    assert!(here.settle(now).expect("settles").elsewhere);
    drop(held);
    assert!(!here.settle(now).expect("settles").elsewhere);
    std::fs::remove_dir_all(&folder).expect("removes");
}

#[tokio::test]
async fn time_jumps_while_someone_waits_and_stands_still_otherwise() {
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    let (lab, _) = probe(Some(600), |_, _| {
        LOOKS.fetch_add(1, Ordering::Relaxed);
        Vec::new()
    });
    let began = Instant::now();
    let waiter = lab.waiting.begin();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let engine = Arc::clone(&lab.engine);
    let run = tokio::spawn(async move { engine.run(async { drop(ended.await) }).await });
    while LOOKS.load(Ordering::Relaxed) < 7 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(began.elapsed() < Duration::from_secs(10), "time does not jump");
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(lab.elapsed(), 3600, "at most an hour");
    drop(waiter);
    let _ = end.send(());
    run.await.expect("no panic").expect("runs");
    assert_eq!(LOOKS.load(Ordering::Relaxed), 7);
}

#[tokio::test]
async fn runs_in_real_time() {
    let store = Store::memory().expect("a store");
    let looks = Arc::new(Mutex::new(Vec::new()));
    let clock = Clock::default();
    let api = crate::backend::api::Api::new(store.clone(), clock.clone(), Some(1));
    let engine = Arc::new(engine(
        Bundle {
            disabled: Default::default(),
            store,
            clock,
            seed: Some(1),
            controllers: vec![Box::new(Probe { looks: Arc::clone(&looks), again: None, write: |_, _| Vec::new() })],
            logs: Box::new(()),
            waiting: Waiting::default(),
            way_to_webhooks: Default::default(),
        },
        None,
    ));
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let running = Arc::clone(&engine);
    let run = tokio::spawn(async move { running.run(async { drop(ended.await) }).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    api.create("namespaces", json!({"metadata": {"name": "default"}})).expect("creates");
    api.create("configmaps", json!({"metadata": {"name": "a", "namespace": "default"}})).expect("creates");
    let began = Instant::now();
    while looks.lock().expect("no panic").is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(began.elapsed() < Duration::from_secs(10), "does not see the change");
    }
    let _ = end.send(());
    run.await.expect("no panic").expect("runs");
}
