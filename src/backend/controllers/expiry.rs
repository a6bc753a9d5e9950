//! Events go an hour after they were last written, as kube-apiserver's `--event-ttl` has it.
//!
//! All that end within the same five minutes are looked at together, when the last of them ends: a key names
//! that moment, not an event.

use super::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Timestamp};

/// So long an event is kept after it was last written.
const TTL_SECONDS: i64 = 3600;
/// Events that end within so many seconds are deleted together.
const TOGETHER_SECONDS: i64 = 300;
const EVENTS: &str = "events";

/// See the module's text.
#[derive(Debug, Default)]
pub struct EventExpiry;

/// When an event is over, in seconds since 1970.
fn end(event: &Object) -> i64 {
    let last = [&["lastTimestamp"][..], &["series", "lastObservedTime"], &["eventTime"], &["firstTimestamp"]]
        .iter()
        .filter_map(|path| event.time_at(path))
        .chain(event.creation_timestamp())
        .max();
    last.map_or(0, Timestamp::as_second).saturating_add(TTL_SECONDS)
}

impl Controller for EventExpiry {
    fn name(&self) -> &'static str {
        "event-expiry"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[EVENTS]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        let Some(event) = &change.new else { return Vec::new() };
        let moment = end(event).div_euclid(TOGETHER_SECONDS).saturating_add(1).saturating_mul(TOGETHER_SECONDS);
        vec![Key { resource: EVENTS, namespace: String::new(), name: moment.to_string() }]
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let moment = key.name.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let Some(moment) = moment else { return Outcome::default() };
        if view.now() < moment {
            return Outcome { writes: Vec::new(), requeue_at: Some(moment) };
        }
        let now = view.now().as_second();
        let over = view.list(EVENTS, None).filter(|event| end(event) <= now);
        let writes = over.map(|event| Write::Delete {
            key: Key { resource: EVENTS, namespace: event.namespace().into(), name: event.name().into() },
            uid: event.uid().to_owned(),
            grace_period_seconds: None,
            propagation: None,
        });
        Outcome { writes: writes.collect(), requeue_at: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backend::controllers::testing::Lab;

    #[test]
    fn an_event_lives_an_hour_from_its_last_time() {
        let lab = Lab::new(vec![Box::new(EventExpiry)]);
        let event = |name: &str| {
            json!({
                "metadata": {"name": name, "namespace": "default"}, "reason": "X", "type": "Normal",
                "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
                "lastTimestamp": lab.clock.now().to_string(),
            })
        };
        lab.create("events", event("a"));
        lab.pass(1800);
        lab.create("events", event("b"));
        lab.pass(1700);
        lab.edit("events", "a", |object| object.set_at(&["lastTimestamp"], lab.clock.now().to_string()));
        lab.pass(2500);
        assert_eq!(lab.names("events"), ["a"]);
        lab.pass(2000);
        assert!(lab.names("events").is_empty());
        assert!(lab.pass(86_400).looks < 10);
    }
}
