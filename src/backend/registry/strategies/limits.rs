//! Limit ranges: the amounts that containers get when they name none, and the bounds they keep to.
//! Source: `plugin/pkg/admission/limitranger`.

use super::rules::Defaults;
use crate::backend::registry::strategy::Cluster;
use crate::backend::registry::validation::container::quantity_of;
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object, Status};

/// Fills in a new pod's amounts and refuses one that breaks a bound of its namespace.
pub fn apply(pod: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
    let ranges = cluster.list("limitranges", Some(pod.namespace()));
    for range in &ranges {
        for item in range.list_at(&["spec", "limits"]).iter().filter(|item| item.str_at(&["type"]) == "Container") {
            fill_in(pod, item);
        }
    }
    ranges.iter().try_for_each(|range| check_pod(pod, range))
}

fn check_pod(pod: &Object, range: &Object) -> Result<(), Status> {
    let mut faults = Vec::new();
    for item in range.list_at(&["spec", "limits"]) {
        match item.str_at(&["type"]) {
            "Container" => {
                for list in ["containers", "initContainers"] {
                    for container in pod.list_at(&["spec", list]) {
                        let amount =
                            |side: &str, name: &str| container.at(&["resources", side, name]).and_then(quantity_of);
                        bounds(item, "Container", &amount, &mut faults);
                    }
                }
            }
            "Pod" => bounds(item, "Pod", &|side, name| sum(pod, side, name), &mut faults),
            _ => {}
        }
    }
    refuse("pods", pod, &faults)
}

/// Refuses a claim whose size breaks a bound of its namespace.
///
/// # Errors
/// The bounds that it breaks.
pub fn check_claim(claim: &Object, cluster: &dyn Cluster) -> Result<(), Status> {
    const KIND: &str = "PersistentVolumeClaim";
    cluster.list("limitranges", Some(claim.namespace())).iter().try_for_each(|range| {
        let mut faults = Vec::new();
        for item in range.list_at(&["spec", "limits"]).iter().filter(|item| item.str_at(&["type"]) == KIND) {
            let amount = |name: &str| claim.at(&["spec", "resources", "requests", name]).and_then(quantity_of);
            let bounds = |bound: &str| -> Vec<(String, Quantity)> {
                let map = item.at(&[bound]).and_then(Object::as_object).into_iter().flatten();
                map.filter_map(|(name, value)| Some((name.clone(), quantity_of(value)?))).collect()
            };
            for (word, extreme, is_min) in [("minimum", "min", true), ("maximum", "max", false)] {
                for (name, bound) in bounds(extreme) {
                    match amount(&name) {
                        None => {
                            faults.push(format!("{word} {name} usage per {KIND} is {bound}.  No request is specified"))
                        }
                        Some(request) if (is_min && request < bound) || (!is_min && request > bound) => {
                            faults.push(format!("{word} {name} usage per {KIND} is {bound}, but request is {request}"));
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        refuse("persistentvolumeclaims", claim, &faults)
    })
}

fn refuse(resource: &str, object: &Object, faults: &[String]) -> Result<(), Status> {
    let why = match faults {
        [] => return Ok(()),
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    let name = if object.name().is_empty() { object.str_at(&["metadata", "generateName"]) } else { object.name() };
    Err(Status::forbidden(resource, name, &why))
}

/// What a pod names as a whole, or else its containers' amounts together, where any of them names one: those
/// that run beside each other, or the one before them that needs more.
fn sum(pod: &Object, side: &str, name: &str) -> Option<Quantity> {
    if let Some(whole) = pod.at(&["spec", "resources", side, name]) {
        return quantity_of(whole);
    }
    let amount = |container: &Object| container.at(&["resources", side, name]).and_then(quantity_of);
    let plus = |a: Option<Quantity>, b: Option<Quantity>| match (a, b) {
        (Some(a), Some(b)) => Some(a.plus(b)),
        (one, None) | (None, one) => one,
    };
    let (mut sidecars, mut before) = (None, None);
    for container in pod.list_at(&["spec", "initContainers"]) {
        let with_sidecars = plus(amount(container), sidecars);
        if container.str_at(&["restartPolicy"]) == "Always" {
            sidecars = with_sidecars;
        }
        before = before.max(with_sidecars);
    }
    let beside = pod.list_at(&["spec", "containers"]).iter().map(amount).fold(sidecars, plus);
    beside.max(before)
}

fn fill_in(pod: &mut Object, item: &Object) {
    let mut notes = Vec::new();
    for (list, what) in [("containers", "container"), ("initContainers", "init container")] {
        pod.each(&["spec", list], |container| {
            let name = container.str_at(&["name"]).to_owned();
            for (default, side, word) in [("defaultRequest", "requests", "request"), ("default", "limits", "limit")] {
                let mut set = Vec::new();
                for (resource, amount) in item.at(&[default]).and_then(Object::as_object).into_iter().flatten() {
                    if container.at(&["resources", side, resource]).is_none() {
                        container.set_at(&["resources", side, resource], amount.clone());
                        set.push(resource.as_str());
                    }
                }
                if !set.is_empty() {
                    notes.push(format!("{} {word} for {what} {name}", set.join(", ")));
                }
            }
        });
    }
    if !notes.is_empty() {
        let text = format!("LimitRanger plugin set: {}", notes.join("; "));
        pod.set_at(&["metadata", "annotations", "kubernetes.io/limit-ranger"], text);
    }
}

fn bounds(item: &Object, what: &str, amount: &dyn Fn(&str, &str) -> Option<Quantity>, faults: &mut Vec<String>) {
    let entries = |bound: &str| -> Vec<(String, Quantity)> {
        let map = item.at(&[bound]).and_then(Object::as_object);
        map.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), quantity_of(value)?))).collect()
    };
    for (name, least) in entries("min") {
        match (amount("requests", &name), amount("limits", &name)) {
            (Some(request), _) if request < least => {
                faults.push(format!("minimum {name} usage per {what} is {least}, but request is {request}"))
            }
            (None, _) => faults.push(format!("minimum {name} usage per {what} is {least}.  No request is specified")),
            (_, Some(limit)) if limit < least => {
                faults.push(format!("minimum {name} usage per {what} is {least}, but limit is {limit}"));
            }
            _ => {}
        }
    }
    for (name, most) in entries("max") {
        match (amount("requests", &name), amount("limits", &name)) {
            (_, Some(limit)) if limit > most => {
                faults.push(format!("maximum {name} usage per {what} is {most}, but limit is {limit}"))
            }
            (_, None) => faults.push(format!("maximum {name} usage per {what} is {most}.  No limit is specified")),
            (Some(request), _) if request > most => {
                faults.push(format!("maximum {name} usage per {what} is {most}, but request is {request}"));
            }
            _ => {}
        }
    }
    for (name, ratio) in entries("maxLimitRequestRatio") {
        match (amount("requests", &name), amount("limits", &name)) {
            (Some(request), Some(limit)) if !request.is_zero() => {
                let is = limit.as_f64() / request.as_f64();
                if is > ratio.as_f64() {
                    faults.push(format!(
                        "{name} max limit to request ratio per {what} is {ratio}, but provided ratio is {is:.6}"
                    ));
                }
            }
            (Some(_), None) => faults.push(format!(
                "{name} max limit to request ratio per {what} is {ratio}, but no limit is specified or limit is 0"
            )),
            _ => faults.push(format!(
                "{name} max limit to request ratio per {what} is {ratio}, but no request is specified or request is 0"
            )),
        }
    }
}
