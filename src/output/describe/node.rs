//! Nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::description::Description;
use super::events::events;
use super::node_resources::allocated;
use super::parts::{annotations, created, labels, taints};
use super::related::{LEASES, Need, PODS, RESOURCE_SLICES, Related, again, is_refusal};
use super::text::{or, quantities, quantity_text, strings, text_at};
use crate::object::{Meta, Object, fields};

/// So many pools of devices are listed, then only counted.
const POOLS: usize = 10;

fn pods(node: &Object) -> Need {
    let name = fields::escape(node.name());
    let selector = format!("spec.nodeName={name},status.phase!=Failed,status.phase!=Succeeded");
    Need::everywhere(PODS, selector, true)
}

fn lease(node: &Object) -> Need {
    Need::Get { resource: LEASES, namespace: Some("kube-node-lease".to_owned()), name: node.name().to_owned() }
}

fn slices(node: &Object) -> Need {
    Need::everywhere(RESOURCE_SLICES, format!("spec.nodeName={}", fields::escape(node.name())), false)
}

pub(super) fn needs(node: &Object) -> Vec<Need> {
    // The kubelet's events name the node by its name where others use its identity.
    let (kind, uid, name) = (node.kind(), node.uid(), node.name());
    vec![pods(node), lease(node), slices(node), Need::events(node, kind, uid), Need::events(node, kind, name)]
}

pub(super) fn describe(d: &mut Description, node: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = node.get("spec").unwrap_or(&Object::Null);
    let status = node.get("status").unwrap_or(&Object::Null);
    let pods = match related.list(&pods(node)) {
        Ok(pods) => Some(pods),
        Err(error) if is_refusal(error, "Forbidden") => None,
        Err(error) => return Err(again(error)),
    };
    d.field(0, "Name", node.name());
    d.field(0, "Roles", or(&roles(node), "<none>"));
    labels(d, "Labels", &node.labels());
    annotations(d, "Annotations", &node.annotations());
    created(d, node);
    taints(d, "Taints", spec.list_at(&["taints"]));
    d.field(0, "Unschedulable", spec.bool_at(&["unschedulable"]));
    match related.get(&lease(node)) {
        Some(Ok(lease)) => lease_lines(d, lease),
        Some(Err(error)) => d.field(0, "Lease", format_args!("Failed to get lease: {error}")),
        None => {}
    }
    conditions(d, status.list_at(&["conditions"]));
    d.line(0, "Addresses:");
    for address in status.list_at(&["addresses"]) {
        d.field(1, address.str_at(&["type"]), address.str_at(&["address"]));
    }
    for (title, field) in [("Capacity", "capacity"), ("Allocatable", "allocatable")] {
        let mut first = true;
        for (name, value) in quantities(status, &[field]) {
            if std::mem::take(&mut first) {
                d.line(0, format_args!("{title}:"));
            }
            d.field(1, name, quantity_text(value, &[]));
        }
    }
    pools(d, related.list(&slices(node)).unwrap_or_default());
    d.line(0, "System Info:");
    for (title, field) in [
        ("Machine ID", "machineID"),
        ("System UUID", "systemUUID"),
        ("Boot ID", "bootID"),
        ("Kernel Version", "kernelVersion"),
        ("OS Image", "osImage"),
        ("Operating System", "operatingSystem"),
        ("Architecture", "architecture"),
        ("Container Runtime Version", "containerRuntimeVersion"),
        ("Kubelet Version", "kubeletVersion"),
    ] {
        d.field(1, title, status.str_at(&["nodeInfo", field]));
    }
    d.field_if(0, "PodCIDR", spec.str_at(&["podCIDR"]));
    let ranges = strings(spec, &["podCIDRs"]);
    if !ranges.is_empty() {
        d.field(0, "PodCIDRs", ranges.join(","));
    }
    d.field_if(0, "ProviderID", spec.str_at(&["providerID"]));
    match pods {
        Some(pods) => allocated(d, pods, status),
        None => d.field(0, "Pods", "not authorized"),
    }
    events(d, related);
    Ok(())
}

/// The roles that labels give the node, sorted.
fn roles(node: &Object) -> String {
    let roles: BTreeSet<&str> = node
        .labels()
        .into_iter()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            None if key == "kubernetes.io/role" => Some(value),
            role => role,
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.into_iter().collect::<Vec<_>>().join(",")
}

fn lease_lines(d: &mut Description, lease: &Object) {
    d.line(0, "Lease:");
    d.field(1, "HolderIdentity", text_at(lease, &["spec", "holderIdentity"], "<unset>"));
    for (title, field) in [("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")] {
        let time = lease.time_at(&["spec", field]);
        let text = if time.is_some() { d.time(time) } else { "<unset>".to_owned() };
        d.field(1, title, text);
    }
}

fn conditions(d: &mut Description, conditions: &[Object]) {
    if conditions.is_empty() {
        return;
    }
    d.line(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
    d.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
    for condition in conditions {
        let part = |name: &str| condition.str_at(&[name]);
        let heartbeat = d.time(condition.time_at(&["lastHeartbeatTime"]));
        let transition = d.time(condition.time_at(&["lastTransitionTime"]));
        d.line(
            1,
            format_args!(
                "{} \t{} \t{heartbeat} \t{transition} \t{} \t{}",
                part("type"),
                part("status"),
                part("reason"),
                part("message")
            ),
        );
    }
}

/// The devices of the node's resource slices, by driver and pool.
fn pools(d: &mut Description, slices: &[Object]) {
    // Keyed by the whole text, whose order is not always that of its parts.
    let mut pools: BTreeMap<String, (&str, &str, usize, usize)> = BTreeMap::new();
    for slice in slices {
        let (driver, pool) = (slice.str_at(&["spec", "driver"]), slice.str_at(&["spec", "pool", "name"]));
        let (_, _, slices, devices) = pools.entry(format!("{driver}/{pool}")).or_insert((driver, pool, 0, 0));
        *slices += 1;
        *devices += slice.list_at(&["spec", "devices"]).len();
    }
    if pools.is_empty() {
        return;
    }
    d.line(0, "Node-Local ResourceSlices:");
    d.line(1, "Driver\tPool\tSlices\tDevices");
    d.line(1, "------\t----\t------\t-------");
    for (driver, pool, slices, devices) in pools.values().take(POOLS) {
        d.line(1, format_args!("{driver}\t{pool}\t{slices}\t{devices}"));
    }
    if pools.len() > POOLS {
        d.line(1, format_args!("...and {} more pools", pools.len() - POOLS));
    }
}
