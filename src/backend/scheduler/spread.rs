//! Topology spread constraints.

use std::collections::BTreeMap;

use super::affinity::matches_node;
use super::node::Node;
use super::taints;
use crate::backend::controllers::support::selector;
use crate::object::labels::{Operator, Requirement, Selector};
use crate::object::{Meta, Object};

/// One constraint with the pods counted in each domain.
pub struct Constraint {
    /// The node label whose values are the domains.
    pub key: String,
    max_skew: i64,
    /// Whether the pod itself counts.
    selects_itself: bool,
    /// By the label's value.
    pub counts: BTreeMap<String, i64>,
    least: i64,
}

impl Constraint {
    /// The constraints of a pod that forbid (`DoNotSchedule`) or only advise (`ScheduleAnyway`).
    pub fn of(pod: &Object, nodes: &[Node], forbid: bool) -> Vec<Self> {
        let wanted = if forbid { "DoNotSchedule" } else { "ScheduleAnyway" };
        let constraints = pod.list_at(&["spec", "topologySpreadConstraints"]);
        let constraints = constraints.iter().filter(|c| c.str_at(&["whenUnsatisfiable"]) == wanted);
        constraints.map(|constraint| Self::one(constraint, pod, nodes)).collect()
    }

    fn one(constraint: &Object, pod: &Object, nodes: &[Node]) -> Self {
        let key = constraint.str_at(&["topologyKey"]).to_owned();
        let mut chosen = selector::or_everything(constraint.at(&["labelSelector"]));
        let keys = constraint.list_at(&["matchLabelKeys"]).iter().filter_map(Object::as_str);
        let more: Vec<Requirement> =
            keys.filter_map(|key| Requirement::new(key, Operator::In, vec![pod.label(key)?.to_owned()]).ok()).collect();
        if !more.is_empty() && !chosen.is_nothing() {
            chosen = Selector::of(chosen.requirements().iter().cloned().chain(more).collect());
        }
        let honours_affinity = constraint.str_at(&["nodeAffinityPolicy"]) != "Ignore";
        let honours_taints = constraint.str_at(&["nodeTaintsPolicy"]) == "Honor";
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for node in nodes {
            let Some(domain) = node.label(&key) else { continue };
            if honours_affinity && !matches_node(pod, node)
                || honours_taints && taints::untolerated(node.object, pod, &["NoSchedule", "NoExecute"]).is_some()
            {
                continue;
            }
            let near = node.pods.iter().filter(|other| {
                other.namespace() == pod.namespace() && other.deletion_timestamp().is_none() && chosen.matches(other)
            });
            *counts.entry(domain.to_owned()).or_default() += near.count() as i64;
        }
        let domains = counts.len() as i64;
        let wanted = constraint.int_at(&["minDomains"]).unwrap_or(1);
        let least = if domains < wanted { 0 } else { counts.values().copied().min().unwrap_or(0) };
        Self {
            key,
            max_skew: constraint.int_at(&["maxSkew"]).unwrap_or(1),
            selects_itself: chosen.matches(pod),
            counts,
            least,
        }
    }

    /// Whether the pod may go to a domain.
    pub fn allows(&self, domain: &str) -> bool {
        let here = self.counts.get(domain).copied().unwrap_or(0) + i64::from(self.selects_itself);
        here - self.least <= self.max_skew
    }
}
