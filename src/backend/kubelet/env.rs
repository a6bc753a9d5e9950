//! The environment of a container, as the kubelet makes it: the image's, `envFrom`, `env` with its
//! references, `$(NAME)`, and the variables that name the services of the namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::go::base64;

use crate::backend::controllers::View;
use crate::object::{Meta, Object};

/// Where referenced objects are found.
pub trait Lookup {
    /// The object of that name.
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>>;
    /// All services of a namespace.
    fn services(&self, namespace: &str) -> Vec<Arc<Object>>;
}

impl Lookup for View {
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.get(resource, namespace, name).cloned()
    }

    fn services(&self, namespace: &str) -> Vec<Arc<Object>> {
        self.list("services", Some(namespace)).cloned().collect()
    }
}

/// What a volume file or a variable gets from a configmap's or secret's key.
pub fn value_of(object: &Object, key: &str) -> Option<Vec<u8>> {
    if let Some(text) = object.at(&["data", key]).and_then(Object::as_str) {
        return if object.kind() == "Secret" || object.at(&["immutable"]).is_none() && is_secret(object) {
            base64::decode(text).ok()
        } else {
            Some(text.as_bytes().to_vec())
        };
    }
    base64::decode(object.str_at(&["binaryData", key])).ok().filter(|_| object.at(&["binaryData", key]).is_some())
}

/// Objects in a view may lack their kind: only secrets have a type.
fn is_secret(object: &Object) -> bool {
    object.at(&["type"]).is_some()
}

/// The keys of a configmap or secret.
pub fn keys_of(object: &Object) -> Vec<String> {
    ["data", "binaryData"]
        .iter()
        .filter_map(|part| object.at(&[part])?.as_object())
        .flat_map(|map| map.keys().cloned())
        .collect()
}

/// The environment of a container, in the order in which the kubelet lists it; later entries win.
///
/// # Errors
/// The kubelet's message about a reference that leads nowhere.
pub fn of_container(pod: &Object, container: &Object, lookup: &dyn Lookup) -> Result<BTreeMap<String, String>, String> {
    let namespace = pod.namespace();
    let services = service_variables(pod, lookup);
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    for source in container.list_at(&["envFrom"]) {
        let prefix = source.str_at(&["prefix"]);
        for (field, resource, what) in [("configMapRef", "configmaps", "configmap"), ("secretRef", "secrets", "secret")]
        {
            let Some(reference) = source.at(&[field]) else { continue };
            let name = reference.name_field();
            match lookup.object(resource, namespace, name) {
                Some(object) => {
                    for key in keys_of(&object) {
                        let value = value_of(&object, &key).unwrap_or_default();
                        env.insert(format!("{prefix}{key}"), String::from_utf8_lossy(&value).into_owned());
                    }
                }
                None if reference.bool_at(&["optional"]) => {}
                None => return Err(format!("{what} {name:?} not found")),
            }
        }
    }
    for variable in container.list_at(&["env"]) {
        let name = variable.name_field();
        let value = if let Some(value) = variable.at(&["value"]).and_then(Object::as_str) {
            Some(expand(value, &env, &services))
        } else if let Some(source) = variable.at(&["valueFrom"]) {
            from_source(pod, container, source, lookup)?
        } else {
            Some(String::new())
        };
        if let Some(value) = value {
            env.insert(name.to_owned(), value);
        }
    }
    for (name, value) in services {
        env.entry(name).or_insert(value);
    }
    Ok(env)
}

/// `name` of a reference or list entry, which is no object of its own.
trait NameField {
    fn name_field(&self) -> &str;
}

impl NameField for Object {
    fn name_field(&self) -> &str {
        self.str_at(&["name"])
    }
}

fn from_source(
    pod: &Object,
    container: &Object,
    source: &Object,
    lookup: &dyn Lookup,
) -> Result<Option<String>, String> {
    let namespace = pod.namespace();
    for (field, resource, what, kind) in
        [("configMapKeyRef", "configmaps", "configmap", "ConfigMap"), ("secretKeyRef", "secrets", "secret", "Secret")]
    {
        let Some(reference) = source.at(&[field]) else { continue };
        let (name, key) = (reference.name_field(), reference.str_at(&["key"]));
        let optional = reference.bool_at(&["optional"]);
        let Some(object) = lookup.object(resource, namespace, name) else {
            return if optional { Ok(None) } else { Err(format!("{what} {name:?} not found")) };
        };
        return match value_of(&object, key) {
            Some(value) => Ok(Some(String::from_utf8_lossy(&value).into_owned())),
            None if optional => Ok(None),
            None => Err(format!("couldn't find key {key} in {kind} {namespace}/{name}")),
        };
    }
    if let Some(reference) = source.at(&["fieldRef"]) {
        return Ok(Some(field(pod, reference.str_at(&["fieldPath"]))));
    }
    if let Some(reference) = source.at(&["resourceFieldRef"]) {
        return Ok(Some(resource_field(container, reference)));
    }
    Ok(Some(String::new()))
}

/// A field of the pod, as the downward API names it.
pub fn field(pod: &Object, path: &str) -> String {
    let map = |field: &str| {
        pod.map_at(&["metadata", field])
            .iter()
            .map(|(key, value)| format!("{key}={value:?}"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let entry = |field: &str, subscript: &str| {
        let key = subscript.trim_matches(|c| matches!(c, '[' | ']' | '\'' | '"'));
        pod.at(&["metadata", field, key]).and_then(Object::as_str).unwrap_or("").to_owned()
    };
    let ip = || pod.str_at(&["status", "podIP"]).to_owned();
    match path {
        "metadata.labels" => map("labels"),
        "metadata.annotations" => map("annotations"),
        "status.podIP" | "status.podIPs" => ip(),
        "status.hostIP" | "status.hostIPs" => pod.str_at(&["status", "hostIP"]).to_owned(),
        _ => match (path.strip_prefix("metadata.labels"), path.strip_prefix("metadata.annotations")) {
            (Some(subscript), _) => entry("labels", subscript),
            (_, Some(subscript)) => entry("annotations", subscript),
            _ => pod.str_at(&path.split('.').collect::<Vec<_>>()).to_owned(),
        },
    }
}

/// A resource of the container in units of the divisor, rounded up.
pub fn resource_field(container: &Object, reference: &Object) -> String {
    let resource = reference.str_at(&["resource"]);
    let (list, name) = resource.split_once('.').unwrap_or(("limits", resource));
    let value = match container.at(&["resources", list, name]) {
        Some(Object::String(text)) => quantity(text),
        Some(number) => number.as_f64(),
        None => None,
    };
    // Without a limit, a container may use the whole node.
    let default = match name {
        "cpu" => f64::from(super::nodes::CPUS),
        "memory" => super::nodes::MEMORY_BYTES as f64,
        _ => 0.0,
    };
    let divisor =
        reference.at(&["divisor"]).and_then(Object::as_str).and_then(quantity).filter(|divisor| *divisor > 0.0);
    format!("{:.0}", (value.unwrap_or(default) / divisor.unwrap_or(1.0)).ceil())
}

/// The size of a quantity, good enough for sums of a node's resources.
pub fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
    ];
    let found = SUFFIXES.iter().find_map(|(suffix, scale)| Some((text.strip_suffix(suffix)?, *scale)));
    let (number, scale) = found.unwrap_or((text, 1.0));
    Some(number.parse::<f64>().ok()? * scale)
}

/// Expands `$(NAME)`; `$$(` stands for `$(`, and a name that is not known stays as it is.
pub fn expand(text: &str, env: &BTreeMap<String, String>, more: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("$$") {
            out.push('$');
            rest = after;
            continue;
        }
        let reference = from.strip_prefix("$(").and_then(|after| after.split_once(')'));
        match reference {
            Some((name, after)) => {
                match env.get(name).or_else(|| more.get(name)) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&format!("$({name})")),
                }
                rest = after;
            }
            None => {
                out.push('$');
                rest = from.get(1..).unwrap_or("");
            }
        }
    }
    out.push_str(rest);
    out
}

/// The variables that name services: those of the pod's namespace (unless the pod wants none), and
/// always the API server's.
pub fn service_variables(pod: &Object, lookup: &dyn Lookup) -> BTreeMap<String, String> {
    let mut services: Vec<Arc<Object>> = Vec::new();
    if pod.at(&["spec", "enableServiceLinks"]).and_then(Object::as_bool).unwrap_or(true) {
        services = lookup.services(pod.namespace());
    }
    if pod.namespace() != "default" || services.is_empty() {
        services.extend(lookup.object("services", "default", "kubernetes"));
    }
    let mut env = BTreeMap::new();
    for service in &services {
        let ip = service.str_at(&["spec", "clusterIP"]);
        let ports = service.list_at(&["spec", "ports"]);
        if ip.is_empty() || ip == "None" || ports.is_empty() {
            continue;
        }
        let variable = |name: &str| name.replace('-', "_").to_ascii_uppercase();
        let name = variable(service.name());
        env.insert(format!("{name}_SERVICE_HOST"), ip.to_owned());
        for (index, port) in ports.iter().enumerate() {
            let number = port.int_at(&["port"]).unwrap_or(0);
            let protocol = if port.str_at(&["protocol"]).is_empty() { "TCP" } else { port.str_at(&["protocol"]) };
            let url = format!("{}://{ip}:{number}", protocol.to_ascii_lowercase());
            if index == 0 {
                env.insert(format!("{name}_SERVICE_PORT"), number.to_string());
                env.insert(format!("{name}_PORT"), url.clone());
            }
            if !port.name_field().is_empty() {
                env.insert(format!("{name}_SERVICE_PORT_{}", variable(port.name_field())), number.to_string());
            }
            let prefix = format!("{name}_PORT_{number}_{}", protocol.to_ascii_uppercase());
            env.insert(format!("{prefix}_PROTO"), protocol.to_ascii_lowercase());
            env.insert(format!("{prefix}_PORT"), number.to_string());
            env.insert(format!("{prefix}_ADDR"), ip.to_owned());
            env.insert(prefix, url);
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Timestamp;
    use serde_json::json;

    fn view() -> View {
        View::of(
            [
                ("configmaps", json!({"metadata": {"namespace": "n", "name": "c"}, "data": {"a": "1", "b": "2"}})),
                (
                    "secrets",
                    json!({"metadata": {"namespace": "n", "name": "s"}, "type": "Opaque", "data": {"p": "aGVsbG8="}}),
                ),
                (
                    "services",
                    json!({"metadata": {"namespace": "default", "name": "kubernetes"}, "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]}}),
                ),
                (
                    "services",
                    json!({"metadata": {"namespace": "n", "name": "my-db"}, "spec": {"clusterIP": "10.96.0.7", "ports": [{"port": 5432}]}}),
                ),
                (
                    "services",
                    json!({"metadata": {"namespace": "n", "name": "headless"}, "spec": {"clusterIP": "None", "ports": [{"port": 1}]}}),
                ),
            ],
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn resolves_every_source() {
        let pod = json!({"metadata": {"namespace": "n", "name": "p", "labels": {"app": "x"}}, "spec": {"nodeName": "n1"}, "status": {"podIP": "10.244.0.9"}});
        let container = json!({
            "envFrom": [{"prefix": "C_", "configMapRef": {"name": "c"}}, {"secretRef": {"name": "gone", "optional": true}}],
            "env": [
                {"name": "PLAIN", "value": "x-$(C_a)-$$(C_a)-$(NOPE)-$(MY_DB_SERVICE_HOST)"},
                {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}},
                {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
                {"name": "MEM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
                {"name": "OPT", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "zz", "optional": true}}},
            ],
            "resources": {"limits": {"memory": "64Mi"}},
        });
        let env = of_container(&pod, &container, &view()).expect("an environment");
        for (name, value) in [
            ("C_a", "1"),
            ("PLAIN", "x-1-$(C_a)-$(NOPE)-10.96.0.7"),
            ("KEY", "hello"),
            ("IP", "10.244.0.9"),
            ("APP", "x"),
            ("MEM", "64"),
            ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            ("KUBERNETES_SERVICE_PORT_HTTPS", "443"),
            ("KUBERNETES_PORT_443_TCP_ADDR", "10.96.0.1"),
            ("MY_DB_PORT", "tcp://10.96.0.7:5432"),
        ] {
            assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!env.contains_key("OPT") && !env.contains_key("HEADLESS_SERVICE_HOST"));
    }

    #[test]
    fn says_what_is_missing() {
        let pod = json!({"metadata": {"namespace": "n", "name": "p"}});
        for (env, message) in [
            (json!({"configMapKeyRef": {"name": "zz", "key": "a"}}), "configmap \"zz\" not found"),
            (json!({"configMapKeyRef": {"name": "c", "key": "q"}}), "couldn't find key q in ConfigMap n/c"),
            (json!({"secretKeyRef": {"name": "s", "key": "q"}}), "couldn't find key q in Secret n/s"),
        ] {
            let container = json!({"env": [{"name": "X", "valueFrom": env}]});
            assert_eq!(of_container(&pod, &container, &view()), Err(message.to_owned()));
        }
    }
}
