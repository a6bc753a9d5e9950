//! Making Services: what `expose` and `run --expose` create.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Map, json};

use crate::object::{Meta, Object, intstr};

/// What a new Service is like; empty where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct NewService {
    /// Its name.
    pub name: String,
    /// Labels of the pods behind it.
    pub selector: BTreeMap<String, String>,
    /// Its own labels.
    pub labels: BTreeMap<String, String>,
    /// The ports, as they are given or found; more than one get names.
    pub ports: Vec<String>,
    /// The protocol of all ports.
    pub protocol: String,
    /// Protocols by port, where none is given.
    pub protocols: BTreeMap<String, Vec<String>>,
    /// The port of the pods: a number, or a name.
    pub target_port: String,
    /// An address more.
    pub external_ip: String,
    /// `ClusterIP`, …
    pub kind: String,
    /// The address of the load balancer.
    pub load_balancer_ip: String,
    /// `None` or `ClientIP`.
    pub session_affinity: String,
    /// An address, or `None`.
    pub cluster_ip: String,
}

impl NewService {
    /// The object.
    ///
    /// # Errors
    /// Ports that are no numbers, an unknown session affinity.
    pub fn object(&self) -> anyhow::Result<Object> {
        let mut ports = Vec::new();
        for (index, text) in self.ports.iter().enumerate() {
            self.add_ports(index, text, &mut ports)?;
        }
        let mut object = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": self.name},
            "spec": {"selector": self.selector}, "status": {"loadBalancer": {}},
        });
        if !self.labels.is_empty() {
            object.set_at(&["metadata", "labels"], json!(self.labels));
        }
        if !ports.is_empty() {
            object.set_at(&["spec", "ports"], ports);
        }
        if !self.external_ip.is_empty() {
            object.set_at(&["spec", "externalIPs"], json!([self.external_ip]));
        }
        let load_balancer_ip = if self.kind == "LoadBalancer" { self.load_balancer_ip.as_str() } else { "" };
        if !matches!(self.session_affinity.as_str(), "" | "None" | "ClientIP") {
            bail!("unknown session affinity: {}", self.session_affinity);
        }
        for (field, value) in [
            ("type", self.kind.as_str()),
            ("loadBalancerIP", load_balancer_ip),
            ("sessionAffinity", &self.session_affinity),
            ("clusterIP", &self.cluster_ip),
        ] {
            if !value.is_empty() {
                object.set_at(&["spec", field], value);
            }
        }
        Ok(object)
    }

    fn add_ports(&self, index: usize, text: &str, ports: &mut Vec<Object>) -> anyhow::Result<()> {
        let number = atoi(text)?;
        let target = if self.target_port.is_empty() { json!(number) } else { intstr::parse(&self.target_port) };
        let mut add = |name: &str, protocol: &str| {
            let mut port = Map::new();
            if !name.is_empty() {
                port.insert("name".to_owned(), name.into());
            }
            port.insert("port".to_owned(), number.into());
            port.insert("protocol".to_owned(), protocol.into());
            port.insert("targetPort".to_owned(), target.clone());
            ports.push(port.into());
        };
        let name = if self.ports.len() > 1 { format!("port-{}", index + 1) } else { String::new() };
        let found = self.protocols.get(text).map(Vec::as_slice).unwrap_or_default();
        match found {
            _ if !self.protocol.is_empty() => add(&name, &self.protocol),
            [] => add(&name, "TCP"),
            [only] => add(&name, only),
            several => {
                for protocol in several {
                    add(&format!("port-{}-{}", index + 1, protocol.to_lowercase()), protocol);
                }
            }
        }
        Ok(())
    }
}

/// A number of 32 bits in decimal, with the words of Go's `strconv.Atoi` where it is none. kubectl cuts what is
/// longer, and takes another port than the one it was given.
pub fn atoi(text: &str) -> anyhow::Result<i32> {
    text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        anyhow::anyhow!("strconv.Atoi: parsing {text:?}: {why}")
    })
}

/// Reads `a=b,c=d` (kubectl's `ParseLabels`).
pub fn parse_labels(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    if text.is_empty() {
        bail!("no label spec passed");
    }
    let mut labels = BTreeMap::new();
    for part in text.split(',') {
        match part.split('=').collect::<Vec<_>>().as_slice() {
            ["", _] => bail!("unexpected empty label key"),
            [key, value] => labels.insert((*key).to_owned(), (*value).to_owned()),
            _ => bail!("unexpected label spec: {part}"),
        };
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(text: &str) -> BTreeMap<String, String> {
        parse_labels(text).expect("labels")
    }

    #[test]
    fn makes_services() {
        let two = NewService {
            name: "s".into(),
            selector: map("a=b"),
            ports: vec!["80".into(), "53".into()],
            protocols: [("53".to_owned(), vec!["TCP".to_owned(), "UDP".to_owned()])].into(),
            target_port: "http".into(),
            ..NewService::default()
        };
        assert_eq!(
            two.object().expect("a service")["spec"]["ports"],
            json!([
                {"name": "port-1", "port": 80, "protocol": "TCP", "targetPort": "http"},
                {"name": "port-2-tcp", "port": 53, "protocol": "TCP", "targetPort": "http"},
                {"name": "port-2-udp", "port": 53, "protocol": "UDP", "targetPort": "http"},
            ])
        );
        let forced = NewService { protocol: "SCTP".into(), ..two.clone() };
        assert_eq!(forced.object().expect("a service")["spec"]["ports"][1]["protocol"], json!("SCTP"));
        for (service, want) in [
            (NewService { ports: vec!["a".into()], ..two.clone() }, "strconv.Atoi: parsing \"a\": invalid syntax"),
            (NewService { session_affinity: "x".into(), ..two }, "unknown session affinity: x"),
        ] {
            assert_eq!(service.object().expect_err("refused").to_string(), want);
        }
    }

    #[test]
    fn reads_labels() {
        assert_eq!(map("a=b,c="), [("a".to_owned(), "b".to_owned()), ("c".to_owned(), String::new())].into());
        for (text, want) in [
            ("", "no label spec passed"),
            ("a", "unexpected label spec: a"),
            ("a=b=c", "unexpected label spec: a=b=c"),
            ("=b", "unexpected empty label key"),
        ] {
            assert_eq!(parse_labels(text).expect_err("refused").to_string(), want);
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,12}") {
            let _ = (parse_labels(&text), atoi(&text));
        }
    }
}
