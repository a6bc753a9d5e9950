//! Names, labels, annotations, owners and finalizers: what every object has.
//! Source: `apimachinery/pkg/api/validation/objectmeta.go`.

use std::collections::BTreeSet;

use super::{Faults, child};
use crate::object::names::{self, Complaints};
use crate::object::{Meta, Object};

/// The most bytes of all annotations together.
const ANNOTATIONS_MAX: usize = 256 * 1024;

/// Finalizers of built-in kinds that need no domain before their names.
const STANDARD_FINALIZERS: &[&str] = &["kubernetes", "orphan", "foregroundDeletion"];

/// A kind's rule for names.
pub type NameRule = fn(&str) -> Complaints;

/// An object's metadata.
pub fn object_meta(object: &Object, namespaced: bool, name_rule: NameRule, faults: &mut Faults) {
    let at = |field: &str| child("metadata", field);
    let generate = object.str_at(&["metadata", "generateName"]);
    if !generate.is_empty() {
        faults.complaints(&at("generateName"), generate, names::generated(generate, name_rule));
    }
    let name = object.name();
    if name.is_empty() {
        faults.required(at("name"), "name or generateName is required");
    } else {
        faults.complaints(&at("name"), name, name_rule(name));
    }
    let namespace = object.namespace();
    if !namespaced && !namespace.is_empty() {
        faults.forbidden(at("namespace"), "not allowed on this type");
    } else if namespaced && namespace.is_empty() {
        faults.required(at("namespace"), "");
    } else if namespaced {
        faults.complaints(&at("namespace"), namespace, names::dns1123_label(namespace));
    }
    labels(object.at(&["metadata", "labels"]), "metadata.labels", faults);
    annotations(object.at(&["metadata", "annotations"]), "metadata.annotations", faults);
    owners(object, faults);
    finalizers(object, faults);
}

/// What may not change in an object's metadata.
pub fn object_meta_update(new: &Object, old: &Object, faults: &mut Faults) {
    if old.deletion_timestamp().is_some() {
        let had: BTreeSet<&str> = texts(old, "finalizers").collect();
        let added: BTreeSet<&str> = texts(new, "finalizers").filter(|name| !had.contains(name)).collect();
        if !added.is_empty() {
            let list: Vec<String> = added.iter().map(|name| format!("{name:?}")).collect();
            faults.forbidden(
                "metadata.finalizers",
                format!(
                    "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                    list.join(", ")
                ),
            );
        }
    }
    for field in ["name", "namespace", "uid", "creationTimestamp"] {
        // What a client leaves out the server keeps.
        if !new.str_at(&["metadata", field]).is_empty() {
            faults.immutable(new, old, &["metadata", field]);
        }
    }
}

/// The keys and values of a map of labels.
pub fn labels(labels: Option<&Object>, field: &str, faults: &mut Faults) {
    let Some(labels) = labels.and_then(Object::as_object) else { return };
    for (key, value) in labels {
        faults.complaints(field, key, names::qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        faults.complaints(field, value, names::label_value(value));
    }
}

/// The keys and the size of a map of annotations.
pub fn annotations(annotations: Option<&Object>, field: &str, faults: &mut Faults) {
    let Some(annotations) = annotations.and_then(Object::as_object) else { return };
    let mut size = 0;
    for (key, value) in annotations {
        faults.complaints(field, key, names::qualified_name(&key.to_lowercase()));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_MAX {
        faults.too_long(field, ANNOTATIONS_MAX);
    }
}

fn owners(object: &Object, faults: &mut Faults) {
    let mut controller: Option<String> = None;
    let all = object.at(&["metadata", "ownerReferences"]);
    for owner in object.list_at(&["metadata", "ownerReferences"]) {
        let field = "metadata.ownerReferences";
        let version = owner.str_at(&["apiVersion"]);
        if version.is_empty() || version.ends_with('/') {
            faults.invalid(child(field, "apiVersion"), version, "version must not be empty");
        }
        for name in ["kind", "name", "uid"] {
            if owner.str_at(&[name]).is_empty() {
                faults.invalid(child(field, name), "", "must not be empty");
            }
        }
        if version == "v1" && owner.str_at(&["kind"]) == "Event" {
            faults.invalid(field, owner.clone(), "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner.bool_at(&["controller"]) {
            let this = format!("{}/{}", owner.str_at(&["kind"]), owner.str_at(&["name"]));
            match &controller {
                Some(first) => faults.invalid(
                    field,
                    all.cloned().unwrap_or_default(),
                    format!("Only one reference can have Controller set to true. Found \"true\" in references for {first} and {this}"),
                ),
                None => controller = Some(this),
            }
        }
    }
}

fn finalizers(object: &Object, faults: &mut Faults) {
    let field = "metadata.finalizers";
    for name in texts(object, "finalizers") {
        faults.complaints(field, name, names::qualified_name(name));
    }
    // Groups that are not of the core's making take any name, and have one that is not qualified.
    let group = object.str_at(&["apiVersion"]).split_once('/').map_or("", |(group, _)| group);
    let strict = !matches!(group, "apiextensions.k8s.io" | "admissionregistration.k8s.io");
    for (at, name) in texts(object, "finalizers").enumerate() {
        if strict && !name.contains('/') && !STANDARD_FINALIZERS.contains(&name) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            faults.invalid(format!("{field}[{at}]"), name, why);
        }
    }
    let has = |wanted: &str| texts(object, "finalizers").any(|name| name == wanted);
    if has("orphan") && has("foregroundDeletion") {
        let all = object.at(&["metadata", "finalizers"]).cloned().unwrap_or_default();
        faults.invalid(field, all, "finalizer orphan and foregroundDeletion cannot be both set");
    }
}

fn texts<'a>(object: &'a Object, field: &'static str) -> impl Iterator<Item = &'a str> {
    object.list_at(&["metadata", field]).iter().filter_map(Object::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(object: &Object) -> Vec<String> {
        let mut faults = Faults::default();
        object_meta(object, true, names::dns1123_subdomain, &mut faults);
        faults.0.iter().map(|fault| fault.to_string().chars().take(60).collect()).collect()
    }

    #[test]
    fn finds_what_is_wrong_with_metadata() {
        assert!(faults(&json!({"metadata": {"name": "a", "namespace": "b", "labels": {"x.io/y": "z"}}})).is_empty());
        assert_eq!(
            faults(&json!({"metadata": {"namespace": "b", "labels": {"-x": "!"}, "annotations": {"a b": ""},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}], "finalizers": ["a b"]}})),
            [
                "metadata.name: Required value: name or generateName is requi",
                "metadata.labels: Invalid value: \"-x\": name part must consist",
                "metadata.labels: Invalid value: \"!\": a valid label must be a",
                "metadata.annotations: Invalid value: \"a b\": name part must c",
                "metadata.ownerReferences.uid: Invalid value: \"\": must not be",
                "metadata.finalizers: Invalid value: \"a b\": name part must co",
                "metadata.finalizers[0]: Invalid value: \"a b\": name is neithe",
            ]
        );
    }

    #[test]
    fn definitions_have_a_finalizer_of_their_own() {
        let metadata =
            json!({"name": "a", "namespace": "b", "finalizers": ["customresourcecleanup.apiextensions.k8s.io"]});
        let of = |version: &str| faults(&json!({"apiVersion": version, "metadata": metadata}));
        assert!(of("apiextensions.k8s.io/v1").is_empty());
        assert_eq!(of("apps/v1").len(), 1);
    }

    #[test]
    fn keeps_what_may_not_change() {
        let old = json!({"metadata": {"name": "a", "uid": "1", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        let mut new = old.clone();
        new.set_at(&["metadata", "uid"], "2");
        new.set_at(&["metadata", "finalizers"], json!(["x/y"]));
        let mut faults = Faults::default();
        object_meta_update(&new, &old, &mut faults);
        let texts: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[0].ends_with("found new finalizers []string{\"x/y\"}"), "{}", texts[0]);
        assert_eq!(texts[1], "metadata.uid: Invalid value: \"2\": field is immutable");
    }
}
