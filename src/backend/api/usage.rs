//! `metrics.k8s.io`: what nodes and pods use, as far as a simulated cluster knows
//! ([`crate::backend::controllers::autoscaler::usage`]).
//!
//! It is served while there is an `APIService` for it, as every new cluster has one.

use std::sync::OnceLock;

use serde_json::json;

use super::Api;
use super::query::Query;
use super::route::ResourceRoute;
use super::selection::Selection;
use crate::backend::controllers::View;
use crate::backend::controllers::autoscaler::usage;
use crate::backend::store::intern;
use crate::object::builtin::Resource;
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object, Status, time};

/// The group.
pub(super) const GROUP: &str = "metrics.k8s.io";
const VERSION: &str = "v1beta1";
/// The object that says that the group is served.
const SERVICE: &str = "v1beta1.metrics.k8s.io";
/// What a node's pods depend on for what they use.
const WORKLOADS: &[&str] = &[
    "replicasets.apps",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "replicationcontrollers",
    "jobs.batch",
];
/// What a node uses without any pod, in hundredths of what it has.
const OWN_PERCENT: i64 = 3;
/// Over how long usage is measured.
const WINDOW: &str = "20s";

fn resources() -> &'static [Resource; 2] {
    static RESOURCES: OnceLock<[Resource; 2]> = OnceLock::new();
    RESOURCES.get_or_init(|| {
        let resource = |plural, kind, namespaced| {
            Resource::new((GROUP, VERSION, plural), "", kind, vec![], namespaced, vec![], vec!["get", "list"], vec![])
        };
        [resource("nodes", "NodeMetrics", false), resource("pods", "PodMetrics", true)]
    })
}

impl Api {
    /// The resources of the group, where it is served.
    pub(super) fn usage_resources(&self) -> Result<&'static [Resource], Status> {
        let served = self.store().get("apiservices.apiregistration.k8s.io", "", SERVICE)?.is_some();
        Ok(if served { resources() } else { &[] })
    }

    /// The objects that a path and a query select; of a path with a name it is the only one.
    pub(super) fn usage(&self, route: &ResourceRoute<'_>, query: &Query) -> Result<Vec<Object>, Status> {
        let resource = route.resource;
        let selection = Selection::parse(resource, query)?;
        let mut objects = Vec::new();
        for name in WORKLOADS.iter().chain(&["pods"]) {
            objects.extend(self.list(name, None)?.into_iter().map(|object| (intern(name), object)));
        }
        let view = View::of(objects, self.clock().now());
        let place = (!route.namespace.is_empty()).then_some(&*route.namespace);
        let mut found: Vec<Object> = if resource.plural == "pods" {
            let pods = view.list("pods", place).filter(|pod| is_or_all(&route.name, pod));
            pods.filter_map(|pod| of_pod(pod, &view)).collect()
        } else {
            let nodes = self.list("nodes", None)?.into_iter().filter(|node| is_or_all(&route.name, node));
            nodes.filter(is_ready).map(|node| of_node(&node, &view)).collect()
        };
        found.retain(|object| selection.matches(object));
        if !route.name.is_empty() && found.is_empty() {
            let name = if resource.namespaced {
                format!("{}/{}", route.namespace, route.name)
            } else {
                route.name.to_string()
            };
            return Err(Status::not_found(&format!("{}metrics.{GROUP}", resource.plural.trim_end_matches('s')), &name));
        }
        Ok(found)
    }
}

fn is_or_all(name: &str, object: &Object) -> bool {
    name.is_empty() || object.name() == name
}

fn is_ready(node: &Object) -> bool {
    let conditions = node.list_at(&["status", "conditions"]);
    conditions.iter().any(|condition| condition.str_at(&["type"]) == "Ready" && condition.str_at(&["status"]) == "True")
}

fn metrics(kind: &str, of: &Object, view: &View) -> Object {
    let mut metadata = json!({"name": of.name(), "creationTimestamp": time::rfc3339(view.now())});
    if !of.namespace().is_empty() {
        metadata["namespace"] = of.namespace().into();
    }
    if let Some(labels) = of.at(&["metadata", "labels"]) {
        metadata["labels"] = labels.clone();
    }
    json!({
        "kind": kind,
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "metadata": metadata,
        "timestamp": time::rfc3339(view.now()),
        "window": WINDOW,
    })
}

/// Thousandths of cores and of bytes, as quantities.
fn quantities(cpu: i64, memory: i64) -> Object {
    json!({"cpu": format!("{cpu}m"), "memory": format!("{}Ki", memory / 1000 / 1024)})
}

/// A pod's usage, shared by its containers; none of one that does not run.
fn of_pod(pod: &Object, view: &View) -> Option<Object> {
    let (cpu, memory) = (usage::of_pod(pod, "cpu", view)?, usage::of_pod(pod, "memory", view)?);
    let containers = pod.list_at(&["spec", "containers"]);
    let count = i64::try_from(containers.len()).unwrap_or(1).max(1);
    let mut object = metrics("PodMetrics", pod, view);
    let shares = containers.iter().enumerate().map(|(index, container)| {
        // What does not divide is the first one's.
        let share = |all: i64| all / count + if index == 0 { all % count } else { 0 };
        json!({"name": container.str_at(&["name"]), "usage": quantities(share(cpu), share(memory))})
    });
    object["containers"] = shares.collect::<Vec<_>>().into();
    Some(object)
}

/// A node's usage: its own and that of the pods on it.
fn of_node(node: &Object, view: &View) -> Object {
    let own = |resource: &str| {
        let all =
            Quantity::parse(node.str_at(&["status", "capacity", resource])).map(Quantity::milli_value).unwrap_or(0);
        all / 100 * OWN_PERCENT
    };
    let all = |resource: &str| -> i64 {
        let pods = view.pods_on(node.name()).filter_map(|pod| usage::of_pod(pod, resource, view));
        pods.fold(own(resource), i64::saturating_add)
    };
    let mut object = metrics("NodeMetrics", node, view);
    object["usage"] = quantities(all("cpu"), all("memory"));
    object
}
