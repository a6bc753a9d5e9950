//! Daemon sets: one pod on each node that fits.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::support::{owners, pods, put_count, revisions};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::backend::scheduler;
use crate::object::intstr::scaled;
use crate::object::{Meta, Object, Status, Timestamp};

const SETS: &str = "daemonsets.apps";
const COMPONENT: &str = "daemonset-controller";
const HASH: &str = "controller-revision-hash";
const GENERATION: &str = "pod-template-generation";
/// What every daemon tolerates: key and effect.
const TOLERATED: &[(&str, &str)] = &[
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// See the module's text.
#[derive(Debug, Default)]
pub struct DaemonSetController;

impl Controller for DaemonSetController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &[SETS, "pods", "nodes"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        match change.key.resource {
            SETS => vec![change.key.clone()],
            "nodes" => view.list(SETS, None).map(|set| owners::key_of(SETS, set)).collect(),
            _ => {
                let sides = [&change.old, &change.new].into_iter().flatten();
                let mut keys: Vec<Key> =
                    sides.filter_map(|pod| owners::controller_key(pod, "DaemonSet", SETS)).collect();
                keys.dedup();
                keys
            }
        }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(set) = view.at(key) else { return Outcome::default() };
        if set.deletion_timestamp().is_some() {
            return Outcome::default();
        }
        let mut history = revisions::history(view, set, HASH);
        let template = pod_template(set, &history.hash);
        let mut look =
            Look { set, view, template, hash: history.hash.clone(), by_node: by_node(set, view), writes: Vec::new() };
        let limit = set.int_at(&["spec", "revisionHistoryLimit"]).unwrap_or(10);
        history.forget(limit, |revision| {
            view.owned_by("pods", set.uid()).any(|pod| pod.label(HASH) == revision.label(HASH))
        });
        look.writes.append(&mut history.writes);
        let wanted = look.place();
        look.roll(&wanted);
        let requeue_at = look.status(&wanted);
        Outcome { writes: look.writes, requeue_at }
    }

    fn refused(&self, key: &Key, write: &Write, status: &Status, view: &View) -> Vec<Write> {
        owners::pod_refused(view.at(key).map(|owner| &**owner), write, status, COMPONENT)
    }
}

fn pod_template(set: &Object, hash: &str) -> Object {
    let mut template = set.at(&["spec", "template"]).cloned().unwrap_or_else(|| json!({}));
    let generation = set.annotation("deprecated.daemonset.template.generation").unwrap_or("1");
    template.set_at(&["metadata", "labels", HASH], hash);
    template.set_at(&["metadata", "labels", GENERATION], generation);
    let mut tolerations = template.list_at(&["spec", "tolerations"]).to_vec();
    for (key, effect) in TOLERATED {
        let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
    template.set_at(&["spec", "tolerations"], tolerations);
    template
}

/// The node that a daemon's pod is meant for.
fn target(pod: &Object) -> &str {
    let bound = pod.str_at(&["spec", "nodeName"]);
    if !bound.is_empty() {
        return bound;
    }
    let path =
        ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
    let fields = pod.list_at(&path).iter().flat_map(|term| term.list_at(&["matchFields"]));
    let mut values =
        fields.filter(|field| field.str_at(&["key"]) == "metadata.name").flat_map(|field| field.list_at(&["values"]));
    values.next().and_then(Object::as_str).unwrap_or("")
}

fn by_node<'a>(set: &Object, view: &'a View) -> BTreeMap<String, Vec<&'a Arc<Object>>> {
    let mut by_node: BTreeMap<String, Vec<&Arc<Object>>> = BTreeMap::new();
    for pod in view.owned_by("pods", set.uid()) {
        by_node.entry(target(pod).to_owned()).or_default().push(pod);
    }
    by_node
}

struct Look<'a> {
    set: &'a Arc<Object>,
    view: &'a View,
    template: Object,
    hash: String,
    by_node: BTreeMap<String, Vec<&'a Arc<Object>>>,
    writes: Vec<Write>,
}

impl<'a> Look<'a> {
    /// Makes the pods that are missing, deletes those that are not wanted. Returns the nodes that want one.
    fn place(&mut self) -> Vec<&'a str> {
        let mut probe = json!({"spec": self.template.at(&["spec"]).cloned().unwrap_or_default()});
        probe.set_at(&["metadata", "namespace"], self.set.namespace());
        let mut wanted = Vec::new();
        let mut taken = Vec::new();
        for node in self.view.list("nodes", None) {
            let (start, stay) = scheduler::daemon_fits(&probe, node);
            let own = self.by_node.get(node.name()).cloned().unwrap_or_default();
            let (ended, alive): (Vec<_>, Vec<_>) = own.into_iter().partition(|pod| pods::is_finished(pod));
            let mut alive: Vec<&Arc<Object>> =
                alive.into_iter().filter(|pod| pod.deletion_timestamp().is_none()).collect();
            let leaving =
                self.by_node.get(node.name()).is_some_and(|pods| pods.iter().any(|pod| pods::is_terminating(pod)));
            if start {
                wanted.push(node.name());
            }
            for pod in ended.into_iter().filter(|pod| pod.deletion_timestamp().is_none()) {
                let message = format!(
                    "Found failed daemon pod {}/{} on node {}, will try to kill it",
                    pod.namespace(),
                    pod.name(),
                    node.name()
                );
                self.event("Warning", "FailedDaemonPod", message);
                self.delete(pod);
            }
            if start && alive.is_empty() && !leaving {
                self.create(node.name(), &mut taken);
            } else if !stay {
                alive.into_iter().for_each(|pod| self.delete(pod));
            } else if alive.len() > 1 {
                alive.sort_by_key(|pod| pod.creation_timestamp());
                alive.into_iter().skip(1).for_each(|pod| self.delete(pod));
            }
        }
        wanted
    }

    fn create(&mut self, node: &str, taken: &mut Vec<String>) {
        let mut pod = pods::from_template(self.view, self.set, &self.template, taken.len(), taken);
        let path =
            ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
        let mut terms = pod.list_at(&path).to_vec();
        if terms.is_empty() {
            terms.push(json!({}));
        }
        for term in &mut terms {
            term.set_at(&["matchFields"], json!([{"key": "metadata.name", "operator": "In", "values": [node]}]));
        }
        pod.set_at(&path, terms);
        let message = format!("Created pod: {}", pod.name());
        taken.push(pod.name().to_owned());
        self.writes.push(Write::Create { resource: "pods", object: pod });
        self.event("Normal", "SuccessfulCreate", message);
    }

    fn delete(&mut self, pod: &Object) {
        self.writes.push(Write::delete("pods", pod));
        self.event("Normal", "SuccessfulDelete", format!("Deleted pod: {}", pod.name()));
    }

    /// Replaces pods of an older template, a few at a time.
    fn roll(&mut self, wanted: &[&str]) {
        if self.set.str_at(&["spec", "updateStrategy", "type"]) == "OnDelete" {
            return;
        }
        let most = self
            .set
            .at(&["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"])
            .cloned()
            .unwrap_or_else(|| json!(1));
        let most = scaled(&most, wanted.len() as i64, true).unwrap_or(1).max(1);
        let available = |pod: &Object| self.available_at(pod).is_some_and(|time| time <= self.view.now());
        let mut unavailable = 0;
        let mut old: Vec<(bool, &Arc<Object>)> = Vec::new();
        for node in wanted {
            let alive = self.by_node.get(*node).into_iter().flatten().find(|pod| pods::is_active(pod));
            match alive {
                None => unavailable += 1,
                Some(pod) => {
                    let up = available(pod);
                    unavailable += i64::from(!up);
                    if pod.label(HASH) != Some(&self.hash) {
                        old.push((up, pod));
                    }
                }
            }
        }
        // Those that do not work anyway cost nothing.
        let (working, broken): (Vec<_>, Vec<_>) = old.into_iter().partition(|(up, _)| *up);
        let spare = usize::try_from(most - unavailable).unwrap_or(0);
        for (_, pod) in broken.into_iter().chain(working.into_iter().take(spare)) {
            self.delete(pod);
        }
    }

    fn available_at(&self, pod: &Object) -> Option<Timestamp> {
        pods::available_at(pod, self.set.int_at(&["spec", "minReadySeconds"]).unwrap_or(0))
    }

    /// Writes the status; returns when a pod becomes available next.
    fn status(&mut self, wanted: &[&str]) -> Option<Timestamp> {
        let now = self.view.now();
        let (mut current, mut ready, mut available, mut updated, mut astray) = (0, 0, 0, 0, 0);
        let mut next = None;
        for (node, own) in &self.by_node {
            let Some(pod) = own.iter().find(|pod| pods::is_active(pod)) else { continue };
            if !wanted.contains(&node.as_str()) {
                astray += 1;
                continue;
            }
            current += 1;
            ready += i64::from(pods::is_ready(pod));
            updated += i64::from(pod.label(HASH) == Some(&self.hash));
            match self.available_at(pod) {
                Some(time) if time <= now => available += 1,
                Some(time) => next = Some(next.map_or(time, |earlier: Timestamp| earlier.min(time))),
                None => {}
            }
        }
        let desired = wanted.len() as i64;
        let mut status = self.set.at(&["status"]).cloned().unwrap_or_else(|| json!({}));
        for (field, count) in [
            ("currentNumberScheduled", current),
            ("desiredNumberScheduled", desired),
            ("numberMisscheduled", astray),
            ("numberReady", ready),
            ("observedGeneration", self.set.generation()),
        ] {
            status.set_at(&[field], count);
        }
        put_count(&mut status, "updatedNumberScheduled", updated);
        put_count(&mut status, "numberAvailable", available);
        put_count(&mut status, "numberUnavailable", desired - available);
        if self.set.at(&["status"]) != Some(&status) {
            let mut object = Object::clone(self.set);
            object.set_at(&["status"], status);
            self.writes.push(Write::UpdateStatus { resource: SETS, object });
        }
        next
    }

    fn event(&mut self, kind: &'static str, reason: &str, message: String) {
        self.writes.push(Write::Event(Event {
            regarding: Object::clone(self.set),
            field_path: String::new(),
            kind,
            reason: reason.to_owned(),
            message,
            component: COMPONENT,
            host: String::new(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::testing::{FakeKubelet, Lab, node};
    use crate::backend::scheduler::Scheduler;

    fn lab() -> Lab {
        let lab = Lab::new(vec![Box::new(DaemonSetController), Box::new(Scheduler), Box::new(FakeKubelet)]);
        lab.edit("nodes", "n3", |node| node.set_at(&["spec", "taints"], json!([{"key": "a", "effect": "NoSchedule"}])));
        lab.create(SETS, json!({
            "metadata": {"name": "agent", "namespace": "default", "generation": 1},
            "spec": {
                "selector": {"matchLabels": {"app": "agent"}}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": [{"name": "c", "image": "v1"}]}},
            },
        }));
        lab.pass(10);
        lab
    }

    fn nodes(lab: &Lab) -> Vec<String> {
        let mut nodes: Vec<String> =
            lab.list("pods").iter().map(|pod| pod.str_at(&["spec", "nodeName"]).to_owned()).collect();
        nodes.sort();
        nodes
    }

    #[test]
    fn one_on_each_node_that_fits() {
        let lab = lab();
        assert_eq!(nodes(&lab), ["n1", "n2"]);
        assert_eq!(
            lab.get(SETS, "agent").at(&["status"]),
            Some(&json!({
                "currentNumberScheduled": 2, "desiredNumberScheduled": 2, "numberAvailable": 2, "numberMisscheduled": 0,
                "numberReady": 2, "observedGeneration": 1, "updatedNumberScheduled": 2,
            }))
        );
        lab.create("nodes", node("n4", "2", "2Gi"));
        lab.edit("nodes", "n1", |node| node.set_at(&["spec", "unschedulable"], true));
        lab.pass(10);
        assert_eq!(nodes(&lab), ["n1", "n2", "n4"], "a cordon does not concern daemons");
    }

    #[test]
    fn rolls_out_one_node_after_the_other_and_back() {
        let lab = lab();
        let set_image = |image: &str| {
            lab.edit(SETS, "agent", |set| {
                if let Some(container) = set.at_mut(&["spec", "template", "spec", "containers"]).get_mut(0) {
                    container.set_at(&["image"], image);
                }
            });
        };
        set_image("v2");
        lab.settle();
        assert_eq!(lab.list("pods").iter().filter(|pod| pod.deletion_timestamp().is_some()).count(), 1);
        lab.pass(30);
        assert_eq!(nodes(&lab), ["n1", "n2"]);
        assert_eq!(lab.get(SETS, "agent").int_at(&["status", "updatedNumberScheduled"]), Some(2));
        set_image("v1");
        lab.pass(30);
        let mut revisions: Vec<i64> =
            lab.list("controllerrevisions.apps").iter().filter_map(|revision| revision.int_at(&["revision"])).collect();
        revisions.sort_unstable();
        assert_eq!(revisions, [2, 3], "the first is the third now");
    }
}
