//! What a kustomization may hold: field names and types, checked with Go's words for what does not fit.

use crate::object::{Object, json_kind};

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A map of texts.
    Texts,
    /// A list.
    List(&'static Shape),
    /// A struct: its name in messages, its fields.
    Struct(&'static str, &'static [(&'static str, Shape)]),
    /// Anything.
    Any,
}

use Shape::{Any, Flag, List, Number, Struct, Text, Texts};

const TEXTS: Shape = List(&Text);
const META: Shape =
    Struct("ObjectMeta", &[("name", Text), ("namespace", Text), ("labels", Texts), ("annotations", Texts)]);
const FIELD_SPEC: Shape =
    Struct("FieldSpec", &[("group", Text), ("version", Text), ("kind", Text), ("path", Text), ("create", Flag)]);
const LABEL: Shape = Struct(
    "Label",
    &[("pairs", Texts), ("includeSelectors", Flag), ("includeTemplates", Flag), ("fields", List(&FIELD_SPEC))],
);
const SELECTOR: Shape = Struct(
    "Selector",
    &[
        ("group", Text),
        ("version", Text),
        ("kind", Text),
        ("name", Text),
        ("namespace", Text),
        ("annotationSelector", Text),
        ("labelSelector", Text),
    ],
);
const PATCH: Shape = Struct(
    "Patch",
    &[
        ("path", Text),
        ("patch", Text),
        ("target", SELECTOR),
        ("options", Struct("PatchArgs", &[("allowNameChange", Flag), ("allowKindChange", Flag)])),
    ],
);
const IMAGE: Shape =
    Struct("Image", &[("name", Text), ("newName", Text), ("tagSuffix", Text), ("newTag", Text), ("digest", Text)]);
const FIELD_OPTIONS: Shape =
    Struct("FieldOptions", &[("delimiter", Text), ("index", Number), ("encoding", Text), ("create", Flag)]);
const SOURCE: Shape = Struct(
    "SourceSelector",
    &[
        ("group", Text),
        ("version", Text),
        ("kind", Text),
        ("name", Text),
        ("namespace", Text),
        ("fieldPath", Text),
        ("options", FIELD_OPTIONS),
    ],
);
const TARGET: Shape = Struct(
    "TargetSelector",
    &[("select", SELECTOR), ("reject", List(&SELECTOR)), ("fieldPaths", TEXTS), ("options", FIELD_OPTIONS)],
);
/// An entry of `replacements`.
pub const REPLACEMENT: Shape = Struct(
    "ReplacementField",
    &[("path", Text), ("source", SOURCE), ("targets", List(&TARGET)), ("sourceValue", Text)],
);
const VAR: Shape = Struct(
    "Var",
    &[
        ("name", Text),
        (
            "objref",
            Struct(
                "Target",
                &[
                    ("apiVersion", Text),
                    ("group", Text),
                    ("version", Text),
                    ("kind", Text),
                    ("name", Text),
                    ("namespace", Text),
                ],
            ),
        ),
        ("fieldref", Struct("FieldSelector", &[("fieldPath", Text)])),
    ],
);
const OPTIONS: Shape = Struct(
    "GeneratorOptions",
    &[("labels", Texts), ("annotations", Texts), ("disableNameSuffixHash", Flag), ("immutable", Flag)],
);
const CONFIG_MAP: Shape = Struct(
    "ConfigMapArgs",
    &[
        ("namespace", Text),
        ("name", Text),
        ("behavior", Text),
        ("literals", TEXTS),
        ("files", TEXTS),
        ("envs", TEXTS),
        ("env", Text),
        ("options", OPTIONS),
    ],
);
const SECRET: Shape = Struct(
    "SecretArgs",
    &[
        ("namespace", Text),
        ("name", Text),
        ("behavior", Text),
        ("literals", TEXTS),
        ("files", TEXTS),
        ("envs", TEXTS),
        ("env", Text),
        ("options", OPTIONS),
        ("type", Text),
    ],
);
const SORT: Shape = Struct(
    "SortOptions",
    &[
        ("order", Text),
        ("legacySortOptions", Struct("LegacySortOptions", &[("orderFirst", TEXTS), ("orderLast", TEXTS)])),
    ],
);

/// A whole kustomization.
pub const KUSTOMIZATION: Shape = Struct(
    "Kustomization",
    &[
        ("kind", Text),
        ("apiVersion", Text),
        ("metadata", META),
        ("openapi", Texts),
        ("namePrefix", Text),
        ("nameSuffix", Text),
        ("namespace", Text),
        ("commonLabels", Texts),
        ("labels", List(&LABEL)),
        ("commonAnnotations", Texts),
        ("patchesStrategicMerge", TEXTS),
        ("patchesJson6902", List(&PATCH)),
        ("patches", List(&PATCH)),
        ("images", List(&IMAGE)),
        ("imageTags", List(&IMAGE)),
        ("replacements", List(&REPLACEMENT)),
        ("replicas", List(&Struct("Replica", &[("name", Text), ("count", Number)]))),
        ("vars", List(&VAR)),
        ("sortOptions", SORT),
        ("resources", TEXTS),
        ("components", TEXTS),
        ("crds", TEXTS),
        ("bases", TEXTS),
        ("configMapGenerator", List(&CONFIG_MAP)),
        ("secretGenerator", List(&SECRET)),
        ("helmGlobals", Any),
        ("helmCharts", List(&Any)),
        ("helmChartInflationGenerator", List(&Any)),
        ("generatorOptions", OPTIONS),
        ("configurations", TEXTS),
        ("generators", TEXTS),
        ("transformers", TEXTS),
        ("validators", TEXTS),
        ("buildMetadata", TEXTS),
    ],
);

impl Shape {
    /// The type's name in Go.
    fn go_type(&self) -> String {
        match self {
            Text => "string".into(),
            Number => "int64".into(),
            Flag => "bool".into(),
            Texts => "map[string]string".into(),
            List(element) => format!("[]{}", element.go_type()),
            Struct(name, _) => format!("types.{name}"),
            Any => "interface {}".into(),
        }
    }

    /// Brings a value into the form that fields are read from: names in their proper case, nothing that is null.
    ///
    /// # Errors
    /// An unknown field, a value of another type.
    pub fn fit(&self, value: Object) -> Result<Object, String> {
        self.fit_at(value, ("", &mut Vec::new()))
    }

    fn fit_at(&self, value: Object, at: (&'static str, &mut Vec<&'static str>)) -> Result<Object, String> {
        let (owner, path) = at;
        let misfit = |value: &str, of: String, path: &[&str]| {
            if owner.is_empty() {
                format!("json: cannot unmarshal {value} into Go value of type {of}")
            } else {
                format!("json: cannot unmarshal {value} into Go struct field {owner}.{} of type {of}", path.join("."))
            }
        };
        match (self, value) {
            (Any, value) => Ok(value),
            (Text, value @ Object::String(_)) | (Flag, value @ Object::Bool(_)) => Ok(value),
            (Number, Object::Number(number)) if number.is_i64() => Ok(Object::Number(number)),
            (Number, Object::Number(number)) => Err(misfit(&format!("number {number}"), self.go_type(), path)),
            (Texts, Object::Object(map)) => {
                let mut fitted = serde_json::Map::new();
                for (key, value) in map {
                    match value {
                        Object::Null => fitted.insert(key, Object::String(String::new())),
                        Object::String(_) => fitted.insert(key, value),
                        other => return Err(misfit(json_kind(&other), "string".into(), path)),
                    };
                }
                Ok(Object::Object(fitted))
            }
            (List(element), Object::Array(values)) => {
                let fit = |value| match value {
                    Object::Null => Ok(element.zero()),
                    value => element.fit_at(value, (owner, path)),
                };
                values.into_iter().map(fit).collect::<Result<Vec<_>, _>>().map(Object::Array)
            }
            (Struct(name, fields), Object::Object(map)) => {
                let mut fitted = serde_json::Map::new();
                for (key, value) in map {
                    let known = fields
                        .iter()
                        .find(|(field, _)| *field == key)
                        .or_else(|| fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(&key)));
                    let Some((field, shape)) = known else { return Err(format!("json: unknown field {key:?}")) };
                    if value.is_null() {
                        continue;
                    }
                    path.push(field);
                    let value = shape.fit_at(value, (name, path))?;
                    path.pop();
                    fitted.insert((*field).to_owned(), value);
                }
                Ok(Object::Object(fitted))
            }
            (_, value) => Err(misfit(json_kind(&value), self.go_type(), path)),
        }
    }

    fn zero(&self) -> Object {
        match self {
            Text => "".into(),
            Number => 0.into(),
            Flag => false.into(),
            List(_) => Object::Array(Vec::new()),
            Texts | Struct(..) => Object::Object(serde_json::Map::new()),
            Any => Object::Null,
        }
    }
}
