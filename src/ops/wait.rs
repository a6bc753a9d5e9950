//! Waiting for objects: what is waited for, and whether it is so.

use std::time::Duration;

use anyhow::{anyhow, bail};

use super::resources::Info;
use crate::client::Client;
use crate::client::watch::{TimedOut, until};
use crate::object::{Meta, Object, Status};
use crate::output::jsonpath::JsonPath;
use crate::output::number;

/// Something to wait for (`--for`).
#[derive(Clone, Debug)]
pub enum Condition {
    /// The object exists.
    Created,
    /// The object is gone.
    Deleted,
    /// A condition in the object's status has a status.
    Status {
        /// The condition's type.
        name: String,
        /// Its status.
        status: String,
    },
    /// A template finds a value, or any.
    JsonPath {
        /// The template.
        path: Box<JsonPath>,
        /// The value; none for any.
        value: Option<String>,
    },
}

impl Condition {
    /// Reads `create`, `delete`, `condition=NAME[=STATUS]`, `jsonpath={…}[=VALUE]`.
    ///
    /// # Errors
    /// Anything else, in kubectl's words.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text.eq_ignore_ascii_case("delete") {
            return Ok(Self::Deleted);
        }
        if text.eq_ignore_ascii_case("create") {
            return Ok(Self::Created);
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (name, status) = condition.split_once('=').unwrap_or((condition, "true"));
            return Ok(Self::Status { name: name.to_owned(), status: status.to_owned() });
        }
        match text.strip_prefix("jsonpath=") {
            Some(input) => Self::parse_jsonpath(input),
            None => bail!("unrecognized condition: {text:?}"),
        }
    }

    fn parse_jsonpath(input: &str) -> anyhow::Result<Self> {
        let parts = split_single_equals(input);
        let (expression, value) = match parts.as_slice() {
            [expression] => (expression, None),
            [expression, value] => (expression, Some(value.trim_matches(['\'', '"']).to_owned())),
            _ => bail!(
                "jsonpath wait format must be --for=jsonpath='{{.status.readyReplicas}}'=3 or --for=jsonpath='{{.status.readyReplicas}}'"
            ),
        };
        let path = JsonPath::parse_relaxed(expression).map_err(|error| anyhow!(error.to_string()))?;
        if value.as_deref() == Some("") {
            bail!(
                "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{{.status.readyReplicas}}'=3"
            );
        }
        if expression.is_empty() {
            bail!("jsonpath expression cannot be empty");
        }
        Ok(Self::JsonPath { path: Box::new(path), value })
    }

    /// Whether it is so of an object that exists.
    ///
    /// # Errors
    /// A template that finds what cannot be compared.
    pub fn is_met(&self, object: &Object) -> anyhow::Result<bool> {
        match self {
            Self::Created => Ok(true),
            Self::Deleted => Ok(false),
            Self::Status { name, status } => Ok(has_status(object, name, status)),
            Self::JsonPath { path, value } => finds(path, value.as_deref(), object),
        }
    }
}

/// Splits at each `=` that does not stand beside another one, as kubectl does.
fn split_single_equals(input: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut rest = input;
    while let Some(at) = rest.find('=') {
        let (before, after) = rest.split_at(at);
        if let Some(part) = parts.last_mut() {
            part.push_str(before);
        }
        if let Some(after) = after.strip_prefix("==") {
            if let Some(part) = parts.last_mut() {
                part.push_str("==");
            }
            rest = after;
        } else {
            parts.push(String::new());
            rest = after.get(1..).unwrap_or_default();
        }
    }
    if let Some(part) = parts.last_mut() {
        part.push_str(rest);
    }
    parts
}

fn has_status(object: &Object, name: &str, status: &str) -> bool {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let conditions = object.list_at(&["status", "conditions"]);
    let found = conditions.iter().find(|condition| {
        same(condition.str_at(&["type"]), name) && condition.at(&["status"]).is_some_and(Object::is_string)
    });
    let Some(condition) = found else { return false };
    // What was said of an older state of the object does not count.
    if let Some(generation) = object.int_at(&["metadata", "generation"]) {
        let observed =
            condition.int_at(&["observedGeneration"]).or_else(|| object.int_at(&["status", "observedGeneration"]));
        if observed.is_some_and(|observed| observed < generation) {
            return false;
        }
    }
    same(condition.str_at(&["status"]), status)
}

fn finds(path: &JsonPath, value: Option<&str>, object: &Object) -> anyhow::Result<bool> {
    let results = path.find(object).map_err(|error| anyhow!(error.to_string()))?;
    let Some(first) = results.first().filter(|found| !found.is_empty()) else { return Ok(false) };
    if results.len() > 1 {
        bail!("given jsonpath expression matches more than one list");
    }
    let [found] = first.as_slice() else { bail!("given jsonpath expression matches more than one value") };
    let Some(value) = value else { return Ok(true) };
    let text = match &**found {
        Object::Object(_) | Object::Array(_) => {
            bail!("jsonpath leads to a nested object or list which is not supported")
        }
        Object::String(text) => text.clone(),
        Object::Bool(yes) => yes.to_string(),
        Object::Null => "<nil>".to_owned(),
        Object::Number(number) => {
            number.as_i64().map_or_else(|| number::go_float(number.as_f64().unwrap_or(0.0)), |whole| whole.to_string())
        }
    };
    Ok(text.trim() == value.trim())
}

/// Waits until all conditions hold of one object, each after the one before it, on one watch. `met` is
/// handed the object each time that one of them does.
///
/// `info` is the object as it was just fetched where `fresh` says so; then it may answer for itself. Where
/// `any` says so, one condition is enough, whichever holds first.
///
/// # Errors
/// `timed out waiting for the condition on pods/x`, an object that is not there.
pub async fn wait(
    client: &Client,
    info: &Info,
    conditions: &[Condition],
    any: bool,
    limit: Duration,
    fresh: bool,
    mut met: impl FnMut(&Object) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if info.name.is_empty() {
        bail!("resource name must be provided");
    }
    let endpoint = info.endpoint();
    let mut waiting = Waiting { conditions, any, known: info.object.clone().unwrap_or_default(), met: &mut met };
    if fresh {
        let known = waiting.known.clone();
        if waiting.look(Some(&known))? {
            return Ok(());
        }
    }
    if waiting.conditions.iter().all(|condition| matches!(condition, Condition::Created)) {
        let known = waiting.known.clone();
        waiting.look(Some(&known))?;
        return Ok(());
    }
    let mut seen = false;
    let result = until(client, &endpoint, Some(limit), |object| {
        if object.is_none() && !seen && !waiting.waits_for_deletion() {
            let resource = info.mapping.as_ref().map(|mapping| mapping.resource.group_resource()).unwrap_or_default();
            return Err(Status::not_found(&resource, &info.name).into());
        }
        seen = true;
        Ok(waiting.look(object)?.then_some(()))
    });
    result.await.map_err(|error| match error.is::<TimedOut>() {
        true => anyhow!("timed out waiting for the condition on {}", info.object_name()),
        false => error,
    })
}

/// Looks once: `--timeout=0`.
///
/// # Errors
/// `condition not met for pods/x`.
pub fn check(
    info: &Info,
    conditions: &[Condition],
    any: bool,
    mut met: impl FnMut(&Object) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let known = info.object.clone().unwrap_or_default();
    if any {
        for condition in conditions {
            if condition.is_met(&known)? {
                return met(&known);
            }
        }
        bail!("condition not met for {}", info.object_name());
    }
    for condition in conditions {
        if !condition.is_met(&known)? {
            bail!("condition not met for {}", info.object_name());
        }
        met(&known)?;
    }
    Ok(())
}

/// What is still to come of an object.
struct Waiting<'a> {
    conditions: &'a [Condition],
    /// Whether one of them is enough.
    any: bool,
    /// The object as it was last.
    known: Object,
    met: &'a mut dyn FnMut(&Object) -> anyhow::Result<()>,
}

impl Waiting<'_> {
    fn waits_for_deletion(&self) -> bool {
        let deletion = |condition: &Condition| matches!(condition, Condition::Deleted);
        if self.any { self.conditions.iter().any(deletion) } else { self.conditions.first().is_some_and(deletion) }
    }

    /// Looks at the object, or its absence, and strikes out what holds; whether nothing is left.
    fn look(&mut self, object: Option<&Object>) -> anyhow::Result<bool> {
        if let Some(object) = object {
            self.known = object.clone();
        }
        let holds = |condition: &Condition| match object {
            Some(object) => condition.is_met(object),
            None => Ok(matches!(condition, Condition::Deleted)),
        };
        if self.any {
            for condition in self.conditions {
                if holds(condition)? {
                    (self.met)(&self.known)?;
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        while let Some((first, rest)) = self.conditions.split_first() {
            if !holds(first)? {
                return Ok(false);
            }
            (self.met)(&self.known)?;
            self.conditions = rest;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn met(condition: &str, object: &Object) -> Result<bool, String> {
        Condition::parse(condition).and_then(|condition| condition.is_met(object)).map_err(|error| error.to_string())
    }

    #[test]
    fn knows_whether_it_is_so() {
        let pod = json!({"metadata": {"generation": 2}, "status": {"phase": "Running", "n": 3, "list": [1, 2], "none": null,
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Old", "status": "True", "observedGeneration": 1}]}});
        for (condition, want) in [
            ("create", Ok(true)),
            ("DELETE", Ok(false)),
            ("condition=Ready", Ok(true)),
            ("condition=ready=TRUE", Ok(true)),
            ("condition=Ready=false", Ok(false)),
            ("condition=Old", Ok(false)),
            ("condition=Nothing", Ok(false)),
            ("jsonpath={.status.phase}=Running", Ok(true)),
            ("jsonpath=status.phase='Running'", Ok(true)),
            ("jsonpath={.status.n}=3", Ok(true)),
            ("jsonpath={.status.phase}", Ok(true)),
            ("jsonpath={.status.nothing}", Ok(false)),
            ("jsonpath={.status.conditions[?(@.type==\"Ready\")].status}=True", Ok(true)),
            ("jsonpath={.status.list[*]}=1", Err("given jsonpath expression matches more than one value")),
            ("jsonpath={.status.list}=1", Err("jsonpath leads to a nested object or list which is not supported")),
            ("jsonpath=", Err("jsonpath expression cannot be empty")),
            (
                "jsonpath={.a}=",
                Err(
                    "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
                ),
            ),
            (
                "jsonpath={.a}=b=c",
                Err(
                    "jsonpath wait format must be --for=jsonpath='{.status.readyReplicas}'=3 or --for=jsonpath='{.status.readyReplicas}'",
                ),
            ),
            ("ready", Err("unrecognized condition: \"ready\"")),
        ] {
            assert_eq!(met(condition, &pod), want.map_err(str::to_owned), "{condition}");
        }
    }

    #[test]
    fn splits_as_kubectl_does() {
        assert_eq!(split_single_equals("a.b.c====d.e.f===g.h.i==="), ["a.b.c====d.e.f==", "g.h.i==", ""]);
    }

    #[test]
    fn strikes_conditions_out_in_order() {
        let conditions = ["condition=A", "condition=B", "delete"].map(|text| Condition::parse(text).unwrap());
        let mut struck = Vec::new();
        let mut note = |object: &Object| {
            struck.push(object["n"].clone());
            Ok(())
        };
        let mut waiting = Waiting { conditions: &conditions, any: false, known: json!(null), met: &mut note };
        let object = |n: i64, kind: &str| json!({"n": n, "status": {"conditions": [{"type": kind, "status": "True"}]}});
        for (object, done) in
            [(Some(object(1, "B")), false), (Some(object(2, "A")), false), (Some(object(3, "B")), false), (None, true)]
        {
            assert_eq!(waiting.look(object.as_ref()).unwrap(), done);
        }
        assert_eq!(struck, [json!(2), json!(3), json!(3)]);
    }

    #[test]
    fn one_condition_is_enough_where_any_is() {
        let conditions = ["condition=Failed", "condition=Complete"].map(|text| Condition::parse(text).unwrap());
        let mut count = 0;
        let mut note = |_: &Object| {
            count += 1;
            Ok(())
        };
        let mut waiting = Waiting { conditions: &conditions, any: true, known: json!(null), met: &mut note };
        let object = |kind: &str| json!({"status": {"conditions": [{"type": kind, "status": "True"}]}});
        assert!(!waiting.look(Some(&object("Other"))).unwrap());
        assert!(!waiting.look(None).unwrap());
        assert!(waiting.look(Some(&object("Complete"))).unwrap());
        assert_eq!(count, 1);
    }

    proptest! {
        #[test]
        fn never_panics(text in "(jsonpath|condition)=[{}.a=?'\"@()\\[\\]*]{0,12}") {
            let _ = met(&text, &json!({"a": {"a": [1, "a"]}}));
        }
    }
}
