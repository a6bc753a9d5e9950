//! An OpenAPI document of version 3, of which only the schemas that are asked for are read.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::object::Meta;

/// The document of one group version.
pub struct Document<'a> {
    paths: HashMap<String, &'a RawValue>,
    schemas: BTreeMap<String, Lazy<'a>>,
}

/// A schema, read when it is first asked for.
struct Lazy<'a> {
    raw: &'a RawValue,
    read: OnceCell<Value>,
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow, default)]
    paths: HashMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    components: Components<'a>,
}

#[derive(Default, Deserialize)]
struct Components<'a> {
    #[serde(borrow, default)]
    schemas: BTreeMap<String, &'a RawValue>,
}

/// Of a schema only the kinds that it is of.
#[derive(Deserialize)]
struct Kinds {
    #[serde(rename = "x-kubernetes-group-version-kind", default)]
    kinds: Value,
}

const KIND: &str = "x-kubernetes-group-version-kind";
/// The methods of a path that may say which kind it is about.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl<'a> Document<'a> {
    /// Reads a document's outline.
    ///
    /// # Errors
    /// Text that is no such document.
    pub fn parse(text: &'a [u8]) -> serde_json::Result<Self> {
        let outline: Outline<'a> = serde_json::from_slice(text)?;
        let schemas = outline.components.schemas.into_iter();
        let schemas = schemas.map(|(name, raw)| (name, Lazy { raw, read: OnceCell::new() })).collect();
        Ok(Self { paths: outline.paths, schemas })
    }

    /// The kind that the operations of a resource are about: `group`, `kind` and `version`.
    pub(super) fn kind_of(&self, group: &str, version: &str, resource: &str) -> Option<Value> {
        let prefix = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
        let places = [
            format!("{prefix}/{version}/namespaces/{{namespace}}/{resource}/{{name}}"),
            format!("{prefix}/{version}/namespaces/{{namespace}}/{resource}"),
            format!("{prefix}/{version}/{resource}/{{name}}"),
            format!("{prefix}/{version}/{resource}"),
        ];
        places.iter().filter_map(|place| self.paths.get(place)).find_map(|raw| {
            let operations: Value = serde_json::from_str(raw.get()).ok()?;
            METHODS.iter().find_map(|method| operations.at(&[method, KIND]).filter(|kind| is_true(kind)).cloned())
        })
    }

    /// The schema of a kind, the first by name where several are.
    pub(super) fn schema_of(&self, kind: &Value) -> Option<&Value> {
        let is_of = |schema: &&Lazy<'_>| {
            let kinds = serde_json::from_str::<Kinds>(schema.raw.get()).map(|of| of.kinds).unwrap_or_default();
            kinds.as_array().is_some_and(|kinds| kinds.contains(kind))
        };
        self.schemas.values().find(is_of).and_then(Lazy::value)
    }

    /// The schema that a reference (`#/components/schemas/NAME`) leads to.
    pub(super) fn resolve(&self, reference: &str) -> Option<&Value> {
        self.schemas.get(reference.strip_prefix("#/components/schemas/")?).and_then(Lazy::value)
    }

    /// A schema, or what it refers to.
    pub(super) fn follow<'b>(&'b self, schema: &'b Value) -> &'b Value {
        self.resolve(schema.str_at(&["$ref"])).unwrap_or(schema)
    }
}

impl Lazy<'_> {
    fn value(&self) -> Option<&Value> {
        let read = || serde_json::from_str(self.raw.get()).unwrap_or_default();
        Some(self.read.get_or_init(read)).filter(|value| value.is_object())
    }
}

/// Whether a value counts as something in a template's condition.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}
