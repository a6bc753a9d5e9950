//! Endpoint slices: the addresses behind each service, at most a hundred to a slice.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::support::services::{self, HEADLESS, TRIGGER_TIME};
use super::support::{names, owners, pods, same};
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object};

const SLICES: &str = "endpointslices.discovery.k8s.io";
const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const NAME: &str = "endpointslice-controller.k8s.io";
const MOST_ENDPOINTS: usize = 100;

/// See the module's text.
#[derive(Debug, Default)]
pub struct EndpointSliceController;

impl Controller for EndpointSliceController {
    fn name(&self) -> &'static str {
        "endpoint-slice-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["services", "pods", SLICES]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        match change.key.resource {
            "services" => vec![change.key.clone()],
            "pods" if !pods::matters(change) => Vec::new(),
            "pods" => services::keys_of_pod(change, view),
            _ => {
                let slice = change.new.as_ref().or(change.old.as_ref());
                let service = slice
                    .filter(|slice| slice.label(MANAGED_BY) == Some(NAME))
                    .and_then(|slice| slice.label(SERVICE_NAME));
                let namespace = change.key.namespace.clone();
                service.map(|name| Key { resource: "services", namespace, name: name.to_owned() }).into_iter().collect()
            }
        }
    }

    fn patience(&self, key: &Key, change: &Change, view: &View) -> SignedDuration {
        services::patience(key, change, view)
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let all = view.list(SLICES, Some(&key.namespace));
        let existing: Vec<&Arc<Object>> = all
            .filter(|slice| slice.label(SERVICE_NAME) == Some(&key.name) && slice.label(MANAGED_BY) == Some(NAME))
            .collect();
        let Some(service) = view.at(key).filter(|service| service.deletion_timestamp().is_none()) else {
            return Outcome { writes: existing.into_iter().map(|slice| delete(slice)).collect(), requeue_at: None };
        };
        if !services::has_endpoints(service) {
            return Outcome::default();
        }
        let mut plan =
            Plan { service, view, pods: services::pods_of(service, view), writes: Vec::new(), taken: Vec::new() };
        let families = services::families(service);
        for slice in &existing {
            if !families.contains(&slice.str_at(&["addressType"])) {
                plan.writes.push(delete(slice));
            }
        }
        for family in families {
            let own = existing.iter().filter(|slice| slice.str_at(&["addressType"]) == family).copied();
            plan.family(family, own.collect());
        }
        Outcome { writes: plan.writes, requeue_at: None }
    }
}

fn delete(slice: &Object) -> Write {
    Write::delete(SLICES, slice)
}

/// The ports in the order of the service, as text: slices hold endpoints with the same ports.
type Ports = String;

struct Plan<'a> {
    service: &'a Arc<Object>,
    view: &'a View,
    pods: Vec<&'a Arc<Object>>,
    writes: Vec<Write>,
    /// The names given in this look.
    taken: Vec<String>,
}

impl Plan<'_> {
    /// Brings the slices of one address family up to date.
    fn family(&mut self, family: &str, existing: Vec<&Arc<Object>>) {
        let mut wanted: BTreeMap<Ports, (Object, Vec<Object>)> = BTreeMap::new();
        for pod in &self.pods {
            let ports = self.ports(pod);
            let entry = wanted.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new()));
            let addresses: Vec<&str> =
                services::addresses(pod).into_iter().filter(|ip| services::is_of(ip, family)).collect();
            if !addresses.is_empty() {
                entry.1.push(self.endpoint(pod, addresses));
            }
        }
        let mut kept = 0;
        let mut rest = existing;
        for (ports, endpoints) in wanted.into_values() {
            let (own, others): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|slice| same(slice.at(&["ports"]), Some(&ports)));
            rest = others;
            kept += self.fill(family, &ports, endpoints, &own);
        }
        let placeholder = kept == 0;
        for slice in rest {
            let empty = slice.list_at(&["endpoints"]).is_empty() && slice.list_at(&["ports"]).is_empty();
            if placeholder && empty && kept == 0 {
                kept += 1;
                self.update(slice, &Object::Null, Vec::new());
            } else {
                self.writes.push(delete(slice));
            }
        }
        if kept == 0 {
            self.create(family, Object::Null, Object::Null);
        }
    }

    /// Spreads the endpoints of one set of ports over its slices, leaving each where it was. Returns
    /// how many slices there will be.
    fn fill(&mut self, family: &str, ports: &Object, endpoints: Vec<Object>, slices: &[&Arc<Object>]) -> usize {
        let id = |endpoint: &Object| endpoint.str_at(&["targetRef", "uid"]).to_owned();
        let mut waiting: BTreeMap<String, Object> =
            endpoints.iter().map(|endpoint| (id(endpoint), endpoint.clone())).collect();
        let mut contents: Vec<(&Arc<Object>, Vec<Object>)> = slices
            .iter()
            .map(|slice| {
                let before = slice.list_at(&["endpoints"]).iter();
                (*slice, before.filter_map(|endpoint| waiting.remove(&id(endpoint))).collect())
            })
            .collect();
        // In the order of the pods' names, not of their UIDs.
        let mut new: Vec<Object> =
            endpoints.into_iter().filter(|endpoint| waiting.contains_key(&id(endpoint))).collect();
        for (_, content) in &mut contents {
            let room = MOST_ENDPOINTS.saturating_sub(content.len()).min(new.len());
            content.extend(new.drain(..room));
        }
        let mut kept = 0;
        for (slice, content) in contents {
            if content.is_empty() {
                self.writes.push(delete(slice));
            } else {
                kept += 1;
                self.update(slice, ports, content);
            }
        }
        for chunk in new.chunks(MOST_ENDPOINTS) {
            kept += 1;
            self.create(family, ports.clone(), chunk.to_vec().into());
        }
        kept
    }

    fn ports(&self, pod: &Object) -> Object {
        let ports = self.service.list_at(&["spec", "ports"]).iter();
        let found = ports.filter_map(|port| {
            let protocol = match port.str_at(&["protocol"]) {
                "" => "TCP",
                protocol => protocol,
            };
            let mut object =
                json!({"name": port.str_at(&["name"]), "port": services::target_port(pod, port)?, "protocol": protocol});
            if let Some(application) = port.at(&["appProtocol"]).filter(|application| application.is_string()) {
                object.set_at(&["appProtocol"], application.clone());
            }
            Some(object)
        });
        Object::Array(found.collect())
    }

    fn endpoint(&self, pod: &Object, addresses: Vec<&str>) -> Object {
        let serving = pods::is_ready(pod);
        let terminating = pod.deletion_timestamp().is_some();
        let ready = self.service.bool_at(&["spec", "publishNotReadyAddresses"]) || (serving && !terminating);
        let mut endpoint = json!({
            "addresses": addresses,
            "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
            "targetRef": services::target_ref(pod),
        });
        let node = pod.str_at(&["spec", "nodeName"]);
        if !node.is_empty() {
            endpoint.set_at(&["nodeName"], node);
        }
        let zone = self.view.get("nodes", "", node).and_then(|node| node.label("topology.kubernetes.io/zone"));
        if let Some(zone) = zone.filter(|zone| !zone.is_empty()) {
            endpoint.set_at(&["zone"], zone);
        }
        if let Some(name) = services::hostname(pod, self.service) {
            endpoint.set_at(&["hostname"], name);
        }
        endpoint
    }

    fn labels(&self) -> Object {
        let mut labels = self.service.at(&["metadata", "labels"]).cloned().unwrap_or_else(|| json!({}));
        labels.remove_at(&[HEADLESS]);
        labels.set_at(&[SERVICE_NAME], self.service.name());
        labels.set_at(&[MANAGED_BY], NAME);
        if services::is_headless(self.service) {
            labels.set_at(&[HEADLESS], "");
        }
        labels
    }

    fn update(&mut self, slice: &Arc<Object>, ports: &Object, endpoints: Vec<Object>) {
        let labels = self.labels();
        let endpoints = Object::from(endpoints);
        if same(slice.at(&["endpoints"]), Some(&endpoints)) && same(slice.at(&["metadata", "labels"]), Some(&labels)) {
            return;
        }
        let mut object = Object::clone(slice);
        object.set_at(&["endpoints"], endpoints);
        object.set_at(&["ports"], ports.clone());
        object.set_at(&["metadata", "labels"], labels);
        match services::trigger_time(self.service, &self.pods, slice.annotation(TRIGGER_TIME)) {
            Some(time) => object.set_at(&["metadata", "annotations", TRIGGER_TIME], time),
            None => drop(object.remove_at(&["metadata", "annotations", TRIGGER_TIME])),
        }
        self.writes.push(Write::Update { resource: SLICES, object });
    }

    fn create(&mut self, family: &str, ports: Object, endpoints: Object) {
        let (service, view) = (self.service, self.view);
        let prefix = format!("{}-", service.name());
        let moment = view.now().as_microsecond().to_string();
        let name = names::unused(&prefix, &[service.uid(), family, &moment], |name| {
            view.get(SLICES, service.namespace(), name).is_some() || self.taken.iter().any(|taken| taken == name)
        });
        self.taken.push(name.clone());
        let mut owner = owners::controller_ref(service);
        owner.set_at(&["apiVersion"], "v1");
        owner.set_at(&["kind"], "Service");
        let mut object = json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": name, "generateName": prefix, "namespace": service.namespace(),
                "labels": self.labels(), "ownerReferences": [owner],
            },
            "addressType": family, "endpoints": endpoints, "ports": ports,
        });
        if let Some(time) = services::trigger_time(service, &self.pods, None) {
            object.set_at(&["metadata", "annotations", TRIGGER_TIME], time);
        }
        self.writes.push(Write::Create { resource: SLICES, object });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Timestamp;

    fn pod(number: usize, ready: bool, terminating: bool) -> Object {
        let mut pod = json!({
            "metadata": {"name": format!("p{number:03}"), "namespace": "d", "uid": format!("u{number}"), "labels": {"app": "web"}},
            "spec": {"nodeName": "n1", "containers": [{"ports": [{"name": "http", "containerPort": 8080}]}]},
            "status": {"phase": "Running", "podIPs": [{"ip": format!("10.0.0.{number}")}], "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        });
        if terminating {
            pod.set_at(&["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z");
        }
        pod
    }

    fn look(pods: impl IntoIterator<Item = Object>, slices: Vec<Object>) -> Vec<Write> {
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "namespace": "d", "uid": "s"},
            "spec": {"clusterIP": "10.96.0.9", "selector": {"app": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]},
        });
        let node = json!({"metadata": {"name": "n1", "labels": {"topology.kubernetes.io/zone": "z1"}}});
        let objects = [("services", service), ("nodes", node)];
        let objects = objects.into_iter().chain(pods.into_iter().map(|pod| ("pods", pod)));
        let view = View::of(objects.chain(slices.into_iter().map(|slice| (SLICES, slice))), Timestamp::UNIX_EPOCH);
        let key = Key { resource: "services", namespace: "d".into(), name: "web".into() };
        EndpointSliceController.reconcile(&key, &view).writes
    }

    fn created(writes: &[Write]) -> Vec<Object> {
        let created = writes.iter().map(|write| match write {
            Write::Create { object, .. } => object.clone(),
            other => panic!("{other:?}"),
        });
        created.collect()
    }

    #[test]
    fn shows_ready_serving_and_terminating() {
        let slices = created(&look([pod(1, true, false), pod(2, true, true), pod(3, false, false)], vec![]));
        let [slice] = slices.as_slice() else { panic!("{slices:?}") };
        let conditions: Vec<_> = slice.list_at(&["endpoints"]).iter().map(|e| e.at(&["conditions"]).cloned()).collect();
        assert_eq!(
            conditions,
            [
                Some(json!({"ready": true, "serving": true, "terminating": false})),
                Some(json!({"ready": false, "serving": true, "terminating": true})),
                Some(json!({"ready": false, "serving": false, "terminating": false})),
            ]
        );
        let first = slice.list_at(&["endpoints"]).first().cloned().unwrap_or_default();
        assert_eq!((first.str_at(&["nodeName"]), first.str_at(&["zone"])), ("n1", "z1"));
        assert_eq!(slice.at(&["ports"]), Some(&json!([{"name": "web", "port": 8080, "protocol": "TCP"}])));
        assert!(slice.name().starts_with("web-") && slice.name().len() == 9);
        assert_eq!(slice.label(SERVICE_NAME), Some("web"));
    }

    #[test]
    fn holds_a_place_for_a_service_without_pods_and_then_uses_it_up() {
        let slices = created(&look([], vec![]));
        let [empty] = slices.as_slice() else { panic!("{slices:?}") };
        assert!(empty.list_at(&["endpoints"]).is_empty());
        assert_eq!(look([], slices.clone()), []);
        let writes = look([pod(1, true, false)], slices);
        assert!(matches!(writes.as_slice(), [Write::Create { .. }, Write::Delete { .. }]), "{writes:?}");
    }

    #[test]
    fn keeps_endpoints_where_they_are_and_splits_at_a_hundred() {
        let slices = created(&look((0..150).map(|n| pod(n, true, false)), vec![]));
        let sizes: Vec<_> = slices.iter().map(|slice| slice.list_at(&["endpoints"]).len()).collect();
        assert_eq!(sizes, [100, 50]);
        assert_eq!(look((0..150).map(|n| pod(n, true, false)), slices.clone()), []);
        let writes = look((1..150).map(|n| pod(n, true, false)), slices);
        let [Write::Update { object, .. }] = writes.as_slice() else { panic!("{writes:?}") };
        assert_eq!(object.list_at(&["endpoints"]).len(), 99);
    }
}
