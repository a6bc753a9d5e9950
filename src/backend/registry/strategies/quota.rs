//! Resource quotas: what an object uses, and whether its namespace still has that much.
//! Source: `pkg/quota/v1/evaluator/core`, the `resourcequota` admission plugin.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::registry::strategy::Cluster;
use crate::backend::registry::validation::container::quantity_of;
use crate::object::quantity::{Notation, Quantity};
use crate::object::{Meta, Object, Status, Timestamp};

/// Amounts by name: `pods`, `requests.cpu`, `count/deployments.apps`.
pub type Usage = BTreeMap<String, Quantity>;

/// Amounts that every container must name where a quota limits them.
const PER_CONTAINER: [&str; 6] = ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];

/// Core kinds that are counted under their own name, too.
const COUNTED: [&str; 6] =
    ["configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets", "services"];

fn one(count: i64) -> Quantity {
    Quantity::from_int(count, Notation::DecimalSi)
}

fn add(usage: &mut Usage, name: String, amount: Quantity) {
    let sum = usage.get(&name).copied().unwrap_or_default().plus(amount);
    usage.insert(name, sum);
}

/// The resource of which a quota's amount is counted; none for what nobody counts.
pub fn resource_of(amount: &str) -> Option<&str> {
    if let Some(resource) = amount.strip_prefix("count/") {
        return Some(resource);
    }
    let of_class = amount.split_once(".storageclass.storage.k8s.io/").map(|(_, rest)| rest);
    match of_class.unwrap_or(amount) {
        counted if of_class.is_none() && COUNTED.contains(&counted) => Some(counted),
        "requests.storage" | "persistentvolumeclaims" => Some("persistentvolumeclaims"),
        _ if of_class.is_some() => None,
        "services.loadbalancers" | "services.nodeports" => Some("services"),
        "pods" | "cpu" | "memory" | "ephemeral-storage" => Some("pods"),
        "limits.cpu" | "limits.memory" | "limits.ephemeral-storage" => Some("pods"),
        other if other.starts_with("requests.") || other.starts_with("hugepages-") => Some("pods"),
        _ => None,
    }
}

/// What the objects of a namespace use of a quota's amounts; `objects` has those of a resource.
pub fn used<'a, I>(quota: &Object, now: Timestamp, objects: impl Fn(&str) -> I) -> Usage
where
    I: IntoIterator<Item = &'a Object>,
{
    let hard = hard(quota);
    let mut used = Usage::new();
    let resources: BTreeSet<&str> = hard.keys().filter_map(|amount| resource_of(amount)).collect();
    for amount in hard.keys().filter(|amount| resource_of(amount).is_some()) {
        used.insert(amount.clone(), one(0));
    }
    for resource in resources {
        for object in objects(resource).into_iter().filter(|object| covers(quota, resource, object)) {
            for (name, amount) in usage(resource, object, now) {
                if let Some(sum) = used.get_mut(&name) {
                    *sum = sum.plus(amount);
                }
            }
        }
    }
    used
}

/// A quota's limits.
fn hard(quota: &Object) -> Usage {
    let hard = quota.at(&["spec", "hard"]).and_then(Object::as_object).into_iter().flatten();
    hard.filter_map(|(name, amount)| Some((name.clone(), quantity_of(amount)?))).collect()
}

/// Until when a pod that is being deleted uses anything, if it does not end before.
pub fn charged_until(pod: &Object) -> Option<Timestamp> {
    let grace = pod.int_at(&["metadata", "deletionGracePeriodSeconds"])?;
    pod.deletion_timestamp()?.checked_add(jiff::SignedDuration::from_secs(grace)).ok()
}

/// What an object of a resource (`pods`, `deployments.apps`) uses.
pub fn usage(resource: &str, object: &Object, now: Timestamp) -> Usage {
    let mut usage = Usage::from([(format!("count/{resource}"), one(1))]);
    if COUNTED.contains(&resource) {
        usage.insert(resource.to_owned(), one(1));
    }
    match resource {
        "pods" if charged_until(object).is_none_or(|end| now <= end) => pod_usage(object, &mut usage),
        "services" => {
            let ports = object.list_at(&["spec", "ports"]);
            let node_ports = ports.iter().filter(|port| port.int_at(&["nodePort"]).unwrap_or(0) != 0).count();
            let chosen = object.at(&["spec", "allocateLoadBalancerNodePorts"]).and_then(Object::as_bool) == Some(false);
            let (balancers, node_ports) = match object.str_at(&["spec", "type"]) {
                "NodePort" => (0, ports.len()),
                "LoadBalancer" => (1, if chosen { node_ports } else { ports.len() }),
                _ => (0, 0),
            };
            usage.insert("services.loadbalancers".into(), one(balancers));
            usage.insert("services.nodeports".into(), one(i64::try_from(node_ports).unwrap_or(i64::MAX)));
        }
        "persistentvolumeclaims" => {
            let size = object.at(&["spec", "resources", "requests", "storage"]).and_then(quantity_of);
            let class = object.str_at(&["spec", "storageClassName"]);
            let classes = (!class.is_empty()).then(|| format!("{class}.storageclass.storage.k8s.io/"));
            for prefix in std::iter::once(String::new()).chain(classes) {
                usage.insert(format!("{prefix}persistentvolumeclaims"), one(1));
                if let Some(size) = size {
                    usage.insert(format!("{prefix}requests.storage"), size);
                }
            }
        }
        _ => {}
    }
    usage
}

fn pod_usage(pod: &Object, usage: &mut Usage) {
    // A pod that has ended holds nothing any longer.
    if matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed") {
        return;
    }
    usage.insert("pods".into(), one(1));
    let mut running = Usage::new();
    for container in pod.list_at(&["spec", "containers"]) {
        for (name, amount) in container_usage(container) {
            add(&mut running, name, amount);
        }
    }
    // Init containers run before the others, sidecars beside them.
    let mut most = Usage::new();
    for container in pod.list_at(&["spec", "initContainers"]) {
        let amounts = container_usage(container);
        if container.str_at(&["restartPolicy"]) == "Always" {
            amounts.into_iter().for_each(|(name, amount)| add(&mut running, name, amount));
        } else {
            for (name, amount) in amounts {
                let place = most.entry(name).or_insert(amount);
                *place = (*place).max(amount);
            }
        }
    }
    for (name, amount) in most {
        let place = running.entry(name).or_insert(amount);
        *place = (*place).max(amount);
    }
    overhead(pod, &mut running);
    usage.extend(running);
}

/// What a pod asks for as a whole comes before its containers' amounts; its runtime's own use is added.
fn overhead(pod: &Object, running: &mut Usage) {
    running.extend(container_usage(pod.at(&["spec"]).unwrap_or(&Object::Null)));
    for (name, amount) in pod.at(&["spec", "overhead"]).and_then(Object::as_object).into_iter().flatten() {
        let Some(amount) = quantity_of(amount) else { continue };
        for name in [name.clone(), format!("requests.{name}")] {
            add(running, name, amount);
        }
        if let Some(limit) = running.get_mut(&format!("limits.{name}")) {
            *limit = limit.plus(amount);
        }
    }
}

fn container_usage(container: &Object) -> Usage {
    let mut usage = Usage::new();
    for side in ["requests", "limits"] {
        for (name, amount) in container.at(&["resources", side]).and_then(Object::as_object).into_iter().flatten() {
            let Some(amount) = quantity_of(amount) else { continue };
            let plain = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
            if side == "requests" && (plain || name.starts_with("hugepages-")) {
                usage.insert(name.clone(), amount);
            }
            if plain || side == "requests" {
                usage.insert(format!("{side}.{name}"), amount);
            }
        }
    }
    usage
}

/// Whether a quota speaks of an object: its scopes are about pods.
pub fn covers(quota: &Object, resource: &str, object: &Object) -> bool {
    let scopes =
        quota.list_at(&["spec", "scopes"]).iter().filter_map(Object::as_str).map(|scope| (scope, "Exists", &[][..]));
    let expressions = quota.list_at(&["spec", "scopeSelector", "matchExpressions"]).iter().map(|expression| {
        (expression.str_at(&["scopeName"]), expression.str_at(&["operator"]), expression.list_at(&["values"]))
    });
    scopes.chain(expressions).all(|(scope, operator, values)| {
        if resource != "pods" {
            return false;
        }
        let terminating = object.int_at(&["spec", "activeDeadlineSeconds"]).is_some_and(|seconds| seconds >= 0);
        let best_effort = || super::pod::qos_class(object) == "BestEffort";
        match scope {
            "Terminating" => terminating,
            "NotTerminating" => !terminating,
            "CrossNamespacePodAffinity" => looks_elsewhere(object),
            "BestEffort" => best_effort(),
            "NotBestEffort" => !best_effort(),
            "PriorityClass" => {
                let class = object.str_at(&["spec", "priorityClassName"]);
                match operator {
                    "In" => values.iter().any(|value| *value == class),
                    "NotIn" => !values.iter().any(|value| *value == class),
                    "DoesNotExist" => class.is_empty(),
                    _ => !class.is_empty(),
                }
            }
            _ => false,
        }
    })
}

/// Whether a pod minds pods of other namespaces.
fn looks_elsewhere(pod: &Object) -> bool {
    let terms = |kind: &str| {
        let required = pod.list_at(&["spec", "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution"]);
        let preferred = pod.list_at(&["spec", "affinity", kind, "preferredDuringSchedulingIgnoredDuringExecution"]);
        let preferred = preferred.iter().filter_map(|weighted| weighted.at(&["podAffinityTerm"]));
        required.iter().chain(preferred).any(|term| {
            !term.list_at(&["namespaces"]).is_empty()
                || term.at(&["namespaceSelector"]).is_some_and(|selector| !selector.is_null())
        })
    };
    ["podAffinity", "podAntiAffinity"].into_iter().any(terms)
}

/// Whether a change of an object of a resource can use more.
fn is_charged_again(resource: &str) -> bool {
    matches!(resource, "pods" | "services" | "persistentvolumeclaims")
}

/// Refuses a new or changed object for which its namespace's quotas have no room.
///
/// # Errors
/// What is missing or exceeded.
pub fn check(resource: &str, object: &Object, old: Option<&Object>, cluster: &dyn Cluster) -> Result<(), Status> {
    if object.namespace().is_empty() || (old.is_some() && !is_charged_again(resource)) {
        return Ok(());
    }
    let quotas = cluster.list("resourcequotas", Some(object.namespace()));
    if quotas.is_empty() {
        return Ok(());
    }
    let now = cluster.now();
    let all = usage(resource, object, now);
    let refuse = |why: String| {
        let name = if object.name().is_empty() { object.str_at(&["metadata", "generateName"]) } else { object.name() };
        Err(Status::forbidden(resource, name, &why))
    };
    let mut others = None;
    for quota in &quotas {
        let hard = hard(quota);
        let limited = hard.keys().any(|name| all.contains_key(name));
        let of_pods = resource == "pods" && hard.keys().any(|name| PER_CONTAINER.contains(&name.as_str()));
        if !(limited || of_pods) || !covers(quota, resource, object) {
            continue;
        }
        let mut asks = all.clone();
        match old.filter(|old| covers(quota, resource, old)) {
            Some(old) => {
                for (name, before) in usage(resource, old, now) {
                    if let Some(ask) = asks.get_mut(&name) {
                        *ask = if *ask > before { ask.minus(before) } else { one(0) };
                    }
                }
                if !hard.keys().any(|name| asks.get(name).is_some_and(|ask| !ask.is_zero())) {
                    continue;
                }
            }
            None => {
                if let Some(missing) = missing_amounts(resource, object, &hard) {
                    return refuse(format!("failed quota: {}: must specify {missing}", quota.name()));
                }
            }
        }
        let others = others.get_or_insert_with(|| cluster.list(resource, Some(object.namespace())));
        let mut used = Usage::new();
        for other in others.iter().filter(|other| covers(quota, resource, other)) {
            for (name, amount) in usage(resource, other, now) {
                add(&mut used, name, amount);
            }
        }
        let exceeded: Vec<(&String, Quantity, Quantity, Quantity)> = hard
            .iter()
            .filter_map(|(name, most)| {
                let ask = *asks.get(name)?;
                let used = used.get(name).copied().unwrap_or_default();
                (!ask.is_zero() && used.plus(ask) > *most).then_some((name, ask, used, *most))
            })
            .collect();
        if !exceeded.is_empty() {
            let list = |amount: &dyn Fn(&(&String, Quantity, Quantity, Quantity)) -> Quantity| {
                exceeded.iter().map(|entry| format!("{}={}", entry.0, amount(entry))).collect::<Vec<_>>().join(",")
            };
            return refuse(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                quota.name(),
                list(&|entry| entry.1),
                list(&|entry| entry.2),
                list(&|entry| entry.3)
            ));
        }
    }
    Ok(())
}

/// The limited amounts that containers do not name: `limits.cpu for: web,side; requests.cpu for: web`.
fn missing_amounts(resource: &str, pod: &Object, hard: &Usage) -> Option<String> {
    if resource != "pods" || pod.at(&["spec", "resources"]).is_some_and(|resources| !resources.is_null()) {
        return None;
    }
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in ["containers", "initContainers"].into_iter().flat_map(|list| pod.list_at(&["spec", list])) {
        let names = container_usage(container);
        for wanted in PER_CONTAINER.into_iter().filter(|wanted| hard.contains_key(*wanted)) {
            if !names.contains_key(wanted) {
                missing.entry(wanted).or_default().insert(container.str_at(&["name"]));
            }
        }
    }
    let texts = missing.iter().map(|(amount, containers)| {
        let containers: Vec<&str> = containers.iter().copied().collect();
        format!("{amount} for: {}", containers.join(","))
    });
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
