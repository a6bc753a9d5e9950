//! Reading pods.

use serde_json::json;

use super::{conditions, names, owners};
use crate::backend::controllers::{Change, View};
use crate::object::{Meta, Object, Timestamp};

const CONDITIONS: &[&str] = &["status", "conditions"];
/// So few pods are looked after at once.
const FEW: usize = 40;
/// The longest that many pods wait to be looked at, in milliseconds.
const MOST_PATIENCE: i64 = 500;

/// `status.phase` is `Succeeded` or `Failed`: the pod will not run again.
pub fn is_finished(pod: &Object) -> bool {
    matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed")
}

/// Neither finished nor being deleted.
pub fn is_active(pod: &Object) -> bool {
    !is_finished(pod) && pod.deletion_timestamp().is_none()
}

/// Being deleted and not finished yet.
pub fn is_terminating(pod: &Object) -> bool {
    !is_finished(pod) && pod.deletion_timestamp().is_some()
}

/// The condition `Ready` is true.
pub fn is_ready(pod: &Object) -> bool {
    conditions::is_true(pod, "Ready")
}

/// Whether a pod's change is one for those who count pods or send to them: it came or went, became
/// ready or not, ended, is to go, has another owner, other labels or another address. What a kubelet
/// writes on the way there is not.
pub fn matters(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return true };
    let differ = |path: &[&str]| old.at(path) != new.at(path);
    differ(&["metadata", "deletionTimestamp"])
        || differ(&["metadata", "labels"])
        || differ(&["metadata", "ownerReferences"])
        || differ(&["status", "podIPs"])
        || differ(&["status", "podIP"])
        || is_finished(old) != is_finished(new)
        || conditions::find(old.list_at(CONDITIONS), "Ready") != conditions::find(new.list_at(CONDITIONS), "Ready")
}

/// How long who looks after many pods may wait before it looks again: then it sees the changes of
/// several at once, as on a cluster that takes its time.
pub fn patience(count: usize) -> jiff::SignedDuration {
    if count < FEW {
        return jiff::SignedDuration::ZERO;
    }
    jiff::SignedDuration::from_millis(i64::try_from(count).unwrap_or(i64::MAX).min(MOST_PATIENCE))
}

/// Since when the pod is ready.
pub fn ready_since(pod: &Object) -> Option<Timestamp> {
    let ready = conditions::find(pod.list_at(&["status", "conditions"]), "Ready")?;
    (ready.str_at(&["status"]) == "True").then(|| ready.time_at(&["lastTransitionTime"]))?
}

/// From when on a ready pod counts as available: `min_ready_seconds` after it became ready.
pub fn available_at(pod: &Object, min_ready_seconds: i64) -> Option<Timestamp> {
    if min_ready_seconds == 0 {
        return is_ready(pod).then_some(Timestamp::UNIX_EPOCH);
    }
    after(ready_since(pod)?, min_ready_seconds)
}

/// A moment so many seconds later; `None` beyond the end of time.
pub fn after(time: Timestamp, seconds: i64) -> Option<Timestamp> {
    time.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
}

/// How often the pod's containers were restarted: the most of any.
pub fn restarts(pod: &Object) -> i64 {
    let containers = pod.list_at(&["status", "containerStatuses"]);
    containers.iter().filter_map(|status| status.int_at(&["restartCount"])).max().unwrap_or(0)
}

/// A pod as its template describes it, named after its owner. `salt` tells pods apart that are made
/// at the same moment.
pub fn from_template(view: &View, owner: &Object, template: &Object, salt: usize, taken: &[String]) -> Object {
    let prefix = match format!("{}-", owner.name()) {
        prefix if prefix.len() <= 253 => prefix,
        _ => owner.name().to_owned(),
    };
    let moment = view.now().as_microsecond().to_string();
    let name = names::unused(&prefix, &[owner.uid(), &moment, &salt.to_string()], |name| {
        view.get("pods", owner.namespace(), name).is_some() || taken.iter().any(|other| other == name)
    });
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "generateName": prefix, "namespace": owner.namespace(),
            "ownerReferences": [owners::controller_ref(owner)],
        },
        "spec": template.at(&["spec"]).cloned().unwrap_or_else(|| json!({})),
    });
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.at(&["metadata", field]) {
            pod.set_at(&["metadata", field], value.clone());
        }
    }
    pod
}
