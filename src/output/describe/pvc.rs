//! PersistentVolumeClaims, and the templates of claims in pods.

use super::description::Description;
use super::events::events;
use super::parts::{annotations, labels, multiline, phase};
use super::related::{Need, PODS, Related, again};
use super::text::{go_list, is_set, quantity_text, strings};
use crate::object::{Meta, Object};

/// The annotation that named the class before there was a field for it.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The storage class of a volume or claim.
pub(super) fn class_of<'a>(object: &'a Object, field: &str) -> &'a str {
    object.annotation(BETA_CLASS).unwrap_or_else(|| object.str_at(&["spec", field]))
}

/// The storage class of a claim.
pub(super) fn class(claim: &Object) -> &str {
    class_of(claim, "storageClassName")
}

/// Access modes in short, always in the same order.
pub(super) fn access_modes(modes: &[Object]) -> String {
    const SHORT: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let has = |long: &str| modes.iter().any(|mode| mode.as_str() == Some(long));
    SHORT.into_iter().filter(|(long, _)| has(long)).map(|(_, short)| short).collect::<Vec<_>>().join(",")
}

pub(super) fn needs(claim: &Object) -> Vec<Need> {
    vec![Need::list(PODS, claim.namespace()), Need::events_of(claim)]
}

pub(super) fn describe(d: &mut Description, object: &Object, related: &Related) -> anyhow::Result<()> {
    let pods = related.list(&Need::list(PODS, object.namespace())).map_err(again)?;
    claim(d, object, true);
    let mut names: Vec<&str> = users(object, pods).into_iter().map(Meta::name).collect();
    names.sort_unstable();
    multiline(d, 0, "", "Used By", names);
    let conditions = object.list_at(&["status", "conditions"]);
    if !conditions.is_empty() {
        d.line(0, "Conditions:");
        d.line(1, "Type\tStatus\tLastProbeTime\tLastTransitionTime\tReason\tMessage");
        d.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    }
    for condition in conditions {
        let part = |name: &str| condition.str_at(&[name]);
        let probe = d.time(condition.time_at(&["lastProbeTime"]));
        let transition = d.time(condition.time_at(&["lastTransitionTime"]));
        d.line(
            1,
            format_args!(
                "{} \t{} \t{probe} \t{transition} \t{} \t{}",
                part("type"),
                part("status"),
                part("reason"),
                part("message")
            ),
        );
    }
    events(d, related);
    Ok(())
}

/// The pods that mount the claim, once for each volume, and those that own it.
fn users<'a>(claim: &Object, pods: &'a [Object]) -> Vec<&'a Object> {
    let mounts = |pod: &'a Object| {
        let volumes = pod.list_at(&["spec", "volumes"]).iter();
        volumes
            .filter(|volume| {
                volume.at(&["persistentVolumeClaim", "claimName"]).and_then(Object::as_str) == Some(claim.name())
            })
            .map(move |_| pod)
    };
    let mut users: Vec<&Object> = pods.iter().flat_map(mounts).collect();
    for owner in claim.list_at(&["metadata", "ownerReferences"]) {
        if owner.str_at(&["kind"]) != "Pod" {
            continue;
        }
        let uid = owner.str_at(&["uid"]);
        if let Some(pod) = pods.iter().find(|pod| pod.uid() == uid)
            && !users.iter().any(|user| user.uid() == uid)
        {
            users.push(pod);
        }
    }
    users
}

/// Writes a claim; of a template only what it can have (`full` is false).
pub(super) fn claim(d: &mut Description, claim: &Object, full: bool) {
    let spec = claim.get("spec").unwrap_or(&Object::Null);
    if full {
        d.field(0, "Name", claim.name());
        d.field(0, "Namespace", claim.namespace());
    }
    d.field(0, "StorageClass", class(claim));
    if full {
        phase(d, claim);
    }
    let volume = spec.str_at(&["volumeName"]);
    d.field(0, "Volume", volume);
    labels(d, "Labels", &claim.labels());
    annotations(d, "Annotations", &claim.annotations());
    if full {
        d.field(0, "Finalizers", go_list(&strings(claim, &["metadata", "finalizers"])));
    }
    let bound = !volume.is_empty();
    d.field(0, "Capacity", if bound { quantity_text(claim, &["status", "capacity", "storage"]) } else { "".into() });
    let modes = if bound { claim.list_at(&["status", "accessModes"]) } else { &[] };
    d.field(0, "Access Modes", access_modes(modes));
    if let Some(mode) = spec.get("volumeMode").and_then(Object::as_str) {
        d.field(0, "VolumeMode", mode);
    }
    if is_set(spec, &["dataSource"]) {
        d.line(0, "DataSource:");
        if let Some(group) = spec.at(&["dataSource", "apiGroup"]).and_then(Object::as_str) {
            d.field(1, "APIGroup", group);
        }
        d.field(1, "Kind", spec.str_at(&["dataSource", "kind"]));
        d.field(1, "Name", spec.str_at(&["dataSource", "name"]));
    }
}
