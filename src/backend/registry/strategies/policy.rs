//! PodDisruptionBudgets, LimitRanges, ResourceQuotas, Leases, Events, and the kinds of access control.

use std::collections::BTreeSet;

use serde_json::json;

use super::pod_spec;
use super::rules::{Defaults, Rules, SPEC};
use crate::backend::registry::validation::container::quantity_of;
use crate::backend::registry::validation::{Faults, child, indexed, is_empty, is_set, workload as check};
use crate::object::{Meta, Object, names};

pub(super) static DISRUPTION_BUDGET: Rules = Rules {
    generation_of: SPEC,
    status: true,
    create: |budget, _| {
        budget.set_at(
            &["status"],
            json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
        );
        Ok(())
    },
    validate: |budget, faults| {
        let empty = Object::Null;
        let spec = budget.at(&["spec"]).unwrap_or(&empty);
        if is_set(spec.at(&["minAvailable"])) && is_set(spec.at(&["maxUnavailable"])) {
            faults.invalid("spec", spec.clone(), "minAvailable and maxUnavailable cannot be both set");
        }
        for field in ["minAvailable", "maxUnavailable"] {
            check::count_or_percent(spec.at(&[field]), &child("spec", field), faults);
            check::at_most_100_percent(spec.at(&[field]), &child("spec", field), faults);
        }
        check::selector(spec.at(&["selector"]), "spec.selector", faults);
        let eviction = spec.str_at(&["unhealthyPodEvictionPolicy"]);
        if !matches!(eviction, "" | "AlwaysAllow" | "IfHealthyBudget") {
            let field = "spec.unhealthyPodEvictionPolicy";
            faults.not_supported(field, eviction, &["AlwaysAllow", "IfHealthyBudget"]);
        }
    },
    ..Rules::NAMESPACED
};

pub(super) static LIMIT_RANGE: Rules = Rules {
    default: |range| {
        range.each(&["spec", "limits"], |item| {
            for field in ["default", "defaultRequest", "max", "maxLimitRequestRatio", "min"] {
                item.with(&[field], pod_spec::amounts);
            }
            if item.str_at(&["type"]) != "Container" {
                return;
            }
            for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
                for (name, amount) in item.at(&[from]).and_then(Object::as_object).cloned().into_iter().flatten() {
                    item.or_set(&[to, &name], amount);
                }
            }
        });
    },
    validate: |range, faults| {
        let mut seen = BTreeSet::new();
        for (path, item) in indexed(range, "", &["spec", "limits"]) {
            let kind = item.str_at(&["type"]);
            if !seen.insert(kind) {
                faults.duplicate(child(&path, "type"), kind);
            }
            limit_item(item, kind, &path, faults);
        }
    },
    ..Rules::NAMESPACED
};

/// Bounds that must not be above others: the lower, the upper, the field at fault, the value shown, the words.
const BOUNDS: [(&str, &str, &str, bool, &str, &str); 6] = [
    ("min", "max", "min", true, "min value", "max value"),
    ("min", "defaultRequest", "defaultRequest", false, "min value", "default request value"),
    ("defaultRequest", "max", "defaultRequest", true, "default request value", "max value"),
    ("defaultRequest", "default", "defaultRequest", true, "default request value", "default limit value"),
    ("min", "default", "default", true, "min value", "default value"),
    ("default", "max", "default", false, "default value", "max value"),
];

fn limit_item(item: &Object, kind: &str, path: &str, faults: &mut Faults) {
    if kind == "Pod" {
        for field in ["default", "defaultRequest"] {
            if !is_empty(item.at(&[field])) {
                faults.forbidden(child(path, field), "may not be specified when `type` is 'Pod'");
            }
        }
    }
    if kind == "PersistentVolumeClaim"
        && item.at(&["min", "storage"]).is_none()
        && item.at(&["max", "storage"]).is_none()
    {
        let detail = "either minimum or maximum storage value is required, but neither was provided";
        faults.required(child(path, "limits"), detail);
    }
    let lists = ["default", "defaultRequest", "max", "maxLimitRequestRatio", "min"];
    let names: BTreeSet<&String> =
        lists.iter().filter_map(|list| item.at(&[list])?.as_object()).flat_map(serde_json::Map::keys).collect();
    for name in names {
        let amount = |list: &str| item.at(&[list, name]).and_then(quantity_of);
        for (low, high, field, shows_low, low_words, high_words) in BOUNDS {
            let (Some(low), Some(high)) = (amount(low), amount(high)) else { continue };
            if low > high {
                let value = if shows_low { low } else { high };
                faults.invalid(
                    format!("{path}.{field}[{name}]"),
                    value.to_string(),
                    format!("{low_words} {low} is greater than {high_words} {high}"),
                );
            }
        }
        if let Some(ratio) = amount("maxLimitRequestRatio").filter(|ratio| ratio.milli_value() < 1000) {
            let field = format!("{path}.maxLimitRequestRatio[{name}]");
            faults.invalid(field, ratio.to_string(), format!("ratio {ratio} is less than 1"));
        }
    }
}

pub(super) static RESOURCE_QUOTA: Rules = Rules {
    status: true,
    default: |quota| {
        for path in [&["spec", "hard"][..], &["status", "hard"], &["status", "used"]] {
            quota.with(path, pod_spec::amounts);
        }
    },
    create: |quota, _| {
        quota.set_at(&["status"], json!({}));
        Ok(())
    },
    validate_update: |new, old, faults| faults.immutable(new, old, &["spec", "scopes"]),
    ..Rules::NAMESPACED
};

pub(super) static LEASE: Rules = Rules {
    validate: |lease, faults| {
        let empty = Object::Null;
        let spec = lease.at(&["spec"]).unwrap_or(&empty);
        if let Some(seconds) = spec.int_at(&["leaseDurationSeconds"]).filter(|seconds| *seconds <= 0) {
            faults.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0");
        }
        faults.non_negative(spec, "spec", &["leaseTransitions"]);
    },
    ..Rules::NAMESPACED
};

pub(super) static EVENT: Rules = Rules {
    validate: |event, faults| {
        let about = event.str_at(&["involvedObject", "namespace"]);
        // What belongs to no namespace has its events in the default one.
        let fits = if about.is_empty() {
            matches!(event.namespace(), "" | "default" | "kube-system")
        } else {
            about == event.namespace()
        };
        if !fits {
            faults.invalid("involvedObject.namespace", about, "does not match event.namespace");
        }
    },
    ..Rules::NAMESPACED
};

/// Names of roles and their bindings may hold all that a path can.
const ACCESS: Rules = Rules { name: names::path_segment, ..Rules::NAMESPACED };

pub(super) static ROLE: Rules = Rules { validate: |role, faults| rules(role, true, faults), ..ACCESS };

pub(super) static CLUSTER_ROLE: Rules =
    Rules { namespaced: false, validate: |role, faults| rules(role, false, faults), ..ROLE };

fn rules(role: &Object, namespaced: bool, faults: &mut Faults) {
    for (path, rule) in indexed(role, "", &["rules"]) {
        let list = |field: &str| rule.list_at(&[field]);
        if list("verbs").is_empty() {
            faults.required(child(&path, "verbs"), "verbs must contain at least one value");
        }
        if !list("nonResourceURLs").is_empty() {
            let urls = rule.at(&["nonResourceURLs"]).cloned().unwrap_or_default();
            if namespaced {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                faults.invalid(child(&path, "nonResourceURLs"), urls, detail);
            } else if !list("apiGroups").is_empty()
                || !list("resources").is_empty()
                || !list("resourceNames").is_empty()
            {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                faults.invalid(child(&path, "nonResourceURLs"), urls, detail);
            }
            continue;
        }
        if list("apiGroups").is_empty() {
            faults.required(child(&path, "apiGroups"), "resource rules must supply at least one api group");
        }
        if list("resources").is_empty() {
            faults.required(child(&path, "resources"), "resource rules must supply at least one resource");
        }
    }
}

pub(super) static ROLE_BINDING: Rules = Rules {
    default: |binding| {
        binding.or_text(&["roleRef", "apiGroup"], "rbac.authorization.k8s.io");
        binding.each(&["subjects"], |subject| {
            if matches!(subject.str_at(&["kind"]), "User" | "Group") {
                subject.or_text(&["apiGroup"], "rbac.authorization.k8s.io");
            }
        });
    },
    validate: |binding, faults| {
        let kind = binding.str_at(&["roleRef", "kind"]);
        let kinds: &[&str] = if binding.kind() == "RoleBinding" { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
        if !kinds.contains(&kind) {
            faults.not_supported("roleRef.kind", kind, kinds);
        }
        let name = binding.str_at(&["roleRef", "name"]);
        if name.is_empty() {
            faults.required("roleRef.name", "");
        } else {
            faults.complaints("roleRef.name", name, names::path_segment(name));
        }
        for (path, subject) in indexed(binding, "", &["subjects"]) {
            let name = subject.str_at(&["name"]);
            if name.is_empty() {
                faults.required(child(&path, "name"), "");
            }
            match subject.str_at(&["kind"]) {
                "ServiceAccount" => {
                    if !name.is_empty() {
                        faults.complaints(&child(&path, "name"), name, names::dns1123_subdomain(name));
                    }
                    if subject.str_at(&["namespace"]).is_empty() {
                        faults.required(child(&path, "namespace"), "");
                    }
                }
                "User" | "Group" => {}
                other => faults.not_supported(child(&path, "kind"), other, &["Group", "ServiceAccount", "User"]),
            }
        }
    },
    validate_update: |new, old, faults| {
        if new.at(&["roleRef"]) != old.at(&["roleRef"]) {
            let reference = new.at(&["roleRef"]).cloned().unwrap_or_default();
            faults.invalid("roleRef", reference, "cannot change roleRef");
        }
    },
    ..ACCESS
};

pub(super) static CLUSTER_ROLE_BINDING: Rules = Rules { namespaced: false, ..ROLE_BINDING };

pub(super) static CSI_DRIVER: Rules = Rules {
    default: |driver| {
        driver.or_set(&["spec", "attachRequired"], true);
        for field in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
            driver.or_set(&["spec", field], false);
        }
        driver.or_set(&["spec", "fsGroupPolicy"], "ReadWriteOnceWithFSType");
        driver.or_set(&["spec", "volumeLifecycleModes"], json!(["Persistent"]));
    },
    ..Rules::CLUSTER
};

pub(super) static API_SERVICE: Rules = Rules {
    name: names::path_segment,
    status: true,
    default: |service| service.with(&["spec", "service"], |service| service.or_set(&["port"], 443)),
    ..Rules::CLUSTER
};
