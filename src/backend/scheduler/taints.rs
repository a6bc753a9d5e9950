//! Taints and tolerations.

use crate::object::{Meta, Object};

/// Whether a toleration covers a taint.
pub fn tolerates(toleration: &Object, taint: &Object) -> bool {
    let (effect, key) = (toleration.str_at(&["effect"]), toleration.str_at(&["key"]));
    let fits = |wanted: &str, field: &str| wanted.is_empty() || wanted == taint.str_at(&[field]);
    if !fits(effect, "effect") || !fits(key, "key") {
        return false;
    }
    match toleration.str_at(&["operator"]) {
        "Exists" => true,
        "" | "Equal" => !key.is_empty() && toleration.str_at(&["value"]) == taint.str_at(&["value"]),
        _ => false,
    }
}

/// The first of a node's taints with one of these effects that a pod does not tolerate.
pub fn untolerated<'a>(node: &'a Object, pod: &Object, effects: &[&str]) -> Option<&'a Object> {
    let tolerations = pod.list_at(&["spec", "tolerations"]);
    node.list_at(&["spec", "taints"])
        .iter()
        .filter(|taint| effects.contains(&taint.str_at(&["effect"])))
        .find(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tolerations_cover_taints() {
        let taint = json!({"key": "a", "value": "1", "effect": "NoSchedule"});
        for (toleration, want) in [
            (json!({"operator": "Exists"}), true),
            (json!({"key": "a", "operator": "Exists"}), true),
            (json!({"key": "a", "operator": "Exists", "effect": "NoExecute"}), false),
            (json!({"key": "a", "value": "1"}), true),
            (json!({"key": "a", "operator": "Equal", "value": "1", "effect": "NoSchedule"}), true),
            (json!({"key": "a", "value": "2"}), false),
            (json!({"key": "b", "operator": "Exists"}), false),
            (json!({}), false),
        ] {
            assert_eq!(tolerates(&toleration, &taint), want, "{toleration}");
        }
    }
}
