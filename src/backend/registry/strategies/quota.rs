//! Resource quotas: what an object uses, and whether its namespace still has that much.
//! Source: `pkg/quota/v1/evaluator/core`, the `resourcequota` admission plugin.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::registry::strategy::Cluster;
use crate::backend::registry::validation::container::quantity_of;
use crate::object::quantity::{Notation, Quantity};
use crate::object::{Meta, Object, Status};

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

/// What an object of a resource (`pods`, `deployments.apps`) uses.
pub fn usage(resource: &str, object: &Object) -> Usage {
    let mut usage = Usage::from([(format!("count/{resource}"), one(1))]);
    if COUNTED.contains(&resource) {
        usage.insert(resource.to_owned(), one(1));
    }
    match resource {
        "pods" => pod_usage(object, &mut usage),
        "services" => {
            let ports = object.list_at(&["spec", "ports"]);
            let node_ports = ports.iter().filter(|port| port.int_at(&["nodePort"]).unwrap_or(0) != 0).count();
            let (balancers, node_ports) = match object.str_at(&["spec", "type"]) {
                "NodePort" => (0, ports.len()),
                "LoadBalancer" => (1, node_ports),
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
    usage.extend(running);
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

/// Refuses a new object for which its namespace's quotas have no room.
pub fn check(resource: &str, object: &Object, cluster: &dyn Cluster) -> Result<(), Status> {
    let quotas = cluster.list("resourcequotas", Some(object.namespace()));
    if quotas.is_empty() {
        return Ok(());
    }
    let asks = usage(resource, object);
    let refuse = |why: String| {
        let name = if object.name().is_empty() { object.str_at(&["metadata", "generateName"]) } else { object.name() };
        Err(Status::forbidden(resource, name, &why))
    };
    let mut others = None;
    for quota in &quotas {
        let hard: Usage = quota
            .at(&["spec", "hard"])
            .and_then(Object::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, amount)| Some((name.clone(), quantity_of(amount)?)))
            .collect();
        let limited = hard.keys().any(|name| asks.contains_key(name));
        let of_pods = resource == "pods" && hard.keys().any(|name| PER_CONTAINER.contains(&name.as_str()));
        if !(limited || of_pods) || !covers(quota, resource, object) {
            continue;
        }
        if let Some(missing) = missing_amounts(resource, object, &hard) {
            return refuse(format!("failed quota: {}: must specify {missing}", quota.name()));
        }
        let others = others.get_or_insert_with(|| cluster.list(resource, Some(object.namespace())));
        let mut used = Usage::new();
        for other in others.iter().filter(|other| covers(quota, resource, other)) {
            for (name, amount) in usage(resource, other) {
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
