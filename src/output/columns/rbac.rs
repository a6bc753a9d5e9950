//! Role bindings.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object};

pub(super) const BINDINGS: &[Column] = &[
    NAME,
    Column::string("Role", |object, _| {
        format!("{}/{}", object.str_at(&["roleRef", "kind"]), object.str_at(&["roleRef", "name"])).into()
    }),
    AGE,
    Column::string("Users", |object, _| subjects(object, "User")).wide(),
    Column::string("Groups", |object, _| subjects(object, "Group")).wide(),
    Column::string("ServiceAccounts", |object, _| subjects(object, "ServiceAccount")).wide(),
];

fn subjects(object: &Object, kind: &str) -> Cell {
    let named = object.list_at(&["subjects"]).iter().filter(|subject| subject.kind() == kind).map(|subject| {
        let name = subject.str_at(&["name"]);
        if kind == "ServiceAccount" { format!("{}/{name}", subject.str_at(&["namespace"])) } else { name.to_owned() }
    });
    cells::join(named, ", ").into()
}
