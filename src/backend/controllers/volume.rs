//! Claims and volumes: each claim is bound to a volume that fits, or to one made for it.
//!
//! Volumes are made for claims of a storage class (`storageClassName`, or the default class). A class with
//! `WaitForFirstConsumer` waits until a pod that uses the claim has a node. Where the cluster has no
//! class at all, claims without a name of one get a volume nevertheless: lessons rarely bring a class.

use std::sync::Arc;

use serde_json::json;

use super::support::owners;
use super::support::pods::is_finished;
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

const CLAIMS: &str = "persistentvolumeclaims";
const VOLUMES: &str = "persistentvolumes";
const CLASSES: &str = "storageclasses.storage.k8s.io";
const COMPONENT: &str = "persistentvolume-controller";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
const PROVISIONER: &str = "kctl.dev/folder";

/// See the module's text.
#[derive(Debug, Default)]
pub struct VolumeController;

impl Controller for VolumeController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &[CLAIMS, VOLUMES, CLASSES, "pods"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        let waiting = || view.list(CLAIMS, None).filter(|claim| claim.str_at(&["status", "phase"]) != "Bound");
        match change.key.resource {
            CLAIMS => {
                // Its volume, too: it is released when the claim goes.
                let claim = change.new.as_ref().or(change.old.as_ref());
                let volume = claim.map_or("", |claim| claim.str_at(&["spec", "volumeName"]));
                let volume = (!volume.is_empty()).then(|| Key {
                    resource: VOLUMES,
                    namespace: String::new(),
                    name: volume.into(),
                });
                volume.into_iter().chain([change.key.clone()]).collect()
            }
            VOLUMES => waiting().map(|claim| owners::key_of(CLAIMS, claim)).chain([change.key.clone()]).collect(),
            CLASSES => waiting().map(|claim| owners::key_of(CLAIMS, claim)).collect(),
            // A pod that got its node makes claims that wait for it due; one that is gone frees its claims.
            _ => {
                let pod = change.new.as_ref().or(change.old.as_ref());
                let claims = pod.map(|pod| claims_of(pod)).unwrap_or_default();
                let key = |name: &str| Key {
                    resource: CLAIMS,
                    namespace: change.key.namespace.clone(),
                    name: name.to_owned(),
                };
                let due = |claim: &Object| {
                    claim.deletion_timestamp().is_some() || claim.str_at(&["status", "phase"]) != "Bound"
                };
                claims.into_iter().map(key).filter(|key| view.at(key).is_some_and(|claim| due(claim))).collect()
            }
        }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(object) = view.at(key) else { return Outcome::default() };
        let writes = if object.deletion_timestamp().is_some() {
            unprotect(key, object, view)
        } else if key.resource == VOLUMES {
            volume(key, object, view)
        } else {
            claim(object, view)
        };
        Outcome { writes, requeue_at: None }
    }
}

/// The names of the claims that a pod uses.
fn claims_of(pod: &Object) -> Vec<&str> {
    let volumes = pod.list_at(&["spec", "volumes"]).iter();
    volumes
        .map(|volume| volume.str_at(&["persistentVolumeClaim", "claimName"]))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Lets go of what is being deleted, once no pod uses the claim or no claim the volume.
fn unprotect(key: &Key, object: &Object, view: &View) -> Vec<Write> {
    let (finalizer, used) = if key.resource == CLAIMS {
        let mut pods = view.list("pods", Some(&key.namespace));
        (CLAIM_PROTECTION, pods.any(|pod| !is_finished(pod) && claims_of(pod).contains(&object.name())))
    } else {
        let claim = object.at(&["spec", "claimRef"]).filter(|reference| reference.is_object());
        let claim = claim.and_then(|claim| view.get(CLAIMS, claim.str_at(&["namespace"]), claim.str_at(&["name"])));
        (VOLUME_PROTECTION, claim.is_some_and(|claim| claim.uid() == object.str_at(&["spec", "claimRef", "uid"])))
    };
    let mut list = object.list_at(&["metadata", "finalizers"]).to_vec();
    if used || !list.iter().any(|name| name == finalizer) {
        return Vec::new();
    }
    list.retain(|name| name != finalizer);
    let mut object = object.clone();
    object.set_at(&["metadata", "finalizers"], list);
    vec![Write::Update { resource: key.resource, object }]
}

/// The phase of a volume; one whose claim is gone is released, or deleted where its class says so.
fn volume(key: &Key, volume: &Arc<Object>, view: &View) -> Vec<Write> {
    let uid = volume.str_at(&["spec", "claimRef", "uid"]);
    let reference = volume.at(&["spec", "claimRef"]).filter(|reference| reference.is_object());
    let claim = reference.and_then(|claim| view.get(CLAIMS, claim.str_at(&["namespace"]), claim.str_at(&["name"])));
    let phase = match claim {
        Some(claim) if uid.is_empty() || claim.uid() == uid => {
            match claim.str_at(&["spec", "volumeName"]) == key.name {
                true => "Bound",
                false => "Available",
            }
        }
        _ if uid.is_empty() => "Available",
        _ if volume.str_at(&["spec", "persistentVolumeReclaimPolicy"]) == "Delete" => {
            return vec![Write::Delete {
                key: key.clone(),
                uid: volume.uid().into(),
                grace_period_seconds: None,
                propagation: None,
            }];
        }
        _ => "Released",
    };
    if volume.str_at(&["status", "phase"]) == phase {
        return Vec::new();
    }
    let mut object = Object::clone(volume);
    object.set_at(&["status", "phase"], phase);
    object.set_at(&["status", "lastPhaseTransitionTime"], crate::object::time::rfc3339(view.now()));
    vec![Write::UpdateStatus { resource: VOLUMES, object }]
}

fn claim(claim: &Arc<Object>, view: &View) -> Vec<Write> {
    let named = claim.str_at(&["spec", "volumeName"]);
    if let Some(volume) = view.get(VOLUMES, "", named) {
        return bound(claim, volume);
    }
    if !named.is_empty() {
        return Vec::new();
    }
    let class = class_of(claim, view);
    let wanted = class.as_ref().map_or("", |class| class.0.as_str());
    let mut fitting: Vec<&Arc<Object>> =
        view.list(VOLUMES, None).filter(|volume| fits(claim, volume, wanted)).collect();
    fitting.sort_by_key(|volume| storage(volume.at(&["spec", "capacity", "storage"])));
    let (volume, mut writes) = match (fitting.first(), &class) {
        (Some(volume), _) => (Object::clone(volume), Vec::new()),
        (None, None) => return missing_class(claim).into_iter().collect(),
        (None, Some((_, object))) => {
            let object = *object;
            let waits = object.is_some_and(|class| class.str_at(&["volumeBindingMode"]) == "WaitForFirstConsumer");
            let used = || {
                view.list("pods", Some(claim.namespace()))
                    .any(|pod| !pod.str_at(&["spec", "nodeName"]).is_empty() && claims_of(pod).contains(&claim.name()))
            };
            if waits && !used() {
                return Vec::new();
            }
            let volume = provision(claim, wanted, object);
            let message = format!("Successfully provisioned volume {}", volume.name());
            let writes = vec![
                Write::Create { resource: VOLUMES, object: volume.clone() },
                Write::Event(Event {
                    regarding: Object::clone(claim),
                    field_path: String::new(),
                    kind: "Normal",
                    reason: "ProvisioningSucceeded".to_owned(),
                    message,
                    component: COMPONENT,
                    host: String::new(),
                }),
            ];
            (volume, writes)
        }
    };
    if writes.is_empty() {
        let mut object = volume.clone();
        if object.str_at(&["spec", "claimRef", "name"]).is_empty() {
            object.set_at(&["metadata", "annotations", "pv.kubernetes.io/bound-by-controller"], "yes");
        }
        object.set_at(&["spec", "claimRef"], reference(claim));
        writes.push(Write::Update { resource: VOLUMES, object });
    }
    let mut object = Object::clone(claim);
    object.set_at(&["spec", "volumeName"], volume.name());
    object.set_at(&["metadata", "annotations", "pv.kubernetes.io/bind-completed"], "yes");
    object.set_at(&["metadata", "annotations", "pv.kubernetes.io/bound-by-controller"], "yes");
    writes.push(Write::Update { resource: CLAIMS, object });
    writes
}

/// Says that the class which a claim names is not there. Nothing is to be said of a claim without one.
fn missing_class(claim: &Arc<Object>) -> Option<Write> {
    let class = claim.at(&["spec", "storageClassName"]).and_then(Object::as_str).filter(|class| !class.is_empty())?;
    Some(Write::Event(Event {
        regarding: Object::clone(claim),
        field_path: String::new(),
        kind: "Warning",
        reason: "ProvisioningFailed".to_owned(),
        message: format!("{CLASSES} \"{class}\" not found").replacen("storageclasses", "storageclass", 1),
        component: COMPONENT,
        host: String::new(),
    }))
}

/// The status of a claim that has its volume.
fn bound(claim: &Arc<Object>, volume: &Object) -> Vec<Write> {
    let mut writes = Vec::new();
    if volume.str_at(&["spec", "claimRef", "uid"]).is_empty() {
        let mut object = volume.clone();
        object.set_at(&["spec", "claimRef"], reference(claim));
        writes.push(Write::Update { resource: VOLUMES, object });
    } else if volume.str_at(&["spec", "claimRef", "uid"]) != claim.uid() {
        return Vec::new();
    }
    let mut status = claim.at(&["status"]).cloned().unwrap_or_else(|| json!({}));
    status.set_at(&["phase"], "Bound");
    status.set_at(&["accessModes"], volume.at(&["spec", "accessModes"]).cloned().unwrap_or_default());
    status.set_at(&["capacity"], volume.at(&["spec", "capacity"]).cloned().unwrap_or_default());
    if claim.at(&["status"]) != Some(&status) {
        let mut object = Object::clone(claim);
        object.set_at(&["status"], status);
        writes.push(Write::UpdateStatus { resource: CLAIMS, object });
    }
    writes
}

fn reference(claim: &Object) -> Object {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": claim.name(), "namespace": claim.namespace(),
        "uid": claim.uid(), "resourceVersion": claim.resource_version(),
    })
}

/// The class of a claim with its object; `None` where it has none and wants none.
fn class_of<'a>(claim: &Object, view: &'a View) -> Option<(String, Option<&'a Arc<Object>>)> {
    match claim.at(&["spec", "storageClassName"]).and_then(Object::as_str) {
        Some("") => None,
        Some(name) => view.get(CLASSES, "", name).map(|class| (name.to_owned(), Some(class))),
        None => {
            let mut classes = view.list(CLASSES, None);
            match classes.find(|class| class.annotation(DEFAULT_CLASS) == Some("true")) {
                Some(class) => Some((class.name().to_owned(), Some(class))),
                None => view.list(CLASSES, None).next().is_none().then(|| (String::new(), None)),
            }
        }
    }
}

fn storage(quantity: Option<&Object>) -> i64 {
    quantity.and_then(Object::as_str).and_then(|text| Quantity::parse(text).ok()).map_or(0, Quantity::value)
}

/// Whether a volume is free and enough for a claim.
fn fits(claim: &Object, volume: &Object, class: &str) -> bool {
    let reserved = volume.at(&["spec", "claimRef"]).filter(|reference| reference.is_object());
    let free = reserved.is_none_or(|reference| {
        reference.str_at(&["uid"]).is_empty()
            && reference.str_at(&["name"]) == claim.name()
            && reference.str_at(&["namespace"]) == claim.namespace()
    });
    let named = claim.at(&["spec", "storageClassName"]).and_then(Object::as_str).unwrap_or(class);
    let modes = volume.list_at(&["spec", "accessModes"]);
    let selector = claim.at(&["spec", "selector"]).filter(|selector| selector.is_object());
    free && volume.deletion_timestamp().is_none()
        && volume.str_at(&["spec", "storageClassName"]) == named
        && claim.list_at(&["spec", "accessModes"]).iter().all(|mode| modes.contains(mode))
        && storage(volume.at(&["spec", "capacity", "storage"]))
            >= storage(claim.at(&["spec", "resources", "requests", "storage"]))
        && selector.is_none_or(|selector| super::support::selector::or_everything(Some(selector)).matches(volume))
}

/// A volume made for a claim.
fn provision(claim: &Object, class: &str, object: Option<&Arc<Object>>) -> Object {
    let name = format!("pvc-{}", claim.uid());
    let provisioner = object.map_or(PROVISIONER, |class| class.str_at(&["provisioner"]));
    let policy = object.map_or("Delete", |class| class.str_at(&["reclaimPolicy"]));
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: provisioner}},
        "spec": {
            "capacity": {"storage": claim.str_at(&["spec", "resources", "requests", "storage"])},
            "accessModes": claim.at(&["spec", "accessModes"]).cloned().unwrap_or_default(),
            "persistentVolumeReclaimPolicy": if policy.is_empty() { "Delete" } else { policy },
            "volumeMode": "Filesystem",
            "hostPath": {"path": format!("/var/local-path-provisioner/{name}_{}_{}", claim.namespace(), claim.name()), "type": "DirectoryOrCreate"},
            "claimRef": reference(claim),
        },
    });
    if !class.is_empty() {
        volume.set_at(&["spec", "storageClassName"], class);
    }
    volume
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::testing::Lab;

    fn create_claim(lab: &Lab, spec: Object) {
        let mut claim = json!({
            "metadata": {"name": "data", "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            claim.set_at(&["spec", field], value.clone());
        }
        lab.create(CLAIMS, claim);
        lab.settle();
    }

    fn phase(lab: &Lab) -> String {
        lab.get(CLAIMS, "data").str_at(&["status", "phase"]).to_owned()
    }

    #[test]
    fn a_claim_takes_the_smallest_volume_that_fits() {
        let lab = Lab::new(vec![Box::new(VolumeController)]);
        for (name, size) in [("small", "500Mi"), ("large", "5Gi"), ("right", "2Gi")] {
            lab.create(VOLUMES, json!({
                "metadata": {"name": name},
                "spec": {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}, "storageClassName": "manual"},
            }));
        }
        create_claim(&lab, json!({"storageClassName": "manual"}));
        assert_eq!(lab.get(CLAIMS, "data").str_at(&["spec", "volumeName"]), "right");
        assert_eq!(phase(&lab), "Bound");
        let phases: Vec<String> =
            lab.list(VOLUMES).iter().map(|volume| volume.str_at(&["status", "phase"]).to_owned()).collect();
        assert_eq!(phases, ["Available", "Bound", "Available"]);
    }

    #[test]
    fn a_volume_is_made_and_goes_with_its_claim() {
        let lab = Lab::new(vec![Box::new(VolumeController)]);
        create_claim(&lab, json!({}));
        assert_eq!(phase(&lab), "Bound");
        assert_eq!(lab.list(VOLUMES).len(), 1);
        lab.delete(CLAIMS, "data", "");
        lab.settle();
        assert_eq!((lab.list(CLAIMS).len(), lab.list(VOLUMES).len()), (0, 0));
    }

    #[test]
    fn a_claim_in_use_stays_until_its_pod_is_gone() {
        let lab = Lab::new(vec![Box::new(VolumeController)]);
        create_claim(&lab, json!({}));
        lab.create(
            "pods",
            json!({
                "metadata": {"name": "p", "namespace": "default"},
                "spec": {
                    "containers": [{"name": "c", "image": "i"}],
                    "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
                },
            }),
        );
        lab.delete(CLAIMS, "data", "");
        lab.settle();
        assert_eq!(lab.list(CLAIMS).len(), 1);
        lab.delete("pods", "p", "");
        lab.settle();
        assert_eq!((lab.list(CLAIMS).len(), lab.list(VOLUMES).len()), (0, 0));
    }

    #[test]
    fn a_class_that_is_not_there_leaves_the_claim_waiting() {
        let lab = Lab::new(vec![Box::new(VolumeController)]);
        create_claim(&lab, json!({"storageClassName": "fast"}));
        assert_eq!((phase(&lab).as_str(), lab.list(VOLUMES).len()), ("Pending", 0));
    }
}
