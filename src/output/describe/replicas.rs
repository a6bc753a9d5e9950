//! ReplicaSets and ReplicationControllers, and the count of a controller's pods.

use std::fmt;

use super::description::Description;
use super::events::events;
use super::parts::{annotations, conditions_with_reason, labels};
use super::related::{Need, PODS, Related, again};
use super::template::pod_template;
use super::text::{controlled_by, int, one_line};
use crate::object::labels::{Selector, format_selector};
use crate::object::{Meta, Object};

/// How many of a controller's pods are in which phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PodCounts {
    running: usize,
    waiting: usize,
    succeeded: usize,
    failed: usize,
}

impl PodCounts {
    /// Counts the pods that the controller owns; orphans and other controllers' do not count.
    fn of(pods: &[Object], controller: &Object) -> Self {
        let mut counts = Self::default();
        let owned =
            |pod: &&Object| pod.controller_ref().is_some_and(|owner| owner.str_at(&["uid"]) == controller.uid());
        for pod in pods.iter().filter(owned) {
            match pod.str_at(&["status", "phase"]) {
                "Running" => counts.running += 1,
                "Pending" => counts.waiting += 1,
                "Succeeded" => counts.succeeded += 1,
                "Failed" => counts.failed += 1,
                _ => {}
            }
        }
        counts
    }
}

impl fmt::Display for PodCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { running, waiting, succeeded, failed } = self;
        write!(f, "{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed")
    }
}

/// The selector of a workload; a ReplicationController's is a plain map.
fn selector(controller: &Object) -> anyhow::Result<Selector> {
    match controller.kind() {
        "ReplicationController" => Ok(Selector::from_map(controller.map_at(&["spec", "selector"]))),
        _ => Ok(Selector::from_object(controller.at(&["spec", "selector"]))?),
    }
}

/// The pods that a selector finds in a controller's namespace.
fn pods(controller: &Object) -> Option<Need> {
    let selector = selector(controller).ok()?;
    Some(Need::list(PODS, controller.namespace()).labelled(selector.to_string()))
}

/// The pods of a workload, and its events.
pub(super) fn needs(controller: &Object) -> Vec<Need> {
    pods(controller).into_iter().chain([Need::events_of(controller)]).collect()
}

/// Counts a workload's pods.
pub(super) fn count(controller: &Object, related: &Related) -> anyhow::Result<PodCounts> {
    selector(controller)?;
    let Some(need) = pods(controller) else { return Ok(PodCounts::default()) };
    match related.list(&need) {
        Ok(pods) => Ok(PodCounts::of(pods, controller)),
        Err(error) => Err(again(error)),
    }
}

pub(super) fn describe_rc(d: &mut Description, controller: &Object, related: &Related) -> anyhow::Result<()> {
    let counts = count(controller, related)?;
    d.field(0, "Name", controller.name());
    d.field(0, "Namespace", controller.namespace());
    d.field(0, "Selector", one_line(&controller.map_at(&["spec", "selector"])));
    labels(d, "Labels", &controller.labels());
    annotations(d, "Annotations", &controller.annotations());
    replicas(d, controller);
    d.field(0, "Pods Status", counts);
    pod_template(d, controller.at(&["spec", "template"]).unwrap_or(&Object::Null));
    conditions_with_reason(d, controller);
    events(d, related);
    Ok(())
}

pub(super) fn describe(d: &mut Description, set: &Object, related: &Related) -> anyhow::Result<()> {
    selector(set)?;
    d.field(0, "Name", set.name());
    d.field(0, "Namespace", set.namespace());
    d.field(0, "Selector", format_selector(set.at(&["spec", "selector"])));
    labels(d, "Labels", &set.labels());
    annotations(d, "Annotations", &set.annotations());
    d.field_if(0, "Controlled By", &controlled_by(set));
    replicas(d, set);
    match count(set, related) {
        Ok(counts) => d.field(0, "Pods Status", counts),
        Err(error) => d.field(0, "Pods Status", format_args!("error in fetching pods: {error}")),
    }
    pod_template(d, set.at(&["spec", "template"]).unwrap_or(&Object::Null));
    conditions_with_reason(d, set);
    events(d, related);
    Ok(())
}

fn replicas(d: &mut Description, controller: &Object) {
    let (current, desired) = (int(controller, &["status", "replicas"]), int(controller, &["spec", "replicas"]));
    d.field(0, "Replicas", format_args!("{current} current / {desired} desired"));
}
