//! Namespaces that are being deleted: first everything in them goes, then they do.

use std::collections::BTreeMap;

use super::support::conditions;
use super::{Change, Controller, Key, Outcome, View, Write, engine};
use crate::object::{Meta, Object};

/// The finalizer that holds a namespace until it is empty.
const FINALIZER: &str = "kubernetes";

/// See the module's text.
#[derive(Debug, Default)]
pub struct NamespaceController;

impl Controller for NamespaceController {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        let name = if change.key.resource == "namespaces" { &change.key.name } else { &change.key.namespace };
        let going = view.get("namespaces", "", name).filter(|namespace| namespace.deletion_timestamp().is_some());
        going
            .map(|_| Key { resource: "namespaces", namespace: String::new(), name: name.clone() })
            .into_iter()
            .collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(namespace) = view.at(key).filter(|namespace| namespace.deletion_timestamp().is_some()) else {
            return Outcome::default();
        };
        let finalizers = namespace.list_at(&["spec", "finalizers"]);
        if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
            return Outcome::default();
        }
        let mut writes = Vec::new();
        let mut left = Left::default();
        // Pods go first: what they use stays until the last of them is gone.
        let pods = view.list("pods", Some(&key.name)).next().is_some();
        for (key, object) in view.in_namespace(&key.name).filter(|(key, _)| !pods || key.resource == "pods") {
            left.add(&key, object);
            if object.deletion_timestamp().is_none() {
                writes.push(Write::Delete {
                    key,
                    uid: object.uid().to_owned(),
                    grace_period_seconds: None,
                    propagation: Some("Background"),
                });
            }
        }
        let mut list = namespace.list_at(&["status", "conditions"]).to_vec();
        if left.set_conditions(&mut list, view) {
            let mut object = Object::clone(namespace);
            object.set_at(&["status", "conditions"], list);
            object.set_at(&["status", "phase"], "Terminating");
            writes.push(Write::UpdateStatus { resource: "namespaces", object });
        }
        if left.resources.is_empty() {
            let mut object = Object::clone(namespace);
            let rest: Vec<Object> = finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
            object.set_at(&["spec", "finalizers"], rest);
            writes.push(Write::Update { resource: engine::NAMESPACE_FINALIZERS, object });
        }
        Outcome { writes, requeue_at: None }
    }
}

/// What is still in a namespace, counted by resource and by finalizer.
#[derive(Default)]
struct Left {
    resources: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
}

impl Left {
    fn add(&mut self, key: &Key, object: &Object) {
        // The core group has an empty name.
        let core = if key.resource.contains('.') { "" } else { "." };
        *self.resources.entry(format!("{}{core}", key.resource)).or_default() += 1;
        for finalizer in object.list_at(&["metadata", "finalizers"]).iter().filter_map(Object::as_str) {
            *self.finalizers.entry(finalizer.to_owned()).or_default() += 1;
        }
    }

    fn set_conditions(&self, list: &mut Vec<Object>, view: &View) -> bool {
        let texts = |counts: &BTreeMap<String, usize>, word: &str| {
            let texts: Vec<String> =
                counts.iter().map(|(name, count)| format!("{name}{word}{count} resource instances")).collect();
            texts.join(", ")
        };
        let remaining = if self.resources.is_empty() {
            ("False", "ContentRemoved", "All content successfully removed".to_owned())
        } else {
            (
                "True",
                "SomeResourcesRemain",
                format!("Some resources are remaining: {}", texts(&self.resources, " has ")),
            )
        };
        let held = if self.finalizers.is_empty() {
            ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished".to_owned())
        } else {
            let text = texts(&self.finalizers, " in ");
            ("True", "SomeFinalizersRemain", format!("Some content in the namespace has finalizers remaining: {text}"))
        };
        let fixed = |reason, message: &str| ("False", reason, message.to_owned());
        let conditions = [
            (
                "NamespaceDeletionDiscoveryFailure",
                fixed("ResourcesDiscovered", "All resources successfully discovered"),
            ),
            (
                "NamespaceDeletionGroupVersionParsingFailure",
                fixed("ParsedGroupVersions", "All legacy kube types successfully parsed"),
            ),
            (
                "NamespaceDeletionContentFailure",
                fixed("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
            ),
            ("NamespaceContentRemaining", remaining),
            ("NamespaceFinalizersRemaining", held),
        ];
        let mut changed = false;
        for (kind, (status, reason, message)) in conditions {
            changed |= conditions::set(list, kind, status, reason, &message, view.now());
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backend::controllers::testing::{FakeKubelet, Lab};
    use crate::backend::scheduler::Scheduler;

    #[test]
    fn empties_a_namespace_before_it_goes() {
        let lab = Lab::new(vec![Box::new(NamespaceController), Box::new(Scheduler), Box::new(FakeKubelet)]);
        lab.create("namespaces", json!({"metadata": {"name": "team"}, "spec": {"finalizers": ["kubernetes"]}}));
        lab.create("configmaps", json!({"metadata": {"name": "a", "namespace": "team"}}));
        lab.create(
            "configmaps",
            json!({"metadata": {"name": "b", "namespace": "team", "finalizers": ["example.org/hold"]}}),
        );
        lab.create("serviceaccounts", json!({"metadata": {"name": "default", "namespace": "team"}}));
        lab.create("pods", json!({"metadata": {"name": "p", "namespace": "team"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}));
        lab.pass(5);
        lab.delete("namespaces", "team", "");
        lab.settle();
        let team = lab.get("namespaces", "team");
        assert_eq!(team.str_at(&["status", "phase"]), "Terminating");
        let message = |team: &Object, kind: &str| {
            let list = team.list_at(&["status", "conditions"]);
            conditions::find(list, kind).map(|c| c.str_at(&["message"]).to_owned()).unwrap_or_default()
        };
        assert_eq!(
            message(&team, "NamespaceContentRemaining"),
            "Some resources are remaining: pods. has 1 resource instances"
        );
        lab.pass(5);
        let team = lab.get("namespaces", "team");
        assert_eq!(
            message(&team, "NamespaceFinalizersRemaining"),
            "Some content in the namespace has finalizers remaining: example.org/hold in 1 resource instances"
        );
        let mut held = lab.api.get("configmaps", "team", "b").expect("is there");
        held.remove_at(&["metadata", "finalizers"]);
        lab.api.update("configmaps", held).expect("updates");
        lab.settle();
        assert!(!lab.names("namespaces").contains(&"team".to_owned()));
    }
}
