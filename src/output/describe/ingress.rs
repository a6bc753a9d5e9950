//! Ingresses and IngressClasses.

use std::collections::BTreeSet;

use super::description::Description;
use super::events::events;
use super::parts::{annotations, heading, labels};
use super::related::{Need, Related, SERVICES};
use super::service::endpoints;
use super::text::{int, or, strings, text_at};
use crate::object::{Meta, Object};

pub(super) fn needs(ingress: &Object) -> Vec<Need> {
    let services: BTreeSet<&str> =
        backends(ingress).filter_map(|backend| backend.at(&["service", "name"])?.as_str()).collect();
    let namespace = ingress.namespace();
    let of_service = |name: &str| [Need::slices_of(namespace, name), service(namespace, name)];
    services.into_iter().flat_map(of_service).chain([Need::events_of(ingress)]).collect()
}

fn service(namespace: &str, name: &str) -> Need {
    Need::Get { resource: SERVICES, namespace: Some(namespace.to_owned()), name: name.to_owned() }
}

fn backends(ingress: &Object) -> impl Iterator<Item = &Object> {
    let rules = ingress.list_at(&["spec", "rules"]).iter().flat_map(|rule| rule.list_at(&["http", "paths"]));
    ingress.at(&["spec", "defaultBackend"]).into_iter().chain(rules.filter_map(|path| path.get("backend")))
}

pub(super) fn describe(d: &mut Description, ingress: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = ingress.get("spec").unwrap_or(&Object::Null);
    d.field(0, "Name", ingress.name());
    labels(d, "Labels", &ingress.labels());
    d.field(0, "Namespace", ingress.namespace());
    d.field(0, "Address", addresses(ingress));
    d.field(0, "Ingress Class", text_at(spec, &["ingressClassName"], "<none>"));
    let default = match spec.get("defaultBackend").filter(|backend| !backend.is_null()) {
        Some(backend) => backend_text(ingress.namespace(), backend, related),
        None => "<default>".to_owned(),
    };
    d.field(0, "Default backend", &default);
    let tls = spec.list_at(&["tls"]);
    if !tls.is_empty() {
        d.line(0, "TLS:");
    }
    for entry in tls {
        let hosts = strings(entry, &["hosts"]).join(",");
        match entry.str_at(&["secretName"]) {
            "" => d.line(1, format_args!("SNI routes {hosts}")),
            secret => d.line(1, format_args!("{secret} terminates {hosts}")),
        }
    }
    d.line(0, "Rules:\n  Host\tPath\tBackends");
    d.line(1, "----\t----\t--------");
    let mut none = true;
    for rule in spec.list_at(&["rules"]) {
        let Some(http) = rule.get("http").filter(|http| !http.is_null()) else { continue };
        none = false;
        d.line(1, format_args!("{}\t", or(rule.str_at(&["host"]), "*")));
        for path in http.list_at(&["paths"]) {
            let backend = path.get("backend").unwrap_or(&Object::Null);
            let backend = backend_text(ingress.namespace(), backend, related);
            d.line(2, format_args!("\t{} \t{backend}", path.str_at(&["path"])));
        }
    }
    if none {
        d.line(1, format_args!("*\t*\t{default}"));
    }
    annotations(d, "Annotations", &ingress.annotations());
    events(d, related);
    Ok(())
}

/// The addresses at which the ingress is reached.
fn addresses(ingress: &Object) -> String {
    let entries = ingress.list_at(&["status", "loadBalancer", "ingress"]).iter();
    let addresses: BTreeSet<&str> = entries
        .map(|entry| or(entry.str_at(&["ip"]), entry.str_at(&["hostname"])))
        .filter(|text| !text.is_empty())
        .collect();
    addresses.into_iter().collect::<Vec<_>>().join(",")
}

/// A Service's port and its endpoints, or an object of another kind.
fn backend_text(namespace: &str, backend: &Object, related: &Related) -> String {
    if let Some(target) = backend.get("service").filter(|target| !target.is_null()) {
        let name = target.str_at(&["name"]);
        let (number, port) = (int(target, &["port", "number"]), target.str_at(&["port", "name"]));
        let text = if number == 0 { format!("{name}:{port}") } else { format!("{name}:{number}") };
        let slices = match related.list(&Need::slices_of(namespace, name)) {
            Ok(slices) => slices,
            Err(error) => return format!("{text} (<error: {error}>)"),
        };
        let ports = match related.get(&service(namespace, name)) {
            Some(Ok(service)) => service.list_at(&["spec", "ports"]),
            Some(Err(error)) => return format!("{text} (<error: {error}>)"),
            None => &[],
        };
        let named = ports.iter().rev().map(|own| (own, own.str_at(&["name"]))).find(|(own, own_name)| {
            (number != 0 && int(own, &["port"]) == number) || (!port.is_empty() && *own_name == port)
        });
        return format!("{text} ({})", endpoints(slices, named.map_or("", |(_, name)| name)));
    }
    match backend.get("resource").filter(|resource| !resource.is_null()) {
        None => String::new(),
        Some(resource) => {
            let group = text_at(resource, &["apiGroup"], "<none>");
            let (kind, name) = (resource.str_at(&["kind"]), resource.str_at(&["name"]));
            format!("APIGroup: {group}, Kind: {kind}, Name: {name}")
        }
    }
}

pub(super) fn describe_class(d: &mut Description, class: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, class, false);
    d.field(0, "Controller", class.str_at(&["spec", "controller"]));
    if let Some(parameters) = class.at(&["spec", "parameters"]).filter(|parameters| !parameters.is_null()) {
        d.line(0, "Parameters:");
        if let Some(group) = parameters.get("apiGroup").and_then(Object::as_str) {
            d.field(1, "APIGroup", group);
        }
        d.field(1, "Kind", parameters.str_at(&["kind"]));
        d.field(1, "Name", parameters.str_at(&["name"]));
    }
    events(d, related);
    Ok(())
}
