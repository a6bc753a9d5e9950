//! What becomes of nodes that fail, and of the pods on them.
//!
//! A node is taken down by the annotation [`FAILED`]. From that moment on it sends no heartbeats; after
//! [`GRACE_SECONDS`] its conditions are `Unknown` and it is tainted as unreachable.
//!
//! * `kctl.dev/failed: "true"`: the machine is gone for good. The node also gets the taint
//!   `node.kubernetes.io/out-of-service`, as an operator would put it there, so that its pods are
//!   given up at once and replaced elsewhere within seconds.
//! * `kctl.dev/failed: "unreachable"`: nobody knows. The pods stay as long as they tolerate it, which is
//!   300 seconds unless they say otherwise.
//!
//! When the annotation goes, the node is ready again and the taints go.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `lifecycle` | conditions and taints of nodes |
//! | `eviction` | pods that do not tolerate a taint `NoExecute` |
//! | `podgc` | pods without a node, and those that no kubelet will ever end |

mod eviction;
mod lifecycle;
mod podgc;

#[cfg(test)]
mod tests;

pub use eviction::TaintEvictionController;
pub use lifecycle::NodeLifecycleController;
pub use podgc::PodGarbageCollector;

use super::{Event, Write};
use crate::object::{Meta, Object};

/// Takes a node down: `true` or `unreachable`.
pub const FAILED: &str = "kctl.dev/failed";
/// When the node was last heard of (RFC 3339); set by the controller.
pub const FAILED_SINCE: &str = "kctl.dev/failed-since";
/// So many seconds without a heartbeat make a node unreachable. A real cluster waits 50; lessons need not.
pub const GRACE_SECONDS: i64 = 5;

const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// Whether a node was taken down.
pub fn is_failed(node: &Object) -> bool {
    node.annotation(FAILED).is_some_and(|value| value != "false")
}

fn event(regarding: &Object, component: &'static str, kind: &'static str, reason: &str, message: String) -> Write {
    Write::Event(Event {
        regarding: regarding.clone(),
        field_path: String::new(),
        kind,
        reason: reason.to_owned(),
        message,
        component,
        host: String::new(),
    })
}
