//! HorizontalPodAutoscalers, of autoscaling/v2 and v1.

use super::description::Description;
use super::events::events;
use super::parts::{created, heading};
use super::related::Related;
use super::text::{int, is_set, quantity_or, text_at};
use crate::go::quote::quote;
use crate::object::{Meta, Object};

pub(super) fn describe(d: &mut Description, scaler: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = scaler.get("spec").unwrap_or(&Object::Null);
    let status = scaler.get("status").unwrap_or(&Object::Null);
    let first = scaler.api_version().ends_with("/v1");
    let target = |field: &str| spec.str_at(&["scaleTargetRef", field]).to_owned();
    heading(d, scaler, true);
    created(d, scaler);
    d.field(0, "Reference", format_args!("{}/{}", target("kind"), target("name")));
    if first {
        cpu(d, spec, status);
    } else {
        d.field(0, "Metrics", "( current / target )");
        let current = status.list_at(&["currentMetrics"]);
        for (index, metric) in spec.list_at(&["metrics"]).iter().enumerate() {
            let (name, current, target) = metric_text(metric, current.get(index).unwrap_or(&Object::Null));
            match target {
                Some(target) => d.field(1, &name, format_args!("{current} / {target}")),
                None => d.line(1, name),
            }
        }
    }
    d.field(0, "Min replicas", text_at(spec, &["minReplicas"], "<unset>"));
    d.field(0, "Max replicas", int(spec, &["maxReplicas"]));
    if !first && is_set(spec, &["behavior"]) {
        d.line(0, "Behavior:");
        behavior(d, "Scale Up", spec.at(&["behavior", "scaleUp"]));
        behavior(d, "Scale Down", spec.at(&["behavior", "scaleDown"]));
    }
    let (current, desired) = (int(status, &["currentReplicas"]), int(status, &["desiredReplicas"]));
    d.line(0, format_args!("{} pods:\t{current} current / {desired} desired", target("kind")));
    let conditions = status.list_at(&["conditions"]);
    if !first && !conditions.is_empty() {
        d.line(0, "Conditions:");
        d.line(1, "Type\tStatus\tReason\tMessage");
        d.line(1, "----\t------\t------\t-------");
        for condition in conditions {
            let part = |name: &str| condition.str_at(&[name]);
            d.line(1, format_args!("{}\t{}\t{}\t{}", part("type"), part("status"), part("reason"), part("message")));
        }
    }
    events(d, related);
    Ok(())
}

/// The one metric of autoscaling/v1.
fn cpu(d: &mut Description, spec: &Object, status: &Object) {
    if let Some(target) = spec.int_at(&["targetCPUUtilizationPercentage"]) {
        d.field(0, "Target CPU utilization", format_args!("{target}%"));
        let current = text_at(status, &["currentCPUUtilizationPercentage"], "<unknown>");
        d.field(0, "Current CPU utilization", format_args!("{current}%"));
    }
}

/// A metric's name, its present value and its target; no target for a metric of an unknown type.
fn metric_text(metric: &Object, current: &Object) -> (String, String, Option<String>) {
    let kind = metric.str_at(&["type"]);
    let field = match kind {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return (format!("<unknown metric type {}>", quote(kind)), String::new(), None),
    };
    let (source, current) = (metric.get(field).unwrap_or(&Object::Null), current.get(field));
    let current = current.filter(|current| !current.is_null());
    let now =
        |value: &str| current.map_or_else(|| "<unknown>".to_owned(), |current| amount(current, &["current", value]));
    let target = |value: &str| amount(source, &["target", value]);
    let average = is_set(source, &["target", "averageValue"]);
    let name = source.str_at(&["metric", "name"]);
    match field {
        "external" if average => {
            let known = current.is_some_and(|current| is_set(current, &["current", "averageValue"]));
            let current = if known { now("averageValue") } else { "<unknown>".to_owned() };
            (format!("{} (target average value)", quote(name)), current, Some(target("averageValue")))
        }
        "external" => (format!("{} (target value)", quote(name)), now("value"), Some(target("value"))),
        "pods" => (format!("{} on pods", quote(name)), now("averageValue"), Some(target("averageValue"))),
        "object" => {
            let object = |part: &str| source.str_at(&["describedObject", part]).to_owned();
            let on = format!("\"{name}\" on {}/{}", object("kind"), object("name"));
            if source.str_at(&["target", "type"]) == "AverageValue" {
                (format!("{on} (target average value)"), now("averageValue"), Some(target("averageValue")))
            } else {
                (format!("{on} (target value)"), now("value"), Some(target("value")))
            }
        }
        _ => {
            let of = match field {
                "resource" => String::new(),
                _ => format!(" of container \"{}\"", source.str_at(&["container"])),
            };
            let name = format!("resource {}{of} on pods", source.str_at(&["name"]));
            if average {
                return (name, now("averageValue"), Some(target("averageValue")));
            }
            let percent = |object: Option<&Object>, path: &[&str]| object.and_then(|object| object.int_at(path));
            let current = match percent(current, &["current", "averageUtilization"]) {
                Some(percent) => format!("{percent}% ({})", now("averageValue")),
                None => "<unknown>".to_owned(),
            };
            let target = percent(Some(source), &["target", "averageUtilization"]);
            let target = target.map_or_else(|| "<auto>".to_owned(), |percent| format!("{percent}%"));
            (format!("{name}  (as a percentage of request)"), current, Some(target))
        }
    }
}

/// A quantity, or Go's word for none.
fn amount(object: &Object, path: &[&str]) -> String {
    quantity_or(object, path, "<nil>").into_owned()
}

fn behavior(d: &mut Description, direction: &str, rules: Option<&Object>) {
    let Some(rules) = rules.filter(|rules| !rules.is_null()) else { return };
    d.line(1, format_args!("{direction}:"));
    if let Some(seconds) = rules.int_at(&["stabilizationWindowSeconds"]) {
        d.line(2, format_args!("Stabilization Window: {seconds} seconds"));
    }
    let policies = rules.list_at(&["policies"]);
    if policies.is_empty() {
        return;
    }
    d.line(2, format_args!("Select Policy: {}", text_at(rules, &["selectPolicy"], "Max")));
    d.line(2, "Policies:");
    for policy in policies {
        let (kind, value, period) =
            (policy.str_at(&["type"]), int(policy, &["value"]), int(policy, &["periodSeconds"]));
        d.line(3, format_args!("- Type: {kind}\tValue: {value}\tPeriod: {period} seconds"));
    }
}
