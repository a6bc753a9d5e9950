//! Jobs: pods that run until enough of them succeeded, or too many failed.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `look` | one look at one job |
//! | `counts` | what the pods of a job came to |
//! | `indexes` | sets of indexes as text |
//! | `policy` | which failures and successes decide |
//! | `pods` | making a job's pods |

mod counts;
mod indexes;
mod look;
mod pods;
mod policy;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::support::pods::after;
use super::support::{conditions, owners};
use super::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Status, Timestamp};
use counts::{TRACKING, is_tracked};
use look::Look;

const JOBS: &str = "jobs.batch";
const COMPONENT: &str = "job-controller";
/// Who looks after a job that says so itself.
const OWN_MANAGER: &str = "kubernetes.io/job-controller";

/// See the module's text.
#[derive(Debug, Default)]
pub struct JobController;

impl Controller for JobController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &[JOBS, "pods"]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == JOBS {
            let mut keys = vec![change.key.clone()];
            if let (Some(old), None) = (&change.old, &change.new) {
                // What is left of it is held by nobody but the finalizer.
                let left = view.owned_by("pods", old.uid()).filter(|pod| is_tracked(pod));
                keys.extend(left.map(|pod| owners::key_of("pods", pod)));
            }
            return keys;
        }
        let Some(pod) = change.new.as_ref().or(change.old.as_ref()) else { return Vec::new() };
        let job = owners::controller_key(pod, "Job", JOBS);
        let is_left = change.new.as_ref().is_some_and(|pod| is_tracked(pod) && !is_wanted(pod, view));
        job.into_iter().chain(is_left.then(|| change.key.clone())).collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        if key.resource == "pods" {
            let left = view.at(key).filter(|pod| is_tracked(pod) && !is_wanted(pod, view));
            return Outcome { writes: left.map(untrack).into_iter().collect(), requeue_at: None };
        }
        let Some(job) = view.at(key).filter(|job| is_own(job)) else { return Outcome::default() };
        match finished(job) {
            Some(finish) => expire(key, job, finish, view),
            None => Look::new(job, view).run(),
        }
    }

    fn refused(&self, key: &Key, write: &Write, status: &Status, view: &View) -> Vec<Write> {
        let Some(job) = view.at(key) else { return Vec::new() };
        let mut writes = owners::pod_refused(Some(job), write, status, COMPONENT);
        if matches!(write, Write::Create { .. }) {
            writes.extend(Look::new(job, view).without_new_pods());
        }
        writes
    }
}

/// Whether a job is looked after here, and by no controller of somebody else's.
fn is_own(job: &Object) -> bool {
    matches!(job.str_at(&["spec", "managedBy"]), "" | OWN_MANAGER)
}

/// Whether the job of a pod is there, not over, and the one that made the pod.
fn is_wanted(pod: &Object, view: &View) -> bool {
    let job = owners::controller_key(pod, "Job", JOBS).and_then(|key| view.at(&key));
    job.is_some_and(|job| owners::is_controlled_by(pod, job) && !(is_own(job) && finished(job).is_some()))
}

/// Takes the finalizer away from a pod.
fn untrack(pod: &Arc<Object>) -> Write {
    let mut object = Object::clone(pod);
    let mut finalizers = object.list_at(&["metadata", "finalizers"]).to_vec();
    finalizers.retain(|finalizer| finalizer != TRACKING);
    if finalizers.is_empty() {
        object.remove_at(&["metadata", "finalizers"]);
    } else {
        object.set_at(&["metadata", "finalizers"], finalizers);
    }
    Write::Update { resource: "pods", object }
}

/// When a job ended, if it did.
fn finished(job: &Object) -> Option<Timestamp> {
    ["Complete", "Failed"].iter().find_map(|kind| {
        let condition = conditions::find(job.list_at(&["status", "conditions"]), kind)?;
        (condition.str_at(&["status"]) == "True").then(|| condition.time_at(&["lastTransitionTime"]))?
    })
}

/// Deletes a finished job when its time to live is over.
fn expire(key: &Key, job: &Object, finish: Timestamp, view: &View) -> Outcome {
    let due = job.int_at(&["spec", "ttlSecondsAfterFinished"]).and_then(|seconds| after(finish, seconds));
    match due.filter(|_| job.deletion_timestamp().is_none()) {
        None => Outcome::default(),
        Some(due) if due > view.now() => Outcome { writes: Vec::new(), requeue_at: Some(due) },
        Some(_) => Outcome {
            writes: vec![Write::Delete {
                key: key.clone(),
                uid: job.uid().to_owned(),
                grace_period_seconds: None,
                propagation: Some("Foreground"),
            }],
            requeue_at: None,
        },
    }
}
