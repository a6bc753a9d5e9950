//! Events go an hour after they were last written, as kube-apiserver's `--event-ttl` has it.
//!
//! All that end within the same five minutes are looked at together, when the last of them ends: a key names
//! that moment, not an event.

use jiff::SignedDuration;
use serde::Deserialize;

use super::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Timestamp, time};

/// So long an event is kept after it was last written.
const TTL_SECONDS: i64 = 3600;
/// Events that end within so many seconds are deleted together.
const TOGETHER_SECONDS: i64 = 300;
const EVENTS: &str = "events";

/// See the module's text.
#[derive(Debug, Default)]
pub struct EventExpiry;

/// What an event says of its times; there may be very many, so nothing else is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Times {
    last_timestamp: Option<String>,
    first_timestamp: Option<String>,
    event_time: Option<String>,
    series: Option<Series>,
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    last_observed_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    creation_timestamp: Option<String>,
}

impl Times {
    /// When the event is over, in seconds since 1970.
    fn end(&self) -> i64 {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let last = [&self.last_timestamp, &self.first_timestamp, &self.event_time, &self.metadata.creation_timestamp]
            .into_iter()
            .flatten()
            .chain(series)
            .filter_map(|text| time::parse_rfc3339(text))
            .max();
        last.map_or(0, Timestamp::as_second).saturating_add(TTL_SECONDS)
    }
}

/// When an event (as JSON) is over, in seconds since 1970; nothing for what is no event.
pub fn end_of(text: &[u8]) -> Option<i64> {
    serde_json::from_slice::<Times>(text).ok().map(|times| times.end())
}

/// The key of the moment at which an event that ends then is deleted.
fn key(end: i64) -> Key {
    let moment = end.div_euclid(TOGETHER_SECONDS).saturating_add(1).saturating_mul(TOGETHER_SECONDS);
    Key { resource: EVENTS, namespace: String::new(), name: moment.to_string() }
}

fn moment(key: &Key) -> Option<Timestamp> {
    Timestamp::from_second(key.name.parse().ok()?).ok()
}

impl Controller for EventExpiry {
    fn name(&self) -> &'static str {
        "event-expiry"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[EVENTS]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        let times = change.new.as_deref().and_then(|event| Times::deserialize(event).ok());
        times.map(|times| key(times.end())).into_iter().collect()
    }

    fn keys_of_unseen(&self, text: &[u8]) -> Vec<Key> {
        end_of(text).map(key).into_iter().collect()
    }

    fn patience(&self, key: &Key, _: &Change, view: &View) -> SignedDuration {
        let wait = moment(key).map_or(SignedDuration::ZERO, |moment| moment.duration_since(view.now()));
        wait.max(SignedDuration::ZERO)
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(moment) = moment(key) else { return Outcome::default() };
        if view.now() < moment {
            return Outcome { writes: Vec::new(), requeue_at: Some(moment) };
        }
        Outcome { writes: vec![Write::DropEvents { until: view.now() }], requeue_at: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backend::controllers::testing::Lab;
    use crate::object::{Meta, Object};

    fn event(name: &str, lab: &Lab) -> Object {
        json!({
            "metadata": {"name": name, "namespace": "default"}, "reason": "X", "type": "Normal",
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
            "lastTimestamp": lab.clock.now().to_string(),
        })
    }

    #[test]
    fn an_event_lives_an_hour_from_its_last_time() {
        let lab = Lab::new(vec![Box::new(EventExpiry)]);
        lab.create("events", event("a", &lab));
        lab.pass(1800);
        lab.create("events", event("b", &lab));
        lab.pass(1700);
        lab.edit("events", "a", |object| object.set_at(&["lastTimestamp"], lab.clock.now().to_string()));
        lab.pass(2500);
        assert_eq!(lab.names("events"), ["a"]);
        lab.pass(2000);
        assert!(lab.names("events").is_empty());
        assert!(lab.pass(86_400).looks < 10);
    }

    #[test]
    fn events_of_an_earlier_process_go_too() {
        let mut lab = Lab::new(vec![Box::new(EventExpiry)]);
        lab.create("events", event("a", &lab));
        lab.pass(1800);
        lab.create("events", event("b", &lab));
        lab.settle();
        lab.restart(vec![Box::new(EventExpiry)]);
        lab.pass(2500);
        assert_eq!(lab.names("events"), ["b"]);
        lab.restart(vec![Box::new(EventExpiry)]);
        lab.pass(2500);
        assert!(lab.names("events").is_empty());
    }

    #[test]
    fn the_times_of_an_event() {
        let end = |event: Object| end_of(event.to_string().as_bytes());
        let (first, last) = ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00.5Z");
        let hours = |count: i64| Some(1_767_225_600 + 3600 * count);
        assert_eq!(end(json!({"metadata": {"creationTimestamp": first}})), hours(1));
        assert_eq!(end(json!({"metadata": {}, "firstTimestamp": first, "lastTimestamp": last})), hours(2));
        let series = json!({"count": 2, "lastObservedTime": last});
        assert_eq!(end(json!({"metadata": {}, "eventTime": first, "lastTimestamp": null, "series": series})), hours(2));
        assert_eq!(end(json!({"metadata": {}})), Some(3600));
        assert_eq!(end(json!([])), None);
    }
}
