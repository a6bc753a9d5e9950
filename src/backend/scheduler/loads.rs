//! What the pods take from each node, summed up as they change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::affinity::Term;
use super::resources::Resources;
use crate::backend::controllers::support::pods;
use crate::object::{Meta, Object};

/// What one pod takes from its node.
#[derive(Clone, Debug)]
pub struct PodLoad {
    /// Empty while it has none, or does not run any longer.
    node: Arc<str>,
    /// The UID of its controller, where it counts among that one's pods on the node.
    sibling: Option<Arc<str>>,
    /// Shared with the controller's other pods.
    amounts: Arc<Amounts>,
}

/// What a pod asks for, wherever it is.
#[derive(Debug, Default, PartialEq)]
struct Amounts {
    requested: Resources,
    weighed: Resources,
    /// Whether it keeps certain pods away.
    keeps_away: bool,
}

impl PodLoad {
    /// Whether it may be another one after a change of the pod.
    pub fn differs(old: &Object, new: &Object) -> bool {
        let parts = |pod: &Object| (pods::is_finished(pod), pod.at(&["metadata", "deletionTimestamp"]).is_some());
        parts(old) != parts(new)
            || old.at(&["metadata", "ownerReferences"]) != new.at(&["metadata", "ownerReferences"])
            || old.at(&["spec"]) != new.at(&["spec"])
    }
}

/// A node and the sums of its pods.
#[derive(Clone, Debug, Default)]
pub struct NodeLoad {
    /// Whether the node itself is there: pods may be bound to one that is gone.
    pub exists: bool,
    /// Whether nothing is written on it that keeps pods off.
    pub is_plain: bool,
    /// What it has: CPU in thousandths, bytes of memory, pods.
    pub allocatable: [i64; 3],
    /// How many pods are on it that have not ended.
    pub pods: i64,
    /// What they ask for.
    pub requested: Resources,
    /// The same with small amounts for containers that ask for nothing.
    pub weighed: Resources,
}

/// The pods of one controller.
#[derive(Debug, Default)]
struct Siblings {
    counts: HashMap<Arc<str>, i64>,
    /// What one of them asks for; mostly all ask for the same.
    amounts: Arc<Amounts>,
}

/// All nodes and the sums of their pods.
#[derive(Debug, Default)]
pub struct Loads {
    nodes: BTreeMap<Arc<str>, NodeLoad>,
    /// By controller and node, how many pods are there.
    siblings: HashMap<Arc<str>, Siblings>,
    /// Pods that keep others away.
    keep_away: usize,
    /// Nodes that are there and not plain.
    special: usize,
}

impl Loads {
    /// The nodes by name.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &NodeLoad)> {
        self.nodes.iter().map(|(name, load)| (&**name, load))
    }

    /// One node.
    pub fn node(&self, name: &str) -> Option<&NodeLoad> {
        self.nodes.get(name)
    }

    /// How many pods of a controller are on each node.
    pub fn siblings(&self, uid: &str) -> Option<&HashMap<Arc<str>, i64>> {
        Some(&self.siblings.get(uid)?.counts)
    }

    /// What a pod takes.
    pub fn of_pod(&self, pod: &Object) -> PodLoad {
        let name = if pods::is_finished(pod) { "" } else { pod.str_at(&["spec", "nodeName"]) };
        if name.is_empty() {
            return PodLoad { node: "".into(), sibling: None, amounts: Arc::default() };
        }
        let amounts = Amounts {
            requested: Resources::of_pod(pod),
            weighed: Resources::of_pod_for_weighing(pod),
            keeps_away: !Term::required(pod, "podAntiAffinity").is_empty(),
        };
        let owner = pod.controller_ref().filter(|_| pod.deletion_timestamp().is_none());
        let owner = owner.map(|owner| owner.str_at(&["uid"]));
        let known = owner.and_then(|owner| self.siblings.get_key_value(owner));
        let amounts = match known.map(|(_, siblings)| &siblings.amounts) {
            Some(same) if **same == amounts => Arc::clone(same),
            _ => Arc::new(amounts),
        };
        let node = self.nodes.get_key_value(name).map_or_else(|| name.into(), |(known, _)| Arc::clone(known));
        let sibling = owner.map(|owner| known.map_or_else(|| owner.into(), |(known, _)| Arc::clone(known)));
        PodLoad { node, sibling, amounts }
    }

    /// Whether all nodes are alike but for what they have, and no pod keeps others away.
    pub fn is_plain(&self) -> bool {
        self.special == 0 && self.keep_away == 0
    }

    /// A pod changed what it takes, came or went.
    pub fn change_pod(&mut self, old: Option<&PodLoad>, new: Option<&PodLoad>) {
        for (load, sign) in [(old, -1), (new, 1)] {
            let Some(load) = load.filter(|load| !load.node.is_empty()) else { continue };
            let node = self.nodes.entry(load.node.clone()).or_default();
            node.pods += sign;
            node.requested.add_times(&load.amounts.requested, sign);
            node.weighed.add_times(&load.amounts.weighed, sign);
            if load.amounts.keeps_away {
                self.keep_away = self.keep_away.saturating_add_signed(sign as isize);
            }
            if let Some(owner) = &load.sibling {
                let siblings = self.siblings.entry(Arc::clone(owner)).or_default();
                let count = siblings.counts.entry(Arc::clone(&load.node)).or_default();
                *count += sign;
                if *count == 0 {
                    siblings.counts.remove(&load.node);
                }
                if siblings.counts.is_empty() {
                    self.siblings.remove(owner);
                } else if sign > 0 {
                    siblings.amounts = Arc::clone(&load.amounts);
                }
            }
        }
    }

    /// A node changed, came or went.
    pub fn change_node(&mut self, name: &str, node: Option<&Object>) {
        let load = self.nodes.entry(name.into()).or_default();
        self.special -= usize::from(load.exists && !load.is_plain);
        load.exists = node.is_some();
        if let Some(node) = node {
            let all = Resources::of(node.at(&["status", "allocatable"]));
            load.allocatable = ["cpu", "memory", "pods"].map(|name| all.get(name));
            load.is_plain = !node.bool_at(&["spec", "unschedulable"]) && node.list_at(&["spec", "taints"]).is_empty();
        }
        self.special += usize::from(load.exists && !load.is_plain);
    }
}
