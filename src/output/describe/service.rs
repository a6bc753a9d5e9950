//! Services, and the endpoints behind them.

use super::description::Description;
use super::events::events;
use super::parts::heading;
use super::related::{Need, Related};
use super::text::{host_port, int, one_line, or, strings, text_at};
use crate::object::{Meta, Object};

/// So many endpoints are listed, then only counted.
const LISTED: usize = 3;

pub(super) fn needs(service: &Object) -> Vec<Need> {
    vec![Need::slices_of(service.namespace(), service.name()), Need::events_of(service)]
}

pub(super) fn describe(d: &mut Description, service: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = service.get("spec").unwrap_or(&Object::Null);
    let slices = related.list(&Need::slices_of(service.namespace(), service.name())).unwrap_or_default();
    heading(d, service, true);
    d.field(0, "Selector", one_line(&spec.map_at(&["selector"])));
    d.field(0, "Type", spec.str_at(&["type"]));
    if let Some(policy) = spec.get("ipFamilyPolicy").and_then(Object::as_str) {
        d.field(0, "IP Family Policy", policy);
    }
    d.field(0, "IP Families", list_or_none(&strings(spec, &["ipFamilies"])));
    d.field(0, "IP", spec.str_at(&["clusterIP"]));
    d.field(0, "IPs", list_or_none(&strings(spec, &["clusterIPs"])));
    list_if(d, "External IPs", &strings(spec, &["externalIPs"]));
    d.field_if(0, "Desired LoadBalancer IP", spec.str_at(&["loadBalancerIP"]));
    d.field_if(0, "External Name", spec.str_at(&["externalName"]));
    let ingress = service.list_at(&["status", "loadBalancer", "ingress"]);
    if !ingress.is_empty() {
        d.field(0, "LoadBalancer Ingress", ingress_text(ingress));
    }
    for port in spec.list_at(&["ports"]) {
        port_lines(d, port, slices);
    }
    d.field(0, "Session Affinity", spec.str_at(&["sessionAffinity"]));
    d.field_if(0, "External Traffic Policy", spec.str_at(&["externalTrafficPolicy"]));
    if let Some(policy) = spec.get("internalTrafficPolicy").and_then(Object::as_str) {
        d.field(0, "Internal Traffic Policy", policy);
    }
    match int(spec, &["healthCheckNodePort"]) {
        0 => {}
        port => d.field(0, "HealthCheck NodePort", port),
    }
    list_if(d, "LoadBalancer Source Ranges", &strings(spec, &["loadBalancerSourceRanges"]));
    if let Some(distribution) = spec.get("trafficDistribution").and_then(Object::as_str) {
        d.field(0, "Traffic Distribution", distribution);
    }
    events(d, related);
    Ok(())
}

fn list_or_none(items: &[&str]) -> String {
    if items.is_empty() { "<none>".to_owned() } else { items.join(",") }
}

fn list_if(d: &mut Description, title: &str, items: &[&str]) {
    if !items.is_empty() {
        d.field(0, title, items.join(","));
    }
}

fn port_lines(d: &mut Description, port: &Object, slices: &[Object]) {
    let name = or(port.str_at(&["name"]), "<unset>");
    let protocol = port.str_at(&["protocol"]);
    d.field(0, "Port", format_args!("{name}\t{}/{protocol}", int(port, &["port"])));
    d.field(0, "TargetPort", format_args!("{}/{protocol}", text_at(port, &["targetPort"], "0")));
    if let Some(application) = port.get("appProtocol").and_then(Object::as_str) {
        d.field(0, "AppProtocol", application);
    }
    match int(port, &["nodePort"]) {
        0 => {}
        node_port => d.field(0, "NodePort", format_args!("{name}\t{node_port}/{protocol}")),
    }
    d.field(0, "Endpoints", endpoints(slices, port.str_at(&["name"])));
}

/// The addresses that a load balancer gave.
fn ingress_text(ingress: &[Object]) -> String {
    let texts: Vec<String> = ingress
        .iter()
        .map(|entry| match (entry.str_at(&["ip"]), entry.get("ipMode").and_then(Object::as_str)) {
            ("", _) => entry.str_at(&["hostname"]).to_owned(),
            (ip, None) => ip.to_owned(),
            (ip, Some(mode)) => format!("{ip} ({mode})"),
        })
        .collect();
    texts.join(", ")
}

/// The ready endpoints of a port by name: the first three, and how many more there are.
pub(super) fn endpoints(slices: &[Object], port_name: &str) -> String {
    if slices.is_empty() {
        return "<none>".to_owned();
    }
    let mut listed: Vec<String> = Vec::new();
    let (mut more, mut count) = (false, 0);
    for slice in slices {
        let ports = slice.list_at(&["ports"]);
        // A headless Service may have no ports: then the addresses alone are listed.
        let named = ports.iter().filter(|port| port.str_at(&["name"]) == port_name);
        let ports: Vec<Option<String>> = match ports {
            [] => vec![None],
            _ => named.map(|port| Some(text_at(port, &["port"], "0").into_owned())).collect(),
        };
        for port in ports {
            for endpoint in slice.list_at(&["endpoints"]) {
                // Said before it is known whether this one is ready, so that `more` may speak of none.
                more |= listed.len() == LISTED;
                if endpoint.at(&["conditions", "ready"]).and_then(Object::as_bool) == Some(false) {
                    continue;
                }
                count += 1;
                if more {
                    continue;
                }
                let address = endpoint.list_at(&["addresses"]).first().and_then(Object::as_str).unwrap_or("");
                listed.push(match &port {
                    Some(port) => host_port(address, port),
                    None => address.to_owned(),
                });
            }
        }
    }
    let text = listed.join(",");
    if more { format!("{text} + {} more...", count - LISTED) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_are_listed_up_to_three() {
        let endpoint = |ip: &str| json!({"addresses": [ip]});
        let away = json!({"addresses": ["9"], "conditions": {"ready": false}});
        let slice = |endpoints: Vec<Object>| json!({"ports": [{"name": "a", "port": 80}], "endpoints": endpoints});
        let (one, two, three) = (endpoint("1"), endpoint("2"), endpoint("::3"));
        for (slices, want) in [
            (vec![], "<none>"),
            (vec![slice(vec![])], ""),
            (vec![slice(vec![one.clone(), away.clone(), two.clone()])], "1:80,2:80"),
            (vec![slice(vec![one.clone(), two.clone(), three.clone()])], "1:80,2:80,[::3]:80"),
            (vec![slice(vec![one.clone(), two.clone(), three.clone(), one.clone()])], "1:80,2:80,[::3]:80 + 1 more..."),
            (vec![slice(vec![one.clone(), two.clone(), three, away])], "1:80,2:80,[::3]:80 + 0 more..."),
            (vec![json!({"endpoints": [one, two]})], "1,2"),
        ] {
            assert_eq!(endpoints(&slices, "a"), want);
        }
        assert_eq!(endpoints(&[slice(vec![endpoint("1")])], "other"), "");
    }
}
