//! What the built-in types are made of: fields, their shapes, keys, enumerations and defaults.
//!
//! The facts are those of the OpenAPI schemas of a 1.36 API server, without their prose, kept as one
//! line a type (`data/schema-1.36.tsv`) and read when a type is first asked for:
//!
//! ```text
//! NAME <tab> GROUP/VERSION/KIND,… <tab> ["a"] <tab> FIELD …
//! FIELD = name ":" SHAPE ["!"] ["?" | "+" | "-"] ["@" LIST-TYPE ["(" key,… ")"]] ["~" STRATEGY ["/" merge-key]] ["=" default] {"|" value}
//! SHAPE = s string, i int32, l int64, n double, b boolean, y bytes, t time, m micro-time, q quantity,
//!         x int-or-string, o any object, j any value, "[" SHAPE list, "{" SHAPE map, ".NAME" another type
//! ```

mod check;
mod duplicates;
mod normalize;

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use super::{GroupVersionKind, Object};

pub use check::{Check, Mismatch, check};
pub use duplicates::{duplicate_fields, fields_in_order};
pub use normalize::normalize;

static FACTS: &str = include_str!("data/schema-1.36.tsv");

/// A line of the facts and the type read from it.
struct Entry {
    name: &'static str,
    kinds: &'static str,
    rest: &'static str,
    read: OnceLock<Type>,
}

/// Sorted by name.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry = |line: &'static str| {
        let mut columns = line.splitn(3, '\t');
        Some(Entry { name: columns.next()?, kinds: columns.next()?, rest: columns.next()?, read: OnceLock::new() })
    };
    let entries = FACTS.lines().filter_map(entry);
    #[cfg(test)]
    let entries = entries.chain(TEST_FACTS.lines().filter_map(entry));
    entries.collect()
});

/// Types of the patch tests, which sort after all others.
#[cfg(test)]
static TEST_FACTS: &str = include_str!("../../tests/data/patch/types.tsv");

impl Entry {
    fn get(&'static self) -> &'static Type {
        self.read.get_or_init(|| Type::read(self.name, self.kinds, self.rest))
    }
}

/// A type of objects with named fields.
#[derive(Debug)]
pub struct Type {
    name: &'static str,
    kinds: &'static str,
    /// Sorted by name.
    fields: Vec<Field>,
    /// Whether server-side apply treats it as one value.
    pub atomic: bool,
}

/// One field of a type.
#[derive(Debug)]
pub struct Field {
    /// The field's name in JSON.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether the schema demands it.
    pub required: bool,
    /// What a server writes where the field has no value.
    pub zero: Zero,
    /// How server-side apply merges it (`x-kubernetes-list-type`, `x-kubernetes-map-type`).
    pub merging: Merging,
    /// The keys of a [`Merging::Map`] list.
    pub list_keys: Vec<&'static str>,
    /// How strategic merge patches treat it.
    pub strategy: Strategy,
    /// The key by which strategic merge patches match the elements of a list of objects.
    pub merge_key: Option<&'static str>,
    /// What an absent field stands for, where that is more than the empty value.
    pub default: Option<Object>,
    /// The values that the schema allows; empty for any.
    pub values: Vec<&'static str>,
}

/// What becomes of a field without a value when a server writes an object: its types are Go's, which know
/// no absence but for pointers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Zero {
    /// A value is kept, whatever it is; an absent one stays absent. Empty lists and maps are dropped.
    #[default]
    Pointer,
    /// An empty value (`""`, `0`, `false`) is the same as none, and not written.
    Omitted,
    /// Always written: an absent value as an empty one.
    Written,
    /// Always written: an absent value as null.
    Null,
}

/// `x-kubernetes-list-type` and `x-kubernetes-map-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Merging {
    /// Not said: maps merge, lists are one value.
    #[default]
    Default,
    /// One value.
    Atomic,
    /// A list without order in which each scalar occurs once.
    Set,
    /// A list of objects told apart by [`Field::list_keys`].
    Map,
}

/// `x-kubernetes-patch-strategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Strategy {
    /// Lists are merged, by merge key or as sets.
    pub merge: bool,
    /// Maps are replaced rather than merged.
    pub replace: bool,
    /// Patches name the fields that stay.
    pub retain_keys: bool,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    String,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number.
    Double,
    /// True or false.
    Bool,
    /// Bytes, as base64 text.
    Bytes,
    /// A time, whole seconds.
    Time,
    /// A time with microseconds.
    MicroTime,
    /// A [`super::quantity::Quantity`].
    Quantity,
    /// A number or a text.
    IntOrString,
    /// An object with any fields.
    AnyObject,
    /// Any value.
    Any,
    /// A list.
    List(Box<Shape>),
    /// A map with any keys.
    Map(Box<Shape>),
    /// An object of a named type.
    Object(&'static str),
}

/// The type of a built-in kind.
pub fn of(gvk: &GroupVersionKind) -> Option<&'static Type> {
    static KINDS: OnceLock<HashMap<[&'static str; 3], usize>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let mut all = HashMap::new();
        for (place, entry) in ENTRIES.iter().enumerate() {
            for kind in entry.kinds.split(',') {
                let mut parts = kind.splitn(3, '/');
                if let (Some(group), Some(version), Some(kind)) = (parts.next(), parts.next(), parts.next()) {
                    all.entry([group, version, kind]).or_insert(place);
                }
            }
        }
        all
    });
    let place = kinds.get(&[gvk.group.as_str(), gvk.version.as_str(), gvk.kind.as_str()])?;
    ENTRIES.get(*place).map(Entry::get)
}

/// The type of an object, by its `apiVersion` and `kind`.
pub fn of_object(object: &Object) -> Option<&'static Type> {
    of(&super::Meta::gvk(object))
}

/// A type by its name: `apps.v1.DeploymentSpec`, `meta.v1.ObjectMeta`.
pub fn named(name: &str) -> Option<&'static Type> {
    let at = ENTRIES.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
    ENTRIES.get(at).map(Entry::get)
}

impl Type {
    fn read(name: &'static str, kinds: &'static str, rest: &'static str) -> Self {
        let mut columns = rest.split('\t');
        let atomic = columns.next() == Some("a");
        let mut fields: Vec<Field> = columns.filter_map(Field::read).collect();
        fields.sort_by_key(|field| field.name);
        Self { name, kinds, fields, atomic }
    }

    /// The name with its package: `apps.v1.DeploymentSpec`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The name alone: `DeploymentSpec`.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// The kinds with this type, as group, version and kind.
    pub fn kinds(&self) -> impl Iterator<Item = GroupVersionKind> {
        self.kinds.split(',').filter_map(|kind| {
            let mut parts = kind.split('/');
            Some(GroupVersionKind::new(parts.next()?, parts.next()?, parts.next()?))
        })
    }

    /// The fields, sorted by name.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let at = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        self.fields.get(at)
    }

    /// The shape at a path of field names; lists are looked into, and any name leads into a map.
    pub fn at(&self, path: &[&str]) -> Option<&Shape> {
        let (first, rest) = path.split_first()?;
        self.field(first)?.shape.at(rest)
    }
}

impl Shape {
    fn read(text: &'static str) -> Option<Self> {
        Some(match text.as_bytes().first()? {
            b's' => Self::String,
            b'i' => Self::Int32,
            b'l' => Self::Int64,
            b'n' => Self::Double,
            b'b' => Self::Bool,
            b'y' => Self::Bytes,
            b't' => Self::Time,
            b'm' => Self::MicroTime,
            b'q' => Self::Quantity,
            b'x' => Self::IntOrString,
            b'o' => Self::AnyObject,
            b'j' => Self::Any,
            b'[' => Self::List(Box::new(Self::read(text.get(1..)?)?)),
            b'{' => Self::Map(Box::new(Self::read(text.get(1..)?)?)),
            b'.' => Self::Object(text.get(1..)?),
            _ => return None,
        })
    }

    /// The named type behind an object's shape.
    pub fn object(&self) -> Option<&'static Type> {
        match self {
            Self::Object(name) => named(name),
            _ => None,
        }
    }

    /// What a list or map holds.
    pub fn element(&self) -> Option<&Self> {
        match self {
            Self::List(element) | Self::Map(element) => Some(element),
            _ => None,
        }
    }

    /// The shape at a path below this one.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        let mut shape = self;
        let mut path = path;
        loop {
            let Some((first, rest)) = path.split_first() else { return Some(shape) };
            shape = match shape {
                Self::List(element) => {
                    shape = element;
                    continue;
                }
                Self::Map(element) => element,
                Self::Object(name) => &named(name)?.field(first)?.shape,
                _ => return None,
            };
            path = rest;
        }
    }

    /// The name of the type in the API server's messages: `int32`, `[]v1.Container`.
    pub fn go_type(&self) -> String {
        match self {
            Self::String => "string".into(),
            Self::Int32 => "int32".into(),
            Self::Int64 => "int64".into(),
            Self::Double => "float64".into(),
            Self::Bool => "bool".into(),
            Self::Bytes => "[]uint8".into(),
            Self::Time => "v1.Time".into(),
            Self::MicroTime => "v1.MicroTime".into(),
            Self::Quantity => "resource.Quantity".into(),
            Self::IntOrString => "intstr.IntOrString".into(),
            Self::AnyObject | Self::Any => "map[string]interface {}".into(),
            Self::List(element) => format!("[]{}", element.go_type()),
            Self::Map(element) => format!("map[string]{}", element.go_type()),
            Self::Object(name) => {
                let mut parts = name.rsplit('.');
                let name = parts.next().unwrap_or_default();
                format!("{}.{name}", parts.next().unwrap_or_default())
            }
        }
    }
}

impl Field {
    fn read(text: &'static str) -> Option<Self> {
        let (name, rest) = text.split_once(':')?;
        let mut values = rest.split('|');
        let rest = values.next()?;
        let (rest, default) = match rest.split_once('=') {
            Some((rest, default)) => (rest, serde_json::from_str(default).ok()),
            None => (rest, None),
        };
        let (rest, strategy) = rest.split_once('~').unwrap_or((rest, ""));
        let (strategies, merge_key) = strategy.split_once('/').unwrap_or((strategy, ""));
        let (rest, merging) = rest.split_once('@').unwrap_or((rest, ""));
        let (merging, keys) = merging.split_once('(').unwrap_or((merging, ""));
        let (rest, zero) = match rest.as_bytes().last()? {
            b'?' => (rest.trim_end_matches('?'), Zero::Omitted),
            b'+' => (rest.trim_end_matches('+'), Zero::Written),
            b'-' => (rest.trim_end_matches('-'), Zero::Null),
            _ => (rest, Zero::Pointer),
        };
        let (shape, required) = match rest.strip_suffix('!') {
            Some(shape) => (shape, true),
            None => (rest, false),
        };
        let has = |wanted: &str| strategies.split(',').any(|strategy| strategy == wanted);
        Some(Self {
            name,
            shape: Shape::read(shape)?,
            required,
            zero,
            merging: match merging {
                "atomic" => Merging::Atomic,
                "set" => Merging::Set,
                "map" => Merging::Map,
                _ => Merging::Default,
            },
            list_keys: keys.trim_end_matches(')').split(',').filter(|key| !key.is_empty()).collect(),
            strategy: Strategy { merge: has("merge"), replace: has("replace"), retain_keys: has("retainKeys") },
            merge_key: (!merge_key.is_empty()).then_some(merge_key),
            default,
            values: values.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> &'static Type {
        of(&GroupVersionKind::new("apps", "v1", "Deployment")).expect("a type")
    }

    #[test]
    fn every_line_reads_whole() {
        let mut fields = 0;
        for entry in ENTRIES.iter() {
            let columns = entry.rest.split('\t').count() - 1;
            let read = entry.get();
            assert_eq!(read.fields.len(), columns, "{}", entry.name);
            fields += columns;
            for field in &read.fields {
                let mut shape = &field.shape;
                while let Some(element) = shape.element() {
                    shape = element;
                }
                if let Shape::Object(name) = shape {
                    assert!(named(name).is_some(), "{name}");
                }
            }
        }
        assert!(ENTRIES.is_sorted_by_key(|entry| entry.name));
        assert!(fields > 2400, "{fields}");
    }

    #[test]
    fn finds_kinds_fields_and_keys() {
        assert_eq!(deployment().name(), "apps.v1.Deployment");
        assert!(of(&GroupVersionKind::new("", "v1", "Pod")).is_some());
        assert!(of(&GroupVersionKind::new("", "v1", "Deployment")).is_none());
        let strategy = named("apps.v1.DeploymentSpec").and_then(|t| t.field("strategy")).expect("a field");
        assert!(strategy.strategy.retain_keys && !strategy.strategy.merge);
        let ports = named("core.v1.Container").and_then(|t| t.field("ports")).expect("a field");
        assert_eq!(ports.merge_key, Some("containerPort"));
        assert_eq!(ports.list_keys, ["containerPort", "protocol"]);
        assert_eq!(ports.merging, Merging::Map);
        let protocol = named("core.v1.ContainerPort").and_then(|t| t.field("protocol")).expect("a field");
        assert_eq!(protocol.default, Some("TCP".into()));
        assert_eq!(protocol.values, ["SCTP", "TCP", "UDP"]);
    }

    #[test]
    fn follows_paths() {
        let at = |path: &[&str]| deployment().at(path).map(Shape::go_type);
        assert_eq!(at(&["spec", "replicas"]).as_deref(), Some("int32"));
        assert_eq!(at(&["spec", "template", "spec", "containers"]).as_deref(), Some("[]v1.Container"));
        assert_eq!(at(&["spec", "template", "spec", "containers", "image"]).as_deref(), Some("string"));
        assert_eq!(at(&["metadata", "labels", "any"]).as_deref(), Some("string"));
        assert_eq!(at(&["spec", "nothing"]), None);
    }
}
