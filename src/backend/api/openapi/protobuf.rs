//! OpenAPI documents as protobuf messages, the form in which client libraries ask for them.
//!
//! The messages are gnostic's (`openapi_v2.Document`, `openapi_v3.Document`). Their fields are facts of the
//! format and stand in `gnostic.tsv`: a message a line, with `key=number:form` for each of its fields in the
//! order of their numbers; `x-` is where extensions go. Forms:
//!
//! | form | what is written |
//! | --- | --- |
//! | `text`, `flag`, `number`, `whole` | a scalar, left out where it is empty |
//! | `texts` | each text |
//! | `any` | a message that holds the value as YAML |
//! | `3.Info` | a message |
//! | `3.Schema?` | a message that holds one or a reference |
//! | `*FORM` | each of a list |
//! | `%N:FORM` | a message with a name and a value, at N, for each entry |
//! | `items:FORM`, `only:FORM` | a message that holds one |
//! | `more:FORM` | a message that holds one, or whether there may be any |
//! | `types`, `default` | those of a schema |

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::object::Object;

static TABLE: &str = include_str!("gnostic.tsv");

struct Field {
    key: &'static str,
    number: u32,
    form: &'static str,
}

static MESSAGES: LazyLock<HashMap<&'static str, Vec<Field>>> = LazyLock::new(|| {
    let field = |text: &'static str| {
        let (key, rest) = text.split_once('=')?;
        let (number, form) = rest.split_once(':').unwrap_or((rest, ""));
        Some(Field { key, number: number.parse().ok()?, form })
    };
    TABLE
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, fields)| (name, fields.split(' ').filter_map(field).collect()))
        .collect()
});

/// A document of OpenAPI v2 or v3 (`generation` is 2 or 3) as the bytes of its message.
pub(super) fn encode(generation: u8, document: &Object) -> Vec<u8> {
    let mut bytes = Vec::new();
    message(if generation == 2 { "2.Document" } else { "3.Document" }, document, &mut bytes);
    bytes
}

/// Writes an object's fields. Its depth is that of a document that was read or made, which is bounded.
fn message(name: &str, object: &Object, to: &mut Vec<u8>) {
    for field in MESSAGES.get(name).into_iter().flatten() {
        if field.key == "x-" {
            let extensions = object.as_object().into_iter().flatten().filter(|(key, _)| key.starts_with("x-"));
            for (key, value) in extensions {
                named(field.number, key, "any", value, to);
            }
        } else if let Some(value) = object.get(field.key) {
            write(field.number, field.form, value, to);
        }
    }
}

fn write(number: u32, form: &str, value: &Object, to: &mut Vec<u8>) {
    if let Some(each) = form.strip_prefix('*') {
        value.as_array().into_iter().flatten().for_each(|value| write(number, each, value, to));
        return;
    }
    if let Some((own, each)) = form.strip_prefix('%').and_then(|rest| rest.split_once(':')) {
        let own = own.parse().unwrap_or(1);
        let entries = value.as_object().into_iter().flatten();
        return within(number, to, |to| entries.for_each(|(key, value)| named(own, key, each, value, to)));
    }
    if let Some((wrapper, inner)) = form.split_once(':') {
        return within(number, to, |to| match (wrapper, value) {
            ("more", Object::Bool(any)) => scalar(2, u64::from(*any), to),
            _ => write(1, inner, value, to),
        });
    }
    if let Some(name) = form.strip_suffix('?') {
        return within(number, to, |to| match value.get("$ref").and_then(Object::as_str) {
            Some(reference) => within(2, to, |to| text(1, reference, to)),
            None => write(1, name, value, to),
        });
    }
    match form {
        "text" => text(number, value.as_str().unwrap_or_default(), to),
        "texts" => {
            let texts = value.as_array().into_iter().flatten().filter_map(Object::as_str);
            texts.for_each(|text| bytes(number, text.as_bytes(), to));
        }
        "flag" if value.as_bool() == Some(true) => scalar(number, 1, to),
        "whole" => match value.as_i64() {
            None | Some(0) => {}
            // A negative number is written as its two's complement.
            Some(whole) => scalar(number, whole.cast_unsigned(), to),
        },
        "number" => match value.as_f64() {
            None | Some(0.0) => {}
            Some(float) => double(number, float, to),
        },
        "any" => within(number, to, |to| bytes(2, yaml(value).as_bytes(), to)),
        "types" => within(number, to, |to| text(1, value.as_str().unwrap_or_default(), to)),
        // What is neither a number, a flag nor a text cannot be said there.
        "default" => within(number, to, |to| match value {
            Object::Number(value) => double(1, value.as_f64().unwrap_or_default(), to),
            Object::Bool(value) => scalar(2, u64::from(*value), to),
            Object::String(value) => bytes(3, value.as_bytes(), to),
            _ => {}
        }),
        // A parameter is one of the body, or of another place, which decides on its message.
        "2.Parameter" => within(number, to, |to| match value.get("in").and_then(Object::as_str) {
            Some("body") => within(1, to, |to| message("2.Body", value, to)),
            Some("path") => within(2, to, |to| within(4, to, |to| message("2.Path", value, to))),
            _ => within(2, to, |to| within(3, to, |to| message("2.Query", value, to))),
        }),
        "2.Security" => within(number, to, |to| within(2, to, |to| message("2.ApiKey", value, to))),
        name if name.contains('.') => within(number, to, |to| message(name, value, to)),
        _ => {}
    }
}

/// A name and a value.
fn named(number: u32, name: &str, form: &str, value: &Object, to: &mut Vec<u8>) {
    within(number, to, |to| {
        text(1, name, to);
        write(2, form, value, to);
    });
}

fn within(number: u32, to: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    bytes(number, &inner, to);
}

fn text(number: u32, value: &str, to: &mut Vec<u8>) {
    if !value.is_empty() {
        bytes(number, value.as_bytes(), to);
    }
}

fn bytes(number: u32, value: &[u8], to: &mut Vec<u8>) {
    varint(u64::from(number << 3 | 2), to);
    varint(u64::try_from(value.len()).unwrap_or(u64::MAX), to);
    to.extend_from_slice(value);
}

fn scalar(number: u32, value: u64, to: &mut Vec<u8>) {
    varint(u64::from(number << 3), to);
    varint(value, to);
}

fn double(number: u32, value: f64, to: &mut Vec<u8>) {
    varint(u64::from(number << 3 | 1), to);
    to.extend_from_slice(&value.to_le_bytes());
}

fn varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

/// A value as YAML: lists and objects of scalars over lines, as other servers write them; what lies deeper as
/// JSON, which is YAML as well.
fn yaml(value: &Object) -> String {
    let line = |start: String, value: &Object| format!("{start}{}\n", inline(value));
    match value {
        Object::Array(list) if !list.is_empty() => list
            .iter()
            .map(|item| match item {
                Object::Object(map) if !map.is_empty() => map
                    .iter()
                    .enumerate()
                    .map(|(at, (key, value))| {
                        line(format!("{}{}: ", if at == 0 { "- " } else { "  " }, plain(key)), value)
                    })
                    .collect(),
                _ => line("- ".to_owned(), item),
            })
            .collect(),
        Object::Object(map) if !map.is_empty() => {
            map.iter().map(|(key, value)| line(format!("{}: ", plain(key)), value)).collect()
        }
        _ => line(String::new(), value),
    }
}

fn inline(value: &Object) -> String {
    value.as_str().map_or_else(|| value.to_string(), plain)
}

/// A text as it is where no reader can take it for something else, or else in quotes.
fn plain(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let letters = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter))
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if letters { text.to_owned() } else { Object::from(text).to_string() }
}
