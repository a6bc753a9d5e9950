//! How much a pod uses: simulated, set by annotations.
//!
//! * On a pod, `kctl.dev/cpu-load: "250m"` is what this pod uses.
//! * On a deployment (or another workload), it is the load on all of its pods together, shared evenly by
//!   those that are ready: more pods mean less for each, as with real traffic.
//! * `kctl.dev/memory-load` is the same for memory.
//!
//! Without either, a pod uses [`IDLE_PERCENT`] of what it requests, and 1m and 8Mi where it requests nothing.

use crate::backend::controllers::View;
use crate::backend::controllers::support::{owners, pods};
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

/// The annotation that sets the CPU load.
pub const CPU_LOAD: &str = "kctl.dev/cpu-load";
/// The annotation that sets the memory load.
pub const MEMORY_LOAD: &str = "kctl.dev/memory-load";
/// What an idle pod uses of its requests.
pub const IDLE_PERCENT: i64 = 2;

/// What a running pod uses of `cpu` or `memory`, in thousandths (of a core, of a byte); `None` where it does not run.
pub fn of_pod(pod: &Object, resource: &str, view: &View) -> Option<i64> {
    if pod.str_at(&["status", "phase"]) != "Running" {
        return None;
    }
    let annotation = if resource == "memory" { MEMORY_LOAD } else { CPU_LOAD };
    let load = |object: &Object| milli(object.annotation(annotation)?);
    if let Some(own) = load(pod) {
        return Some(own);
    }
    let mut owner = ["ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job"]
        .iter()
        .zip(["replicasets.apps", "statefulsets.apps", "daemonsets.apps", "replicationcontrollers", "jobs.batch"])
        .find_map(|(kind, resource)| view.at(&owners::controller_key(pod, kind, resource)?));
    let mut sharers = 1;
    if let Some(set) = owner {
        sharers = ready_pods(set, view);
        if let Some(deployment) =
            owners::controller_key(set, "Deployment", "deployments.apps").and_then(|key| view.at(&key))
        {
            let siblings = view.owned_by("replicasets.apps", deployment.uid());
            sharers = siblings.map(|set| ready_pods(set, view)).sum();
            owner = Some(deployment);
        }
    }
    if let Some(all) = owner.and_then(|owner| load(owner)) {
        return Some(if pods::is_ready(pod) { all / sharers.max(1) } else { 0 });
    }
    let requested: i64 =
        pod.list_at(&["spec", "containers"]).iter().filter_map(|container| request(container, resource)).sum();
    Some(match requested {
        0 if resource == "memory" => (8 << 20) * 1000,
        0 => 1,
        requested => (requested / 100).saturating_mul(IDLE_PERCENT).max(1),
    })
}

fn ready_pods(set: &Object, view: &View) -> i64 {
    let ready =
        view.owned_by("pods", set.uid()).filter(|pod| pods::is_ready(pod) && pod.deletion_timestamp().is_none());
    ready.count() as i64
}

/// What a container requests, in thousandths.
pub fn request(container: &Object, resource: &str) -> Option<i64> {
    milli(container.at(&["resources", "requests", resource])?.as_str()?)
}

/// A quantity in thousandths.
pub fn milli(text: &str) -> Option<i64> {
    Quantity::parse(text).ok().map(Quantity::milli_value)
}
