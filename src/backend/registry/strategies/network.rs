//! Endpoints, EndpointSlices, Ingresses, IngressClasses and NetworkPolicies.

use serde_json::json;

use super::rules::{Defaults, Rules, SPEC};
use crate::backend::registry::plugins::Plugin;
use crate::backend::registry::validation::container::{PROTOCOLS, port_number};
use crate::backend::registry::validation::{Faults, child, indexed, is_empty, is_set, workload as check};
use crate::object::{Meta, Object, names};

pub(super) static ENDPOINTS: Rules = Rules {
    default: |endpoints| {
        endpoints.each(&["subsets"], |subset| {
            subset.each(&["ports"], |port| port.or_text(&["protocol"], "TCP"));
        });
    },
    validate: |endpoints, faults| {
        for (path, subset) in indexed(endpoints, "", &["subsets"]) {
            if is_empty(subset.at(&["addresses"])) && is_empty(subset.at(&["notReadyAddresses"])) {
                faults.required(path.clone(), "must specify `addresses` or `notReadyAddresses`");
            }
            for list in ["addresses", "notReadyAddresses"] {
                for (path, address) in indexed(subset, &path, &[list]) {
                    ip(address.str_at(&["ip"]), &child(&path, "ip"), faults);
                }
            }
            let several = subset.list_at(&["ports"]).len() > 1;
            for (path, port) in indexed(subset, &path, &["ports"]) {
                let name = port.str_at(&["name"]);
                if name.is_empty() && several {
                    faults.required(child(&path, "name"), "");
                } else if !name.is_empty() {
                    faults.complaints(&child(&path, "name"), name, names::dns1123_label(name));
                }
                port_number(port.int_at(&["port"]).unwrap_or(0), &child(&path, "port"), faults);
                faults.one_of(child(&path, "protocol"), port.str_at(&["protocol"]), &PROTOCOLS);
            }
        }
    },
    ..Rules::NAMESPACED
};

fn ip(address: &str, field: &str, faults: &mut Faults) {
    match address.parse::<std::net::IpAddr>() {
        Err(_) => faults.invalid(field, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        Ok(address) if address.is_unspecified() => {
            faults.invalid(field, address.to_string(), "may not be unspecified (0.0.0.0 or ::)");
        }
        Ok(address) if address.is_loopback() => {
            faults.invalid(field, address.to_string(), "may not be in the loopback range (127.0.0.0/8, ::1/128)");
        }
        Ok(_) => {}
    }
}

pub(super) static ENDPOINT_SLICE: Rules = Rules {
    generation_of: &[&["endpoints"], &["ports"], &["addressType"]],
    default: |slice| {
        slice.or_set(&["endpoints"], json!(null));
        slice.each(&["ports"], |port| {
            port.or_set(&["name"], "");
            port.or_set(&["protocol"], "TCP");
        });
    },
    validate: |slice, faults| {
        let kind = slice.str_at(&["addressType"]);
        if kind.is_empty() {
            faults.required("addressType", "");
        } else if !matches!(kind, "IPv4" | "IPv6" | "FQDN") {
            faults.not_supported("addressType", kind, &["FQDN", "IPv4", "IPv6"]);
        }
        for (path, endpoint) in indexed(slice, "", &["endpoints"]) {
            let addresses = endpoint.list_at(&["addresses"]);
            if addresses.is_empty() {
                faults.required(child(&path, "addresses"), "must contain at least 1 address");
            }
            for (path, address) in indexed(endpoint, &path, &["addresses"]) {
                let address = address.as_str().unwrap_or_default();
                match kind {
                    "FQDN" => faults.complaints(&path, address, names::dns1123_subdomain(address)),
                    "IPv4" if address.parse::<std::net::Ipv4Addr>().is_err() => {
                        faults.invalid(path, address, "must be an IPv4 address");
                    }
                    "IPv6" if address.parse::<std::net::Ipv6Addr>().is_err() => {
                        faults.invalid(path, address, "must be an IPv6 address");
                    }
                    _ => {}
                }
            }
        }
        for (path, port) in indexed(slice, "", &["ports"]) {
            let name = port.str_at(&["name"]);
            if !name.is_empty() {
                faults.complaints(&child(&path, "name"), name, names::dns1123_label(name));
            }
            faults.one_of(child(&path, "protocol"), port.str_at(&["protocol"]), &PROTOCOLS);
        }
    },
    validate_update: |new, old, faults| faults.immutable(new, old, &["addressType"]),
    ..Rules::NAMESPACED
};

pub(super) static INGRESS: Rules = Rules {
    generation_of: SPEC,
    status: true,
    create: |ingress, cluster| {
        ingress.set_at(&["status"], json!({"loadBalancer": {}}));
        let named = is_set(ingress.at(&["spec", "ingressClassName"]));
        let chooses = cluster.admits(Plugin::DefaultIngressClass);
        if chooses && !named && ingress.annotation("kubernetes.io/ingress.class").is_none() {
            let mark = "ingressclass.kubernetes.io/is-default-class";
            let classes = cluster.list("ingressclasses.networking.k8s.io", None);
            let default = classes
                .iter()
                .filter(|class| class.annotation(mark) == Some("true"))
                .max_by_key(|class| class.creation_timestamp());
            if let Some(default) = default {
                ingress.set_at(&["spec", "ingressClassName"], default.name());
            }
        }
        Ok(())
    },
    warnings: |ingress, old| {
        let key = "kubernetes.io/ingress.class";
        let named = is_set(ingress.at(&["spec", "ingressClassName"]));
        if old.is_some() || named || ingress.annotation(key).is_none() {
            return Vec::new();
        }
        vec![format!("annotation {key:?} is deprecated, please use 'spec.ingressClassName' instead")]
    },
    validate: |ingress, faults| {
        let empty = Object::Null;
        let spec = ingress.at(&["spec"]).unwrap_or(&empty);
        if is_empty(spec.at(&["rules"])) && !is_set(spec.at(&["defaultBackend"])) {
            let detail = "either `defaultBackend` or `rules` must be specified";
            faults.invalid("spec", spec.at(&["rules"]).cloned().unwrap_or_else(|| json!([])), detail);
        }
        if let Some(backend) = spec.at(&["defaultBackend"]).filter(|backend| !backend.is_null()) {
            ingress_backend(backend, "spec.defaultBackend", faults);
        }
        for (path, rule) in indexed(spec, "spec", &["rules"]) {
            let host = rule.str_at(&["host"]);
            if !host.is_empty() {
                let complaints =
                    if host.contains('*') { names::wildcard_subdomain(host) } else { names::dns1123_subdomain(host) };
                faults.complaints(&child(&path, "host"), host, complaints);
            }
            if let Some(http) = rule.at(&["http"]).filter(|http| !http.is_null()) {
                if http.list_at(&["paths"]).is_empty() {
                    faults.required(child(&path, "http.paths"), "");
                }
                for (path, entry) in indexed(http, &child(&path, "http"), &["paths"]) {
                    ingress_path(entry, &path, faults);
                }
            }
        }
        let class = spec.str_at(&["ingressClassName"]);
        if !class.is_empty() {
            faults.complaints("spec.ingressClassName", class, names::dns1123_subdomain(class));
        }
    },
    ..Rules::NAMESPACED
};

fn ingress_path(entry: &Object, path: &str, faults: &mut Faults) {
    let text = entry.str_at(&["path"]);
    match entry.str_at(&["pathType"]) {
        "" => faults.required(child(path, "pathType"), "pathType must be specified"),
        "Exact" | "Prefix" if !text.starts_with('/') => {
            faults.invalid(child(path, "path"), text, "must be an absolute path");
        }
        "Exact" | "Prefix" => {
            for bad in ["//", "/./", "/../", "%2f", "%2F"] {
                if text.contains(bad) {
                    faults.invalid(child(path, "path"), text, format!("must not contain '{bad}'"));
                }
            }
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !text.starts_with('/') {
                faults.invalid(child(path, "path"), text, "must be an absolute path");
            }
        }
        other => faults.not_supported(child(path, "pathType"), other, &["Exact", "ImplementationSpecific", "Prefix"]),
    }
    let empty = Object::Null;
    ingress_backend(entry.at(&["backend"]).unwrap_or(&empty), &child(path, "backend"), faults);
}

fn ingress_backend(backend: &Object, path: &str, faults: &mut Faults) {
    let service = backend.at(&["service"]).filter(|service| !service.is_null());
    let resource = is_set(backend.at(&["resource"]));
    match (service, resource) {
        (Some(_), true) => faults.invalid(path, "", "cannot set both resource and service backends"),
        (None, true) => {}
        (None, false) => faults.required(path, "either service or resource must be specified"),
        (Some(service), false) => {
            let name = service.str_at(&["name"]);
            if name.is_empty() {
                faults.required(child(path, "service.name"), "");
            } else {
                faults.complaints(&child(path, "service.name"), name, names::dns1035_label(name));
            }
            let (port_name, number) =
                (service.str_at(&["port", "name"]), service.int_at(&["port", "number"]).unwrap_or(0));
            let field = child(path, "service.port");
            match (port_name.is_empty(), number) {
                (true, 0) => faults.required(field, "port name or number is required"),
                (false, 0) => faults.complaints(&child(&field, "name"), port_name, names::port_name(port_name)),
                (true, number) => port_number(number, &child(&field, "number"), faults),
                (false, _) => faults.invalid(path, "", "cannot set both port name & port number"),
            }
        }
    }
}

pub(super) static INGRESS_CLASS: Rules = Rules {
    generation_of: SPEC,
    default: |class| class.with(&["spec", "parameters"], |parameters| parameters.or_set(&["scope"], "Cluster")),
    validate: |class, faults| {
        if class.str_at(&["spec", "controller"]).is_empty() {
            faults.required("spec.controller", "");
        }
    },
    validate_update: |new, old, faults| faults.immutable(new, old, &["spec", "controller"]),
    ..Rules::CLUSTER
};

pub(super) static NETWORK_POLICY: Rules = Rules {
    generation_of: SPEC,
    default: |policy| {
        policy.or_set(&["spec", "podSelector"], json!({}));
        for side in ["ingress", "egress"] {
            policy.each(&["spec", side], |rule| {
                rule.each(&["ports"], |port| port.or_set(&["protocol"], "TCP"));
            });
        }
        if is_empty(policy.at(&["spec", "policyTypes"])) {
            let egress = !is_empty(policy.at(&["spec", "egress"]));
            let types = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
            policy.set_at(&["spec", "policyTypes"], types);
        }
    },
    validate: |policy, faults| {
        check::selector(policy.at(&["spec", "podSelector"]), "spec.podSelector", faults);
        for (side, peers) in [("ingress", "from"), ("egress", "to")] {
            for (path, rule) in indexed(policy, "", &["spec", side]) {
                for (path, peer) in indexed(rule, &path, &[peers]) {
                    let block = is_set(peer.at(&["ipBlock"]));
                    let selectors = ["podSelector", "namespaceSelector"];
                    let selects = selectors.iter().any(|field| is_set(peer.at(&[field])));
                    for field in selectors {
                        check::selector(peer.at(&[field]), &child(&path, field), faults);
                    }
                    if !block && !selects {
                        faults.required(path, "must specify a peer");
                    } else if block && selects {
                        faults.forbidden(path, "may not specify both ipBlock and another peer");
                    }
                }
            }
        }
        for (path, kind) in indexed(policy, "", &["spec", "policyTypes"]) {
            let kind = kind.as_str().unwrap_or_default();
            if !matches!(kind, "Ingress" | "Egress") {
                faults.not_supported(path, kind, &["Egress", "Ingress"]);
            }
        }
    },
    ..Rules::NAMESPACED
};
