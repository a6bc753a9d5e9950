//! Secrets are compared without being shown.

use serde_json::Map;

use crate::object::{Meta, Object};

const SAME: &str = "***";
const BEFORE: &str = "*** (before)";
const AFTER: &str = "*** (after)";

/// Puts marks in place of the values of two states of a secret, from which one sees only which of them
/// differ.
pub(super) fn mask(live: Option<&mut Object>, merged: &mut Object) {
    let mut nothing = Object::Null;
    let live = live.unwrap_or(&mut nothing);
    let data = |object: &Object| object.at(&["data"]).and_then(Object::as_object).cloned();
    let (before, after) = (data(live), data(merged));
    let value = |data: &Option<Map<String, Object>>, key: &str| data.as_ref().and_then(|data| data.get(key)).cloned();
    for (object, own, other, changed) in [(live, &before, &after, BEFORE), (merged, &after, &before, AFTER)] {
        for (key, was) in own.iter().flatten() {
            let differs = value(other, key).is_some_and(|other| other != *was);
            object.set_at(&["data", key], if differs { changed } else { SAME });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_what_differs_but_not_how() {
        let mut live = json!({"data": {"a": "1", "b": "2", "gone": "3"}});
        let mut merged = json!({"data": {"a": "1", "b": "4", "new": "5"}});
        mask(Some(&mut live), &mut merged);
        assert_eq!(live, json!({"data": {"a": SAME, "b": BEFORE, "gone": SAME}}));
        assert_eq!(merged, json!({"data": {"a": SAME, "b": AFTER, "new": SAME}}));
        let mut merged = json!({"kind": "Secret"});
        mask(None, &mut merged);
        assert_eq!(merged, json!({"kind": "Secret"}));
    }
}
