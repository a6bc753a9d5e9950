//! Structural schemas: what is kept of an object and what is filled in.
//!
//! Schemas are those of the definition, as they are; the recursion is bounded by the object's depth,
//! which the JSON reader bounds.

use crate::object::{Meta, Object};

/// What every object has, whatever its schema says.
const META: &[&str] = &["apiVersion", "kind", "metadata"];

/// Up to where a float holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Drops what a schema does not know. Returns the paths of what was dropped, sorted.
pub(super) fn prune(schema: &Object, object: &mut Object) -> Vec<String> {
    let mut unknown = Vec::new();
    walk(Some(schema), object, true, false, &mut String::new(), &mut unknown);
    unknown.sort();
    unknown
}

/// The paths of what a schema of a part does not know, which is dropped; `embedded` for a part that is an object.
pub(super) fn unknown(schema: &Object, part: &mut Object, embedded: bool) -> Vec<String> {
    let mut unknown = Vec::new();
    walk(Some(schema), part, embedded, false, &mut String::new(), &mut unknown);
    unknown
}

/// `kept`: unknown fields stay, and what is known inside of them is still looked at.
fn walk(
    schema: Option<&Object>,
    value: &mut Object,
    root: bool,
    kept: bool,
    path: &mut String,
    unknown: &mut Vec<String>,
) {
    let says = |flag: &str| schema.is_some_and(|schema| schema.bool_at(&[flag]));
    let keeps = kept || says("x-kubernetes-preserve-unknown-fields");
    let embedded = root || says("x-kubernetes-embedded-resource");
    let length = path.len();
    match value {
        Object::Object(map) => map.retain(|name, value| {
            if embedded && META.contains(&name.as_str()) {
                return true;
            }
            if length > 0 {
                path.push('.');
            }
            path.push_str(name);
            let inner = schema.and_then(|schema| {
                let property = schema.at(&["properties", name]);
                property.or_else(|| schema.get("additionalProperties").filter(|inner| inner.is_object()))
            });
            // `additionalProperties: true` keeps the field and drops what is in it.
            let any = schema.is_some_and(|schema| schema.bool_at(&["additionalProperties"]));
            let stays = match inner {
                Some(_) => {
                    walk(inner, value, false, false, path, unknown);
                    true
                }
                None if any => {
                    walk(None, value, false, keeps, path, unknown);
                    true
                }
                None if keeps => true,
                None => {
                    unknown.push(path.clone());
                    false
                }
            };
            path.truncate(length);
            stays
        }),
        Object::Array(list) => {
            let items = schema.and_then(|schema| schema.get("items"));
            if keeps && items.is_none() {
                return;
            }
            for (index, value) in list.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                walk(items, value, false, keeps, path, unknown);
                path.truncate(length);
            }
        }
        // Whole numbers are written as such.
        Object::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < EXACT);
            if let Some(whole) = whole {
                *value = (whole as i64).into();
            }
        }
        _ => {}
    }
}

/// Fills in defaults, where there is no value or a null that the schema does not allow. Such nulls without
/// a default go.
pub(super) fn default(schema: &Object, value: &mut Object) {
    match value {
        Object::Object(map) => {
            for (name, property) in schema.get("properties").and_then(Object::as_object).into_iter().flatten() {
                let null = map.get(name).is_some_and(Object::is_null) && !property.bool_at(&["nullable"]);
                match property.get("default") {
                    Some(default) if null || !map.contains_key(name) => {
                        map.insert(name.clone(), default.clone());
                    }
                    _ => {}
                }
            }
            map.retain(|name, value| {
                let property = schema.at(&["properties", name]);
                let inner = property.or_else(|| schema.get("additionalProperties").filter(|inner| inner.is_object()));
                let Some(inner) = inner else { return true };
                if value.is_null() && !inner.bool_at(&["nullable"]) {
                    match inner.get("default") {
                        Some(default) => *value = default.clone(),
                        None => return false,
                    }
                }
                self::default(inner, value);
                true
            });
        }
        Object::Array(list) => {
            if let Some(items) = schema.get("items") {
                list.iter_mut().for_each(|value| default(items, value));
            }
        }
        _ => {}
    }
}
