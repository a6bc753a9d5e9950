//! Services: addresses and ports of the cluster.
//! Source: `pkg/registry/core/service/storage/alloc.go`, `pkg/apis/core/validation`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::json;

use super::rules::{Defaults, Rules};
use crate::backend::registry::field_error::FieldError;
use crate::backend::registry::strategy::Cluster;
use crate::backend::registry::validation::container::{PROTOCOLS, port_number, port_number_or_name};
use crate::backend::registry::validation::{Faults, child, indexed, is_empty, is_set, meta};
use crate::object::{GroupKind, Meta, Object, Status, names};

/// What services may ask for besides: 10.0.0.0/24, an API server's range where it is given none, which
/// manifests name.
const MANIFESTS: std::ops::Range<u32> = 0x0a00_0002..0x0a00_00ff;
/// The first address of the range of cluster addresses, `10.96.0.0/12`.
const FIRST: u32 = 0x0a60_0000;
/// How many addresses the range has.
const ADDRESSES: u32 = 1 << 20;
/// Addresses at the range's beginning that are given out only when asked for: `10.96.0.1` is the API
/// server's, `10.96.0.10` by custom that of the cluster's DNS.
const RESERVED: u32 = 16;
/// The ports that nodes offer for services.
const NODE_PORTS: std::ops::RangeInclusive<i64> = 30000..=32767;

pub(super) static SERVICE: Rules = Rules {
    name: names::dns1123_label,
    status: true,
    default,
    create: |service, cluster| {
        service.set_at(&["status"], json!({"loadBalancer": {}}));
        allocate(service, cluster)
    },
    update: |new, old, cluster| {
        keep_allocated(new, old);
        // Another address than the one it has is for validation to refuse.
        if changes_address(new, old) { Ok(()) } else { allocate(new, cluster) }
    },
    warnings: |service, _| warnings(service),
    validate,
    validate_update: |new, old, faults| {
        if changes_address(new, old) {
            let value = new.at(&["spec", "clusterIPs"]).cloned().unwrap_or_default();
            faults.invalid("spec.clusterIPs[0]", value, "may not change once set");
        }
    },
    ..Rules::NAMESPACED
};

/// Whether a service that has an address is to have another one.
fn changes_address(new: &Object, old: &Object) -> bool {
    let (now, before) = (new.str_at(&["spec", "clusterIP"]), old.str_at(&["spec", "clusterIP"]));
    !before.is_empty() && now != before && kind(new) != "ExternalName" && kind(old) != "ExternalName"
}

fn kind(service: &Object) -> &str {
    service.str_at(&["spec", "type"])
}

fn is_headless(service: &Object) -> bool {
    service.str_at(&["spec", "clusterIP"]) == "None"
}

fn default(service: &mut Object) {
    service.or_text(&["spec", "sessionAffinity"], "None");
    match service.str_at(&["spec", "sessionAffinity"]) {
        "None" => drop(service.remove_at(&["spec", "sessionAffinityConfig"])),
        "ClientIP" => service.or_set(&["spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"], 10_800),
        _ => {}
    }
    service.or_text(&["spec", "type"], "ClusterIP");
    service.each(&["spec", "ports"], |port| {
        port.or_text(&["protocol"], "TCP");
        if matches!(port.at(&["targetPort"]), None | Some(Object::Null)) || is_zero(port.at(&["targetPort"])) {
            let number = port.at(&["port"]).cloned().unwrap_or_default();
            port.set_at(&["targetPort"], number);
        }
    });
    let kind = kind(service).to_owned();
    let balances = kind == "LoadBalancer";
    let external =
        balances || kind == "NodePort" || (kind == "ClusterIP" && !is_empty(service.at(&["spec", "externalIPs"])));
    if external {
        service.or_text(&["spec", "externalTrafficPolicy"], "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        service.or_set(&["spec", "internalTrafficPolicy"], "Cluster");
    }
    if balances {
        service.or_set(&["spec", "allocateLoadBalancerNodePorts"], true);
    }
    // The first of the addresses is also a field of its own.
    match (service.str_at(&["spec", "clusterIP"]).to_owned(), service.list_at(&["spec", "clusterIPs"])) {
        (address, []) if !address.is_empty() => service.set_at(&["spec", "clusterIPs"], json!([address])),
        (address, [first, ..]) if address.is_empty() => {
            let first = first.clone();
            service.set_at(&["spec", "clusterIP"], first);
        }
        _ => {}
    }
}

fn is_zero(value: Option<&Object>) -> bool {
    value.is_some_and(|value| *value == 0 || *value == "")
}

/// Keeps what the system gave and the client left out, and drops what another type no longer has.
fn keep_allocated(new: &mut Object, old: &Object) {
    let (now, before) = (kind(new).to_owned(), kind(old).to_owned());
    let has_address = |kind: &str| matches!(kind, "ClusterIP" | "NodePort" | "LoadBalancer");
    let has_ports = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
    if has_address(&before) && has_address(&now) {
        for field in ["clusterIP", "clusterIPs"] {
            if let (true, Some(value)) = (is_empty(new.at(&["spec", field])), old.at(&["spec", field])) {
                new.set_at(&["spec", field], value.clone());
            }
        }
        for field in ["ipFamilies", "ipFamilyPolicy"] {
            if let (true, Some(value)) = (is_empty(new.at(&["spec", field])), old.at(&["spec", field])) {
                new.set_at(&["spec", field], value.clone());
            }
        }
    }
    let same_port = |a: &Object, b: &Object| {
        a.at(&["port"]) == b.at(&["port"]) && a.str_at(&["protocol"]) == b.str_at(&["protocol"])
    };
    if has_ports(&before) && has_ports(&now) {
        let given = old.list_at(&["spec", "ports"]).to_vec();
        new.each(&["spec", "ports"], |port| {
            if let Some(number) =
                given.iter().find(|other| same_port(port, other)).and_then(|p| p.int_at(&["nodePort"]))
            {
                port.or_number(&["nodePort"], number);
            }
        });
    }
    if now == before {
        return;
    }
    if has_address(&before) && !has_address(&now) && new.at(&["spec", "clusterIP"]) == old.at(&["spec", "clusterIP"]) {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            new.remove_at(&["spec", field]);
        }
    }
    if has_ports(&before) && !has_ports(&now) {
        let given = old.list_at(&["spec", "ports"]).to_vec();
        new.each(&["spec", "ports"], |port| {
            if given.iter().any(|other| same_port(port, other) && port.at(&["nodePort"]) == other.at(&["nodePort"])) {
                port.remove_at(&["nodePort"]);
            }
        });
        if now == "ClusterIP" {
            new.remove_at(&["spec", "externalTrafficPolicy"]);
        }
    }
    if before == "LoadBalancer" && now != "LoadBalancer" {
        for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            new.remove_at(&["spec", field]);
        }
    }
}

/// Gives the addresses and ports that a service still needs.
fn allocate(service: &mut Object, cluster: &dyn Cluster) -> Result<(), Status> {
    if kind(service) == "ExternalName" {
        return Ok(());
    }
    let (namespace, name) = (service.namespace().to_owned(), service.name().to_owned());
    let invalid = |fault: FieldError| {
        let kind = GroupKind { group: String::new(), kind: "Service".into() };
        Status::invalid(&kind, &name, &[fault])
    };
    families(service).map_err(invalid)?;
    let needs_ports = kind(service) == "NodePort"
        || (kind(service) == "LoadBalancer" && service.bool_at(&["spec", "allocateLoadBalancerNodePorts"]));
    let asks_for_ports =
        service.list_at(&["spec", "ports"]).iter().any(|port| port.int_at(&["nodePort"]).unwrap_or(0) != 0);
    if is_headless(service) && !needs_ports && !asks_for_ports {
        return Ok(());
    }
    let others = cluster.list("services", None);
    let others = others.iter().filter(|other| other.namespace() != namespace || other.name() != name);
    let mut addresses = BTreeSet::new();
    let mut ports = BTreeSet::new();
    for other in others {
        addresses.extend(other.str_at(&["spec", "clusterIP"]).parse::<Ipv4Addr>());
        for port in other.list_at(&["spec", "ports"]) {
            if let Some(number) = port.int_at(&["nodePort"]).filter(|number| *number != 0) {
                ports.insert((port.str_at(&["protocol"]).to_owned(), number));
            }
        }
    }
    if !is_headless(service) {
        address(service, &addresses, cluster).map_err(invalid)?;
    }
    if needs_ports || asks_for_ports {
        node_ports(service, &mut ports, needs_ports, cluster).map_err(invalid)?;
    }
    Ok(())
}

fn families(service: &mut Object) -> Result<(), FieldError> {
    let policy = service.str_at(&["spec", "ipFamilyPolicy"]).to_owned();
    // Nobody but the client knows the endpoints of a headless service that selects nothing.
    if is_headless(service) && is_empty(service.at(&["spec", "selector"])) {
        service.or_set(&["spec", "ipFamilyPolicy"], "RequireDualStack");
        let single = service.str_at(&["spec", "ipFamilyPolicy"]) == "SingleStack";
        let families = if single { json!(["IPv4"]) } else { json!(["IPv4", "IPv6"]) };
        service.or_set(&["spec", "ipFamilies"], families);
        return Ok(());
    }
    if policy == "RequireDualStack" {
        let detail = "this cluster is not configured for dual-stack services";
        return Err(FieldError::invalid("spec.ipFamilyPolicy", policy, detail));
    }
    let families = service.list_at(&["spec", "ipFamilies"]);
    if let Some(index) = families.iter().position(|family| *family == "IPv6") {
        let detail = "not configured on this cluster";
        return Err(FieldError::invalid(format!("spec.ipFamilies[{index}]"), "IPv6", detail));
    }
    service.or_set(&["spec", "ipFamilies"], json!(["IPv4"]));
    service.or_set(&["spec", "ipFamilyPolicy"], "SingleStack");
    Ok(())
}

fn address(service: &mut Object, used: &BTreeSet<Ipv4Addr>, cluster: &dyn Cluster) -> Result<(), FieldError> {
    let asked = service.str_at(&["spec", "clusterIP"]);
    if !asked.is_empty() {
        // What is no address at all is for validation to tell.
        let Ok(address) = asked.parse::<Ipv4Addr>() else { return Ok(()) };
        let why =
            if !(FIRST..FIRST + ADDRESSES).contains(&u32::from(address)) && !MANIFESTS.contains(&u32::from(address)) {
                "the provided network does not match the current range"
            } else if used.contains(&address) {
                "provided IP is already allocated"
            } else {
                return Ok(());
            };
        let value = service.at(&["spec", "clusterIPs"]).cloned().unwrap_or_default();
        return Err(FieldError::invalid("spec.clusterIPs", value, format!("failed to allocate IP {asked}: {why}")));
    }
    // Not the network's own address nor its broadcast.
    let free = ADDRESSES - RESERVED - 1;
    let start = (cluster.random() % u64::from(free)) as u32;
    let found = (0..free)
        .map(|step| Ipv4Addr::from(FIRST + RESERVED + (start + step) % free))
        .find(|address| !used.contains(address));
    let Some(found) = found else {
        let detail = "failed to allocate a serviceIP: range is full";
        return Err(FieldError::new(
            crate::backend::registry::field_error::FieldErrorKind::Internal,
            "spec.clusterIPs",
            "",
            detail,
        ));
    };
    service.set_at(&["spec", "clusterIP"], found.to_string());
    service.set_at(&["spec", "clusterIPs"], json!([found.to_string()]));
    Ok(())
}

fn node_ports(
    service: &mut Object,
    used: &mut BTreeSet<(String, i64)>,
    needed: bool,
    cluster: &dyn Cluster,
) -> Result<(), FieldError> {
    let Some(ports) = service.at_mut(&["spec", "ports"]).as_array_mut() else { return Ok(()) };
    let mut given: Vec<(i64, String, i64)> = Vec::new();
    for (index, port) in ports.iter_mut().enumerate() {
        let protocol = port.str_at(&["protocol"]).to_owned();
        let number = port.int_at(&["port"]).unwrap_or(0);
        let asked = port.int_at(&["nodePort"]).unwrap_or(0);
        if asked != 0 {
            let why = if !NODE_PORTS.contains(&asked) {
                format!(
                    "provided port is not in the valid range. The range of valid ports is {}-{}",
                    NODE_PORTS.start(),
                    NODE_PORTS.end()
                )
            } else if used.iter().any(|(other, used)| *used == asked && *other == protocol) {
                "provided port is already allocated".to_owned()
            } else {
                given.push((number, protocol.clone(), asked));
                used.insert((protocol, asked));
                continue;
            };
            return Err(FieldError::invalid(format!("spec.ports[{index}].nodePort"), asked, why));
        }
        if !needed {
            continue;
        }
        // One number for the same port over several protocols, where it is free.
        let shared = given
            .iter()
            .find(|(other, _, node_port)| *other == number && !used.contains(&(protocol.clone(), *node_port)))
            .map(|(_, _, node_port)| *node_port);
        let count = NODE_PORTS.end() - NODE_PORTS.start() + 1;
        let start = (cluster.random() % count.unsigned_abs()) as i64;
        let is_free = |port: &i64| !used.iter().any(|(_, used)| used == port);
        let found = shared.or_else(|| (0..count).map(|step| NODE_PORTS.start() + (start + step) % count).find(is_free));
        let Some(found) = found else {
            let detail = "failed to allocate a nodePort: range is full";
            return Err(FieldError::invalid(format!("spec.ports[{index}].nodePort"), asked, detail));
        };
        port.set_at(&["nodePort"], found);
        given.push((number, protocol.clone(), found));
        used.insert((protocol, found));
    }
    Ok(())
}

fn warnings(service: &Object) -> Vec<String> {
    let external_ips = !is_empty(service.at(&["spec", "externalIPs"]));
    let external_name = kind(service) == "ExternalName";
    let mut warnings = Vec::new();
    let mut warn = |when: bool, text: &str| {
        if when {
            warnings.push(text.to_owned());
        }
    };
    let headless = is_headless(service);
    warn(
        headless && !service.str_at(&["spec", "loadBalancerIP"]).is_empty(),
        "spec.loadBalancerIP is ignored for headless services",
    );
    warn(headless && external_ips, "spec.externalIPs is ignored for headless services");
    warn(
        headless && service.str_at(&["spec", "sessionAffinity"]) != "None",
        "spec.SessionAffinity is ignored for headless services",
    );
    warn(
        external_ips && !headless && !external_name,
        "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
    );
    warn(external_name && external_ips, "spec.externalIPs is ignored when spec.type is \"ExternalName\"");
    warn(
        !external_name && !service.str_at(&["spec", "externalName"]).is_empty(),
        "spec.externalName is ignored when spec.type is not \"ExternalName\"",
    );
    warn(
        service.str_at(&["spec", "trafficDistribution"]) == "PreferClose",
        "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"",
    );
    warnings
}

fn validate(service: &Object, faults: &mut Faults) {
    let empty = Object::Null;
    let spec = service.at(&["spec"]).unwrap_or(&empty);
    let kind = kind(service);
    let ports = spec.list_at(&["ports"]);
    if ports.is_empty() && !is_headless(service) && kind != "ExternalName" {
        faults.required("spec.ports", "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if is_headless(service) => {
            faults.invalid("spec.clusterIPs[0]", "None", format!("may not be set to 'None' for {kind} services"));
        }
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if !is_empty(spec.at(&[field])) {
                    faults.forbidden(child("spec", field), "may not be set for ExternalName services");
                }
            }
            let name = spec.str_at(&["externalName"]).trim_end_matches('.');
            if name.is_empty() {
                faults.required("spec.externalName", "");
            } else {
                faults.complaints("spec.externalName", name, names::dns1123_subdomain(name));
            }
        }
        _ => {}
    }
    let mut seen = BTreeSet::new();
    for (path, port) in indexed(spec, "spec", &["ports"]) {
        let name = port.str_at(&["name"]);
        if name.is_empty() && ports.len() > 1 {
            faults.required(child(&path, "name"), "");
        } else if !name.is_empty() {
            faults.complaints(&child(&path, "name"), name, names::dns1123_label(name));
            if !seen.insert(name) {
                faults.duplicate(child(&path, "name"), name);
            }
        }
        port_number(port.int_at(&["port"]).unwrap_or(0), &child(&path, "port"), faults);
        faults.one_of(child(&path, "protocol"), port.str_at(&["protocol"]), &PROTOCOLS);
        port_number_or_name(port.at(&["targetPort"]), &child(&path, "targetPort"), faults);
    }
    meta::labels(spec.at(&["selector"]), "spec.selector", faults);
    faults.one_of("spec.sessionAffinity", spec.str_at(&["sessionAffinity"]), &["ClientIP", "None"]);
    addresses(spec, kind, faults);
    faults.one_of("spec.type", kind, &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]);
    let mut node_ports = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    for (path, port) in indexed(spec, "spec", &["ports"]) {
        let protocol = port.str_at(&["protocol"]);
        let node_port = port.int_at(&["nodePort"]).unwrap_or(0);
        if kind == "ClusterIP" && node_port != 0 {
            faults.forbidden(child(&path, "nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
        if node_port != 0 && !node_ports.insert((protocol, node_port)) {
            faults.duplicate(child(&path, "nodePort"), node_port);
        }
        let number = port.int_at(&["port"]).unwrap_or(0);
        if !numbers.insert((protocol, number)) {
            let key = json!({"Name": "", "Protocol": protocol, "AppProtocol": null, "Port": number, "TargetPort": 0, "NodePort": 0});
            faults.duplicate(path, key);
        }
    }
    if is_set(spec.at(&["allocateLoadBalancerNodePorts"])) && kind != "LoadBalancer" {
        let detail = "may only be used when `type` is 'LoadBalancer'";
        faults.forbidden("spec.allocateLoadBalancerNodePorts", detail);
    }
    if is_set(spec.at(&["loadBalancerClass"])) && kind != "LoadBalancer" {
        faults.forbidden("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'");
    }
    let policy = spec.str_at(&["externalTrafficPolicy"]);
    let external = matches!(kind, "LoadBalancer" | "NodePort") || !is_empty(spec.at(&["externalIPs"]));
    if !policy.is_empty() && !external {
        let detail = "may only be set for externally-accessible services";
        faults.invalid("spec.externalTrafficPolicy", policy, detail);
    } else if !policy.is_empty() && !matches!(policy, "Cluster" | "Local") {
        faults.not_supported("spec.externalTrafficPolicy", policy, &["Cluster", "Local"]);
    }
}

fn addresses(spec: &Object, kind: &str, faults: &mut Faults) {
    if kind == "ExternalName" {
        return;
    }
    let list = spec.list_at(&["clusterIPs"]);
    let all = || spec.at(&["clusterIPs"]).cloned().unwrap_or_default();
    let first = spec.str_at(&["clusterIP"]);
    match list.first().and_then(Object::as_str) {
        None if !first.is_empty() => faults.required("spec.clusterIPs", ""),
        Some(other) if !first.is_empty() && other != first => {
            faults.invalid("spec.clusterIPs", all(), "first value must match `clusterIP`");
        }
        Some(_) if first.is_empty() => {
            faults.invalid("spec.clusterIPs", all(), "must be empty when `clusterIP` is not specified");
        }
        _ => {}
    }
    for (index, address) in list.iter().enumerate() {
        let address = address.as_str().unwrap_or_default();
        if index == 0 && address == "None" {
            if list.len() > 1 {
                faults.invalid("spec.clusterIPs", all(), "'None' must be the first and only value");
            }
        } else if address.parse::<std::net::IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            faults.invalid(format!("spec.clusterIPs[{index}]"), address, detail);
        }
    }
    if list.len() > 2 {
        faults.invalid("spec.clusterIPs", all(), "may only hold up to 2 values");
    }
    for (path, address) in indexed(spec, "spec", &["externalIPs"]) {
        let address = address.as_str().unwrap_or_default();
        if address.parse::<std::net::IpAddr>().is_err() {
            faults.invalid(path, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        }
    }
}
