//! Endpoints: the addresses behind each service, in the older form.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::json;

use super::support::services::{self, HEADLESS, TRIGGER_TIME};
use super::support::{pods, same};
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object};

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const NAME: &str = "endpoint-controller";
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// More addresses are cut off.
const CAPACITY: usize = 1000;

/// See the module's text.
#[derive(Debug, Default)]
pub struct EndpointsController;

impl Controller for EndpointsController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &["services", "pods", "endpoints"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        match change.key.resource {
            "pods" if !pods::matters(change) => Vec::new(),
            "pods" => services::keys_of_pod(change, view),
            _ => vec![Key { resource: "services", ..change.key.clone() }],
        }
    }

    fn patience(&self, key: &Key, change: &Change, view: &View) -> SignedDuration {
        services::patience(key, change, view)
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let existing = view.get("endpoints", &key.namespace, &key.name);
        let Some(service) = view.at(key) else { return Outcome { writes: orphaned(existing), requeue_at: None } };
        if !services::has_endpoints(service) {
            return Outcome::default();
        }
        let pods = services::pods_of(service, view);
        let (subsets, cut) = subsets(service, &pods);
        let mut labels = service.at(&["metadata", "labels"]).cloned().unwrap_or_else(|| json!({}));
        labels.set_at(&[MANAGED_BY], NAME);
        if services::is_headless(service) {
            labels.set_at(&[HEADLESS], "");
        }
        let wanted = (!subsets.is_empty()).then(|| Object::from(subsets));
        let current = existing.map_or(&Object::Null, |object| &**object);
        if existing.is_some()
            && same(current.at(&["subsets"]), wanted.as_ref())
            && same(current.at(&["metadata", "labels"]), Some(&labels))
            && current.annotation(OVER_CAPACITY).is_some() == cut
        {
            return Outcome::default();
        }
        let mut object = existing.map_or_else(
            || json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": key.name, "namespace": key.namespace}}),
            |object| Object::clone(object),
        );
        object.set_at(&["metadata", "labels"], labels);
        match services::trigger_time(service, &pods, current.annotation(TRIGGER_TIME)) {
            Some(time) => object.set_at(&["metadata", "annotations", TRIGGER_TIME], time),
            None => drop(object.remove_at(&["metadata", "annotations", TRIGGER_TIME])),
        }
        if cut {
            object.set_at(&["metadata", "annotations", OVER_CAPACITY], "truncated");
        } else {
            object.remove_at(&["metadata", "annotations", OVER_CAPACITY]);
        }
        match wanted {
            Some(subsets) => object.set_at(&["subsets"], subsets),
            None => drop(object.remove_at(&["subsets"])),
        }
        let write = match existing {
            None => Write::Create { resource: "endpoints", object },
            Some(_) => Write::Update { resource: "endpoints", object },
        };
        Outcome { writes: vec![write], requeue_at: None }
    }
}

/// Endpoints outlive their service only if someone else made them.
fn orphaned(existing: Option<&std::sync::Arc<Object>>) -> Vec<Write> {
    let ours = existing.filter(|object| object.label(MANAGED_BY) == Some(NAME));
    ours.map(|object| Write::delete("endpoints", object)).into_iter().collect()
}

type Port = (String, i64, String, String);

/// The addresses grouped by the ports they have in common, and whether any were cut off.
fn subsets(service: &Object, pods: &[&std::sync::Arc<Object>]) -> (Vec<Object>, bool) {
    let early = service.bool_at(&["spec", "publishNotReadyAddresses"]);
    let family = services::families(service).first().copied().unwrap_or("IPv4");
    // For each set of ports the ready and the other addresses.
    let mut groups: BTreeMap<Vec<Port>, [Vec<Object>; 2]> = BTreeMap::new();
    let (mut count, mut cut) = (0, false);
    for pod in pods.iter().filter(|pod| early || pod.deletion_timestamp().is_none()) {
        let addresses = services::addresses(pod);
        let Some(ip) = addresses.into_iter().find(|ip| services::is_of(ip, family)) else { continue };
        let ports = service.list_at(&["spec", "ports"]);
        let found: Vec<Port> = ports.iter().filter_map(|port| port_of(pod, port)).collect();
        if found.is_empty() && !(ports.is_empty() && service.str_at(&["spec", "clusterIP"]) == "None") {
            continue;
        }
        if count == CAPACITY {
            cut = true;
            break;
        }
        count += 1;
        let mut address =
            json!({"ip": ip, "nodeName": pod.str_at(&["spec", "nodeName"]), "targetRef": services::target_ref(pod)});
        if let Some(name) = services::hostname(pod, service) {
            address.set_at(&["hostname"], name);
        }
        let [ready, other] = groups.entry(found).or_default();
        if early || pods::is_ready(pod) { ready.push(address) } else { other.push(address) }
    }
    let subset = |(ports, [ready, other]): (Vec<Port>, [Vec<Object>; 2])| {
        let mut subset = json!({});
        for (field, mut addresses) in [("addresses", ready), ("notReadyAddresses", other)] {
            addresses.sort_by(|a, b| a.str_at(&["ip"]).cmp(b.str_at(&["ip"])));
            if !addresses.is_empty() {
                subset.set_at(&[field], addresses);
            }
        }
        if !ports.is_empty() {
            subset.set_at(&["ports"], ports.into_iter().map(port_object).collect::<Vec<_>>());
        }
        subset
    };
    (groups.into_iter().map(subset).collect(), cut)
}

/// Name, number, protocol and application protocol of a service port on a pod.
fn port_of(pod: &Object, port: &Object) -> Option<Port> {
    let protocol = match port.str_at(&["protocol"]) {
        "" => "TCP",
        protocol => protocol,
    };
    let number = services::target_port(pod, port)?;
    Some((port.str_at(&["name"]).into(), number, protocol.into(), port.str_at(&["appProtocol"]).into()))
}

fn port_object((name, number, protocol, application): Port) -> Object {
    let mut port = json!({"port": number, "protocol": protocol});
    for (field, text) in [("name", name), ("appProtocol", application)] {
        if !text.is_empty() {
            port.set_at(&[field], text);
        }
    }
    port
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Timestamp;

    fn pod(name: &str, ip: &str, ready: &str) -> Object {
        json!({
            "metadata": {"name": name, "namespace": "d", "uid": format!("u-{name}"), "labels": {"app": "web"}},
            "spec": {"nodeName": "n1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIP": ip, "conditions": [
                {"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:00:05Z"}]},
        })
    }

    fn service(spec: Object) -> Object {
        json!({
            "metadata": {"name": "web", "namespace": "d", "uid": "s", "labels": {"app": "web"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": spec,
        })
    }

    fn look(objects: Vec<(&'static str, Object)>) -> Vec<Write> {
        let view = View::of(objects, Timestamp::UNIX_EPOCH);
        let key = Key { resource: "services", namespace: "d".into(), name: "web".into() };
        EndpointsController.reconcile(&key, &view).writes
    }

    #[test]
    fn groups_ready_and_other_addresses_by_named_port() {
        let spec = json!({"clusterIP": "10.96.0.9", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]});
        let writes = look(vec![
            ("services", service(spec)),
            ("pods", pod("b", "10.0.0.2", "True")),
            ("pods", pod("a", "10.0.0.3", "True")),
            ("pods", pod("c", "10.0.0.4", "False")),
        ]);
        let [Write::Create { resource: "endpoints", object }] = writes.as_slice() else { panic!("{writes:?}") };
        assert_eq!(
            object.at(&["subsets"]),
            Some(&json!([{
                "addresses": [
                    {"ip": "10.0.0.2", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "d", "name": "b", "uid": "u-b"}},
                    {"ip": "10.0.0.3", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "d", "name": "a", "uid": "u-a"}},
                ],
                "notReadyAddresses": [
                    {"ip": "10.0.0.4", "nodeName": "n1", "targetRef": {"kind": "Pod", "namespace": "d", "name": "c", "uid": "u-c"}},
                ],
                "ports": [{"port": 8080, "protocol": "TCP"}],
            }]))
        );
        assert_eq!(object.label(MANAGED_BY), Some(NAME));
        assert_eq!(object.label("app"), Some("web"));
        assert_eq!(object.annotation(TRIGGER_TIME), Some("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn nothing_to_write_once_it_is_right() {
        let spec = json!({"clusterIP": "10.96.0.9", "selector": {"app": "web"}, "ports": [{"port": 80}]});
        let objects = vec![("services", service(spec)), ("pods", pod("b", "10.0.0.2", "True"))];
        let writes = look(objects.clone());
        let [Write::Create { object, .. }] = writes.as_slice() else { panic!("{writes:?}") };
        let again = objects.into_iter().chain([("endpoints", object.clone())]).collect();
        assert_eq!(look(again), []);
    }

    #[test]
    fn leaves_services_without_selector_and_names_alone() {
        for spec in [json!({"clusterIP": "10.96.0.1"}), json!({"type": "ExternalName", "selector": {"app": "web"}})] {
            assert_eq!(look(vec![("services", service(spec))]), []);
        }
    }

    #[test]
    fn goes_with_its_service() {
        let ours = json!({"metadata": {"name": "web", "namespace": "d", "uid": "e", "labels": {MANAGED_BY: NAME}}});
        assert!(matches!(look(vec![("endpoints", ours)]).as_slice(), [Write::Delete { .. }]));
        let theirs = json!({"metadata": {"name": "web", "namespace": "d", "uid": "e"}});
        assert_eq!(look(vec![("endpoints", theirs)]), []);
    }
}
