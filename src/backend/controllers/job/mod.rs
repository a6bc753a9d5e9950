//! Jobs: pods that run until enough of them succeeded.
//!
//! Not here yet: `podFailurePolicy`, `successPolicy`, `backoffLimitPerIndex`.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `counts` | what the pods of a job came to |
//! | `pods` | making a job's pods |

mod counts;
mod pods;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::json;

use super::support::pods::{after, is_finished, is_ready};
use super::support::{conditions, owners, put_count};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Status, Timestamp, time::rfc3339};
use counts::Counts;

const JOBS: &str = "jobs.batch";
const COMPONENT: &str = "job-controller";

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

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        if change.key.resource == JOBS {
            return vec![change.key.clone()];
        }
        let pod = change.new.as_ref().or(change.old.as_ref());
        pod.and_then(|pod| owners::controller_key(pod, "Job", JOBS)).into_iter().collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(job) = view.at(key) else { return Outcome::default() };
        if let Some(finish) = finished(job) {
            return expire(key, job, finish, view.now());
        }
        let mut look = Look::new(job, view);
        look.run();
        look.finish()
    }

    fn refused(&self, key: &Key, write: &Write, status: &Status, view: &View) -> Vec<Write> {
        owners::pod_refused(view.at(key).map(|owner| &**owner), write, status, COMPONENT)
    }
}

/// When a job ended, if it did.
fn finished(job: &Object) -> Option<Timestamp> {
    ["Complete", "Failed"].iter().find_map(|kind| {
        let condition = conditions::find(job.list_at(&["status", "conditions"]), kind)?;
        (condition.str_at(&["status"]) == "True").then(|| condition.time_at(&["lastTransitionTime"]))?
    })
}

/// Deletes a finished job when its time to live is over.
fn expire(key: &Key, job: &Object, finish: Timestamp, now: Timestamp) -> Outcome {
    let due = job.int_at(&["spec", "ttlSecondsAfterFinished"]).and_then(|seconds| after(finish, seconds));
    match due.filter(|_| job.deletion_timestamp().is_none()) {
        None => Outcome::default(),
        Some(due) if due > now => Outcome { writes: Vec::new(), requeue_at: Some(due) },
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

/// One look at one job.
struct Look<'a> {
    job: &'a Arc<Object>,
    view: &'a View,
    now: Timestamp,
    status: Object,
    counts: Counts<'a>,
    writes: Vec<Write>,
    events: Vec<Write>,
    requeue_at: Option<Timestamp>,
}

impl<'a> Look<'a> {
    fn new(job: &'a Arc<Object>, view: &'a View) -> Self {
        let status = job.at(&["status"]).cloned().unwrap_or_else(|| json!({}));
        let pods: Vec<&Arc<Object>> = view.owned_by("pods", job.uid()).collect();
        let counts = Counts::of(job, pods);
        Self { job, view, now: view.now(), status, counts, writes: Vec::new(), events: Vec::new(), requeue_at: None }
    }

    fn run(&mut self) {
        let suspended = self.job.bool_at(&["spec", "suspend"]);
        if self.status.time_at(&["startTime"]).is_none() && !suspended {
            self.status.set_at(&["startTime"], rfc3339(self.now));
        }
        let failure = self.failure();
        let limit = self.job.int_at(&["spec", "completions"]);
        let wanted = self.job.int_at(&["spec", "parallelism"]).unwrap_or(1);
        let complete = match limit {
            Some(completions) => self.counts.succeeded >= completions,
            None => self.counts.succeeded > 0 && self.counts.active.is_empty(),
        };
        if self.job.deletion_timestamp().is_some() {
            return self.count(0);
        }
        if let Some((reason, message)) = failure {
            self.conclude("FailureTarget", "Failed", reason, message);
        } else if complete {
            self.conclude(
                "SuccessCriteriaMet",
                "Complete",
                "CompletionsReached",
                "Reached expected number of succeeded pods",
            );
        } else if suspended {
            self.suspend();
        } else {
            self.resume();
            let wanted = match limit {
                Some(completions) => wanted.min(completions - self.counts.succeeded),
                None if self.counts.succeeded > 0 => wanted.min(self.counts.active.len() as i64),
                None => wanted,
            };
            self.manage(usize::try_from(wanted).unwrap_or(0));
        }
    }

    /// Why the job has failed, if it has.
    fn failure(&mut self) -> Option<(&'static str, &'static str)> {
        let limit = self.job.int_at(&["spec", "backoffLimit"]).unwrap_or(6);
        let on_failure = self.job.str_at(&["spec", "template", "spec", "restartPolicy"]) == "OnFailure";
        let restarts = if on_failure { self.counts.restarts() } else { 0 };
        if self.counts.failed > limit
            || (on_failure && limit > 0 && restarts >= limit)
            || (on_failure && limit == 0 && restarts > 0)
        {
            return Some(("BackoffLimitExceeded", "Job has reached the specified backoff limit"));
        }
        let seconds = self.job.int_at(&["spec", "activeDeadlineSeconds"])?;
        let end = after(self.status.time_at(&["startTime"])?, seconds)?;
        if end > self.now {
            self.look_again(end);
            return None;
        }
        Some(("DeadlineExceeded", "Job was active longer than specified deadline"))
    }

    /// Ends the job: first its pods stop, then it is over.
    fn conclude(&mut self, target: &str, last: &str, reason: &str, message: &str) {
        let mut list = self.status.list_at(&["conditions"]).to_vec();
        if conditions::find(&list, target).is_none() {
            let mut condition = conditions::condition(target, "True", reason, message, self.now);
            condition.set_at(&["lastProbeTime"], rfc3339(self.now));
            list.push(condition);
        }
        let active = std::mem::take(&mut self.counts.active);
        let stopping = active.len() as i64;
        for pod in &active {
            self.delete(pod);
        }
        if active.is_empty() && self.counts.terminating == 0 {
            let mut condition = conditions::condition(last, "True", reason, message, self.now);
            condition.set_at(&["lastProbeTime"], rfc3339(self.now));
            list.push(condition);
            if last == "Complete" {
                self.status.set_at(&["completionTime"], rfc3339(self.now));
                self.event("Normal", "Completed", "Job completed".to_owned());
            } else {
                self.event("Warning", reason, message.to_owned());
            }
        }
        self.status.set_at(&["conditions"], list);
        self.counts.terminating += stopping;
        if last == "Failed" {
            self.counts.failed += stopping;
        }
        self.count(0);
    }

    fn suspend(&mut self) {
        let active = std::mem::take(&mut self.counts.active);
        for pod in &active {
            self.delete(pod);
        }
        if self.set_suspended("True", "JobSuspended", "Job suspended") {
            self.event("Normal", "Suspended", "Job suspended".to_owned());
        }
        self.status.remove_at(&["startTime"]);
        self.count(0);
    }

    fn resume(&mut self) {
        let suspended = conditions::find(self.status.list_at(&["conditions"]), "Suspended");
        if suspended.is_some_and(|condition| condition.str_at(&["status"]) == "True") {
            self.set_suspended("False", "JobResumed", "Job resumed");
            self.event("Normal", "Resumed", "Job resumed".to_owned());
            self.status.set_at(&["startTime"], rfc3339(self.now));
        }
    }

    fn set_suspended(&mut self, status: &str, reason: &str, message: &str) -> bool {
        let mut list = self.status.list_at(&["conditions"]).to_vec();
        let changed = conditions::set(&mut list, "Suspended", status, reason, message, self.now);
        if changed {
            for condition in list.iter_mut().filter(|condition| condition.str_at(&["type"]) == "Suspended") {
                condition.set_at(&["lastProbeTime"], rfc3339(self.now));
            }
            self.status.set_at(&["conditions"], list);
        }
        changed
    }

    /// Makes missing pods, unless one failed just now, and stops those too many.
    fn manage(&mut self, wanted: usize) {
        let active = self.counts.active.len();
        if active > wanted {
            let surplus: Vec<&Arc<Object>> = self.counts.active.iter().rev().take(active - wanted).copied().collect();
            for pod in surplus {
                self.delete(pod);
            }
            return self.count(active.min(wanted) as i64);
        }
        let mut made = 0;
        match self.counts.retry_at() {
            Some(due) if due > self.now => self.look_again(due),
            _ => {
                let missing = wanted - active;
                let pods = pods::make(self.job, self.view, &self.counts, missing);
                made = pods.len();
                for pod in pods {
                    let message = format!("Created pod: {}", pod.name());
                    self.writes.push(Write::Create { resource: "pods", object: pod });
                    let event = self.made_event("Normal", "SuccessfulCreate", message);
                    self.writes.push(event);
                }
            }
        }
        self.count((active + made) as i64);
    }

    fn delete(&mut self, pod: &Object) {
        self.writes.push(Write::Delete {
            key: owners::key_of("pods", pod),
            uid: pod.uid().to_owned(),
            grace_period_seconds: None,
            propagation: None,
        });
        let event = self.made_event("Normal", "SuccessfulDelete", format!("Deleted pod: {}", pod.name()));
        self.writes.push(event);
    }

    fn count(&mut self, active: i64) {
        put_count(&mut self.status, "active", active);
        put_count(&mut self.status, "succeeded", self.counts.succeeded);
        put_count(&mut self.status, "failed", self.counts.failed);
        self.status.set_at(&["terminating"], self.counts.terminating);
        self.status.set_at(&["ready"], self.counts.active.iter().filter(|pod| is_ready(pod)).count());
        self.status.set_at(&["uncountedTerminatedPods"], json!({}));
        if self.job.str_at(&["spec", "completionMode"]) == "Indexed" {
            match self.counts.completed_indexes() {
                text if text.is_empty() => drop(self.status.remove_at(&["completedIndexes"])),
                text => self.status.set_at(&["completedIndexes"], text),
            }
        }
    }

    fn look_again(&mut self, at: Timestamp) {
        self.requeue_at = Some(self.requeue_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn made_event(&self, kind: &'static str, reason: &str, message: String) -> Write {
        Write::Event(Event {
            regarding: Object::clone(self.job),
            field_path: String::new(),
            kind,
            reason: reason.to_owned(),
            message,
            component: COMPONENT,
            host: String::new(),
        })
    }

    fn event(&mut self, kind: &'static str, reason: &str, message: String) {
        let event = self.made_event(kind, reason, message);
        self.events.push(event);
    }

    fn finish(self) -> Outcome {
        let mut writes = self.writes;
        if self.job.at(&["status"]) != Some(&self.status) {
            let mut object = Object::clone(self.job);
            object.set_at(&["status"], self.status);
            writes.push(Write::UpdateStatus { resource: JOBS, object });
        }
        writes.extend(self.events);
        Outcome { writes, requeue_at: self.requeue_at }
    }
}

/// Whether a pod of a job ended well.
fn has_succeeded(pod: &Object) -> bool {
    is_finished(pod) && pod.str_at(&["status", "phase"]) == "Succeeded"
}
