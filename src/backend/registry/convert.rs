//! Between the versions and groups in which a resource is shown.

use super::custom::{self, Custom};
use super::strategies::autoscaler;
use crate::object::builtin::Resource;
use crate::object::{Meta, Object};

/// Makes an object of one version out of one of another.
#[derive(Clone, Copy)]
pub enum Conversion {
    /// Between versions that differ.
    Rule(fn(&Object) -> Object),
    /// To a version of a custom resource, by its schema.
    Custom(&'static Custom),
}

impl Conversion {
    /// The version to which only a webhook can convert an object; none where nobody has to be asked.
    pub fn webhook_for(&self, object: &Object) -> Option<&'static Custom> {
        match self {
            Self::Custom(custom) if custom.conversion.is_some() => {
                let there = object.api_version() == custom.resource.group_version().to_string();
                (!there).then_some(*custom)
            }
            _ => None,
        }
    }

    /// The object in the other version.
    pub fn apply(&self, object: &Object) -> Object {
        match self {
            Self::Rule(rule) => rule(object),
            Self::Custom(custom) => {
                let mut object = object.clone();
                object.set_at(&["apiVersion"], custom.resource.group_version().to_string());
                custom.prune(&mut object);
                custom.default(&mut object);
                object
            }
        }
    }
}

/// How to get from one resource's objects to another's, both of one storage resource; `None` where
/// they are the same.
///
/// Custom resources always take the way: what is stored gets the defaults that the schema has now.
pub fn between(from: &Resource, to: &Resource) -> Option<Conversion> {
    if let Some(custom) = custom::of(to) {
        return Some(Conversion::Custom(custom));
    }
    if std::ptr::eq(from, to) {
        return None;
    }
    match ((from.group, from.version), (to.group, to.version)) {
        (("", _), ("events.k8s.io", _)) => Some(Conversion::Rule(event_from_core)),
        (("events.k8s.io", _), ("", _)) => Some(Conversion::Rule(event_to_core)),
        (("autoscaling", "v2"), ("autoscaling", "v1")) => Some(Conversion::Rule(autoscaler::to_v1)),
        (("autoscaling", "v1"), ("autoscaling", "v2")) => Some(Conversion::Rule(autoscaler::to_v2)),
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
        let shown = between(core, new).expect("a way").apply(&event);
        assert_eq!(
            shown,
            json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "note": "m", "regarding": {"name": "a"}, "deprecatedCount": 2, "reason": "R"})
        );
        assert_eq!(between(new, core).expect("a way").apply(&shown), event);
        assert!(between(core, core).is_none());
    }
}
