//! CustomResourceDefinitions: defaults, and what is wrong with one.
//! Source: `apiextensions/v1/defaults.go`, `apiextensions/validation/validation.go`.

use serde_json::json;

use super::rules::{Defaults, Rules, SPEC};
use crate::backend::registry::custom;
use crate::backend::registry::validation::Faults;
use crate::object::{Meta, Object, names};

/// Types of a column's values.
const COLUMN_TYPES: &[&str] = &["boolean", "date", "integer", "number", "string"];
/// Formats of a column's values.
const COLUMN_FORMATS: &[&str] = &["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
/// The most bytes of a text about a deprecation.
const WARNING_MAX: usize = 256;

pub(super) static DEFINITION: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |definition| {
        definition.or_text(&["spec", "scope"], "Namespaced");
        let kind = definition.str_at(&["spec", "names", "kind"]).to_owned();
        definition.or_text(&["spec", "names", "singular"], &kind.to_lowercase());
        definition.or_text(&["spec", "names", "listKind"], &format!("{kind}List"));
        definition.or_set(&["spec", "conversion"], json!({"strategy": "None"}));
        definition.with(&["spec", "conversion", "webhook", "clientConfig", "service"], |service| {
            service.or_set(&["port"], 443);
        });
    },
    validate,
    warnings: custom::formats::warnings,
    validate_update: |new, old, faults| {
        let conditions = old.list_at(&["status", "conditions"]).iter();
        let mut established = conditions.filter(|condition| condition.str_at(&["type"]) == "Established");
        if established.any(|condition| condition.str_at(&["status"]) == "True") {
            faults.immutable(new, old, &["spec", "scope"]);
            faults.immutable(new, old, &["spec", "names", "kind"]);
        }
        faults.immutable(new, old, &["spec", "group"]);
        faults.immutable(new, old, &["spec", "names", "plural"]);
    },
    ..Rules::CLUSTER
};

fn validate(definition: &Object, faults: &mut Faults) {
    let at = |path: &[&str]| definition.str_at(path);
    let (group, plural) = (at(&["spec", "group"]), at(&["spec", "names", "plural"]));
    if definition.name() != format!("{plural}.{group}") {
        faults.invalid("metadata.name", definition.name(), "must be spec.names.plural+\".\"+spec.group");
    }
    if group.is_empty() {
        faults.required("spec.group", "");
    } else {
        faults.complaints("spec.group", group, names::dns1123_subdomain(group));
        if !group.contains('.') {
            faults.invalid("spec.group", group, "should be a domain with at least one dot");
        }
    }
    faults.one_of("spec.scope", at(&["spec", "scope"]), &["Cluster", "Namespaced"]);
    let all = definition.list_at(&["spec", "versions"]);
    versions(all, faults);
    if definition.bool_at(&["spec", "preserveUnknownFields"]) {
        let why =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        faults.invalid("spec.preserveUnknownFields", true, why);
    }
    for field in ["plural", "singular", "kind", "listKind"] {
        if at(&["spec", "names", field]).is_empty() {
            faults.required(format!("spec.names.{field}"), "");
        }
    }
    given_names(definition, faults);
    conversion(definition, faults);
    faults.0.extend(custom::rules::check(definition));
}

fn versions(all: &[Object], faults: &mut Faults) {
    let mut seen: Vec<&str> = Vec::new();
    let mut twice = false;
    for (index, version) in all.iter().enumerate() {
        let name = version.str_at(&["name"]);
        twice |= seen.contains(&name);
        seen.push(name);
        faults.complaints(&format!("spec.versions[{index}].name"), name, names::dns1035_label(name));
        let Some(text) = version.get("deprecationWarning").and_then(Object::as_str) else { continue };
        let path = format!("spec.versions[{index}].deprecationWarning");
        if !version.bool_at(&["deprecated"]) {
            faults.invalid(path.as_str(), text, "can only be set for deprecated versions");
        }
        if text.is_empty() {
            faults.invalid(path.as_str(), text, "must not be an empty string");
        }
        if text.len() > WARNING_MAX {
            faults.invalid(path.as_str(), text, format!("must be <= {WARNING_MAX} characters long"));
        }
        if text.chars().any(char::is_control) {
            faults.invalid(path, text, "must only contain printable UTF-8 characters; non-printable character found");
        }
    }
    if twice {
        faults.invalid("spec.versions", shown(all), "must contain unique version names");
    }
    if all.iter().filter(|version| version.bool_at(&["storage"])).count() != 1 {
        faults.invalid("spec.versions", shown(all), "must have exactly one version marked as storage version");
    }
    for (path, version) in each(all, "schema") {
        match version.at(&["schema", "openAPIV3Schema"]) {
            None => {
                let path = path.unwrap_or_else(|| "spec.versions[0].schema".to_owned());
                faults.required(format!("{path}.openAPIV3Schema"), "");
            }
            Some(schema) => {
                let path = path.unwrap_or_else(|| "spec.validation".to_owned());
                faults.0.extend(custom::definition::faults(schema, &format!("{path}.openAPIV3Schema")));
            }
        }
    }
    for (path, version) in each(all, "subresources") {
        let path = path.unwrap_or_else(|| "spec.subresources".to_owned());
        scale(version, &format!("{path}.scale"), faults);
    }
    for (path, version) in each(all, "additionalPrinterColumns") {
        let path = path.unwrap_or_else(|| "spec.additionalPrinterColumns".to_owned());
        for (index, column) in version.list_at(&["additionalPrinterColumns"]).iter().enumerate() {
            self::column(column, &format!("{path}[{index}]"), faults);
        }
    }
    for (path, version) in each(all, "selectableFields") {
        let path = path.unwrap_or_else(|| "spec.selectableFields".to_owned());
        for (index, field) in version.list_at(&["selectableFields"]).iter().enumerate() {
            selectable(field, version, &format!("{path}[{index}].jsonPath"), faults);
        }
    }
}

/// The versions with the path of one of their fields; where all have the same, the first alone, without a
/// path: it is then the definition's own.
fn each<'a>(all: &'a [Object], field: &'static str) -> impl Iterator<Item = (Option<String>, &'a Object)> {
    let shared = all.first().is_some_and(|first| all.iter().all(|other| other.get(field) == first.get(field)));
    let count = if shared { 1 } else { all.len() };
    let path = move |index: usize| (!shared).then(|| format!("spec.versions[{index}].{field}"));
    all.iter().take(count).enumerate().map(move |(index, version)| (path(index), version))
}

/// The versions as the server shows them: by the names of its own fields, without what it keeps elsewhere.
fn shown(versions: &[Object]) -> Object {
    let own = |field: &'static str| each(versions, field).next().is_some_and(|(path, _)| path.is_some());
    let (schema, subresources) = (own("schema"), own("subresources"));
    let (columns, fields) = (own("additionalPrinterColumns"), own("selectableFields"));
    let show = |version: &Object| {
        let part = |field: &str, kept: bool| version.get(field).filter(|_| kept).cloned().unwrap_or_default();
        json!({
            "Name": version.str_at(&["name"]),
            "Served": version.bool_at(&["served"]),
            "Storage": version.bool_at(&["storage"]),
            "Deprecated": version.bool_at(&["deprecated"]),
            "DeprecationWarning": part("deprecationWarning", true),
            "Schema": part("schema", schema),
            "Subresources": part("subresources", subresources),
            "AdditionalPrinterColumns": part("additionalPrinterColumns", columns),
            "SelectableFields": part("selectableFields", fields),
        })
    };
    versions.iter().map(show).collect()
}

fn scale(version: &Object, path: &str, faults: &mut Faults) {
    let Some(scale) = version.at(&["subresources", "scale"]).filter(|scale| scale.is_object()) else { return };
    for (field, roots, why) in [
        ("specReplicasPath", &[".spec."][..], "should be a json path under .spec"),
        ("statusReplicasPath", &[".status."], "should be a json path under .status"),
        ("labelSelectorPath", &[".spec.", ".status."], "should be a json path under either .spec or .status"),
    ] {
        let (text, at) = (scale.str_at(&[field]), format!("{path}.{field}"));
        if text.is_empty() {
            if field != "labelSelectorPath" {
                faults.required(at, "");
            }
        } else if !text.starts_with('.') {
            faults.invalid(at, text, "must be a simple json path starting with .");
        } else if !roots.iter().any(|root| text.starts_with(root)) {
            faults.invalid(at, text, why);
        }
    }
}

fn column(column: &Object, path: &str, faults: &mut Faults) {
    let text = |field: &str| column.str_at(&[field]);
    if text("name").is_empty() {
        faults.required(format!("{path}.name"), "");
    }
    let types = format!("must be one of {}", COLUMN_TYPES.join(","));
    match text("type") {
        "" => faults.required(format!("{path}.type"), &types),
        kind if !COLUMN_TYPES.contains(&kind) => faults.invalid(format!("{path}.type"), kind, types),
        _ => {}
    }
    let format = text("format");
    if !format.is_empty() && !COLUMN_FORMATS.contains(&format) {
        let formats = format!("must be one of {}", COLUMN_FORMATS.join(","));
        faults.invalid(format!("{path}.format"), format, formats);
    }
    match text("jsonPath") {
        "" => faults.required(format!("{path}.JSONPath"), ""),
        json_path if !json_path.starts_with('.') => {
            faults.invalid(format!("{path}.JSONPath"), json_path, "must be a simple json path starting with .");
        }
        _ => {}
    }
}

fn selectable(field: &Object, version: &Object, path: &str, faults: &mut Faults) {
    let text = field.str_at(&["jsonPath"]);
    if text.is_empty() {
        return faults.required(path, "");
    }
    let mut schema = version.at(&["schema", "openAPIV3Schema"]);
    for name in text.trim_start_matches('.').split('.') {
        schema = schema.and_then(|schema| schema.at(&["properties", name]));
    }
    let Some(schema) = schema.filter(|_| text.starts_with('.')) else {
        return faults.invalid(path, text, "is an invalid path: does not refer to a valid field");
    };
    if text.starts_with(".metadata") {
        faults.invalid(path, text, "must not point to fields in metadata");
    }
    if !matches!(schema.str_at(&["type"]), "string" | "boolean" | "integer") {
        let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
        faults.invalid(path, text, why);
    }
}

/// What names may look like.
fn given_names(definition: &Object, faults: &mut Faults) {
    let names = definition.at(&["spec", "names"]).cloned().unwrap_or_default();
    let text = |field: &str| names.str_at(&[field]).to_owned();
    for field in ["plural", "singular"] {
        let name = text(field);
        if !name.is_empty() {
            faults.complaints(&format!("spec.names.{field}"), &name, names::dns1035_label(&name));
        }
    }
    for field in ["kind", "listKind"] {
        let name = text(field);
        let complaints = names::dns1035_label(&name.to_lowercase());
        if !name.is_empty() && !complaints.is_empty() {
            let why = format!("may have mixed case, but should otherwise match: {}", complaints.join(","));
            faults.invalid(format!("spec.names.{field}"), name, why);
        }
    }
    for field in ["shortNames", "categories"] {
        if field == "categories" && !text("kind").is_empty() && text("kind") == text("listKind") {
            faults.invalid("spec.names.listKind", text("listKind"), "kind and listKind may not be the same");
        }
        for (index, name) in names.list_at(&[field]).iter().filter_map(Object::as_str).enumerate() {
            faults.complaints(&format!("spec.names.{field}[{index}]"), name, names::dns1035_label(name));
        }
    }
}

fn conversion(definition: &Object, faults: &mut Faults) {
    let Some(conversion) = definition.at(&["spec", "conversion"]) else { return };
    let strategy = conversion.str_at(&["strategy"]);
    if !matches!(strategy, "None" | "Webhook") {
        faults.one_of("spec.conversion.strategy", strategy, &["None", "Webhook"]);
    }
    if strategy == "Webhook" {
        if conversion.at(&["webhook", "clientConfig"]).is_none() {
            let why = "required when strategy is set to Webhook";
            faults.required("spec.conversion.webhookClientConfig", why);
        }
        if conversion.list_at(&["webhook", "conversionReviewVersions"]).is_empty() {
            faults.required("spec.conversion.conversionReviewVersions", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Object {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "lamps.sea.example.org"},
            "spec": {
                "group": "sea.example.org", "scope": "Namespaced", "conversion": {"strategy": "None"},
                "names": {"plural": "lamps", "singular": "lamp", "kind": "Lamp", "listKind": "LampList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": {"type": "object", "properties": {"on": {"type": "boolean"}}}},
                }}}],
            },
        })
    }

    fn faults(change: impl FnOnce(&mut Object)) -> Vec<String> {
        let mut object = definition();
        change(&mut object);
        let mut faults = Faults::default();
        validate(&object, &mut faults);
        faults.0.iter().map(|fault| fault.to_string().chars().take(110).collect()).collect()
    }

    fn version(field: &'static str, value: Object) -> impl FnOnce(&mut Object) {
        move |object| object["spec"]["versions"][0][field] = value
    }

    #[test]
    fn says_what_is_wrong_with_a_definition() {
        assert!(faults(|_| {}).is_empty());
        let label = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with";
        let cut = |text: String| text.chars().take(110).collect::<String>();
        for (found, want) in [
            (faults(|object| object["spec"]["group"] = "org".into()), vec![
                "metadata.name: Invalid value: \"lamps.sea.example.org\": must be spec.names.plural+\".\"+spec.group".to_owned(),
                "spec.group: Invalid value: \"org\": should be a domain with at least one dot".to_owned(),
            ]),
            (faults(version("name", "V1".into())), vec![cut(format!("spec.versions[0].name: Invalid value: \"V1\": {label} an alphabetic"))]),
            (faults(version("schema", json!({}))), vec!["spec.versions[0].schema.openAPIV3Schema: Required value".to_owned()]),
            (faults(version("deprecationWarning", "x".into())), vec![
                "spec.versions[0].deprecationWarning: Invalid value: \"x\": can only be set for deprecated versions".to_owned(),
            ]),
            (faults(version("subresources", json!({"scale": {"specReplicasPath": "spec.x", "statusReplicasPath": ".spec.y"}}))), vec![
                "spec.subresources.scale.specReplicasPath: Invalid value: \"spec.x\": must be a simple json path starting with .".chars().take(110).collect(),
                "spec.subresources.scale.statusReplicasPath: Invalid value: \".spec.y\": should be a json path under .status".to_owned(),
            ]),
            (faults(version("additionalPrinterColumns", json!([{"type": "x", "jsonPath": "y"}]))), vec![
                "spec.additionalPrinterColumns[0].name: Required value".to_owned(),
                cut("spec.additionalPrinterColumns[0].type: Invalid value: \"x\": must be one of boolean,date,integer,number,string".to_owned()),
                cut("spec.additionalPrinterColumns[0].JSONPath: Invalid value: \"y\": must be a simple json path starting with .".to_owned()),
            ]),
            (faults(version("selectableFields", json!([{"jsonPath": ".spec.on"}, {"jsonPath": ".spec.off"}, {"jsonPath": ".spec"}]))), vec![
                "spec.selectableFields[1].jsonPath: Invalid value: \".spec.off\": is an invalid path: does not refer to a valid field".chars().take(110).collect(),
                cut("spec.selectableFields[2].jsonPath: Invalid value: \".spec\": must point to a field of type string, boolean or integer. Enum".to_owned()),
            ]),
            (faults(|object| object["spec"]["names"]["kind"] = "La_mp".into()), vec![
                cut(format!("spec.names.kind: Invalid value: \"La_mp\": may have mixed case, but should otherwise match: {label}")),
            ]),
            (faults(|object| object["spec"]["conversion"] = json!({"strategy": "Webhook"})), vec![
                "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook".to_owned(),
                "spec.conversion.conversionReviewVersions: Required value".to_owned(),
            ]),
        ] {
            assert_eq!(found, want);
        }
    }
}
