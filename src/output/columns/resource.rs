//! Dynamic resource allocation.

use super::{AGE, Column, NAME};
use crate::object::{Meta, Object};

pub(super) const NAME_AND_AGE: &[Column] = &[NAME, AGE];

pub(super) const RESOURCE_CLAIMS: &[Column] =
    &[NAME, Column::string("State", |object, _| claim_state(object).into()), AGE];

pub(super) const RESOURCE_SLICES: &[Column] = &[
    NAME,
    Column::string("Node", |object, _| object.str_at(&["spec", "nodeName"]).into()),
    Column::string("Driver", |object, _| object.str_at(&["spec", "driver"]).into()),
    Column::string("Pool", |object, _| object.str_at(&["spec", "pool", "name"]).into()),
    AGE,
];

fn claim_state(object: &Object) -> String {
    let deleted = object.deletion_timestamp().is_some();
    let allocated = object.at(&["status", "allocation"]).is_some();
    let reserved = allocated && !object.list_at(&["status", "reservedFor"]).is_empty();
    let states =
        [("deleted", deleted), ("pending", !deleted && !allocated), ("allocated", allocated), ("reserved", reserved)];
    let held: Vec<&str> = states.iter().filter(|(_, holds)| *holds).map(|(state, _)| *state).collect();
    held.join(",")
}
