//! The three-way difference as a JSON merge patch: what `apply` sends for types without a schema.

use super::{Map, PatchError, merge};
use crate::object::Object;

/// The patch that brings `current` to `modified` where `modified` says something, and removes what
/// `original` had and `modified` no longer has.
pub fn create(original: &Object, modified: &Object, current: &Object) -> Result<Object, PatchError> {
    let changes = filter(&merge::diff(current, modified), false);
    let deletions = filter(&merge::diff(original, modified), true);
    if conflict(&changes, &deletions) {
        return Err(PatchError::Conflict(format!(
            "patch:\n{changes}\nconflicts with changes made from original to current:\n{deletions}\n"
        )));
    }
    Ok(combine(deletions, changes))
}

/// Only the nulls of a patch, or everything but them. Maps that end up empty go, but a map that the
/// patch gives as empty is a value.
fn filter(patch: &Object, nulls: bool) -> Object {
    let Object::Object(patch) = patch else { return Object::Object(Map::new()) };
    let mut kept = Map::new();
    for (key, value) in patch {
        match value {
            Object::Null if nulls => {
                kept.insert(key.clone(), Object::Null);
            }
            Object::Null => {}
            Object::Object(map) if !map.is_empty() => {
                let inner = filter(value, nulls);
                if inner.as_object().is_some_and(|map| !map.is_empty()) {
                    kept.insert(key.clone(), inner);
                }
            }
            _ if !nulls => {
                kept.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    Object::Object(kept)
}

/// Whether two patches give a field different values.
fn conflict(left: &Object, right: &Object) -> bool {
    match (left, right) {
        (Object::Object(left), Object::Object(right)) => {
            left.iter().any(|(key, value)| right.get(key).is_some_and(|other| conflict(value, other)))
        }
        (Object::Array(left), Object::Array(right)) => {
            left.len() != right.len() || left.iter().zip(right).any(|(left, right)| conflict(left, right))
        }
        _ => left != right,
    }
}

/// Both patches as one.
fn combine(mut first: Object, second: Object) -> Object {
    if let (Object::Object(first), Object::Object(second)) = (&mut first, second) {
        for (key, value) in second {
            let merged = match first.remove(&key) {
                Some(old @ Object::Object(_)) if value.is_object() => combine(old, value),
                _ => value,
            };
            first.insert(key, merged);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_recorded_table() {
        let cases: Vec<Object> =
            serde_json::from_str(include_str!("../../../tests/data/patch/three-way.json")).expect("a table");
        assert!(cases.len() > 10);
        for case in cases {
            let patch = create(&case["original"], &case["modified"], &case["current"]).expect("a patch");
            assert_eq!(patch, case["patch"], "{case}");
            let mut result = case["current"].clone();
            merge::apply(&mut result, &patch);
            assert_eq!(result, case["result"], "{case}");
        }
    }

    #[test]
    fn keeps_what_others_added() {
        let patch = create(&json!({"a": 1, "b": 2}), &json!({"b": 3}), &json!({"a": 1, "b": 2, "c": 4}));
        assert_eq!(patch, Ok(json!({"a": null, "b": 3})));
    }

    proptest! {
        #[test]
        fn gives_what_was_asked(a in merge::tests::any_object(), b in merge::tests::any_object()) {
            // Where nobody else changed anything the result is what was asked for.
            if let Ok(patch) = create(&a, &b, &a) {
                let mut result = a.clone();
                merge::apply(&mut result, &patch);
                prop_assert_eq!(result, b);
            }
        }
    }
}
