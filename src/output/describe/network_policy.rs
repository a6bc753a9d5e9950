//! NetworkPolicies.

use super::description::Description;
use super::parts::{annotations, labels};
use super::related::Related;
use super::text::{int, is_set, or, strings, text_at};
use crate::object::labels::format_selector;
use crate::object::{Meta, Object};

const INDENT: &str = "    ";

/// A direction of traffic: how it is called and where its rules are.
struct Direction {
    kind: &'static str,
    name: &'static str,
    rules: &'static str,
    peers: &'static str,
    peer: &'static str,
    end: &'static str,
}

const DIRECTIONS: [Direction; 2] = [
    Direction { kind: "Ingress", name: "ingress", rules: "ingress", peers: "from", peer: "From", end: "source" },
    Direction { kind: "Egress", name: "egress", rules: "egress", peers: "to", peer: "To", end: "destination" },
];

pub(super) fn describe(d: &mut Description, policy: &Object, _: &Related) -> anyhow::Result<()> {
    d.field(0, "Name", policy.name());
    d.field(0, "Namespace", policy.namespace());
    let created = d.go_time(policy.creation_timestamp());
    d.field(0, "Created on", created);
    labels(d, "Labels", &policy.labels());
    annotations(d, "Annotations", &policy.annotations());
    d.line(0, "Spec:");
    let spec = policy.get("spec").unwrap_or(&Object::Null);
    let selector = spec.get("podSelector").unwrap_or(&Object::Null);
    let everything = selector.map_at(&["matchLabels"]).is_empty() && selector.list_at(&["matchExpressions"]).is_empty();
    d.put(1, "PodSelector: ");
    if everything {
        d.line(2, "<none> (Allowing the specific traffic to all pods in this namespace)");
    } else {
        d.line(2, format_selector(Some(selector)));
    }
    let types = strings(spec, &["policyTypes"]);
    for direction in &DIRECTIONS {
        let name = direction.name;
        if types.contains(&direction.kind) {
            d.line(1, format_args!("Allowing {name} traffic:"));
            rules(d, spec.list_at(&[direction.rules]), direction);
        } else {
            d.line(1, format_args!("Not affecting {name} traffic"));
        }
    }
    d.line(1, format_args!("Policy Types: {}", or(&types.join(", "), "<none>")));
    Ok(())
}

fn rules(d: &mut Description, rules: &[Object], direction: &Direction) {
    if rules.is_empty() {
        let name = direction.name;
        d.line(0, format_args!("{INDENT}<none> (Selected pods are isolated for {name} connectivity)"));
    }
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            d.line(0, format_args!("{INDENT}----------"));
        }
        let ports = rule.list_at(&["ports"]);
        if ports.is_empty() {
            d.line(0, format_args!("{INDENT}To Port: <any> (traffic allowed to all ports)"));
        }
        for port in ports {
            let protocol = text_at(port, &["protocol"], "TCP");
            let number = text_at(port, &["port"], "<nil>");
            if is_set(port, &["endPort"]) {
                let end = int(port, &["endPort"]);
                d.line(0, format_args!("{INDENT}To Port Range: {number}-{end}/{protocol}"));
            } else {
                d.line(0, format_args!("{INDENT}To Port: {number}/{protocol}"));
            }
        }
        let peers = rule.list_at(&[direction.peers]);
        if peers.is_empty() {
            let (peer, end) = (direction.peer, direction.end);
            d.line(0, format_args!("{INDENT}{peer}: <any> (traffic not restricted by {end})"));
        }
        for peer in peers {
            d.line(0, format_args!("{INDENT}{}:", direction.peer));
            peer_lines(d, peer);
        }
    }
}

fn peer_lines(d: &mut Description, peer: &Object) {
    let part = |name: &'static str| peer.get(name).filter(|part| !part.is_null());
    let mut selected = false;
    for (title, field) in [("NamespaceSelector", "namespaceSelector"), ("PodSelector", "podSelector")] {
        if let Some(selector) = part(field) {
            selected = true;
            d.line(1, format_args!("{INDENT}{title}: {}", format_selector(Some(selector))));
        }
    }
    if let Some(block) = part("ipBlock").filter(|_| !selected) {
        d.line(1, format_args!("{INDENT}IPBlock:"));
        d.line(2, format_args!("{INDENT}CIDR: {}", block.str_at(&["cidr"])));
        d.line(2, format_args!("{INDENT}Except: {}", strings(block, &["except"]).join(", ")));
    }
}
