//! The usual case: a pod that asks for CPU and memory and nothing else, among nodes that differ in
//! nothing else. Its node follows from sums; the outcome is the one of all filters and scores.

use super::filters::host_ports;
use super::loads::NodeLoad;
use super::resources::Resources;
use super::scores::{MOST, balance, share};
use crate::backend::controllers::View;
use crate::object::{Meta, Object};

/// Fields of a pod's spec that make it unusual.
const UNUSUAL: &[&str] = &["nodeSelector", "affinity", "topologySpreadConstraints"];

/// The best node for a usual pod. `None` for others, and where no node can take it.
pub fn find_node(pod: &Object, view: &View) -> Option<String> {
    let owner = pod.controller_ref()?.str_at(&["uid"]);
    let is_empty = |value: &Object| match value {
        Object::Null => true,
        Object::Object(map) => map.is_empty(),
        Object::Array(list) => list.is_empty(),
        _ => false,
    };
    let usual = view.loads().is_plain()
        && UNUSUAL.iter().all(|field| pod.at(&["spec", field]).is_none_or(is_empty))
        && pod.list_at(&["spec", "volumes"]).iter().all(|volume| volume.at(&["persistentVolumeClaim"]).is_none())
        && host_ports(pod).is_empty();
    if !usual {
        return None;
    }
    let (asked, weighed) = (Resources::of_pod(pod), Resources::of_pod_for_weighing(pod));
    if asked.iter().any(|(name, amount)| amount > 0 && !matches!(name, "cpu" | "memory")) {
        return None;
    }
    let asked = ["cpu", "memory"].map(|name| asked.get(name));
    let weighed = ["cpu", "memory"].map(|name| weighed.get(name));
    let siblings = view.loads().siblings(owner);
    let fitting = view.loads().nodes().filter(|(_, node)| node.exists && fits(node, asked)).map(|(name, node)| {
        let count = siblings.and_then(|siblings| siblings.get(name)).copied().unwrap_or(0);
        (name, own_points(node, weighed), count)
    });
    let fitting: Vec<(&str, i64, i64)> = fitting.collect();
    let most = fitting.iter().map(|(_, _, count)| *count).max()?;
    let mut best: Option<(i64, &str)> = None;
    for (name, points, count) in fitting {
        let spread = if most == 0 { MOST } else { MOST - count * MOST / most };
        let total = points + 2 * spread;
        if best.is_none_or(|(most, _)| total > most) {
            best = Some((total, name));
        }
    }
    best.map(|(_, name)| name.to_owned())
}

fn fits(node: &NodeLoad, asked: [i64; 2]) -> bool {
    let [cpu, memory, pods] = node.allocatable;
    let room = |asked: i64, all: i64, name: &str| asked <= 0 || asked <= all - node.requested.get(name);
    node.pods < pods && room(asked[0], cpu, "cpu") && room(asked[1], memory, "memory")
}

/// Points that a node has by itself: much is free, and CPU and memory in balance.
fn own_points(node: &NodeLoad, weighed: [i64; 2]) -> i64 {
    let used = ["cpu", "memory"].map(|name| node.weighed.get(name));
    let shares = |more: [i64; 2]| {
        [
            share(used[0].saturating_add(more[0]), node.allocatable[0]),
            share(used[1].saturating_add(more[1]), node.allocatable[1]),
        ]
    };
    let (now, then) = (shares([0, 0]), shares(weighed));
    let [cpu, memory] = then.map(|share| ((1.0 - share) * MOST as f64) as i64);
    (cpu + memory) / 2 + MOST / 2 + (MOST / 2 + balance(then) - balance(now)) / 2
}
