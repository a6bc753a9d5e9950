//! Nodes, namespaces and the server's own parts.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object};

pub(super) const NODES: &[Column] = &[
    NAME,
    Column::string("Status", |node, _| node_status(node).into()),
    Column::string("Roles", |node, _| roles(node).into()),
    AGE,
    Column::string("Version", |node, _| node.str_at(&["status", "nodeInfo", "kubeletVersion"]).into()),
    Column::string("Internal-IP", |node, _| address(node, "InternalIP")).wide(),
    Column::string("External-IP", |node, _| address(node, "ExternalIP")).wide(),
    Column::string("OS-Image", |node, _| cells::string_or(node, &["status", "nodeInfo", "osImage"], "<unknown>"))
        .wide(),
    Column::string("Kernel-Version", |node, _| kernel(node).into()).wide(),
    Column::string("Container-Runtime", |node, _| {
        cells::string_or(node, &["status", "nodeInfo", "containerRuntimeVersion"], "<unknown>")
    })
    .wide(),
];

pub(super) const NAMESPACES: &[Column] =
    &[NAME, Column::string("Status", |object, _| object.str_at(&["status", "phase"]).into()), AGE];

pub(super) const COMPONENT_STATUSES: &[Column] = &[
    NAME,
    Column::string("Status", |object, _| match healthy(object).map(|it| it.str_at(&["status"])) {
        Some("True") => "Healthy".into(),
        Some(_) => "Unhealthy".into(),
        None => "Unknown".into(),
    }),
    Column::string("Message", |object, _| healthy(object).map_or("", |it| it.str_at(&["message"])).into()),
    Column::string("Error", |object, _| healthy(object).map_or("", |it| it.str_at(&["error"])).into()),
];

pub(super) const API_SERVICES: &[Column] = &[
    NAME,
    Column::string("Service", |object, _| {
        let Some(service) = object.at(&["spec", "service"]) else { return "Local".into() };
        format!("{}/{}", service.str_at(&["namespace"]), service.str_at(&["name"])).into()
    }),
    Column::string("Available", |object, _| available(object).into()),
    AGE,
];

pub(super) const RUNTIME_CLASSES: &[Column] =
    &[NAME, Column::string("Handler", |object, _| object.str_at(&["handler"]).into()), AGE];

fn node_status(node: &Object) -> String {
    let ready = match cells::condition(node, "Ready").map(|it| it.str_at(&["status"])) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let cordoned = if node.bool_at(&["spec", "unschedulable"]) { ",SchedulingDisabled" } else { "" };
    format!("{ready}{cordoned}")
}

fn roles(node: &Object) -> String {
    let mut roles: Vec<&str> = node
        .labels()
        .into_iter()
        .filter_map(|(key, value)| {
            let role = key.strip_prefix("node-role.kubernetes.io/");
            role.or_else(|| (key == "kubernetes.io/role").then_some(value)).filter(|role| !role.is_empty())
        })
        .collect();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") }
}

fn address(node: &Object, kind: &str) -> Cell {
    let found = node.list_at(&["status", "addresses"]).iter().find(|address| address.str_at(&["type"]) == kind);
    found.map_or("<none>", |address| address.str_at(&["address"])).into()
}

fn kernel(node: &Object) -> String {
    let info = |field| node.str_at(&["status", "nodeInfo", field]);
    let version = if info("kernelVersion").is_empty() { "<unknown>" } else { info("kernelVersion") };
    if info("architecture").is_empty() { version.to_owned() } else { format!("{version} ({})", info("architecture")) }
}

fn healthy(object: &Object) -> Option<&Object> {
    object.list_at(&["conditions"]).iter().find(|condition| condition.str_at(&["type"]) == "Healthy")
}

fn available(object: &Object) -> String {
    match cells::condition(object, "Available") {
        Some(condition) if condition.str_at(&["status"]) == "True" => "True".to_owned(),
        Some(condition) => format!("{} ({})", condition.str_at(&["status"]), condition.str_at(&["reason"])),
        None => "Unknown".to_owned(),
    }
}
