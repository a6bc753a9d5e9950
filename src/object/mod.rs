//! Dynamic objects and Kubernetes facts, without I/O.
//!
//! An [`Object`] is a JSON value in the shape of a Kubernetes object. [`Meta`] reads the parts that
//! every object has; everything else is read by path.

pub mod builtin;
pub mod cel;
pub mod clock;
pub mod fields;
pub mod gvk;
pub mod intstr;
pub mod jq;
pub mod labels;
pub mod mask;
pub mod meta;
pub mod names;
pub mod number;
pub mod patch;
pub mod protobuf;
pub mod quantity;
pub mod raw;
pub mod schema;
pub mod spdy;
pub mod status;
pub mod time;
pub mod yaml;

pub use gvk::{GroupKind, GroupVersion, GroupVersionKind, GroupVersionResource};
pub use meta::Meta;
pub use status::Status;
pub use time::Timestamp;

/// A Kubernetes object, a list of them, or a part of one, as the JSON it is on the wire.
/// Maps are sorted by key, as kubectl prints them.
pub type Object = serde_json::Value;

/// What Go's `encoding/json` calls a value, where it says that one does not fit.
pub fn json_kind(value: &Object) -> &'static str {
    match value {
        Object::Null => "null",
        Object::Bool(_) => "bool",
        Object::Number(_) => "number",
        Object::String(_) => "string",
        Object::Array(_) => "array",
        Object::Object(_) => "object",
    }
}

/// The type that Go has a value in once it has read it from JSON, as `%T` writes it.
pub fn go_type(value: &Object) -> &'static str {
    match value {
        Object::Null => "<nil>",
        Object::Bool(_) => "bool",
        Object::Number(number) if number.is_f64() => "float64",
        Object::Number(_) => "int64",
        Object::String(_) => "string",
        Object::Array(_) => "[]interface {}",
        Object::Object(_) => "map[string]interface {}",
    }
}
