//! The events at the end of a description.

use super::description::Description;
use super::related::Related;
use super::text::{int, is_set, or};
use crate::go::sort;
use crate::object::{Meta, Object};

/// Writes the events, where they are to be shown.
pub(super) fn events(d: &mut Description, related: &Related) {
    let Some(events) = related.events() else { return };
    if events.is_empty() {
        d.field(0, "Events", "<none>");
        return;
    }
    d.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage");
    d.line(1, "----\t------\t----\t----\t-------");
    let times: Vec<_> = events.iter().map(|event| event.time_at(&["lastTimestamp"])).collect();
    let order = sort::sort(events.len(), |a, b| times.get(a) < times.get(b));
    for event in order.into_iter().filter_map(|index| events.get(index)) {
        let part = |path: &[&str]| event.str_at(path).to_owned();
        let source = or(event.str_at(&["source", "component"]), event.str_at(&["reportingComponent"])).to_owned();
        let message = event.str_at(&["message"]).trim();
        let message = match event.str_at(&["involvedObject", "fieldPath"]) {
            "" => message.to_owned(),
            path => format!("{path}: {message}"),
        };
        let age = age(d, event);
        d.line(1, format_args!("{}\t{}\t{age}\t{source}\t{message}", part(&["type"]), part(&["reason"])));
    }
}

/// When it happened, and how often: `5m (x17 over 4h)`.
fn age(d: &Description, event: &Object) -> String {
    let first = event.time_at(&["eventTime"]).or_else(|| event.time_at(&["firstTimestamp"]));
    let first = d.since(first);
    let (last, count) = if is_set(event, &["series"]) {
        (event.time_at(&["series", "lastObservedTime"]), int(event, &["series", "count"]))
    } else if int(event, &["count"]) > 1 {
        (event.time_at(&["lastTimestamp"]), int(event, &["count"]))
    } else {
        return first;
    };
    format!("{} (x{count} over {first})", d.since(last))
}
