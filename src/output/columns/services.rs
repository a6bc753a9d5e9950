//! Services and their endpoints.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object};

pub(super) const SERVICES: &[Column] = &[
    NAME,
    Column::string("Type", |service, _| service.str_at(&["spec", "type"]).into()),
    Column::string("Cluster-IP", |service, _| match service.list_at(&["spec", "clusterIPs"]) {
        [first, ..] => first.clone(),
        [] => "<none>".into(),
    }),
    Column::string("External-IP", |service, _| external_ip(service).into()),
    Column::string("Port(s)", |service, _| ports(service)),
    AGE,
    Column::string("Selector", |service, _| cells::label_map(service, &["spec", "selector"])).wide(),
];

pub(super) const ENDPOINTS: &[Column] = &[NAME, Column::string("Endpoints", |object, _| endpoints(object).into()), AGE];

pub(super) const ENDPOINT_SLICES: &[Column] = &[
    NAME,
    Column::string("AddressType", |slice, _| slice.str_at(&["addressType"]).into()),
    Column::string("Ports", |slice, _| {
        let ports = slice.list_at(&["ports"]).iter();
        unset(ports.map(|port| {
            let name = if port.str_at(&["name"]).is_empty() { "*" } else { port.str_at(&["name"]) };
            if port.at(&["name"]).is_none() {
                cells::text_or(port, &["port"], "*")
            } else {
                cells::text_or(port, &["port"], name)
            }
        }))
    }),
    Column::string("Endpoints", |slice, _| {
        let addresses = slice.list_at(&["endpoints"]).iter().flat_map(|endpoint| endpoint.list_at(&["addresses"]));
        unset(addresses.filter_map(Object::as_str).map(str::to_owned))
    }),
    AGE,
];

/// At most three entries, `<unset>` for none.
fn unset(entries: impl Iterator<Item = String>) -> Cell {
    match cells::join_at_most(&entries.collect::<Vec<_>>(), 3, ",") {
        text if text.is_empty() => "<unset>".into(),
        text => text.into(),
    }
}

fn external_ip(service: &Object) -> String {
    let ips = || service.list_at(&["spec", "externalIPs"]).iter().filter_map(Object::as_str);
    match service.str_at(&["spec", "type"]) {
        "ClusterIP" | "NodePort" => match cells::join(ips(), ",") {
            text if text.is_empty() => "<none>".to_owned(),
            text => text,
        },
        "LoadBalancer" => {
            let balancers = load_balancers(service);
            let all = balancers.split(',').filter(|text| !text.is_empty()).chain(ips());
            match cells::join(all, ",") {
                text if text.is_empty() => "<pending>".to_owned(),
                text => text,
            }
        }
        "ExternalName" => service.str_at(&["spec", "externalName"]).to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

/// The addresses or names under which load balancers serve, sorted, joined by commas.
pub(super) fn load_balancers(object: &Object) -> String {
    let ingress = object.list_at(&["status", "loadBalancer", "ingress"]).iter();
    let mut names: Vec<&str> = ingress
        .map(|entry| match entry.str_at(&["ip"]) {
            "" => entry.str_at(&["hostname"]),
            ip => ip,
        })
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(",")
}

fn ports(service: &Object) -> Cell {
    let ports = service.list_at(&["spec", "ports"]);
    if ports.is_empty() {
        return "<none>".into();
    }
    let text = ports.iter().map(|port| {
        let number = port.int_at(&["port"]).unwrap_or(0);
        let protocol = port.str_at(&["protocol"]);
        match port.int_at(&["nodePort"]) {
            Some(node_port) if node_port > 0 => format!("{number}:{node_port}/{protocol}"),
            _ => format!("{number}/{protocol}"),
        }
    });
    cells::join(text, ",").into()
}

/// `IP:PORT` of every address of every port; at most three are shown.
fn endpoints(object: &Object) -> String {
    let subsets = object.list_at(&["subsets"]);
    if subsets.is_empty() {
        return "<none>".to_owned();
    }
    let mut all = Vec::new();
    for subset in subsets {
        let addresses = || subset.list_at(&["addresses"]).iter().map(|address| address.str_at(&["ip"]));
        let ports = subset.list_at(&["ports"]);
        if ports.is_empty() {
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            let number = port.int_at(&["port"]).unwrap_or(0);
            all.extend(
                addresses()
                    .map(|ip| if ip.contains(':') { format!("[{ip}]:{number}") } else { format!("{ip}:{number}") }),
            );
        }
    }
    cells::join_at_most(&all, 3, ",")
}
