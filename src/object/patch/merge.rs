//! JSON merge patches (RFC 7396): null removes, maps merge, everything else replaces.

use super::Map;
use crate::object::Object;

/// Applies a patch.
pub fn apply(target: &mut Object, patch: &Object) {
    let Object::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Object::Object(Map::new());
    }
    let Object::Object(map) = target else { return };
    for (key, value) in patch {
        match value {
            Object::Null => {
                map.remove(key);
            }
            Object::Object(_) => apply(map.entry(key.clone()).or_insert(Object::Null), value),
            _ => {
                map.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The patch that turns `from` into `to`; an empty map where they are equal. A null inside `to` cannot
/// be said by a merge patch and is taken as absent.
pub fn diff(from: &Object, to: &Object) -> Object {
    let (Object::Object(from), Object::Object(to)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for (key, new) in to {
        match (from.get(key), new) {
            (Some(old), new) if old == new => {}
            (Some(old @ Object::Object(_)), Object::Object(_)) => {
                patch.insert(key.clone(), diff(old, new));
            }
            _ => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Object::Null);
    }
    Object::Object(patch)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// JSON without nulls, a few levels deep.
    pub(crate) fn any_object() -> impl Strategy<Value = Object> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Object::from),
            (-3_i64..3).prop_map(Object::from),
            "[a-c]{0,2}".prop_map(Object::from),
        ];
        let value = leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Object::from),
                prop::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|map| Object::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[a-d]", value, 0..4).prop_map(|map| Object::Object(map.into_iter().collect()))
    }

    #[test]
    fn the_table_of_the_rfc() {
        for (target, patch, want) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut got = target.clone();
            apply(&mut got, &patch);
            assert_eq!(got, want, "{target} {patch}");
        }
    }

    proptest! {
        #[test]
        fn a_difference_applied_is_the_other(a in any_object(), b in any_object()) {
            let mut got = a.clone();
            apply(&mut got, &diff(&a, &b));
            prop_assert_eq!(got, b);
        }

        #[test]
        fn equal_objects_differ_in_nothing(a in any_object()) {
            prop_assert_eq!(diff(&a, &a), json!({}));
        }
    }
}
