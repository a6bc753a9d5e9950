//! The `scale` subresource.

use serde_json::json;

use crate::backend::registry::{FieldError, custom};
use crate::object::builtin::Resource;
use crate::object::labels::format_selector;
use crate::object::{GroupVersionKind, Meta, Object, Status};

/// An object's scale (`autoscaling/v1`).
pub(super) fn of(resource: &Resource, object: &Object) -> Object {
    let paths = custom::of(resource).and_then(|custom| custom.scale.as_ref());
    let number = |path: &[&str], own: Option<&Vec<String>>| match own {
        Some(own) => own.iter().try_fold(object, |value, field| value.get(field)).and_then(Object::as_i64),
        None => object.int_at(path),
    };
    let wanted = number(&["spec", "replicas"], paths.map(|paths| &paths.spec)).unwrap_or(0);
    let current = number(&["status", "replicas"], paths.map(|paths| &paths.status)).unwrap_or(0);
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": object.name(), "namespace": object.namespace()},
        "spec": {},
        "status": {"replicas": current},
    });
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.at(&["metadata", field]) {
            scale.set_at(&["metadata", field], value.clone());
        }
    }
    if wanted != 0 {
        scale.set_at(&["spec", "replicas"], wanted);
    }
    let selector = object.at(&["spec", "selector"]);
    let text = if let Some(paths) = paths {
        let found = paths.selector.iter().try_fold(object, |value, field| value.get(field));
        found.and_then(Object::as_str).unwrap_or("").to_owned()
    } else if object.kind() == "ReplicationController" {
        let labels = object.map_at(&["spec", "selector"]);
        labels.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    } else {
        selector.map_or_else(String::new, |selector| format_selector(Some(selector)))
    };
    if !text.is_empty() {
        scale.set_at(&["status", "selector"], text);
    }
    scale
}

/// The kind of scales.
pub(super) fn kind() -> GroupVersionKind {
    GroupVersionKind::new("autoscaling", "v1", "Scale")
}

/// Refuses a scale of less than nothing. `object` is what is scaled.
pub(super) fn check(object: &Object, scale: &Object) -> Result<(), Status> {
    let replicas = scale.int_at(&["spec", "replicas"]).unwrap_or(0);
    if replicas >= 0 {
        return Ok(());
    }
    let error = FieldError::invalid("spec.replicas", replicas, "must be greater than or equal to 0");
    Err(Status::invalid(&kind().group_kind(), object.name(), &[error]))
}

/// The part of a resource's object (in its own version) that an applied scale is about.
pub(super) fn part(storage: &Resource, resource: &Resource, scale: &Object) -> Object {
    let mut part = json!({
        "apiVersion": resource.group_version().to_string(),
        "kind": resource.kind,
        "metadata": {},
    });
    if let Some(replicas) = scale.int_at(&["spec", "replicas"]) {
        put(storage, &mut part, replicas);
    }
    part
}

fn put(resource: &Resource, object: &mut Object, replicas: i64) {
    match custom::of(resource).and_then(|custom| custom.scale.as_ref()) {
        Some(paths) => {
            let path: Vec<&str> = paths.spec.iter().map(String::as_str).collect();
            object.set_at(&path, replicas);
        }
        None => object.set_at(&["spec", "replicas"], replicas),
    }
}

/// The object with the replicas that a scale asks for.
pub(super) fn onto(resource: &Resource, object: &Object, scale: &Object) -> Result<Object, Status> {
    check(object, scale)?;
    let mut result = object.clone();
    put(resource, &mut result, scale.int_at(&["spec", "replicas"]).unwrap_or(0));
    for field in ["resourceVersion", "uid"] {
        match scale.at(&["metadata", field]) {
            Some(value) => result.set_at(&["metadata", field], value.clone()),
            None => drop(result.remove_at(&["metadata", field])),
        }
    }
    Ok(result)
}
