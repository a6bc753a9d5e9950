//! The `scale` subresource.

use serde_json::json;

use crate::object::labels::format_selector;
use crate::object::{Meta, Object, Status};

/// An object's scale (`autoscaling/v1`).
pub(super) fn of(object: &Object) -> Object {
    let mut scale = json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": object.name(), "namespace": object.namespace()},
        "spec": {},
        "status": {"replicas": object.int_at(&["status", "replicas"]).unwrap_or(0)},
    });
    for field in ["uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.at(&["metadata", field]) {
            scale.set_at(&["metadata", field], value.clone());
        }
    }
    let replicas = object.int_at(&["spec", "replicas"]).unwrap_or(0);
    if replicas != 0 {
        scale.set_at(&["spec", "replicas"], replicas);
    }
    let selector = object.at(&["spec", "selector"]);
    let text = if object.kind() == "ReplicationController" {
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

/// The object with the replicas that a scale asks for.
pub(super) fn onto(object: &Object, scale: &Object) -> Result<Object, Status> {
    let replicas = scale.int_at(&["spec", "replicas"]).unwrap_or(0);
    if replicas < 0 {
        let error = crate::backend::registry::FieldError::invalid(
            "spec.replicas",
            replicas,
            "must be greater than or equal to 0",
        );
        let kind = crate::object::GroupKind { group: "autoscaling".into(), kind: "Scale".into() };
        return Err(Status::invalid(&kind, object.name(), &[error]));
    }
    let mut result = object.clone();
    result.set_at(&["spec", "replicas"], replicas);
    for field in ["resourceVersion", "uid"] {
        match scale.at(&["metadata", field]) {
            Some(value) => result.set_at(&["metadata", field], value.clone()),
            None => drop(result.remove_at(&["metadata", field])),
        }
    }
    Ok(result)
}
