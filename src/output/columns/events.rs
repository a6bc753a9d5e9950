//! Events.

use super::{Cell, Column, cells};
use crate::object::{Meta, Object, Timestamp, time};

pub(super) const EVENTS: &[Column] = &[
    Column::string("Last Seen", last_seen),
    Column::string("Type", |event, _| event.str_at(&["type"]).into()),
    Column::string("Reason", |event, _| event.str_at(&["reason"]).into()),
    Column::string("Object", |event, _| {
        let (kind, name) = (involved(event, "kind").to_lowercase(), involved(event, "name"));
        if name.is_empty() { kind.into() } else { format!("{kind}/{name}").into() }
    }),
    Column::string("Subobject", |event, _| involved(event, "fieldPath").into()).wide(),
    Column::string("Source", |event, _| source(event).into()).wide(),
    Column::string("Message", |event, _| message(event).trim().into()),
    Column::string("First Seen", first_seen).wide(),
    Column::string("Count", |event, _| count(event).into()).wide(),
    Column::string("Name", |event, _| event.name().into()).name_format().wide(),
];

/// `events.k8s.io/v1` calls `involvedObject` by another name.
fn involved<'a>(event: &'a Object, field: &str) -> &'a str {
    let reference = event.at(&["involvedObject"]).or_else(|| event.at(&["regarding"]));
    reference.map_or("", |reference| reference.str_at(&[field]))
}

fn message(event: &Object) -> &str {
    match event.str_at(&["message"]) {
        "" => event.str_at(&["note"]),
        message => message,
    }
}

fn first_seen(event: &Object, now: Timestamp) -> Cell {
    let first = event.time_at(&["firstTimestamp"]).or_else(|| event.time_at(&["deprecatedFirstTimestamp"]));
    time::age(first.or_else(|| event.time_at(&["eventTime"])), now).into()
}

fn last_seen(event: &Object, now: Timestamp) -> Cell {
    if event.at(&["series"]).is_some_and(Object::is_object) {
        return time::age(event.time_at(&["series", "lastObservedTime"]), now).into();
    }
    let last = event.time_at(&["lastTimestamp"]).or_else(|| event.time_at(&["deprecatedLastTimestamp"]));
    if last.is_some() { time::age(last, now).into() } else { first_seen(event, now) }
}

fn count(event: &Object) -> i64 {
    let plain = event.int_at(&["count"]).or_else(|| event.int_at(&["deprecatedCount"]));
    match event.int_at(&["series", "count"]).or(plain) {
        // One that happened once counts nothing in the newer API.
        None | Some(0) => 1,
        Some(count) => count,
    }
}

fn source(event: &Object) -> String {
    let source = |field, fallback| match event.str_at(&["source", field]) {
        "" => event.str_at(&[fallback]),
        text => text,
    };
    let parts = [source("component", "reportingComponent"), source("host", "reportingInstance")];
    if parts[1].is_empty() { parts[0].to_owned() } else { cells::join(parts.iter(), ", ") }
}
