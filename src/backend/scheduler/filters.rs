//! What a node must satisfy to take a pod.

use super::affinity::{Term, matches_node};
use super::node::Node;
use super::resources::Resources;
use super::spread::Constraint;
use super::taints;
use super::verdict::Failure;
use crate::backend::controllers::View;
use crate::object::{Meta, Object};

/// What a pod asks of a node, worked out once for all nodes.
pub struct Asked<'a> {
    /// The pod.
    pub pod: &'a Object,
    /// The whole cluster.
    pub view: &'a View,
    /// All nodes.
    pub nodes: &'a [Node<'a>],
    requests: Resources,
    /// The same with small amounts for containers that ask for nothing.
    pub weighed: Resources,
    ports: Vec<(&'a str, &'a str, i64)>,
    near: Vec<Term>,
    apart: Vec<Term>,
    /// Pods on nodes that want not to be near this one: the node's place and the term's topology key.
    unwelcoming: Vec<(usize, String)>,
    spread: Vec<Constraint>,
}

impl<'a> Asked<'a> {
    /// What this pod asks.
    pub fn of(pod: &'a Object, nodes: &'a [Node<'a>], view: &'a View) -> Self {
        let mut unwelcoming = Vec::new();
        for (place, node) in nodes.iter().enumerate() {
            for other in &node.pods {
                let terms = Term::required(other, "podAntiAffinity");
                unwelcoming.extend(
                    terms.into_iter().filter(|term| term.matches(pod, view)).map(|term| (place, term.topology_key)),
                );
            }
        }
        Self {
            pod,
            view,
            nodes,
            requests: Resources::of_pod(pod),
            weighed: Resources::of_pod_for_weighing(pod),
            ports: host_ports(pod),
            near: Term::required(pod, "podAffinity"),
            apart: Term::required(pod, "podAntiAffinity"),
            unwelcoming,
            spread: Constraint::of(pod, nodes, true),
        }
    }

    /// Whether a pod of which a term speaks runs in the same domain as a node.
    pub fn is_near(&self, term: &Term, node: &Node) -> bool {
        self.count_near(term, node) > 0
    }

    /// How many such pods run there.
    pub fn count_near(&self, term: &Term, node: &Node) -> i64 {
        let Some(domain) = node.label(&term.topology_key) else { return 0 };
        let same = self.nodes.iter().filter(|other| other.label(&term.topology_key) == Some(domain));
        same.flat_map(|other| &other.pods).filter(|other| term.matches(other, self.view)).count() as i64
    }
}

/// A filter: why the node cannot take the pod, if it cannot.
type Filter = fn(&Asked, &Node) -> Result<(), Failure>;

/// In the order in which they are asked; the first that says no ends the search on that node.
const FILTERS: &[Filter] = &[unschedulable, untolerated, node_affinity, ports, fit, spread, pod_affinity];

/// Asks all filters.
pub fn check(asked: &Asked, node: &Node) -> Result<(), Failure> {
    FILTERS.iter().try_for_each(|filter| filter(asked, node))
}

fn unschedulable(asked: &Asked, node: &Node) -> Result<(), Failure> {
    let taint = serde_json::json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    let tolerations = asked.pod.list_at(&["spec", "tolerations"]);
    if node.object.bool_at(&["spec", "unschedulable"]) && !tolerations.iter().any(|t| taints::tolerates(t, &taint)) {
        return Err(Failure::fixed("node(s) were unschedulable"));
    }
    Ok(())
}

fn untolerated(asked: &Asked, node: &Node) -> Result<(), Failure> {
    match taints::untolerated(node.object, asked.pod, &["NoSchedule", "NoExecute"]) {
        Some(_) => Err(Failure::fixed("node(s) had untolerated taint(s)")),
        None => Ok(()),
    }
}

fn node_affinity(asked: &Asked, node: &Node) -> Result<(), Failure> {
    if matches_node(asked.pod, node) {
        Ok(())
    } else {
        Err(Failure::fixed("node(s) didn't match Pod's node affinity/selector"))
    }
}

fn or<'a>(fallback: &'a str, text: &'a str) -> &'a str {
    if text.is_empty() { fallback } else { text }
}

/// Protocol, address and number of the ports that a pod takes on its node.
pub(super) fn host_ports(pod: &Object) -> Vec<(&str, &str, i64)> {
    let containers = pod.list_at(&["spec", "containers"]).iter().chain(
        pod.list_at(&["spec", "initContainers"]).iter().filter(|init| init.str_at(&["restartPolicy"]) == "Always"),
    );
    let ports = containers.flat_map(|container| container.list_at(&["ports"]));
    ports
        .filter_map(|port| {
            let number = port.int_at(&["hostPort"]).filter(|number| *number > 0)?;
            Some((or("TCP", port.str_at(&["protocol"])), or("0.0.0.0", port.str_at(&["hostIP"])), number))
        })
        .collect()
}

fn ports(asked: &Asked, node: &Node) -> Result<(), Failure> {
    let every = |address: &str| address == "0.0.0.0";
    let clash = |a: &(&str, &str, i64), b: &(&str, &str, i64)| {
        a.0 == b.0 && a.2 == b.2 && (a.1 == b.1 || every(a.1) || every(b.1))
    };
    let taken = !asked.ports.is_empty()
        && node
            .pods
            .iter()
            .flat_map(|pod| host_ports(pod))
            .any(|used| asked.ports.iter().any(|port| clash(port, &used)));
    if taken { Err(Failure::resolvable("node(s) didn't have free ports for the requested pod ports")) } else { Ok(()) }
}

fn fit(asked: &Asked, node: &Node) -> Result<(), Failure> {
    let mut reasons = Vec::new();
    let mut resolvable = true;
    let room = node.allocatable.get("pods");
    if node.pods.len() as i64 + 1 > room {
        reasons.push("Too many pods".to_owned());
    }
    for (name, wanted) in asked.requests.iter().filter(|(_, wanted)| *wanted > 0) {
        let all = node.allocatable.get(name);
        if wanted > all - node.requested.get(name) {
            reasons.push(format!("Insufficient {name}"));
            resolvable &= wanted <= all;
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(Failure { reasons, resolvable }) }
}

fn spread(asked: &Asked, node: &Node) -> Result<(), Failure> {
    for constraint in &asked.spread {
        match node.label(&constraint.key) {
            None => {
                return Err(Failure::fixed(
                    "node(s) didn't match pod topology spread constraints (missing required label)",
                ));
            }
            Some(domain) if !constraint.allows(domain) => {
                return Err(Failure::resolvable("node(s) didn't match pod topology spread constraints"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn pod_affinity(asked: &Asked, node: &Node) -> Result<(), Failure> {
    if !asked.near.iter().all(|term| asked.is_near(term, node)) && !is_first_of_its_kind(asked, node) {
        return Err(Failure::fixed("node(s) didn't match pod affinity rules"));
    }
    if asked.apart.iter().any(|term| asked.is_near(term, node)) {
        return Err(Failure::resolvable("node(s) didn't match pod anti-affinity rules"));
    }
    let shares = |place: usize, key: &str| {
        let other = asked.nodes.get(place).and_then(|other| other.label(key));
        other.is_some() && other == node.label(key)
    };
    if asked.unwelcoming.iter().any(|(place, key)| shares(*place, key)) {
        return Err(Failure::resolvable("node(s) didn't satisfy existing pods anti-affinity rules"));
    }
    Ok(())
}

/// A pod that wants to be near pods like itself may be the first of them, anywhere in the topology.
fn is_first_of_its_kind(asked: &Asked, node: &Node) -> bool {
    let nobody =
        |term: &Term| !asked.nodes.iter().flat_map(|node| &node.pods).any(|other| term.matches(other, asked.view));
    asked
        .near
        .iter()
        .all(|term| node.label(&term.topology_key).is_some() && term.matches(asked.pod, asked.view) && nobody(term))
}
