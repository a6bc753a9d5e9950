//! Whether an object has its type's form: the faults that an API server finds while it decodes.

use super::{Shape, Type};
use crate::go::base64;
use crate::object::Object;
use crate::object::quantity::Quantity;

/// What is wrong with the form of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// The first value of a wrong type. An API server refuses the object because of it.
    pub mismatch: Option<Mismatch>,
    /// Paths of fields that the type does not have, in the order of the object.
    pub unknown: Vec<String>,
}

impl Check {
    /// The faults of strict decoding: `unknown field "spec.foo"`.
    pub fn strict_errors(&self) -> Vec<String> {
        self.unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect()
    }
}

/// A value of a wrong type.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The kind of value does not fit.
    Kind {
        /// What was there: `string`, `number 1.5`, `bool`, `array`, `object`.
        got: String,
        /// The named type with the field.
        owner: &'static str,
        /// The field's path from the root, without indices and keys.
        path: String,
        /// What should be there.
        shape: Shape,
    },
    /// A text (of a time, quantity, base64) does not read.
    Text(String),
}

impl Mismatch {
    /// In the words of a JSON decoder: `json: cannot unmarshal string into Go struct field …`.
    pub fn json_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Kind { got, shape: shape @ (Shape::Time | Shape::MicroTime | Shape::IntOrString), .. } => {
                let wanted = if *shape == Shape::IntOrString { "int32" } else { "string" };
                format!("json: cannot unmarshal {got} into Go value of type {wanted}")
            }
            Self::Kind { got, owner, path, shape } => {
                let wanted = shape.go_type();
                if path.is_empty() {
                    return format!("json: cannot unmarshal {got} into Go value of type {wanted}");
                }
                format!("json: cannot unmarshal {got} into Go struct field {owner}.{path} of type {wanted}")
            }
        }
    }

    /// In the words of the converter that reads a patched object: `unrecognized type: int32`.
    pub fn converter_text(&self) -> String {
        let Self::Kind { got, shape, .. } = self else { return self.json_text() };
        let got = got.split(' ').next().unwrap_or_default();
        let kind = match got {
            "number" => "int64",
            "array" => "slice",
            "object" => "map",
            other => other,
        };
        match shape {
            Shape::Time | Shape::MicroTime | Shape::IntOrString | Shape::Quantity => self.json_text(),
            Shape::List(_) | Shape::Bytes => format!("cannot restore slice from {kind}"),
            Shape::Map(_) | Shape::AnyObject | Shape::Any => format!("cannot restore map from {kind}"),
            Shape::Object(_) => format!("cannot restore struct from: {kind}"),
            Shape::String if got == "number" => "cannot convert int64 to string".to_owned(),
            _ => format!("unrecognized type: {}", shape.go_type()),
        }
    }
}

/// Walks an object along its type.
pub fn check(of: &'static Type, object: &Object) -> Check {
    let mut walk = Walk { found: Check::default(), path: String::new(), exact: String::new() };
    match object {
        Object::Object(_) => walk.object(of, object),
        Object::Null => {}
        _ => walk.mismatch(object, "", &Shape::Object(of.name())),
    }
    walk.found
}

struct Walk {
    found: Check,
    /// Field names only, as decoders report them.
    path: String,
    /// With indices and keys, as strict errors report them.
    exact: String,
}

impl Walk {
    fn object(&mut self, of: &'static Type, object: &Object) {
        let Object::Object(map) = object else { return };
        for (name, value) in map {
            let exact = self.exact.len();
            if exact > 0 {
                self.exact.push('.');
            }
            self.exact.push_str(name);
            match of.field(name) {
                None => self.found.unknown.push(self.exact.clone()),
                Some(field) => {
                    let path = self.path.len();
                    if path > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(name);
                    self.value(of.short_name(), &field.shape, value);
                    self.path.truncate(path);
                }
            }
            self.exact.truncate(exact);
        }
    }

    fn value(&mut self, owner: &'static str, shape: &Shape, value: &Object) {
        match (shape, value) {
            (_, Object::Null) | (Shape::Any, _) | (Shape::AnyObject, Object::Object(_)) => {}
            (Shape::String, Object::String(_))
            | (Shape::Bool, Object::Bool(_))
            | (Shape::Double, Object::Number(_)) => {}
            (Shape::Int32, Object::Number(number)) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {}
            (Shape::Int64, Object::Number(number)) if number.as_i64().is_some() => {}
            (Shape::IntOrString, Object::String(_)) => {}
            (Shape::IntOrString, Object::Number(number))
                if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {}
            (Shape::Bytes, Object::String(text)) => {
                if let Err(error) = base64::decode(text) {
                    self.text(error.to_string());
                }
            }
            (Shape::Quantity, Object::String(text)) => {
                if let Err(error) = Quantity::parse(text.trim()) {
                    self.text(error.to_string());
                }
            }
            (Shape::Quantity, Object::Number(number)) => {
                if let Err(error) = Quantity::parse(&number.to_string()) {
                    self.text(error.to_string());
                }
            }
            (Shape::Quantity, _) => self.text(crate::object::quantity::QuantityError::Format.to_string()),
            (Shape::Time | Shape::MicroTime, Object::String(text)) => {
                if crate::object::time::parse_rfc3339(text).is_none() {
                    let form = if *shape == Shape::Time {
                        "2006-01-02T15:04:05Z07:00"
                    } else {
                        "2006-01-02T15:04:05.000000Z07:00"
                    };
                    self.text(format!("parsing time {text:?} as {form:?}: cannot parse {text:?} as \"2006\""));
                }
            }
            (Shape::List(element), Object::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    let exact = self.exact.len();
                    self.exact.push_str(&format!("[{index}]"));
                    self.value(owner, element, value);
                    self.exact.truncate(exact);
                }
            }
            (Shape::Map(element), Object::Object(map)) => {
                for (key, value) in map {
                    let exact = self.exact.len();
                    self.exact.push('.');
                    self.exact.push_str(key);
                    self.value(owner, element, value);
                    self.exact.truncate(exact);
                }
            }
            (Shape::Object(_), Object::Object(_)) => {
                if let Some(of) = shape.object() {
                    self.object(of, value);
                }
            }
            _ => self.mismatch(value, owner, shape),
        }
    }

    fn mismatch(&mut self, value: &Object, owner: &'static str, shape: &Shape) {
        let got = match value {
            Object::String(_) => "string".to_owned(),
            Object::Bool(_) => "bool".to_owned(),
            Object::Array(_) => "array".to_owned(),
            Object::Object(_) => "object".to_owned(),
            Object::Null => "null".to_owned(),
            // A number of the wrong kind is shown.
            Object::Number(number) if matches!(shape, Shape::Int32 | Shape::Int64 | Shape::IntOrString) => {
                format!("number {number}")
            }
            Object::Number(_) => "number".to_owned(),
        };
        if self.found.mismatch.is_none() {
            let path = self.path.clone();
            self.found.mismatch = Some(Mismatch::Kind { got, owner, path, shape: shape.clone() });
        }
    }

    fn text(&mut self, text: String) {
        self.found.mismatch.get_or_insert(Mismatch::Text(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::schema;
    use serde_json::json;

    fn of(object: &Object) -> Check {
        check(schema::of_object(object).expect("a built-in kind"), object)
    }

    #[test]
    fn names_unknown_fields() {
        let found = of(
            &json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "labels": {"any": "x"}},
            "spec": {"replicass": 1, "template": {"spec": {"containers": [{"name": "c", "imag": "x"}]}}}}),
        );
        assert_eq!(
            found.strict_errors(),
            ["unknown field \"spec.replicass\"", "unknown field \"spec.template.spec.containers[0].imag\""]
        );
        assert_eq!(found.mismatch, None);
    }

    #[test]
    fn words_mismatches_as_the_server_does() {
        let deployment = |spec: Object| json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec});
        for (spec, json_text, converter_text) in [
            (
                json!({"replicas": "x"}),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
                "unrecognized type: int32",
            ),
            (
                json!({"replicas": 1.5}),
                "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
                "unrecognized type: int32",
            ),
            (
                json!({"template": {"spec": {"containers": [{"image": 1}]}}}),
                "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.image of type string",
                "cannot convert int64 to string",
            ),
            (
                json!({"template": {"spec": {"containers": {}}}}),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
                "cannot restore slice from map",
            ),
            (
                json!({"template": {"metadata": {"labels": {"a": true}}}}),
                "json: cannot unmarshal bool into Go struct field ObjectMeta.spec.template.metadata.labels of type string",
                "unrecognized type: string",
            ),
            (
                json!("x"),
                "json: cannot unmarshal string into Go struct field Deployment.spec of type v1.DeploymentSpec",
                "cannot restore struct from: string",
            ),
        ] {
            let mismatch = of(&deployment(spec)).mismatch.expect("a mismatch");
            assert_eq!(mismatch.json_text(), json_text);
            assert_eq!(mismatch.converter_text(), converter_text);
        }
    }

    #[test]
    fn reads_texts_inside() {
        let secret = |value: &str| {
            of(&json!({"apiVersion": "v1", "kind": "Secret", "data": {"a": value}})).mismatch.map(|m| m.json_text())
        };
        assert_eq!(secret("aGVsbG8="), None);
        assert_eq!(secret("a GV"), Some("illegal base64 data at input byte 1".into()));
        assert_eq!(secret("abcde"), Some("illegal base64 data at input byte 4".into()));
        assert_eq!(secret(""), None);
        let quota = of(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"cpu": "a lot"}}}));
        let text = quota.mismatch.map(|m| m.json_text()).unwrap_or_default();
        assert!(text.starts_with("quantities must match the regular expression"), "{text}");
    }
}
