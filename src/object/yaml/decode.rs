//! Nodes to JSON.

use crate::go::base64;
use crate::go::quote::quote;
use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::resolve::{Scalar, resolve};
use super::tree::{Id, Kind, Node, Tree};
use super::{Error, MAX_DEPTH};
use crate::object::number::go_float;

const TAGS: &str = "tag:yaml.org,2002:";

/// Makes the JSON of a document. With `strict`, equal keys in a map are errors.
pub(super) fn decode(tree: &Tree, strict: bool, words: Words) -> Result<Value, Error> {
    let Some(root) = tree.root() else { return Ok(Value::Null) };
    let mut decoder = Decoder { tree, strict, words, ..Decoder::new(tree) };
    let value = decoder.value(root, 0)?;
    if !decoder.faults.is_empty() {
        return Err(Error::yaml(format!("unmarshal errors:\n  {}", decoder.faults.join("\n  "))));
    }
    match decoder.unsupported {
        Some(error) => Err(error),
        None => Ok(value),
    }
}

/// Which plain words are booleans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Also `y`, `yes`, `on` and their opposites: go-yaml v2.
    Old,
    /// `true` and `false` alone: go-yaml v3.
    New,
}

struct Decoder<'a> {
    tree: &'a Tree,
    strict: bool,
    words: Words,
    /// Aliases that are being followed.
    following: HashSet<Id>,
    /// Nodes visited, and those of them by way of an alias.
    visited: u64,
    visited_by_alias: u64,
    /// Equal keys.
    faults: Vec<String>,
    /// The first value that YAML has and JSON has not.
    unsupported: Option<Error>,
}

impl<'a> Decoder<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            strict: false,
            words: Words::Old,
            following: HashSet::new(),
            visited: 0,
            visited_by_alias: 0,
            faults: Vec::new(),
            unsupported: None,
        }
    }

    fn node(&self, id: Id) -> Result<&'a Node, Error> {
        self.tree.get(id).ok_or_else(|| Error::yaml("a node is missing"))
    }

    /// Counts a visit. Few nodes may come from aliases in a large document, lest a small one unfold
    /// without end.
    fn visit(&mut self, depth: usize) -> Result<(), Error> {
        const LOW: f64 = 400_000.0;
        const HIGH: f64 = 4_000_000.0;
        self.visited += 1;
        if !self.following.is_empty() {
            self.visited_by_alias += 1;
        }
        if depth > MAX_DEPTH {
            return Err(Error::yaml(format!("exceeded max depth of {MAX_DEPTH}")));
        }
        if self.visited_by_alias > 100 && self.visited > 1000 {
            let all = self.visited as f64;
            let allowed = 0.99 - 0.89 * ((all - LOW) / (HIGH - LOW)).clamp(0.0, 1.0);
            if self.visited_by_alias as f64 / all > allowed {
                return Err(Error::yaml("document contains excessive aliasing"));
            }
        }
        Ok(())
    }

    /// Does something with the target of an alias; an alias within itself is an error.
    fn follow<T>(&mut self, id: Id, name: &str, then: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if !self.following.insert(id) {
            return Err(Error::yaml(format!("anchor '{name}' value contains itself")));
        }
        let result = then(self);
        self.following.remove(&id);
        result
    }

    fn value(&mut self, id: Id, depth: usize) -> Result<Value, Error> {
        self.visit(depth)?;
        match &self.node(id)?.kind {
            Kind::Alias { name, target } => self.follow(id, name, |this| this.value(*target, depth + 1)),
            Kind::Scalar { value, tag, plain } => {
                let scalar = scalar(value, tag.as_deref(), *plain, self.words)?;
                Ok(self.scalar_value(scalar))
            }
            Kind::Sequence(items) => {
                items.iter().map(|item| self.value(*item, depth + 1)).collect::<Result<_, _>>().map(Value::Array)
            }
            Kind::Mapping(fields) => {
                let mut map = Map::new();
                self.fields(fields, &mut map, depth)?;
                Ok(Value::Object(map))
            }
        }
    }

    fn scalar_value(&mut self, scalar: Resolved) -> Value {
        match scalar {
            Resolved::Text(text) => Value::String(text),
            Resolved::Other(Scalar::Null | Scalar::Text | Scalar::Timestamp) => Value::Null,
            Resolved::Other(Scalar::Bool(flag)) => Value::Bool(flag),
            Resolved::Other(Scalar::Int(whole)) => whole.into(),
            Resolved::Other(Scalar::Unsigned(whole)) => float_value(whole as f64).unwrap_or_default(),
            Resolved::Other(Scalar::Float(float)) => float_value(float).unwrap_or_else(|| {
                let error = Error::Convert(format!("json: unsupported value: {}", go_float(float)));
                self.unsupported.get_or_insert(error);
                Value::Null
            }),
        }
    }

    fn fields(&mut self, fields: &[Id], map: &mut Map<String, Value>, depth: usize) -> Result<(), Error> {
        for field in fields.chunks_exact(2) {
            let &[key, value] = field else { continue };
            if self.is_merge(key)? {
                self.merge(value, map, depth + 1)?;
                continue;
            }
            let key = self.key(key, depth + 1)?;
            if let Key::Unsupported { kind, shown } = &key {
                let value = match self.value(value, depth + 1)? {
                    Value::Null => "<nil>".to_owned(),
                    value => syntax(&value),
                };
                let error = format!("unsupported map key of type: {kind}, key: {shown}, value: {value}");
                self.unsupported.get_or_insert(Error::Convert(error));
                continue;
            }
            let line = self.node(value)?.line;
            let value = self.value(value, depth + 1)?;
            let shown = if self.strict { key.shown() } else { String::new() };
            let (Key::Text(key) | Key::Other(key)) = key else { continue };
            if self.strict && map.contains_key(&key) {
                self.faults.push(format!("line {line}: key {shown} already set in map"));
            } else {
                map.insert(key, value);
            }
        }
        Ok(())
    }

    fn key(&mut self, id: Id, depth: usize) -> Result<Key, Error> {
        self.visit(depth)?;
        match &self.node(id)?.kind {
            Kind::Alias { name, target } => self.follow(id, name, |this| this.key(*target, depth + 1)),
            Kind::Scalar { value, tag, plain } => Ok(match scalar(value, tag.as_deref(), *plain, self.words)? {
                Resolved::Text(text) => Key::Text(text),
                Resolved::Other(Scalar::Null | Scalar::Text | Scalar::Timestamp) => {
                    Key::Unsupported { kind: "%!s(<nil>)", shown: "<nil>".to_owned() }
                }
                Resolved::Other(Scalar::Bool(flag)) => Key::Other(flag.to_string()),
                Resolved::Other(Scalar::Int(whole)) => Key::Other(whole.to_string()),
                Resolved::Other(Scalar::Unsigned(whole)) => {
                    Key::Unsupported { kind: "uint64", shown: format!("0x{whole:x}") }
                }
                Resolved::Other(Scalar::Float(float)) => Key::Other(float_key(float)),
            }),
            Kind::Sequence(_) | Kind::Mapping(_) => {
                let value = self.value(id, depth + 1)?;
                Err(Error::yaml(format!("invalid map key: {}", syntax(&value))))
            }
        }
    }

    fn is_merge(&self, key: Id) -> Result<bool, Error> {
        Ok(match &self.node(key)?.kind {
            Kind::Scalar { value, tag, plain } => {
                value == "<<" && (*plain || tag.as_deref().and_then(|tag| tag.strip_prefix(TAGS)) == Some("merge"))
            }
            _ => false,
        })
    }

    fn merge(&mut self, id: Id, map: &mut Map<String, Value>, depth: usize) -> Result<(), Error> {
        match &self.node(id)?.kind {
            Kind::Sequence(items) => {
                // Earlier ones win, so they are set last.
                items.iter().rev().try_for_each(|item| self.merge_map(*item, map, depth + 1))
            }
            _ => self.merge_map(id, map, depth),
        }
    }

    fn merge_map(&mut self, id: Id, map: &mut Map<String, Value>, depth: usize) -> Result<(), Error> {
        let no_map = || Error::yaml("map merge requires map or sequence of maps as the value");
        self.visit(depth)?;
        match &self.node(id)?.kind {
            Kind::Mapping(fields) => self.fields(fields, map, depth + 1),
            Kind::Alias { name, target } => match &self.node(*target)?.kind {
                Kind::Mapping(fields) => self.follow(id, name, |this| {
                    this.visit(depth)?;
                    this.fields(fields, map, depth + 1)
                }),
                _ => Err(no_map()),
            },
            _ => Err(no_map()),
        }
    }
}

/// A key as text.
enum Key {
    /// It was a string.
    Text(String),
    /// It was a number or a boolean.
    Other(String),
    /// It can be no key in JSON.
    Unsupported { kind: &'static str, shown: String },
}

impl Key {
    /// The key in Go syntax.
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => quote(text),
            Self::Other(text) => text.clone(),
            Self::Unsupported { shown, .. } => shown.clone(),
        }
    }
}

enum Resolved {
    Text(String),
    Other(Scalar),
}

/// What a scalar with its tag means.
fn scalar(value: &str, tag: Option<&str>, plain: bool, words: Words) -> Result<Resolved, Error> {
    let text = || Ok(Resolved::Text(value.to_owned()));
    let tag = match tag {
        None | Some("") if plain => "",
        None | Some("") => return text(),
        Some(tag) => tag.strip_prefix(TAGS).unwrap_or("other"),
    };
    if tag == "binary" {
        return match base64::decode(value) {
            Ok(bytes) => Ok(Resolved::Text(String::from_utf8_lossy(&bytes).into_owned())),
            Err(_) => Err(Error::yaml("!!binary value contains invalid base64 data")),
        };
    }
    if !matches!(tag, "" | "bool" | "int" | "float" | "null" | "timestamp") {
        return text();
    }
    let scalar = match resolve(value) {
        Scalar::Bool(_)
            if words == Words::New
                && tag.is_empty()
                && !value.eq_ignore_ascii_case("true")
                && !value.eq_ignore_ascii_case("false") =>
        {
            Scalar::Text
        }
        scalar => scalar,
    };
    let kind = match scalar {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) | Scalar::Unsigned(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::Timestamp => "timestamp",
        Scalar::Text => "str",
    };
    match (tag, scalar) {
        ("float", Scalar::Int(whole)) => Ok(Resolved::Other(Scalar::Float(whole as f64))),
        (tag, scalar) if tag.is_empty() || tag == kind => match scalar {
            Scalar::Text | Scalar::Timestamp => text(),
            scalar => Ok(Resolved::Other(scalar)),
        },
        (tag, _) => Err(Error::yaml(format!("cannot decode !!{kind} `{value}` as a !!{tag}"))),
    }
}

/// A float by way of Go's JSON, where whole ones come back as integers; `None` for what JSON has not.
fn float_value(float: f64) -> Option<Value> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if float.fract() == 0.0 && float.abs() < BEYOND {
        return Some(Value::from(float as i64));
    }
    Number::from_f64(float).map(Value::Number)
}

/// A float as a key, with the digits of a 32-bit one.
fn float_key(float: f64) -> String {
    match go_float(float).as_str() {
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        "NaN" => ".nan".to_owned(),
        _ => {
            let short = format!("{:e}", float as f32);
            short.parse().map_or(short, go_float)
        }
    }
}

/// A value in Go syntax, as go-yaml holds it.
fn syntax(value: &Value) -> String {
    let list = |open: &str, parts: Vec<String>| format!("{open}{{{}}}", parts.join(", "));
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => list("[]interface {}", items.iter().map(syntax).collect()),
        Value::Object(map) => {
            let field = |(key, value): (&String, &Value)| format!("{}:{}", quote(key), syntax(value));
            list("map[interface {}]interface {}", map.iter().map(field).collect())
        }
        Value::String(text) => quote(text),
        other => other.to_string(),
    }
}
