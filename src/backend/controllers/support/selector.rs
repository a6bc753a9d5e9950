//! Whether labels match a selector, both as objects.

use crate::object::{Meta, Object};

/// Whether an object's labels match a selector. A `LabelSelector` has `matchLabels` and
/// `matchExpressions`; the older kinds (`ReplicationController`, `Service`) give plain labels.
/// An absent, empty or malformed selector matches nothing.
pub fn matches(selector: Option<&Object>, object: &Object) -> bool {
    matches_labels(selector, object.at(&["metadata", "labels"]))
}

/// As [`matches`], on a map of labels.
pub fn matches_labels(selector: Option<&Object>, labels: Option<&Object>) -> bool {
    let Some(map) = selector.and_then(Object::as_object).filter(|map| !map.is_empty()) else { return false };
    matches_all(selector, labels) && map.values().any(|value| !value.is_null())
}

/// As [`matches_labels`], but an empty selector (not an absent one) matches everything.
pub fn matches_all(selector: Option<&Object>, labels: Option<&Object>) -> bool {
    let Some(selector) = selector.filter(|selector| selector.is_object()) else { return false };
    if selector.at(&["matchLabels"]).is_none_or(|labels| !labels.is_object())
        && !selector.at(&["matchExpressions"]).is_some_and(Object::is_array)
    {
        return equal(selector, labels);
    }
    selector.at(&["matchLabels"]).is_none_or(|wanted| equal(wanted, labels))
        && selector.list_at(&["matchExpressions"]).iter().all(|expression| expression_holds(expression, labels))
}

/// Whether one `key, operator, values` requirement holds for labels.
pub fn expression_holds(expression: &Object, labels: Option<&Object>) -> bool {
    let value = labels.and_then(|labels| labels.get(expression.str_at(&["key"]))).and_then(Object::as_str);
    let listed = || expression.list_at(&["values"]).iter().any(|wanted| wanted.as_str() == value);
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let bound = || number(expression.list_at(&["values"]).first().and_then(Object::as_str));
    match expression.str_at(&["operator"]) {
        "In" => value.is_some() && listed(),
        "NotIn" => value.is_none() || !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => matches!((number(value), bound()), (Some(value), Some(bound)) if value > bound),
        "Lt" => matches!((number(value), bound()), (Some(value), Some(bound)) if value < bound),
        _ => false,
    }
}

fn equal(wanted: &Object, labels: Option<&Object>) -> bool {
    let Some(wanted) = wanted.as_object() else { return false };
    wanted.iter().all(|(key, value)| value.is_null() || labels.and_then(|labels| labels.get(key)) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn matches_labels_and_expressions() {
        let pod = json!({"metadata": {"labels": {"app": "web", "tier": "front", "n": "5"}}});
        for (selector, want) in [
            (json!({"matchLabels": {"app": "web"}}), true),
            (json!({"matchLabels": {"app": "db"}}), false),
            (json!({"app": "web"}), true),
            (json!({"app": "db"}), false),
            (json!({}), false),
            (json!(null), false),
            (json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["front", "back"]}]}), true),
            (json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["front"]}]}), false),
            (json!({"matchExpressions": [{"key": "none", "operator": "NotIn", "values": ["front"]}]}), true),
            (json!({"matchExpressions": [{"key": "none", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]}), true),
            (json!({"matchExpressions": [{"key": "n", "operator": "Gt", "values": ["4"]}]}), true),
            (json!({"matchExpressions": [{"key": "n", "operator": "Lt", "values": ["4"]}]}), false),
            (json!({"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}), false),
            (json!({"matchExpressions": [{"key": "n", "operator": "What"}]}), false),
        ] {
            assert_eq!(matches(Some(&selector), &pod), want, "{selector}");
        }
    }
}
