//! The values a template computes with: views into the JSON data, and the small values that
//! constants and functions make. Each knows the Go type it would have, because error texts, `%T`
//! and comparisons depend on it.

use std::rc::Rc;

use serde_json::{Map, Value as Json};

/// JSON's null as an element that is not stored anywhere: an absent map key read by `index`, a slot
/// between a slice's length and its capacity.
static NULL: Json = Json::Null;

/// A value during execution. `'a` is the life of the data and of the template, which both outlive
/// the execution.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// No value at all: a missing map key, `nil`, the result of an empty template argument.
    Nothing,
    /// An element of a map or array, still in Go's `interface {}`: the type that errors name until
    /// a pipeline ends, and the only place where a null keeps apart from [`Value::Nothing`].
    Element(&'a Json),
    /// `map[string]interface {}`.
    Map(&'a Map<String, Json>),
    /// `[]interface {}`.
    Slice(Slice<'a>),
    /// `string`; Go's strings are bytes.
    Text(Text<'a>),
    /// `bool`.
    Bool(bool),
    /// `int`: constants, lengths and range indexes.
    Int(i64),
    /// `int64`: integers of the data.
    Int64(i64),
    /// `uint8`: a byte of a string.
    Byte(u8),
    /// `float64`.
    Float(f64),
    /// `complex128`: real and imaginary part.
    Complex(f64, f64),
}

/// Bytes of a string, borrowed where they can be.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// Part of the data or of the template.
    Borrowed(&'a [u8]),
    /// Made by a function.
    Shared(Rc<[u8]>),
}

impl Text<'_> {
    /// The bytes; they need not be UTF-8.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<'a> Text<'a> {
    /// The bytes from `from` up to `to`, without a copy where they are borrowed.
    pub fn slice(&self, from: usize, to: usize) -> Self {
        match self {
            Self::Borrowed(bytes) => Self::Borrowed(bytes.get(from..to).unwrap_or_default()),
            Self::Shared(bytes) => Self::Shared(bytes.get(from..to).unwrap_or_default().into()),
        }
    }
}

/// A slice in Go's sense: a length and a capacity over stored items. Items beyond the stored ones,
/// which Go allows to be sliced into view, are null.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    items: &'a [Json],
    len: usize,
    cap: usize,
}

impl<'a> Slice<'a> {
    /// A whole JSON array.
    pub fn new(items: &'a [Json]) -> Self {
        Self { items, len: items.len(), cap: grown_capacity(items.len()) }
    }

    /// How many items it shows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it shows none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How far it can be sliced.
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// An item; null beyond the stored ones.
    pub fn get(&self, index: usize) -> &'a Json {
        self.items.get(index).unwrap_or(&NULL)
    }

    /// `x[from:to:max]`; the caller has checked that the bounds are in order and within `cap`.
    pub fn slice(&self, from: usize, to: usize, max: usize) -> Self {
        Self {
            items: self.items.get(from..).unwrap_or_default(),
            len: to.saturating_sub(from),
            cap: max.saturating_sub(from),
        }
    }

    /// The items in order.
    pub fn iter(self) -> impl Iterator<Item = &'a Json> {
        (0..self.len).map(move |index| self.get(index))
    }
}

/// The capacity that Go's JSON decoder leaves an array of `len` items with: it appends one item of
/// 16 bytes at a time, and the runtime rounds to its size classes. Known up to 512 items; larger
/// ones count as full.
fn grown_capacity(len: usize) -> usize {
    if len > 512 { len } else { len.next_power_of_two().min(512).max(len) * usize::from(len > 0) }
}

impl<'a> Value<'a> {
    /// The value of a JSON tree that is not an element of another: `interface {}` taken off.
    pub fn of(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Nothing,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Self::Int64(integer),
                None => Self::number(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(Text::Borrowed(text.as_bytes())),
            Json::Array(items) => Self::Slice(Slice::new(items)),
            Json::Object(map) => Self::Map(map),
        }
    }

    /// A number that is not written as an integer. Whole ones are integers all the same if they fit:
    /// Go's encoder, which data passes on its way into a template, writes them without a point.
    fn number(number: f64) -> Self {
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number) {
            return Self::Int64(number as i64);
        }
        Self::Float(number)
    }

    /// An element that is there and null.
    pub fn null() -> Self {
        Self::Element(&NULL)
    }

    /// A string made by a function.
    pub fn text(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Text(Text::Shared(bytes.into().into()))
    }

    /// The value inside an element; others as they are.
    pub fn concrete(self) -> Self {
        match self {
            Self::Element(json) => Self::of(json),
            other => other,
        }
    }

    /// Whether it is Go's nil, in an element or not.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nothing | Self::Element(Json::Null))
    }

    /// The Go type; `<nil>` for no value.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nothing => "<nil>",
            Self::Element(_) => "interface {}",
            Self::Map(_) => "map[string]interface {}",
            Self::Slice(_) => "[]interface {}",
            Self::Text(_) => "string",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
        }
    }

    /// What `if`, `with`, `and`, `or` and `not` take it for: empty and zero are false.
    pub fn truth(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Element(json) => Self::of(json).truth(),
            Self::Map(map) => !map.is_empty(),
            Self::Slice(slice) => !slice.is_empty(),
            Self::Text(text) => !text.bytes().is_empty(),
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Int64(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
        }
    }

    /// The value of an integer of any type.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Int(value) | Self::Int64(value) => Some(*value),
            Self::Byte(value) => Some(i64::from(*value)),
            _ => None,
        }
    }
}
