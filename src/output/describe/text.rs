//! Fields of objects as text.

use std::borrow::Cow;

use crate::object::quantity::{self, Quantity};
use crate::object::{Meta, Object};
use crate::output::number::go_print;

/// The text, or `fallback` where it is empty.
pub(super) fn or<'a>(text: &'a str, fallback: &'a str) -> &'a str {
    if text.is_empty() { fallback } else { text }
}

/// A string, number or boolean at a path, `fallback` where it is absent.
pub(super) fn text_at<'a>(object: &'a Object, path: &[&str], fallback: &'a str) -> Cow<'a, str> {
    match object.at(path) {
        None | Some(Object::Null) => Cow::Borrowed(fallback),
        Some(Object::String(text)) => Cow::Borrowed(text),
        Some(other) => Cow::Owned(go_print(other)),
    }
}

/// Whether there is a value at a path, whatever it is.
pub(super) fn is_set(object: &Object, path: &[&str]) -> bool {
    object.at(path).is_some_and(|value| !value.is_null())
}

/// The integer at a path, 0 where it is absent.
pub(super) fn int(object: &Object, path: &[&str]) -> i64 {
    object.int_at(path).unwrap_or(0)
}

/// The strings of the list at a path.
pub(in crate::output) fn strings<'a>(object: &'a Object, path: &[&str]) -> Vec<&'a str> {
    object.list_at(path).iter().filter_map(Object::as_str).collect()
}

/// A list as Go prints it: `[a b]`.
pub(in crate::output) fn go_list(items: &[&str]) -> String {
    format!("[{}]", items.join(" "))
}

/// The string at a path of each item of a list, joined.
pub(super) fn join_at(items: &[Object], path: &[&str], separator: &str) -> String {
    items.iter().map(|item| item.str_at(path)).collect::<Vec<_>>().join(separator)
}

/// A map as `a=1,b=2` on one line, `<none>` where it is empty.
pub(super) fn one_line(map: &[(&str, &str)]) -> String {
    let mut entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value}")).collect();
    // By the whole text, as labels.Set.String does: `a-b=1` comes before `a=1`.
    entries.sort_unstable();
    if entries.is_empty() { "<none>".to_owned() } else { entries.join(",") }
}

/// `True` or `False`.
pub(super) fn bool_word(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A boolean that may be unset: `True`, `False`, `<unset>`.
pub(super) fn bool_or_unset(object: &Object, path: &[&str]) -> &'static str {
    object.at(path).and_then(Object::as_bool).map_or("<unset>", bool_word)
}

/// A value read as a quantity, nothing where it is none.
pub(super) fn as_quantity(value: &Object) -> Quantity {
    match value {
        Object::String(text) => Quantity::parse(text).unwrap_or_default(),
        Object::Number(number) => Quantity::parse(&number.to_string()).unwrap_or_default(),
        _ => Quantity::default(),
    }
}

/// The quantity at a path in canonical form, `absent` where there is none.
pub(super) fn quantity_or(object: &Object, path: &[&str], absent: &'static str) -> Cow<'static, str> {
    match object.at(path) {
        None | Some(Object::Null) => Cow::Borrowed(absent),
        Some(Object::String(text)) => Cow::Owned(quantity::canonical(text)),
        Some(value) => Cow::Owned(quantity::canonical(&go_print(value))),
    }
}

/// The quantity at a path in canonical form, `0` where there is none.
pub(super) fn quantity_text(object: &Object, path: &[&str]) -> Cow<'static, str> {
    quantity_or(object, path, "0")
}

/// The entries of a map of quantities at a path, sorted by name.
pub(super) fn quantities<'a>(
    object: &'a Object,
    path: &[&str],
) -> impl Iterator<Item = (&'a str, &'a Object)> + use<'a> {
    object.at(path).and_then(Object::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The names of everything in a map at a path, sorted.
pub(super) fn keys<'a>(object: &'a Object, path: &[&str]) -> impl Iterator<Item = &'a str> + use<'a> {
    quantities(object, path).map(|(name, _)| name)
}

/// The controller that owns the object, as `KIND/NAME`.
pub(super) fn controlled_by(object: &Object) -> String {
    object
        .controller_ref()
        .map(|owner| format!("{}/{}", owner.str_at(&["kind"]), owner.str_at(&["name"])))
        .unwrap_or_default()
}

/// At most `most` bytes of a text, `...` behind it where it is longer.
pub(super) fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}...", text.get(..end).unwrap_or("")))
}

/// Host and port joined, an IPv6 address in brackets.
pub(super) fn host_port(host: &str, port: &str) -> String {
    if host.contains([':', '%']) { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn maps_on_one_line_are_sorted_by_their_text() {
        assert_eq!(one_line(&[("a", "1"), ("a-b", "2")]), "a-b=2,a=1");
        assert_eq!(one_line(&[]), "<none>");
    }

    #[test]
    fn quantities_are_canonical() {
        let object = json!({"a": "1024Mi", "b": 2, "c": null, "d": "0.5", "e": "x"});
        for (key, want) in [("a", "1Gi"), ("b", "2"), ("c", "0"), ("d", "500m"), ("e", "x"), ("f", "0")] {
            assert_eq!(quantity_text(&object, &[key]), want, "{key}");
        }
    }

    #[test]
    fn shortens_between_characters() {
        assert_eq!(shorten("abé", 3), "ab...");
        assert_eq!(shorten("abc", 3), "abc");
    }
}
