//! What is known of the events that were recorded lately, so that the store is not asked about each.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde_json::json;

use crate::object::{Meta, Object, Timestamp, time};

/// So many events are known at most: some megabytes.
const MOST: usize = 1 << 17;

/// See the module's text. Objects and events are known by hashes: what is not found is not there, and what is
/// found is to be looked at.
#[derive(Default)]
pub(in crate::backend::api) struct Recent {
    /// The store's number of all that is not known here.
    epoch: u64,
    /// The last number in names of events, by those who have it in common.
    places: HashMap<u64, i128>,
    /// Numbers in the names of events, by place and event.
    events: HashMap<(u64, u64), i128>,
    summary: Option<(Timestamp, Arc<Object>)>,
}

/// The hash of texts.
pub fn of<const N: usize>(texts: [&str; N]) -> u64 {
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}

/// The hash of a namespace and the start of names in it.
pub fn of_place(namespace: &str, base: &str) -> u64 {
    of([namespace, base])
}

/// The hash of what tells an event from others, but for its times.
pub fn of_event(event: &Object) -> u64 {
    let regarding = |field: &str| event.str_at(&["involvedObject", field]);
    let source = |field: &str| event.str_at(&["source", field]);
    let own = |field: &str| event.str_at(&[field]);
    of([
        regarding("uid"),
        regarding("kind"),
        regarding("name"),
        regarding("fieldPath"),
        own("reason"),
        own("message"),
        own("type"),
        source("component"),
        source("host"),
    ])
}

impl Recent {
    /// Forgets everything where somebody else wrote to events.
    pub fn see(&mut self, epoch: u64) {
        if self.epoch != epoch || self.events.len() > MOST {
            self.places.clear();
            self.events.clear();
            self.epoch = epoch;
        }
    }

    /// The last write to events is known.
    pub fn wrote(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Whether all events of a place are known.
    pub fn knows(&self, place: u64) -> bool {
        self.places.contains_key(&place)
    }

    /// Adds events to a place, each with the number in its name; less than 0 for none.
    pub fn learn(&mut self, place: u64, events: impl Iterator<Item = (u64, i128)>) {
        let last = self.places.entry(place).or_insert(-1);
        for (event, number) in events {
            *last = number.max(*last);
            // The first by name counts.
            let known = self.events.entry((place, event)).or_insert(number);
            *known = number.min(*known);
        }
    }

    /// The number in the name of an event that may be the same.
    pub fn find(&self, place: u64, event: u64) -> Option<i128> {
        self.events.get(&(place, event)).copied()
    }

    /// The highest number in a place.
    pub fn last(&self, place: u64) -> i128 {
        self.places.get(&place).copied().unwrap_or(-1)
    }

    /// What those who follow the changes are told of an event: when it was.
    pub fn summary(&mut self, now: Timestamp) -> Arc<Object> {
        match &self.summary {
            Some((at, summary)) if *at == now => Arc::clone(summary),
            _ => {
                let text = time::rfc3339(now);
                let summary = Arc::new(json!({"metadata": {"creationTimestamp": text}, "lastTimestamp": text}));
                self.summary = Some((now, Arc::clone(&summary)));
                summary
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_learnt_until_others_write() {
        let mut recent = Recent::default();
        recent.see(1);
        let place = of_place("default", "web");
        assert!(!recent.knows(place) && recent.last(place) == -1);
        recent.learn(place, [(1, 10), (2, 30), (1, 20)].into_iter());
        assert!(recent.knows(place) && !recent.knows(of_place("default", "we")));
        assert_eq!((recent.find(place, 1), recent.find(place, 3), recent.last(place)), (Some(10), None, 30));
        recent.wrote(2);
        recent.see(2);
        assert!(recent.knows(place));
        recent.see(3);
        assert!(!recent.knows(place) && recent.find(place, 1).is_none());
    }
}
