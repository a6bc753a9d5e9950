//! Which ports are meant: `[LOCAL:]REMOTE` by number or by name, of a pod or of a Service.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};

use crate::object::{Meta, Object};

/// A port of this machine and the pod's port behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// 0 for any that is free.
    pub local: u16,
    /// Never 0.
    pub remote: u16,
}

/// Finds the pairs that are meant by arguments, with the pod's ports as numbers. `service` is the Service
/// that was named, if one was.
///
/// # Errors
/// A port that is not there, cannot be forwarded, or is no port.
pub fn resolve(arguments: &[String], service: Option<&Object>, pod: &Object) -> anyhow::Result<Vec<Pair>> {
    check_udp(arguments, service, pod)?;
    arguments
        .iter()
        .map(|argument| match service {
            Some(service) => of_service(argument, service, pod),
            None => of_pod(argument, pod),
        })
        .map(|text| parse(&text?))
        .collect()
}

fn split(argument: &str) -> (&str, &str) {
    match argument.split_once(':') {
        Some((local, remote)) if !remote.contains(':') => (local, remote),
        Some((local, _)) => (local, local),
        None => (argument, argument),
    }
}

fn joined(local: &str, remote: &str) -> String {
    if local == remote { remote.to_owned() } else { format!("{local}:{remote}") }
}

fn of_service(argument: &str, service: &Object, pod: &Object) -> anyhow::Result<String> {
    let (local, remote) = split(argument);
    let number = match remote.parse::<i64>() {
        Ok(number) => number,
        Err(_) => service_port(service, remote)?,
    };
    let named = number.to_string();
    let local = if local == remote { named.as_str() } else { local };
    let ports = service.list_at(&["spec", "ports"]);
    let Some(port) = ports.iter().find(|port| port.int_at(&["port"]) == Some(number)) else {
        bail!("Service {} does not have a service port {number}", service.name());
    };
    let target = port.at(&["targetPort"]);
    let target = if service.str_at(&["spec", "clusterIP"]) == "None" {
        number
    } else if let Some(name) = target.and_then(Object::as_str) {
        container_port(pod, name)?
    } else {
        target.and_then(Object::as_i64).filter(|target| *target != 0).unwrap_or(number)
    };
    Ok(joined(local, &target.to_string()))
}

fn of_pod(argument: &str, pod: &Object) -> anyhow::Result<String> {
    let (local, remote) = split(argument);
    if remote.is_empty() {
        bail!("remote port cannot be empty");
    }
    if remote.parse::<i64>().is_ok() {
        return Ok(joined(local, remote));
    }
    let number = container_port(pod, remote)?.to_string();
    Ok(if local == remote { number } else { format!("{local}:{number}") })
}

fn service_port(service: &Object, name: &str) -> anyhow::Result<i64> {
    let ports = service.list_at(&["spec", "ports"]);
    let found = ports.iter().find(|port| port.str_at(&["name"]) == name).and_then(|port| port.int_at(&["port"]));
    found.ok_or_else(|| anyhow!("Service '{}' does not have a named port '{name}'", service.name()))
}

fn container_port(pod: &Object, name: &str) -> anyhow::Result<i64> {
    let containers = ["containers", "initContainers"].into_iter().flat_map(|list| pod.list_at(&["spec", list]));
    let mut ports = containers.flat_map(|container| container.list_at(&["ports"]));
    let found = ports.find(|port| port.str_at(&["name"]) == name).and_then(|port| port.int_at(&["containerPort"]));
    found.ok_or_else(|| anyhow!("Pod '{}' does not have a named port '{name}'", pod.name()))
}

/// Refuses ports that are there for UDP only.
fn check_udp(arguments: &[String], service: Option<&Object>, pod: &Object) -> anyhow::Result<()> {
    let (ports, number): (Vec<&Object>, &str) = match service {
        Some(service) => (service.list_at(&["spec", "ports"]).iter().collect(), "port"),
        None => {
            let containers = pod.list_at(&["spec", "containers"]).iter();
            (containers.flat_map(|container| container.list_at(&["ports"])).collect(), "containerPort")
        }
    };
    let of = |protocol: &str| -> BTreeSet<i64> {
        let own = ports.iter().filter(|port| port.str_at(&["protocol"]) == protocol);
        own.filter_map(|port| port.int_at(&[number])).collect()
    };
    let (udp, tcp) = (of("UDP"), of("TCP"));
    for argument in arguments {
        let (_, remote) = split(argument);
        let number = match (remote.parse::<i64>(), service) {
            (Ok(number), _) => number,
            (Err(_), Some(service)) => service_port(service, remote)?,
            (Err(_), None) => container_port(pod, remote)?,
        };
        if udp.contains(&number) && !tcp.contains(&number) {
            bail!("UDP protocol is not supported for {remote}");
        }
    }
    Ok(())
}

fn parse(text: &str) -> anyhow::Result<Pair> {
    let (local, remote) = match text.split_once(':') {
        None => (text, text),
        Some((local, remote)) => (if local.is_empty() { "0" } else { local }, remote),
    };
    let number = |what: &str, text: &str| -> anyhow::Result<u16> {
        text.parse().map_err(|_| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let why = if digits { "value out of range" } else { "invalid syntax" };
            anyhow!("error parsing {what} port '{text}': strconv.ParseUint: parsing {text:?}: {why}")
        })
    };
    let pair = Pair { local: number("local", local)?, remote: number("remote", remote)? };
    if pair.remote == 0 {
        bail!("remote port must be > 0");
    }
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_what_is_meant() {
        let pod = json!({"metadata": {"name": "web"}, "spec": {"containers": [{"ports": [
            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        ]}]}});
        let service = json!({"metadata": {"name": "front"}, "spec": {"clusterIP": "10.96.0.2", "ports": [
            {"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"},
            {"name": "raw", "port": 81, "targetPort": 9000, "protocol": "TCP"},
            {"name": "same", "port": 82, "protocol": "TCP"},
            {"name": "talk", "port": 83, "protocol": "UDP"},
        ]}});
        let headless = json!({"metadata": {"name": "bare"}, "spec": {"clusterIP": "None", "ports": [{"port": 80, "targetPort": 8080}]}});
        for (service, argument, want) in [
            (None, "5000", Ok((5000, 5000))),
            (None, "8888:5000", Ok((8888, 5000))),
            (None, ":5000", Ok((0, 5000))),
            (None, "http", Ok((8080, 8080))),
            (None, "81:http", Ok((81, 8080))),
            (None, "81:", Err("Pod 'web' does not have a named port ''")),
            (None, "nosuch", Err("Pod 'web' does not have a named port 'nosuch'")),
            (None, "dns", Err("UDP protocol is not supported for dns")),
            (None, "0", Err("remote port must be > 0")),
            (
                None,
                "70000",
                Err("error parsing local port '70000': strconv.ParseUint: parsing \"70000\": value out of range"),
            ),
            (None, "x:80", Err("error parsing local port 'x': strconv.ParseUint: parsing \"x\": invalid syntax")),
            (Some(&service), "80", Ok((80, 8080))),
            (Some(&service), "web", Ok((80, 8080))),
            (Some(&service), "8443:raw", Ok((8443, 9000))),
            (Some(&service), "82", Ok((82, 82))),
            (Some(&service), "99", Err("Service front does not have a service port 99")),
            (Some(&service), "nosuch", Err("Service 'front' does not have a named port 'nosuch'")),
            (Some(&service), "1:talk", Err("UDP protocol is not supported for talk")),
            (Some(&headless), "80", Ok((80, 80))),
        ] {
            let found = resolve(&[argument.to_owned()], service, &pod).map_err(|error| error.to_string());
            let found = found.as_ref().map(|pairs| (pairs[0].local, pairs[0].remote)).map_err(String::as_str);
            assert_eq!(found, want, "{argument}");
        }
    }
}
