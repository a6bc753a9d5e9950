//! What admission does to a new pod: its account and token, tolerations, priority, the namespace's limits.

use serde_json::json;

use super::{limits, pod_security};
use crate::backend::registry::plugins::Plugin;
use crate::backend::registry::strategy::Cluster;
use crate::object::{Meta, Object, Status};

/// Where containers find the token of their account.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How the names of volumes with such a token begin.
const TOKEN_VOLUME: &str = "kube-api-access-";
/// Letters and digits of generated names: no vowels, no look-alikes (`apimachinery/pkg/util/rand`).
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// How long pods stay on a node that is not ready or cannot be reached.
const TOLERATION_SECONDS: i64 = 300;

/// Fills in a new pod or refuses it.
pub fn admit_pod(pod: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
    complete_pod(pod, cluster)?;
    if cluster.admits(Plugin::PodSecurity) { pod_security::enforce(pod, cluster) } else { Ok(()) }
}

/// Fills in a new pod. Doing it again fills in what was added meanwhile.
pub fn complete_pod(pod: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
    let admits = |plugin| cluster.admits(plugin);
    if admits(Plugin::LimitRanger) {
        limits::apply(pod, cluster)?;
    }
    if admits(Plugin::ServiceAccount) {
        service_account(pod, cluster)?;
    }
    if admits(Plugin::DefaultTolerationSeconds) {
        tolerations(pod);
    }
    if admits(Plugin::Priority) {
        priority(pod, cluster)?;
    }
    if admits(Plugin::RuntimeClass) {
        runtime_class(pod, cluster)?;
    }
    topology_labels(pod, cluster);
    Ok(())
}

/// Fills in what a changed pod left out and admission gave it when it was made.
pub fn admit_changed_pod(pod: &mut Object, old: &Object, cluster: &dyn Cluster) {
    if cluster.admits(Plugin::ServiceAccount) && old.str_at(&["spec", "nodeName"]).is_empty() {
        keep_account(pod, old);
    }
    if cluster.admits(Plugin::DefaultTolerationSeconds) {
        tolerations(pod);
    }
    if cluster.admits(Plugin::Priority) {
        for field in ["priority", "preemptionPolicy"] {
            if let (None, Some(value)) = (pod.at(&["spec", field]), old.at(&["spec", field])) {
                pod.set_at(&["spec", field], value.clone());
            }
        }
    }
}

/// Gives a pod that is on no node yet the account and the token again that its writer left out, who may not know
/// of them: manifests do not say what admission adds. On a node, they are part of what runs and cannot change.
fn keep_account(pod: &mut Object, old: &Object) {
    for field in ["serviceAccountName", "serviceAccount"] {
        if let (None, Some(value)) = (pod.at(&["spec", field]), old.at(&["spec", field])) {
            pod.set_at(&["spec", field], value.clone());
        }
    }
    if pod.at(&["spec", "serviceAccountName"]) != old.at(&["spec", "serviceAccountName"]) {
        return;
    }
    let is_token = |volume: &&Object| volume.str_at(&["name"]).starts_with(TOKEN_VOLUME);
    let Some(volume) = old.list_at(&["spec", "volumes"]).iter().find(is_token) else { return };
    if pod.list_at(&["spec", "volumes"]).iter().any(|volume| is_token(&volume)) {
        return;
    }
    push(pod, &["spec", "volumes"], volume.clone());
    let is_mount = |mount: &&Object| mount.at(&["name"]) == volume.at(&["name"]);
    for list in ["initContainers", "containers"] {
        let Some(containers) = pod.at_mut(&["spec"]).get_mut(list).and_then(Object::as_array_mut) else { continue };
        for container in containers {
            let before = old.list_at(&["spec", list]).iter().find(|old| old.get("name") == container.get("name"));
            let mount = before.and_then(|before| before.list_at(&["volumeMounts"]).iter().find(is_mount));
            if let Some(mount) = mount {
                push(container, &["volumeMounts"], mount.clone());
            }
        }
    }
}

/// What a runtime class adds: its own use of resources, and where its pods can run.
fn runtime_class(pod: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
    let name = pod.str_at(&["spec", "runtimeClassName"]).to_owned();
    if name.is_empty() {
        return Ok(());
    }
    let Some(class) = cluster.get("runtimeclasses.node.k8s.io", "", &name) else {
        return Err(forbidden(pod, &format!("pod rejected: RuntimeClass \"{name}\" not found")));
    };
    if let Some(overhead) = class.at(&["overhead", "podFixed"]) {
        if pod.at(&["spec", "overhead"]).is_some_and(|own| own != overhead) {
            let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
            return Err(forbidden(pod, why));
        }
        pod.set_at(&["spec", "overhead"], overhead.clone());
    }
    for (key, value) in class.map_at(&["scheduling", "nodeSelector"]) {
        if pod.at(&["spec", "nodeSelector", key]).is_some_and(|own| own != value) {
            let why = format!(
                "pod rejected: conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {}",
                pod.str_at(&["spec", "nodeSelector", key])
            );
            return Err(forbidden(pod, &why));
        }
        pod.set_at(&["spec", "nodeSelector", key], value);
    }
    for toleration in class.list_at(&["scheduling", "tolerations"]) {
        if !pod.list_at(&["spec", "tolerations"]).contains(toleration) {
            push(pod, &["spec", "tolerations"], toleration.clone());
        }
    }
    Ok(())
}

/// Copies to a pod that has a node where that node stands; runs when the pod is bound, too.
pub fn topology_labels(pod: &mut Object, cluster: &dyn Cluster) {
    if !cluster.admits(Plugin::PodTopologyLabels) {
        return;
    }
    let name = pod.str_at(&["spec", "nodeName"]);
    let Some(node) = (if name.is_empty() { None } else { cluster.shared("nodes", "", name) }) else { return };
    for label in ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"] {
        if let Some(value) = node.label(label) {
            pod.set_at(&["metadata", "labels", label], value);
        }
    }
}

fn forbidden(pod: &Object, why: &str) -> Status {
    let name = if pod.name().is_empty() { pod.str_at(&["metadata", "generateName"]) } else { pod.name() };
    Status::forbidden("pods", name, why)
}

fn service_account(pod: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
    // A mirror of a pod that the kubelet runs by itself has no account.
    if pod.annotation("kubernetes.io/config.mirror").is_some() {
        return Ok(());
    }
    if pod.str_at(&["spec", "serviceAccountName"]).is_empty() {
        for field in ["serviceAccountName", "serviceAccount"] {
            pod.set_at(&["spec", field], "default");
        }
    }
    let namespace = pod.namespace().to_owned();
    let name = pod.str_at(&["spec", "serviceAccountName"]).to_owned();
    let Some(account) = cluster.shared("serviceaccounts", &namespace, &name) else {
        let why = format!("error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found");
        return Err(forbidden(pod, &why));
    };
    if pod.list_at(&["spec", "imagePullSecrets"]).is_empty() {
        let secrets = account.list_at(&["imagePullSecrets"]);
        if !secrets.is_empty() {
            pod.set_at(&["spec", "imagePullSecrets"], secrets.to_vec());
        }
    }
    let wants = |object: &Object, path: &[&str]| object.at(path).and_then(Object::as_bool);
    let mounts = wants(pod, &["spec", "automountServiceAccountToken"])
        .or_else(|| wants(&account, &["automountServiceAccountToken"]))
        .unwrap_or(true);
    if mounts {
        mount_token(pod, cluster);
    }
    Ok(())
}

fn mount_token(pod: &mut Object, cluster: &dyn Cluster) {
    let existing = pod
        .list_at(&["spec", "volumes"])
        .iter()
        .map(|volume| volume.str_at(&["name"]))
        .find(|name| name.starts_with(TOKEN_VOLUME))
        .map(str::to_owned);
    let is_new = existing.is_none();
    let name = existing.unwrap_or_else(|| format!("{TOKEN_VOLUME}{}", suffix(cluster)));
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        let Some(containers) = pod.at_mut(&["spec"]).get_mut(list).and_then(Object::as_array_mut) else { continue };
        for container in containers {
            let has =
                container.list_at(&["volumeMounts"]).iter().any(|mount| mount.str_at(&["mountPath"]) == TOKEN_PATH);
            if has {
                continue;
            }
            mounted = true;
            push(container, &["volumeMounts"], json!({"name": name, "readOnly": true, "mountPath": TOKEN_PATH}));
        }
    }
    if mounted && is_new {
        let sources = json!([
            // A little more than an hour, by which the system's own tokens are told from others.
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace",
                "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]);
        let volume = json!({"name": name, "projected": {"sources": sources, "defaultMode": 420}});
        push(pod, &["spec", "volumes"], volume);
    }
}

fn push(object: &mut Object, path: &[&str], value: Object) {
    match object.at_mut(path) {
        Object::Array(list) => list.push(value),
        place => *place = json!([value]),
    }
}

/// Five characters for a generated name.
pub fn suffix(cluster: &dyn Cluster) -> String {
    let mut random = cluster.random();
    let letters = ALPHABET.len() as u64;
    let letter = |_| {
        let letter = ALPHABET.get((random % letters) as usize).copied().unwrap_or(b'x');
        random /= letters;
        char::from(letter)
    };
    (0..5).map(letter).collect()
}

fn tolerations(pod: &mut Object) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = pod.list_at(&["spec", "tolerations"]).iter().any(|toleration| {
            let own = toleration.str_at(&["key"]);
            (own == key || own.is_empty()) && matches!(toleration.str_at(&["effect"]), "NoExecute" | "")
        });
        if !tolerated {
            let toleration = json!({"key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": TOLERATION_SECONDS});
            push(pod, &["spec", "tolerations"], toleration);
        }
    }
}

fn priority(pod: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
    let name = pod.str_at(&["spec", "priorityClassName"]).to_owned();
    let (value, preemption, default_name) = match name.as_str() {
        "" => {
            let classes = cluster.list("priorityclasses.scheduling.k8s.io", None);
            let default = classes
                .iter()
                .filter(|class| class.bool_at(&["globalDefault"]))
                .min_by_key(|class| class.int_at(&["value"]).unwrap_or(0));
            default.map_or((0, "PreemptLowerPriority".to_owned(), None), |class| {
                let (value, preemption) = class_of(class);
                (value, preemption, Some(class.name().to_owned()))
            })
        }
        name => match (cluster.get("priorityclasses.scheduling.k8s.io", "", name), name) {
            (Some(class), _) => {
                let (value, preemption) = class_of(&class);
                (value, preemption, None)
            }
            // These two are part of the system.
            (None, "system-node-critical") => (2_000_001_000, "PreemptLowerPriority".to_owned(), None),
            (None, "system-cluster-critical") => (2_000_000_000, "PreemptLowerPriority".to_owned(), None),
            _ => return Err(forbidden(pod, &format!("no PriorityClass with name {name} was found"))),
        },
    };
    if let Some(given) = pod.int_at(&["spec", "priority"]).filter(|given| *given != value) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name"
        );
        return Err(forbidden(pod, &why));
    }
    if let Some(name) = default_name {
        pod.set_at(&["spec", "priorityClassName"], name);
    }
    pod.set_at(&["spec", "priority"], value);
    if pod.str_at(&["spec", "preemptionPolicy"]).is_empty() {
        pod.set_at(&["spec", "preemptionPolicy"], preemption);
    }
    Ok(())
}

fn class_of(class: &Object) -> (i64, String) {
    let preemption = match class.str_at(&["preemptionPolicy"]) {
        "" => "PreemptLowerPriority",
        policy => policy,
    };
    (class.int_at(&["value"]).unwrap_or(0), preemption.to_owned())
}
