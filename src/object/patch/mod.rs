//! Patches: how clients say what to change.
//!
//! | module | media type | what it does |
//! | --- | --- | --- |
//! | [`json`] | `application/json-patch+json` | RFC 6902 operations |
//! | [`merge`] | `application/merge-patch+json` | RFC 7396, and the difference of two objects in that form |
//! | [`strategic`] | `application/strategic-merge-patch+json` | merging by the types' own keys; two- and three-way differences |
//! | [`three_way`] | | the three-way difference in RFC 7396's form, for types without a schema |

pub mod json;
pub mod merge;
pub mod strategic;
pub mod three_way;

use std::fmt;

use super::Object;

/// A map of JSON values.
pub(crate) type Map = serde_json::Map<String, Object>;

/// Why a patch cannot be read, applied or made. The text is that of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// The patch is malformed: HTTP 400.
    Malformed(String),
    /// The patch does not fit the object: HTTP 422.
    Unprocessable(String),
    /// The patch says too much: HTTP 413.
    TooLarge(String),
    /// Anything else that the server finds wrong: HTTP 500.
    Other(String),
    /// Both sides of a three-way difference changed the same field.
    Conflict(String),
}

impl PatchError {
    /// The HTTP status with which a server answers.
    pub fn code(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unprocessable(_) => 422,
            Self::TooLarge(_) => 413,
            Self::Conflict(_) => 409,
            Self::Other(_) => 500,
        }
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Malformed(text)
        | Self::Unprocessable(text)
        | Self::TooLarge(text)
        | Self::Other(text)
        | Self::Conflict(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for PatchError {}

/// A value as Go's `%v` shows it, which messages quote: `map[a:1 b:[x y]]`.
pub(crate) fn go_text(value: &Object) -> String {
    let mut text = String::new();
    write_go(value, &mut text);
    text
}

fn write_go(value: &Object, out: &mut String) {
    match value {
        Object::Null => out.push_str("<nil>"),
        Object::String(text) => out.push_str(text),
        Object::Bool(_) | Object::Number(_) => out.push_str(&value.to_string()),
        Object::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                write_go(value, out);
            }
            out.push(']');
        }
        Object::Object(map) => {
            out.push_str("map[");
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                write_go(value, out);
            }
            out.push(']');
        }
    }
}

/// A map as Go's `%v` shows it.
pub(crate) fn go_map(map: &Map) -> String {
    go_text(&Object::Object(map.clone()))
}
