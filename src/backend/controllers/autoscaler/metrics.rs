//! The size that each metric asks for.

use std::sync::Arc;

use serde_json::json;

use super::usage;
use crate::backend::controllers::View;
use crate::backend::controllers::support::{pods, selector};
use crate::object::quantity::{Notation, Quantity};
use crate::object::{Meta, Object};

/// A ratio this near to one changes nothing, unless the autoscaler has a tolerance of its own.
const TOLERANCE: f64 = 0.1;

/// What all metrics of an autoscaler say.
pub struct Metrics {
    /// The largest size asked for, and the metric that asked.
    pub proposal: Result<(i64, String), Invalid>,
    /// `status.currentMetrics`.
    pub statuses: Vec<Object>,
}

/// Why there is no size.
pub struct Invalid {
    /// The first metric's reason and message.
    pub reason: &'static str,
    /// See `reason`.
    pub message: String,
    /// The message with what it is about.
    pub whole: String,
    /// How many metrics are invalid …
    pub invalid: usize,
    /// … of how many.
    pub of: usize,
}

/// One metric's answer: the size, its name, its status.
type Answer = Result<(i64, String, Object), Failure>;

/// Why one metric says nothing: the reason, the message, and what it is about where the message does not say.
type Failure = (&'static str, String, &'static str);

/// Asks all metrics of an autoscaler about its target, which has `current` replicas.
pub fn evaluate(scaler: &Object, target: &Object, current: i64, view: &View) -> Metrics {
    let selector = selector::of(target.at(&["spec", "selector"]));
    let pods: Vec<&Arc<Object>> =
        view.list("pods", Some(scaler.namespace())).filter(|pod| selector.matches(pod)).collect();
    let default = [
        json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}),
    ];
    let listed = scaler.list_at(&["spec", "metrics"]);
    let specs = if listed.is_empty() { &default } else { listed };
    let mut best: Option<(i64, String)> = None;
    let mut first: Option<Failure> = None;
    let (mut statuses, mut invalid) = (Vec::new(), 0);
    for spec in specs {
        match metric(spec, &pods, current, scaler, view) {
            Ok((size, name, status)) => {
                statuses.push(status);
                if best.as_ref().is_none_or(|(most, _)| size > *most) {
                    best = Some((size, name));
                }
            }
            Err(error) => {
                invalid += 1;
                statuses.push(json!({"type": ""}));
                first.get_or_insert(error);
            }
        }
    }
    let proposal = match (best, first) {
        // With a metric missing, the others may only make it larger.
        (Some((size, name)), None) => Ok((size, name)),
        (Some((size, name)), Some(_)) if size >= current => Ok((size, name)),
        (_, Some((reason, message, about))) => {
            let whole = format!("{about}{message}");
            Err(Invalid { reason, message, whole, invalid, of: specs.len() })
        }
        (None, None) => Ok((current, String::new())),
    };
    Metrics { proposal, statuses }
}

fn metric(spec: &Object, pods: &[&Arc<Object>], current: i64, scaler: &Object, view: &View) -> Answer {
    let api = |group: &str| {
        format!(
            "unable to fetch metrics from {group} metrics API: no {group} metrics API ({group}.metrics.k8s.io) registered"
        )
    };
    match spec.str_at(&["type"]) {
        "Resource" => resource(spec.at(&["resource"]).unwrap_or(&Object::Null), None, pods, current, scaler, view),
        "ContainerResource" => {
            let source = spec.at(&["containerResource"]).unwrap_or(&Object::Null);
            resource(source, Some(source.str_at(&["container"])), pods, current, scaler, view)
        }
        "Pods" => {
            let name = spec.str_at(&["pods", "metric", "name"]);
            let why = format!("unable to get metric {name}: {}", api("custom"));
            Err(("FailedGetPodsMetric", why, "failed to get pods metric value: "))
        }
        "Object" => {
            let name = spec.str_at(&["object", "metric", "name"]);
            let described = spec.at(&["object", "describedObject"]).unwrap_or(&Object::Null);
            let place = format!("{} on {} {}", described.kind(), scaler.namespace(), described.str_at(&["name"]));
            let why = format!("unable to get metric {name}: {place}/{}", api("custom"));
            Err(("FailedGetObjectMetric", why, "failed to get object metric value: "))
        }
        "External" => {
            let name = spec.str_at(&["external", "metric", "name"]);
            Err((
                "FailedGetExternalMetric",
                format!(
                    "failed to get {name} external metric: unable to get external metric {}/{name}/nil: {}",
                    scaler.namespace(),
                    api("external")
                ),
                "",
            ))
        }
        other => Err(("InvalidMetricSourceType", format!("unknown metric source type \"{other}\""), "")),
    }
}

/// CPU or memory, of whole pods or of one container.
fn resource(
    source: &Object,
    container: Option<&str>,
    pods: &[&Arc<Object>],
    current: i64,
    scaler: &Object,
    view: &View,
) -> Answer {
    let name = source.str_at(&["name"]);
    let utilisation = source.int_at(&["target", "averageUtilization"]);
    let value = source.at(&["target", "averageValue"]).and_then(Object::as_str).and_then(usage::milli);
    let (reason, kind, field) = match container {
        None => ("FailedGetResourceMetric", "resource", "Resource"),
        Some(_) => ("FailedGetContainerResourceMetric", "container resource", "ContainerResource"),
    };
    let what = if value.is_some() { "usage" } else { "utilization" };
    let fail = |why: String| Err((reason, format!("failed to get {name} {what}: {why}"), ""));
    let alive =
        pods.iter().filter(|pod| pod.deletion_timestamp().is_none() && pod.str_at(&["status", "phase"]) != "Failed");
    let alive: Vec<&Arc<Object>> = alive.copied().collect();
    if alive.is_empty() {
        return fail("no pods returned by selector while calculating replica count".into());
    }
    let (ready, unready): (Vec<&Arc<Object>>, Vec<_>) = alive.into_iter().partition(|pod| pods::is_ready(pod));
    let usages: Vec<i64> = ready.iter().filter_map(|pod| usage::of_pod(pod, name, view)).collect();
    if usages.is_empty() {
        return fail("did not receive metrics for targeted pods (pods might be unready)".into());
    }
    let total: i64 = usages.iter().sum();
    let average = total / usages.len() as i64;
    let mut requests = Vec::new();
    for pod in ready.iter().chain(&unready).filter(|_| value.is_none()) {
        match requested(pod, name, container) {
            Ok(request) => requests.push(request),
            Err(missing) => {
                return fail(format!("missing request for {name} in container {missing} of Pod {}", pod.name()));
            }
        }
    }
    let ready_requests: i64 = requests.iter().take(ready.len()).sum();
    let percent = (total * 100).checked_div(ready_requests).unwrap_or(0);
    let ratio = |requests: i64, count: usize| match (value, utilisation) {
        (Some(target), _) if target > 0 => total as f64 / (count as i64 * target) as f64,
        (None, Some(target)) if target > 0 && requests > 0 => (total * 100 / requests) as f64 / target as f64,
        _ => 1.0,
    };
    let (mut asked, mut counted) = (ratio(ready_requests, ready.len()), ready.len());
    if asked > 1.0 && !unready.is_empty() {
        // Those that start are taken to bear nothing yet.
        counted += unready.len();
        asked = ratio(requests.iter().sum(), counted).max(1.0);
    }
    let is_near = 1.0 - tolerance(scaler, "scaleDown") <= asked && asked <= 1.0 + tolerance(scaler, "scaleUp");
    let size = if is_near { current } else { (asked * counted as f64).ceil() as i64 };
    let metric = match value {
        Some(_) => format!("{name} {kind}"),
        None => format!("{name} {kind} utilization (percentage of request)"),
    };
    let mut now = json!({"averageValue": quantity(name, average)});
    if value.is_none() {
        now.set_at(&["averageUtilization"], percent);
    }
    let mut inner = json!({"name": name, "current": now});
    if let Some(container) = container {
        inner.set_at(&["container"], container);
    }
    let field_name = if container.is_some() { "containerResource" } else { "resource" };
    let mut status = json!({"type": field});
    status.set_at(&[field_name], inner);
    Ok((size, metric, status))
}

fn tolerance(scaler: &Object, direction: &str) -> f64 {
    let own = scaler.at(&["spec", "behavior", direction, "tolerance"]).and_then(Object::as_str);
    own.and_then(|own| Quantity::parse(own).ok()).map_or(TOLERANCE, Quantity::as_f64)
}

fn quantity(resource: &str, milli: i64) -> String {
    if resource == "memory" {
        Quantity::from_int(milli / 1000, Notation::DecimalSi).to_string()
    } else {
        Quantity::from_milli(milli).to_string()
    }
}

/// What a pod (or one of its containers) requests, or the first container that does not.
fn requested(pod: &Object, resource: &str, container: Option<&str>) -> Result<i64, String> {
    let containers = pod.list_at(&["spec", "containers"]).iter();
    let mut sum = 0;
    for own in containers.filter(|own| container.is_none_or(|name| name == own.str_at(&["name"]))) {
        sum += usage::request(own, resource).ok_or_else(|| own.str_at(&["name"]).to_owned())?;
    }
    Ok(sum)
}
