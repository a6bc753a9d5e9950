//! What several controllers need: reading pods, owner references, conditions, selectors, names.

pub mod conditions;
pub mod names;
pub mod owners;
pub mod pods;
pub mod revisions;
pub mod selector;
pub mod services;
pub mod standing;

use crate::object::Object;

/// Whether two values mean the same to the API: absent, null and empty maps and lists are equal.
pub fn same(a: Option<&Object>, b: Option<&Object>) -> bool {
    match (a, b) {
        (Some(Object::Object(a)), Some(Object::Object(b))) => {
            a.iter().all(|(key, value)| same(Some(value), b.get(key)))
                && b.iter().all(|(key, value)| a.contains_key(key) || is_empty(value))
        }
        (Some(Object::Array(a)), Some(Object::Array(b))) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b)))
        }
        (Some(a), Some(b)) => a == b || (is_empty(a) && is_empty(b)),
        (Some(one), None) | (None, Some(one)) => is_empty(one),
        (None, None) => true,
    }
}

fn is_empty(value: &Object) -> bool {
    match value {
        Object::Null => true,
        Object::Object(map) => map.values().all(is_empty),
        Object::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// Adds a number to a status map unless it is zero (the API leaves such fields out).
pub fn put_count(status: &mut Object, field: &str, count: i64) {
    if let Some(map) = status.as_object_mut() {
        if count == 0 {
            map.remove(field);
        } else {
            map.insert(field.to_owned(), count.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_equals_absent() {
        let a = json!({"labels": {"a": "b"}, "spec": {"x": 1, "volumes": [], "securityContext": {}}});
        let b = json!({"labels": {"a": "b"}, "spec": {"x": 1, "creationTimestamp": null}});
        assert!(same(Some(&a), Some(&b)));
        assert!(!same(Some(&a), Some(&json!({"labels": {"a": "b"}, "spec": {"x": 2}}))));
        assert!(!same(Some(&json!([1])), Some(&json!([1, 2]))));
        assert!(same(None, Some(&json!({}))));
    }
}
