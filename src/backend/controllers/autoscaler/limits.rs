//! How far and how fast a size may change.

use super::history::History;
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

/// Brings a desired size within what the autoscaler allows at a moment (seconds since 1970).
pub fn apply(
    scaler: &Object,
    history: &History,
    now: i64,
    current: i64,
    desired: i64,
    (least, most): (i64, i64),
) -> Limited {
    let limited = |replicas, (reason, message)| Limited { replicas, reason, message };
    let Some(behavior) = scaler.at(&["spec", "behavior"]).filter(|behavior| behavior.is_object()) else {
        let fastest = (2 * current).max(4);
        return match desired {
            _ if desired < least => limited(least, TOO_FEW),
            _ if desired > most.min(fastest) => {
                limited(most.min(fastest), if most > fastest { TOO_FAST } else { TOO_MANY })
            }
            _ => limited(desired, WITHIN),
        };
    };
    if desired > current {
        let fastest = limit(behavior.at(&["scaleUp"]), history, now, current, true).max(current);
        let (bound, why) = if most > fastest { (fastest, TOO_FAST) } else { (most, TOO_MANY) };
        return if desired > bound { limited(bound, why) } else { limited(desired, WITHIN) };
    }
    if desired < current {
        let slowest = limit(behavior.at(&["scaleDown"]), history, now, current, false).min(current);
        let (bound, why) = if least < slowest { (slowest, TOO_FAST_DOWN) } else { (least, TOO_FEW) };
        return if desired < bound { limited(bound, why) } else { limited(desired, WITHIN) };
    }
    limited(desired, WITHIN)
}

/// The size up to (or down to) which the policies let go.
fn limit(rules: Option<&Object>, history: &History, now: i64, current: i64, up: bool) -> i64 {
    let rules = rules.unwrap_or(&Object::Null);
    let select = rules.str_at(&["selectPolicy"]);
    if select == "Disabled" {
        return current;
    }
    let bounds = rules.list_at(&["policies"]).iter().map(|policy| {
        let value = policy.int_at(&["value"]).unwrap_or(0);
        let start = current - history.growth(now, policy.int_at(&["periodSeconds"]).unwrap_or(0));
        match (policy.str_at(&["type"]) == "Percent", up) {
            (false, true) => start.saturating_add(value),
            (false, false) => start.saturating_sub(value),
            // What grows is rounded up, so that it grows at all; what is left is rounded down.
            (true, true) => start.saturating_add((start.saturating_mul(value) + 99) / 100),
            (true, false) => (start.saturating_mul(100) - start.saturating_mul(value)) / 100,
        }
    });
    let found = if up == (select == "Min") { bounds.min() } else { bounds.max() };
    found.unwrap_or(if up { i64::MAX } else { 0 })
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
            let scaler = json!({"spec": {"behavior": behavior}});
            let limited = apply(&scaler, &History::default(), 0, current, desired, (2, 10));
            assert_eq!((limited.replicas, limited.reason), want, "{behavior} {current} {desired}");
        }
    }

    #[test]
    fn policies_look_back_on_their_periods() {
        let behavior = json!({
            "scaleUp": {"policies": [{"type": "Pods", "value": 3, "periodSeconds": 60}]},
            "scaleDown": {"policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}]},
        });
        let scaler = json!({"spec": {"behavior": behavior}});
        let mut history = History::default();
        history.change(100, 2);
        let size = |history: &History, now, desired| apply(&scaler, history, now, 4, desired, (1, 20)).replicas;
        assert_eq!((size(&history, 120, 9), size(&history, 160, 9)), (5, 7));
        history.change(130, -4);
        assert_eq!((size(&history, 140, 1), size(&history, 165, 1), size(&history, 200, 1)), (3, 4, 2));
    }
}
