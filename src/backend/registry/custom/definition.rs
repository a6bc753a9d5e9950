//! What a definition's schema must be like: structural, so that it says of every field what it is.
//!
//! Source: `apiextensions-apiserver/pkg/apiserver/schema/validation.go` and
//! `pkg/apis/apiextensions/validation`.

use serde_json::json;

use super::defaults;
use crate::backend::registry::{FieldError, FieldErrors};
use crate::go::regexp;
use crate::object::{Meta, Object};

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Keywords of JSON schema that definitions cannot have.
const FORBIDDEN: &[&str] = &["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];
const TYPES: &[&str] = &["array", "boolean", "integer", "number", "object", "string"];
/// Keywords that combine schemas.
const COMBINED: &[&str] = &["allOf", "anyOf", "oneOf"];
/// Keywords that say what a value is, not what it may be; they cannot stand in combined schemas.
const STRUCTURE: &[(&str, &str)] = &[
    ("type", "must be empty to be structural"),
    ("additionalProperties", "must be undefined to be structural"),
    ("title", "must be empty to be structural"),
    ("description", "must be empty to be structural"),
    ("default", "must be undefined to be structural"),
    ("nullable", "must be false to be structural"),
    ("x-kubernetes-preserve-unknown-fields", "must be false to be structural"),
    ("x-kubernetes-embedded-resource", "must be false to be structural"),
    ("x-kubernetes-int-or-string", "must be false to be structural"),
    ("x-kubernetes-list-map-keys", "must be empty to be structural"),
    ("x-kubernetes-list-type", "must be undefined to be structural"),
    ("x-kubernetes-map-type", "must be undefined to be structural"),
];

/// What is wrong with the schema at a path of a definition.
pub fn faults(schema: &Object, path: &str) -> FieldErrors {
    let mut standard = FieldErrors::new();
    if schema.bool_at(&["nullable"]) {
        standard.push(FieldError::forbidden(child(path, "nullable"), "nullable cannot be true at the root"));
    }
    if has_dialect(schema) {
        standard.push(FieldError::invalid(path, "", "OpenAPIV3Schema 'schema' is not supported"));
    }
    let name = schema.at(&["properties", "metadata", "properties", "name", "default"]);
    if name.is_some_and(|default| !default.is_null()) {
        let at = format!("{path}.properties[metadata].properties[name].default");
        standard.push(FieldError::forbidden(at, "must not be set in top-level metadata"));
    }
    keywords(schema, path, &mut standard);
    if !standard.is_empty() {
        return standard;
    }
    let mut found = FieldErrors::new();
    invariants(schema, Level::Root, path, &mut found);
    complete(schema, Some(schema), path, &mut found);
    if found.is_empty() {
        found = defaults::faults(schema, path);
    }
    found.sort_by_key(ToString::to_string);
    found
}

/// Whether a schema says which JSON schema it is.
fn has_dialect(schema: &Object) -> bool {
    schema.get("$schema").is_some() || inner(schema, "").iter().any(|(_, schema)| has_dialect(schema))
}

fn child(path: &str, field: &str) -> String {
    format!("{path}.{field}")
}

fn properties(schema: &Object) -> impl Iterator<Item = (&String, &Object)> {
    schema.get("properties").and_then(Object::as_object).into_iter().flatten()
}

/// The schemas right in a schema with their paths.
pub(super) fn inner<'a>(schema: &'a Object, path: &str) -> Vec<(String, &'a Object)> {
    let mut all: Vec<(String, &Object)> =
        properties(schema).map(|(name, of)| (format!("{path}.properties[{name}]"), of)).collect();
    for field in ["items", "additionalProperties", "not"] {
        all.extend(schema.get(field).filter(|of| of.is_object()).map(|of| (child(path, field), of)));
    }
    for field in COMBINED {
        let list = schema.list_at(&[field]).iter().enumerate();
        all.extend(list.map(|(index, of)| (format!("{path}.{field}[{index}]"), of)));
    }
    all
}

/// Keywords and types that there are not.
fn keywords(schema: &Object, path: &str, found: &mut FieldErrors) {
    let kind = schema.str_at(&["type"]);
    if !kind.is_empty() && kind != "null" && !TYPES.contains(&kind) {
        found.push(FieldError::not_supported(child(path, "type"), kind, TYPES));
    }
    let pattern = schema.str_at(&["pattern"]);
    if let Some(why) = regexp::fault(pattern) {
        let why = format!("must be a valid regular expression, but isn't: {why}");
        found.push(FieldError::invalid(child(path, "pattern"), pattern, why));
    }
    for keyword in FORBIDDEN.iter().filter(|keyword| schema.get(**keyword).is_some()) {
        found.push(FieldError::forbidden(child(path, keyword), format!("{keyword} is not supported")));
    }
    if kind == "null" {
        let why = "type cannot be set to null, use nullable as an alternative";
        found.push(FieldError::forbidden(child(path, "type"), why));
    }
    if schema.bool_at(&["uniqueItems"]) {
        let why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        found.push(FieldError::forbidden(child(path, "uniqueItems"), why));
    }
    if schema.get("items").is_some_and(Object::is_array) {
        found.push(FieldError::forbidden(child(path, "items"), "items must be a schema object and not an array"));
    }
    let named = schema.get("properties").and_then(Object::as_object).is_some_and(|named| !named.is_empty());
    let rest = schema.get("additionalProperties");
    if named && rest.is_some_and(|rest| *rest != Object::Bool(true)) {
        let why = "additionalProperties and properties are mutual exclusive";
        found.push(FieldError::forbidden(child(path, "additionalProperties"), why));
    }
    if named && rest == Some(&Object::Bool(false)) {
        found.push(FieldError::forbidden(
            child(path, "additionalProperties"),
            "additionalProperties cannot be set to false",
        ));
    }
    if schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Object::Bool(false)) {
        let at = child(path, "x-kubernetes-preserve-unknown-fields");
        found.push(FieldError::invalid(at, false, "must be true or undefined"));
    }
    let items = schema.get("items").filter(|items| items.str_at(&["type"]) == "object");
    if let Some(items) = items.filter(|_| schema.str_at(&["x-kubernetes-list-type"]) == "set")
        && items.str_at(&["x-kubernetes-map-type"]) != "atomic"
    {
        let value = items.get("x-kubernetes-map-type").cloned().unwrap_or_default();
        let why = "must be atomic as item of a list with x-kubernetes-list-type=set";
        found.push(FieldError::invalid(child(path, "items.x-kubernetes-map-type"), value, why));
    }
    let list = schema.str_at(&["x-kubernetes-list-type"]);
    if list == "set" && schema.at(&["items"]).is_some_and(|items| items.bool_at(&["nullable"])) {
        let why = format!("cannot be nullable when x-kubernetes-list-type is {list}");
        found.push(FieldError::forbidden(child(path, "items.nullable"), why));
    }
    lists(schema, path, found);
    for (path, schema) in inner(schema, path) {
        keywords(schema, &path, found);
    }
}

/// Types of lists and maps.
fn lists(schema: &Object, path: &str, found: &mut FieldErrors) {
    let kind = schema.str_at(&["type"]);
    let (list, map) = (schema.str_at(&["x-kubernetes-list-type"]), schema.str_at(&["x-kubernetes-map-type"]));
    let keys: Vec<&str> = schema.list_at(&["x-kubernetes-list-map-keys"]).iter().filter_map(Object::as_str).collect();
    if !list.is_empty() && kind != "array" {
        let at = child(path, "type");
        let why = "must be array if x-kubernetes-list-type is specified";
        found.push(if kind.is_empty() { FieldError::required(at, why) } else { FieldError::invalid(at, kind, why) });
    } else if !list.is_empty() && !["atomic", "set", "map"].contains(&list) {
        found.push(FieldError::not_supported(child(path, "x-kubernetes-list-type"), list, &["atomic", "set", "map"]));
    }
    if !map.is_empty() && kind != "object" {
        let at = child(path, "type");
        let why = "must be object if x-kubernetes-map-type is specified";
        found.push(if kind.is_empty() { FieldError::required(at, why) } else { FieldError::invalid(at, kind, why) });
    } else if !map.is_empty() && !["atomic", "granular"].contains(&map) {
        found.push(FieldError::not_supported(child(path, "x-kubernetes-map-type"), map, &["atomic", "granular"]));
    }
    let keys_at = child(path, "x-kubernetes-list-map-keys");
    if !keys.is_empty() && list != "map" {
        let (at, why) =
            (child(path, "x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty");
        found.push(if list.is_empty() { FieldError::required(at, why) } else { FieldError::invalid(at, list, why) });
    }
    if list != "map" {
        return;
    }
    if keys.is_empty() {
        found.push(FieldError::required(keys_at.clone(), "must not be empty if x-kubernetes-list-type is map"));
    }
    let items = schema.get("items").cloned().unwrap_or_else(|| json!({}));
    if items.str_at(&["type"]) != "object" {
        let why = "must be object if parent array's x-kubernetes-list-type is map";
        found.push(FieldError::invalid(child(path, "items.type"), items.str_at(&["type"]), why));
        return;
    }
    let required = items.list_at(&["required"]);
    if keys.iter().enumerate().any(|(at, key)| keys.iter().take(at).any(|other| other == key)) {
        found.push(FieldError::invalid(keys_at.clone(), json!(keys), "must not contain duplicate entries"));
    }
    for key in &keys {
        let kind = items.at(&["properties", key]).map_or("", |property| property.str_at(&["type"]));
        if matches!(kind, "object" | "array") {
            let at = format!("{path}.items.properties[{key}].type");
            let why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            found.push(FieldError::invalid(at, kind, why));
        }
        match items.at(&["properties", key]) {
            None => {
                let why = "entries must all be names of item properties";
                found.push(FieldError::invalid(keys_at.clone(), json!(keys), why));
            }
            Some(property) if property.get("default").is_none() && !required.iter().any(|name| name == key) => {
                let at = format!("{path}.items.properties[{key}].default");
                let why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                found.push(FieldError::required(at, why));
            }
            Some(_) => {}
        }
    }
}

/// What holds for every schema that is part of the structure.
fn invariants(schema: &Object, level: Level, path: &str, found: &mut FieldErrors) {
    let flag = |name: &str| schema.bool_at(&[name]);
    let (embedded, keeps) = (flag("x-kubernetes-embedded-resource"), flag("x-kubernetes-preserve-unknown-fields"));
    let either = flag("x-kubernetes-int-or-string");
    let kind = schema.str_at(&["type"]);
    let at = child(path, "type");
    if kind == "array" && schema.get("items").is_none() {
        found.push(FieldError::required(child(path, "items"), "must be specified"));
    }
    if let Some(items) = schema.get("items") {
        invariants(items, Level::Item, &child(path, "items"), found);
    }
    for (name, property) in properties(schema) {
        invariants(property, Level::Field, &format!("{path}.properties[{name}]"), found);
    }
    if let Some(rest) = schema.get("additionalProperties") {
        let at = child(path, "additionalProperties");
        if level == Level::Root {
            found.push(FieldError::forbidden(at.clone(), "must not be used at the root"));
        }
        if rest.is_object() {
            invariants(rest, Level::Field, &at, found);
        }
    }
    if either && keeps {
        let at = child(path, "x-kubernetes-preserve-unknown-fields");
        found.push(FieldError::invalid(at, true, "must be false if x-kubernetes-int-or-string is true"));
    }
    if either && embedded {
        let at = child(path, "x-kubernetes-embedded-resource");
        found.push(FieldError::invalid(at, true, "must be false if x-kubernetes-int-or-string is true"));
    }
    if embedded && kind != "object" {
        let why = "must be object if x-kubernetes-embedded-resource is true";
        found.push(match kind {
            "" => FieldError::required(at.clone(), why),
            kind => FieldError::invalid(at.clone(), kind, why),
        });
    } else if kind.is_empty() && !either && !keeps {
        let why = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        found.push(FieldError::required(at.clone(), why));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        found.push(FieldError::invalid(at, kind, "must be object at the root"));
    }
    if level == Level::Root || embedded {
        for name in ["kind", "apiVersion"] {
            let kind = schema.at(&["properties", name]).map(|property| property.str_at(&["type"]));
            if let Some(kind) = kind.filter(|kind| *kind != "string") {
                found.push(FieldError::invalid(format!("{path}.properties[{name}].type"), kind, "must be string"));
            }
        }
        if let Some(metadata) = schema.at(&["properties", "metadata"]) {
            metadata_schema(metadata, level, &format!("{path}.properties[metadata]"), found);
        }
    }
    if embedded && !keeps && properties(schema).next().is_none() {
        let why =
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        found.push(FieldError::required(child(path, "properties"), why));
    }
    let pattern = is_int_or_string(schema);
    for (index_path, combined) in combined(schema, path) {
        let usual = pattern && (index_path.contains(".anyOf[") || index_path.ends_with(".allOf[0]"));
        if !usual {
            nested(combined, &index_path, found);
        }
    }
}

fn metadata_schema(metadata: &Object, level: Level, path: &str, found: &mut FieldErrors) {
    let kind = metadata.str_at(&["type"]);
    if kind != "object" {
        found.push(FieldError::invalid(child(path, "type"), kind, "must be object"));
    }
    let only_names = properties(metadata).all(|(name, _)| matches!(name.as_str(), "name" | "generateName"));
    let others = metadata.as_object().is_some_and(|map| {
        map.keys().any(|key| !matches!(key.as_str(), "type" | "properties" | "default") && !key.starts_with("min"))
    });
    if level == Level::Root && (!only_names || others) {
        let why = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        found.push(FieldError::forbidden(path, why));
    }
}

/// Whether a schema says in the usual way that its value is a number or text.
fn is_int_or_string(schema: &Object) -> bool {
    let both = json!([{"type": "integer"}, {"type": "string"}]);
    schema.bool_at(&["x-kubernetes-int-or-string"])
        && (schema.get("anyOf") == Some(&both)
            || schema.list_at(&["allOf"]).first().is_some_and(|first| first.get("anyOf") == Some(&both)))
}

/// The schemas that are combined in one, with their paths.
fn combined<'a>(schema: &'a Object, path: &str) -> Vec<(String, &'a Object)> {
    let mut all = Vec::new();
    for field in COMBINED {
        let list = schema.list_at(&[field]).iter().enumerate();
        all.extend(list.map(|(index, of)| (format!("{path}.{field}[{index}]"), of)));
    }
    all.extend(schema.get("not").map(|of| (child(path, "not"), of)));
    all
}

/// What holds for schemas that only restrict values.
fn nested(schema: &Object, path: &str, found: &mut FieldErrors) {
    for (keyword, why) in STRUCTURE {
        let value = schema.get(*keyword).filter(|value| !matches!(value, Object::Bool(false)));
        if value.is_some() {
            found.push(FieldError::forbidden(child(path, keyword), *why));
        }
    }
    for (path, schema) in inner(schema, path) {
        nested(schema, &path, found);
    }
}

/// Whether what is restricted in combined schemas is part of the structure as well.
fn complete(restricts: &Object, structure: Option<&Object>, path: &str, found: &mut FieldErrors) {
    for (path, schema) in combined(restricts, path) {
        for (name, property) in properties(schema) {
            let own = structure.and_then(|structure| structure.at(&["properties", name]));
            let at = format!("{path}.properties[{name}]");
            match own {
                Some(own) => complete(property, Some(own), &at, found),
                None => {
                    let at = at.replacen(&path, path.split(".allOf[").next().unwrap_or(&path), 1);
                    let why = format!("because it is defined in {path}.properties[{name}]");
                    found.push(FieldError::required(at, why));
                }
            }
        }
        complete(schema, structure, &path, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_not_structural() {
        for (schema, want) in [
            (json!({"type": "object", "properties": {"spec": {"type": "object"}}}), &[][..]),
            (json!({}), &["s.type: Required value: must not be empty at the root"]),
            (json!({"type": "string"}), &["s.type: Invalid value: \"string\": must be object at the root"]),
            (
                json!({"type": "object", "properties": {"spec": {"properties": {"a": {"type": "array"}}}}}),
                &[
                    "s.properties[spec].properties[a].items: Required value: must be specified",
                    "s.properties[spec].type: Required value: must not be empty for specified object fields",
                ],
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "text"}}}),
                &[
                    "s.properties[a].type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
                ],
            ),
            (
                json!({"type": "object", "properties": {"a": {
                    "x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}],
                }}}),
                &[],
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "string", "anyOf": [{"type": "string"}]}}}),
                &["s.properties[a].anyOf[0].type: Forbidden: must be empty to be structural"],
            ),
            (
                json!({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}}),
                &[
                    "s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
                ],
            ),
            (json!({"type": "object", "$ref": "x"}), &["s.$ref: Forbidden: $ref is not supported"]),
        ] {
            let found: Vec<String> = faults(&schema, "s").iter().map(ToString::to_string).collect();
            assert_eq!(found, want, "{schema}");
        }
    }
}
