//! Values: what expressions are evaluated over and to.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use base64::Engine;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::ast::Literal;
use super::fault::EvalError;
use super::library::Opaque;
use super::types::{Identity, Type};
use super::{Budget, convert};

/// What an evaluation, or a part of one, leads to.
pub type Eval<'v> = Result<Value<'v>, EvalError>;

/// A value. Lists and objects of the data are looked at where they are.
#[derive(Clone, Debug)]
pub enum Value<'v> {
    /// `null`
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number with a sign.
    Int(i64),
    /// A whole number without one.
    Uint(u64),
    /// A number.
    Double(f64),
    /// A text.
    String(Text<'v>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A length of time.
    Duration(SignedDuration),
    /// A moment.
    Timestamp(Timestamp),
    /// A list that the expression made.
    List(Arc<Vec<Value<'v>>>),
    /// A map that the expression made.
    Map(Arc<BTreeMap<Key<'v>, Value<'v>>>),
    /// A list or object of the data, with the type that is declared for it.
    Data(&'v Json, Type),
    /// An object that the expression made, with its type's name: fields in the order written.
    Struct(Arc<(String, Vec<(String, Value<'v>)>)>),
    /// A value that may be absent.
    Optional(Option<Arc<Value<'v>>>),
    /// A type.
    Type(Type),
    /// A value of a library's own type.
    Opaque(Opaque),
}

/// A text of the data, or one that the expression made.
#[derive(Clone)]
pub enum Text<'v> {
    /// A part of the data.
    Borrowed(&'v str),
    /// Made by the expression, or a literal of it.
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &**self)
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::String(Text::Shared(text.into()))
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::String(Text::Borrowed(text))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

/// A key of a map. Whole numbers are the same key whatever their type.
#[derive(Clone, Debug)]
pub enum Key<'v> {
    /// A truth value.
    Bool(bool),
    /// A whole number with a sign.
    Int(i64),
    /// A whole number without one.
    Uint(u64),
    /// A text.
    String(Text<'v>),
}

impl Key<'_> {
    fn rank(&self) -> (u8, i128, &str) {
        match self {
            Self::Bool(value) => (0, i128::from(*value), ""),
            Self::Int(value) => (1, i128::from(*value), ""),
            Self::Uint(value) => (1, i128::from(*value), ""),
            Self::String(text) => (2, 0, text),
        }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key<'_> {}

impl<'v> From<Key<'v>> for Value<'v> {
    fn from(key: Key<'v>) -> Self {
        match key {
            Key::Bool(value) => Self::Bool(value),
            Key::Int(value) => Self::Int(value),
            Key::Uint(value) => Self::Uint(value),
            Key::String(text) => Self::String(text),
        }
    }
}

impl<'v> Value<'v> {
    /// A value of the data, seen as its declared type says.
    pub fn of_json(json: &'v Json, of: &Type) -> Self {
        match (json, of) {
            (Json::Null, _) => Self::Null,
            (Json::Bool(value), _) => Self::Bool(*value),
            (Json::Number(number), of) => {
                let double = || Self::Double(number.as_f64().unwrap_or(f64::NAN));
                match of {
                    Type::Double => double(),
                    Type::Uint => number.as_u64().map_or_else(double, Self::Uint),
                    _ => match number.as_i64() {
                        Some(value) => Self::Int(value),
                        // A whole number may be written with a fraction of nothing where one is declared.
                        None => match (of, number.as_f64()) {
                            (Type::Int, Some(value)) if value.fract() == 0.0 && value.abs() < 9.0e18 => {
                                Self::Int(value as i64)
                            }
                            _ => double(),
                        },
                    },
                }
            }
            (Json::String(text), of) => match of {
                Type::Timestamp => convert::timestamp(text).map_or(Self::Null, Self::Timestamp),
                Type::Duration => convert::duration(text).map_or(Self::Null, Self::Duration),
                Type::Bytes => match base64::prelude::BASE64_STANDARD.decode(text) {
                    Ok(bytes) => Self::Bytes(bytes.into()),
                    Err(_) => Self::Bytes(text.as_bytes().into()),
                },
                _ => Self::String(Text::Borrowed(text)),
            },
            (Json::Array(_) | Json::Object(_), of) => Self::Data(json, of.clone()),
        }
    }

    /// A literal's value.
    pub(super) fn of_literal(literal: &Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Int(value) => Self::Int(*value),
            Literal::Uint(value) => Self::Uint(*value),
            Literal::Double(value) => Self::Double(*value),
            Literal::String(text) => Self::String(Text::Shared(text.clone())),
            Literal::Bytes(bytes) => Self::Bytes(bytes.clone()),
        }
    }

    /// A list of values.
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    /// An optional with a value.
    pub fn some(value: Self) -> Self {
        Self::Optional(Some(Arc::new(value)))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The value's type at run time.
    pub fn of(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Uint(_) => Type::Uint,
            Self::Double(_) => Type::Double,
            Self::String(_) => Type::String,
            Self::Bytes(_) => Type::Bytes,
            Self::Duration(_) => Type::Duration,
            Self::Timestamp(_) => Type::Timestamp,
            Self::List(_) | Self::Data(Json::Array(_), _) => Type::list(Type::Dyn),
            Self::Data(_, Type::Object(of)) => Type::Object(of.clone()),
            Self::Map(_) | Self::Data(..) | Self::Struct(_) => Type::map(Type::Dyn, Type::Dyn),
            Self::Optional(_) => Type::optional(Type::Dyn),
            Self::Type(_) => Type::TypeOf(None),
            Self::Opaque(value) => Type::opaque(value.type_name()),
        }
    }

    /// The key that a value is in a map; whole doubles are one too.
    pub fn key(&self) -> Option<Key<'v>> {
        Some(match self {
            Self::Bool(value) => Key::Bool(*value),
            Self::Int(value) => Key::Int(*value),
            Self::Uint(value) => Key::Uint(*value),
            Self::Double(value) if value.fract() == 0.0 && value.abs() < 9.0e18 => Key::Int(*value as i64),
            Self::String(text) => Key::String(text.clone()),
            _ => return None,
        })
    }

    /// The number of elements, entries, characters or bytes.
    pub fn size(&self) -> Option<usize> {
        Some(match self {
            Self::String(text) => text.chars().count(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) => items.len(),
            Self::Map(entries) => entries.len(),
            Self::Data(Json::Array(items), _) => items.len(),
            Self::Data(Json::Object(fields), _) => fields.len(),
            Self::Struct(of) => of.1.len(),
            _ => return None,
        })
    }

    /// The elements of a list.
    pub fn items(&self) -> Option<Items<'v, '_>> {
        match self {
            Self::List(items) => Some(Items::Made(items.iter())),
            Self::Data(Json::Array(items), of) => {
                let item = match of {
                    Type::List(of) => of.item.clone(),
                    _ => Type::Dyn,
                };
                Some(Items::Data(items.iter(), item))
            }
            _ => None,
        }
    }

    /// An element of a list.
    pub fn item(&self, at: usize) -> Option<Self> {
        match self {
            Self::List(items) => items.get(at).cloned(),
            Self::Data(Json::Array(items), Type::List(of)) => Some(Self::of_json(items.get(at)?, &of.item)),
            Self::Data(Json::Array(items), _) => Some(Self::of_json(items.get(at)?, &Type::Dyn)),
            _ => None,
        }
    }

    /// Whether it is a map or object.
    pub fn is_map(&self) -> bool {
        matches!(self, Self::Map(_) | Self::Struct(_) | Self::Data(Json::Object(_), _))
    }

    /// The entries of a map or object, sorted by key.
    pub fn entries(&self) -> Option<Vec<(Key<'v>, Self)>> {
        match self {
            Self::Map(entries) => Some(entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
            Self::Struct(of) => {
                let entry =
                    |(name, value): &(String, Self)| (Key::String(Text::Shared(name.as_str().into())), value.clone());
                Some(of.1.iter().map(entry).collect())
            }
            Self::Data(Json::Object(fields), of) => {
                let entry = |(name, json): (&'v String, &'v Json)| match of {
                    Type::Object(known) => {
                        let name = known.spelled(name)?;
                        let of = known.field(&name)?.of;
                        let key = match name {
                            Cow::Borrowed(name) => Text::Borrowed(name),
                            Cow::Owned(name) => Text::Shared(name.into()),
                        };
                        Some((Key::String(key), Self::of_json(json, &of)))
                    }
                    Type::Map(of) => Some((Key::String(Text::Borrowed(name)), Self::of_json(json, &of.1))),
                    _ => Some((Key::String(Text::Borrowed(name)), Self::of_json(json, &Type::Dyn))),
                };
                Some(fields.iter().filter_map(entry).collect())
            }
            _ => None,
        }
    }

    /// The value of a field, or under a text as key; `None` where there is none.
    pub fn field(&self, name: &str) -> Option<Self> {
        match self {
            Self::Map(entries) => entries.get(&Key::String(Text::Borrowed(name))).cloned(),
            Self::Struct(of) => of.1.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()),
            Self::Data(Json::Object(fields), of) => match of {
                Type::Object(known) => {
                    let field = known.field(name)?;
                    Some(Self::of_json(fields.get(field.name.as_ref())?, &field.of))
                }
                Type::Map(of) => Some(Self::of_json(fields.get(name)?, &of.1)),
                _ => Some(Self::of_json(fields.get(name)?, &Type::Dyn)),
            },
            _ => None,
        }
    }

    /// The value under a key.
    pub fn get(&self, key: &Self) -> Option<Self> {
        match (self, key) {
            (_, Self::String(name)) => self.field(name),
            (Self::Map(entries), key) => entries.get(&key.key()?).cloned(),
            _ => None,
        }
    }

    /// How the elements of a list are told apart.
    pub(super) fn identity(&self) -> &Identity {
        match self {
            Self::Data(Json::Array(_), Type::List(of)) => &of.identity,
            _ => &Identity::Place,
        }
    }

    /// Whether two values are equal. Numbers are compared by value, whatever their type; values of
    /// different kinds differ.
    pub fn equals(&self, other: &Self, budget: &mut Budget) -> Result<bool, EvalError> {
        budget.charge(1)?;
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::String(a), Self::String(b)) => {
                budget.traverse(a.len().min(b.len()))?;
                **a == **b
            }
            (Self::Bytes(a), Self::Bytes(b)) => {
                budget.traverse(a.len().min(b.len()))?;
                a == b
            }
            (Self::Duration(a), Self::Duration(b)) => a == b,
            (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (Self::Type(a), Self::Type(b)) => a.name() == b.name(),
            (Self::Opaque(a), Self::Opaque(b)) => a.equals(b),
            (Self::Optional(a), Self::Optional(b)) => match (a, b) {
                (Some(a), Some(b)) => a.equals(b, budget)?,
                (a, b) => a.is_none() && b.is_none(),
            },
            (a, b) if a.is_number() && b.is_number() => a.number_cmp(b) == Some(Ordering::Equal),
            (a, b) => match (a.items(), b.items()) {
                (Some(of_a), Some(of_b)) => {
                    if a.size() != b.size() {
                        return Ok(false);
                    }
                    if matches!(a.identity(), Identity::Place) && matches!(b.identity(), Identity::Place) {
                        for (a, b) in of_a.zip(of_b) {
                            if !a.equals(&b, budget)? {
                                return Ok(false);
                            }
                        }
                        return Ok(true);
                    }
                    // Sets, and lists told apart by keys: the order does not matter.
                    let of_b: Vec<Self> = of_b.collect();
                    for a in of_a {
                        let mut found = false;
                        for b in &of_b {
                            found = found || a.equals(b, budget)?;
                        }
                        if !found {
                            return Ok(false);
                        }
                    }
                    true
                }
                _ if a.is_map() && b.is_map() => {
                    if a.size() != b.size() {
                        return Ok(false);
                    }
                    for (key, value) in a.entries().unwrap_or_default() {
                        let Some(other) = b.get(&key.into()) else { return Ok(false) };
                        if !value.equals(&other, budget)? {
                            return Ok(false);
                        }
                    }
                    true
                }
                _ => false,
            },
        })
    }

    fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Uint(_) | Self::Double(_))
    }

    fn number_cmp(&self, other: &Self) -> Option<Ordering> {
        let whole = |value: &Self| match value {
            Self::Int(value) => Some(i128::from(*value)),
            Self::Uint(value) => Some(i128::from(*value)),
            _ => None,
        };
        if let (Some(a), Some(b)) = (whole(self), whole(other)) {
            return Some(a.cmp(&b));
        }
        match (self, other) {
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Double(a), b) => compare_mixed(whole(b)?, *a).map(Ordering::reverse),
            (a, Self::Double(b)) => compare_mixed(whole(a)?, *b),
            _ => None,
        }
    }

    /// Which of two values comes first; `None` where they have no order. Not a number is behind
    /// everything, which makes every comparison with it false.
    pub fn compare(&self, other: &Self) -> Option<Option<Ordering>> {
        Some(match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::String(a), Self::String(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Bytes(a), Self::Bytes(b)) => Some(a.cmp(b)),
            (Self::Duration(a), Self::Duration(b)) => Some(a.cmp(b)),
            (Self::Timestamp(a), Self::Timestamp(b)) => Some(a.cmp(b)),
            (a, b) if a.is_number() && b.is_number() => a.number_cmp(b),
            _ => return None,
        })
    }

    /// The value as JSON, as `dyn` values are written; `None` for what JSON does not know.
    pub fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Uint(value) => (*value).into(),
            Self::Double(value) => serde_json::Number::from_f64(*value)?.into(),
            Self::String(text) => Json::String((**text).to_owned()),
            Self::Bytes(bytes) => base64::prelude::BASE64_STANDARD.encode(bytes).into(),
            Self::Duration(value) => convert::duration_text(*value).into(),
            Self::Timestamp(value) => convert::timestamp_text(*value).into(),
            Self::Data(json, _) => (*json).clone(),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect::<Option<_>>()?),
            Self::Optional(Some(value)) => value.to_json()?,
            Self::Opaque(value) => value.text()?.into(),
            Self::Map(_) | Self::Struct(_) => {
                let field = |(key, value): (Key<'v>, Self)| Some((convert::text(&key.into())?, value.to_json()?));
                Json::Object(self.entries()?.into_iter().map(field).collect::<Option<_>>()?)
            }
            Self::Optional(None) | Self::Type(_) => return None,
        })
    }
}

/// A whole number beside any number.
fn compare_mixed(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= 1.0e20 {
        return Some(Ordering::Less);
    }
    if double <= -1.0e20 {
        return Some(Ordering::Greater);
    }
    let floor = double.floor();
    Some(whole.cmp(&(floor as i128)).then(if double > floor { Ordering::Less } else { Ordering::Equal }))
}

/// The elements of a list, one after the other.
pub enum Items<'v, 'a> {
    /// Of a list that the expression made.
    Made(std::slice::Iter<'a, Value<'v>>),
    /// Of a list of the data.
    Data(std::slice::Iter<'v, Json>, Type),
}

impl<'v> Iterator for Items<'v, '_> {
    type Item = Value<'v>;

    fn next(&mut self) -> Option<Value<'v>> {
        match self {
            Self::Made(items) => items.next().cloned(),
            Self::Data(items, of) => items.next().map(|json| Value::of_json(json, of)),
        }
    }
}
