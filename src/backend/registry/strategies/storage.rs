//! PersistentVolumes, their claims and StorageClasses.

use serde_json::json;

use super::rules::{Defaults, Rules};
use super::{limits, pod_spec};
use crate::backend::registry::plugins::Plugin;
use crate::backend::registry::strategy::Cluster;
use crate::backend::registry::validation::container::quantity_of;
use crate::backend::registry::validation::{Faults, is_empty, is_set};
use crate::object::{Meta, Object};

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// Gives an object the finalizer that keeps it while it is in use.
fn protect(object: &mut Object, finalizer: &str, cluster: &dyn Cluster) {
    let finalizers = object.list_at(&["metadata", "finalizers"]);
    if cluster.admits(Plugin::StorageObjectInUseProtection) && !finalizers.iter().any(|name| *name == finalizer) {
        let finalizers: Vec<Object> = finalizers.iter().cloned().chain([finalizer.into()]).collect();
        object.set_at(&["metadata", "finalizers"], finalizers);
    }
}

pub(super) static CLAIM: Rules = Rules {
    status: true,
    default: |claim| {
        claim.with(&["spec"], pod_spec::claim_spec);
        claim.or_text(&["status", "phase"], "Pending");
    },
    create: |claim, cluster| {
        claim.set_at(&["status"], json!({"phase": "Pending"}));
        protect(claim, "kubernetes.io/pvc-protection", cluster);
        data_sources(claim);
        // Without a class the default one is meant; an empty one means none.
        if !is_set(claim.at(&["spec", "storageClassName"])) && cluster.admits(Plugin::DefaultStorageClass) {
            let mark = "storageclass.kubernetes.io/is-default-class";
            let classes = cluster.list("storageclasses.storage.k8s.io", None);
            let default = classes
                .iter()
                .filter(|class| class.annotation(mark) == Some("true"))
                .max_by_key(|class| class.creation_timestamp());
            if let Some(default) = default {
                claim.set_at(&["spec", "storageClassName"], default.name());
            }
        }
        if cluster.admits(Plugin::LimitRanger) { limits::check_claim(claim, cluster) } else { Ok(()) }
    },
    validate: |claim, faults| {
        let empty = Object::Null;
        let spec = claim.at(&["spec"]).unwrap_or(&empty);
        if spec.list_at(&["accessModes"]).is_empty() {
            faults.required("spec.accessModes", "at least 1 access mode is required");
        }
        access_modes(spec, faults);
        match spec.at(&["resources", "requests", "storage"]) {
            None => faults.required("spec.resources[storage]", ""),
            Some(amount) => {
                if let Some(quantity) = quantity_of(amount).filter(|quantity| quantity.sign() <= 0) {
                    let detail = "must be greater than zero";
                    faults.invalid("spec.resources[storage]", quantity.to_string(), detail);
                }
            }
        }
    },
    validate_update: |new, old, faults| {
        let fixed = |claim: &Object| {
            let mut spec = claim.at(&["spec"]).cloned().unwrap_or_default();
            spec.remove_at(&["resources"]);
            // The volume is found later.
            if old.str_at(&["spec", "volumeName"]).is_empty() {
                spec.remove_at(&["volumeName"]);
            }
            spec.remove_at(&["volumeAttributesClassName"]);
            spec
        };
        if fixed(new) != fixed(old) {
            faults.forbidden(
                "spec",
                "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
            );
        }
        let size = |claim: &Object| claim.at(&["spec", "resources", "requests", "storage"]).and_then(quantity_of);
        if let (Some(now), Some(before)) = (size(new), size(old))
            && now < before
        {
            faults.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity");
        }
    },
    ..Rules::NAMESPACED
};

/// The source of a claim's data has an old field and a new one, which say the same.
fn data_sources(claim: &mut Object) {
    let (old, new) = (claim.at(&["spec", "dataSource"]).cloned(), claim.at(&["spec", "dataSourceRef"]).cloned());
    match (old, new) {
        (Some(old), None) => claim.set_at(&["spec", "dataSourceRef"], old),
        (None, Some(new)) if new.str_at(&["namespace"]).is_empty() => claim.set_at(&["spec", "dataSource"], new),
        _ => {}
    }
}

fn access_modes(spec: &Object, faults: &mut Faults) {
    for mode in spec.list_at(&["accessModes"]).iter().filter_map(Object::as_str) {
        if !ACCESS_MODES.contains(&mode) {
            faults.not_supported("spec.accessModes", mode, &ACCESS_MODES);
        }
    }
}

pub(super) static VOLUME: Rules = Rules {
    status: true,
    default: |volume| {
        volume.or_text(&["status", "phase"], "Pending");
        volume.or_text(&["spec", "persistentVolumeReclaimPolicy"], "Retain");
        volume.or_set(&["spec", "volumeMode"], "Filesystem");
        volume.with(&["spec", "capacity"], pod_spec::amounts);
        volume.with(&["spec"], pod_spec::volume_source);
    },
    create: |volume, cluster| {
        let now = crate::object::time::rfc3339(cluster.now());
        volume.set_at(&["status"], json!({"phase": "Pending", "lastPhaseTransitionTime": now}));
        protect(volume, "kubernetes.io/pv-protection", cluster);
        Ok(())
    },
    validate: |volume, faults| {
        let empty = Object::Null;
        let spec = volume.at(&["spec"]).unwrap_or(&empty);
        if spec.list_at(&["accessModes"]).is_empty() {
            faults.required("spec.accessModes", "");
        }
        access_modes(spec, faults);
        if is_empty(spec.at(&["capacity"])) {
            faults.required("spec.capacity", "");
        } else if spec.at(&["capacity", "storage"]).is_none() {
            let capacity = spec.at(&["capacity"]).cloned().unwrap_or_default();
            faults.not_supported("spec.capacity", capacity, &["storage"]);
        }
        let policy = spec.str_at(&["persistentVolumeReclaimPolicy"]);
        if !matches!(policy, "Delete" | "Recycle" | "Retain") {
            let field = "spec.persistentVolumeReclaimPolicy";
            faults.not_supported(field, policy, &["Delete", "Recycle", "Retain"]);
        }
        let plain = [
            "accessModes",
            "capacity",
            "claimRef",
            "mountOptions",
            "nodeAffinity",
            "persistentVolumeReclaimPolicy",
            "storageClassName",
            "volumeAttributesClassName",
            "volumeMode",
        ];
        let sources = spec.as_object().into_iter().flatten();
        let sources: Vec<_> =
            sources.filter(|(key, value)| !plain.contains(&key.as_str()) && !value.is_null()).collect();
        match sources.as_slice() {
            [] => faults.required("spec", "must specify a volume type"),
            [_] => {}
            [_, more @ ..] => {
                for (source, _) in more {
                    faults.forbidden(format!("spec.{source}"), "may not specify more than 1 volume type");
                }
            }
        }
    },
    ..Rules::CLUSTER
};

pub(super) static STORAGE_CLASS: Rules = Rules {
    default: |class| {
        class.or_set(&["reclaimPolicy"], "Delete");
        class.or_set(&["volumeBindingMode"], "Immediate");
    },
    validate: |class, faults| {
        if class.str_at(&["provisioner"]).is_empty() {
            faults.required("provisioner", "");
        }
        let policy = class.str_at(&["reclaimPolicy"]);
        if !matches!(policy, "" | "Delete" | "Retain") {
            faults.not_supported("reclaimPolicy", policy, &["Delete", "Retain"]);
        }
        let mode = class.str_at(&["volumeBindingMode"]);
        faults.one_of("volumeBindingMode", mode, &["Immediate", "WaitForFirstConsumer"]);
    },
    validate_update: |new, old, faults| {
        for field in ["parameters", "provisioner"] {
            if new.at(&[field]) != old.at(&[field]) {
                faults.forbidden(field, "updates to parameters are forbidden.".replace("parameters", field));
            }
        }
        if new.at(&["reclaimPolicy"]) != old.at(&["reclaimPolicy"]) {
            faults.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden.");
        }
        faults.immutable(new, old, &["volumeBindingMode"]);
    },
    ..Rules::CLUSTER
};
