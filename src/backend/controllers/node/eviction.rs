//! Pods that do not tolerate a taint `NoExecute` on their node are deleted, at once or when the time
//! is over for which they tolerate it.

use super::event;
use crate::backend::controllers::support::{conditions, owners, pods};
use crate::backend::controllers::{Change, Controller, Key, Outcome, View, Write};
use crate::backend::scheduler::taints::tolerates;
use crate::object::{Meta, Object, Timestamp};

const COMPONENT: &str = "taint-eviction-controller";

/// See the module's text.
#[derive(Debug, Default)]
pub struct TaintEvictionController;

impl Controller for TaintEvictionController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &["nodes", "pods"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == "pods" {
            let tainted = |pod: &Object| {
                let node = view.get("nodes", "", pod.str_at(&["spec", "nodeName"]));
                node.is_some_and(|node| !node.list_at(&["spec", "taints"]).is_empty())
            };
            let bound = change.new.as_ref().filter(|pod| tainted(pod));
            return bound.map(|_| change.key.clone()).into_iter().collect();
        }
        let taints = |side: &Option<std::sync::Arc<Object>>| {
            side.as_ref().map(|node| node.list_at(&["spec", "taints"]).to_vec())
        };
        if taints(&change.old).unwrap_or_default() == taints(&change.new).unwrap_or_default() {
            return Vec::new();
        }
        view.pods_on(&change.key.name).map(|pod| owners::key_of("pods", pod)).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(pod) = view.at(key).filter(|pod| pod.deletion_timestamp().is_none()) else {
            return Outcome::default();
        };
        let Some(node) = view.get("nodes", "", pod.str_at(&["spec", "nodeName"])) else { return Outcome::default() };
        let Some(due) = due(pod, node, view.now()) else { return Outcome::default() };
        if due > view.now() {
            return Outcome { writes: Vec::new(), requeue_at: Some(due) };
        }
        let message = format!("Marking for deletion Pod {}/{}", pod.namespace(), pod.name());
        let mut object = Object::clone(pod);
        let mut list = object.list_at(&["status", "conditions"]).to_vec();
        let why = "Taint manager: deleting due to NoExecute taint";
        conditions::set(&mut list, "DisruptionTarget", "True", "DeletionByTaintManager", why, view.now());
        object.set_at(&["status", "conditions"], list);
        let writes = vec![
            event(pod, COMPONENT, "Normal", "TaintManagerEviction", message),
            Write::UpdateStatus { resource: "pods", object },
            Write::Delete { key: key.clone(), uid: pod.uid().into(), grace_period_seconds: None, propagation: None },
        ];
        Outcome { writes, requeue_at: None }
    }
}

/// When a pod must leave its node: never, or the first moment at which a taint is no longer tolerated.
fn due(pod: &Object, node: &Object, now: Timestamp) -> Option<Timestamp> {
    let tolerations = pod.list_at(&["spec", "tolerations"]);
    let taints = node.list_at(&["spec", "taints"]).iter().filter(|taint| taint.str_at(&["effect"]) == "NoExecute");
    taints
        .filter_map(|taint| {
            let since = taint.time_at(&["timeAdded"]).unwrap_or(now);
            let seconds: Vec<Option<i64>> = tolerations
                .iter()
                .filter(|toleration| tolerates(toleration, taint))
                .map(|toleration| toleration.int_at(&["tolerationSeconds"]))
                .collect();
            if seconds.is_empty() {
                return Some(now);
            }
            let shortest = seconds.into_iter().flatten().min()?;
            pods::after(since, shortest.max(0))
        })
        .min()
}
