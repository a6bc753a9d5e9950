//! The defaults of a definition's schema, which must be what the schema allows
//! (`apiextensions-apiserver/pkg/apiserver/schema/defaulting`).

use super::{structural, validate};
use crate::backend::registry::{FieldError, FieldErrors};
use crate::object::{Meta, Object};

/// What every object has.
const META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What is wrong with the defaults in a schema at a path of a definition.
pub(super) fn faults(schema: &Object, path: &str) -> FieldErrors {
    let mut found = FieldErrors::new();
    walk(schema, path, true, &mut found);
    found
}

/// The depth is that of a schema that was read, which is bounded.
fn walk(schema: &Object, path: &str, embedded: bool, found: &mut FieldErrors) {
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        check(schema, default, &format!("{path}.default"), embedded, found);
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        walk(items, &format!("{path}.items"), embeds(items), found);
    }
    for (name, property) in schema.get("properties").and_then(Object::as_object).into_iter().flatten() {
        // What types and metadata may be is not the schema's to say.
        if !(embedded && META.contains(&name.as_str())) {
            walk(property, &format!("{path}.properties[{name}]"), embeds(property), found);
        }
    }
}

fn embeds(schema: &Object) -> bool {
    schema.bool_at(&["x-kubernetes-embedded-resource"])
}

fn check(schema: &Object, default: &Object, path: &str, embedded: bool, found: &mut FieldErrors) {
    if !structural::unknown(schema, &mut default.clone(), embedded).is_empty() {
        found.push(FieldError::invalid(path, default.clone(), "must not have unknown fields"));
    }
    for mut fault in validate::validate(schema, default, None) {
        fault.field = if fault.field == "<nil>" { path.to_owned() } else { format!("{path}.{}", fault.field) };
        found.push(fault);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_what_the_schema_allows() {
        for (schema, want) in [
            (json!({"type": "string", "default": "a"}), &[][..]),
            (json!({"type": "string", "default": null}), &[]),
            (
                json!({"type": "string", "default": 1}),
                &["s.properties[x].default: Invalid value: \"integer\":  in body must be of type string: \"integer\""],
            ),
            (
                json!({"type": "object", "default": {"a": 1}}),
                &["s.properties[x].default: Invalid value: {\"a\":1}: must not have unknown fields"],
            ),
            (
                json!({"type": "string", "enum": ["a"], "default": "b"}),
                &["s.properties[x].default: Unsupported value: \"b\": supported values: \"a\""],
            ),
            (
                json!({"type": "array", "items": {"type": "string"}, "default": [1]}),
                &[
                    "s.properties[x].default.[0]: Invalid value: \"integer\": [0] in body must be of type string: \"integer\"",
                ],
            ),
            (
                json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "default": {}}),
                &["s.properties[x].default.a: Required value"],
            ),
        ] {
            let whole = json!({"type": "object", "properties": {"x": schema}});
            let found: Vec<String> = faults(&whole, "s").iter().map(ToString::to_string).collect();
            assert_eq!(found, want, "{schema}");
        }
    }
}
