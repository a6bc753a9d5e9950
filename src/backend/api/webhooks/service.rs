//! Where a Service's webhook is found on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::backend::api::transaction::Inside;
use crate::backend::registry::Cluster;
use crate::object::{Meta, Object};

const SLICES: &str = "endpointslices.discovery.k8s.io";
/// So much higher is a pod's port that its user may not open (`kubelet/network`).
const UNPRIVILEGED: u16 = 8000;

impl Inside<'_, '_> {
    /// The addresses of what is ready behind a port of a Service. A pod of the cluster listens on a
    /// loopback address of its own; other addresses are taken as they are.
    pub(super) fn addresses_of(&self, namespace: &str, name: &str, port: i64) -> Result<Vec<SocketAddr>, String> {
        let service = self.get("services", namespace, name).ok_or_else(|| format!("service {name:?} not found"))?;
        if service.str_at(&["spec", "type"]) == "ExternalName" {
            let host = service.str_at(&["spec", "externalName"]);
            let address = host.parse::<IpAddr>().ok().zip(u16::try_from(port).ok());
            return address
                .map(|(ip, port)| vec![SocketAddr::new(ip, port)])
                .ok_or_else(|| format!("lookup {host}: no such host"));
        }
        let ports = service.list_at(&["spec", "ports"]);
        let Some(known) = ports.iter().find(|known| known.int_at(&["port"]) == Some(port)) else {
            return Err(format!("no service port {port} found for service {name:?}"));
        };
        let mut found = Vec::new();
        for slice in self.list(SLICES, Some(namespace)) {
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
            && let Some(endpoints) = self.get("endpoints", namespace, name)
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
