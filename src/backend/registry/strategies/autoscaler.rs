//! HorizontalPodAutoscalers, stored as `autoscaling/v2`, and their form in `autoscaling/v1`.
//! Source: `pkg/apis/autoscaling`.

use serde_json::json;

use super::pod_spec;
use super::rules::{Defaults, Rules};
use crate::backend::registry::validation::{Faults, child, indexed, is_set};
use crate::object::{Meta, Object, names};

/// The CPU use, in percent, that is aimed at where nothing is said.
const DEFAULT_CPU: i64 = 80;

pub(super) static AUTOSCALER: Rules = Rules {
    status: true,
    default: |autoscaler| {
        autoscaler.or_set(&["spec", "minReplicas"], 1);
        if autoscaler.list_at(&["spec", "metrics"]).is_empty() {
            autoscaler.set_at(&["spec", "metrics"], json!([cpu(DEFAULT_CPU)]));
        }
        autoscaler.each(&["spec", "metrics"], |metric| {
            for source in ["object", "pods", "resource", "external", "containerResource"] {
                metric.with(&[source, "target"], pod_spec::amounts_of_target);
            }
        });
        if !is_set(autoscaler.at(&["spec", "behavior"])) {
            return;
        }
        autoscaler.with(&["spec", "behavior"], |behavior| {
            let per_15 = |kind: &str, value: i64| json!({"type": kind, "value": value, "periodSeconds": 15});
            let up = [per_15("Pods", 4), per_15("Percent", 100)];
            let down = [per_15("Percent", 100)];
            behavior.or_set(&["scaleUp", "stabilizationWindowSeconds"], 0);
            behavior.or_set(&["scaleUp", "selectPolicy"], "Max");
            behavior.or_set(&["scaleUp", "policies"], up.to_vec());
            behavior.or_set(&["scaleDown", "selectPolicy"], "Max");
            behavior.or_set(&["scaleDown", "policies"], down.to_vec());
        });
    },
    create: |autoscaler, _| {
        autoscaler.set_at(&["status"], json!({"currentMetrics": null, "desiredReplicas": 0}));
        Ok(())
    },
    validate: |autoscaler, faults| {
        let empty = Object::Null;
        let spec = autoscaler.at(&["spec"]).unwrap_or(&empty);
        let least = spec.int_at(&["minReplicas"]);
        let most = spec.int_at(&["maxReplicas"]).unwrap_or(0);
        if let Some(least) = least.filter(|least| *least < 0) {
            faults.invalid("spec.minReplicas", least, "must be greater than or equal to 0");
        }
        if most == 0 {
            faults.required("spec.maxReplicas", "must be set and greater than 0");
        } else if most < 0 {
            faults.invalid("spec.maxReplicas", most, "must be greater than or equal to 1");
        }
        if least.is_some_and(|least| most < least) {
            faults.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`");
        }
        for field in ["kind", "name"] {
            let path = format!("spec.scaleTargetRef.{field}");
            let text = spec.str_at(&["scaleTargetRef", field]);
            if text.is_empty() {
                faults.required(path, "");
            } else {
                faults.complaints(&path, text, names::path_segment(text));
            }
        }
        metrics(spec, faults);
    },
    ..Rules::NAMESPACED
};

const SOURCES: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

fn metrics(spec: &Object, faults: &mut Faults) {
    let mut scales_to_zero = false;
    for (path, metric) in indexed(spec, "spec", &["metrics"]) {
        let kind = metric.str_at(&["type"]);
        scales_to_zero = scales_to_zero || matches!(kind, "Object" | "External");
        if kind.is_empty() {
            faults.required(child(&path, "type"), "must specify a metric source type");
        }
        let expected = SOURCES.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
        if expected.is_none() {
            faults.not_supported(child(&path, "type"), kind, &SOURCES.map(|(name, _)| name));
        }
        for (_, field) in SOURCES {
            let Some(source) = metric.at(&[field]).filter(|source| !source.is_null()) else { continue };
            target(source, field, &child(&path, field), faults);
            if expected.is_some_and(|expected| expected != field) {
                faults.forbidden(child(&path, field), "must populate the given metric source only");
            }
        }
        if let Some(expected) = expected.filter(|field| !is_set(metric.at(&[field]))) {
            faults.required(child(&path, expected), "must populate information for the given metric source");
        }
    }
    if spec.int_at(&["minReplicas"]) == Some(0) && !scales_to_zero {
        let detail = "must specify at least one Object or External metric to support scaling to zero replicas";
        faults.forbidden("spec.metrics", detail);
    }
}

fn target(source: &Object, field: &str, path: &str, faults: &mut Faults) {
    let target_path = child(path, "target");
    let of_resource = matches!(field, "resource" | "containerResource");
    if of_resource && source.str_at(&["name"]).is_empty() {
        faults.required(child(path, "name"), "must specify a resource name");
    }
    let kind = source.str_at(&["target", "type"]);
    if kind.is_empty() {
        faults.required(child(&target_path, "type"), "must specify a metric target type");
    }
    if !matches!(kind, "Utilization" | "Value" | "AverageValue") {
        faults.invalid(child(&target_path, "type"), kind, "must be either Utilization, Value, or AverageValue");
    }
    let use_of = source.int_at(&["target", "averageUtilization"]);
    if let Some(percent) = use_of.filter(|percent| *percent < 1) {
        faults.invalid(child(&target_path, "averageUtilization"), percent, "must be greater than 0");
    }
    if of_resource {
        match (use_of.is_some(), is_set(source.at(&["target", "averageValue"]))) {
            (false, false) => faults.required(
                child(&target_path, "averageUtilization"),
                "must set either a target raw value or a target utilization",
            ),
            (true, true) => faults.forbidden(
                child(&target_path, "averageValue"),
                "may not set both a target raw value and a target utilization",
            ),
            _ => {}
        }
    }
}

fn cpu(percent: i64) -> Object {
    json!({"type": "Resource", "resource": {"name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": percent}}})
}

/// The annotations in which `v1` keeps what it has no fields for.
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

/// The use of CPU, in percent, that a metric aims at.
fn cpu_target(metric: &Object) -> Option<i64> {
    let of_cpu = metric.str_at(&["type"]) == "Resource" && metric.str_at(&["resource", "name"]) == "cpu";
    metric.int_at(&["resource", "target", "averageUtilization"]).filter(|_| of_cpu)
}

/// The fields of a metric's source: in `v2`, in `v1`'s annotation.
const METRIC_FIELDS: [(&[&str], &[&str]); 12] = [
    (&["metric", "name"], &["metricName"]),
    (&["metric", "selector"], &["selector"]),
    (&["describedObject"], &["target"]),
    (&["name"], &["name"]),
    (&["container"], &["container"]),
    (&["target", "averageUtilization"], &["targetAverageUtilization"]),
    (&["target", "averageValue"], &["targetAverageValue"]),
    (&["target", "value"], &["targetValue"]),
    (&["current", "averageUtilization"], &["currentAverageUtilization"]),
    (&["current", "averageValue"], &["currentAverageValue"]),
    (&["current", "value"], &["currentValue"]),
    (&["target", "type"], &[]),
];

fn metric_to_v1(metric: &Object) -> Object {
    let kind = metric.str_at(&["type"]);
    let mut old = json!({"type": kind});
    for (_, field) in SOURCES {
        let Some(source) = metric.at(&[field]) else { continue };
        for (from, to) in METRIC_FIELDS {
            let (Some(value), false) = (source.at(from), to.is_empty()) else { continue };
            let to = match (field, to) {
                // Objects and external metrics have names of their own for some.
                ("object", ["targetAverageValue"]) => &["averageValue"][..],
                ("external", ["selector"]) => &["metricSelector"],
                (_, to) => to,
            };
            let path: Vec<&str> = std::iter::once(field).chain(to.iter().copied()).collect();
            old.set_at(&path, value.clone());
        }
    }
    old
}

fn metric_to_v2(old: &Object) -> Object {
    let mut metric = json!({"type": old.str_at(&["type"])});
    for (_, field) in SOURCES {
        let Some(source) = old.at(&[field]) else { continue };
        for (to, from) in METRIC_FIELDS {
            let from = match (field, from) {
                ("object", ["targetAverageValue"]) => &["averageValue"][..],
                ("external", ["selector"]) => &["metricSelector"],
                (_, from) => from,
            };
            let (Some(value), false) = (source.at(from), from.is_empty()) else { continue };
            let path: Vec<&str> = std::iter::once(field).chain(to.iter().copied()).collect();
            metric.set_at(&path, value.clone());
        }
        let has = |name: &str| metric.at(&[field, "target", name]).is_some();
        let kind = if has("averageUtilization") {
            "Utilization"
        } else if has("averageValue") {
            "AverageValue"
        } else if has("value") {
            "Value"
        } else {
            continue;
        };
        metric.set_at(&[field, "target", "type"], kind);
    }
    metric
}

/// Keys of the behaviour as the annotation writes them: with a capital.
fn recase(value: &Object, upper: bool) -> Object {
    match value {
        Object::Object(map) => Object::Object(
            map.iter()
                .map(|(key, value)| {
                    let mut chars = key.chars();
                    let first =
                        chars.next().map(|c| if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
                    (first.into_iter().chain(chars).collect(), recase(value, upper))
                })
                .collect(),
        ),
        Object::Array(list) => list.iter().map(|value| recase(value, upper)).collect::<Vec<_>>().into(),
        value => value.clone(),
    }
}

fn drop_annotations(object: &mut Object) {
    for key in [METRICS, CURRENT_METRICS, BEHAVIOR, CONDITIONS] {
        object.remove_at(&["metadata", "annotations", key]);
    }
    let bare =
        object.at(&["metadata", "annotations"]).and_then(Object::as_object).is_some_and(serde_json::Map::is_empty);
    if bare {
        object.remove_at(&["metadata", "annotations"]);
    }
}

/// An `autoscaling/v2` autoscaler as `autoscaling/v1` shows it.
pub fn to_v1(autoscaler: &Object) -> Object {
    let mut old = autoscaler.clone();
    old.set_at(&["apiVersion"], "autoscaling/v1");
    drop_annotations(&mut old);
    let annotate = |old: &mut Object, key: &str, value: Object| {
        old.set_at(&["metadata", "annotations", key], value.to_string());
    };
    let metrics = autoscaler.list_at(&["spec", "metrics"]);
    old.remove_at(&["spec", "metrics"]);
    if let Some(percent) = metrics.iter().find_map(cpu_target) {
        old.set_at(&["spec", "targetCPUUtilizationPercentage"], percent);
    }
    let others: Vec<Object> = metrics.iter().filter(|metric| cpu_target(metric).is_none()).map(metric_to_v1).collect();
    if !others.is_empty() {
        annotate(&mut old, METRICS, others.into());
    }
    let current = autoscaler.list_at(&["status", "currentMetrics"]);
    if !current.is_empty() {
        let percent = current.iter().find_map(|metric| {
            let of_cpu = metric.str_at(&["resource", "name"]) == "cpu";
            metric.int_at(&["resource", "current", "averageUtilization"]).filter(|_| of_cpu)
        });
        if let Some(percent) = percent {
            old.set_at(&["status", "currentCPUUtilizationPercentage"], percent);
        }
        annotate(&mut old, CURRENT_METRICS, current.iter().map(metric_to_v1).collect::<Vec<_>>().into());
    }
    if let Some(behavior) = old.remove_at(&["spec", "behavior"]).filter(|behavior| !behavior.is_null()) {
        annotate(&mut old, BEHAVIOR, recase(&behavior, true));
    }
    let conditions = autoscaler.list_at(&["status", "conditions"]);
    if !conditions.is_empty() {
        annotate(&mut old, CONDITIONS, conditions.to_vec().into());
    }
    for field in ["currentMetrics", "conditions"] {
        old.remove_at(&["status", field]);
    }
    if old.at(&["status"]).is_some_and(Object::is_object) {
        old.or_set(&["status", "currentReplicas"], 0);
        old.or_set(&["status", "desiredReplicas"], 0);
    }
    old
}

/// An `autoscaling/v1` autoscaler as it is stored.
pub fn to_v2(old: &Object) -> Object {
    let mut autoscaler = old.clone();
    autoscaler.set_at(&["apiVersion"], "autoscaling/v2");
    let annotated = |key: &str| -> Option<Object> { serde_json::from_str(old.annotation(key)?).ok() };
    let list = |key: &str| annotated(key).and_then(|value| value.as_array().cloned()).unwrap_or_default();
    let mut metrics: Vec<Object> = list(METRICS).iter().map(metric_to_v2).collect();
    if let Some(percent) =
        autoscaler.remove_at(&["spec", "targetCPUUtilizationPercentage"]).and_then(|percent| percent.as_i64())
    {
        metrics.push(cpu(percent));
    }
    if metrics.is_empty() {
        metrics.push(cpu(DEFAULT_CPU));
    }
    autoscaler.set_at(&["spec", "metrics"], metrics);
    if let Some(behavior) = annotated(BEHAVIOR) {
        autoscaler.set_at(&["spec", "behavior"], recase(&behavior, false));
    }
    autoscaler.remove_at(&["status", "currentCPUUtilizationPercentage"]);
    let current: Vec<Object> = list(CURRENT_METRICS).iter().map(metric_to_v2).collect();
    if !current.is_empty() {
        autoscaler.set_at(&["status", "currentMetrics"], current);
    }
    let conditions = list(CONDITIONS);
    if !conditions.is_empty() {
        autoscaler.set_at(&["status", "conditions"], conditions);
    }
    drop_annotations(&mut autoscaler);
    autoscaler
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_there_and_back() {
        let new = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
            "spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "metrics": [
                    {"type": "Object", "object": {"describedObject": {"kind": "Service", "name": "s"},
                        "metric": {"name": "hits"}, "target": {"type": "Value", "value": "10"}}},
                    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
                "behavior": {"scaleUp": {"stabilizationWindowSeconds": 5}}},
            "status": {"currentReplicas": 1, "desiredReplicas": 2, "conditions": [{"type": "AbleToScale", "status": "True"}]}});
        let old = to_v1(&new);
        assert_eq!(old.int_at(&["spec", "targetCPUUtilizationPercentage"]), Some(50));
        assert!(old.annotation(METRICS).is_some_and(|text| text.contains("\"metricName\":\"hits\"")));
        assert!(old.annotation(BEHAVIOR).is_some_and(|text| text.contains("\"ScaleUp\"")));
        assert_eq!(to_v2(&old), new);
    }
}
