//! The garbage collector: what belongs to something goes with it.
//!
//! An object whose owners are all gone is deleted. An owner deleted in the foreground
//! (`foregroundDeletion`) stays until the dependents that block it are gone; one deleted with `orphan`
//! first lets its dependents go free.

use std::sync::Arc;

use super::support::owners;
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::backend::store::intern;
use crate::object::{Meta, Object, builtin};

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// See the module's text.
#[derive(Debug, Default)]
pub struct GarbageCollector;

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        "garbage-collector"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        let mut keys = Vec::new();
        let owned = |new: &Object| !new.list_at(&["metadata", "ownerReferences"]).is_empty();
        // Owners that change make their dependents due themselves.
        let same = |old: &Object, new: &Object| {
            ["ownerReferences", "deletionTimestamp", "finalizers"]
                .iter()
                .all(|field| old.at(&["metadata", field]) == new.at(&["metadata", field]))
        };
        let known = matches!((&change.old, &change.new), (Some(old), Some(new)) if same(old, new));
        if change.new.as_ref().is_some_and(|new| !known && (owned(new) || new.deletion_timestamp().is_some())) {
            keys.push(change.key.clone());
        }
        let Some(object) = change.new.as_ref().or(change.old.as_ref()) else { return keys };
        let going = change.new.is_none() || object.deletion_timestamp().is_some();
        if going {
            keys.extend(view.dependents(object.uid()).cloned());
            // An owner may wait for this one.
            let references = object.list_at(&["metadata", "ownerReferences"]);
            keys.extend(references.iter().filter_map(|reference| owner_key(object, reference, view)));
        }
        keys
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(object) = view.at(key) else { return Outcome::default() };
        let writes = if object.deletion_timestamp().is_some() {
            if has_finalizer(object, ORPHAN) {
                free_dependents(key, object, view)
            } else if has_finalizer(object, FOREGROUND) {
                wait_for_dependents(key, object, view)
            } else {
                Vec::new()
            }
        } else {
            judge(key, object, view)
        };
        Outcome { writes, requeue_at: None }
    }
}

fn has_finalizer(object: &Object, name: &str) -> bool {
    object.list_at(&["metadata", "finalizers"]).iter().any(|finalizer| finalizer == name)
}

fn without_finalizer(key: &Key, object: &Object, name: &str) -> Write {
    let mut object = object.clone();
    let mut list = object.list_at(&["metadata", "finalizers"]).to_vec();
    list.retain(|finalizer| finalizer != name);
    object.set_at(&["metadata", "finalizers"], list);
    Write::Update { resource: key.resource, object }
}

/// Where the owner is that a reference names. Kinds that are not served here have no place.
fn owner_key(object: &Object, reference: &Object, view: &View) -> Option<Key> {
    let gvk = reference.gvk();
    let (resource, namespaced) = match builtin::by_gvk(&gvk) {
        Some(resource) => (resource.group_resource(), resource.namespaced),
        None => {
            let definition = view.list("customresourcedefinitions.apiextensions.k8s.io", None).find(|definition| {
                definition.str_at(&["spec", "group"]) == gvk.group
                    && definition.str_at(&["spec", "names", "kind"]) == gvk.kind
            })?;
            (intern(definition.name()), definition.str_at(&["spec", "scope"]) == "Namespaced")
        }
    };
    let namespace = if namespaced { object.namespace().to_owned() } else { String::new() };
    Some(Key { resource, namespace, name: reference.str_at(&["name"]).to_owned() })
}

/// The owner that a reference names, if it is still the same.
fn owner<'a>(object: &Object, reference: &Object, view: &'a View) -> Option<&'a Arc<Object>> {
    view.at(&owner_key(object, reference, view)?).filter(|owner| owner.uid() == reference.str_at(&["uid"]))
}

/// Lets every dependent go, then the owner.
fn free_dependents(key: &Key, object: &Object, view: &View) -> Vec<Write> {
    let dependents = view.dependents(object.uid()).filter_map(|key| Some((key, view.at(key)?)));
    let mut writes: Vec<Write> = dependents
        .map(|(key, dependent)| Write::Update {
            resource: key.resource,
            object: without_owners(dependent, &[object.uid()]),
        })
        .collect();
    writes.push(without_finalizer(key, object, ORPHAN));
    writes
}

fn without_owners(object: &Object, uids: &[&str]) -> Object {
    let mut object = object.clone();
    let mut list = object.list_at(&["metadata", "ownerReferences"]).to_vec();
    list.retain(|reference| !uids.contains(&reference.str_at(&["uid"])));
    if list.is_empty() {
        object.remove_at(&["metadata", "ownerReferences"]);
    } else {
        object.set_at(&["metadata", "ownerReferences"], list);
    }
    object
}

/// Lets the owner go once no dependent blocks it. The dependents look after themselves.
fn wait_for_dependents(key: &Key, object: &Object, view: &View) -> Vec<Write> {
    let blocks = |dependent: &Object| {
        let mut references = dependent.list_at(&["metadata", "ownerReferences"]).iter();
        references
            .any(|reference| reference.str_at(&["uid"]) == object.uid() && reference.bool_at(&["blockOwnerDeletion"]))
    };
    let blocked = view.dependents(object.uid()).filter_map(|key| view.at(key)).any(|dependent| blocks(dependent));
    if blocked { Vec::new() } else { vec![without_finalizer(key, object, FOREGROUND)] }
}

/// Whether an object still has a reason to be.
fn judge(key: &Key, object: &Object, view: &View) -> Vec<Write> {
    let (mut solid, mut waiting, mut gone) = (0, Vec::new(), Vec::new());
    for reference in object.list_at(&["metadata", "ownerReferences"]) {
        let uid = reference.str_at(&["uid"]);
        match owner(object, reference, view) {
            Some(owner) if owner.deletion_timestamp().is_some() && has_finalizer(owner, FOREGROUND) => {
                waiting.push(uid)
            }
            Some(_) => solid += 1,
            // Kinds that are not served here may be anything: their objects are left alone.
            None if owner_key(object, reference, view).is_none() => solid += 1,
            None => gone.push(uid),
        }
    }
    if solid > 0 {
        gone.extend(waiting);
        if gone.is_empty() {
            return Vec::new();
        }
        return vec![Write::Update { resource: key.resource, object: without_owners(object, &gone) }];
    }
    if waiting.is_empty() && gone.is_empty() {
        return Vec::new();
    }
    let has_dependents = view.dependents(object.uid()).next().is_some();
    let propagation = match () {
        () if !waiting.is_empty() && has_dependents => "Foreground",
        () if has_finalizer(object, ORPHAN) => "Orphan",
        () if has_finalizer(object, FOREGROUND) => "Foreground",
        () => "Background",
    };
    vec![Write::Delete {
        key: owners::key_of(key.resource, object),
        uid: object.uid().to_owned(),
        grace_period_seconds: None,
        propagation: Some(propagation),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::deployment::DeploymentController;
    use crate::backend::controllers::replicaset::ReplicaSetController;
    use crate::backend::controllers::testing::{FakeKubelet, Lab, deployment};
    use crate::backend::scheduler::Scheduler;
    use serde_json::json;

    fn running() -> Lab {
        let lab = Lab::new(vec![
            Box::new(DeploymentController),
            Box::new(ReplicaSetController::replica_sets()),
            Box::new(Scheduler),
            Box::new(FakeKubelet),
            Box::new(GarbageCollector),
        ]);
        lab.create("deployments.apps", deployment("web", 2, "nginx"));
        lab.pass(10);
        lab
    }

    fn counts(lab: &Lab) -> (usize, usize, usize) {
        (lab.list("deployments.apps").len(), lab.list("replicasets.apps").len(), lab.list("pods").len())
    }

    #[test]
    fn in_the_background_the_owner_goes_first() {
        let lab = running();
        lab.delete("deployments.apps", "web", "Background");
        lab.settle();
        assert_eq!(counts(&lab), (0, 0, 2), "the pods are stopping");
        lab.pass(5);
        assert_eq!(counts(&lab), (0, 0, 0));
    }

    #[test]
    fn in_the_foreground_the_owner_goes_last() {
        let lab = running();
        lab.delete("deployments.apps", "web", "Foreground");
        lab.settle();
        assert_eq!(counts(&lab), (1, 1, 2));
        lab.pass(5);
        assert_eq!(counts(&lab), (0, 0, 0));
    }

    #[test]
    fn orphans_stay() {
        let lab = running();
        lab.delete("deployments.apps", "web", "Orphan");
        lab.pass(10);
        assert_eq!(counts(&lab), (0, 1, 2));
        assert!(lab.list("replicasets.apps").iter().all(|set| set.controller_ref().is_none()));
        lab.create("deployments.apps", deployment("web", 2, "nginx"));
        lab.pass(10);
        assert_eq!(counts(&lab), (1, 1, 2), "and are adopted again");
    }

    #[test]
    fn an_owner_of_the_same_name_but_another_uid_is_none() {
        let lab = running();
        lab.create(
            "configmaps",
            json!({"metadata": {"name": "left", "namespace": "default", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "another"}]}}),
        );
        lab.create(
            "configmaps",
            json!({"metadata": {"name": "odd", "namespace": "default", "ownerReferences": [
                {"apiVersion": "example.org/v1", "kind": "Thing", "name": "x", "uid": "u"}]}}),
        );
        lab.settle();
        assert_eq!(lab.names("configmaps"), ["odd"]);
    }
}
