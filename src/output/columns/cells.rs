//! Cells that several tables share.

use super::Cell;
use crate::object::labels::{self, Selector};
use crate::object::{Meta, Object, Timestamp, time};

/// The object's age.
pub(super) fn age(object: &Object, now: Timestamp) -> Cell {
    time::age(object.creation_timestamp(), now).into()
}

/// The integer at a path, 0 where it is absent.
pub(super) fn int(object: &Object, path: &[&str]) -> Cell {
    object.int_at(path).unwrap_or(0).into()
}

/// The string at a path, or `fallback` where it is absent or empty.
pub(super) fn string_or(object: &Object, path: &[&str], fallback: &str) -> Cell {
    match object.str_at(path) {
        "" => fallback.into(),
        text => text.into(),
    }
}

/// An `IntOrString`, number or quantity as text, or `fallback` where it is absent.
pub(super) fn text_or(object: &Object, path: &[&str], fallback: &str) -> String {
    match object.at(path) {
        Some(Object::String(text)) => text.clone(),
        Some(Object::Null) | None => fallback.to_owned(),
        Some(other) => other.to_string(),
    }
}

/// How many entries the list or map at a path has.
pub(super) fn len(object: &Object, path: &[&str]) -> i64 {
    let len = match object.at(path) {
        Some(Object::Array(items)) => items.len(),
        Some(Object::Object(entries)) => entries.len(),
        _ => 0,
    };
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// The names of the containers at a path, joined by commas.
pub(super) fn container_names(object: &Object, path: &[&str]) -> Cell {
    join(object.list_at(path).iter().map(|container| container.str_at(&["name"])), ",").into()
}

/// The images of the containers at a path, joined by commas.
pub(super) fn container_images(object: &Object, path: &[&str]) -> Cell {
    join(object.list_at(path).iter().map(|container| container.str_at(&["image"])), ",").into()
}

/// A map of labels as `a=1,b=2`, `<none>` where it is empty.
pub(super) fn label_map(object: &Object, path: &[&str]) -> Cell {
    let labels = object.map_at(path);
    if labels.is_empty() {
        return "<none>".into();
    }
    join(labels.iter().map(|(key, value)| format!("{key}={value}")), ",").into()
}

/// A label selector in the form of `-l`, empty where it selects everything or is absent.
pub(super) fn selector(object: &Object, path: &[&str]) -> String {
    Selector::from_object(object.at(path)).map_or_else(|_| "<error>".to_owned(), |selector| selector.to_string())
}

/// A label selector, `<none>` where it is empty.
pub(super) fn selector_or_none(object: &Object, path: &[&str]) -> Cell {
    labels::format_selector(object.at(path)).into()
}

/// The first `most` entries joined by commas, with ` + N more...` where there are more.
pub(super) fn join_at_most(entries: &[String], most: usize, separator: &str) -> String {
    let shown = entries.len().min(most);
    let text = entries[..shown].join(separator);
    if entries.len() > most { format!("{text} + {} more...", entries.len() - most) } else { text }
}

/// Joins anything that reads as text.
pub(super) fn join<T: AsRef<str>>(parts: impl Iterator<Item = T>, separator: &str) -> String {
    let mut text = String::new();
    for (index, part) in parts.enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(part.as_ref());
    }
    text
}

/// Whether the condition of that type at `status.conditions` has the status `True`.
pub(super) fn condition_is_true(object: &Object, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition.str_at(&["status"]) == "True")
}

/// The condition of that type at `status.conditions`.
pub(super) fn condition<'a>(object: &'a Object, kind: &str) -> Option<&'a Object> {
    object.list_at(&["status", "conditions"]).iter().find(|condition| condition.str_at(&["type"]) == kind)
}
