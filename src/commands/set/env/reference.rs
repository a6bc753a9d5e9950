//! Variables that refer to something else: what to, and its value.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::client::request::{Call, Endpoint};
use crate::object::quantity::Quantity;
use crate::object::{GroupVersionResource, Meta, Object};
use crate::ops::context::Context;

/// What a variable refers to, in words.
pub(super) fn describe(source: &Object) -> String {
    let part = |path: &[&str]| source.str_at(path);
    if source.get("configMapKeyRef").is_some() {
        let (name, key) = (part(&["configMapKeyRef", "name"]), part(&["configMapKeyRef", "key"]));
        return format!("configmap {name}, key {key}");
    }
    if source.get("secretKeyRef").is_some() {
        return format!("secret {}, key {}", part(&["secretKeyRef", "name"]), part(&["secretKeyRef", "key"]));
    }
    if source.get("fieldRef").is_some() {
        return format!("field path {}", part(&["fieldRef", "fieldPath"]));
    }
    if source.get("resourceFieldRef").is_some() {
        let container = match part(&["resourceFieldRef", "containerName"]) {
            "" => String::new(),
            name => format!("{name}/"),
        };
        return format!("resource field {container}{}", part(&["resourceFieldRef", "resource"]));
    }
    "invalid valueFrom".to_owned()
}

/// The value that a variable refers to, as far as it can be known without the pod.
pub(super) async fn resolve(
    ctx: &Context,
    source: &Object,
    object: &Object,
    container: &Object,
) -> anyhow::Result<String> {
    if let Some(reference) = source.get("secretKeyRef") {
        let secret = get(ctx, "secrets", reference.str_at(&["name"])).await?;
        let (name, key) = (reference.str_at(&["name"]), reference.str_at(&["key"]));
        let encoded = secret.at(&["data", key]).and_then(Object::as_str);
        let encoded = encoded.ok_or_else(|| anyhow!("key {key} not found in secret {name}"))?;
        return Ok(String::from_utf8_lossy(&STANDARD.decode(encoded)?).into_owned());
    }
    if let Some(reference) = source.get("configMapKeyRef") {
        let (name, key) = (reference.str_at(&["name"]), reference.str_at(&["key"]));
        let map = get(ctx, "configmaps", name).await?;
        let value = map.at(&["data", key]).and_then(Object::as_str).map(str::to_owned);
        return value.ok_or_else(|| anyhow!("key {key} not found in config map {name}"));
    }
    if let Some(reference) = source.get("fieldRef") {
        return field(object, reference.str_at(&["fieldPath"]));
    }
    match source.get("resourceFieldRef") {
        Some(reference) => resource_field(reference, container),
        None => bail!("invalid valueFrom"),
    }
}

async fn get(ctx: &Context, resource: &str, name: &str) -> anyhow::Result<Object> {
    let resource = GroupVersionResource::new("", "v1", resource);
    let (namespace, _) = ctx.namespace()?;
    ctx.client().await?.json(Call::get(&Endpoint::object(&resource, namespace, name))).await
}

/// A field of the object that has the variable.
fn field(object: &Object, path: &str) -> anyhow::Result<String> {
    if let Some((path, key)) =
        path.strip_suffix("']").and_then(|path| path.split_once("['")).filter(|(path, _)| !path.is_empty())
    {
        let found = match path {
            "metadata.annotations" => object.annotation(key),
            "metadata.labels" => object.label(key),
            _ => bail!("fieldPath {:?} does not support subscript", format!("{path}['{key}']")),
        };
        return Ok(found.unwrap_or_default().to_owned());
    }
    let lines = |pairs: Vec<(&str, &str)>| {
        pairs.iter().map(|(key, value)| format!("{key}={value:?}")).collect::<Vec<_>>().join("\n")
    };
    Ok(match path {
        "metadata.annotations" => lines(object.annotations()),
        "metadata.labels" => lines(object.labels()),
        "metadata.name" => object.name().to_owned(),
        "metadata.namespace" => object.namespace().to_owned(),
        "metadata.uid" => object.uid().to_owned(),
        _ => bail!("unsupported fieldPath: {path}"),
    })
}

/// A request or limit of the container, in units of the divisor, rounded up.
fn resource_field(reference: &Object, container: &Object) -> anyhow::Result<String> {
    let path = reference.str_at(&["resource"]);
    let unsupported = || anyhow!("Unsupported container resource : {path}");
    let (list, name) = path.split_once('.').ok_or_else(unsupported)?;
    let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    if !matches!(list, "limits" | "requests") || !known {
        return Err(unsupported());
    }
    let quantity = |text: &str| Quantity::parse(text).ok();
    let amount = quantity(container.str_at(&["resources", list, name]));
    let divisor = quantity(reference.str_at(&["divisor"])).filter(|divisor| !divisor.is_zero());
    let in_units = |of: Option<Quantity>, default: i64| match of {
        None => default,
        Some(of) if name == "cpu" => of.milli_value(),
        Some(of) => of.value(),
    };
    let divisor = in_units(divisor, if name == "cpu" { 1000 } else { 1 });
    let amount = in_units(amount, 0);
    Ok(if divisor == 0 { 0 } else { (i128::from(amount) + i128::from(divisor) - 1).div_euclid(i128::from(divisor)) }
        .to_string())
}

/// Why references could not be resolved, and of which variables.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<String, Vec<String>>);

impl Faults {
    pub(super) fn add(&mut self, variable: &str, error: &anyhow::Error) {
        self.0.entry(format!("{error:#}")).or_default().push(variable.to_owned());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line for each reason.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (error, variables) in &self.0 {
            let mut variables = variables.clone();
            variables.sort();
            lines.push(format!("error retrieving reference for {}: {error}", variables.join(", ")));
        }
        lines.sort();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_fields_and_resources() {
        let object = json!({"metadata": {"name": "n", "namespace": "d", "labels": {"b": "2", "a": "1"}}});
        for (path, want) in [
            ("metadata.name", "n"),
            ("metadata.labels", "a=\"1\"\nb=\"2\""),
            ("metadata.labels['b']", "2"),
            ("metadata.labels['x']", ""),
        ] {
            assert_eq!(field(&object, path).unwrap(), want);
        }
        assert_eq!(field(&object, "status.podIP").unwrap_err().to_string(), "unsupported fieldPath: status.podIP");
        let container = json!({"resources": {"limits": {"cpu": "1500m", "memory": "1Gi"}}});
        for (resource, divisor, want) in [
            ("limits.cpu", "", "2"),
            ("limits.cpu", "1m", "1500"),
            ("limits.memory", "1Mi", "1024"),
            ("requests.memory", "", "0"),
        ] {
            let reference = json!({"resource": resource, "divisor": divisor});
            assert_eq!(resource_field(&reference, &container).unwrap(), want, "{resource} {divisor}");
        }
        assert!(resource_field(&json!({"resource": "limits.gpu"}), &container).is_err());
    }
}
