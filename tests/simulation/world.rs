//! The cluster of a day, and what is done to it.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use kctl::backend::{TestCluster, TestOptions};
use kctl::object::{Meta, Object, Status, Timestamp};
use serde_json::json;

use crate::checks;
use crate::objects::{self, IMAGES, NO_IMAGE};

/// Nodes of the cluster.
const NODES: usize = 5;
/// Not more nodes than these are down or closed at a time.
const MOST_AWAY: usize = 2;
/// The annotation that takes a node down.
const FAILED: &str = "kctl.dev/failed";
pub const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
pub const STATEFUL_SETS: &str = "/apis/apps/v1/namespaces/default/statefulsets";
pub const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";
pub const CRON_JOBS: &str = "/apis/batch/v1/namespaces/default/cronjobs";
pub const PODS: &str = "/api/v1/namespaces/default/pods";
pub const NODES_PATH: &str = "/api/v1/nodes";

/// What a day is played with.
type Action = fn(&mut World) -> String;

const ACTIONS: &[(u32, Action)] = &[
    (4, World::scale),
    (4, World::set_image),
    (1, World::set_missing_image),
    (2, World::pause_or_resume),
    (2, World::restart),
    (3, World::fail_node),
    (4, World::recover_node),
    (2, World::drain),
    (4, World::uncordon),
    (3, World::kill_pod),
    (2, World::scale_stateful_set),
    (1, World::update_stateful_set),
    (1, World::update_daemon_set),
    (3, World::make_job),
    (1, World::delete_job),
    (2, World::make_claim),
    (1, World::delete_claims),
    (1, World::autoscale),
    (2, World::suspend_or_resume),
    (1, World::come_and_go),
    (2, World::make_service),
    (1, World::delete_service),
    (4, World::nothing),
];

pub struct World {
    pub cluster: TestCluster,
    chance: fastrand::Rng,
    pub began: Timestamp,
    tell: bool,
    down: BTreeSet<String>,
    closed: BTreeSet<String>,
    log: Vec<String>,
    made: u32,
    /// What was wrong with what was done.
    pub wrong: Vec<String>,
}

impl World {
    pub fn new(seed: u64, tell: bool) -> Self {
        let cluster = TestOptions::default().nodes(NODES).seed(seed).start().expect("a cluster");
        for object in objects::beginning() {
            cluster.apply(&object).unwrap_or_else(|error| panic!("{error}: {object}"));
        }
        cluster.pass(Duration::from_secs(120));
        let began = cluster.now();
        Self {
            cluster,
            chance: fastrand::Rng::with_seed(seed),
            began,
            tell,
            down: BTreeSet::new(),
            closed: BTreeSet::new(),
            log: Vec::new(),
            made: 0,
            wrong: Vec::new(),
        }
    }

    pub fn hours(&self) -> f64 {
        self.cluster.now().duration_since(self.began).as_secs_f64() / 3600.0
    }

    pub fn list(&self, path: &str) -> Vec<Object> {
        self.cluster.list(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The objects that show whether two runs are the same.
    pub fn everything(&self) -> Vec<String> {
        [PODS, DEPLOYMENTS, STATEFUL_SETS, JOBS, NODES_PATH, "/api/v1/namespaces/default/events"]
            .iter()
            .flat_map(|path| self.list(path))
            .map(|object| object.to_string())
            .collect()
    }

    /// How many things were done.
    pub fn steps(&self) -> usize {
        self.log.len()
    }

    /// What was done last.
    pub fn last_words(&self) -> Vec<String> {
        self.log.iter().rev().take(25).rev().map(|line| format!("| {line}")).collect()
    }

    pub fn act(&mut self) {
        let total: u32 = ACTIONS.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.chance.u32(0..total);
        let action = ACTIONS.iter().find(|(weight, _)| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        });
        let (_, action) = action.expect("weights add up");
        let said = action(self);
        self.say(&said);
    }

    fn say(&mut self, said: &str) {
        let line = format!("{:6.2} h  {said}", self.hours());
        if self.tell {
            eprintln!("{line}");
        }
        self.log.push(line);
    }

    pub fn pass(&mut self) {
        let seconds = if self.chance.u32(0..4) == 0 { self.chance.u64(1..60) } else { self.chance.u64(60..1500) };
        self.cluster.pass(Duration::from_secs(seconds));
    }

    /// Ends all disturbances, and gives the cluster time.
    pub fn calm(&mut self) {
        for name in std::mem::take(&mut self.down) {
            self.annotate_node(&name, Object::Null);
        }
        for name in std::mem::take(&mut self.closed) {
            self.patch(&format!("{NODES_PATH}/{name}"), &json!({"spec": {"unschedulable": null}}));
        }
        for deployment in self.list(DEPLOYMENTS) {
            let path = format!("{DEPLOYMENTS}/{}", deployment.name());
            self.patch(&path, &json!({"spec": {"paused": null}}));
            if image_of(&deployment) == NO_IMAGE {
                self.set(&path, IMAGES[2]);
            }
        }
        for cron_job in self.list(CRON_JOBS) {
            self.patch(&format!("{CRON_JOBS}/{}", cron_job.name()), &json!({"spec": {"suspend": false}}));
        }
        self.say("calm");
        self.cluster.pass(Duration::from_secs(2 * 3600 + 1234));
    }

    fn patch(&self, path: &str, patch: &Object) -> Object {
        self.cluster.send(Method::PATCH, path, patch).unwrap_or_else(|error| panic!("{path} {patch}: {error}"))
    }

    /// Replaces the image of a template's only container.
    fn set(&self, path: &str, image: &str) {
        let mut object = self.cluster.get(path).expect("is there");
        object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        self.cluster.send(Method::PUT, path, &object).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        (!all.is_empty()).then(|| &all[self.chance.usize(0..all.len())])
    }

    fn deployment(&mut self) -> String {
        let name = *self.one_of(&["web", "api", "batchy"]).expect("three");
        format!("{DEPLOYMENTS}/{name}")
    }

    fn scale(&mut self) -> String {
        let (path, replicas) = (self.deployment(), self.chance.i64(0..9));
        self.patch(&format!("{path}/scale"), &json!({"spec": {"replicas": replicas}}));
        format!("scale {path} {replicas}")
    }

    fn set_image(&mut self) -> String {
        let path = self.deployment();
        let image = *self.one_of(&IMAGES).expect("some");
        self.set(&path, image);
        format!("set image {path} {image}")
    }

    fn set_missing_image(&mut self) -> String {
        let path = self.deployment();
        self.set(&path, NO_IMAGE);
        format!("set image {path} {NO_IMAGE}")
    }

    fn pause_or_resume(&mut self) -> String {
        let path = self.deployment();
        let paused = self.cluster.get(&path).expect("is there").bool_at(&["spec", "paused"]);
        self.patch(&path, &json!({"spec": {"paused": !paused}}));
        format!("paused {path} {}", !paused)
    }

    fn restart(&mut self) -> String {
        let path = self.deployment();
        let at = self.cluster.now().to_string();
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": at});
        self.patch(&path, &json!({"spec": {"template": {"metadata": {"annotations": annotations}}}}));
        format!("restart {path}")
    }

    fn node_that(&mut self, fits: impl Fn(&Self, &str) -> bool) -> Option<String> {
        let names: Vec<String> = self.list(NODES_PATH).iter().map(|node| node.name().to_owned()).collect();
        let fitting: Vec<String> = names.into_iter().filter(|name| fits(self, name)).collect();
        self.one_of(&fitting).cloned()
    }

    fn away(&self) -> usize {
        self.down.union(&self.closed).count()
    }

    fn annotate_node(&self, name: &str, failed: Object) {
        self.patch(&format!("{NODES_PATH}/{name}"), &json!({"metadata": {"annotations": {FAILED: failed}}}));
    }

    fn fail_node(&mut self) -> String {
        if self.away() >= MOST_AWAY {
            return "no node may fail".to_owned();
        }
        let Some(name) = self.node_that(|world, name| !world.down.contains(name)) else { return String::new() };
        self.annotate_node(&name, json!("true"));
        self.down.insert(name.clone());
        format!("node {name} fails")
    }

    fn recover_node(&mut self) -> String {
        let Some(name) = self.node_that(|world, name| world.down.contains(name)) else {
            return "no node is down".to_owned();
        };
        self.annotate_node(&name, Object::Null);
        self.down.remove(&name);
        format!("node {name} recovers")
    }

    fn drain(&mut self) -> String {
        if self.away() >= MOST_AWAY {
            return "no node may be drained".to_owned();
        }
        let Some(name) = self.node_that(|world, name| !world.down.contains(name)) else { return String::new() };
        self.patch(&format!("{NODES_PATH}/{name}"), &json!({"spec": {"unschedulable": true}}));
        self.closed.insert(name.clone());
        let mut refused = 0;
        for pod in self.list(PODS) {
            let daemon = pod.list_at(&["metadata", "ownerReferences"]).iter().any(|it| it.kind() == "DaemonSet");
            if pod.str_at(&["spec", "nodeName"]) != name || daemon {
                continue;
            }
            let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name(), "namespace": "default"}});
            let too_many = checks::would_be_too_many(self, pod.name());
            match self.cluster.send(Method::POST, &format!("{PODS}/{}/eviction", pod.name()), &body) {
                Ok(_) => self.wrong.extend(too_many),
                Err(error) => match error.downcast_ref::<Status>().map(|status| status.code) {
                    Some(429) => refused += 1,
                    Some(404) => {}
                    _ => panic!("evicting {}: {error}", pod.name()),
                },
            }
        }
        format!("drain {name}, {refused} refused")
    }

    fn uncordon(&mut self) -> String {
        let Some(name) = self.node_that(|world, name| world.closed.contains(name)) else {
            return "no node is closed".to_owned();
        };
        self.patch(&format!("{NODES_PATH}/{name}"), &json!({"spec": {"unschedulable": null}}));
        self.closed.remove(&name);
        format!("uncordon {name}")
    }

    fn kill_pod(&mut self) -> String {
        let pods = self.list(PODS);
        let Some(pod) = self.one_of(&pods) else { return String::new() };
        let grace = self.chance.u32(0..2) * 30;
        let path = format!("{PODS}/{}?gracePeriodSeconds={grace}", pod.name());
        self.cluster.delete(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        format!("delete pod {} grace {grace}", pod.name())
    }

    fn scale_stateful_set(&mut self) -> String {
        let replicas = self.chance.i64(0..6);
        self.patch(&format!("{STATEFUL_SETS}/db/scale"), &json!({"spec": {"replicas": replicas}}));
        format!("scale db {replicas}")
    }

    fn update_stateful_set(&mut self) -> String {
        let image = *self.one_of(&IMAGES).expect("some");
        self.set(&format!("{STATEFUL_SETS}/db"), image);
        format!("set image db {image}")
    }

    fn update_daemon_set(&mut self) -> String {
        let image = *self.one_of(&IMAGES).expect("some");
        self.set("/apis/apps/v1/namespaces/default/daemonsets/agent", image);
        format!("set image agent {image}")
    }

    fn make_job(&mut self) -> String {
        self.made += 1;
        let kind = *self.one_of(&["plain", "indexed", "ttl", "failing", "deadline"]).expect("some");
        let (completions, parallelism) = (self.chance.i64(1..6), self.chance.i64(1..4));
        let (seconds, succeeds, more) = match kind {
            "indexed" => (120, true, json!({"completionMode": "Indexed"})),
            "ttl" => (60, true, json!({"ttlSecondsAfterFinished": 900})),
            "failing" => (20, false, json!({})),
            "deadline" => (100_000, true, json!({"activeDeadlineSeconds": 1200})),
            _ => (self.chance.u32(1..2000), true, json!({})),
        };
        let name = format!("{kind}-{}", self.made);
        let job = objects::job(&name, completions, parallelism, seconds, succeeds, &more);
        self.cluster.apply(&job).unwrap_or_else(|error| panic!("{name}: {error}"));
        format!("job {name} {completions} {parallelism} {seconds} s")
    }

    fn delete_job(&mut self) -> String {
        let jobs = self.list(JOBS);
        let Some(job) = self.one_of(&jobs) else { return "no job".to_owned() };
        let policy = *self.one_of(&["Background", "Foreground"]).expect("some");
        let path = format!("{JOBS}/{}?propagationPolicy={policy}", job.name());
        self.cluster.delete(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        format!("delete job {} {policy}", job.name())
    }

    fn make_claim(&mut self) -> String {
        self.made += 1;
        let name = format!("claim-{}", self.made);
        for object in objects::claim_and_pod(&name) {
            self.cluster.apply(&object).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        format!("claim {name}")
    }

    /// Deletes every claim that was made; those in use stay until their pods are over.
    fn delete_claims(&mut self) -> String {
        let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
        let mut count = 0;
        for claim in self.list(claims).iter().filter(|claim| claim.name().starts_with("claim-")) {
            let _ = self.cluster.delete(&format!("{claims}/{}", claim.name()));
            let _ = self.cluster.delete(&format!("{PODS}/{}", claim.name()));
            count += 1;
        }
        format!("delete {count} claims and their pods")
    }

    fn autoscale(&mut self) -> String {
        let low = self.chance.i64(1..4);
        let path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/api";
        let high = low + self.chance.i64(0..5);
        self.patch(path, &json!({"spec": {"minReplicas": low, "maxReplicas": high}}));
        format!("autoscale api {low}..{high}")
    }

    fn suspend_or_resume(&mut self) -> String {
        let (name, ..) = self.one_of(objects::CRON_JOBS).expect("some");
        let path = format!("{CRON_JOBS}/{name}");
        let suspended = self.cluster.get(&path).expect("is there").bool_at(&["spec", "suspend"]);
        self.patch(&path, &json!({"spec": {"suspend": !suspended}}));
        format!("suspend {name} {}", !suspended)
    }

    /// A deployment that is there for a moment only.
    fn come_and_go(&mut self) -> String {
        self.made += 1;
        let name = format!("brief-{}", self.made);
        let object = objects::deployment(&name, 3, &json!({"type": "RollingUpdate"}));
        self.cluster.apply(&object).unwrap_or_else(|error| panic!("{name}: {error}"));
        let seconds = self.chance.u64(0..40);
        self.cluster.pass(Duration::from_secs(seconds));
        let policy = *self.one_of(&["Background", "Foreground"]).expect("some");
        let path = format!("{DEPLOYMENTS}/{name}?propagationPolicy={policy}");
        self.cluster.delete(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        format!("{name} for {seconds} s, then {policy}")
    }

    fn make_service(&mut self) -> String {
        self.made += 1;
        let name = format!("port-{}", self.made);
        let kind = *self.one_of(&["NodePort", "LoadBalancer"]).expect("two");
        self.cluster.apply(&objects::service(&name, kind)).unwrap_or_else(|error| panic!("{name}: {error}"));
        format!("service {name} {kind}")
    }

    fn delete_service(&mut self) -> String {
        let mut services = self.list(checks::SERVICES);
        services.retain(|service| service.name().starts_with("port-"));
        let Some(service) = self.one_of(&services) else { return "no service".to_owned() };
        let path = format!("{}/{}", checks::SERVICES, service.name());
        self.cluster.delete(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        format!("delete service {}", service.name())
    }

    fn nothing(&mut self) -> String {
        "nothing".to_owned()
    }
}

/// The image of a workload's only container.
pub fn image_of(workload: &Object) -> &str {
    workload.list_at(&["spec", "template", "spec", "containers"]).first().map_or("", |it| it.str_at(&["image"]))
}
