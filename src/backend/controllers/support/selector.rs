//! The selectors of workloads and services.

use crate::object::labels::Selector;
use crate::object::{Meta, Object};

/// The selector of a workload or a service: a `LabelSelector`, or plain labels as the older kinds have
/// them. One that is absent, empty or malformed selects nothing.
pub fn of(selector: Option<&Object>) -> Selector {
    let found = or_everything(selector);
    if found.is_everything() { Selector::nothing() } else { found }
}

/// As [`of`], but an empty selector (not an absent one) selects everything.
pub fn or_everything(selector: Option<&Object>) -> Selector {
    let Some(object) = selector.filter(|selector| selector.is_object()) else { return Selector::nothing() };
    let by_labels = object.at(&["matchLabels"]).is_some_and(Object::is_object);
    if by_labels || object.at(&["matchExpressions"]).is_some_and(Object::is_array) {
        Selector::from_object(selector).unwrap_or_else(|_| Selector::nothing())
    } else {
        Selector::from_map(object.map_at(&[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selects_by_labels_and_expressions() {
        let pod = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        for (selector, want) in [
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (json!({"app": "web"}), true),
            (json!({"app": "db"}), false),
            (json!({}), false),
            (json!({"matchLabels": {}}), false),
            (json!(null), false),
            (json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}]}), true),
            (json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "n", "operator": "What"}]}), false),
        ] {
            assert_eq!(of(Some(&selector)).matches(&pod), want, "{selector}");
        }
        assert!(or_everything(Some(&json!({}))).matches(&pod));
        assert!(!or_everything(None).matches(&pod));
    }
}
