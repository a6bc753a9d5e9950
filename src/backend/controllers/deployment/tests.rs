//! Deployments in a small cluster.

use std::sync::Mutex;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::backend::controllers::replicaset::ReplicaSetController;
use crate::backend::controllers::support::{conditions, pods};
use crate::backend::controllers::testing::{FakeKubelet, Lab, deployment};
use crate::backend::scheduler::Scheduler;

fn workloads() -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(DeploymentController),
        Box::new(ReplicaSetController::replica_sets()),
        Box::new(Scheduler),
        Box::new(FakeKubelet),
    ]
}

fn set_image(object: &mut Object, image: &str) {
    if let Some(container) = object.at_mut(&["spec", "template", "spec", "containers"]).get_mut(0) {
        container.set_at(&["image"], image);
    }
    bump(object);
}

fn bump(object: &mut Object) {
    let generation = object.generation() + 1;
    object.set_at(&["metadata", "generation"], generation);
}

fn progressing(lab: &Lab, name: &str) -> (String, String) {
    let object = lab.get(DEPLOYMENTS, name);
    let condition =
        conditions::find(object.list_at(&["status", "conditions"]), "Progressing").cloned().unwrap_or_default();
    (condition.str_at(&["reason"]).to_owned(), condition.str_at(&["message"]).to_owned())
}

#[test]
fn rolls_out_and_says_so() {
    let lab = Lab::new(workloads());
    lab.create(DEPLOYMENTS, deployment("web", 3, "nginx"));
    lab.settle();
    let sets = lab.names(REPLICA_SETS);
    let [set] = sets.as_slice() else { panic!("{sets:?}") };
    assert_eq!(progressing(&lab, "web"), ("ReplicaSetUpdated".into(), format!("ReplicaSet \"{set}\" is progressing.")));
    lab.pass(5);
    let web = lab.get(DEPLOYMENTS, "web");
    let mut status = web.at(&["status"]).cloned().unwrap_or_default();
    status.remove_at(&["conditions"]);
    assert_eq!(
        status,
        json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3, "terminatingReplicas": 0})
    );
    assert_eq!(
        progressing(&lab, "web"),
        ("NewReplicaSetAvailable".into(), format!("ReplicaSet \"{set}\" has successfully progressed."))
    );
    assert_eq!(web.annotation("deployment.kubernetes.io/revision"), Some("1"));
    assert_eq!(lab.events("Deployment"), [format!("ScalingReplicaSet: Scaled up replica set {set} from 0 to 3")]);
    let pods = lab.names("pods");
    assert!(pods.iter().all(|pod| pod.starts_with(&format!("{set}-")) && pod.len() == set.len() + 6), "{pods:?}");
    let nodes: std::collections::BTreeSet<_> =
        lab.list("pods").iter().map(|pod| pod.str_at(&["spec", "nodeName"]).to_owned()).collect();
    assert_eq!(nodes.len(), 3, "one on each node");
    // Once at rest, nothing more is written and nothing is due.
    let quiet = lab.pass(3600);
    assert_eq!((quiet.writes, quiet.looks), (0, 0));
}

#[test]
fn rolls_back_to_an_old_set_with_a_new_revision() {
    let lab = Lab::new(workloads());
    lab.create(DEPLOYMENTS, deployment("web", 4, "nginx:1"));
    lab.pass(10);
    let first = lab.names(REPLICA_SETS);
    lab.edit(DEPLOYMENTS, "web", |object| set_image(object, "nginx:2"));
    lab.pass(60);
    assert_eq!(lab.names(REPLICA_SETS).len(), 2);
    lab.edit(DEPLOYMENTS, "web", |object| set_image(object, "nginx:1"));
    lab.pass(60);
    let old = lab.get(REPLICA_SETS, first.first().expect("a set"));
    assert_eq!(old.int_at(&["spec", "replicas"]), Some(4));
    assert_eq!(old.annotation("deployment.kubernetes.io/revision"), Some("3"));
    assert_eq!(old.annotation("deployment.kubernetes.io/revision-history"), Some("1"));
    assert_eq!(lab.get(DEPLOYMENTS, "web").annotation("deployment.kubernetes.io/revision"), Some("3"));
    assert_eq!(lab.list("pods").len(), 4);
}

#[test]
fn a_template_that_never_becomes_ready_keeps_the_old_pods_and_times_out() {
    let lab = Lab::new(workloads());
    lab.create(DEPLOYMENTS, deployment("web", 4, "nginx"));
    lab.pass(10);
    lab.edit(DEPLOYMENTS, "web", |object| set_image(object, "bad"));
    lab.pass(300);
    let ready = lab.list("pods").iter().filter(|pod| pods::is_ready(pod)).count();
    assert_eq!(ready, 3, "25% of 4 may be missing");
    assert_eq!(lab.list("pods").len(), 5, "25% of 4 more");
    assert_eq!(progressing(&lab, "web").0, "ReplicaSetUpdated");
    lab.pass(302);
    let (reason, message) = progressing(&lab, "web");
    assert_eq!(reason, "ProgressDeadlineExceeded");
    assert!(
        message.starts_with("ReplicaSet \"web-") && message.ends_with("\" has timed out progressing."),
        "{message}"
    );
    let web = lab.get(DEPLOYMENTS, "web");
    let condition =
        conditions::find(web.list_at(&["status", "conditions"]), "Progressing").cloned().unwrap_or_default();
    // Dated when it was due, not when it was looked at: 12:00:10 is when the rollout last moved.
    assert_eq!(condition.str_at(&["lastUpdateTime"]), "2026-03-01T12:10:11Z");
}

#[test]
fn a_paused_deployment_scales_in_proportion_and_goes_on_when_resumed() {
    let lab = Lab::new(workloads());
    lab.create(DEPLOYMENTS, deployment("web", 10, "nginx:1"));
    lab.pass(10);
    lab.edit(DEPLOYMENTS, "web", |object| set_image(object, "bad"));
    lab.settle();
    let sizes = |lab: &Lab| {
        let mut sizes: Vec<i64> =
            lab.list(REPLICA_SETS).iter().filter_map(|set| set.int_at(&["spec", "replicas"])).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(&lab), [5, 8], "surge 3, unavailable 2");
    lab.edit(DEPLOYMENTS, "web", |object| {
        object.set_at(&["spec", "paused"], true);
        object.set_at(&["spec", "replicas"], 20);
        bump(object);
    });
    lab.settle();
    assert_eq!(progressing(&lab, "web").0, "DeploymentPaused");
    assert_eq!(sizes(&lab), [10, 15], "20 and a surge of 5, in the proportion of 5 to 8");
    lab.edit(DEPLOYMENTS, "web", |object| {
        object.remove_at(&["spec", "paused"]);
        set_image(object, "nginx:3");
    });
    lab.pass(120);
    assert_eq!(progressing(&lab, "web").0, "NewReplicaSetAvailable");
    assert_eq!(sizes(&lab), [0, 0, 20]);
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let lab = Lab::new(workloads());
    let mut web = deployment("web", 3, "nginx:1");
    web.set_at(&["spec", "strategy"], json!({"type": "Recreate"}));
    lab.create(DEPLOYMENTS, web);
    lab.pass(10);
    lab.edit(DEPLOYMENTS, "web", |object| set_image(object, "nginx:2"));
    lab.settle();
    assert_eq!(lab.names(REPLICA_SETS).len(), 1, "no new set while old pods stop");
    lab.pass(1);
    let created: Vec<String> =
        lab.list("pods").iter().map(|pod| pod.str_at(&["metadata", "creationTimestamp"]).to_owned()).collect();
    assert_eq!(created, ["2026-03-01T12:00:11Z"; 3]);
}

#[test]
fn keeps_as_much_history_as_asked() {
    let lab = Lab::new(workloads());
    let mut web = deployment("web", 1, "nginx:0");
    web.set_at(&["spec", "revisionHistoryLimit"], 2);
    lab.create(DEPLOYMENTS, web);
    for tag in 1..6 {
        lab.pass(30);
        lab.edit(DEPLOYMENTS, "web", |object| set_image(object, &format!("nginx:{tag}")));
    }
    lab.pass(30);
    let mut revisions: Vec<String> = lab
        .list(REPLICA_SETS)
        .iter()
        .filter_map(|set| set.annotation("deployment.kubernetes.io/revision").map(ToOwned::to_owned))
        .collect();
    revisions.sort();
    assert_eq!(revisions, ["4", "5", "6"]);
}

#[test]
fn the_change_cause_goes_to_the_set() {
    let lab = Lab::new(workloads());
    let mut web = deployment("web", 1, "nginx");
    web.set_at(
        &["metadata", "annotations"],
        json!({"kubernetes.io/change-cause": "first", "kubectl.kubernetes.io/last-applied-configuration": "{}"}),
    );
    lab.create(DEPLOYMENTS, web);
    lab.settle();
    let sets = lab.list(REPLICA_SETS);
    let annotations: Vec<_> = sets.first().map(|set| set.annotations()).unwrap_or_default();
    assert_eq!(
        annotations,
        [
            ("deployment.kubernetes.io/desired-replicas", "1"),
            ("deployment.kubernetes.io/max-replicas", "2"),
            ("deployment.kubernetes.io/revision", "1"),
            ("kubernetes.io/change-cause", "first"),
        ]
    );
}

#[test]
fn another_set_with_its_name_makes_it_take_the_next_hash() {
    let lab = Lab::new(workloads());
    lab.create(DEPLOYMENTS, deployment("web", 1, "nginx"));
    lab.settle();
    let name = lab.names(REPLICA_SETS).remove(0);
    let other = Lab::new(workloads());
    other.create(
        REPLICA_SETS,
        json!({
            "metadata": {"name": name, "namespace": "default", "labels": {"x": "y"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"x": "y"}}, "template": {
                "metadata": {"labels": {"x": "y"}},
                "spec": {"containers": [{"name": "c", "image": "nginx"}]},
            }},
        }),
    );
    other.create(DEPLOYMENTS, deployment("web", 1, "nginx"));
    other.settle();
    assert_eq!(other.names(REPLICA_SETS).len(), 2);
    assert_eq!(other.get(DEPLOYMENTS, "web").int_at(&["status", "collisionCount"]), Some(1));
    assert_eq!(other.list("pods").len(), 1);
}

#[test]
fn adopts_what_an_orphaning_delete_left() {
    let lab = Lab::new(workloads());
    lab.create(DEPLOYMENTS, deployment("web", 2, "nginx"));
    lab.pass(10);
    let before = (lab.names(REPLICA_SETS), lab.names("pods"));
    lab.edit(REPLICA_SETS, before.0.first().expect("a set"), |set| {
        drop(set.remove_at(&["metadata", "ownerReferences"]))
    });
    lab.pass(10);
    assert_eq!((lab.names(REPLICA_SETS), lab.names("pods")), before);
    let set = lab.get(REPLICA_SETS, before.0.first().expect("a set"));
    assert_eq!(set.controller_ref().map(|owner| owner.str_at(&["name"]).to_owned()), Some("web".into()));
}

/// Sees every state of the cluster and notes the first that breaks a promise.
struct Watchman {
    least_ready: usize,
    most: usize,
    broken: &'static Mutex<Option<String>>,
}

impl Controller for Watchman {
    fn name(&self) -> &'static str {
        "watchman"
    }
    fn watches(&self) -> &'static [&'static str] {
        &["pods"]
    }
    fn keys(&self, _: &Change, view: &View) -> Vec<Key> {
        let active = view.list("pods", None).filter(|pod| pods::is_active(pod));
        let (mut all, mut ready) = (0, 0);
        for pod in active {
            all += 1;
            ready += usize::from(pods::is_ready(pod));
        }
        if ready < self.least_ready || all > self.most {
            self.broken.lock().expect("no panic").get_or_insert(format!("{ready} of {all} ready"));
        }
        Vec::new()
    }
    fn reconcile(&self, _: &Key, _: &View) -> Outcome {
        Outcome::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// At no time fewer ready pods than wanted less `maxUnavailable`, nor more pods than wanted plus `maxSurge`.
    #[test]
    fn a_rolling_update_keeps_its_promises(replicas in 1_i64..9, surge in 0_i64..4, unavailable in 0_i64..4, bad in any::<bool>()) {
        prop_assume!(surge + unavailable > 0);
        let lab = Lab::new(workloads());
        let mut web = deployment("web", replicas, "nginx:1");
        web.set_at(&["spec", "strategy", "rollingUpdate"], json!({"maxSurge": surge, "maxUnavailable": unavailable}));
        lab.create(DEPLOYMENTS, web);
        lab.pass(20);
        let before = lab.list("pods");
        prop_assert_eq!(before.len() as i64, replicas);

        let broken: &'static Mutex<Option<String>> = Box::leak(Box::new(Mutex::new(None)));
        let watchman = Watchman { least_ready: (replicas - unavailable).max(0) as usize, most: (replicas + surge) as usize, broken };
        let mut controllers = workloads();
        controllers.push(Box::new(watchman));
        let bundle = crate::backend::controllers::engine::bundled::Bundle {
            disabled: Default::default(),
            store: lab.api.store().clone(), clock: lab.clock.clone(), seed: Some(7), controllers, logs: Box::new(()),
            waiting: lab.waiting.clone(), way_to_webhooks: Default::default(),
        };
        let watched = crate::backend::controllers::engine::bundled::engine(bundle, None);
        lab.edit(DEPLOYMENTS, "web", |object| set_image(object, if bad { "bad" } else { "nginx:2" }));
        watched.settle(lab.clock.now()).expect("settles");
        for _ in 0..60 {
            lab.clock.advance_to(lab.clock.now() + jiff::SignedDuration::from_secs(1));
            watched.settle(lab.clock.now()).expect("settles");
        }
        prop_assert_eq!(broken.lock().expect("no panic").clone(), None);
        let done = progressing(&lab, "web").0 == "NewReplicaSetAvailable";
        prop_assert_eq!(done, !bad);
    }
}
