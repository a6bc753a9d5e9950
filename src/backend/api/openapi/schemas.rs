//! `components.schemas`: the types that a document speaks of, and all that these are made of.

use serde_json::{Map, json};

use crate::backend::registry::custom;
use crate::object::builtin::Resource;
use crate::object::schema::{self, Field, Merging, Shape, Type, Zero};
use crate::object::{GroupVersionKind, Object};

/// The packages of the types' names, by their short names' start; all others are in `io.k8s.api`.
const PACKAGES: &[(&str, &str)] = &[
    ("meta.", "io.k8s.apimachinery.pkg.apis."),
    ("apiextensions.", "io.k8s.apiextensions-apiserver.pkg.apis."),
    ("apiregistration.", "io.k8s.kube-aggregator.pkg.apis."),
];
const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
const MICRO_TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

/// Collects types as they are referred to.
#[derive(Default)]
pub(super) struct Schemas {
    done: Map<String, Object>,
    /// Types that are referred to and not yet in `done`.
    open: Vec<&'static Type>,
}

impl Schemas {
    /// A reference to a built-in kind's type.
    pub fn kind(&mut self, gvk: &GroupVersionKind) -> Option<Object> {
        schema::of(gvk).map(|of| self.named(of))
    }

    /// A reference to a resource's type, or that of its lists.
    pub fn resource(&mut self, resource: &Resource, list: bool) -> Option<Object> {
        let mut gvk = resource.gvk();
        if list {
            gvk.kind.push_str("List");
        }
        if let Some(found) = self.kind(&gvk) {
            return Some(found);
        }
        let custom = custom::of(resource)?;
        // `example.org`'s types are `org.example.…`.
        let mut name: Vec<&str> = resource.group.split('.').rev().collect();
        name.extend([resource.version, resource.kind]);
        let name = name.join(".");
        let list_name = format!("{name}List");
        if !self.done.contains_key(&name) {
            let meta = schema::named("meta.v1.ObjectMeta").map(|of| self.named(of));
            let list_meta = schema::named("meta.v1.ListMeta").map(|of| self.named(of));
            self.done.insert(name.clone(), custom.published(&resource.gvk(), meta.as_ref()));
            let list_kind = if custom.list_kind.is_empty() { gvk.kind.clone() } else { custom.list_kind.clone() };
            self.done.insert(
                list_name.clone(),
                json!({
                    "type": "object",
                    "required": ["items"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "items": {"type": "array", "items": reference(&name)},
                        "kind": {"type": "string"},
                        "metadata": {"allOf": [list_meta]},
                    },
                    "x-kubernetes-group-version-kind": [
                        {"group": resource.group, "version": resource.version, "kind": list_kind},
                    ],
                }),
            );
        }
        Some(reference(if list { &list_name } else { &name }))
    }

    /// A reference to a type of the API machinery (`meta.v1.Status`).
    pub fn meta(&mut self, name: &str) -> Object {
        match schema::named(name) {
            Some(of) => self.named(of),
            None => {
                self.done.entry(PATCH).or_insert_with(|| json!({"type": "object"}));
                reference(PATCH)
            }
        }
    }

    /// All types, with those that they are made of.
    pub fn finish(mut self) -> Object {
        while let Some(of) = self.open.pop() {
            let built = self.build(of);
            self.done.insert(full_name(of.name()), built);
        }
        Object::Object(self.done)
    }

    fn named(&mut self, of: &'static Type) -> Object {
        let name = full_name(of.name());
        if !self.done.contains_key(&name) {
            // Claims the name, so that each type is built once.
            self.done.insert(name.clone(), Object::Null);
            self.open.push(of);
        }
        reference(&name)
    }

    fn build(&mut self, of: &'static Type) -> Object {
        let mut built = json!({"type": "object"});
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in of.fields() {
            properties.insert(field.name.into(), self.field(field));
            if field.required {
                required.push(field.name);
            }
        }
        if !properties.is_empty() {
            built["properties"] = properties.into();
        }
        if !required.is_empty() {
            built["required"] = required.into();
        }
        if of.atomic {
            built["x-kubernetes-map-type"] = "atomic".into();
        }
        let kinds = of.kinds().map(|gvk| json!({"group": gvk.group, "version": gvk.version, "kind": gvk.kind}));
        let kinds: Vec<Object> = kinds.collect();
        if !kinds.is_empty() {
            built["x-kubernetes-group-version-kind"] = kinds.into();
        }
        built
    }

    fn field(&mut self, field: &Field) -> Object {
        let mut shown = self.shape(&field.shape, field.zero == Zero::Written);
        let refers = shown.get("$ref").is_some();
        let default = match &field.default {
            Some(default) => Some(default.clone()),
            None if field.zero == Zero::Written && refers && matches!(field.shape, Shape::Object(_)) => Some(json!({})),
            None => None,
        };
        let extras = field_extras(field);
        if refers {
            shown = json!({"allOf": [shown]});
        }
        if let Some(default) = default {
            shown["default"] = default;
        }
        if !field.values.is_empty() {
            let at = if matches!(field.shape, Shape::List(_)) { &mut shown["items"] } else { &mut shown };
            at["enum"] = field.values.clone().into();
        }
        for (name, value) in extras {
            shown[name] = value;
        }
        shown
    }

    /// `written`: where a value is always there, the empty one is the default.
    fn shape(&mut self, shape: &Shape, written: bool) -> Object {
        let plain = |kind: &str, format: &str, default: Object| {
            let mut shown = json!({"type": kind});
            if !format.is_empty() {
                shown["format"] = format.into();
            }
            if written && !default.is_null() {
                shown["default"] = default;
            }
            shown
        };
        match shape {
            Shape::String => plain("string", "", "".into()),
            Shape::Int32 => plain("integer", "int32", 0.into()),
            Shape::Int64 => plain("integer", "int64", 0.into()),
            Shape::Double => plain("number", "double", 0.into()),
            Shape::Bool => plain("boolean", "", false.into()),
            Shape::Bytes => plain("string", "byte", Object::Null),
            Shape::Time => self.special(TIME, json!({"type": "string", "format": "date-time"})),
            Shape::MicroTime => self.special(MICRO_TIME, json!({"type": "string", "format": "date-time"})),
            Shape::Quantity => self.special(QUANTITY, json!({"oneOf": [{"type": "string"}, {"type": "number"}]})),
            Shape::IntOrString => self.special(
                INT_OR_STRING,
                json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}),
            ),
            Shape::AnyObject => json!({"type": "object"}),
            Shape::Any => json!({}),
            Shape::List(inner) => json!({"type": "array", "items": self.shape(inner, false)}),
            Shape::Map(inner) => json!({"type": "object", "additionalProperties": self.shape(inner, false)}),
            Shape::Object(name) => schema::named(name).map_or_else(|| json!({"type": "object"}), |of| self.named(of)),
        }
    }

    fn special(&mut self, name: &str, schema: Object) -> Object {
        self.done.entry(name).or_insert(schema);
        reference(name)
    }
}

fn field_extras(field: &Field) -> Vec<(&'static str, Object)> {
    let mut extras: Vec<(&'static str, Object)> = Vec::new();
    let list = matches!(field.shape, Shape::List(_));
    let merging = match field.merging {
        Merging::Default => None,
        Merging::Atomic => Some("atomic"),
        Merging::Set => Some("set"),
        Merging::Map => Some("map"),
    };
    if let Some(merging) = merging {
        extras.push((if list { "x-kubernetes-list-type" } else { "x-kubernetes-map-type" }, merging.into()));
    }
    if !field.list_keys.is_empty() {
        extras.push(("x-kubernetes-list-map-keys", field.list_keys.clone().into()));
    }
    let strategy = &field.strategy;
    let words = [(strategy.merge, "merge"), (strategy.retain_keys, "retainKeys"), (strategy.replace, "replace")];
    let words: Vec<&str> = words.iter().filter(|(there, _)| *there).map(|(_, word)| *word).collect();
    if !words.is_empty() {
        extras.push(("x-kubernetes-patch-strategy", words.join(",").into()));
    }
    if let Some(key) = field.merge_key {
        extras.push(("x-kubernetes-patch-merge-key", key.into()));
    }
    extras
}

fn full_name(name: &str) -> String {
    let package = PACKAGES.iter().find(|(start, _)| name.starts_with(start)).map_or("io.k8s.api.", |(_, full)| full);
    format!("{package}{name}")
}

fn reference(name: &str) -> Object {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
