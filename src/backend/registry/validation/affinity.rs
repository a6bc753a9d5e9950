//! Where pods want to run: affinities to nodes and to other pods.

use super::{Faults, child, indexed, workload};
use crate::object::{Meta, Object, names};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// The affinities of a pod's spec, at `base`.
pub fn affinity(spec: &Object, base: &str, faults: &mut Faults) {
    let base = child(base, "affinity");
    if let Some(node) = spec.at(&["affinity", "nodeAffinity"]).filter(|node| !node.is_null()) {
        let base = child(&base, "nodeAffinity");
        if let Some(selector) = node.at(&[REQUIRED]).filter(|selector| !selector.is_null()) {
            node_selector(selector, &child(&base, REQUIRED), faults);
        }
        for (path, term) in indexed(node, &base, &[PREFERRED]) {
            weight(term, &path, faults);
            if let Some(preference) = term.at(&["preference"]) {
                node_term(preference, &child(&path, "preference"), faults);
            }
        }
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(terms) = spec.at(&["affinity", kind]) else { continue };
        let base = child(&base, kind);
        for (path, term) in indexed(terms, &base, &[REQUIRED]) {
            pod_term(term, &path, faults);
        }
        for (path, weighted) in indexed(terms, &base, &[PREFERRED]) {
            weight(weighted, &path, faults);
            if let Some(term) = weighted.at(&["podAffinityTerm"]) {
                pod_term(term, &child(&path, "podAffinityTerm"), faults);
            }
        }
    }
}

fn weight(term: &Object, path: &str, faults: &mut Faults) {
    let weight = term.int_at(&["weight"]).unwrap_or(0);
    if !(1..=100).contains(&weight) {
        faults.invalid(child(path, "weight"), weight, "must be in the range 1-100");
    }
}

/// A `NodeSelector`, of which one term at least must match.
pub fn node_selector(selector: &Object, base: &str, faults: &mut Faults) {
    if selector.list_at(&["nodeSelectorTerms"]).is_empty() {
        faults.required(child(base, "nodeSelectorTerms"), "must have at least one node selector term");
    }
    for (path, term) in indexed(selector, base, &["nodeSelectorTerms"]) {
        node_term(term, &path, faults);
    }
}

fn node_term(term: &Object, base: &str, faults: &mut Faults) {
    for (path, requirement) in indexed(term, base, &["matchExpressions"]) {
        let values = requirement.list_at(&["values"]);
        let field = child(&path, "values");
        match requirement.str_at(&["operator"]) {
            "In" | "NotIn" if values.is_empty() => {
                faults.required(field, "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                faults.forbidden(field, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
            "Gt" | "Lt" if values.len() != 1 => {
                faults.required(field, "must be specified single value when `operator` is 'Lt' or 'Gt'");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
            other => faults.invalid(child(&path, "operator"), other, "not a valid selector operator"),
        }
        let key = requirement.str_at(&["key"]);
        faults.complaints(&child(&path, "key"), key, names::qualified_name(key));
        for (path, value) in indexed(requirement, &path, &["values"]) {
            let value = value.as_str().unwrap_or_default();
            faults.complaints(&path, value, names::label_value(value));
        }
    }
}

fn pod_term(term: &Object, path: &str, faults: &mut Faults) {
    workload::selector(term.at(&["labelSelector"]), &child(path, "labelSelector"), faults);
    workload::selector(term.at(&["namespaceSelector"]), &child(path, "namespaceSelector"), faults);
    for namespace in term.list_at(&["namespaces"]).iter().filter_map(Object::as_str) {
        faults.complaints(&child(path, "namespace"), namespace, names::dns1123_label(namespace));
    }
    let key = term.str_at(&["topologyKey"]);
    let field = child(path, "topologyKey");
    if key.is_empty() {
        faults.required(field.clone(), "can not be empty");
    }
    faults.complaints(&field, key, names::qualified_name(key));
}
