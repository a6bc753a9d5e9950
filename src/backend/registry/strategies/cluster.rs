//! Namespaces, Nodes and PriorityClasses.

use serde_json::json;

use super::pod_spec;
use super::rules::{Defaults, Rules};
use crate::backend::registry::validation::{child, indexed};
use crate::object::{Meta, Object, names};

/// The finalizer that keeps a namespace until it is empty.
const NAMESPACE_FINALIZER: &str = "kubernetes";

pub(super) static NAMESPACE: Rules = Rules {
    name: names::dns1123_label,
    status: true,
    default: |namespace| {
        let name = namespace.name().to_owned();
        if !name.is_empty() {
            namespace.set_at(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
        }
        namespace.or_text(&["status", "phase"], "Active");
    },
    create: |namespace, _| {
        // The label needs the name, which may have been made up only now.
        let name = namespace.name().to_owned();
        namespace.set_at(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
        let has = namespace.list_at(&["spec", "finalizers"]).iter().any(|name| *name == NAMESPACE_FINALIZER);
        if !has {
            let mut all = namespace.list_at(&["spec", "finalizers"]).to_vec();
            all.push(NAMESPACE_FINALIZER.into());
            namespace.set_at(&["spec", "finalizers"], all);
        }
        namespace.set_at(&["status"], json!({"phase": "Active"}));
        Ok(())
    },
    update: |new, old, _| {
        // Only the `finalize` subresource changes these.
        if let Some(finalizers) = old.at(&["spec", "finalizers"]) {
            new.set_at(&["spec", "finalizers"], finalizers.clone());
        }
        Ok(())
    },
    validate: |namespace, faults| {
        for name in namespace.list_at(&["spec", "finalizers"]).iter().filter_map(Object::as_str) {
            faults.complaints("spec.finalizers", name, names::qualified_name(name));
            if !name.contains('/') && name != NAMESPACE_FINALIZER {
                let detail = "name is neither a standard finalizer name nor is it fully qualified";
                faults.invalid("spec.finalizers", name, detail);
            }
        }
    },
    ..Rules::CLUSTER
};

pub(super) static NODE: Rules = Rules {
    // The status is kept on update, but the one that a new node comes with is its own.
    status: false,
    default: |node| {
        // The first of the ranges is also a field of its own.
        let range = node.str_at(&["spec", "podCIDR"]).to_owned();
        if !range.is_empty() {
            node.or_set(&["spec", "podCIDRs"], json!([range]));
        }
        for field in ["capacity", "allocatable"] {
            node.with(&["status", field], pod_spec::amounts);
        }
        if node.at(&["status", "allocatable"]).is_none()
            && let Some(capacity) = node.at(&["status", "capacity"]).cloned()
        {
            node.set_at(&["status", "allocatable"], capacity);
        }
    },
    update: |new, old, _| {
        match old.at(&["status"]) {
            Some(status) => new.set_at(&["status"], status.clone()),
            None => drop(new.remove_at(&["status"])),
        }
        Ok(())
    },
    validate: |node, faults| {
        let mut seen = std::collections::BTreeSet::new();
        for (path, taint) in indexed(node, "", &["spec", "taints"]) {
            let [key, value, effect] = ["key", "value", "effect"].map(|field| taint.str_at(&[field]));
            faults.complaints(&child(&path, "key"), key, names::qualified_name(key));
            let complaints = names::label_value(value);
            if !complaints.is_empty() {
                faults.invalid(child(&path, "value"), value, complaints.join(";"));
            }
            faults.one_of(child(&path, "effect"), effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
            if !seen.insert((key, effect)) {
                let mut fault = json!({"key": key, "effect": effect});
                if !value.is_empty() {
                    fault["value"] = value.into();
                }
                faults.duplicate(path, fault);
            }
        }
    },
    validate_update: |new, old, faults| {
        for field in ["podCIDR", "providerID"] {
            let (now, before) = (new.str_at(&["spec", field]), old.str_at(&["spec", field]));
            if !before.is_empty() && now != before {
                let detail = match field {
                    "podCIDR" => "node updates may not change podCIDR except from \"\" to valid",
                    _ => "node updates may not change providerID except from \"\" to valid",
                };
                let field = if field == "podCIDR" { "spec.podCIDRs" } else { "spec.providerID" };
                faults.forbidden(field, detail);
            }
        }
    },
    ..Rules::CLUSTER
};

pub(super) static PRIORITY_CLASS: Rules = Rules {
    generation_of: &[&["value"], &["globalDefault"], &["description"], &["preemptionPolicy"]],
    default: |class| class.or_set(&["preemptionPolicy"], "PreemptLowerPriority"),
    validate: |class, faults| {
        if class.name().starts_with("system-")
            && !matches!(class.name(), "system-node-critical" | "system-cluster-critical")
        {
            let detail = "priority class names with 'system-' prefix are reserved for system use only. error: not a known system priority class";
            faults.forbidden("metadata.name", detail);
        } else if class.int_at(&["value"]).unwrap_or(0) > 1_000_000_000 && !class.name().starts_with("system-") {
            faults.forbidden("value", "maximum allowed value of a user defined priority is 1000000000");
        }
    },
    validate_update: |new, old, faults| {
        for (field, detail) in
            [("value", "may not be changed in an update."), ("preemptionPolicy", "field is immutable")]
        {
            if new.at(&[field]) != old.at(&[field]) {
                if field == "value" {
                    faults.forbidden("value", detail);
                } else {
                    faults.immutable(new, old, &[field]);
                }
            }
        }
    },
    ..Rules::CLUSTER
};
