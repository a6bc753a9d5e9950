//! Why a pod fits no node, in the scheduler's words.

use std::collections::BTreeMap;

/// Why a pod does not fit one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One sentence each.
    pub reasons: Vec<String>,
    /// Whether the removal of other pods could help.
    pub resolvable: bool,
}

impl Failure {
    /// A reason that no removal of pods can cure.
    pub fn fixed(reason: &str) -> Self {
        Self { reasons: vec![reason.to_owned()], resolvable: false }
    }

    /// A reason that the removal of pods might cure.
    pub fn resolvable(reason: &str) -> Self {
        Self { reasons: vec![reason.to_owned()], resolvable: true }
    }
}

/// The failures of all nodes.
#[derive(Debug, Default)]
pub struct Failures {
    reasons: BTreeMap<String, usize>,
    resolvable: usize,
}

impl Failures {
    /// Adds one node's.
    pub fn add(&mut self, failure: Failure) {
        self.resolvable += usize::from(failure.resolvable);
        for reason in failure.reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// The whole message for so many nodes.
    pub fn message(&self, nodes: usize) -> String {
        let mut reasons: Vec<String> = self.reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        reasons.sort();
        let reasons = reasons.join(", ");
        format!("0/{nodes} nodes are available: {reasons}. {}", preemption(nodes, self.resolvable))
    }

    /// The message for a pod that fails before any node was looked at.
    pub fn before_filters(nodes: usize, reason: &str) -> String {
        format!("0/{nodes} nodes are available: {reason}. {}", preemption(nodes, 0))
    }
}

/// What came of the attempt to make room: no pod is of lower priority.
fn preemption(nodes: usize, resolvable: usize) -> String {
    let kinds = [
        (resolvable, "No preemption victims found for incoming pod"),
        (nodes - resolvable, "Preemption is not helpful for scheduling"),
    ];
    let mut texts: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, text)| format!("{count} {text}")).collect();
    texts.sort();
    format!("no new claims to deallocate, preemption: 0/{nodes} nodes are available: {}.", texts.join(", "))
}
