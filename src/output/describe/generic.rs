//! Any object, by its fields.

use super::description::Description;
use super::events::events;
use super::parts::heading;
use super::related::Related;
use crate::object::Object;
use crate::output::number::go_print;

/// Fields that are shown elsewhere, or not at all.
const SKIPPED: [&[&str]; 5] = [
    &["metadata", "managedFields"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "labels"],
    &["metadata", "annotations"],
];

pub(super) fn describe(d: &mut Description, object: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, object, true);
    fields(d, object);
    events(d, related);
    Ok(())
}

/// Writes all fields of a map, and those of the maps in it, one level deeper each.
fn fields(d: &mut Description, object: &Object) {
    // What remains to be written, the next last: a stack instead of calls, as deep as the object is.
    enum Step<'a> {
        Field(usize, &'a str, &'a Object, bool),
        Item(usize, &'a Object),
    }
    let top = object.as_object().into_iter().flatten();
    let mut steps: Vec<Step<'_>> = top.map(|(name, value)| Step::Field(0, name, value, true)).collect();
    steps.reverse();
    while let Some(step) = steps.pop() {
        let mark = steps.len();
        match step {
            Step::Field(level, name, value, is_top) => {
                let skipped = |child: &str| is_top && SKIPPED.contains(&[name, child].as_slice());
                match value {
                    Object::Object(map) => {
                        d.line(level, format_args!("{}:", label(name)));
                        let children = map.iter().filter(|(child, _)| !skipped(child));
                        steps.extend(children.map(|(child, value)| Step::Field(level + 1, child, value, false)));
                    }
                    Object::Array(items) => {
                        d.line(level, format_args!("{}:", label(name)));
                        steps.extend(items.iter().map(|item| Step::Item(level + 1, item)));
                    }
                    other => d.field(level, &label(name), go_print(other)),
                }
            }
            Step::Item(level, Object::Object(map)) => {
                steps.extend(map.iter().map(|(child, value)| Step::Field(level, child, value, false)));
            }
            Step::Item(level, other) => d.line(level, go_print(other)),
        }
        if let Some(added) = steps.get_mut(mark..) {
            added.reverse();
        }
    }
}

/// A field's name as words: `nodeName` is `Node Name`, `podCIDR` is `Pod CIDR`, `apiVersion` is `API Version`.
/// A name with anything but letters and `-` in it stays as it is.
fn label(field: &str) -> String {
    if !field.chars().all(|c| c.is_alphabetic() || c == '-') {
        return field.to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    let parts = split_camel_case(field);
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        let acronym = part.len() >= 2 && !part.chars().any(|c| c.is_alphabetic() && !c.is_uppercase());
        match parts.peek().copied() {
            // The first byte alone decides, as in the original.
            Some(next) if acronym && next.bytes().next().is_some_and(|byte| char::from(byte).is_uppercase()) => {
                parts.next();
                words.push(word(&format!("{part}{next}")));
            }
            _ => words.push(word(part)),
        }
    }
    words.join(" ")
}

fn word(part: &str) -> String {
    const ACRONYMS: [&str; 4] = ["API", "URL", "UID", "GUID"];
    let upper = part.to_uppercase();
    if ACRONYMS.contains(&upper.as_str()) {
        return upper;
    }
    if part.to_lowercase() != part {
        return part.to_owned();
    }
    let mut rest = part.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Other,
}

/// Splits where the class of letters changes; the last capital of a run belongs to the small letters
/// behind it: `podCIDRsList` is `pod`, `CID`, `Rs`, `List`.
fn split_camel_case(text: &str) -> Vec<&str> {
    let class = |c: char| match c {
        c if c.is_lowercase() => Class::Lower,
        c if c.is_uppercase() => Class::Upper,
        _ => Class::Other,
    };
    let mut starts = Vec::new();
    let mut before: Option<(usize, Class)> = None;
    for (at, character) in text.char_indices() {
        let now = class(character);
        match before {
            Some((_, last)) if last == now => {}
            Some((last_at, Class::Upper)) if now == Class::Lower => {
                if starts.last() != Some(&last_at) {
                    starts.push(last_at);
                }
            }
            _ => starts.push(at),
        }
        before = Some((at, now));
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| text.get(*start..end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Timestamp;
    use jiff::tz::TimeZone;
    use serde_json::json;

    #[test]
    fn names_become_words() {
        for (field, want) in [
            ("nodeName", "Node Name"),
            ("apiVersion", "API Version"),
            ("podCIDR", "Pod CIDR"),
            ("uid", "UID"),
            ("externalURL", "External URL"),
            ("some_field", "some_field"),
            ("app.kubernetes.io/name", "app.kubernetes.io/name"),
            ("APIService", "APIService"),
            ("clusterIPs", "Cluster I Ps"),
            ("podCIDRs", "Pod CIDRs"),
            ("someURLPath", "Some URLPath"),
            ("kebab-case", "Kebab - Case"),
            ("", ""),
        ] {
            assert_eq!(label(field), want, "{field}");
        }
    }

    #[test]
    fn fields_at_their_levels() {
        let mut d = Description::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
        fields(
            &mut d,
            &json!({
                "metadata": {"name": "x", "uid": "u", "labels": {"a": "b"}},
                "spec": {"list": [1, {"b": 1.5, "a": null}, [2, 3]], "name": "y"},
            }),
        );
        assert_eq!(
            d.finish(),
            "Metadata:\n  UID:  u\nSpec:\n  List:\n    1\n    A:  <nil>\n    B:  1.5\n    [2 3]\n  Name:  y\n"
        );
    }
}
