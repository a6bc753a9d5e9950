//! Disruption budgets: how many pods may be evicted now.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::support::{conditions, owners, pods, selector};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::intstr::scaled;
use crate::object::{Meta, Object};

const BUDGETS: &str = "poddisruptionbudgets.policy";
/// So many seconds after its eviction a pod that is still there is counted again.
const EVICTION_SECONDS: i64 = 120;

/// See the module's text.
#[derive(Debug, Default)]
pub struct DisruptionController;

impl Controller for DisruptionController {
    fn name(&self) -> &'static str {
        "disruption-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[BUDGETS, "pods", "deployments.apps", "replicasets.apps", "statefulsets.apps", "replicationcontrollers"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == BUDGETS {
            return vec![change.key.clone()];
        }
        let sides: Vec<&Arc<Object>> = [&change.old, &change.new].into_iter().flatten().collect();
        let concerned = |budget: &&Arc<Object>| {
            let selector = selector::or_everything(budget.at(&["spec", "selector"]));
            change.key.resource != "pods" || sides.iter().any(|pod| selector.matches(pod))
        };
        let budgets = view.list(BUDGETS, Some(&change.key.namespace)).filter(concerned);
        budgets.map(|budget| owners::key_of(BUDGETS, budget)).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(budget) = view.at(key) else { return Outcome::default() };
        let selector = selector::or_everything(budget.at(&["spec", "selector"]));
        let all: Vec<&Arc<Object>> = view
            .list("pods", Some(&key.namespace))
            .filter(|pod| selector.matches(pod) && !pods::is_finished(pod))
            .collect();
        let (expected, desired) = wanted(budget, &all, view);
        let mut disrupted = BTreeMap::new();
        let mut requeue_at = None;
        for (name, time) in budget.map_at(&["status", "disruptedPods"]) {
            let there = all.iter().any(|pod| pod.name() == name && pod.deletion_timestamp().is_none());
            let until = crate::object::time::parse_rfc3339(time).and_then(|time| pods::after(time, EVICTION_SECONDS));
            if let Some(until) = until.filter(|until| there && *until > view.now()) {
                disrupted.insert(name.to_owned(), Object::from(time));
                requeue_at = Some(requeue_at.map_or(until, |earliest| until.min(earliest)));
            }
        }
        let healthy = all
            .iter()
            .filter(|pod| {
                pods::is_ready(pod) && pod.deletion_timestamp().is_none() && !disrupted.contains_key(pod.name())
            })
            .count() as i64;
        let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
        let mut status = budget.at(&["status"]).cloned().unwrap_or_else(|| json!({}));
        for (field, number) in [
            ("currentHealthy", healthy),
            ("desiredHealthy", desired),
            ("expectedPods", expected),
            ("disruptionsAllowed", allowed),
            ("observedGeneration", budget.generation()),
        ] {
            status.set_at(&[field], number);
        }
        if disrupted.is_empty() {
            status.remove_at(&["disruptedPods"]);
        } else {
            status.set_at(&["disruptedPods"], Object::Object(disrupted.into_iter().collect()));
        }
        let (value, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
        let mut list = status.list_at(&["conditions"]).to_vec();
        conditions::set(&mut list, "DisruptionAllowed", value, reason, "", view.now());
        for condition in &mut list {
            condition.set_at(&["observedGeneration"], budget.generation());
        }
        status.set_at(&["conditions"], list);
        if budget.at(&["status"]) == Some(&status) {
            return Outcome { writes: Vec::new(), requeue_at };
        }
        let mut object = Object::clone(budget);
        object.set_at(&["status"], status);
        let mut writes = vec![Write::UpdateStatus { resource: BUDGETS, object }];
        if all.is_empty() {
            writes.push(Write::Event(Event {
                regarding: Object::clone(budget),
                field_path: String::new(),
                kind: "Normal",
                reason: "NoPods".to_owned(),
                message: "No matching pods found".to_owned(),
                component: "controllermanager",
                host: String::new(),
            }));
        }
        Outcome { writes, requeue_at }
    }
}

/// How many pods there should be, and how many of them must be healthy.
fn wanted(budget: &Object, all: &[&Arc<Object>], view: &View) -> (i64, i64) {
    let most = budget.at(&["spec", "maxUnavailable"]).filter(|value| !value.is_null());
    let least = budget.at(&["spec", "minAvailable"]).filter(|value| !value.is_null());
    match (most, least) {
        (Some(most), _) => {
            let expected = expected(all, view);
            (expected, (expected - scaled(most, expected, true).unwrap_or(0)).max(0))
        }
        (None, Some(least)) if least.is_string() => {
            let expected = expected(all, view);
            (expected, scaled(least, expected, true).unwrap_or(0))
        }
        (None, Some(least)) => (all.len() as i64, least.as_i64().unwrap_or(0)),
        (None, None) => (all.len() as i64, 0),
    }
}

/// The sizes of the workloads that the pods belong to.
fn expected(all: &[&Arc<Object>], view: &View) -> i64 {
    let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
    for pod in all {
        let Some(owner) = scale_owner(pod, view) else { continue };
        sizes.insert(owner.uid().to_owned(), owner.int_at(&["spec", "replicas"]).unwrap_or(1));
    }
    sizes.values().sum()
}

/// The deployment, set or controller whose size says how many such pods there should be.
fn scale_owner<'a>(pod: &Object, view: &'a View) -> Option<&'a Arc<Object>> {
    let find = |object: &Object, kind, resource| view.at(&owners::controller_key(object, kind, resource)?);
    if let Some(set) = find(pod, "ReplicaSet", "replicasets.apps") {
        return find(set, "Deployment", "deployments.apps").or(Some(set));
    }
    find(pod, "StatefulSet", "statefulsets.apps")
        .or_else(|| find(pod, "ReplicationController", "replicationcontrollers"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Timestamp;

    #[test]
    fn counts_what_may_go() {
        let set = |replicas: i64| json!({"metadata": {"name": "web", "namespace": "d", "uid": "s"}, "spec": {"replicas": replicas}});
        let pod = |n: usize, ready: bool| {
            json!({
                "metadata": {"name": format!("p{n}"), "namespace": "d", "labels": {"app": "web"}, "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "s", "controller": true}]},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
            })
        };
        for (spec, ready, want) in [
            (json!({"minAvailable": 2}), 4, [4, 2, 4, 2]),
            (json!({"minAvailable": "50%"}), 4, [4, 2, 4, 2]),
            (json!({"minAvailable": "51%"}), 4, [4, 3, 4, 1]),
            (json!({"maxUnavailable": 1}), 4, [4, 3, 4, 1]),
            (json!({"maxUnavailable": "30%"}), 3, [3, 2, 4, 1]),
            (json!({"maxUnavailable": 0}), 4, [4, 4, 4, 0]),
            (json!({"minAvailable": 3}), 2, [2, 3, 4, 0]),
        ] {
            let mut budget = json!({"metadata": {"name": "b", "namespace": "d", "generation": 1}, "spec": spec});
            budget.set_at(&["spec", "selector"], json!({"matchLabels": {"app": "web"}}));
            let pods = (0..4).map(|n| ("pods", pod(n, n < ready)));
            let view = View::of(pods.chain([(BUDGETS, budget), ("replicasets.apps", set(4))]), Timestamp::UNIX_EPOCH);
            let key = Key { resource: BUDGETS, namespace: "d".into(), name: "b".into() };
            let writes = DisruptionController.reconcile(&key, &view).writes;
            let [Write::UpdateStatus { object, .. }] = writes.as_slice() else { panic!("{writes:?}") };
            let number = |field: &str| object.int_at(&["status", field]).unwrap_or(-1);
            let got = [
                number("currentHealthy"),
                number("desiredHealthy"),
                number("expectedPods"),
                number("disruptionsAllowed"),
            ];
            assert_eq!(got, want, "{spec}");
        }
    }
}
