//! Deployments, replica sets and the other workloads, their revisions and autoscalers.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{GroupVersion, Meta, Object};

const CONTAINERS: Column =
    Column::string("Containers", |object, _| cells::container_names(object, TEMPLATE_CONTAINERS)).wide();
const IMAGES: Column =
    Column::string("Images", |object, _| cells::container_images(object, TEMPLATE_CONTAINERS)).wide();
const SELECTOR: Column =
    Column::string("Selector", |object, _| cells::selector_or_none(object, &["spec", "selector"])).wide();
const TEMPLATE_CONTAINERS: &[&str] = &["spec", "template", "spec", "containers"];

pub(super) const DEPLOYMENTS: &[Column] = &[
    NAME,
    Column::string("Ready", |object, _| ready_of_desired(object)),
    Column::string("Up-to-date", |object, _| cells::int(object, &["status", "updatedReplicas"])),
    Column::string("Available", |object, _| cells::int(object, &["status", "availableReplicas"])),
    AGE,
    CONTAINERS,
    IMAGES,
    Column::string("Selector", |object, _| cells::selector(object, &["spec", "selector"]).into()).wide(),
];

pub(super) const REPLICA_SETS: &[Column] = &[NAME, DESIRED, CURRENT, READY, AGE, CONTAINERS, IMAGES, SELECTOR];

pub(super) const REPLICATION_CONTROLLERS: &[Column] = &[
    NAME,
    DESIRED,
    CURRENT,
    READY,
    AGE,
    CONTAINERS,
    IMAGES,
    Column::string("Selector", |object, _| cells::label_map(object, &["spec", "selector"])).wide(),
];

pub(super) const STATEFUL_SETS: &[Column] =
    &[NAME, Column::string("Ready", |object, _| ready_of_desired(object)), AGE, CONTAINERS, IMAGES];

pub(super) const DAEMON_SETS: &[Column] = &[
    NAME,
    Column::integer("Desired", |object, _| cells::int(object, &["status", "desiredNumberScheduled"])),
    Column::integer("Current", |object, _| cells::int(object, &["status", "currentNumberScheduled"])),
    Column::integer("Ready", |object, _| cells::int(object, &["status", "numberReady"])),
    Column::integer("Up-to-date", |object, _| cells::int(object, &["status", "updatedNumberScheduled"])),
    Column::integer("Available", |object, _| cells::int(object, &["status", "numberAvailable"])),
    Column::string("Node Selector", |object, _| {
        cells::label_map(object, &["spec", "template", "spec", "nodeSelector"])
    }),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) const CONTROLLER_REVISIONS: &[Column] = &[
    NAME,
    Column::string("Controller", |object, _| controller(object)),
    Column::string("Revision", |object, _| cells::int(object, &["revision"])),
    AGE,
];

pub(super) const HORIZONTAL_POD_AUTOSCALERS: &[Column] = &[
    NAME,
    Column::string("Reference", |object, _| {
        let target = |field| object.str_at(&["spec", "scaleTargetRef", field]);
        format!("{}/{}", target("kind"), target("name")).into()
    }),
    Column::string("Targets", |object, _| targets(object).into()),
    Column::string("MinPods", |object, _| cells::text_or(object, &["spec", "minReplicas"], "<unset>").into()),
    Column::string("MaxPods", |object, _| cells::int(object, &["spec", "maxReplicas"])),
    Column::string("Replicas", |object, _| cells::int(object, &["status", "currentReplicas"])),
    AGE,
];

const DESIRED: Column = Column::integer("Desired", |object, _| cells::int(object, &["spec", "replicas"]));
const CURRENT: Column = Column::integer("Current", |object, _| cells::int(object, &["status", "replicas"]));
const READY: Column = Column::integer("Ready", |object, _| cells::int(object, &["status", "readyReplicas"]));

pub(super) const SCALE: &[Column] =
    &[NAME, DESIRED, Column::integer("Available", |object, _| cells::int(object, &["status", "replicas"])), AGE];

fn ready_of_desired(object: &Object) -> Cell {
    let ready = object.int_at(&["status", "readyReplicas"]).unwrap_or(0);
    let desired = object.int_at(&["spec", "replicas"]).unwrap_or(0);
    format!("{ready}/{desired}").into()
}

fn controller(object: &Object) -> Cell {
    let Some(owner) = object.controller_ref() else { return "<none>".into() };
    let group = GroupVersion::parse(owner.api_version()).unwrap_or_default().group;
    let kind = owner.kind().to_lowercase();
    let dot = if group.is_empty() { "" } else { "." };
    format!("{kind}{dot}{group}/{}", owner.str_at(&["name"])).into()
}

/// Current and wanted value of each metric; at most two are shown.
fn targets(object: &Object) -> String {
    let specs = object.list_at(&["spec", "metrics"]);
    let statuses = object.list_at(&["status", "currentMetrics"]);
    if specs.is_empty() {
        return "<none>".to_owned();
    }
    let shown: Vec<String> = specs.iter().enumerate().map(|(index, spec)| metric(spec, statuses.get(index))).collect();
    cells::join_at_most(&shown, 2, ", ")
}

fn metric(spec: &Object, status: Option<&Object>) -> String {
    // The field that holds each type's particulars.
    let source = match spec.str_at(&["type"]) {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let target = |field| spec.at(&[source, "target", field]).is_some();
    let wanted = |field, fallback| cells::text_or(spec, &[source, "target", field], fallback);
    let current = |field| {
        status.map_or("<unknown>".to_owned(), |it| cells::text_or(it, &[source, "current", field], "<unknown>"))
    };
    match source {
        "external" | "object" if target("averageValue") => {
            format!("{}/{} (avg)", current("averageValue"), wanted("averageValue", ""))
        }
        "external" | "object" => format!("{}/{}", current("value"), wanted("value", "")),
        "pods" => format!("{}/{}", current("averageValue"), wanted("averageValue", "")),
        _ => {
            let name = spec.str_at(&[source, "name"]);
            if target("averageValue") {
                return format!("{name}: {}/{}", current("averageValue"), wanted("averageValue", ""));
            }
            let percent = |text: String| if text.starts_with('<') { text } else { format!("{text}%") };
            format!(
                "{name}: {}/{}",
                percent(current("averageUtilization")),
                percent(wanted("averageUtilization", "<auto>"))
            )
        }
    }
}
