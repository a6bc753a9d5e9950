//! What kinds that make pods share: selectors, templates, counts and percentages.
//! Source: `pkg/apis/apps/validation`, `apimachinery/pkg/apis/meta/v1/validation`.

use super::{Faults, child, indexed, is_empty, meta, pod};
use crate::object::labels::Selector;
use crate::object::{Meta, Object, intstr, names};

/// A `LabelSelector` object.
pub fn selector(selector: Option<&Object>, field: &str, faults: &mut Faults) {
    let Some(selector) = selector else { return };
    meta::labels(selector.at(&["matchLabels"]), &child(field, "matchLabels"), faults);
    for (path, expression) in indexed(selector, field, &["matchExpressions"]) {
        let values = expression.list_at(&["values"]);
        match expression.str_at(&["operator"]) {
            "In" | "NotIn" if values.is_empty() => {
                faults.required(child(&path, "values"), "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "In" | "NotIn" => {}
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                faults.forbidden(child(&path, "values"), detail);
            }
            "Exists" | "DoesNotExist" => {}
            other => faults.invalid(child(&path, "operator"), other, "not a valid selector operator"),
        }
        let key = expression.str_at(&["key"]);
        faults.complaints(&child(&path, "key"), key, names::qualified_name(key));
        for (index, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            faults.complaints(&child(&path, &format!("values[{index}]")), value, names::label_value(value));
        }
    }
}

/// The selector of a workload, which must be there and select something; `what` is the kind in messages.
pub fn required_selector(spec: &Object, what: &str, faults: &mut Faults) {
    match spec.at(&["selector"]).filter(|selector| !selector.is_null()) {
        None => faults.required("spec.selector", ""),
        Some(object) => {
            selector(Some(object), "spec.selector", faults);
            if is_empty(object.at(&["matchLabels"])) && is_empty(object.at(&["matchExpressions"])) {
                faults.invalid("spec.selector", object.clone(), format!("empty selector is invalid for {what}"));
            }
        }
    }
}

/// A template whose labels the selector must match and whose pods must restart always.
pub fn matching_template(spec: &Object, what: &str, faults: &mut Faults) {
    match Selector::from_object(spec.at(&["selector"])) {
        Err(_) => {
            let object = spec.at(&["selector"]).cloned().unwrap_or_default();
            faults.invalid("spec.selector", object, "invalid label selector");
        }
        Ok(selector) => {
            labels_match(&selector, spec, faults);
            template_of_service(spec, what, faults);
        }
    }
}

/// The template's labels must match the selector.
pub fn labels_match(selector: &Selector, spec: &Object, faults: &mut Faults) {
    let labels = spec.at(&["template", "metadata", "labels"]);
    if !selector.is_everything() && !selector.matches_labels(labels) {
        let labels = labels.cloned().unwrap_or_default();
        faults.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`");
    }
}

/// A template of pods that run for as long as they can.
pub fn template_of_service(spec: &Object, what: &str, faults: &mut Faults) {
    let empty = Object::Null;
    let template = spec.at(&["template"]).unwrap_or(&empty);
    pod::template(template, "spec.template", faults);
    let policy = template.str_at(&["spec", "restartPolicy"]);
    if policy != "Always" {
        faults.not_supported("spec.template.spec.restartPolicy", policy, &["Always"]);
    }
    if template.int_at(&["spec", "activeDeadlineSeconds"]).is_some() {
        let detail = format!("activeDeadlineSeconds in {what} is not Supported");
        faults.forbidden("spec.template.spec.activeDeadlineSeconds", detail);
    }
}

/// A count or percentage that must not be negative.
pub fn count_or_percent(value: Option<&Object>, field: &str, faults: &mut Faults) {
    match value {
        Some(Object::String(text)) => faults.complaints(field, text, names::percent(text)),
        Some(Object::Number(number)) => {
            if let Some(number) = number.as_i64().filter(|number| *number < 0) {
                faults.invalid(field, number, "must be greater than or equal to 0");
            }
        }
        _ => {}
    }
}

/// A percentage must not be above 100.
pub fn at_most_100_percent(value: Option<&Object>, field: &str, faults: &mut Faults) {
    if let Some(Object::String(text)) = value {
        let percent = text.strip_suffix('%').and_then(|digits| digits.parse::<i64>().ok());
        if percent.is_some_and(|percent| percent > 100) {
            faults.invalid(field, text.as_str(), "must not be greater than 100%");
        }
    }
}

/// The number in a count or percentage: `25` of `25%`.
pub fn number_in(value: Option<&Object>) -> i64 {
    let text = value.map(intstr::to_text).unwrap_or_default();
    text.trim_end_matches('%').parse().unwrap_or(0)
}
