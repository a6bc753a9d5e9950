//! Containers of pods and pod templates.

use super::description::Description;
use super::text::{
    as_quantity, bool_word, go_list, host_port, int, is_set, or, quantities, quantity_text, strings, text_at,
};
use crate::go::quote::quote;
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

/// Whose containers these are.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// A pod: fields that environment variables refer to are known.
    Pod(&'a Object),
    /// A template, which is indented.
    Template,
}

impl Owner<'_> {
    fn space(self) -> &'static str {
        match self {
            Self::Pod(_) => "",
            Self::Template => "  ",
        }
    }
}

/// Writes containers with their statuses, where there are any.
pub(super) fn containers(
    d: &mut Description,
    title: &str,
    containers: &[Object],
    statuses: &[Object],
    owner: Owner<'_>,
) {
    let none = if containers.is_empty() { " <none>" } else { "" };
    d.line(0, format_args!("{}{title}:{none}", owner.space()));
    for container in containers {
        let name = container.str_at(&["name"]);
        // Of several statuses with one name the last counts.
        let status = statuses.iter().rev().find(|status| status.str_at(&["name"]) == name);
        basics(d, container, status, owner);
        command(d, "Command", container.list_at(&["command"]));
        command(d, "Args", container.list_at(&["args"]));
        if let Some(status) = status {
            state(d, status);
        }
        if let Some(wanted) = container.get("resources") {
            resources(d, wanted, 2);
        }
        for (title, field) in
            [("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")]
        {
            if let Some(value) = container.get(field).filter(|value| !value.is_null()) {
                d.field(2, title, probe(value));
            }
        }
        environment_sources(d, container);
        environment(d, container, owner);
        mounts(d, container);
    }
}

fn basics(d: &mut Description, container: &Object, status: Option<&Object>, owner: Owner<'_>) {
    let indent = if owner.space().is_empty() { "" } else { " " };
    d.line(1, format_args!("{indent}{}:", container.str_at(&["name"])));
    if let Some(status) = status {
        d.field(2, "Container ID", status.str_at(&["containerID"]));
    }
    d.field(2, "Image", container.str_at(&["image"]));
    if let Some(status) = status {
        d.field(2, "Image ID", status.str_at(&["imageID"]));
    }
    for (one, many, field) in [("Port", "Ports", "containerPort"), ("Host Port", "Host Ports", "hostPort")] {
        let ports = ports(container.list_at(&["ports"]), field);
        // The text decides, not the number of ports.
        d.field(2, if ports.contains(',') { many } else { one }, or(&ports, "<none>"));
    }
    if let Some(profile) = container.at(&["securityContext", "seccompProfile"]).filter(|profile| !profile.is_null()) {
        d.field(2, "SeccompProfile", profile.str_at(&["type"]));
        if profile.str_at(&["type"]) == "Localhost" {
            d.field(3, "LocalhostProfile", profile.str_at(&["localhostProfile"]));
        }
    }
}

fn ports(ports: &[Object], field: &str) -> String {
    let texts: Vec<String> = ports
        .iter()
        .map(|port| {
            let text = format!("{}/{}", int(port, &[field]), port.str_at(&["protocol"]));
            match port.str_at(&["name"]) {
                "" => text,
                name => format!("{text} ({name})"),
            }
        })
        .collect();
    texts.join(", ")
}

fn command(d: &mut Description, title: &str, words: &[Object]) {
    if words.is_empty() {
        return;
    }
    d.line(2, format_args!("{title}:"));
    for line in words.iter().filter_map(Object::as_str).flat_map(|word| word.split('\n')) {
        d.line(3, line);
    }
}

/// Limits and requests.
pub(super) fn resources(d: &mut Description, resources: &Object, level: usize) {
    for (title, field) in [("Limits", "limits"), ("Requests", "requests")] {
        let mut first = true;
        for (name, value) in quantities(resources, &[field]) {
            if std::mem::take(&mut first) {
                d.line(level, format_args!("{title}:"));
            }
            d.field(level + 1, name, quantity_text(value, &[]));
        }
    }
}

fn state(d: &mut Description, status: &Object) {
    state_of(d, "State", status.get("state").unwrap_or(&Object::Null));
    if let Some(last) = status.get("lastState").filter(|last| is_set(last, &["terminated"])) {
        state_of(d, "Last State", last);
    }
    d.field(2, "Ready", bool_word(status.bool_at(&["ready"])));
    d.field(2, "Restart Count", int(status, &["restartCount"]));
}

fn state_of(d: &mut Description, title: &str, state: &Object) {
    let part = |name: &'static str| state.get(name).filter(|part| !part.is_null());
    if let Some(running) = part("running") {
        d.field(2, title, "Running");
        let started = d.time(running.time_at(&["startedAt"]));
        d.field(3, "Started", started);
    } else if let Some(waiting) = part("waiting") {
        d.field(2, title, "Waiting");
        d.field_if(3, "Reason", waiting.str_at(&["reason"]));
    } else if let Some(terminated) = part("terminated") {
        d.field(2, title, "Terminated");
        d.field_if(3, "Reason", terminated.str_at(&["reason"]));
        d.field_if(3, "Message", terminated.str_at(&["message"]));
        d.field(3, "Exit Code", int(terminated, &["exitCode"]));
        if int(terminated, &["signal"]) > 0 {
            d.field(3, "Signal", int(terminated, &["signal"]));
        }
        for (title, field) in [("Started", "startedAt"), ("Finished", "finishedAt")] {
            let time = d.time(terminated.time_at(&[field]));
            d.field(3, title, time);
        }
    } else {
        d.field(2, title, "Waiting");
    }
}

/// A probe on one line.
fn probe(probe: &Object) -> String {
    let number = |field: &str| int(probe, &[field]);
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        number("initialDelaySeconds"),
        number("timeoutSeconds"),
        number("periodSeconds"),
        number("successThreshold"),
        number("failureThreshold"),
    );
    let part = |name: &'static str| probe.get(name).filter(|part| !part.is_null());
    let what = if let Some(exec) = part("exec") {
        format!("exec {}", go_list(&strings(exec, &["command"])))
    } else if let Some(get) = part("httpGet") {
        format!("http-get {}", url(get))
    } else if let Some(socket) = part("tcpSocket") {
        format!("tcp-socket {}:{}", socket.str_at(&["host"]), text_at(socket, &["port"], "0"))
    } else if let Some(grpc) = part("grpc") {
        format!("grpc <pod>:{} {}", int(grpc, &["port"]), grpc.str_at(&["service"]))
    } else {
        "unknown".to_owned()
    };
    format!("{what} {attributes}")
}

/// The URL of an HTTP probe as Go's `net/url` writes it.
fn url(get: &Object) -> String {
    let scheme = get.str_at(&["scheme"]).to_lowercase();
    let port = text_at(get, &["port"], "0");
    let (host, path) = (get.str_at(&["host"]), get.str_at(&["path"]));
    let authority = if port.is_empty() { host.to_owned() } else { host_port(host, &port) };
    let mut url = String::new();
    if !scheme.is_empty() {
        url.push_str(&scheme);
        url.push(':');
    }
    if !scheme.is_empty() || !authority.is_empty() {
        url.push_str("//");
        escape(&mut url, &authority, b"[]:!$&'()*+,;=<>\"");
        if !path.is_empty() && !path.starts_with('/') {
            url.push('/');
        }
    }
    if path == "*" {
        url.push('*')
    } else {
        escape(&mut url, path, b"$&+,/:;=@")
    }
    url
}

/// Percent-encodes everything but letters, digits, `-_.~` and what is also allowed.
fn escape(out: &mut String, text: &str, allowed: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || allowed.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn environment_sources(d: &mut Description, container: &Object) {
    let sources = container.list_at(&["envFrom"]);
    if sources.is_empty() {
        return;
    }
    d.line(2, "Environment Variables from:");
    for source in sources {
        let kinds = [("configMapRef", "ConfigMap"), ("secretRef", "Secret")];
        let found = kinds.into_iter().find_map(|(field, kind)| Some((source.get(field)?, kind)));
        let (reference, kind) = found.unwrap_or((&Object::Null, ""));
        let (name, optional) = (reference.str_at(&["name"]), reference.bool_at(&["optional"]));
        match source.str_at(&["prefix"]) {
            "" => d.line(3, format_args!("{name}\t{kind}\tOptional: {optional}")),
            prefix => d.line(3, format_args!("{name}\t{kind} with prefix '{prefix}'\tOptional: {optional}")),
        }
    }
}

fn environment(d: &mut Description, container: &Object, owner: Owner<'_>) {
    let variables = container.list_at(&["env"]);
    let none = if variables.is_empty() { "\t<none>" } else { "" };
    d.line(2, format_args!("Environment:{none}"));
    for variable in variables {
        let name = variable.str_at(&["name"]);
        let Some(from) = variable.get("valueFrom").filter(|from| !from.is_null()) else {
            let mut lines = variable.str_at(&["value"]).split('\n');
            d.field(3, name, lines.next().unwrap_or(""));
            for line in lines {
                d.line(3, format_args!("\t{line}"));
            }
            continue;
        };
        let part = |field: &'static str| from.get(field).filter(|part| !part.is_null());
        if let Some(field) = part("fieldRef") {
            let (version, path) = (field.str_at(&["apiVersion"]), field.str_at(&["fieldPath"]));
            d.field(3, name, format_args!("{} ({version}:{path})", field_value(owner, path)));
        } else if let Some(field) = part("resourceFieldRef") {
            let resource = field.str_at(&["resource"]);
            let value = resource_value(container, field).unwrap_or_default();
            let node = value == "0" && matches!(resource, "limits.cpu" | "limits.memory");
            let value = if node { "node allocatable" } else { &value };
            d.field(3, name, format_args!("{value} ({resource})"));
        } else {
            for (field, text) in [("secretKeyRef", "in secret"), ("configMapKeyRef", "of config map")] {
                if let Some(key) = part(field) {
                    let (entry, source) = (key.str_at(&["key"]), key.str_at(&["name"]));
                    let optional = key.bool_at(&["optional"]);
                    d.field(
                        3,
                        name,
                        format_args!("<set to the key '{entry}' {text} '{source}'>\tOptional: {optional}"),
                    );
                    break;
                }
            }
        }
    }
}

/// The value of a pod's field. kubectl knows the name and the namespace only.
fn field_value<'a>(owner: Owner<'a>, path: &str) -> &'a str {
    match (owner, path) {
        (Owner::Pod(pod), "metadata.name") => pod.name(),
        (Owner::Pod(pod), "metadata.namespace") => pod.namespace(),
        _ => "",
    }
}

/// The value of a container's limit or request in units of the divisor, rounded up.
fn resource_value(container: &Object, field: &Object) -> Option<String> {
    let (kind, name) = field.str_at(&["resource"]).split_once('.')?;
    let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    if !known || !matches!(kind, "limits" | "requests") {
        return None;
    }
    let value = container.at(&["resources", kind, name]).map(as_quantity).unwrap_or_default();
    let divisor = field.get("divisor").map(as_quantity).filter(|divisor| !divisor.is_zero());
    let divisor = divisor.unwrap_or_else(|| Quantity::from_int(1, Default::default()));
    let (value, divisor) = match name {
        "cpu" => (value.milli_value(), divisor.milli_value()),
        _ => (value.value(), divisor.value()),
    };
    let units = (value as f64 / divisor as f64).ceil();
    Some(format!("{}", units as i64))
}

fn mounts(d: &mut Description, container: &Object) {
    let mounts = container.list_at(&["volumeMounts"]);
    let none = if mounts.is_empty() { "\t<none>" } else { "" };
    d.line(2, format_args!("Mounts:{none}"));
    for mount in sorted_by(mounts, "mountPath") {
        let mode = if mount.bool_at(&["readOnly"]) { "ro" } else { "rw" };
        let path = match mount.str_at(&["subPath"]) {
            "" => String::new(),
            path => format!(",path={}", quote(path)),
        };
        let (at, name) = (mount.str_at(&["mountPath"]), mount.str_at(&["name"]));
        d.line(3, format_args!("{at} from {name} ({mode}{path})"));
    }
    let devices = container.list_at(&["volumeDevices"]);
    if !devices.is_empty() {
        // The mounts decide what the heading says.
        d.line(2, format_args!("Devices:{none}"));
        for device in sorted_by(devices, "devicePath") {
            d.line(3, format_args!("{} from {}", device.str_at(&["devicePath"]), device.str_at(&["name"])));
        }
    }
}

fn sorted_by<'a>(items: &'a [Object], field: &str) -> Vec<&'a Object> {
    let mut sorted: Vec<&Object> = items.iter().collect();
    sorted.sort_by(|a, b| a.str_at(&[field]).cmp(b.str_at(&[field])));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn probes_on_one_line() {
        let attributes = "delay=0s timeout=1s period=10s #success=1 #failure=3";
        for (what, want) in [
            (json!({"exec": {"command": ["cat", "/x"]}}), "exec [cat /x]"),
            (
                json!({"httpGet": {"scheme": "HTTPS", "port": "http", "path": "/a b?c"}}),
                "http-get https://:http/a%20b%3Fc",
            ),
            (json!({"httpGet": {"port": 80, "host": "::1", "path": "x"}}), "http-get //[::1]:80/x"),
            (json!({"tcpSocket": {"port": 5}}), "tcp-socket :5"),
            (json!({"grpc": {"port": 5, "service": "s"}}), "grpc <pod>:5 s"),
            (json!({}), "unknown"),
        ] {
            let mut value = what;
            for (field, number) in
                [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
            {
                value[field] = json!(number);
            }
            assert_eq!(probe(&value), format!("{want} {attributes}"));
        }
    }

    #[test]
    fn resources_in_units() {
        let container = json!({"resources": {"limits": {"cpu": "250m", "memory": "100Mi"}}});
        for (field, want) in [
            (json!({"resource": "limits.cpu"}), Some("1")),
            (json!({"resource": "limits.cpu", "divisor": "1m"}), Some("250")),
            (json!({"resource": "limits.memory", "divisor": "1Mi"}), Some("100")),
            (json!({"resource": "requests.hugepages-2Mi"}), Some("0")),
            (json!({"resource": "limits.pods"}), None),
            (json!({"resource": "x"}), None),
        ] {
            assert_eq!(resource_value(&container, &field).as_deref(), want, "{field}");
        }
    }
}
