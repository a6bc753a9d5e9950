//! The objects that every cluster has from the start.

use serde_json::json;

use super::api::{Api, WriteOptions};
use super::kubelet::nodes;
use crate::object::{Meta, Object, Status, Timestamp};

/// Says in the store that the objects were made.
pub const DONE: &str = "bootstrapped";

/// Says in the store that the roles and bindings were made.
pub const ROLES_DONE: &str = "bootstrapped-roles";
/// The roles and bindings that every cluster has.
const ROLES: &str = include_str!("rbac.json");
const RBAC: &str = "rbac.authorization.k8s.io";

/// Makes the objects of a new cluster; an older one stays as it is.
pub fn run(api: &Api, nodes: usize, seed: Option<u64>) -> Result<(), Status> {
    if api.store().meta_get(DONE)?.is_some() {
        // A cluster that was made before there were roles gets them.
        if api.store().meta_get(ROLES_DONE)?.is_none() {
            api.create_all(roles(), &WriteOptions::default())?;
            api.store().meta_set(ROLES_DONE, "1")?;
        }
        return Ok(());
    }
    if let Some(seed) = seed
        && api.store().meta_get("seed")?.is_none()
    {
        api.store().meta_set("seed", &seed.to_string())?;
    }
    let mut all = objects(nodes, api.clock().now());
    all.extend(roles());
    api.create_all(all, &WriteOptions::default())?;
    api.store().meta_set(ROLES_DONE, "1")?;
    api.store().meta_set(DONE, "1")?;
    Ok(())
}

/// The roles and bindings that every cluster has, with their resources.
fn roles() -> Vec<(&'static str, Object)> {
    let all: Vec<Object> = serde_json::from_str(ROLES).unwrap_or_default();
    all.into_iter().filter_map(role).collect()
}

fn role(mut short: Object) -> Option<(&'static str, Object)> {
    let resource = match short.kind() {
        "ClusterRole" => "clusterroles.rbac.authorization.k8s.io",
        "ClusterRoleBinding" => "clusterrolebindings.rbac.authorization.k8s.io",
        "Role" => "roles.rbac.authorization.k8s.io",
        "RoleBinding" => "rolebindings.rbac.authorization.k8s.io",
        _ => return None,
    };
    let mut labels = json!({"kubernetes.io/bootstrapping": "rbac-defaults"});
    if let Some(Object::Object(more)) = short.remove_at(&["labels"]) {
        labels.as_object_mut()?.extend(more);
    }
    let mut metadata = json!({
        "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"},
        "labels": labels,
    });
    for field in ["name", "namespace"] {
        if let Some(value) = short.remove_at(&[field]) {
            metadata[field] = value;
        }
    }
    if short.get("roleRef").is_some() {
        short.set_at(&["roleRef", "apiGroup"], RBAC);
    }
    for subject in short.get_mut("subjects").and_then(Object::as_array_mut).into_iter().flatten() {
        if subject.kind() != "ServiceAccount" {
            subject.set_at(&["apiGroup"], RBAC);
        }
    }
    short.set_at(&["metadata"], metadata);
    Some((resource, short))
}

fn objects(count: usize, now: Timestamp) -> Vec<(&'static str, Object)> {
    let mut objects = Vec::new();
    let namespaces = ["kube-system", "kube-public", "kube-node-lease", "default"];
    for name in namespaces {
        let namespace = json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        });
        objects.push(("namespaces", namespace));
    }
    for namespace in namespaces {
        objects.push(("serviceaccounts", json!({"metadata": {"name": "default", "namespace": namespace}})));
    }
    objects.push((
        "servicecidrs.networking.k8s.io",
        json!({"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/12"]}}),
    ));
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    objects.push((
        "services",
        json!({
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.96.0.1",
                "clusterIPs": ["10.96.0.1"],
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "None",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
            "status": {"loadBalancer": {}},
        }),
    ));
    objects.push((
        "endpoints",
        json!({
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{
                "addresses": [{"ip": "172.18.0.2"}],
                "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            }],
        }),
    ));
    objects.push((
        "endpointslices.discovery.k8s.io",
        json!({
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["172.18.0.2"], "conditions": {"ready": true}}],
            "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
        }),
    ));
    for (name, value) in [("system-cluster-critical", 2_000_000_000_i64), ("system-node-critical", 2_000_001_000)] {
        let class = json!({"metadata": {"name": name}, "value": value, "preemptionPolicy": "PreemptLowerPriority"});
        objects.push(("priorityclasses.scheduling.k8s.io", class));
    }
    objects.extend(nodes::bootstrap(count, now).into_iter().map(|node| ("nodes", node)));
    objects
}
