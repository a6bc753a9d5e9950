//! Config maps, secrets, service accounts and resource quotas.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object};

pub(super) const CONFIG_MAPS: &[Column] = &[
    NAME,
    Column::string("Data", |object, _| (cells::len(object, &["data"]) + cells::len(object, &["binaryData"])).into()),
    AGE,
];

pub(super) const SECRETS: &[Column] = &[
    NAME,
    Column::string("Type", |object, _| object.str_at(&["type"]).into()),
    Column::string("Data", |object, _| cells::len(object, &["data"]).into()),
    AGE,
];

pub(super) const SERVICE_ACCOUNTS: &[Column] = &[NAME, AGE];

pub(super) const RESOURCE_QUOTAS: &[Column] = &[
    NAME,
    Column::string("Request", |object, _| used_of_hard(object, |resource| !resource.starts_with("limits."))),
    Column::string("Limit", |object, _| used_of_hard(object, |resource| resource.starts_with("limits."))),
    AGE,
];

fn used_of_hard(object: &Object, wanted: fn(&str) -> bool) -> Cell {
    let hard = object.map_at(&["status", "hard"]).into_iter().filter(|(resource, _)| wanted(resource));
    let text = hard.map(|(resource, hard)| {
        let used = object.str_at(&["status", "used", resource]);
        format!("{resource}: {}/{hard}", if used.is_empty() { "0" } else { used })
    });
    cells::join(text, ", ").into()
}
