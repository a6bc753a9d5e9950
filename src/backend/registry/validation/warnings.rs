//! What a server warns of in pods and templates. Source: `pkg/api/pod/warnings.go`.

use std::collections::BTreeMap;

use super::{child, indexed};
use crate::object::{Meta, Object, names};

const OLD_NODE_LABELS: [(&str, &str); 8] = [
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    ("failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
    ("scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"),
];

/// Kinds of volume that servers know and no longer offer.
const OLD_VOLUMES: [(&str, &str); 9] = [
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
];

/// The warnings about a pod's spec at `base` (`spec`, `spec.template.spec`).
pub fn pod_spec(spec: &Object, base: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    for (key, _) in spec.map_at(&["nodeSelector"]) {
        if let Some((_, text)) = OLD_NODE_LABELS.iter().find(|(label, _)| *label == key) {
            warnings.push(format!("{}[{key}]: {text}", child(base, "nodeSelector")));
        }
    }
    for (path, volume) in indexed(spec, base, &["volumes"]) {
        for (kind, text) in OLD_VOLUMES {
            if volume.at(&[kind]).is_some() {
                let shown = if kind == "storageos" { "storageOS" } else { kind };
                warnings.push(format!("{}: {text}", child(&path, shown)));
            }
        }
    }
    for list in ["initContainers", "containers"] {
        for (path, container) in indexed(spec, base, &[list]) {
            variables(container, &path, &mut warnings);
        }
    }
    ports(spec, base, &mut warnings);
    if spec.int_at(&["terminationGracePeriodSeconds"]).is_some_and(|seconds| seconds < 0) {
        let path = child(base, "terminationGracePeriodSeconds");
        warnings.push(format!("{path}: must be >= 0; negative values are invalid and will be treated as 1"));
    }
    warnings
}

fn variables(container: &Object, path: &str, warnings: &mut Vec<String>) {
    let mut seen = Vec::new();
    for (path, variable) in indexed(container, path, &["env"]) {
        let name = variable.str_at(&["name"]);
        if !seen.contains(&name) {
            seen.push(name);
            continue;
        }
        let (value, reference) = (variable.str_at(&["value"]), format!("$({name})"));
        if variable.at(&["valueFrom"]).is_some() || value == reference || !value.contains(&reference) {
            warnings
                .push(format!("{path}: hides previous definition of {name:?}, which may be dropped when using apply"));
        }
    }
}

fn ports(spec: &Object, base: &str, warnings: &mut Vec<String>) {
    let mut all: BTreeMap<(i64, &str), Vec<(String, i64, &str)>> = BTreeMap::new();
    let mut by_name: BTreeMap<&str, String> = BTreeMap::new();
    let mut of_names = Vec::new();
    for list in ["initContainers", "containers"] {
        for (path, container) in indexed(spec, base, &[list]) {
            for (path, port) in indexed(container, &path, &["ports"]) {
                let key = (port.int_at(&["containerPort"]).unwrap_or(0), port.str_at(&["protocol"]));
                let (host, address) = (port.int_at(&["hostPort"]).unwrap_or(0), port.str_at(&["hostIP"]));
                for (other, other_host, other_address) in all.get(&key).into_iter().flatten() {
                    let how = if address == *other_address && host == *other_host {
                        "duplicate"
                    } else if host == 0 || *other_host == 0 {
                        "overlapping"
                    } else if host == *other_host && address.is_empty() != other_address.is_empty() {
                        "dangerously ambiguous"
                    } else {
                        continue;
                    };
                    warnings.push(format!("{path}: {how} port definition with {other}"));
                }
                let name = port.str_at(&["name"]);
                match by_name.get(name) {
                    Some(other) if !name.is_empty() => of_names.push(format!(
                        "{path}: duplicate port name {name:?} with {other}, services and probes that select ports by name will use {other}"
                    )),
                    _ => drop(by_name.insert(name, path.clone())),
                }
                all.entry(key).or_default().push((path, host, address));
            }
        }
    }
    warnings.append(&mut of_names);
}

/// The warning about a name that will not do as a host's.
pub fn host_name(name: &str) -> Option<String> {
    let complaints = names::dns1123_label(name);
    (!complaints.is_empty() && !name.is_empty()).then(|| {
        format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [{}]",
            complaints.join(" ")
        )
    })
}

/// The warnings about a new or changed workload with a template at `spec.template`.
pub fn workload(object: &Object, old: Option<&Object>) -> Vec<String> {
    let spec = |object: &'_ Object| object.at(&["spec", "template", "spec"]).cloned();
    let mut warnings = Vec::new();
    if old.is_none() {
        warnings.extend(host_name(object.name()));
    }
    // Only what changes is spoken of.
    if old.and_then(spec) != spec(object)
        && let Some(spec) = object.at(&["spec", "template", "spec"])
    {
        warnings.extend(pod_spec(spec, "spec.template.spec"));
    }
    warnings
}

/// The warnings about a new or changed pod.
pub fn pod(object: &Object, old: Option<&Object>) -> Vec<String> {
    let mut warnings = Vec::new();
    if old.is_none() {
        warnings.extend(host_name(object.name()));
    }
    let changed = old.is_none_or(|old| old.at(&["spec"]) != object.at(&["spec"]));
    if let (true, Some(spec)) = (changed, object.at(&["spec"])) {
        warnings.extend(pod_spec(spec, "spec"));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn warns_of_what_surprises() {
        let object = json!({"metadata": {"name": "a.b"}, "spec": {
            "nodeSelector": {"beta.kubernetes.io/os": "linux"},
            "containers": [
                {"name": "c", "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
                    "ports": [{"containerPort": 80, "protocol": "TCP"}]},
                {"name": "d", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}});
        assert_eq!(
            pod(&object, None),
            [
                "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
                "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
                "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
                "spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]",
            ]
        );
        assert!(pod(&object, Some(&object)).is_empty());
    }
}
