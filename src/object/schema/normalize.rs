//! An object as a server keeps it: what its types do not hold is gone, what they always hold is there.

use super::{Shape, Type, Zero};
use crate::object::{Object, quantity};

/// Brings an object into the form in which a server writes it: fields that the type does not have, nulls and
/// values that mean nothing are dropped, fields that are always written are added, quantities become
/// canonical text.
pub fn normalize(of: &'static Type, object: &mut Object) {
    let Object::Object(map) = object else { return };
    map.retain(|name, value| {
        let Some(field) = of.field(name) else { return false };
        if value.is_null() {
            return false;
        }
        visit(&field.shape, value);
        match field.zero {
            Zero::Written | Zero::Null => {
                // An empty list is none, which is written as null.
                if is_empty(&field.shape, value) {
                    *value = Object::Null;
                }
                true
            }
            Zero::Omitted => !is_zero(value),
            Zero::Pointer => !is_empty(&field.shape, value),
        }
    });
    for field in of.fields() {
        let value = match field.zero {
            Zero::Written if !map.contains_key(field.name) => zero(&field.shape),
            Zero::Null if !map.contains_key(field.name) => Object::Null,
            _ => continue,
        };
        map.insert(field.name.to_owned(), value);
    }
}

fn is_zero(value: &Object) -> bool {
    match value {
        Object::String(text) => text.is_empty(),
        Object::Number(number) => number.as_f64() == Some(0.0),
        Object::Bool(yes) => !yes,
        _ => false,
    }
}

/// Empty lists and maps are not written; an object without fields is still there.
fn is_empty(shape: &Shape, value: &Object) -> bool {
    match (shape, value) {
        (Shape::List(_), Object::Array(list)) => list.is_empty(),
        (Shape::Map(_), Object::Object(map)) => map.is_empty(),
        _ => false,
    }
}

/// What stands for no value of a shape.
fn zero(shape: &Shape) -> Object {
    match shape {
        Shape::String => "".into(),
        Shape::Int32 | Shape::Int64 | Shape::Double | Shape::IntOrString => 0.into(),
        Shape::Bool => false.into(),
        Shape::Quantity => "0".into(),
        Shape::Object(_) => {
            let mut object = Object::Object(serde_json::Map::new());
            if let Some(of) = shape.object() {
                normalize(of, &mut object);
            }
            object
        }
        _ => Object::Null,
    }
}

fn visit(shape: &Shape, value: &mut Object) {
    match (shape, value) {
        (Shape::Object(_), value @ Object::Object(_)) => {
            if let Some(of) = shape.object() {
                normalize(of, value);
            }
        }
        (Shape::List(element), Object::Array(list)) => list.iter_mut().for_each(|value| visit(element, value)),
        (Shape::Map(element), Object::Object(map)) => {
            for value in map.values_mut() {
                // A key without a value has an empty one.
                if value.is_null() {
                    *value = zero(element);
                }
                visit(element, value);
            }
        }
        (Shape::Quantity, Object::String(text)) => {
            let canonical = quantity::canonical(text);
            if canonical != *text {
                *text = canonical;
            }
        }
        (Shape::Quantity, value @ Object::Number(_)) => *value = quantity::canonical(&value.to_string()).into(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::schema;
    use serde_json::json;

    #[test]
    fn keeps_what_a_server_keeps() {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "bogus": 1,
            "metadata": {"name": "p", "namespace": "", "labels": {}, "annotations": null, "creationTimestamp": null},
            "spec": {"nodeSelector": {}, "securityContext": {}, "hostNetwork": false, "enableServiceLinks": false,
                "containers": [{"name": "c", "args": [], "tty": false, "env": [{"name": "A", "value": ""}],
                    "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}, {"name": "d"}],
                "volumes": [{"name": "v", "emptyDir": {}}]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        normalize(schema::of_object(&pod).expect("a type"), &mut pod);
        assert_eq!(
            pod,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
                "spec": {"securityContext": {}, "enableServiceLinks": false,
                    "containers": [{"name": "c", "env": [{"name": "A"}],
                        "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}, {"name": "d", "resources": {}}],
                    "volumes": [{"name": "v", "emptyDir": {}}]},
                "status": {"conditions": [
                    {"type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": null}]}})
        );
    }

    #[test]
    fn is_done_after_once() {
        let mut role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}});
        let of = schema::of_object(&role).expect("a type");
        normalize(of, &mut role);
        assert_eq!(role.get("rules"), Some(&json!(null)));
        let once = role.clone();
        normalize(of, &mut role);
        assert_eq!(role, once);
    }
}
