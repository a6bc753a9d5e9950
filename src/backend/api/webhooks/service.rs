//! Where a webhook is found: at a URL, or behind a Service, on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::WebhookCall;
use crate::backend::registry::Cluster;
use crate::object::{Meta, Object};

const SLICES: &str = "endpointslices.discovery.k8s.io";
/// So much higher is a pod's port that its user may not open (`kubelet/network`).
const UNPRIVILEGED: u16 = 8000;

/// The addresses of what is ready behind a port of a Service. A pod of the cluster listens on a
/// loopback address of its own; other addresses are taken as they are.
fn addresses_of(cluster: &dyn Cluster, namespace: &str, name: &str, port: i64) -> Result<Vec<SocketAddr>, String> {
    let service = cluster.get("services", namespace, name).ok_or_else(|| format!("service {name:?} not found"))?;
    if service.str_at(&["spec", "type"]) == "ExternalName" {
        let host = service.str_at(&["spec", "externalName"]);
        let address = (if host == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { host.parse().ok() })
            .zip(u16::try_from(port).ok());
        return address
            .map(|(ip, port)| vec![SocketAddr::new(ip, port)])
            .ok_or_else(|| format!("lookup {host}: no such host"));
    }
    let ports = service.list_at(&["spec", "ports"]);
    let Some(known) = ports.iter().find(|known| known.int_at(&["port"]) == Some(port)) else {
        return Err(format!("no service port {port} found for service {name:?}"));
    };
    let mut found = Vec::new();
    for slice in cluster.list(SLICES, Some(namespace)) {
        if slice.label("kubernetes.io/service-name") == Some(name) {
            let target = port_of(slice.list_at(&["ports"]), known.str_at(&["name"]));
            for endpoint in slice.list_at(&["endpoints"]) {
                let ready = endpoint.at(&["conditions", "ready"]).and_then(Object::as_bool).unwrap_or(true);
                if let (true, Some(target)) = (ready, target) {
                    let is_pod = endpoint.str_at(&["targetRef", "kind"]) == "Pod";
                    let addresses = endpoint.list_at(&["addresses"]).iter().filter_map(Object::as_str);
                    addresses.for_each(|address| places(address, target, is_pod, &mut found));
                }
            }
        }
    }
    if found.is_empty()
        && let Some(endpoints) = cluster.get("endpoints", namespace, name)
    {
        for subset in endpoints.list_at(&["subsets"]) {
            let Some(target) = port_of(subset.list_at(&["ports"]), known.str_at(&["name"])) else { continue };
            for address in subset.list_at(&["addresses"]) {
                let is_pod = address.str_at(&["targetRef", "kind"]) == "Pod";
                places(address.str_at(&["ip"]), target, is_pod, &mut found);
            }
        }
    }
    if found.is_empty() { Err(format!("no endpoints available for service {name:?}")) } else { Ok(found) }
}
fn port_of(ports: &[Object], name: &str) -> Option<u16> {
    let port = ports.iter().find(|port| port.str_at(&["name"]) == name)?;
    u16::try_from(port.int_at(&["port"])?).ok()
}

fn places(address: &str, port: u16, is_pod: bool, found: &mut Vec<SocketAddr>) {
    match address.parse() {
        Ok(IpAddr::V4(ip)) if is_pod => {
            let [_, b, c, d] = ip.octets();
            let here = IpAddr::V4(Ipv4Addr::new(127, b, c, d));
            found.push(SocketAddr::new(here, port));
            if port < 1024 {
                found.push(SocketAddr::new(here, port + UNPRIVILEGED));
            }
        }
        Ok(ip) => found.push(SocketAddr::new(ip, port)),
        Err(_) => {}
    }
}

/// A request to where a `WebhookClientConfig` leads.
pub(super) fn call_to(
    cluster: &dyn Cluster,
    config: &Object,
    review: &Object,
    timeout: Duration,
) -> Result<WebhookCall, String> {
    let service = config.at(&["service"]).filter(|service| service.is_object());
    let (base, path) = match service {
        Some(service) => {
            let port = service.int_at(&["port"]).unwrap_or(443);
            let (namespace, name) = (service.str_at(&["namespace"]), service.str_at(&["name"]));
            (format!("https://{name}.{namespace}.svc:{port}"), service.str_at(&["path"]))
        }
        None => {
            let url = config.str_at(&["url"]);
            let host = url.find("://").map_or(0, |at| at + 3);
            let at = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at);
            let (base, path) = url.split_at_checked(at).unwrap_or((url, ""));
            (base.to_owned(), path)
        }
    };
    let path = path.trim_matches('/');
    let url = format!("{base}/{path}?timeout={}s", timeout.as_secs());
    let failed = |why: String| format!("failed to call webhook: Post {url:?}: {why}");
    let addresses = match service {
        Some(service) => {
            let port = service.int_at(&["port"]).unwrap_or(443);
            addresses_of(cluster, service.str_at(&["namespace"]), service.str_at(&["name"]), port).map_err(failed)?
        }
        None => Vec::new(),
    };
    let bundle = BASE64_STANDARD.decode(config.str_at(&["caBundle"])).unwrap_or_default();
    Ok(WebhookCall { url, addresses, authorities: bundle, timeout, body: review.to_string().into() })
}
