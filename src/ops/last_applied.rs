//! The annotation in which `apply` keeps what was applied last, so that the next `apply` knows what
//! has been taken out of a manifest since.

use crate::object::{Meta, Object};
use crate::output::{json, type_order};

/// Its key.
pub const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
const PATH: [&str; 3] = ["metadata", "annotations", ANNOTATION];

/// What was applied last, where anything was.
pub fn original(object: &Object) -> Option<&str> {
    object.annotation(ANNOTATION)
}

/// An object of a manifest with itself, as it is without the annotation, in the annotation.
pub fn modified(object: &Object) -> Object {
    let mut object = object.clone();
    record(&mut object);
    object
}

/// Writes an object of a manifest into its annotation.
pub fn record(object: &mut Object) {
    let annotations = object.at_mut(&["metadata", "annotations"]);
    if !annotations.is_object() {
        // As kubectl has it: a manifest without annotations is kept with an empty map of them.
        *annotations = Object::Object(serde_json::Map::new());
    }
    object.remove_at(&PATH);
    let text = encode(object);
    object.set_at(&PATH, text);
}

/// Writes an object that was made here into its annotation, in the order of its type's fields.
pub fn record_typed(object: &mut Object) {
    object.remove_at(&PATH);
    let text = match type_order::order_of(object.api_version(), object.kind()) {
        Some(order) => json::compact_ordered(object, order) + "\n",
        None => encode(object),
    };
    object.set_at(&PATH, text);
}

/// Writes an object of a manifest into its annotation where it has one already, or is to get one.
pub fn update(create: bool, object: &mut Object) {
    if create || original(object).is_some() {
        record(object);
    }
}

/// An object as the annotation holds it: one line, and its end.
pub fn encode(object: &Object) -> String {
    json::compact(object) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keeps_the_manifest_without_itself() {
        let mut object = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "a"}});
        update(false, &mut object);
        assert_eq!(original(&object), None);
        update(true, &mut object);
        let want = "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"annotations\":{},\"name\":\"a\"}}\n";
        assert_eq!(original(&object), Some(want));
        update(false, &mut object);
        assert_eq!(original(&object), Some(want));
        assert_eq!(modified(&object), object);
    }

    #[test]
    fn keeps_what_was_made_here_as_its_type_writes_it() {
        let mut object =
            json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": {}, "status": {}});
        record_typed(&mut object);
        let want =
            "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"},\"spec\":{},\"status\":{}}\n";
        assert_eq!(original(&object), Some(want));
    }
}
