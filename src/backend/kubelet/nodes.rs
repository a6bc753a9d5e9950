//! Nodes: what they look like, and what the kubelet writes about them.
//!
//! A node's heartbeats are not written: nothing in this cluster waits for them, and an idle cluster
//! writes nothing. The status is written when it changes: a node that comes back, an image that is new.

use serde_json::json;

use super::images::{Images, Reference};
use super::{chance, pod::reference};
use crate::backend::controllers::{self, Event, Outcome, View, Write};
use crate::backend::faults::Faults;
use crate::object::{Meta, Object, Timestamp, time};

/// Processors of a node.
pub const CPUS: u32 = 8;
/// Memory of a node in bytes.
pub const MEMORY_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// Pods that a node takes.
pub const PODS: u32 = 110;
/// Where the nodes' leases are.
const LEASE: &str = "leases.coordination.k8s.io";
/// The namespace of the nodes' leases.
const LEASES: &str = "kube-node-lease";
/// The annotation that takes a node down while it is there.
pub const FAILED: &str = controllers::node::FAILED;

/// The name of the `index`-th node: `kctl-control-plane`, `kctl-worker`, `kctl-worker2`, …
pub fn name(index: usize) -> String {
    match index {
        0 => "kctl-control-plane".into(),
        1 => "kctl-worker".into(),
        _ => format!("kctl-worker{index}"),
    }
}

/// The first `count` nodes of a new cluster.
pub fn bootstrap(count: usize, now: Timestamp) -> Vec<Object> {
    (0..count).map(|index| node(&name(index), index, now)).collect()
}

/// A node with that name and place: its place decides its addresses.
pub fn node(name: &str, index: usize, now: Timestamp) -> Object {
    let mut labels = json!({
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
    });
    if index == 0 {
        labels["node-role.kubernetes.io/control-plane"] = json!("");
    }
    let cidr = pod_cidr(index);
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "providerID": format!("kctl://offline/{name}")},
        "status": status(name, index, now),
    })
}

/// `10.244.INDEX.0/24`, and on into the networks after that.
pub fn pod_cidr(index: usize) -> String {
    format!("10.{}.{}.0/24", 244 + (index / 256).min(10), index % 256)
}

/// The status of a node that is well.
pub fn status(name: &str, index: usize, now: Timestamp) -> Object {
    let resources = |cpu: String| {
        json!({
            "cpu": cpu,
            "ephemeral-storage": "100Gi",
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "memory": format!("{}Ki", MEMORY_BYTES / 1024),
            "pods": PODS.to_string(),
        })
    };
    json!({
        "addresses": [
            {"type": "InternalIP", "address": format!("172.18.{}.{}", index / 250, index % 250 + 2)},
            {"type": "Hostname", "address": name},
        ],
        "allocatable": resources(CPUS.to_string()),
        "capacity": resources(CPUS.to_string()),
        "conditions": conditions(now),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "images": [],
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": uuid(&format!("boot {name}")),
            "containerRuntimeVersion": "containerd://2.2.0",
            "kernelVersion": "6.12.0-kctl",
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.36.2",
            "machineID": chance::hex64(name).get(..32).unwrap_or_default(),
            "operatingSystem": "linux",
            "osImage": "kctl offline",
            "systemUUID": uuid(&format!("system {name}")),
        },
        "runtimeHandlers": [{"name": "", "features": {"recursiveReadOnlyMounts": false, "userNamespaces": false}}],
    })
}

/// What is well on a node that is well: type, status, reason, message.
pub(super) const CONDITIONS: &[[&str; 4]] = &[
    ["MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
    ["DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
    ["PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"],
    ["Ready", "True", "KubeletReady", "kubelet is posting ready status"],
];

fn conditions(now: Timestamp) -> Object {
    let conditions: Vec<Object> = CONDITIONS
        .iter()
        .map(|[kind, status, reason, message]| {
            json!({
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": time::rfc3339(now),
                "lastTransitionTime": time::rfc3339(now),
            })
        })
        .collect();
    json!(conditions)
}

fn uuid(text: &str) -> String {
    let hex = chance::hex64(text);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// Whether a node is taken down.
pub fn is_failed(node: &Object) -> bool {
    controllers::node::is_failed(node)
}

/// One look at a node: a node that is new or back says that it is ready, and which images it has.
pub(super) fn reconcile(node: &Object, view: &View, faults: &Faults) -> Outcome {
    let now = view.now();
    if is_failed(node) {
        return Outcome::default();
    }
    let mut object = node.clone();
    let mut writes = Vec::new();
    if node.at(&["status", "nodeInfo"]).is_none() {
        let index = view.list("nodes", None).position(|other| other.name() == node.name()).unwrap_or(0);
        object["status"] = status(node.name(), index, now);
    } else if !is_ready(node) {
        let old = node.list_at(&["status", "conditions"]).to_vec();
        let mut conditions = conditions(now);
        for condition in conditions.as_array_mut().into_iter().flatten() {
            let same = old
                .iter()
                .find(|old| ["type", "status"].iter().all(|field| old.str_at(&[field]) == condition.str_at(&[field])));
            if let Some(since) = same.and_then(|old| old.at(&["lastTransitionTime"])) {
                condition["lastTransitionTime"] = since.clone();
            }
        }
        object["status"]["conditions"] = conditions;
        writes.push(said(node, "NodeReady".into(), format!("Node {} status is now: NodeReady", node.name())));
    }
    for [kind, _, well, message] in CONDITIONS.iter().filter(|[kind, ..]| *kind != "Ready") {
        let pressed = faults.has_condition(node, kind);
        let (ill, complaint) = pressure(kind);
        let (status, reason, message) = if pressed { ("True", ill, complaint) } else { ("False", *well, *message) };
        let list = object["status"]["conditions"].as_array_mut().into_iter().flatten();
        for condition in list.filter(|it| it.str_at(&["type"]) == *kind && it.str_at(&["status"]) != status) {
            condition["status"] = json!(status);
            condition["reason"] = json!(reason);
            condition["message"] = json!(message);
            condition["lastHeartbeatTime"] = json!(time::rfc3339(now));
            condition["lastTransitionTime"] = json!(time::rfc3339(now));
            // Events are named after the node, where conditions are named after the kubelet.
            let reason = reason.replacen("Kubelet", "Node", 1);
            let message = format!("Node {} status is now: {reason}", node.name());
            writes.push(said(node, reason, message));
        }
    }
    add_images(&mut object, node, view);
    if object != *node {
        writes.insert(0, Write::UpdateStatus { resource: "nodes", object });
    }
    if view.get("namespaces", "", LEASES).is_some() && view.get(LEASE, LEASES, node.name()).is_none() {
        writes.push(Write::Create { resource: LEASE, object: lease(node, now) });
    }
    Outcome { writes, requeue_at: None }
}

/// What the kubelet says of a node.
fn said(node: &Object, reason: String, message: String) -> Write {
    let mut regarding = reference(node);
    regarding["kind"] = json!("Node");
    let (component, host) = ("kubelet", node.name().to_owned());
    Write::Event(Event { regarding, field_path: String::new(), kind: "Normal", reason, message, component, host })
}

/// What the kubelet says of a node that has too little of something: reason and message.
fn pressure(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "MemoryPressure" => ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        "DiskPressure" => ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        _ => ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    }
}

/// The lease by which a node shows that it lives. It goes with the node.
fn lease(node: &Object, now: Timestamp) -> Object {
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": node.name(), "uid": node.uid()});
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": node.name(), "namespace": LEASES, "ownerReferences": [owner]},
        "spec": {
            "holderIdentity": node.name(),
            "leaseDurationSeconds": 40,
            "renewTime": time::rfc3339_micro(now),
        },
    })
}

fn is_ready(node: &Object) -> bool {
    let conditions = node.list_at(&["status", "conditions"]);
    conditions.iter().any(|condition| condition.str_at(&["type"]) == "Ready" && condition.str_at(&["status"]) == "True")
}

/// Notes the images of the pods on the node.
fn add_images(object: &mut Object, node: &Object, view: &View) {
    let mut images = object.list_at(&["status", "images"]).to_vec();
    let count = images.len();
    for pod in view.pods_on(node.name()) {
        for field in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
            for own in pod.list_at(&["status", field]) {
                let (image, id) = (own.str_at(&["image"]), own.str_at(&["imageID"]));
                let known = |images: &[Object]| {
                    images.iter().any(|known| known.list_at(&["names"]).iter().any(|name| name.as_str() == Some(image)))
                };
                if id.is_empty() || known(&images) || Reference::parse(image).is_err() {
                    continue;
                }
                images.push(json!({"names": [id, image], "sizeBytes": Images::bundled().find(image).size}));
            }
        }
    }
    if images.len() > count {
        object["status"]["images"] = json!(images);
    }
}
