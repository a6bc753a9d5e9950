//! Endpoints that somebody writes by hand for a service without a selector, as endpoint slices.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::support::{names, owners, same, services};
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object};

const ENDPOINTS: &str = "endpoints";
const SLICES: &str = "endpointslices.discovery.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const NAME: &str = "endpointslicemirroring-controller.k8s.io";
/// Says of endpoints that they have slices already.
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Marks endpoints that only elect a leader.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// Annotations that are the endpoints' own.
const OWN_NOTES: [&str; 2] = [services::TRIGGER_TIME, "kubectl.kubernetes.io/last-applied-configuration"];

/// See the module's text.
#[derive(Debug, Default)]
pub struct MirroringController;

impl Controller for MirroringController {
    fn name(&self) -> &'static str {
        "endpointslice-mirroring-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[ENDPOINTS, "services", SLICES]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        let key =
            |name: &str| Key { resource: ENDPOINTS, namespace: change.key.namespace.clone(), name: name.to_owned() };
        if change.key.resource != SLICES {
            return vec![key(&change.key.name)];
        }
        let slice = change.new.as_ref().or(change.old.as_ref()).filter(|slice| slice.label(MANAGED_BY) == Some(NAME));
        slice.and_then(|slice| slice.label(SERVICE_NAME)).map(key).into_iter().collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let is_mirror = |slice: &&Arc<Object>| {
            slice.label(MANAGED_BY) == Some(NAME) && slice.label(SERVICE_NAME) == Some(&key.name)
        };
        let mut left: Vec<&Arc<Object>> = view.list(SLICES, Some(&key.namespace)).filter(is_mirror).collect();
        let service = view.get("services", &key.namespace, &key.name);
        let by_hand = service.is_some_and(|service| service.map_at(&["spec", "selector"]).is_empty());
        let endpoints = view.at(key).filter(|endpoints| by_hand && is_mirrored(endpoints));
        let mut writes = Vec::new();
        let mut taken: Vec<String> = Vec::new();
        for wanted in endpoints.map(|endpoints| slices(endpoints)).into_iter().flatten() {
            let fits = |slice: &&Arc<Object>| {
                slice.at(&["addressType"]) == wanted.at(&["addressType"])
                    && same(slice.at(&["ports"]), wanted.at(&["ports"]))
            };
            let Some(place) = left.iter().position(fits) else {
                let mut object = wanted;
                let prefix = format!("{}-", key.name);
                let salt = format!("{}{}", taken.len(), object.str_at(&["addressType"]));
                let name = names::unused(&prefix, &[&key.namespace, &key.name, &salt], |name| {
                    view.get(SLICES, &key.namespace, name).is_some() || taken.iter().any(|other| other == name)
                });
                object.set_at(&["metadata", "name"], name.clone());
                object.set_at(&["metadata", "generateName"], prefix);
                taken.push(name);
                writes.push(Write::Create { resource: SLICES, object });
                continue;
            };
            let found = left.remove(place);
            let parts: [&[&str]; 3] = [&["endpoints"], &["metadata", "labels"], &["metadata", "annotations"]];
            if parts.iter().any(|path| !same(found.at(path), wanted.at(path))) {
                let mut object = Object::clone(found);
                for path in parts {
                    match wanted.at(path) {
                        Some(value) => object.set_at(path, value.clone()),
                        None => drop(object.remove_at(path)),
                    }
                }
                writes.push(Write::Update { resource: SLICES, object });
            }
        }
        writes.extend(left.into_iter().map(|slice| Write::delete(SLICES, slice)));
        Outcome { writes, requeue_at: None }
    }
}

fn is_mirrored(endpoints: &Object) -> bool {
    endpoints.deletion_timestamp().is_none()
        && endpoints.label(SKIP) != Some("true")
        && endpoints.annotation(LEADER).is_none()
}

/// The slices of endpoints: one for each family of addresses and each set of ports.
fn slices(endpoints: &Object) -> Vec<Object> {
    let mut found: BTreeMap<(String, &str), (Object, Vec<Object>)> = BTreeMap::new();
    for subset in endpoints.list_at(&["subsets"]) {
        let ports: Vec<Object> = subset.list_at(&["ports"]).iter().map(port).collect();
        for (list, ready) in [("addresses", true), ("notReadyAddresses", false)] {
            for address in subset.list_at(&[list]) {
                let Ok(ip) = address.str_at(&["ip"]).parse::<std::net::IpAddr>() else { continue };
                let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
                let ports = Object::from(ports.clone());
                let slice = found.entry((ports.to_string(), family)).or_insert_with(|| (ports, Vec::new()));
                let mut endpoint = json!({"addresses": [ip.to_string()], "conditions": {"ready": ready}});
                for field in ["targetRef", "nodeName", "hostname"] {
                    if let Some(value) = address.at(&[field]).filter(|value| !value.is_null() && *value != "") {
                        endpoint.set_at(&[field], value.clone());
                    }
                }
                slice.1.push(endpoint);
            }
        }
    }
    let slice = |((_, family), (ports, list)): ((String, &str), (Object, Vec<Object>))| {
        let mut object = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": family,
            "metadata": {"namespace": endpoints.namespace(), "ownerReferences": [owners::controller_ref(endpoints)]},
            "endpoints": list, "ports": ports,
        });
        for (key, value) in endpoints.labels() {
            object.set_at(&["metadata", "labels", key], value);
        }
        object.set_at(&["metadata", "labels", SERVICE_NAME], endpoints.name());
        object.set_at(&["metadata", "labels", MANAGED_BY], NAME);
        for (key, value) in endpoints.annotations().into_iter().filter(|(key, _)| !OWN_NOTES.contains(key)) {
            object.set_at(&["metadata", "annotations", key], value);
        }
        object
    };
    found.into_iter().map(slice).collect()
}

fn port(port: &Object) -> Object {
    let mut own = json!({"name": port.str_at(&["name"]), "port": port.int_at(&["port"]), "protocol": "TCP"});
    for field in ["protocol", "appProtocol"] {
        if let Some(value) = port.at(&[field]).filter(|value| value.is_string()) {
            own.set_at(&[field], value.clone());
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::testing::Lab;

    #[test]
    fn mirrors_what_is_written_by_hand() {
        let lab = Lab::new(vec![Box::new(MirroringController)]);
        let service = json!({"metadata": {"name": "db", "namespace": "default"}, "spec": {"ports": [{"port": 5432}]}});
        lab.create("services", service);
        let subsets = json!([{"addresses": [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}],
            "notReadyAddresses": [{"ip": "192.0.2.2"}], "ports": [{"port": 5432}]}]);
        lab.create(
            ENDPOINTS,
            json!({"metadata": {"name": "db", "namespace": "default", "labels": {"a": "b"}}, "subsets": subsets}),
        );
        lab.settle();
        let slices = lab.list(SLICES);
        assert_eq!(slices.len(), 2, "one for each family");
        let slice = slices.iter().find(|slice| slice.str_at(&["addressType"]) == "IPv4").expect("a slice");
        assert_eq!(
            slice.at(&["endpoints"]),
            Some(&json!([
                {"addresses": ["192.0.2.1"], "conditions": {"ready": true}},
                {"addresses": ["192.0.2.2"], "conditions": {"ready": false}},
            ]))
        );
        assert_eq!(slice.at(&["ports"]), Some(&json!([{"name": "", "port": 5432, "protocol": "TCP"}])));
        assert_eq!(slice.labels(), [("a", "b"), (MANAGED_BY, NAME), (SERVICE_NAME, "db")]);
        lab.edit(ENDPOINTS, "db", |endpoints| {
            endpoints.set_at(&["subsets"], json!([{"addresses": [{"ip": "192.0.2.3"}], "ports": [{"port": 5432}]}]));
        });
        lab.settle();
        let slices = lab.list(SLICES);
        let [slice] = slices.as_slice() else { panic!("{slices:?}") };
        assert_eq!(
            slice.at(&["endpoints"]),
            Some(&json!([{"addresses": ["192.0.2.3"], "conditions": {"ready": true}}]))
        );
        lab.delete(ENDPOINTS, "db", "");
        lab.settle();
        assert_eq!(lab.list(SLICES).len(), 0);
    }
}
