//! How far and how fast a size may change.

use crate::object::{Meta, Object};

/// A size within the limits.
#[derive(Debug, PartialEq, Eq)]
pub struct Limited {
    /// The size.
    pub replicas: i64,
    /// Which limit it met, for machines.
    pub reason: &'static str,
    /// The same for people.
    pub message: &'static str,
}

const WITHIN: (&str, &str) = ("DesiredWithinRange", "the desired count is within the acceptable range");
const TOO_MANY: (&str, &str) = ("TooManyReplicas", "the desired replica count is more than the maximum replica count");
const TOO_FEW: (&str, &str) = ("TooFewReplicas", "the desired replica count is less than the minimum replica count");
const TOO_FAST: (&str, &str) =
    ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
const TOO_FAST_DOWN: (&str, &str) =
    ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate");

/// Brings a desired size within what the autoscaler allows.
pub fn apply(scaler: &Object, current: i64, desired: i64, least: i64, most: i64) -> Limited {
    let behavior = scaler.at(&["spec", "behavior"]).filter(|behavior| behavior.is_object());
    let fastest = match behavior {
        None => (2 * current).max(4),
        Some(behavior) => change(behavior.at(&["scaleUp"]), current, true).map_or(i64::MAX, |most| current + most),
    };
    let slowest = match behavior {
        None => 0,
        Some(behavior) => change(behavior.at(&["scaleDown"]), current, false).map_or(0, |most| current - most),
    };
    let (replicas, (reason, message)) = if desired > current && desired > most.min(fastest) {
        (most.min(fastest).max(current), if most > fastest { TOO_FAST } else { TOO_MANY })
    } else if desired < least.max(slowest) {
        (least.max(slowest), if least < slowest { TOO_FAST_DOWN } else { TOO_FEW })
    } else {
        (desired.min(most), if desired > most { TOO_MANY } else { WITHIN })
    };
    Limited { replicas, reason, message }
}

/// By how much the policies let a size change at once; `None` for any amount.
fn change(rules: Option<&Object>, current: i64, up: bool) -> Option<i64> {
    let rules = rules?;
    let select = rules.str_at(&["selectPolicy"]);
    if select == "Disabled" {
        return Some(0);
    }
    let amounts = rules.list_at(&["policies"]).iter().map(|policy| {
        let value = policy.int_at(&["value"]).unwrap_or(0);
        if policy.str_at(&["type"]) != "Percent" {
            return value;
        }
        let part = current.saturating_mul(value);
        if up { (part + 99) / 100 } else { current - (current * 100 - part) / 100 }
    });
    if select == "Min" { amounts.min() } else { amounts.max() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_size_and_speed() {
        let behavior = json!({
            "scaleUp": {"policies": [{"type": "Pods", "value": 2}, {"type": "Percent", "value": 50}]},
            "scaleDown": {"selectPolicy": "Min", "policies": [{"type": "Pods", "value": 1}, {"type": "Percent", "value": 50}]},
        });
        let disabled = json!({"scaleDown": {"selectPolicy": "Disabled"}});
        for (behavior, current, desired, want) in [
            (json!(null), 2, 3, (3, "DesiredWithinRange")),
            (json!(null), 1, 9, (4, "ScaleUpLimit")),
            (json!(null), 3, 9, (6, "ScaleUpLimit")),
            (json!(null), 6, 20, (10, "TooManyReplicas")),
            (json!(null), 6, 1, (2, "TooFewReplicas")),
            (behavior.clone(), 2, 9, (4, "ScaleUpLimit")),
            (behavior.clone(), 6, 20, (9, "ScaleUpLimit")),
            (behavior, 6, 2, (5, "ScaleDownLimit")),
            (disabled, 6, 2, (6, "ScaleDownLimit")),
        ] {
            let limited = apply(&json!({"spec": {"behavior": behavior}}), current, desired, 2, 10);
            assert_eq!((limited.replicas, limited.reason), want, "{behavior} {current} {desired}");
        }
    }
}
