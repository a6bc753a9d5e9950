//! Between the versions and groups in which a resource is shown.

use super::strategies::autoscaler;
use crate::object::builtin::Resource;
use crate::object::{Meta, Object};

/// Makes an object of one version out of one of another.
pub type Conversion = fn(&Object) -> Object;

/// How to get from one resource's objects to another's, both of one storage resource; `None` where
/// they are the same.
pub fn between(from: &Resource, to: &Resource) -> Option<Conversion> {
    if std::ptr::eq(from, to) {
        return None;
    }
    match ((from.group, from.version), (to.group, to.version)) {
        (("", _), ("events.k8s.io", _)) => Some(event_from_core),
        (("events.k8s.io", _), ("", _)) => Some(event_to_core),
        (("autoscaling", "v2"), ("autoscaling", "v1")) => Some(autoscaler::to_v1),
        (("autoscaling", "v1"), ("autoscaling", "v2")) => Some(autoscaler::to_v2),
        _ => None,
    }
}

/// Fields of an event in `v1` and in `events.k8s.io/v1`.
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn event_from_core(event: &Object) -> Object {
    renamed(event, "events.k8s.io/v1", EVENT_FIELDS.iter().copied())
}

fn event_to_core(event: &Object) -> Object {
    renamed(event, "v1", EVENT_FIELDS.iter().map(|(core, new)| (*new, *core)))
}

fn renamed<'a>(object: &Object, api_version: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Object {
    let mut object = object.clone();
    for (from, to) in fields {
        if let Some(value) = object.remove_at(&[from]) {
            object.set_at(&[to], value);
        }
    }
    object.set_at(&["apiVersion"], api_version);
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::builtin;
    use serde_json::json;

    #[test]
    fn events_go_both_ways() {
        let core = builtin::by_path("", "v1", "events").expect("events");
        let new = builtin::by_path("events.k8s.io", "v1", "events").expect("events");
        let event = json!({"apiVersion": "v1", "kind": "Event", "message": "m", "involvedObject": {"name": "a"}, "count": 2, "reason": "R"});
        let shown = between(core, new).expect("a way")(&event);
        assert_eq!(
            shown,
            json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "m", "regarding": {"name": "a"}, "deprecatedCount": 2, "reason": "R"})
        );
        assert_eq!(between(new, core).expect("a way")(&shown), event);
        assert!(between(core, core).is_none());
    }
}
