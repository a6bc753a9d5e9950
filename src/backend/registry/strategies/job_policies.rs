//! What a job says about failures, successes and replacements. Source: `pkg/apis/batch/validation`.

use std::collections::BTreeSet;

use super::rules::Defaults;
use crate::backend::registry::field_error::FieldError;
use crate::backend::registry::validation::{Faults, child, indexed, is_set};
use crate::go::quote::quote;
use crate::object::{Meta, Object, names};

/// The most indexes that may be at work, or have failed, at once.
const INDEXES_MAX: i64 = 100_000;
/// Of jobs with more completions than [`INDEXES_MAX`].
const INDEXES_MAX_OF_MANY: i64 = 10_000;
const RULES_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;
const MANAGER_MAX: usize = 63;
const SUCCEEDED_INDEXES_MAX: usize = 64 * 1024;
const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];

/// Fills in what a policy leaves open.
pub fn default(spec: &mut Object) {
    spec.each(&["podFailurePolicy", "rules"], |rule| {
        rule.each(&["onPodConditions"], |pattern| pattern.or_text(&["status"], "True"));
    });
}

/// Checks the manager, the limits for each index, and the counts of an indexed job.
pub fn limits(spec: &Object, base: &str, faults: &mut Faults) {
    let number = |field: &str| spec.int_at(&[field]);
    let at = |field: &str| child(base, field);
    let most_failed = number("maxFailedIndexes");
    if most_failed.is_some() && number("backoffLimitPerIndex").is_none() {
        faults.required(at("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    if let Some(manager) = spec.at(&["managedBy"]).and_then(Object::as_str) {
        managed_by(manager, &at("managedBy"), faults);
    }
    let mode = spec.str_at(&["completionMode"]);
    if !matches!(mode, "" | "NonIndexed" | "Indexed") {
        faults.not_supported(at("completionMode"), mode, &["NonIndexed", "Indexed"]);
    }
    if mode == "Indexed" {
        if number("completions").is_none() {
            faults.required(at("completions"), "when completion mode is Indexed");
        }
        let mut most = |field: &str, bound: i64, ending: &str| {
            if let Some(value) = number(field).filter(|value| *value > bound) {
                faults.invalid(at(field), value, format!("must be less than or equal to {bound}{ending}"));
            }
        };
        most("parallelism", INDEXES_MAX, " when completion mode is Indexed");
        if let (Some(completions), Some(failed)) = (number("completions"), most_failed)
            && failed > completions
        {
            faults.invalid(at("maxFailedIndexes"), failed, "must be less than or equal to completions");
        }
        let mut most = |field: &str, bound: i64, ending: &str| {
            if let Some(value) = number(field).filter(|value| *value > bound) {
                faults.invalid(at(field), value, format!("must be less than or equal to {bound}{ending}"));
            }
        };
        most("maxFailedIndexes", INDEXES_MAX, "");
        let many = number("completions").is_some_and(|completions| completions > INDEXES_MAX);
        if many && number("backoffLimitPerIndex").is_some() {
            let ending = format!(" when completions are above {INDEXES_MAX} and used with backoff limit per index");
            if most_failed.is_none() {
                let detail = format!("must be specified when completions is above {INDEXES_MAX}");
                faults.required(at("maxFailedIndexes"), &detail);
            }
            for field in ["parallelism", "maxFailedIndexes"] {
                if let Some(value) = number(field).filter(|value| *value > INDEXES_MAX_OF_MANY) {
                    let detail = format!("must be less than or equal to {INDEXES_MAX_OF_MANY}{ending}");
                    faults.invalid(at(field), value, detail);
                }
            }
        }
    } else if matches!(mode, "" | "NonIndexed") {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(value) = number(field) {
                faults.invalid(at(field), value, "requires indexed completion mode");
            }
        }
    }
}

fn managed_by(manager: &str, field: &str, faults: &mut Faults) {
    if manager.is_empty() {
        faults.required(field, "");
    } else {
        match manager.split_once('/').filter(|(host, path)| !host.is_empty() && !path.is_empty()) {
            None => {
                faults.invalid(field, manager, "must be a domain-prefixed path (such as \"acme.io/foo\")");
            }
            Some((host, _)) => faults.complaints(field, host, names::dns1123_subdomain(host)),
        }
    }
    if manager.len() > MANAGER_MAX {
        faults.too_long(field, MANAGER_MAX);
    }
}

/// Checks the policies of a job.
pub fn check(spec: &Object, base: &str, faults: &mut Faults) {
    let set = |field: &str| spec.at(&[field]).filter(|value| value.is_object());
    if let Some(policy) = set("podFailurePolicy") {
        failure_policy(spec, policy, &child(base, "podFailurePolicy.rules"), faults);
    }
    if let Some(policy) = set("successPolicy") {
        if spec.str_at(&["completionMode"]) == "Indexed" {
            success_policy(spec, policy, &child(base, "successPolicy.rules"), faults);
        } else {
            faults.invalid(child(base, "successPolicy"), policy.clone(), "requires indexed completion mode");
        }
    }
    let replacement = spec.str_at(&["podReplacementPolicy"]);
    let allowed: &[&str] =
        if set("podFailurePolicy").is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    if !replacement.is_empty() && !allowed.contains(&replacement) {
        faults.not_supported(child(base, "podReplacementPolicy"), replacement, allowed);
    }
}

/// `valid values: ["a" "b"]`, as the field's absence is told.
fn valid(values: &[&str]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| quote(value)).collect();
    format!("valid values: [{}]", quoted.join(" "))
}

fn too_many(field: &str, list: &[Object], most: usize, faults: &mut Faults) {
    if list.len() > most {
        faults.0.push(FieldError::too_many(field, list.len(), most));
    }
}

fn failure_policy(spec: &Object, policy: &Object, field: &str, faults: &mut Faults) {
    too_many(field, policy.list_at(&["rules"]), RULES_MAX, faults);
    let lists = ["containers", "initContainers"].into_iter();
    let containers: BTreeSet<&str> = lists
        .flat_map(|list| spec.list_at(&["template", "spec", list]))
        .map(|container| container.str_at(&["name"]))
        .collect();
    for (place, rule) in policy.list_at(&["rules"]).iter().enumerate() {
        let path = format!("{field}[{place}]");
        let at = child(&path, "action");
        match rule.str_at(&["action"]) {
            "" => faults.required(at, &valid(&ACTIONS)),
            "FailIndex" if spec.int_at(&["backoffLimitPerIndex"]).is_none() => {
                faults.invalid(at, "FailIndex", "requires the backoffLimitPerIndex to be set");
            }
            action if !ACTIONS.contains(&action) => faults.not_supported(at, action, &ACTIONS),
            _ => {}
        }
        let codes = rule.at(&["onExitCodes"]).filter(|codes| codes.is_object());
        if let Some(codes) = codes {
            exit_codes(codes, &child(&path, "onExitCodes"), &containers, faults);
        }
        let conditions = rule.list_at(&["onPodConditions"]);
        pod_conditions(conditions, &child(&path, "onPodConditions"), faults);
        let complaint = match (codes.is_some(), conditions.is_empty()) {
            (true, false) => "specifying both OnExitCodes and OnPodConditions is not supported",
            (false, true) => "specifying one of OnExitCodes and OnPodConditions is required",
            _ => continue,
        };
        faults.0.push(FieldError::invalid(path, "", complaint).without_value());
    }
}

fn pod_conditions(patterns: &[Object], field: &str, faults: &mut Faults) {
    too_many(field, patterns, RULES_MAX, faults);
    for (place, pattern) in patterns.iter().enumerate() {
        let path = format!("{field}[{place}]");
        let kind = pattern.str_at(&["type"]);
        faults.complaints(&child(&path, "type"), kind, names::qualified_name(kind));
        match pattern.str_at(&["status"]) {
            "" => faults.required(child(&path, "status"), &valid(&STATUSES)),
            status if !STATUSES.contains(&status) => {
                faults.not_supported(child(&path, "status"), status, &STATUSES);
            }
            _ => {}
        }
    }
}

fn exit_codes(rule: &Object, field: &str, containers: &BTreeSet<&str>, faults: &mut Faults) {
    let operator = rule.str_at(&["operator"]);
    match operator {
        "" => faults.required(child(field, "operator"), &valid(&OPERATORS)),
        operator if !OPERATORS.contains(&operator) => {
            faults.not_supported(child(field, "operator"), operator, &OPERATORS);
        }
        _ => {}
    }
    if let Some(name) = rule.at(&["containerName"]).and_then(Object::as_str).filter(|name| !containers.contains(name)) {
        let complaint = "must be one of the container or initContainer names in the pod template";
        faults.invalid(child(field, "containerName"), name, complaint);
    }
    let path = child(field, "values");
    let values = rule.list_at(&["values"]);
    if values.is_empty() {
        let shown = rule.at(&["values"]).cloned().unwrap_or_default();
        faults.invalid(path.clone(), shown, "at least one value is required");
    }
    too_many(&path, values, EXIT_CODES_MAX, faults);
    let mut seen = BTreeSet::new();
    let mut last = None;
    let mut is_ordered = true;
    for (path, value) in indexed(rule, field, &["values"]) {
        let code = value.as_i64().unwrap_or(0);
        if operator == "In" && code == 0 {
            faults.invalid(path.clone(), 0, "must not be 0 for the In operator");
        }
        if !seen.insert(code) {
            faults.duplicate(path, code);
        }
        is_ordered &= last.is_none_or(|last| last <= code);
        last = Some(code);
    }
    if !is_ordered {
        faults.invalid(path, values.to_vec(), "must be ordered");
    }
}

fn success_policy(spec: &Object, policy: &Object, field: &str, faults: &mut Faults) {
    let rules = policy.list_at(&["rules"]);
    if rules.is_empty() {
        faults.required(field, "at least one rules must be specified when the successPolicy is specified");
    }
    too_many(field, rules, RULES_MAX, faults);
    let completions = spec.int_at(&["completions"]).unwrap_or(0);
    for (place, rule) in rules.iter().enumerate() {
        let path = format!("{field}[{place}]");
        let indexes = rule.at(&["succeededIndexes"]).and_then(Object::as_str);
        if indexes.is_none() && !is_set(rule.at(&["succeededCount"])) {
            faults.required(&path, "at least one of succeededCount or succeededIndexes must be specified");
        }
        let mut total = 0;
        if let Some(text) = indexes {
            let at = child(&path, "succeededIndexes");
            if text.len() > SUCCEEDED_INDEXES_MAX {
                faults.too_long(at.clone(), SUCCEEDED_INDEXES_MAX);
            }
            match count_indexes(text, completions) {
                Ok(count) => total = count,
                Err(why) => faults.invalid(at, text, format!("error parsing succeededIndexes: {why}")),
            }
        }
        let Some(count) = rule.int_at(&["succeededCount"]) else { continue };
        faults.non_negative(rule, &path, &["succeededCount"]);
        let mut most = |bound: i64, of: &str| {
            if count > bound {
                let complaint = format!("must be less than or equal to {bound} (the number of {of})");
                faults.invalid(child(&path, "succeededCount"), count, complaint);
            }
        };
        most(completions, "specified completions");
        if indexes.is_some() {
            most(total, "indexes in the specified succeededIndexes field");
        }
    }
}

/// How many indexes a text like `0,2-4` names.
fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    let (mut last, mut total) = (None, 0);
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let (first, end) = interval(part, completions)?;
        if let Some(last) = last.filter(|last| *last >= first) {
            return Err(format!("non-increasing order, previous: {last}, current: {first}"));
        }
        total += end - first + 1;
        last = Some(end);
    }
    Ok(total)
}

fn interval(text: &str, completions: i64) -> Result<(i64, i64), String> {
    let number = |text: &str| {
        let number =
            text.parse::<i64>().map_err(|_| format!("cannot convert string to integer for index: {}", quote(text)))?;
        if number >= completions { Err(format!("too large index: {}", quote(text))) } else { Ok(number) }
    };
    let parts: Vec<&str> = text.split('-').collect();
    match parts.as_slice() {
        [one] => number(one).map(|one| (one, one)),
        [first, last] => match (number(first)?, number(last)?) {
            (first, last) if first < last => Ok((first, last)),
            (first, last) => Err(format!("non-increasing order, previous: {first}, current: {last}")),
        },
        _ => Err(format!(
            "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
            quote(text)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_what_is_wrong() {
        let spec = |mut own: Object| {
            own.or_set(&["completionMode"], "Indexed");
            own.or_set(&["completions"], 5);
            own.or_set(&["template", "spec", "containers"], json!([{"name": "c"}]));
            own
        };
        let failing = |rule: Object| json!({"podFailurePolicy": {"rules": [rule]}, "podReplacementPolicy": "Failed"});
        let rule = "spec.podFailurePolicy.rules[0]";
        let met = "spec.successPolicy.rules[0]";
        for (own, want) in [
            (failing(json!({"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1, 2]}})), String::new()),
            (
                failing(json!({"onExitCodes": {"operator": "In", "values": [1]}})),
                format!("{rule}.action: Required value: valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"),
            ),
            (
                failing(json!({"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [1]}})),
                format!("{rule}.action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set"),
            ),
            (
                failing(json!({"action": "Count"})),
                format!("{rule}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required"),
            ),
            (
                failing(json!({"action": "Count", "onExitCodes": {"operator": "In", "values": [0, 3, 2, 3], "containerName": "x"}})),
                format!(
                    "{rule}.onExitCodes.containerName: Invalid value: \"x\": must be one of the container or initContainer names in the pod template; {rule}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator; {rule}.onExitCodes.values[3]: Duplicate value: 3; {rule}.onExitCodes.values: Invalid value: [0,3,2,3]: must be ordered"
                ),
            ),
            (
                json!({"podFailurePolicy": {"rules": []}, "podReplacementPolicy": "TerminatingOrFailed"}),
                "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\"".into(),
            ),
            (
                json!({"successPolicy": {"rules": [{}]}}),
                format!("{met}: Required value: at least one of succeededCount or succeededIndexes must be specified"),
            ),
            (
                json!({"successPolicy": {"rules": [{"succeededIndexes": "0,3-2"}]}}),
                format!(
                    "{met}.succeededIndexes: Invalid value: \"0,3-2\": error parsing succeededIndexes: non-increasing order, previous: 3, current: 2"
                ),
            ),
            (
                json!({"successPolicy": {"rules": [{"succeededIndexes": "0-1", "succeededCount": 3}]}}),
                format!(
                    "{met}.succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)"
                ),
            ),
            (
                json!({"maxFailedIndexes": 6}),
                "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified; spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions".into(),
            ),
            (
                json!({"managedBy": "me"}),
                "spec.managedBy: Invalid value: \"me\": must be a domain-prefixed path (such as \"acme.io/foo\")".into(),
            ),
        ] {
            let spec = spec(own);
            let mut faults = Faults::default();
            limits(&spec, "spec", &mut faults);
            check(&spec, "spec", &mut faults);
            let said: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
            assert_eq!(said.join("; "), want, "{spec}");
        }
    }
}
