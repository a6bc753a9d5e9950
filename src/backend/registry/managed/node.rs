//! How values are made up, from the types of built-in kinds and the schemas of custom ones.

use crate::backend::registry::custom;
use crate::object::builtin::Resource;
use crate::object::schema::{self, Field, Merging, Shape, Type};
use crate::object::{Meta, Object};

/// What is known of a value.
#[derive(Clone, Copy)]
pub enum Node {
    /// An object of a built-in type.
    Type(&'static Type),
    /// A value of a shape, with the field that holds it.
    Shape(&'static Shape, Option<&'static Field>),
    /// A value by a custom resource's schema; true for the object itself.
    Custom(&'static Object, bool),
    /// Nothing: maps are merged, lists are one value.
    Deduced,
}

/// How a value is merged.
pub enum Kind {
    /// As one value.
    Leaf,
    /// Field by field.
    Map,
    /// Item by item, told apart by their values.
    Set(Node),
    /// Item by item, told apart by keys.
    Keyed(Node, Vec<String>),
}

impl Node {
    /// The node of a resource's objects.
    pub fn of(resource: &Resource) -> Self {
        match (schema::of(&resource.gvk()), custom::of(resource)) {
            (Some(of), _) => Self::Type(of),
            (None, Some(custom)) => Self::Custom(custom.schema(), true),
            (None, None) => Self::Deduced,
        }
    }

    /// How a value of this kind is merged.
    pub fn kind(self, value: &Object) -> Kind {
        match self {
            Self::Type(of) if of.atomic => Kind::Leaf,
            Self::Type(_) => Kind::Map,
            Self::Shape(shape, field) => {
                let merging = field.map_or(Merging::Default, |field| field.merging);
                match (shape, merging) {
                    (Shape::Object(_) | Shape::Map(_), Merging::Atomic) => Kind::Leaf,
                    (Shape::Object(_), _) => shape.object().map_or(Kind::Leaf, |of| Self::Type(of).kind(value)),
                    (Shape::Map(_), _) => Kind::Map,
                    (Shape::List(element), Merging::Set) => Kind::Set(Self::Shape(element, None)),
                    (Shape::List(element), Merging::Map) => {
                        let keys = field.map(|field| field.list_keys.iter().map(|key| (*key).to_owned()).collect());
                        Kind::Keyed(Self::Shape(element, None), keys.unwrap_or_default())
                    }
                    _ => Kind::Leaf,
                }
            }
            Self::Custom(schema, _) => custom_kind(schema, value),
            Self::Deduced if value.is_object() => Kind::Map,
            Self::Deduced => Kind::Leaf,
        }
    }

    /// What is known of a field or of a map's value, and whether it is a field.
    pub fn child(self, name: &str) -> (Self, bool) {
        match self {
            Self::Type(of) => match of.field(name) {
                Some(field) => (Self::Shape(&field.shape, Some(field)), true),
                None => (Self::Deduced, false),
            },
            Self::Shape(Shape::Map(element), _) => (Self::Shape(element, None), false),
            Self::Shape(shape, _) => shape.object().map_or((Self::Deduced, false), |of| Self::Type(of).child(name)),
            Self::Custom(_, true) if name == "metadata" => {
                (schema::named("meta.v1.ObjectMeta").map_or(Self::Deduced, Self::Type), true)
            }
            Self::Custom(_, true) if matches!(name, "apiVersion" | "kind") => (Self::Deduced, true),
            Self::Custom(schema, _) => match (schema.at(&["properties", name]), schema.get("additionalProperties")) {
                (Some(property), _) => (Self::Custom(property, false), true),
                (None, Some(inner)) if inner.is_object() => (Self::Custom(inner, false), false),
                _ => (Self::Deduced, false),
            },
            Self::Deduced => (Self::Deduced, false),
        }
    }

    /// What is known of a field, or `None` where there is no such field.
    pub fn known(self, name: &str) -> Option<Self> {
        let (child, is_field) = self.child(name);
        let open = match self {
            Self::Type(_) => false,
            Self::Shape(shape, _) => shape.object().is_none(),
            Self::Custom(schema, _) => {
                !matches!(child, Self::Deduced) || schema.bool_at(&["x-kubernetes-preserve-unknown-fields"])
            }
            Self::Deduced => true,
        };
        (is_field || open).then_some(child)
    }

    /// What is known of a list's items.
    pub fn element(self) -> Self {
        match self {
            Self::Shape(Shape::List(element), _) => Self::Shape(element, None),
            Self::Custom(schema, _) => schema.get("items").map_or(Self::Deduced, |items| Self::Custom(items, false)),
            _ => Self::Deduced,
        }
    }

    /// The default of a list's key, which stands for one that is absent.
    pub fn key_default(self, key: &str) -> Option<Object> {
        match self.child(key).0 {
            Self::Shape(_, Some(field)) => field.default.clone(),
            Self::Custom(schema, _) => schema.get("default").cloned(),
            _ => None,
        }
    }
}

fn custom_kind(schema: &'static Object, value: &Object) -> Kind {
    let list_type = schema.str_at(&["x-kubernetes-list-type"]);
    let items = || schema.get("items").map_or(Node::Deduced, |items| Node::Custom(items, false));
    match schema.str_at(&["type"]) {
        "array" if list_type == "set" => Kind::Set(items()),
        "array" if list_type == "map" => {
            let keys = schema.list_at(&["x-kubernetes-list-map-keys"]).iter().filter_map(Object::as_str);
            Kind::Keyed(items(), keys.map(str::to_owned).collect())
        }
        "object" if schema.str_at(&["x-kubernetes-map-type"]) != "atomic" => Kind::Map,
        "" => Node::Deduced.kind(value),
        _ => Kind::Leaf,
    }
}

impl Kind {
    /// A list's items with the steps that lead to them.
    pub fn items<'a>(&self, list: &'a [Object]) -> Vec<(String, &'a Object)> {
        list.iter().map(|item| (self.step(item), item)).collect()
    }

    /// The step that leads to an item.
    pub fn step(&self, item: &Object) -> String {
        match self {
            Self::Keyed(element, keys) => {
                let value = |key: &String| item.get(key).cloned().or_else(|| element.key_default(key));
                let keys = keys.iter().filter_map(|key| Some((key.clone(), value(key)?)));
                format!("k:{}", Object::Object(keys.collect()))
            }
            _ => format!("v:{item}"),
        }
    }

    /// What is known of a list's items.
    pub fn element(&self) -> Node {
        match self {
            Self::Set(element) | Self::Keyed(element, _) => *element,
            _ => Node::Deduced,
        }
    }
}
