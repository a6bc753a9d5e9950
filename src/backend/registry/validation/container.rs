//! Containers. Source: `pkg/apis/core/validation/validation.go`.

use std::collections::BTreeSet;

use super::{Faults, child, indexed, is_empty, is_set};
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object, names};

/// Protocols of ports.
pub const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// The containers of a pod, of which there must be one at least.
pub fn containers(spec: &Object, volumes: &BTreeSet<&str>, base: &str, faults: &mut Faults) {
    if spec.list_at(&["containers"]).is_empty() {
        faults.required(child(base, "containers"), "");
        return;
    }
    let mut seen = BTreeSet::new();
    for (path, container) in indexed(spec, base, &["containers"]) {
        common(container, volumes, &path, faults);
        let name = container.str_at(&["name"]);
        if !seen.insert(name) {
            faults.duplicate(child(&path, "name"), name);
        }
        lifecycle_and_probes(container, &path, faults);
    }
    host_port_conflicts(spec.list_at(&["containers"]), &child(base, "containers"), faults);
}

/// The init containers of a pod; those that restart always are sidecars.
pub fn init_containers(spec: &Object, volumes: &BTreeSet<&str>, base: &str, faults: &mut Faults) {
    let mut seen: BTreeSet<&str> = spec.list_at(&["containers"]).iter().map(|c| c.str_at(&["name"])).collect();
    for (path, container) in indexed(spec, base, &["initContainers"]) {
        common(container, volumes, &path, faults);
        let policy = container.str_at(&["restartPolicy"]);
        if is_set(container.at(&["restartPolicy"])) && !matches!(policy, "Always" | "OnFailure" | "Never") {
            faults.not_supported(child(&path, "restartPolicy"), policy, &["Always", "OnFailure", "Never"]);
        }
        let name = container.str_at(&["name"]);
        if !seen.insert(name) {
            faults.duplicate(child(&path, "name"), name);
        }
        if policy == "Always" {
            lifecycle_and_probes(container, &path, faults);
            continue;
        }
        for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if is_set(container.at(&[field])) {
                let detail = "may not be set for init containers without restartPolicy=Always";
                faults.forbidden(child(&path, field), detail);
            }
        }
    }
}

/// What containers of all lists have in common.
pub(super) fn common(container: &Object, volumes: &BTreeSet<&str>, path: &str, faults: &mut Faults) {
    let name = container.str_at(&["name"]);
    if name.is_empty() {
        faults.required(child(path, "name"), "");
    } else {
        faults.complaints(&child(path, "name"), name, names::dns1123_label(name));
    }
    if container.str_at(&["image"]).is_empty() {
        faults.required(child(path, "image"), "");
    }
    let policy = container.str_at(&["terminationMessagePolicy"]);
    faults.one_of(child(path, "terminationMessagePolicy"), policy, &["File", "FallbackToLogsOnError"]);
    ports(container, path, faults);
    env(container, path, faults);
    env_from(container, path, faults);
    mounts(container, volumes, path, faults);
    let policy = container.str_at(&["imagePullPolicy"]);
    faults.one_of(child(path, "imagePullPolicy"), policy, &["Always", "IfNotPresent", "Never"]);
    resources(container.at(&["resources"]), &child(path, "resources"), faults);
    security_context(container, path, faults);
}

fn ports(container: &Object, base: &str, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (path, port) in indexed(container, base, &["ports"]) {
        let name = port.str_at(&["name"]);
        if !name.is_empty() {
            let complaints = names::port_name(name);
            if complaints.is_empty() && !seen.insert(name) {
                faults.duplicate(child(&path, "name"), name);
            }
            faults.complaints(&child(&path, "name"), name, complaints);
        }
        match port.int_at(&["containerPort"]).unwrap_or(0) {
            0 => faults.required(child(&path, "containerPort"), ""),
            number => port_number(number, &child(&path, "containerPort"), faults),
        }
        match port.int_at(&["hostPort"]).unwrap_or(0) {
            0 => {}
            number => port_number(number, &child(&path, "hostPort"), faults),
        }
        faults.one_of(child(&path, "protocol"), port.str_at(&["protocol"]), &PROTOCOLS);
    }
}

/// A port's number in a field.
pub fn port_number(number: i64, field: &str, faults: &mut Faults) {
    for complaint in names::port_number(number) {
        faults.invalid(field, number, complaint);
    }
}

/// A port's number or name in a field.
pub fn port_number_or_name(port: Option<&Object>, field: &str, faults: &mut Faults) {
    match port {
        Some(Object::String(name)) => faults.complaints(field, name, names::port_name(name)),
        port => port_number(port.and_then(Object::as_i64).unwrap_or(0), field, faults),
    }
}

fn env(container: &Object, base: &str, faults: &mut Faults) {
    for (path, variable) in indexed(container, base, &["env"]) {
        let name = variable.str_at(&["name"]);
        if name.is_empty() {
            faults.required(child(&path, "name"), "");
        } else {
            faults.complaints(&child(&path, "name"), name, names::relaxed_env_var_name(name));
        }
        let Some(from) = variable.at(&["valueFrom"]).and_then(Object::as_object) else { continue };
        let from_path = child(&path, "valueFrom");
        let mut sources = 0;
        for (source, value) in from.iter().filter(|(_, value)| !value.is_null()) {
            sources += 1;
            let path = child(&from_path, source);
            let required: &[&str] = match source.as_str() {
                "fieldRef" => &["fieldPath"],
                "resourceFieldRef" => &["resource"],
                "configMapKeyRef" | "secretKeyRef" => &["name", "key"],
                "fileKeyRef" => &["volumeName", "path", "key"],
                _ => continue,
            };
            for field in required {
                let text = value.str_at(&[field]);
                if text.is_empty() && (*field != "name") {
                    faults.required(child(&path, field), "");
                } else if *field == "key" && source != "fileKeyRef" {
                    faults.complaints(&child(&path, field), text, names::config_key(text));
                }
            }
        }
        if let Some(field) = variable.at(&["valueFrom", "fieldRef", "fieldPath"]).and_then(Object::as_str) {
            field_path(field, &child(&from_path, "fieldRef"), faults);
        }
        if let Some(resource) = variable.at(&["valueFrom", "resourceFieldRef", "resource"]).and_then(Object::as_str) {
            let known = RESOURCE_FIELDS.contains(&resource)
                || ["limits.hugepages-", "requests.hugepages-"].iter().any(|prefix| resource.starts_with(prefix));
            if !known && !resource.is_empty() {
                faults.not_supported(child(&from_path, "resourceFieldRef.resource"), resource, &RESOURCE_FIELDS);
            }
        }
        if sources == 0 {
            faults.invalid(
                from_path,
                "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
            );
        } else if !variable.str_at(&["value"]).is_empty() {
            faults.invalid(from_path, "", "may not be specified when `value` is not empty");
        } else if sources > 1 {
            faults.invalid(from_path, "", "may not have more than one field specified at a time");
        }
    }
}

/// Fields of a pod that variables can show.
const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields of a pod that have names, but are for volumes or selectors.
const OTHER_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase"];
const RESOURCE_FIELDS: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

fn field_path(field: &str, path: &str, faults: &mut Faults) {
    let subscript = field.strip_suffix("']").and_then(|field| field.split_once("['"));
    match subscript {
        Some(("metadata.labels", key)) => faults.complaints(path, key, names::qualified_name(key)),
        Some(("metadata.annotations", key)) => {
            let key = key.to_lowercase();
            faults.complaints(path, &key, names::qualified_name(&key));
        }
        _ if field.is_empty() || FIELDS.contains(&field) => {}
        None if OTHER_FIELDS.contains(&field) => faults.not_supported(child(path, "fieldPath"), field, &FIELDS),
        _ => {
            let why = if subscript.is_some() {
                "field label does not support subscript"
            } else {
                "field label not supported"
            };
            let detail = format!("error converting fieldPath: {why}: {field}");
            faults.invalid(child(path, "fieldPath"), field, detail);
        }
    }
}

fn env_from(container: &Object, base: &str, faults: &mut Faults) {
    for (path, source) in indexed(container, base, &["envFrom"]) {
        let prefix = source.str_at(&["prefix"]);
        if !prefix.is_empty() {
            faults.complaints(&child(&path, "prefix"), prefix, names::relaxed_env_var_name(prefix));
        }
        let sources: Vec<&str> =
            ["configMapRef", "secretRef"].into_iter().filter(|name| is_set(source.at(&[name]))).collect();
        for name in &sources {
            if source.str_at(&[name, "name"]).is_empty() {
                faults.required(child(&path, &format!("{name}.name")), "");
            }
        }
        match sources.len() {
            0 => faults.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => faults.invalid(path, "", "may not have more than one field specified at a time"),
        }
    }
}

fn mounts(container: &Object, volumes: &BTreeSet<&str>, base: &str, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (path, mount) in indexed(container, base, &["volumeMounts"]) {
        let name = mount.str_at(&["name"]);
        if name.is_empty() {
            faults.required(child(&path, "name"), "");
        }
        if !volumes.contains(name) {
            faults.not_found(child(&path, "name"), name);
        }
        let place = mount.str_at(&["mountPath"]);
        if place.is_empty() {
            faults.required(child(&path, "mountPath"), "");
        }
        if !seen.insert(place) {
            faults.invalid(child(&path, "mountPath"), place, "must be unique");
        }
        for field in ["subPath", "subPathExpr"] {
            let text = mount.str_at(&[field]);
            if text.starts_with('/') {
                faults.invalid(child(&path, field), text, "must be a relative path");
            }
            if text.split('/').any(|part| part == "..") {
                faults.invalid(child(&path, field), text, "must not contain '..'");
            }
        }
        if !mount.str_at(&["subPath"]).is_empty() && !mount.str_at(&["subPathExpr"]).is_empty() {
            let text = mount.str_at(&["subPathExpr"]);
            faults.invalid(child(&path, "subPathExpr"), text, "subPathExpr and subPath are mutually exclusive");
        }
    }
}

fn lifecycle_and_probes(container: &Object, path: &str, faults: &mut Faults) {
    for hook in ["postStart", "preStop"] {
        if let Some(handler) = container.at(&["lifecycle", hook]).filter(|value| !value.is_null()) {
            handler_of(handler, &child(path, &format!("lifecycle.{hook}")), faults);
        }
    }
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.at(&[kind]).filter(|value| !value.is_null()) else { continue };
        let path = child(path, kind);
        handler_of(probe, &path, faults);
        for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"]
        {
            faults.non_negative(probe, &path, &[field]);
        }
        let grace = probe.int_at(&["terminationGracePeriodSeconds"]);
        if let Some(grace) = grace.filter(|grace| *grace <= 0) {
            faults.invalid(child(&path, "terminationGracePeriodSeconds"), grace, "must be greater than 0");
        }
        if kind == "readinessProbe" {
            if let Some(grace) = grace {
                let detail = "must not be set for readinessProbes";
                faults.invalid(child(&path, "terminationGracePeriodSeconds"), grace, detail);
            }
        } else if let Some(threshold) = probe.int_at(&["successThreshold"]).filter(|threshold| *threshold != 1) {
            faults.invalid(child(&path, "successThreshold"), threshold, "must be 1");
        }
    }
}

fn handler_of(handler: &Object, path: &str, faults: &mut Faults) {
    let mut handlers = 0;
    for kind in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let Some(action) = handler.at(&[kind]).filter(|value| !value.is_null()) else { continue };
        handlers += 1;
        let path = child(path, kind);
        if handlers > 1 {
            faults.forbidden(path, "may not specify more than 1 handler type");
            continue;
        }
        match kind {
            "exec" if action.list_at(&["command"]).is_empty() => faults.required(child(&path, "command"), ""),
            "httpGet" => {
                if action.str_at(&["path"]).is_empty() {
                    faults.required(child(&path, "path"), "");
                }
                port_number_or_name(action.at(&["port"]), &child(&path, "port"), faults);
                let scheme = action.str_at(&["scheme"]);
                if !matches!(scheme, "HTTP" | "HTTPS") {
                    faults.not_supported(child(&path, "scheme"), scheme, &["HTTP", "HTTPS"]);
                }
                for header in action.list_at(&["httpHeaders"]) {
                    let name = header.str_at(&["name"]);
                    faults.complaints(&child(&path, "httpHeaders"), name, names::http_header_name(name));
                }
            }
            "tcpSocket" | "grpc" => port_number_or_name(action.at(&["port"]), &child(&path, "port"), faults),
            _ => {}
        }
    }
    if handlers == 0 {
        faults.required(path, "must specify a handler type");
    }
}

/// The resource requirements of a container.
pub fn resources(resources: Option<&Object>, base: &str, faults: &mut Faults) {
    let Some(resources) = resources else { return };
    let limits = resources.at(&["limits"]).and_then(Object::as_object);
    for side in ["limits", "requests"] {
        let Some(amounts) = resources.at(&[side]).and_then(Object::as_object) else { continue };
        for (name, amount) in amounts {
            let path = format!("{}[{name}]", child(base, side));
            resource_name(name, &path, faults);
            let Some(quantity) = quantity_of(amount) else { continue };
            if quantity.sign() < 0 {
                faults.invalid(&path, quantity.to_string(), "must be greater than or equal to 0");
            }
            if name.contains('/') && !quantity.is_whole() {
                faults.invalid(&path, quantity.to_string(), "must be an integer");
            }
            if side == "limits" {
                continue;
            }
            let limit = limits.and_then(|limits| quantity_of(limits.get(name)?));
            let overcommit = !name.contains('/') && !name.starts_with("hugepages-");
            match limit {
                Some(limit) if !overcommit && quantity != limit => faults.invalid(
                    child(base, side),
                    quantity.to_string(),
                    format!("must be equal to {name} limit of {limit}"),
                ),
                Some(limit) if quantity > limit => faults.invalid(
                    child(base, side),
                    quantity.to_string(),
                    format!("must be less than or equal to {name} limit of {limit}"),
                ),
                None if !overcommit => {
                    faults.required(child(base, "limits"), "Limit must be set for non overcommitable resources");
                }
                _ => {}
            }
        }
    }
}

/// A quantity that stands as text or number.
pub fn quantity_of(value: &Object) -> Option<Quantity> {
    match value {
        Object::String(text) => Quantity::parse(text).ok(),
        Object::Number(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

fn resource_name(name: &str, path: &str, faults: &mut Faults) {
    faults.complaints(path, name, names::qualified_name(name));
    if name.contains('/') {
        return;
    }
    let for_containers = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    let standard = for_containers
        || matches!(
            name,
            "pods"
                | "services"
                | "replicationcontrollers"
                | "resourcequotas"
                | "secrets"
                | "configmaps"
                | "persistentvolumeclaims"
                | "storage"
                | "services.nodeports"
                | "services.loadbalancers"
        )
        || name.starts_with("requests.")
        || name.starts_with("limits.");
    if !standard {
        faults.invalid(path, name, "must be a standard resource type or fully qualified");
    }
    if !for_containers {
        faults.invalid(path, name, "must be a standard resource for containers");
    }
}

fn security_context(container: &Object, path: &str, faults: &mut Faults) {
    let Some(context) = container.at(&["securityContext"]) else { return };
    let path = child(path, "securityContext");
    for field in ["runAsUser", "runAsGroup"] {
        if let Some(id) = context.int_at(&[field]).filter(|id| !(0..=i64::from(i32::MAX)).contains(id)) {
            faults.invalid(child(&path, field), id, names::range_complaint(0, i64::from(i32::MAX)));
        }
    }
    if context.at(&["allowPrivilegeEscalation"]) == Some(&Object::Bool(false)) {
        let adds_admin = context.list_at(&["capabilities", "add"]).iter().any(|cap| cap == "SYS_ADMIN");
        let reason = if context.bool_at(&["privileged"]) {
            Some("cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        } else if adds_admin {
            Some("cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")
        } else {
            None
        };
        if let Some(reason) = reason {
            faults.invalid(path, context.clone(), reason);
        }
    }
}

fn host_port_conflicts(containers: &[Object], base: &str, faults: &mut Faults) {
    let mut seen = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        for (path, port) in indexed(container, &format!("{base}[{index}]"), &["ports"]) {
            let Some(number) = port.int_at(&["hostPort"]).filter(|number| *number != 0) else { continue };
            let address = if is_empty(port.at(&["hostIP"])) { "" } else { port.str_at(&["hostIP"]) };
            let text = format!("{}/{address}/{number}", port.str_at(&["protocol"]));
            if !seen.insert(text.clone()) {
                faults.duplicate(child(&path, "hostPort"), text);
            }
        }
    }
}
