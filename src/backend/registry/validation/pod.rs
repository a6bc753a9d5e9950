//! Pods and pod templates. Source: `pkg/apis/core/validation/validation.go`.

use std::collections::BTreeSet;

use super::{Faults, affinity, child, container, ephemeral, indexed, is_set, meta};
use crate::object::{Meta, Object, names};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// What may change in a pod, as messages list it.
const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// A pod's spec, at `base`.
pub fn pod_spec(spec: &Object, base: &str, faults: &mut Faults) {
    let volumes = volumes(spec, base, faults);
    container::containers(spec, &volumes, base, faults);
    container::init_containers(spec, &volumes, base, faults);
    ephemeral::containers(spec, &volumes, base, faults);
    if spec.bool_at(&["hostNetwork"]) {
        host_network_ports(spec, base, faults);
    }
    let policy = spec.str_at(&["restartPolicy"]);
    faults.one_of(child(base, "restartPolicy"), policy, &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    faults.one_of(child(base, "dnsPolicy"), spec.str_at(&["dnsPolicy"]), &policies);
    meta::labels(spec.at(&["nodeSelector"]), &child(base, "nodeSelector"), faults);
    for (path, secret) in indexed(spec, base, &["imagePullSecrets"]) {
        if secret.str_at(&["name"]).is_empty() {
            faults.required(child(&path, "name"), "");
        }
    }
    affinity::affinity(spec, base, faults);
    dns_config(spec, base, faults);
    for (path, gate) in indexed(spec, base, &["readinessGates"]) {
        let kind = gate.str_at(&["conditionType"]);
        faults.complaints(&child(&path, "conditionType"), kind, names::qualified_name(kind));
    }
    spread_constraints(spec, base, faults);
    type Rule = fn(&str) -> names::Complaints;
    let named: [(&str, Rule); 2] =
        [("serviceAccountName", names::dns1123_subdomain), ("nodeName", names::dns1123_subdomain)];
    for (field, rule) in named {
        optional_name(spec, base, field, rule, faults);
    }
    let most = i64::from(i32::MAX);
    if let Some(seconds) = spec.int_at(&["activeDeadlineSeconds"]).filter(|seconds| !(1..=most).contains(seconds)) {
        faults.invalid(child(base, "activeDeadlineSeconds"), seconds, names::range_complaint(1, most));
    }
    for field in ["hostname", "subdomain"] {
        optional_name(spec, base, field, names::dns1123_label, faults);
    }
    tolerations(spec, base, faults);
    for (path, alias) in indexed(spec, base, &["hostAliases"]) {
        ip(alias.str_at(&["ip"]), &child(&path, "ip"), faults);
        for (path, name) in indexed(alias, &path, &["hostnames"]) {
            let name = name.as_str().unwrap_or_default();
            faults.complaints(&path, name, names::dns1123_subdomain(name));
        }
    }
    for field in ["priorityClassName", "runtimeClassName"] {
        optional_name(spec, base, field, names::dns1123_subdomain, faults);
    }
    let preemption = spec.str_at(&["preemptionPolicy"]);
    if is_set(spec.at(&["preemptionPolicy"])) {
        faults.one_of(child(base, "preemptionPolicy"), preemption, &["Never", "PreemptLowerPriority"]);
    }
}

fn ip(address: &str, field: &str, faults: &mut Faults) {
    if address.parse::<std::net::IpAddr>().is_err() {
        faults.invalid(field, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    }
}

/// The most name servers and search paths of a pod.
const NAME_SERVERS_MAX: usize = 3;
const SEARCH_PATHS_MAX: usize = 32;

fn dns_config(spec: &Object, base: &str, faults: &mut Faults) {
    let base = child(base, "dnsConfig");
    let config = spec.at(&["dnsConfig"]).filter(|config| !config.is_null());
    let servers = spec.list_at(&["dnsConfig", "nameservers"]);
    if spec.str_at(&["dnsPolicy"]) == "None" {
        if config.is_none() {
            faults.required(base, "must provide `dnsConfig` when `dnsPolicy` is None");
            return;
        }
        if servers.is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            faults.required(child(&base, "nameservers"), detail);
            return;
        }
    }
    let Some(config) = config else { return };
    for (list, most, what) in
        [("nameservers", NAME_SERVERS_MAX, "nameservers"), ("searches", SEARCH_PATHS_MAX, "search paths")]
    {
        if config.list_at(&[list]).len() > most {
            let value = config.at(&[list]).cloned().unwrap_or_default();
            faults.invalid(child(&base, list), value, format!("must not have more than {most} {what}"));
        }
    }
    for (path, server) in indexed(config, &base, &["nameservers"]) {
        ip(server.as_str().unwrap_or_default(), &path, faults);
    }
    for (path, option) in indexed(config, &base, &["options"]) {
        if option.str_at(&["name"]).is_empty() {
            faults.required(path, "must not be empty");
        }
    }
}

fn optional_name(spec: &Object, base: &str, field: &str, rule: fn(&str) -> names::Complaints, faults: &mut Faults) {
    let name = spec.str_at(&[field]);
    if !name.is_empty() {
        faults.complaints(&child(base, field), name, rule(name));
    }
}

/// A pod template, at `base`.
pub fn template(template: &Object, base: &str, faults: &mut Faults) {
    meta::labels(template.at(&["metadata", "labels"]), &child(base, "labels"), faults);
    meta::annotations(template.at(&["metadata", "annotations"]), &child(base, "annotations"), faults);
    let empty = Object::Null;
    let spec = template.at(&["spec"]).unwrap_or(&empty);
    pod_spec(spec, &child(base, "spec"), faults);
    if !spec.list_at(&["ephemeralContainers"]).is_empty() {
        let path = child(base, "spec.ephemeralContainers");
        faults.forbidden(path, "ephemeral containers not allowed in pod template");
    }
}

/// What a new pod must not have: it comes later, by a subresource or by other fields' change.
pub fn pod_create(pod: &Object, faults: &mut Faults) {
    let Some(spec) = pod.at(&["spec"]) else { return };
    if !spec.list_at(&["ephemeralContainers"]).is_empty() {
        faults.forbidden("spec.ephemeralContainers", "cannot be set on create");
    }
    if !spec.str_at(&["nodeName"]).is_empty() && !spec.list_at(&["schedulingGates"]).is_empty() {
        faults.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared");
    }
}

/// The kinds of volume and, for some, a field that must be set.
const VOLUME_FIELDS: [(&str, &str); 9] = [
    ("hostPath", "path"),
    ("secret", "secretName"),
    ("persistentVolumeClaim", "claimName"),
    ("configMap", "name"),
    ("nfs", "server"),
    ("csi", "driver"),
    ("iscsi", "targetPortal"),
    ("gcePersistentDisk", "pdName"),
    ("awsElasticBlockStore", "volumeID"),
];

/// Checks the volumes and returns the names of the good ones.
fn volumes<'a>(spec: &'a Object, base: &str, faults: &mut Faults) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    for (path, volume) in indexed(spec, base, &["volumes"]) {
        let mut found = Faults::default();
        let sources: Vec<&String> = volume
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, value)| *key != "name" && !value.is_null())
            .map(|(key, _)| key)
            .collect();
        for (index, source) in sources.iter().enumerate() {
            if index > 0 {
                found.forbidden(child(&path, source), "may not specify more than 1 volume type");
                continue;
            }
            for (_, field) in VOLUME_FIELDS.iter().filter(|(kind, _)| kind == source) {
                if volume.str_at(&[source, field]).is_empty() {
                    found.required(child(&path, &format!("{source}.{field}")), "");
                }
            }
        }
        if sources.is_empty() {
            found.required(path.clone(), "must specify a volume type");
        }
        let name = volume.str_at(&["name"]);
        if name.is_empty() {
            found.required(child(&path, "name"), "");
        } else {
            found.complaints(&child(&path, "name"), name, names::dns1123_label(name));
        }
        if seen.contains(name) {
            found.duplicate(child(&path, "name"), name);
        }
        if found.0.is_empty() {
            seen.insert(name);
        }
        faults.0.append(&mut found.0);
    }
    seen
}

fn host_network_ports(spec: &Object, base: &str, faults: &mut Faults) {
    for (path, container) in indexed(spec, base, &["containers"]) {
        for (path, port) in indexed(container, &path, &["ports"]) {
            let (host, inner) = (port.int_at(&["hostPort"]).unwrap_or(0), port.int_at(&["containerPort"]));
            if host != 0 && Some(host) != inner {
                faults.invalid(child(&path, "hostPort"), host, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

fn spread_constraints(spec: &Object, base: &str, faults: &mut Faults) {
    for (path, constraint) in indexed(spec, base, &["topologySpreadConstraints"]) {
        let skew = constraint.int_at(&["maxSkew"]).unwrap_or(0);
        if skew <= 0 {
            faults.invalid(child(&path, "maxSkew"), skew, "must be greater than zero");
        }
        if constraint.str_at(&["topologyKey"]).is_empty() {
            faults.required(child(&path, "topologyKey"), "can not be empty");
        }
        let action = constraint.str_at(&["whenUnsatisfiable"]);
        if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
            faults.not_supported(child(&path, "whenUnsatisfiable"), action, &["DoNotSchedule", "ScheduleAnyway"]);
        }
    }
}

fn tolerations(spec: &Object, base: &str, faults: &mut Faults) {
    for (path, toleration) in indexed(spec, base, &["tolerations"]) {
        let [key, operator, value, effect] =
            ["key", "operator", "value", "effect"].map(|field| toleration.str_at(&[field]));
        if !key.is_empty() {
            faults.complaints(&child(&path, "key"), key, names::qualified_name(key));
        } else if operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            faults.invalid(child(&path, "operator"), operator, detail);
        }
        if is_set(toleration.at(&["tolerationSeconds"])) && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            faults.invalid(child(&path, "effect"), effect, detail);
        }
        match operator {
            "" | "Equal" => {
                let complaints = names::label_value(value);
                if !complaints.is_empty() {
                    faults.invalid(child(&path, "operator"), value, complaints.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                let detail = "value must be empty when `operator` is 'Exists'";
                faults.invalid(child(&path, "operator"), value, detail);
            }
            "Exists" => {}
            "Lt" | "Gt" => {
                faults.not_supported(child(&path, "operator"), operator, &["Equal", "Exists", "Lt", "Gt"]);
            }
            _ => faults.not_supported(child(&path, "operator"), operator, &["Equal", "Exists"]),
        }
        if !effect.is_empty() && !EFFECTS.contains(&effect) {
            faults.not_supported(child(&path, "effect"), effect, &EFFECTS);
        }
    }
}

/// What may not change in a pod's spec.
pub fn pod_update(new: &Object, old: &Object, faults: &mut Faults) {
    let (Some(new), Some(old)) = (new.at(&["spec"]), old.at(&["spec"])) else { return };
    for list in ["containers", "initContainers"] {
        let (containers, before) = (new.list_at(&[list]), old.list_at(&[list]));
        if containers.len() != before.len() {
            faults.forbidden(child("spec", list), "pod updates may not add or remove containers");
            return;
        }
        for (path, container) in indexed(new, "spec", &[list]) {
            let image = container.str_at(&["image"]);
            if image.trim().len() != image.len() {
                faults.invalid(child(&path, "image"), image, "must not have leading or trailing whitespace");
            }
        }
    }
    let deadline = |spec: &Object| spec.int_at(&["activeDeadlineSeconds"]);
    match (deadline(new), deadline(old)) {
        (Some(now), Some(before)) if now > before => {
            let detail = "must be less than or equal to previous value";
            faults.invalid("spec.activeDeadlineSeconds", now, detail);
            return;
        }
        (None, Some(_)) => {
            let detail = "must not update from a positive integer to nil value";
            faults.invalid("spec.activeDeadlineSeconds", Object::Null, detail);
        }
        _ => {}
    }
    let kept = new.list_at(&["tolerations"]);
    let same = |a: &Object, b: &Object| {
        ["key", "operator", "value", "effect"].iter().all(|f| a.str_at(&[f]) == b.str_at(&[f]))
    };
    if old.list_at(&["tolerations"]).iter().any(|toleration| !kept.iter().any(|other| same(toleration, other))) {
        faults.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds");
    }
    let gated = !old.list_at(&["schedulingGates"]).is_empty();
    let fixed = |spec: &Object| {
        let mut spec = spec.clone();
        for list in ["containers", "initContainers"] {
            if let Some(containers) = spec.get_mut(list).and_then(Object::as_array_mut) {
                for container in containers {
                    container.remove_at(&["image"]);
                }
            }
        }
        for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
            spec.remove_at(&[field]);
        }
        if gated {
            spec.remove_at(&["nodeSelector"]);
            spec.remove_at(&["affinity"]);
        }
        spec
    };
    let (fixed_new, fixed_old) = (fixed(new), fixed(old));
    if fixed_new != fixed_old {
        let changed: Vec<String> = changed_fields(&fixed_new, &fixed_old);
        faults.forbidden(
            "spec",
            format!("pod updates may not change fields other than {UPDATABLE}\n{}", changed.join("\n")),
        );
    }
}

/// The fields that differ, one line a field, as the server's difference marks them.
fn changed_fields(new: &Object, old: &Object) -> Vec<String> {
    let empty = serde_json::Map::new();
    let (new, old) = (new.as_object().unwrap_or(&empty), old.as_object().unwrap_or(&empty));
    let names: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let (after, before) = (new.get(name), old.get(name));
        if after == before {
            continue;
        }
        if let Some(before) = before {
            lines.push(format!("-  {name}: {before}"));
        }
        if let Some(after) = after {
            lines.push(format!("+  {name}: {after}"));
        }
    }
    lines
}
