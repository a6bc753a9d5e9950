//! Priority and fairness of requests.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object};

pub(super) const FLOW_SCHEMAS: &[Column] = &[
    NAME,
    Column::string("PriorityLevel", |object, _| object.str_at(&["spec", "priorityLevelConfiguration", "name"]).into()),
    Column::string("MatchingPrecedence", |object, _| cells::int(object, &["spec", "matchingPrecedence"])),
    Column::string("DistinguisherMethod", |object, _| {
        cells::string_or(object, &["spec", "distinguisherMethod", "type"], "<none>")
    }),
    AGE,
    Column::string("MissingPL", |object, _| {
        cells::condition(object, "Dangling").map_or("?", |it| it.str_at(&["status"])).into()
    }),
];

pub(super) const PRIORITY_LEVEL_CONFIGURATIONS: &[Column] = &[
    NAME,
    Column::string("Type", |object, _| object.str_at(&["spec", "type"]).into()),
    Column::string("NominalConcurrencyShares", |object, _| limited(object, &["nominalConcurrencyShares"])),
    Column::string("Queues", |object, _| limited(object, &["limitResponse", "queuing", "queues"])),
    Column::string("HandSize", |object, _| limited(object, &["limitResponse", "queuing", "handSize"])),
    Column::string("QueueLengthLimit", |object, _| limited(object, &["limitResponse", "queuing", "queueLengthLimit"])),
    AGE,
];

fn limited(object: &Object, path: &[&str]) -> Cell {
    let limited = object.at(&["spec", "limited"]);
    limited.and_then(|limited| limited.at(path)).cloned().unwrap_or_else(|| "<none>".into())
}
