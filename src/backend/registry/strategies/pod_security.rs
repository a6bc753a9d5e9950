//! Pod security standards: what a namespace's labels allow its pods.
//! Source: `pod-security-admission/policy`.

use std::collections::BTreeSet;

use crate::backend::registry::strategy::Cluster;
use crate::backend::registry::validation::is_set;
use crate::object::{Meta, Object, Status};

/// Capabilities that containers may add under `baseline`.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Kinds of volume that pods may have under `restricted`.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Refuses a pod that breaks the level which its namespace enforces.
pub fn enforce(pod: &Object, cluster: &dyn Cluster) -> Result<(), Status> {
    let Some(namespace) = cluster.get("namespaces", "", pod.namespace()) else { return Ok(()) };
    let Some((level, broken)) = violations(&namespace, "enforce", pod.at(&["spec"])) else { return Ok(()) };
    let name = if pod.name().is_empty() { pod.str_at(&["metadata", "generateName"]) } else { pod.name() };
    Err(Status::forbidden("pods", name, &format!("violates PodSecurity \"{level}\": {broken}")))
}

/// The warning about a pod's spec (or a template's) that breaks the level of which its namespace warns.
pub fn warning(namespace: &Object, spec: &Object) -> Option<String> {
    let (level, broken) = violations(namespace, "warn", Some(spec))?;
    Some(format!("would violate PodSecurity \"{level}\": {broken}"))
}

/// The level of a mode (`enforce`, `warn`) and what breaks it.
fn violations(namespace: &Object, mode: &str, spec: Option<&Object>) -> Option<(String, String)> {
    let level = namespace.label(&format!("pod-security.kubernetes.io/{mode}"))?;
    let version = namespace.label(&format!("pod-security.kubernetes.io/{mode}-version")).unwrap_or("latest");
    let restricted = match level {
        "baseline" => false,
        "restricted" => true,
        _ => return None,
    };
    let broken = broken_rules(spec?, restricted);
    (!broken.is_empty()).then(|| (format!("{level}:{version}"), broken.join(", ")))
}

/// The containers of all kinds that a rule finds at fault, by name.
fn faulty(spec: &Object, fault: impl Fn(&Object) -> bool) -> Vec<&str> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let all = lists.into_iter().flat_map(|list| spec.list_at(&[list]));
    all.filter(|container| fault(container)).map(|container| container.str_at(&["name"])).collect()
}

fn quoted(names: &[&str]) -> String {
    format!("\"{}\"", names.join("\", \""))
}

/// `container "a"`, `containers "a", "b"`.
fn named(one: &str, many: &str, names: &[&str]) -> String {
    format!("{} {}", if names.len() == 1 { one } else { many }, quoted(names))
}

fn containers(names: &[&str]) -> String {
    named("container", "containers", names)
}

/// The values that a field has in any container, sorted.
fn values_in<'a>(spec: &'a Object, names: &[&str], read: impl Fn(&'a Object) -> Vec<&'a str>) -> Vec<&'a str> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let all = lists.into_iter().flat_map(|list| spec.list_at(&[list]));
    let values: BTreeSet<&str> =
        all.filter(|container| names.contains(&container.str_at(&["name"]))).flat_map(read).collect();
    values.into_iter().collect()
}

fn added<'a>(container: &'a Object, allowed: &[&str]) -> Vec<&'a str> {
    let added = container.list_at(&["securityContext", "capabilities", "add"]).iter().filter_map(Object::as_str);
    added.filter(|capability| !allowed.contains(capability)).collect()
}

fn broken_rules(spec: &Object, restricted: bool) -> Vec<String> {
    let mut broken = Vec::new();
    let mut baseline = |text: Option<String>| broken.extend(text);
    if !restricted {
        baseline(capabilities(spec, &CAPABILITIES).map(|text| format!("non-default capabilities ({text})")));
    }
    let host: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|field| spec.bool_at(&[field]))
        .map(|field| format!("{field}=true"))
        .collect();
    baseline((!host.is_empty()).then(|| format!("host namespaces ({})", host.join(", "))));
    if !restricted {
        let volumes = spec.list_at(&["volumes"]).iter().filter(|volume| is_set(volume.at(&["hostPath"])));
        let names: Vec<&str> = volumes.map(|volume| volume.str_at(&["name"])).collect();
        baseline((!names.is_empty()).then(|| format!("hostPath volumes ({})", named("volume", "volumes", &names))));
    }
    baseline(host_ports(spec));
    let names = faulty(spec, |container| container.bool_at(&["securityContext", "privileged"]));
    baseline(
        (!names.is_empty())
            .then(|| format!("privileged ({} must not set securityContext.privileged=true)", containers(&names))),
    );
    if !restricted {
        baseline(explicit_seccomp(spec));
        return broken;
    }
    // Windows knows none of the rest but the volumes and users.
    let windows = spec.str_at(&["os", "name"]) == "windows";
    if !windows {
        let names = faulty(spec, |container| {
            container.at(&["securityContext", "allowPrivilegeEscalation"]) != Some(&Object::Bool(false))
        });
        if !names.is_empty() {
            broken.push(format!(
                "allowPrivilegeEscalation != false ({} must set securityContext.allowPrivilegeEscalation=false)",
                containers(&names)
            ));
        }
        broken.extend(restricted_capabilities(spec));
    }
    broken.extend(restricted_volumes(spec));
    // With users of its own a pod's root is none.
    if spec.at(&["hostUsers"]) != Some(&Object::Bool(false)) {
        broken.extend(non_root(spec));
    }
    if !windows {
        broken.extend(explicit_seccomp(spec).or_else(|| implicit_seccomp(spec)));
    }
    broken
}

fn capabilities(spec: &Object, allowed: &[&str]) -> Option<String> {
    let names = faulty(spec, |container| !added(container, allowed).is_empty());
    (!names.is_empty()).then(|| {
        let values = values_in(spec, &names, |container| added(container, allowed));
        format!("{} must not include {} in securityContext.capabilities.add", containers(&names), quoted(&values))
    })
}

fn restricted_capabilities(spec: &Object) -> Option<String> {
    let names = faulty(spec, |container| {
        !container.list_at(&["securityContext", "capabilities", "drop"]).iter().any(|capability| *capability == "ALL")
    });
    let missing = (!names.is_empty())
        .then(|| format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", containers(&names)));
    let texts: Vec<String> = missing.into_iter().chain(capabilities(spec, &["NET_BIND_SERVICE"])).collect();
    (!texts.is_empty()).then(|| format!("unrestricted capabilities ({})", texts.join("; ")))
}

fn host_ports(spec: &Object) -> Option<String> {
    let ports = |container: &Object| -> Vec<i64> {
        let ports = container.list_at(&["ports"]).iter().filter_map(|port| port.int_at(&["hostPort"]));
        ports.filter(|port| *port != 0).collect()
    };
    let names = faulty(spec, |container| !ports(container).is_empty());
    if names.is_empty() {
        return None;
    }
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    let all = lists.into_iter().flat_map(|list| spec.list_at(&[list])).flat_map(ports);
    // In the order of texts, as they are shown.
    let numbers: BTreeSet<String> = all.map(|port| port.to_string()).collect();
    let numbers: Vec<String> = numbers.into_iter().collect();
    let uses = if names.len() == 1 { "uses" } else { "use" };
    let what = if numbers.len() == 1 { "hostPort" } else { "hostPorts" };
    Some(format!("hostPort ({} {uses} {what} {})", containers(&names), numbers.join(", ")))
}

fn restricted_volumes(spec: &Object) -> Option<String> {
    let mut names = Vec::new();
    let mut kinds = BTreeSet::new();
    for volume in spec.list_at(&["volumes"]) {
        let sources = volume.as_object().into_iter().flatten();
        let mut sources =
            sources.filter(|(key, value)| *key != "name" && !value.is_null()).map(|(key, _)| key.as_str());
        if let Some(kind) = sources.find(|kind| !VOLUMES.contains(kind)) {
            names.push(volume.str_at(&["name"]));
            kinds.insert(kind);
        }
    }
    let kinds: Vec<&str> = kinds.into_iter().collect();
    (!names.is_empty()).then(|| {
        let uses = if names.len() == 1 { "uses" } else { "use" };
        let kinds = named("restricted volume type", "restricted volume types", &kinds);
        format!("restricted volume types ({} {uses} {kinds})", named("volume", "volumes", &names))
    })
}

/// The pod and the containers that set what they must not.
fn setters(pod: bool, names: &[&str]) -> Option<String> {
    let pod = pod.then(|| "pod".to_owned());
    let containers = (!names.is_empty()).then(|| containers(names));
    let all: Vec<String> = pod.into_iter().chain(containers).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

fn non_root(spec: &Object) -> Vec<String> {
    let of = |object: &Object| object.at(&["securityContext", "runAsNonRoot"]).and_then(Object::as_bool);
    let mut broken = Vec::new();
    let explicit = faulty(spec, |container| of(container) == Some(false));
    if let Some(setters) = setters(of(spec) == Some(false), &explicit) {
        broken.push(format!("runAsNonRoot != true ({setters} must not set securityContext.runAsNonRoot=false)"));
    } else if of(spec) != Some(true) {
        let implicit = faulty(spec, |container| of(container).is_none());
        if !implicit.is_empty() {
            broken.push(format!(
                "runAsNonRoot != true (pod or {} must set securityContext.runAsNonRoot=true)",
                containers(&implicit)
            ));
        }
    }
    let root = |object: &Object| object.int_at(&["securityContext", "runAsUser"]) == Some(0);
    if let Some(setters) = setters(root(spec), &faulty(spec, root)) {
        broken.push(format!("runAsUser=0 ({setters} must not set runAsUser=0)"));
    }
    broken
}

fn seccomp(object: &Object) -> Option<&str> {
    object.at(&["securityContext", "seccompProfile"])?;
    Some(object.str_at(&["securityContext", "seccompProfile", "type"]))
}

fn explicit_seccomp(spec: &Object) -> Option<String> {
    let bad = |object: &Object| seccomp(object).is_some_and(|kind| !matches!(kind, "Localhost" | "RuntimeDefault"));
    let names = faulty(spec, bad);
    let setters = setters(bad(spec), &names)?;
    let of_pod = seccomp(spec).filter(|_| bad(spec));
    let of_containers = values_in(spec, &names, |container| seccomp(container).into_iter().collect());
    let values: BTreeSet<&str> = of_pod.into_iter().chain(of_containers).collect();
    let values: Vec<&str> = values.into_iter().collect();
    Some(format!("seccompProfile ({setters} must not set securityContext.seccompProfile.type to {})", quoted(&values)))
}

fn implicit_seccomp(spec: &Object) -> Option<String> {
    if seccomp(spec).is_some() {
        return None;
    }
    let names = faulty(spec, |container| seccomp(container).is_none());
    (!names.is_empty()).then(|| {
        format!(
            "seccompProfile (pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")",
            containers(&names)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn broken(level: &str, spec: Object) -> Option<String> {
        let namespace = json!({"metadata": {"labels": {"pod-security.kubernetes.io/warn": level}}});
        warning(&namespace, &spec)
    }

    #[test]
    fn restricted_says_all_that_is_missing() {
        assert_eq!(
            broken("restricted", json!({"containers": [{"name": "c"}], "volumes": [{"name": "v", "hostPath": {}}]}))
                .as_deref(),
            Some(
                "would violate PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), restricted volume types (volume \"v\" uses restricted volume type \"hostPath\"), runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
            )
        );
        let good = json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]});
        assert_eq!(broken("restricted", good), None);
    }

    #[test]
    fn baseline_forbids_the_host() {
        let spec = json!({"hostNetwork": true, "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
            "containers": [{"name": "c", "ports": [{"hostPort": 80}], "securityContext": {"privileged": true, "capabilities": {"add": ["SYS_ADMIN"]}}}]});
        assert_eq!(
            broken("baseline", spec.clone()).as_deref(),
            Some(
                "would violate PodSecurity \"baseline:latest\": non-default capabilities (container \"c\" must not include \"SYS_ADMIN\" in securityContext.capabilities.add), host namespaces (hostNetwork=true), hostPath volumes (volume \"v\"), hostPort (container \"c\" uses hostPort 80), privileged (container \"c\" must not set securityContext.privileged=true)"
            )
        );
        assert_eq!(broken("privileged", spec), None);
        assert_eq!(broken("baseline", json!({"containers": [{"name": "c"}]})), None);
    }
}
