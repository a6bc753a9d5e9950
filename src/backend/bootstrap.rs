//! The objects that every cluster has from the start.

use serde_json::json;

use super::api::{Api, WriteOptions};
use super::kubelet::nodes;
use crate::object::{Meta, Object, Status, Timestamp, time};

/// Says in the store that the objects were made.
pub const DONE: &str = "bootstrapped";

/// Says in the store that the roles and bindings were made.
pub const ROLES_DONE: &str = "bootstrapped-roles";
/// Says in the store that the flow schemas and priority levels were made.
const FLOW_DONE: &str = "bootstrapped-flow-control";
/// The flow schemas and priority levels that every cluster has.
const FLOW_CONTROL: &str = include_str!("flowcontrol.json");
/// The roles and bindings that every cluster has.
const ROLES: &str = include_str!("rbac.json");
/// The API's groups and versions with the priorities that their `APIService`s have.
const API_SERVICES: &[(&str, &str, i64, i64)] = &[
    ("", "v1", 18_000, 1),
    ("apps", "v1", 17_800, 15),
    ("events.k8s.io", "v1", 17_750, 15),
    ("authentication.k8s.io", "v1", 17_700, 15),
    ("authorization.k8s.io", "v1", 17_600, 15),
    ("autoscaling", "v2", 17_500, 30),
    ("autoscaling", "v1", 17_500, 15),
    ("batch", "v1", 17_400, 15),
    ("certificates.k8s.io", "v1", 17_300, 15),
    ("networking.k8s.io", "v1", 17_200, 15),
    ("policy", "v1", 17_100, 15),
    ("rbac.authorization.k8s.io", "v1", 17_000, 15),
    ("storage.k8s.io", "v1", 16_800, 15),
    ("admissionregistration.k8s.io", "v1", 16_700, 15),
    ("apiextensions.k8s.io", "v1", 16_700, 15),
    ("scheduling.k8s.io", "v1", 16_600, 15),
    ("coordination.k8s.io", "v1", 16_500, 15),
    ("node.k8s.io", "v1", 16_300, 15),
    ("discovery.k8s.io", "v1", 16_200, 15),
    ("resource.k8s.io", "v1", 16_200, 21),
    ("flowcontrol.apiserver.k8s.io", "v1", 16_100, 21),
];
const RBAC: &str = "rbac.authorization.k8s.io";

/// Makes the objects of a new cluster; an older one stays as it is.
pub fn run(api: &Api, nodes: usize, seed: Option<u64>) -> Result<(), Status> {
    if api.store().meta_get(DONE)?.is_some() {
        // A cluster that was made before there were roles gets them.
        if api.store().meta_get(ROLES_DONE)?.is_none() {
            let mut missing = roles();
            missing.extend(api_services(api.clock().now()));
            api.create_all(missing, &WriteOptions::default())?;
            api.store().meta_set(ROLES_DONE, "1")?;
        }
        if api.store().meta_get(FLOW_DONE)?.is_none() {
            api.create_all(flow_control(api.clock().now()), &WriteOptions::default())?;
            api.store().meta_set(FLOW_DONE, "1")?;
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
    all.extend(api_services(api.clock().now()));
    all.extend(flow_control(api.clock().now()));
    api.create_all(all, &WriteOptions::default())?;
    api.store().meta_set(ROLES_DONE, "1")?;
    api.store().meta_set(FLOW_DONE, "1")?;
    api.store().meta_set(DONE, "1")?;
    Ok(())
}

/// The flow schemas and priority levels that every cluster has. Requests are not held back by them here.
fn flow_control(now: Timestamp) -> Vec<(&'static str, Object)> {
    let all: Vec<Object> = serde_json::from_str(FLOW_CONTROL).unwrap_or_default();
    let made = all.into_iter().map(|short| {
        let mut object = json!({
            "metadata": {"name": short.str_at(&["name"]), "annotations": {"apf.kubernetes.io/autoupdate-spec": "true"}},
            "spec": short.at(&["spec"]),
        });
        if short.kind() != "FlowSchema" {
            object["status"] = json!({});
            return ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", object);
        }
        let level = short.str_at(&["spec", "priorityLevelConfiguration", "name"]);
        let message =
            format!("This FlowSchema references the PriorityLevelConfiguration object named \"{level}\" and it exists");
        object["status"] = json!({"conditions": [{
            "type": "Dangling", "status": "False", "lastTransitionTime": time::rfc3339(now),
            "reason": "Found", "message": message,
        }]});
        ("flowschemas.flowcontrol.apiserver.k8s.io", object)
    });
    made.collect()
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

/// What says of each group and version who serves it: this server, and the one that measures pods, which is
/// here too but can be taken away.
fn api_services(now: Timestamp) -> Vec<(&'static str, Object)> {
    let condition = |reason: &str, message: &str| {
        json!({"conditions": [{
            "type": "Available", "status": "True", "lastTransitionTime": time::rfc3339(now),
            "reason": reason, "message": message,
        }]})
    };
    let mut all = Vec::new();
    for (group, version, group_priority, version_priority) in API_SERVICES {
        let mut spec = json!({
            "version": version, "groupPriorityMinimum": group_priority, "versionPriority": version_priority,
        });
        if !group.is_empty() {
            spec["group"] = (*group).into();
        }
        all.push(json!({
            "metadata": {
                "name": format!("{version}.{group}"),
                "labels": {"kube-aggregator.kubernetes.io/automanaged": "onstart"},
            },
            "spec": spec,
            "status": condition("Local", "Local APIServices are always available"),
        }));
    }
    all.push(json!({
        "metadata": {"name": "v1beta1.metrics.k8s.io", "labels": {"k8s-app": "metrics-server"}},
        "spec": {
            "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": {"name": "metrics-server", "namespace": "kube-system", "port": 443},
        },
        "status": condition("Passed", "all checks passed"),
    }));
    all.into_iter().map(|service| ("apiservices.apiregistration.k8s.io", service)).collect()
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
