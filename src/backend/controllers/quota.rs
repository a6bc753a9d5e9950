//! Resource quotas: what is used of them, in their status.
//!
//! Admission does not depend on it ([`crate::backend::registry::strategies::quota`] counts for itself).

use serde_json::json;

use super::support::{owners, same};
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::backend::registry::strategies::quota::{self, Usage};
use crate::object::{Meta, Object};

const QUOTAS: &str = "resourcequotas";

/// See the module's text.
#[derive(Debug, Default)]
pub struct QuotaController;

impl Controller for QuotaController {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        let own = (change.key.resource == QUOTAS).then(|| change.key.clone());
        if change.key.namespace.is_empty() {
            return Vec::new();
        }
        let mut quotas = view.list(QUOTAS, Some(&change.key.namespace)).peekable();
        if quotas.peek().is_none() {
            return own.into_iter().collect();
        }
        let usage = |object: &Option<std::sync::Arc<Object>>| {
            object.as_deref().map_or_else(Usage::new, |object| quota::usage(change.key.resource, object, view.now()))
        };
        let is_counted = |quota: &Object| {
            [&change.old, &change.new]
                .into_iter()
                .flatten()
                .any(|object| quota::covers(quota, change.key.resource, object))
        };
        let is_news = usage(&change.old) != usage(&change.new) || change.key.resource == "pods" && change.old.is_none();
        let concerned = quotas.filter(|quota| is_news && is_counted(quota)).map(|quota| owners::key_of(QUOTAS, quota));
        own.into_iter().chain(concerned).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(found) = view.at(key) else { return Outcome::default() };
        let used = quota::used(found, view.now(), |resource| {
            let objects: Vec<&Object> = view.list(resource, Some(&key.namespace)).map(|object| &**object).collect();
            objects
        });
        let ends = view.list("pods", Some(&key.namespace)).filter_map(|pod| quota::charged_until(pod));
        let requeue_at = ends.filter(|end| *end >= view.now()).min();
        let requeue_at = requeue_at.and_then(|end| super::support::pods::after(end, 1));
        let used: serde_json::Map<String, Object> =
            used.into_iter().map(|(name, amount)| (name, amount.to_string().into())).collect();
        let hard = found.at(&["spec", "hard"]).cloned().unwrap_or_else(|| json!({}));
        let status = json!({"hard": hard, "used": used});
        if same(found.at(&["status"]), Some(&status)) {
            return Outcome { writes: Vec::new(), requeue_at };
        }
        let mut object = Object::clone(found);
        object.set_at(&["status"], status);
        Outcome { writes: vec![Write::UpdateStatus { resource: QUOTAS, object }], requeue_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::testing::Lab;

    fn quota(name: &str, spec: Object) -> Object {
        json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec})
    }

    fn pod(name: &str, more: Object) -> Object {
        let mut pod = json!({
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": "i",
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "128Mi"}}}]},
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            pod.set_at(&["spec", field], value.clone());
        }
        pod
    }

    fn used(lab: &Lab, name: &str) -> Object {
        lab.get(QUOTAS, name).at(&["status", "used"]).cloned().unwrap_or_default()
    }

    #[test]
    fn tells_what_is_used() {
        let lab = Lab::new(vec![Box::new(QuotaController)]);
        let hard = json!({"pods": "2", "requests.cpu": "1", "limits.memory": "1Gi", "count/deployments.apps": "1",
            "configmaps": "5", "services.nodeports": "1", "requests.storage": "10Gi"});
        lab.create(QUOTAS, quota("q", json!({"hard": hard})));
        lab.create(
            QUOTAS,
            quota(
                "urgent",
                json!({"hard": {"pods": "1"}, "scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}]}}),
            ),
        );
        lab.settle();
        assert_eq!(lab.get(QUOTAS, "q").at(&["status", "hard"]), Some(&hard));
        assert_eq!(
            used(&lab, "q"),
            json!({"pods": "0", "requests.cpu": "0", "limits.memory": "0",
            "count/deployments.apps": "0", "configmaps": "0", "services.nodeports": "0", "requests.storage": "0"})
        );
        lab.create("pods", pod("a", json!({})));
        lab.create("configmaps", json!({"metadata": {"name": "m", "namespace": "default"}}));
        lab.settle();
        assert_eq!(
            used(&lab, "q"),
            json!({"pods": "1", "requests.cpu": "100m", "limits.memory": "128Mi",
            "count/deployments.apps": "0", "configmaps": "1", "services.nodeports": "0", "requests.storage": "0"})
        );
        assert_eq!(used(&lab, "urgent"), json!({"pods": "0"}));
        lab.create("pods", pod("b", json!({"priorityClassName": "system-node-critical"})));
        lab.settle();
        assert_eq!((used(&lab, "q").str_at(&["pods"]), used(&lab, "urgent")), ("2", json!({"pods": "1"})));
        let refused = lab.api.create("pods", pod("c", json!({}))).expect_err("no room");
        assert_eq!(
            refused.message,
            "pods \"c\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2"
        );
        let mut ended = lab.get("pods", "a");
        ended.set_at(&["status", "phase"], "Succeeded");
        lab.api.update_status("pods", ended).expect("updates");
        lab.settle();
        assert_eq!(used(&lab, "q").str_at(&["pods"]), "1");
    }

    #[test]
    fn charges_what_changes() {
        let lab = Lab::new(vec![Box::new(QuotaController)]);
        lab.create(QUOTAS, quota("q", json!({"hard": {"services.nodeports": "1", "services": "5"}})));
        let service = json!({"metadata": {"name": "web", "namespace": "default"},
            "spec": {"type": "ClusterIP", "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}});
        let mut service = lab.create("services", service);
        service.set_at(&["spec", "type"], "NodePort");
        let refused = lab.api.update("services", service).expect_err("no room");
        let why = "exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1";
        assert_eq!(refused.message, format!("services \"web\" is forbidden: {why}"));
    }
}
