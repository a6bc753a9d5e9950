//! Endpoints and EndpointSlices.

use super::description::Description;
use super::events::events;
use super::parts::heading;
use super::related::Related;
use super::text::{int, is_set, join_at, or, strings, text_at};
use crate::object::{Meta, Object};

pub(super) fn describe(d: &mut Description, endpoints: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, endpoints, true);
    d.line(0, "Subsets:");
    for subset in endpoints.list_at(&["subsets"]) {
        for (title, field) in [("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")] {
            d.field(1, title, or(&join_at(subset.list_at(&[field]), &["ip"], ","), "<none>"));
        }
        let ports = subset.list_at(&["ports"]);
        if !ports.is_empty() {
            d.line(1, "Ports:");
            d.line(2, "Name\tPort\tProtocol");
            d.line(2, "----\t----\t--------");
            for port in ports {
                let name = or(port.str_at(&["name"]), "<unset>");
                d.line(2, format_args!("{name}\t{}\t{}", int(port, &["port"]), port.str_at(&["protocol"])));
            }
        }
        d.line(0, "");
    }
    events(d, related);
    Ok(())
}

pub(super) fn describe_slice(d: &mut Description, slice: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, slice, true);
    d.field(0, "AddressType", slice.str_at(&["addressType"]));
    let ports = slice.list_at(&["ports"]);
    if ports.is_empty() {
        d.line(0, "Ports: <unset>");
    } else {
        d.line(0, "Ports:");
        d.line(1, "Name\tPort\tProtocol");
        d.line(1, "----\t----\t--------");
        for port in ports {
            let (name, number) = (or(port.str_at(&["name"]), "<unset>"), text_at(port, &["port"], "<unset>"));
            d.line(1, format_args!("{name}\t{number}\t{}", port.str_at(&["protocol"])));
        }
    }
    let endpoints = slice.list_at(&["endpoints"]);
    if endpoints.is_empty() {
        d.line(0, "Endpoints: <none>");
    } else {
        d.line(0, "Endpoints:");
    }
    for endpoint in endpoints {
        d.field(1, "- Addresses", or(&strings(endpoint, &["addresses"]).join(", "), "<none>"));
        d.line(2, "Conditions:");
        d.field(3, "Ready", text_at(endpoint, &["conditions", "ready"], "<unset>"));
        d.field(2, "Hostname", text_at(endpoint, &["hostname"], "<unset>"));
        if is_set(endpoint, &["targetRef"]) {
            let part = |name: &str| endpoint.str_at(&["targetRef", name]);
            d.field(2, "TargetRef", format_args!("{}/{}", part("kind"), part("name")));
        }
        d.field(2, "NodeName", text_at(endpoint, &["nodeName"], "<unset>"));
        d.field(2, "Zone", text_at(endpoint, &["zone"], "<unset>"));
    }
    events(d, related);
    Ok(())
}
