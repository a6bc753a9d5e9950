//! Lists of status conditions.

use serde_json::json;

use crate::object::{Meta, Object, Timestamp, time::rfc3339};

/// The condition of a type in a list of conditions.
pub fn find<'a>(conditions: &'a [Object], kind: &str) -> Option<&'a Object> {
    conditions.iter().find(|condition| condition.str_at(&["type"]) == kind)
}

/// Whether an object's condition of a type has the status `True`.
pub fn is_true(object: &Object, kind: &str) -> bool {
    find(object.list_at(&["status", "conditions"]), kind).is_some_and(|c| c.str_at(&["status"]) == "True")
}

/// Removes the condition of a type.
pub fn remove(conditions: &mut Vec<Object>, kind: &str) {
    conditions.retain(|condition| condition.str_at(&["type"]) != kind);
}

/// A condition that became so at `now`.
pub fn condition(kind: &str, status: &str, reason: &str, message: &str, now: Timestamp) -> Object {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": rfc3339(now),
    })
}

/// Sets a condition in place and says whether anything changed; its transition time moves only with
/// its status.
pub fn set(
    conditions: &mut Vec<Object>,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> bool {
    let Some(current) = conditions.iter_mut().find(|c| c.str_at(&["type"]) == kind) else {
        conditions.push(condition(kind, status, reason, message, now));
        return true;
    };
    if current.str_at(&["status"]) != status {
        current.set_at(&["status"], status);
        current.set_at(&["lastTransitionTime"], rfc3339(now));
    } else if current.str_at(&["reason"]) == reason && current.str_at(&["message"]) == message {
        return false;
    }
    current.set_at(&["reason"], reason);
    current.set_at(&["message"], message);
    true
}
