//! An object as a server keeps it: what its types do not hold is gone.

use super::{Shape, Type};
use crate::object::{Object, quantity};

/// Drops from an object what a server's types would not keep: fields that the type does not have, nulls,
/// and empty lists and maps where they may be absent. Quantities become canonical text.
pub fn normalize(of: &'static Type, object: &mut Object) {
    let Object::Object(map) = object else { return };
    map.retain(|name, value| {
        let Some(field) = of.field(name) else { return false };
        if value.is_null() {
            return false;
        }
        visit(&field.shape, value);
        field.required || !is_dropped(&field.shape, value)
    });
}

/// Empty lists and maps are not written; an object without fields is still there.
fn is_dropped(shape: &Shape, value: &Object) -> bool {
    match (shape, value) {
        (Shape::List(_), Object::Array(list)) => list.is_empty(),
        (Shape::Map(_), Object::Object(map)) => map.is_empty(),
        _ => false,
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
        (Shape::Map(element), Object::Object(map)) => map.values_mut().for_each(|value| visit(element, value)),
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
            "metadata": {"name": "p", "labels": {}, "annotations": null, "creationTimestamp": null},
            "spec": {"nodeSelector": {}, "securityContext": {}, "containers": [
                {"name": "c", "args": [], "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}],
                "volumes": [{"name": "v", "emptyDir": {}}]}});
        normalize(schema::of_object(&pod).expect("a type"), &mut pod);
        assert_eq!(
            pod,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
                "spec": {"securityContext": {}, "containers": [
                    {"name": "c", "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}}],
                    "volumes": [{"name": "v", "emptyDir": {}}]}})
        );
    }
}
