//! Which pods a set gives up first.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::sync::Arc;

use crate::backend::controllers::support::pods;
use crate::go::sort;
use crate::object::{Meta, Object, Timestamp};

/// Makes some pods go before others.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

struct Candidate<'a> {
    pod: &'a Object,
    ready_since: Option<Timestamp>,
    ready: bool,
    /// How many related active pods share its node.
    crowd: usize,
}

/// The pods in the order in which they are given up: first those that matter least.
///
/// Without a node before those with one, then pending, unknown, running; not ready before ready; cheap
/// before dear (`pod-deletion-cost`); from crowded nodes before others; ready for a shorter time (in
/// powers of two) before longer; restarted often before seldom; young before old.
pub fn order<'a>(candidates: &[&'a Arc<Object>], related: &[&Arc<Object>], now: Timestamp) -> Vec<&'a Object> {
    let mut crowds: HashMap<&str, usize> = HashMap::new();
    for pod in related.iter().filter(|pod| pods::is_active(pod)) {
        *crowds.entry(pod.str_at(&["spec", "nodeName"])).or_default() += 1;
    }
    let ranked: Vec<Candidate> = candidates
        .iter()
        .map(|pod| Candidate {
            pod,
            ready: pods::is_ready(pod),
            ready_since: pods::ready_since(pod),
            crowd: crowds.get(pod.str_at(&["spec", "nodeName"])).copied().unwrap_or(0),
        })
        .collect();
    // Equal and nearly equal ages can make a circle, which Rust's sort panics on.
    let order = sort::sort(ranked.len(), |a, b| match (ranked.get(a), ranked.get(b)) {
        (Some(a), Some(b)) => compare(a, b, now) == Ordering::Less,
        _ => false,
    });
    order.into_iter().filter_map(|at| ranked.get(at)).map(|candidate| candidate.pod).collect()
}

fn compare(a: &Candidate, b: &Candidate, now: Timestamp) -> Ordering {
    let assigned = |c: &Candidate| !c.pod.str_at(&["spec", "nodeName"]).is_empty();
    let phase = |c: &Candidate| match c.pod.str_at(&["status", "phase"]) {
        "Pending" => 0,
        "Unknown" => 1,
        "Running" => 2,
        _ => 0,
    };
    let cost = |c: &Candidate| c.pod.annotation(DELETION_COST).and_then(|cost| cost.parse::<i32>().ok()).unwrap_or(0);
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| a.ready.cmp(&b.ready))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| Reverse(a.crowd).cmp(&Reverse(b.crowd)))
        .then_with(|| by_age(a, b, a.ready_since.filter(|_| a.ready), b.ready_since.filter(|_| b.ready), now))
        .then_with(|| pods::restarts(b.pod).cmp(&pods::restarts(a.pod)))
        .then_with(|| by_age(a, b, a.pod.creation_timestamp(), b.pod.creation_timestamp(), now))
        .then_with(|| a.pod.uid().cmp(b.pod.uid()))
}

/// Younger first; ages of the same power of two are told apart by UID, so that no one age group bears
/// every scale-down.
fn by_age(
    a: &Candidate,
    b: &Candidate,
    since_a: Option<Timestamp>,
    since_b: Option<Timestamp>,
    now: Timestamp,
) -> Ordering {
    let (Some(since_a), Some(since_b)) = (since_a, since_b) else {
        return since_a.is_some().cmp(&since_b.is_some());
    };
    if since_a == since_b {
        return Ordering::Equal;
    }
    let bucket = |since: Timestamp| {
        let age = now.as_nanosecond() - since.as_nanosecond();
        u128::try_from(age).ok().and_then(u128::checked_ilog2).map_or(-1, i64::from)
    };
    bucket(since_a).cmp(&bucket(since_b)).then_with(|| a.pod.uid().cmp(b.pod.uid()))
}
