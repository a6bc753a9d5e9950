//! Pods.

use super::container::{Owner, containers, resources};
use super::description::Description;
use super::events::events;
use super::parts::{annotations, labels, tolerations};
use super::related::{Need, Related};
use super::template::{scheduling_group, spread_constraints};
use super::text::{as_quantity, controlled_by, int, is_set};
use super::volumes::volumes;
use crate::object::{Meta, Object};

/// On the copy of a static pod: the identity that the kubelet's events speak of.
const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn needs(pod: &Object) -> Vec<Need> {
    // Events about pods name no kind.
    vec![Need::events(pod, "", pod.annotation(MIRROR).unwrap_or_else(|| pod.uid()))]
}

pub(super) fn describe(d: &mut Description, pod: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = pod.get("spec").unwrap_or(&Object::Null);
    let status = pod.get("status").unwrap_or(&Object::Null);
    d.field(0, "Name", pod.name());
    d.field(0, "Namespace", pod.namespace());
    if let Some(priority) = spec.int_at(&["priority"]) {
        d.field(0, "Priority", priority);
    }
    d.field_if(0, "Priority Class Name", spec.str_at(&["priorityClassName"]));
    d.field_if(0, "Runtime Class Name", spec.str_at(&["runtimeClassName"]));
    d.field_if(0, "Service Account", spec.str_at(&["serviceAccountName"]));
    match spec.str_at(&["nodeName"]) {
        "" => d.field(0, "Node", "<none>"),
        node => d.field(0, "Node", format_args!("{node}/{}", status.str_at(&["hostIP"]))),
    }
    if is_set(status, &["startTime"]) {
        let time = d.time(status.time_at(&["startTime"]));
        d.field(0, "Start Time", time);
    }
    labels(d, "Labels", &pod.labels());
    annotations(d, "Annotations", &pod.annotations());
    let phase = status.str_at(&["phase"]);
    if is_set(pod, &["metadata", "deletionTimestamp"]) && !matches!(phase, "Failed" | "Succeeded") {
        let lasts = d.since(pod.deletion_timestamp());
        d.field(0, "Status", format_args!("Terminating (lasts {lasts})"));
        let grace = int(pod, &["metadata", "deletionGracePeriodSeconds"]);
        d.field(0, "Termination Grace Period", format_args!("{grace}s"));
    } else {
        d.field(0, "Status", phase);
    }
    d.field_if(0, "Reason", status.str_at(&["reason"]));
    d.field_if(0, "Message", status.str_at(&["message"]));
    if let Some(profile) = spec.at(&["securityContext", "seccompProfile"]).filter(|profile| !profile.is_null()) {
        d.field(0, "SeccompProfile", profile.str_at(&["type"]));
        if profile.str_at(&["type"]) == "Localhost" {
            d.field(0, "LocalhostProfile", profile.str_at(&["localhostProfile"]));
        }
    }
    addresses(d, status);
    d.field_if(0, "Controlled By", &controlled_by(pod));
    d.field_if(0, "NominatedNodeName", status.str_at(&["nominatedNodeName"]));
    if let Some(wanted) = spec.get("resources").filter(|wanted| !wanted.is_null()) {
        d.line(0, "Resources:");
        resources(d, wanted, 1);
    }
    for (title, field, statuses, always) in [
        ("Init Containers", "initContainers", "initContainerStatuses", false),
        ("Containers", "containers", "containerStatuses", true),
        ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses", false),
    ] {
        let list = spec.list_at(&[field]);
        if always || !list.is_empty() {
            containers(d, title, list, status.list_at(&[statuses]), Owner::Pod(pod));
        }
    }
    gates_and_conditions(d, spec, status);
    volumes(d, spec.list_at(&["volumes"]), "");
    d.field(0, "QoS Class", qos_class(spec, status));
    labels(d, "Node-Selectors", &spec.map_at(&["nodeSelector"]));
    tolerations(d, "Tolerations", spec.list_at(&["tolerations"]));
    spread_constraints(d, spec.list_at(&["topologySpreadConstraints"]), "");
    scheduling_group(d, spec, "");
    events(d, related);
    Ok(())
}

fn addresses(d: &mut Description, status: &Object) {
    d.field(0, "IP", status.str_at(&["podIP"]));
    let addresses = status.list_at(&["podIPs"]);
    if addresses.is_empty() {
        d.field(0, "IPs", "<none>");
        return;
    }
    d.line(0, "IPs:");
    for address in addresses {
        d.field(1, "IP", address.str_at(&["ip"]));
    }
}

fn gates_and_conditions(d: &mut Description, spec: &Object, status: &Object) {
    let conditions = status.list_at(&["conditions"]);
    let gates = spec.list_at(&["readinessGates"]);
    if !gates.is_empty() {
        d.line(0, "Readiness Gates:\n  Type\tStatus");
        for gate in gates {
            let kind = gate.str_at(&["conditionType"]);
            let met = conditions.iter().find(|condition| condition.str_at(&["type"]) == kind);
            d.line(1, format_args!("{kind} \t{} ", met.map_or("<none>", |condition| condition.str_at(&["status"]))));
        }
    }
    if !conditions.is_empty() {
        d.line(0, "Conditions:\n  Type\tStatus");
        for condition in conditions {
            d.line(1, format_args!("{} \t{} ", condition.str_at(&["type"]), condition.str_at(&["status"])));
        }
    }
}

/// The class that the server computed, or the one that follows from requests and limits.
fn qos_class<'a>(spec: &Object, status: &'a Object) -> &'a str {
    match status.str_at(&["qosClass"]) {
        "" => {}
        class => return class,
    }
    let of_pod = |field: &str| {
        let map = spec.at(&["resources", field]).and_then(Object::as_object);
        map.is_some_and(|map| map.keys().any(|name| pod_level(name)))
    };
    if of_pod("requests") || of_pod("limits") {
        return class_of(spec.get("resources").unwrap_or(&Object::Null));
    }
    let containers = spec.list_at(&["initContainers"]).iter().chain(spec.list_at(&["containers"]));
    let mut class = None;
    for container in containers {
        let one = class_of(container.get("resources").unwrap_or(&Object::Null));
        if *class.get_or_insert(one) != one || one == "Burstable" {
            return "Burstable";
        }
    }
    class.unwrap_or("BestEffort")
}

/// Whether a resource may be requested for a pod as a whole.
pub(super) fn pod_level(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with("hugepages-")
}

fn class_of(resources: &Object) -> &'static str {
    let empty = |field: &str| resources.at(&[field]).and_then(Object::as_object).is_none_or(serde_json::Map::is_empty);
    if empty("requests") && empty("limits") {
        return "BestEffort";
    }
    let one = |name: &str| {
        let amount = |field: &str| resources.at(&[field, name]).map(as_quantity).unwrap_or_default();
        match (amount("requests"), amount("limits")) {
            (request, limit) if request != limit => "Burstable",
            (request, _) if request.is_zero() => "BestEffort",
            _ => "Guaranteed",
        }
    };
    let (cpu, memory) = (one("cpu"), one("memory"));
    if cpu == memory { cpu } else { "Burstable" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn classes_follow_from_resources() {
        let full = json!({"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1000m", "memory": "1Gi"}});
        let half = json!({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}});
        for (containers, want) in [
            (json!([]), "BestEffort"),
            (json!([{}]), "BestEffort"),
            (json!([{"resources": full}]), "Guaranteed"),
            (json!([{"resources": full}, {}]), "Burstable"),
            (json!([{"resources": half}]), "Burstable"),
        ] {
            assert_eq!(qos_class(&json!({"containers": containers}), &Object::Null), want, "{containers}");
        }
        assert_eq!(qos_class(&json!({"resources": full, "containers": [{}]}), &Object::Null), "Guaranteed");
    }
}
