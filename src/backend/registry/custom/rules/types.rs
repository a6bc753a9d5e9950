//! Schemas as types: what rules may name (`apiserver/pkg/cel/common/schemas.go`, `escaping.go`).

use std::borrow::Cow;
use std::sync::Arc;

use crate::object::cel::{Field, Fields, Identity, ListOf, RESERVED, Type};
use crate::object::{Meta, Object};

/// Words of the language besides those that are reserved, which fields are not spelled like either.
const WORDS: [&str; 4] = ["true", "false", "null", "in"];

/// How a field is spelled in rules; `None` where it cannot be.
pub fn spelled(name: &str) -> Option<Cow<'_, str>> {
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if WORDS.contains(&name) || RESERVED.contains(&name) {
        return Some(format!("__{name}__").into());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(plain) && !name.contains("__") {
        return Some(name.into());
    }
    let mut out = String::with_capacity(name.len() + 8);
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '_' if chars.peek() == Some(&'_') => {
                chars.next();
                out.push_str("__underscores__");
            }
            '.' => out.push_str("__dot__"),
            '-' => out.push_str("__dash__"),
            '/' => out.push_str("__slash__"),
            c if plain(c) => out.push(c),
            _ => return None,
        }
    }
    Some(out.into())
}

/// The fields of an object's schema.
#[derive(Debug)]
struct Known {
    name: String,
    /// As spelled in rules, as named in the data, and of what type.
    fields: Vec<(String, String, Type)>,
}

impl Fields for Known {
    fn name(&self) -> &str {
        &self.name
    }

    fn field(&self, name: &str) -> Option<Field<'_>> {
        let (_, own, of) = self.fields.iter().find(|(spelled, _, _)| spelled == name)?;
        Some(Field { name: Cow::Borrowed(own), of: of.clone() })
    }

    fn spelled<'a>(&self, name: &'a str) -> Option<Cow<'a, str>> {
        spelled(name)
    }
}

/// A type that an object's field names make.
pub fn object(name: &str, fields: Vec<(&str, Type)>) -> Type {
    let fields = fields.into_iter().map(|(field, of)| (field.to_owned(), field.to_owned(), of)).collect();
    Type::Object(Arc::new(Known { name: name.to_owned(), fields }))
}

/// The type of a schema, if rules may see it. Objects of their own (`root`) have a kind and a name,
/// whatever the schema says.
pub fn declared(schema: &Object, root: bool, name: &str) -> Option<Type> {
    if schema.bool_at(&["x-kubernetes-int-or-string"]) {
        return Some(Type::Dyn);
    }
    Some(match schema.str_at(&["type"]) {
        "array" => {
            let items = schema.get("items")?;
            let embedded = items.bool_at(&["x-kubernetes-embedded-resource"]);
            let item = declared(items, embedded, &format!("{name}.@idx"))?;
            let keys = || schema.list_at(&["x-kubernetes-list-map-keys"]).iter().filter_map(Object::as_str);
            let identity = match schema.str_at(&["x-kubernetes-list-type"]) {
                "map" => Identity::Keys(keys().map(str::to_owned).collect()),
                "set" => Identity::Value,
                _ => Identity::Place,
            };
            Type::List(Arc::new(ListOf { item, identity }))
        }
        "object" => {
            if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
                let embedded = values.bool_at(&["x-kubernetes-embedded-resource"]);
                return Some(Type::map(Type::String, declared(values, embedded, &format!("{name}.@elem"))?));
            }
            let mut fields = Vec::new();
            for (own, property) in schema.get("properties").and_then(Object::as_object).into_iter().flatten() {
                let Some(spelled) = spelled(own) else { continue };
                let embedded = property.bool_at(&["x-kubernetes-embedded-resource"]);
                if let Some(of) = declared(property, embedded, &format!("{name}.{spelled}")) {
                    fields.push((spelled.into_owned(), own.to_string(), of));
                }
            }
            if root {
                let names = || vec![("name", Type::String), ("generateName", Type::String)];
                let metadata = object(&format!("{name}.metadata"), names());
                fields.retain(|(field, _, _)| !matches!(field.as_str(), "apiVersion" | "kind" | "metadata"));
                for (field, of) in [("apiVersion", Type::String), ("kind", Type::String), ("metadata", metadata)] {
                    fields.push((field.into(), field.into(), of));
                }
            }
            Type::Object(Arc::new(Known { name: name.to_owned(), fields }))
        }
        "string" => match schema.str_at(&["format"]) {
            "byte" => Type::Bytes,
            "duration" => Type::Duration,
            "date" | "date-time" => Type::Timestamp,
            _ => Type::String,
        },
        "boolean" => Type::Bool,
        "number" => Type::Double,
        "integer" => Type::Int,
        _ => return None,
    })
}
