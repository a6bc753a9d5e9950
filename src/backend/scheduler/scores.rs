//! How good a node is for a pod, among those that can take it.

use super::affinity::{Term, matches_term};
use super::filters::Asked;
use super::node::Node;
use super::spread::Constraint;
use super::taints;
use crate::backend::controllers::support::selector;
use crate::object::{Meta, Object};

/// The best that a score can be.
pub(super) const MOST: i64 = 100;

/// Scores every node, from 0 to [`MOST`].
type Score = fn(&Asked, &[&Node]) -> Vec<i64>;

/// With their weights, as the default scheduler has them.
const SCORES: &[(i64, Score)] = &[
    (3, tolerated_taints),
    (2, preferred_nodes),
    (1, least_allocated),
    (1, balanced),
    (2, spread),
    (2, preferred_pods),
];

/// The name of the best node; of equal ones the first.
pub fn best(asked: &Asked, nodes: &[&Node]) -> Option<String> {
    if let [only] = nodes {
        return Some(only.name().to_owned());
    }
    let mut totals = vec![0; nodes.len()];
    for (weight, score) in SCORES {
        for (total, points) in totals.iter_mut().zip(score(asked, nodes)) {
            *total += weight * points;
        }
    }
    let mut best: Option<(i64, &str)> = None;
    for (total, node) in totals.into_iter().zip(nodes) {
        if best.is_none_or(|(most, _)| total > most) {
            best = Some((total, node.name()));
        }
    }
    best.map(|(_, name)| name.to_owned())
}

/// Brings raw points to the scale: the most becomes [`MOST`], or, reversed, 0.
fn normalise(raw: Vec<i64>, reverse: bool) -> Vec<i64> {
    let most = raw.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return vec![if reverse { MOST } else { 0 }; raw.len()];
    }
    raw.into_iter()
        .map(|points| points * MOST / most)
        .map(|points| if reverse { MOST - points } else { points })
        .collect()
}

fn tolerated_taints(asked: &Asked, nodes: &[&Node]) -> Vec<i64> {
    let tolerations = asked.pod.list_at(&["spec", "tolerations"]);
    let count = |node: &&Node| {
        let taints = node.object.list_at(&["spec", "taints"]).iter();
        let soft = taints.filter(|taint| taint.str_at(&["effect"]) == "PreferNoSchedule");
        soft.filter(|taint| !tolerations.iter().any(|toleration| taints::tolerates(toleration, taint))).count() as i64
    };
    normalise(nodes.iter().map(count).collect(), true)
}

fn preferred_nodes(asked: &Asked, nodes: &[&Node]) -> Vec<i64> {
    let path = ["spec", "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution"];
    let terms = asked.pod.list_at(&path);
    let points = |node: &&Node| {
        let met = terms.iter().filter(|term| term.at(&["preference"]).is_some_and(|term| matches_term(term, node)));
        met.filter_map(|term| term.int_at(&["weight"])).sum()
    };
    normalise(nodes.iter().map(points).collect(), false)
}

/// The shares of CPU and memory in use.
fn shares(node: &Node, with: Option<&super::Resources>) -> [f64; 2] {
    ["cpu", "memory"].map(|name| {
        let all = node.allocatable.get(name);
        let used = node.weighed.get(name).saturating_add(with.map_or(0, |more| more.get(name)));
        share(used, all)
    })
}

/// The share of something that is in use.
pub(super) fn share(used: i64, all: i64) -> f64 {
    if all <= 0 { 0.0 } else { (used as f64 / all as f64).min(1.0) }
}

/// How even the shares of CPU and memory are.
pub(super) fn balance([cpu, memory]: [f64; 2]) -> i64 {
    ((1.0 - (cpu - memory).abs() / 2.0) * MOST as f64) as i64
}

fn least_allocated(asked: &Asked, nodes: &[&Node]) -> Vec<i64> {
    let points = |node: &&Node| {
        let [cpu, memory] = shares(node, Some(&asked.weighed)).map(|share| ((1.0 - share) * MOST as f64) as i64);
        (cpu + memory) / 2
    };
    nodes.iter().map(points).collect()
}

fn balanced(asked: &Asked, nodes: &[&Node]) -> Vec<i64> {
    let points = |node: &&Node| {
        let gain = balance(shares(node, Some(&asked.weighed))) - balance(shares(node, None));
        MOST / 2 + (MOST / 2 + gain) / 2
    };
    nodes.iter().map(points).collect()
}

/// Few pods of the same kind near: by the pod's own advice, or else by node among those of the same
/// controller or service.
fn spread(asked: &Asked, nodes: &[&Node]) -> Vec<i64> {
    let own = Constraint::of(asked.pod, asked.nodes, false);
    let siblings = own.is_empty().then(|| Siblings::of(asked));
    let points = |node: &&Node| match &siblings {
        Some(siblings) => node.pods.iter().filter(|pod| siblings.contains(asked.pod, pod)).count() as i64,
        None => own
            .iter()
            .map(|constraint| {
                let domain = node.label(&constraint.key);
                domain.and_then(|domain| constraint.counts.get(domain)).copied().unwrap_or(0)
            })
            .sum(),
    };
    normalise(nodes.iter().map(points).collect(), true)
}

/// The pods that should not crowd one node.
enum Siblings {
    Owner(String),
    Services(Vec<crate::object::labels::Selector>),
}

impl Siblings {
    fn of(asked: &Asked) -> Self {
        if let Some(owner) = asked.pod.controller_ref() {
            return Self::Owner(owner.str_at(&["uid"]).to_owned());
        }
        let services = asked.view.list("services", Some(asked.pod.namespace()));
        let selectors = services.map(|service| selector::of(service.at(&["spec", "selector"])));
        Self::Services(selectors.filter(|selector| selector.matches(asked.pod)).collect())
    }

    fn contains(&self, pod: &Object, other: &Object) -> bool {
        other.namespace() == pod.namespace()
            && other.deletion_timestamp().is_none()
            && match self {
                Self::Owner(uid) => other.controller_ref().is_some_and(|owner| owner.str_at(&["uid"]) == uid),
                Self::Services(selectors) => selectors.iter().any(|selector| selector.matches(other)),
            }
    }
}

fn preferred_pods(asked: &Asked, nodes: &[&Node]) -> Vec<i64> {
    let near = Term::preferred(asked.pod, "podAffinity");
    let apart = Term::preferred(asked.pod, "podAntiAffinity");
    let sum =
        |terms: &[Term], node: &Node| terms.iter().map(|term| term.weight * asked.count_near(term, node)).sum::<i64>();
    let raw: Vec<i64> = nodes.iter().map(|node| sum(&near, node) - sum(&apart, node)).collect();
    let (least, most) = (raw.iter().min().copied().unwrap_or(0), raw.iter().max().copied().unwrap_or(0));
    raw.into_iter().map(|points| if most == least { 0 } else { (points - least) * MOST / (most - least) }).collect()
}
