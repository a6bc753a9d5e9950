//! The pods and ports behind a service.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::{owners, pods};
use crate::backend::controllers::{Change, Key, View};
use crate::object::{Meta, Object, Timestamp, time::rfc3339};

/// When the change happened that an endpoints object or slice shows.
pub const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
/// Marks what belongs to a service without an address of its own.
pub const HEADLESS: &str = "service.kubernetes.io/headless";

/// The services that a pod belongs or belonged to.
pub fn keys_of_pod(change: &Change, view: &View) -> Vec<Key> {
    let sides: Vec<&Arc<Object>> = [&change.old, &change.new].into_iter().flatten().collect();
    let services = view.list("services", Some(&change.key.namespace));
    services
        .filter(|service| sides.iter().any(|pod| selects(service, pod)))
        .map(|service| owners::key_of("services", service))
        .collect()
}

/// Whether a service is about a pod.
fn selects(service: &Object, pod: &Object) -> bool {
    let labels = service.at(&["spec", "selector"]).and_then(Object::as_object);
    labels.is_some_and(|labels| {
        !labels.is_empty() && labels.iter().all(|(key, value)| pod.label(key).is_some_and(|own| value == own))
    })
}

/// How long a service's endpoints may wait after a pod's change: the longer, the more there are.
pub fn patience(key: &Key, change: &Change, view: &View) -> SignedDuration {
    if change.key.resource != "pods" {
        return SignedDuration::ZERO;
    }
    let subsets = view.get("endpoints", &key.namespace, &key.name).map(|known| known.list_at(&["subsets"]));
    let sides = |subset: &Object| subset.list_at(&["addresses"]).len() + subset.list_at(&["notReadyAddresses"]).len();
    pods::patience(subsets.unwrap_or_default().iter().map(sides).sum())
}

/// Whether the endpoints of a service are made here: it has a selector and is no mere name.
pub fn has_endpoints(service: &Object) -> bool {
    service.str_at(&["spec", "type"]) != "ExternalName"
        && service.at(&["spec", "selector"]).and_then(Object::as_object).is_some_and(|labels| !labels.is_empty())
}

/// The pods of a service that have an address and are not finished, by name.
pub fn pods_of<'a>(service: &'a Object, view: &'a View) -> Vec<&'a Arc<Object>> {
    let all = view.list("pods", Some(service.namespace()));
    all.filter(|pod| selects(service, pod) && !pods::is_finished(pod) && !addresses(pod).is_empty()).collect()
}

/// A pod's addresses.
pub fn addresses(pod: &Object) -> Vec<&str> {
    let listed: Vec<&str> = pod.list_at(&["status", "podIPs"]).iter().map(|ip| ip.str_at(&["ip"])).collect();
    match pod.str_at(&["status", "podIP"]) {
        one if listed.is_empty() && !one.is_empty() => vec![one],
        _ => listed,
    }
}

/// The address families of a service: `IPv4`, `IPv6` or both, its first one first.
pub fn families(service: &Object) -> Vec<&'static str> {
    let named = service.list_at(&["spec", "ipFamilies"]).iter().filter_map(Object::as_str);
    let families: Vec<&str> = named.map(|family| if family == "IPv6" { "IPv6" } else { "IPv4" }).collect();
    match families.is_empty() {
        true if service.str_at(&["spec", "clusterIP"]).contains(':') => vec!["IPv6"],
        true => vec!["IPv4"],
        false => families,
    }
}

/// Whether an address is of a family.
pub fn is_of(address: &str, family: &str) -> bool {
    address.contains(':') == (family == "IPv6")
}

/// The number of the port of a pod that a service port leads to.
pub fn target_port(pod: &Object, port: &Object) -> Option<i64> {
    let protocol = |port: &Object| match port.str_at(&["protocol"]) {
        "" => "TCP".to_owned(),
        protocol => protocol.to_owned(),
    };
    match port.at(&["targetPort"]) {
        Some(Object::String(name)) => {
            let sidecars = pod.list_at(&["spec", "initContainers"]).iter();
            let sidecars = sidecars.filter(|container| container.str_at(&["restartPolicy"]) == "Always");
            let ports = pod.list_at(&["spec", "containers"]).iter().chain(sidecars);
            ports
                .flat_map(|container| container.list_at(&["ports"]))
                .find(|own| own.str_at(&["name"]) == name && protocol(own) == protocol(port))
                .and_then(|own| own.int_at(&["containerPort"]))
        }
        Some(Object::Number(number)) if number.as_i64() != Some(0) => number.as_i64(),
        _ => port.int_at(&["port"]),
    }
}

/// The reference to a pod behind an address.
pub fn target_ref(pod: &Object) -> Object {
    json!({"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()})
}

/// The pod's host name, where the service gives it one.
pub fn hostname<'a>(pod: &'a Object, service: &Object) -> Option<&'a str> {
    let name = pod.str_at(&["spec", "hostname"]);
    (!name.is_empty() && pod.str_at(&["spec", "subdomain"]) == service.name()).then_some(name)
}

/// Whether a service has no address of its own.
pub fn is_headless(service: &Object) -> bool {
    matches!(service.str_at(&["spec", "clusterIP"]), "None" | "")
}

/// The earliest moment after `last` at which the service or one of its pods changed; as the
/// annotation has it.
pub fn trigger_time(service: &Object, pods: &[&Arc<Object>], last: Option<&str>) -> Option<String> {
    let last = last.and_then(crate::object::time::parse_rfc3339);
    let ready = pods.iter().filter_map(|pod| {
        let conditions = pod.list_at(&["status", "conditions"]);
        super::conditions::find(conditions, "Ready")?.time_at(&["lastTransitionTime"])
    });
    let times = ready.chain(service.creation_timestamp());
    let first: Option<Timestamp> = times.filter(|time| last.is_none_or(|last| *time > last)).min();
    first.map(rfc3339)
}
