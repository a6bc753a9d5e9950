//! Ingresses, network policies, service CIDRs and IP addresses.

use super::{AGE, Cell, Column, NAME, cells, services};
use crate::object::{Meta, Object};

pub(super) const INGRESSES: &[Column] =
    &[
        NAME,
        Column::string("Class", |object, _| cells::text_or(object, &["spec", "ingressClassName"], "<none>").into()),
        Column::string("Hosts", |object, _| hosts(object).into()),
        Column::string("Address", |object, _| services::load_balancers(object).into()),
        Column::string("Ports", |object, _| {
            if object.list_at(&["spec", "tls"]).is_empty() { "80".into() } else { "80, 443".into() }
        }),
        AGE,
    ];

pub(super) const INGRESS_CLASSES: &[Column] = &[
    Column::string("Name", |object, _| {
        let default = object.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true");
        format!("{}{}", object.name(), if default { " (default)" } else { "" }).into()
    })
    .name_format(),
    Column::string("Controller", |object, _| object.str_at(&["spec", "controller"]).into()),
    Column::string("Parameters", |object, _| parameters(object)),
    AGE,
];

pub(super) const NETWORK_POLICIES: &[Column] =
    &[NAME, Column::string("Pod-Selector", |object, _| cells::selector_or_none(object, &["spec", "podSelector"])), AGE];

pub(super) const SERVICE_CIDRS: &[Column] = &[
    NAME,
    Column::string("CIDRs", |object, _| {
        cells::join(object.list_at(&["spec", "cidrs"]).iter().filter_map(Object::as_str), ",").into()
    }),
    AGE,
];

pub(super) const IP_ADDRESSES: &[Column] = &[NAME, Column::string("ParentRef", |object, _| parent(object))];

/// The hosts of the first three rules, `*` where none names one.
fn hosts(object: &Object) -> String {
    let rules = object.list_at(&["spec", "rules"]);
    let mut named = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= named.len() == 3;
        if !more && !rule.str_at(&["host"]).is_empty() {
            named.push(rule.str_at(&["host"]));
        }
    }
    match (named.is_empty(), more) {
        (true, _) => "*".to_owned(),
        (false, true) => format!("{} + {} more...", named.join(","), rules.len() - 3),
        (false, false) => named.join(","),
    }
}

fn parameters(object: &Object) -> Cell {
    let Some(reference) = object.at(&["spec", "parameters"]) else { return "<none>".into() };
    let group = reference.str_at(&["apiGroup"]);
    let dot = if group.is_empty() { "" } else { "." };
    format!("{}{dot}{group}/{}", reference.kind(), reference.str_at(&["name"])).into()
}

fn parent(object: &Object) -> Cell {
    let Some(parent) = object.at(&["spec", "parentRef"]) else { return "<none>".into() };
    let part = |field| parent.str_at(&[field]);
    let mut text = part("resource").to_lowercase();
    if !part("group").is_empty() {
        text = format!("{text}.{}", part("group").to_lowercase());
    }
    if !part("namespace").is_empty() {
        text = format!("{text}/{}", part("namespace"));
    }
    format!("{text}/{}", part("name")).into()
}
