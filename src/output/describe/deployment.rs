//! Deployments.

use super::description::Description;
use super::events::events;
use super::parts::{annotations, conditions_with_reason, created, labels};
use super::related::{Need, REPLICA_SETS, Related};
use super::template::pod_template;
use super::text::{int, is_set, or, text_at};
use crate::object::labels::Selector;
use crate::object::{Meta, Object};

/// The label by which a Deployment tells its ReplicaSets apart.
const HASH: &str = "pod-template-hash";

fn replica_sets(deployment: &Object) -> Option<Need> {
    let selector = Selector::from_object(deployment.at(&["spec", "selector"])).ok()?;
    Some(Need::list(REPLICA_SETS, deployment.namespace()).labelled(selector.to_string()))
}

pub(super) fn needs(deployment: &Object) -> Vec<Need> {
    [Need::events_of(deployment)].into_iter().chain(replica_sets(deployment)).collect()
}

pub(super) fn describe(d: &mut Description, deployment: &Object, related: &Related) -> anyhow::Result<()> {
    let selector = Selector::from_object(deployment.at(&["spec", "selector"]))?;
    d.field(0, "Name", deployment.name());
    d.field(0, "Namespace", deployment.namespace());
    created(d, deployment);
    labels(d, "Labels", &deployment.labels());
    annotations(d, "Annotations", &deployment.annotations());
    d.field(0, "Selector", selector);
    let status = |field: &str| int(deployment, &["status", field]);
    d.field(
        0,
        "Replicas",
        format_args!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            int(deployment, &["spec", "replicas"]),
            status("updatedReplicas"),
            status("replicas"),
            status("availableReplicas"),
            status("unavailableReplicas"),
        ),
    );
    d.field(0, "StrategyType", deployment.str_at(&["spec", "strategy", "type"]));
    d.field(0, "MinReadySeconds", int(deployment, &["spec", "minReadySeconds"]));
    if let Some(rolling) = deployment.at(&["spec", "strategy", "rollingUpdate"]).filter(|rolling| !rolling.is_null()) {
        let unavailable = text_at(rolling, &["maxUnavailable"], "<nil>");
        let surge = text_at(rolling, &["maxSurge"], "<nil>");
        d.field(0, "RollingUpdateStrategy", format_args!("{unavailable} max unavailable, {surge} max surge"));
    }
    let template = deployment.at(&["spec", "template"]).unwrap_or(&Object::Null);
    pod_template(d, template);
    conditions_with_reason(d, deployment);
    let found = replica_sets(deployment).and_then(|need| related.list(&need).ok());
    let (old, new) = split(found.unwrap_or_default(), deployment, template);
    if !old.is_empty() || new.is_some() {
        d.field(0, "OldReplicaSets", replica_sets_text(&old));
        d.field(0, "NewReplicaSet", replica_sets_text(new.as_slice()));
    }
    events(d, related);
    Ok(())
}

/// The Deployment's old ReplicaSets, oldest first, and the oldest that has its present template.
fn split<'a>(sets: &'a [Object], deployment: &Object, template: &Object) -> (Vec<&'a Object>, Option<&'a Object>) {
    let owned = |set: &&Object| {
        is_set(deployment, &["metadata", "uid"])
            && set.controller_ref().is_some_and(|owner| owner.str_at(&["uid"]) == deployment.uid())
    };
    let mut sets: Vec<&Object> = sets.iter().filter(owned).collect();
    sets.sort_by(|a, b| (a.creation_timestamp(), a.name()).cmp(&(b.creation_timestamp(), b.name())));
    let wanted = without_hash(template);
    let new =
        sets.iter().position(|set| without_hash(set.at(&["spec", "template"]).unwrap_or(&Object::Null)) == wanted);
    let new = new.map(|index| sets.remove(index));
    (sets, new)
}

/// A template as far as it counts: without the hash, and without empty maps and lists.
fn without_hash(template: &Object) -> Object {
    let mut template = template.clone();
    template.remove_at(&["metadata", "labels", HASH]);
    template.remove_at(&["metadata", "creationTimestamp"]);
    prune(&mut template, 64);
    template
}

/// Removes what is null or empty from maps, as deep as objects of the API are.
fn prune(value: &mut Object, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Object::Object(map) => {
            map.retain(|_, value| {
                prune(value, depth);
                match value {
                    Object::Null => false,
                    Object::Array(items) => !items.is_empty(),
                    _ => true,
                }
            });
        }
        Object::Array(items) => items.iter_mut().for_each(|item| prune(item, depth)),
        _ => {}
    }
}

fn replica_sets_text(sets: &[&Object]) -> String {
    let texts: Vec<String> = sets
        .iter()
        .map(|set| {
            let (have, want) = (int(set, &["status", "replicas"]), int(set, &["spec", "replicas"]));
            format!("{} ({have}/{want} replicas created)", set.name())
        })
        .collect();
    or(&texts.join(", "), "<none>").to_owned()
}
