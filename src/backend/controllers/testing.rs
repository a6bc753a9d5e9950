//! A small cluster for tests: the real store and API, the controllers under test, a clock that stands
//! still, and a kubelet that does the least.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::engine::bundled::{Bundle, Waiting, engine};
use super::engine::{Engine, Report};
use super::node::is_failed;
use super::support::{conditions, owners, pods};
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::backend::api::{Api, DeleteOptions};
use crate::backend::store::Store;
use crate::object::clock::Clock;
use crate::object::{Meta, Object, Timestamp, time};

/// Where every test begins.
pub const START: &str = "2026-03-01T12:00:00Z";

/// See the module's text.
pub struct Lab {
    pub api: Api,
    pub engine: Arc<Engine>,
    pub clock: Clock,
    pub waiting: Waiting,
}

fn engine_of(api: &Api, clock: &Clock, waiting: &Waiting, seed: u64, controllers: Vec<Box<dyn Controller>>) -> Engine {
    let bundle = Bundle {
        disabled: Default::default(),
        store: api.store().clone(),
        clock: clock.clone(),
        seed: Some(seed),
        controllers,
        logs: Box::new(()),
        waiting: waiting.clone(),
        way_to_webhooks: Arc::clone(api.way_to_webhooks()),
    };
    engine(bundle, None)
}

impl Lab {
    /// A cluster with the namespace `default` and three nodes.
    pub fn new(controllers: Vec<Box<dyn Controller>>) -> Self {
        Self::seeded(controllers, 7)
    }

    /// As [`Self::new`], with a seed of its own.
    pub fn seeded(controllers: Vec<Box<dyn Controller>>, seed: u64) -> Self {
        let store = Store::memory().expect("a store");
        let clock = Clock::manual(time::parse_rfc3339(START).expect("a time"));
        let api = Api::new(store, clock.clone(), Some(seed));
        let waiting = Waiting::default();
        let engine = Arc::new(engine_of(&api, &clock, &waiting, seed, controllers));
        let lab = Self { api, engine, clock, waiting };
        lab.create("namespaces", json!({"metadata": {"name": "default"}, "spec": {"finalizers": ["kubernetes"]}}));
        lab.create("serviceaccounts", json!({"metadata": {"name": "default", "namespace": "default"}}));
        for number in 1..=3 {
            lab.create("nodes", node(&format!("n{number}"), "4", "8Gi"));
        }
        lab
    }

    /// Another process takes over, with these controllers.
    pub fn restart(&mut self, controllers: Vec<Box<dyn Controller>>) {
        self.engine = Arc::new(engine_of(&self.api, &self.clock, &self.waiting, 7, controllers));
    }

    pub fn create(&self, resource: &str, object: Object) -> Object {
        self.api.create(resource, object).unwrap_or_else(|status| panic!("create {resource}: {status}"))
    }

    pub fn get(&self, resource: &str, name: &str) -> Object {
        let namespace = if matches!(resource, "nodes" | "namespaces") { "" } else { "default" };
        self.api.get(resource, namespace, name).unwrap_or_else(|status| panic!("get {resource}/{name}: {status}"))
    }

    pub fn list(&self, resource: &str) -> Vec<Object> {
        self.api.list(resource, None).expect("lists")
    }

    pub fn names(&self, resource: &str) -> Vec<String> {
        self.list(resource).iter().map(|object| object.name().to_owned()).collect()
    }

    /// Changes an object as a user would; a change of the spec is a new generation.
    pub fn edit(&self, resource: &str, name: &str, edit: impl FnOnce(&mut Object)) {
        let before = self.get(resource, name);
        let mut object = before.clone();
        edit(&mut object);
        self.api.update(resource, object).unwrap_or_else(|status| panic!("update {resource}/{name}: {status}"));
    }

    pub fn delete(&self, resource: &str, name: &str, propagation: &str) {
        let namespace = if matches!(resource, "nodes" | "namespaces") { "" } else { "default" };
        let options = DeleteOptions { propagation: propagation.into(), ..DeleteOptions::default() };
        self.api.delete(resource, namespace, name, &options).unwrap_or_else(|status| panic!("delete {name}: {status}"));
    }

    /// Does what is due now.
    pub fn settle(&self) -> Report {
        let report = self.engine.settle(self.clock.now()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.parked, [], "went round in circles");
        report
    }

    /// Does what is due now, as every command does, then lets time go by and does what became due.
    pub fn pass(&self, seconds: i64) -> Report {
        self.settle();
        self.clock.advance_to(self.clock.now() + SignedDuration::from_secs(seconds));
        self.settle()
    }

    /// Seconds since the start.
    pub fn elapsed(&self) -> i64 {
        self.clock.now().as_second() - time::parse_rfc3339(START).map_or(0, Timestamp::as_second)
    }

    /// Messages of the events about objects of a kind, oldest first, with their counts.
    pub fn events(&self, kind: &str) -> Vec<String> {
        let mut events: Vec<Object> = self.list("events");
        events.retain(|event| event.str_at(&["involvedObject", "kind"]) == kind);
        events.sort_by_key(|event| event.resource_version().parse::<u64>().unwrap_or(0));
        events.iter().map(|event| format!("{}: {}", event.str_at(&["reason"]), event.str_at(&["message"]))).collect()
    }
}

pub fn node(name: &str, cpu: &str, memory: &str) -> Object {
    let resources = json!({"cpu": cpu, "memory": memory, "pods": "110"});
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "capacity": resources, "allocatable": resources,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    })
}

/// A deployment with everything the API server would fill in.
pub fn deployment(name: &str, replicas: i64, image: &str) -> Object {
    json!({
        "metadata": {"name": name, "namespace": "default", "generation": 1, "labels": {"app": name}},
        "spec": {
            "replicas": replicas, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
                    "containers": [{"name": "c", "image": image}],
                },
            },
        },
    })
}

/// Takes bound pods to ready two seconds after it first sees them, and stopped ones away after one
/// second. Images named `bad` never become ready. Does nothing on failed nodes.
pub struct FakeKubelet;

impl Controller for FakeKubelet {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["nodes", "pods"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        match change.key.resource {
            "nodes" => view.pods_on(&change.key.name).map(|pod| owners::key_of("pods", pod)).collect(),
            _ => change.new.is_some().then(|| change.key.clone()).into_iter().collect(),
        }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(pod) = view.at(key) else { return Outcome::default() };
        let node = pod.str_at(&["spec", "nodeName"]);
        let Some(node) = view.get("nodes", "", node) else { return Outcome::default() };
        if is_failed(node) {
            return Outcome::default();
        }
        if let Some(end) = pod.deletion_timestamp() {
            let grace = pod.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
            let due = end - SignedDuration::from_secs(grace - 1);
            if due > view.now() {
                return Outcome { writes: vec![], requeue_at: Some(due) };
            }
            let delete = Write::Delete {
                key: key.clone(),
                uid: pod.uid().into(),
                grace_period_seconds: Some(0),
                propagation: None,
            };
            return Outcome { writes: vec![delete], requeue_at: None };
        }
        let mut object = Object::clone(pod);
        let started = pod.time_at(&["status", "startTime"]);
        match started {
            None => {
                object.set_at(&["status", "startTime"], time::rfc3339(view.now()));
                object.set_at(&["status", "phase"], "Pending");
            }
            Some(started) => {
                let bad = pod.list_at(&["spec", "containers"]).iter().any(|c| c.str_at(&["image"]).contains("bad"));
                let due = started + SignedDuration::from_secs(2);
                if bad || pods::is_ready(pod) {
                    return Outcome::default();
                }
                if due > view.now() {
                    return Outcome { writes: vec![], requeue_at: Some(due) };
                }
                let used: Vec<&str> = view.pods_on(node.name()).map(|pod| pod.str_at(&["status", "podIP"])).collect();
                let third = node.name().trim_start_matches('n');
                let ip = (2..).map(|n| format!("10.244.{third}.{n}")).find(|ip| !used.contains(&ip.as_str()));
                object.set_at(&["status", "phase"], "Running");
                object.set_at(&["status", "podIP"], ip);
                let mut list = object.list_at(&["status", "conditions"]).to_vec();
                conditions::set(&mut list, "Ready", "True", "", "", view.now());
                object.set_at(&["status", "conditions"], list);
            }
        }
        Outcome { writes: vec![Write::UpdateStatus { resource: "pods", object }], requeue_at: None }
    }
}
