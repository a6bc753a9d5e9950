//! Blocks that the descriptions of several kinds have: labels, annotations, conditions, tolerations.

use std::fmt::Display;

use super::description::Description;
use super::text::{is_set, shorten};
use crate::object::{Meta, Object};

/// The annotation in which `apply` keeps the manifest; never shown among the others.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Annotations longer than this, in bytes, are cut.
pub(super) const LONGEST_ANNOTATION: usize = 140;

/// A title and a list, one item a line, all in the second column; `<none>` for an empty list.
pub(super) fn multiline<T: Display>(
    d: &mut Description,
    level: usize,
    indent: &str,
    title: &str,
    items: impl IntoIterator<Item = T>,
) {
    d.put(level, format_args!("{indent}{title}:\t"));
    let mut first = true;
    for item in items {
        if !std::mem::take(&mut first) {
            d.put(level, indent);
            d.put(level, "\t");
        }
        d.line(level, item);
    }
    if first {
        d.line(0, "<none>");
    }
}

/// A map of labels, one a line.
pub(super) fn labels(d: &mut Description, title: &str, labels: &[(&str, &str)]) {
    labels_indented(d, "", title, labels);
}

/// A map of labels, one a line, behind an indentation.
pub(super) fn labels_indented(d: &mut Description, indent: &str, title: &str, labels: &[(&str, &str)]) {
    multiline(d, 0, indent, title, labels.iter().map(|(key, value)| format!("{key}={value}")));
}

/// A map of annotations; long ones and those of several lines stand below their key.
pub(super) fn annotations(d: &mut Description, title: &str, annotations: &[(&str, &str)]) {
    d.put(0, format_args!("{title}:\t"));
    let mut first = true;
    for (key, value) in annotations.iter().filter(|(key, _)| *key != LAST_APPLIED) {
        if !std::mem::take(&mut first) {
            d.put(0, "\t");
        }
        let value = value.strip_suffix('\n').unwrap_or(value);
        if value.len() + key.len() + 2 > LONGEST_ANNOTATION || value.contains('\n') {
            d.line(0, format_args!("{key}:"));
            for line in value.split('\n') {
                d.line(0, format_args!("\t  {}", shorten(line, LONGEST_ANNOTATION - 2)));
            }
        } else {
            d.line(0, format_args!("{key}: {value}"));
        }
    }
    if first {
        d.line(0, "<none>");
    }
}

/// The name, and the namespace where it is asked for, then labels and annotations.
pub(super) fn heading(d: &mut Description, object: &Object, namespaced: bool) {
    d.field(0, "Name", object.name());
    if namespaced {
        d.field(0, "Namespace", object.namespace());
    }
    labels(d, "Labels", &object.labels());
    annotations(d, "Annotations", &object.annotations());
}

/// The moment of creation.
pub(super) fn created(d: &mut Description, object: &Object) {
    let time = d.time(object.creation_timestamp());
    d.field(0, "CreationTimestamp", time);
}

/// Conditions as a table of type, status and reason.
pub(super) fn conditions_with_reason(d: &mut Description, object: &Object) {
    let conditions = object.list_at(&["status", "conditions"]);
    if conditions.is_empty() {
        return;
    }
    d.line(0, "Conditions:\n  Type\tStatus\tReason");
    d.line(1, "----\t------\t------");
    for condition in conditions {
        let part = |name: &str| condition.str_at(&[name]);
        d.line(1, format_args!("{} \t{}\t{}", part("type"), part("status"), part("reason")));
    }
}

/// The rows of a table of conditions with the time of their last change.
pub(super) fn conditions_with_time(d: &mut Description, object: &Object) {
    d.line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
    d.line(1, "----\t------\t------------------\t------\t-------");
    for condition in object.list_at(&["status", "conditions"]) {
        let part = |name: &str| condition.str_at(&[name]);
        let time = d.time(condition.time_at(&["lastTransitionTime"]));
        d.line(
            1,
            format_args!("{}\t{}\t{time}\t{}\t{}", part("type"), part("status"), part("reason"), part("message")),
        );
    }
}

/// Tolerations in the order of their keys.
pub(super) fn tolerations(d: &mut Description, title: &str, tolerations: &[Object]) {
    let mut sorted: Vec<&Object> = tolerations.iter().collect();
    sorted.sort_by_key(|toleration| toleration.str_at(&["key"]));
    multiline(d, 0, "", title, sorted.into_iter().map(toleration));
}

/// `key=value:Effect op=Exists for 300s`.
fn toleration(toleration: &Object) -> String {
    let part = |name: &str| toleration.str_at(&[name]);
    let mut text = part("key").to_owned();
    for (mark, value) in [("=", part("value")), (":", part("effect"))] {
        if !value.is_empty() {
            text.push_str(mark);
            text.push_str(value);
        }
    }
    if part("operator") == "Exists" && part("value").is_empty() {
        // Without key and effect it tolerates everything, and stands alone.
        text.push_str(if part("key").is_empty() && part("effect").is_empty() { "op=Exists" } else { " op=Exists" });
    }
    if let Some(seconds) = toleration.int_at(&["tolerationSeconds"]) {
        text.push_str(&format!(" for {seconds}s"));
    }
    text
}

/// Taints in the order of effect and key.
pub(super) fn taints(d: &mut Description, title: &str, taints: &[Object]) {
    let mut sorted: Vec<&Object> = taints.iter().collect();
    sorted.sort_by_key(|taint| format!("{},{}", taint.str_at(&["effect"]), taint.str_at(&["key"])));
    multiline(d, 0, "", title, sorted.into_iter().map(taint));
}

/// `key=value:Effect`.
fn taint(taint: &Object) -> String {
    let part = |name: &str| taint.str_at(&[name]);
    match (part("key"), part("value"), part("effect")) {
        (key, "", "") => key.to_owned(),
        (key, "", effect) => format!("{key}:{effect}"),
        (key, value, effect) => format!("{key}={value}:{effect}"),
    }
}

/// The status line of something that may be being deleted.
pub(super) fn phase(d: &mut Description, object: &Object) {
    if is_set(object, &["metadata", "deletionTimestamp"]) {
        let lasts = d.since(object.deletion_timestamp());
        d.field(0, "Status", format_args!("Terminating (lasts {lasts})"));
    } else {
        d.field(0, "Status", object.str_at(&["status", "phase"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Timestamp;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn write(write: impl FnOnce(&mut Description)) -> String {
        let mut d = Description::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
        write(&mut d);
        d.finish()
    }

    #[test]
    fn annotations_are_cut_and_broken() {
        let long = "x".repeat(200);
        let text = write(|d| {
            annotations(d, "Annotations", &[("a", "1"), ("b", "two\nlines\n"), ("c", &long), (LAST_APPLIED, "{}")]);
        });
        let want = format!(
            "Annotations:  a: 1\n              b:\n                two\n                lines\n              c:\n                {}...\n",
            "x".repeat(138)
        );
        assert_eq!(text, want);
        assert_eq!(write(|d| annotations(d, "A", &[(LAST_APPLIED, "{}")])), "A:  <none>\n");
    }

    #[test]
    fn tolerations_and_taints_in_short() {
        for (object, want) in [
            (json!({"operator": "Exists"}), "op=Exists"),
            (
                json!({"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}),
                "a:NoExecute op=Exists for 300s",
            ),
            (json!({"key": "a", "operator": "Equal", "value": "b"}), "a=b"),
        ] {
            assert_eq!(toleration(&object), want);
        }
        for (object, want) in [
            (json!({"key": "a"}), "a"),
            (json!({"key": "a", "value": "b"}), "a=b:"),
            (json!({"key": "a", "value": "b", "effect": "NoSchedule"}), "a=b:NoSchedule"),
            (json!({"key": "a", "effect": "NoSchedule"}), "a:NoSchedule"),
        ] {
            assert_eq!(taint(&object), want);
        }
    }
}
