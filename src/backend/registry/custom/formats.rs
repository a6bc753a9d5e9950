//! The formats of texts and numbers that schemas may name (`apiextensions-apiserver/pkg/apiserver/validation/formats.go`).

use super::definition::inner;
use crate::object::{Meta, Object};

/// Formats of texts, without their dashes but for those that Kubernetes named.
const TEXTS: &[&str] = &[
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "datetime",
    "duration",
    "email",
    "hexcolor",
    "hostname",
    "ipv4",
    "ipv6",
    "isbn",
    "isbn10",
    "isbn13",
    "k8slongname",
    "k8sshortname",
    "mac",
    "password",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
];

/// What a definition's writer is told of formats that count for nothing, and were not there before.
pub fn warnings(definition: &Object, old: Option<&Object>) -> Vec<String> {
    let before = old.map(all).unwrap_or_default();
    let unknown = all(definition).into_iter().filter(|format| !before.contains(format));
    unknown.map(|format| format!("unrecognized format {format:?}")).collect()
}

fn all(definition: &Object) -> Vec<String> {
    let mut found = Vec::new();
    for version in definition.list_at(&["spec", "versions"]) {
        if let Some(schema) = version.at(&["schema", "openAPIV3Schema"]) {
            unknown(schema, &mut found);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The depth is that of a schema that was read, which is bounded.
fn unknown(schema: &Object, found: &mut Vec<String>) {
    let format = schema.str_at(&["format"]);
    let known = match schema.str_at(&["type"]) {
        "" | "string" => TEXTS.contains(&format.replace('-', "").as_str()),
        "integer" => matches!(format, "int32" | "int64"),
        "number" => matches!(format, "float" | "double"),
        _ => false,
    };
    if !format.is_empty() && !known {
        found.push(format.to_owned());
    }
    inner(schema, "").into_iter().for_each(|(_, inner)| unknown(inner, found));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tells_of_formats_that_there_are_not() {
        let definition = |formats: &[(&str, &str)]| {
            let properties: serde_json::Map<String, Object> = formats
                .iter()
                .enumerate()
                .map(|(at, (kind, format))| (at.to_string(), json!({"type": kind, "format": format})))
                .collect();
            json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": {"type": "object", "properties": properties}}}]}})
        };
        let known = [("string", "date-time"), ("integer", "int64"), ("number", "double"), ("string", "k8s-short-name")];
        assert!(warnings(&definition(&known), None).is_empty());
        let other = definition(&[("string", "x"), ("integer", "double"), ("string", "x")]);
        assert_eq!(warnings(&other, None), [r#"unrecognized format "double""#, r#"unrecognized format "x""#]);
        assert_eq!(warnings(&other, Some(&definition(&[("string", "x")]))), [r#"unrecognized format "double""#]);
    }
}
