//! One look at one job.
//!
//! What it writes, in order: that pods were seen to end and why the job is about to, then the pods without
//! their finalizer, then pods that are stopped and made, then the counts, then events.

use std::sync::Arc;

use serde_json::json;

use super::counts::{
    Counts, completions, has_succeeded, index, is_failed, is_indexed, is_tracked, replaces_only_failed,
};
use super::policy::{self, Failure};
use super::{COMPONENT, JOBS, pods, untrack};
use crate::backend::controllers::support::pods::{after, is_ready};
use crate::backend::controllers::support::{conditions, put_count};
use crate::backend::controllers::{Event, Outcome, View, Write};
use crate::object::{Meta, Object, Timestamp, time::rfc3339};

/// So many pods are noted as ended at once; the others with the next look.
const NOTED_MAX: usize = 500;

/// The end of a job, and why.
struct End {
    is_success: bool,
    reason: String,
    message: String,
}

impl End {
    fn success(reason: &str, message: impl Into<String>) -> Self {
        Self { is_success: true, reason: reason.to_owned(), message: message.into() }
    }

    fn failure(reason: &str, message: impl Into<String>) -> Self {
        Self { is_success: false, reason: reason.to_owned(), message: message.into() }
    }

    /// The condition that announces the end.
    fn target(&self) -> &'static str {
        if self.is_success { "SuccessCriteriaMet" } else { "FailureTarget" }
    }
}

/// See the module's text.
pub struct Look<'a> {
    job: &'a Arc<Object>,
    view: &'a View,
    now: Timestamp,
    status: Object,
    counts: Counts<'a>,
    active: i64,
    ready: i64,
    terminating: i64,
    stops: Vec<Write>,
    creates: Vec<Write>,
    events: Vec<Write>,
    requeue_at: Option<Timestamp>,
}

impl<'a> Look<'a> {
    /// A look at a job that is not over.
    pub fn new(job: &'a Arc<Object>, view: &'a View) -> Self {
        let mut status = job.at(&["status"]).cloned().unwrap_or_else(|| json!({}));
        let counts = Counts::of(job, view.owned_by("pods", job.uid()).collect());
        if !status.at(&["uncountedTerminatedPods"]).is_some_and(Object::is_object) {
            status.set_at(&["uncountedTerminatedPods"], json!({}));
        }
        Self {
            job,
            view,
            now: view.now(),
            status,
            active: counts.active.len() as i64,
            ready: counts.active.iter().filter(|pod| is_ready(pod)).count() as i64,
            terminating: counts.terminating,
            counts,
            stops: Vec::new(),
            creates: Vec::new(),
            events: Vec::new(),
            requeue_at: None,
        }
    }

    /// What to write.
    pub fn run(mut self) -> Outcome {
        let end = self.decide();
        let (mut writes, last) = self.track(end);
        writes.append(&mut self.stops);
        writes.append(&mut self.creates);
        writes.extend(last);
        writes.append(&mut self.events);
        Outcome { writes, requeue_at: self.requeue_at }
    }

    /// What is to be written where no pod can be made: the status, and what else happened.
    pub fn without_new_pods(mut self) -> Vec<Write> {
        let end = self.decide();
        self.active -= self.creates.iter().filter(|write| matches!(write, Write::Create { .. })).count() as i64;
        let (_, last) = self.track(end);
        last.into_iter().chain(self.events).collect()
    }

    /// Stops and makes pods, and says whether and why the job ends.
    fn decide(&mut self) -> Option<End> {
        let suspended = self.job.bool_at(&["spec", "suspend"]);
        if self.status.time_at(&["startTime"]).is_none() && !suspended {
            self.status.set_at(&["startTime"], rfc3339(self.now));
        }
        if let Some(end) = self.announced().or_else(|| self.failure()).or_else(|| self.success_by_policy()) {
            for pod in std::mem::take(&mut self.counts.active) {
                self.stop(pod);
            }
            return Some(end);
        }
        let managed = self.job.deletion_timestamp().is_none();
        if managed {
            self.manage(suspended);
        }
        let is_complete = match self.job.int_at(&["spec", "completions"]) {
            Some(completions) => self.counts.succeeded >= completions,
            None => self.counts.succeeded > 0,
        };
        if is_complete && self.active == 0 {
            return Some(End::success("CompletionsReached", "Reached expected number of succeeded pods"));
        }
        if managed {
            self.note_suspension(suspended);
        }
        None
    }

    /// The end that an earlier look announced.
    fn announced(&self) -> Option<End> {
        let list = self.status.list_at(&["conditions"]);
        ["SuccessCriteriaMet", "FailureTarget"].into_iter().find_map(|kind| {
            let condition = conditions::find(list, kind).filter(|condition| condition.str_at(&["status"]) == "True")?;
            let (reason, message) = (condition.str_at(&["reason"]), condition.str_at(&["message"]));
            Some(if kind == "FailureTarget" { End::failure(reason, message) } else { End::success(reason, message) })
        })
    }

    /// Why the job has failed, if it has.
    fn failure(&mut self) -> Option<End> {
        if let Some(why) = self.counts.failure_by_policy() {
            return Some(End::failure("PodFailurePolicy", why));
        }
        let limit = self.job.int_at(&["spec", "backoffLimit"]).unwrap_or(6);
        let on_failure = self.job.str_at(&["spec", "template", "spec", "restartPolicy"]) == "OnFailure";
        let restarts = if on_failure { self.counts.restarts() } else { 0 };
        if self.counts.failed > limit || (on_failure && restarts >= limit.max(1)) {
            return Some(End::failure("BackoffLimitExceeded", "Job has reached the specified backoff limit"));
        }
        if let Some(end) = self.deadline() {
            if end <= self.now {
                return Some(End::failure("DeadlineExceeded", "Job was active longer than specified deadline"));
            }
            self.look_again(end);
        }
        let failed = self.counts.failed_indexes.as_ref().map_or(0, super::indexes::Indexes::count);
        if self.job.int_at(&["spec", "maxFailedIndexes"]).is_some_and(|most| failed > most) {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return Some(End::failure("MaxFailedIndexesExceeded", message));
        }
        let all_ended = failed + self.counts.succeeded_indexes.count() >= completions(self.job);
        (failed > 0 && all_ended).then(|| End::failure("FailedIndexes", "Job has failed indexes"))
    }

    /// Until when the job may run.
    fn deadline(&self) -> Option<Timestamp> {
        let seconds = self.job.int_at(&["spec", "activeDeadlineSeconds"])?;
        let start = self.status.time_at(&["startTime"]).filter(|_| !self.job.bool_at(&["spec", "suspend"]))?;
        after(start, seconds)
    }

    fn success_by_policy(&self) -> Option<End> {
        if !is_indexed(self.job) {
            return None;
        }
        let met = policy::success(self.job, completions(self.job), &self.counts.succeeded_indexes)?;
        Some(End::success("SuccessPolicy", met))
    }

    /// Says in the conditions whether the job stands still.
    fn note_suspension(&mut self, suspended: bool) {
        let list = self.status.list_at(&["conditions"]);
        let before = conditions::find(list, "Suspended").map(|condition| condition.str_at(&["status"]) == "True");
        let (status, reason, message, event) = match (before, suspended) {
            (None | Some(false), true) => ("True", "JobSuspended", "Job suspended", "Suspended"),
            (Some(true), false) => ("False", "JobResumed", "Job resumed", "Resumed"),
            _ => return,
        };
        self.put_condition("Suspended", status, reason, message);
        self.event("Normal", event, message.to_owned());
        if suspended {
            self.status.remove_at(&["startTime"]);
        } else {
            self.status.set_at(&["startTime"], rfc3339(self.now));
        }
    }

    /// Brings the number of pods to what is wanted: either stops or makes some.
    fn manage(&mut self, suspended: bool) {
        if suspended {
            return std::mem::take(&mut self.counts.active).into_iter().for_each(|pod| self.discard(pod));
        }
        let parallelism = self.job.int_at(&["spec", "parallelism"]).unwrap_or(1);
        let wanted = match self.job.int_at(&["spec", "completions"]) {
            Some(completions) => (completions - self.counts.succeeded).min(parallelism).max(0),
            None if self.counts.succeeded > 0 => self.active,
            None => parallelism,
        };
        let surplus = usize::try_from(self.active - wanted).unwrap_or(0);
        let surplus = pods::surplus(self.job, &self.counts.active, surplus);
        if !surplus.is_empty() {
            return surplus.into_iter().for_each(|pod| self.discard(pod));
        }
        let ending = if replaces_only_failed(self.job) { self.terminating } else { 0 };
        let missing = usize::try_from(wanted - ending - self.active).unwrap_or(0);
        if missing > 0 {
            self.make(missing);
        }
    }

    fn make(&mut self, missing: usize) {
        let each_alone = self.job.int_at(&["spec", "backoffLimitPerIndex"]).is_some();
        if let Some(due) = self.counts.retry_at().filter(|due| !each_alone && *due > self.now) {
            return self.look_again(due);
        }
        let mut indexes = if is_indexed(self.job) { self.counts.free_indexes(missing) } else { Vec::new() };
        if each_alone {
            for index in std::mem::take(&mut indexes) {
                match self.counts.retry_index_at(index) {
                    Some(due) if due > self.now => self.look_again(due),
                    _ => indexes.push(index),
                }
            }
        }
        for pod in pods::make(self.job, self.view, &self.counts, &indexes, missing) {
            let message = format!("Created pod: {}", pod.name());
            self.creates.push(Write::Create { resource: "pods", object: pod });
            self.creates.push(made_event(self.job, "Normal", "SuccessfulCreate", message));
            self.active += 1;
        }
    }

    /// Stops a pod whose end counts for nothing.
    fn discard(&mut self, pod: &Arc<Object>) {
        if is_tracked(pod) {
            self.stops.push(untrack(pod));
        }
        self.stop(pod);
    }

    fn stop(&mut self, pod: &Object) {
        self.stops.push(Write::delete("pods", pod));
        let message = format!("Deleted pod: {}", pod.name());
        self.stops.push(made_event(self.job, "Normal", "SuccessfulDelete", message));
        self.active -= 1;
        self.terminating += 1;
        self.ready -= i64::from(is_ready(pod));
    }

    /// Counts pods that ended: the status that notes them with the pods without finalizer, and the status
    /// after that.
    fn track(&mut self, end: Option<End>) -> (Vec<Write>, Option<Write>) {
        put_count(&mut self.status, "active", self.active);
        self.status.set_at(&["terminating"], self.terminating);
        self.status.set_at(&["ready"], self.ready);
        self.count_untracked();
        let (released, is_whole) = self.note_ended(end.as_ref());
        if is_indexed(self.job) {
            self.put_indexes();
        }
        if let Some(end) = &end
            && conditions::find(self.status.list_at(&["conditions"]), end.target()).is_none()
        {
            self.put_condition(end.target(), "True", &end.reason, &end.message);
        }
        let mut writes = Vec::new();
        let mut seen = self.job.at(&["status"]).cloned();
        if !released.is_empty() {
            writes.extend(self.status_write(seen.as_ref()));
            seen = Some(self.status.clone());
            writes.extend(released.into_iter().map(untrack));
            self.count_noted();
        }
        if let Some(end) = end.filter(|_| is_whole && self.terminating == 0) {
            self.finish(&end);
        }
        let last = self.status_write(seen.as_ref());
        (writes, last)
    }

    fn status_write(&self, seen: Option<&Object>) -> Option<Write> {
        if seen == Some(&self.status) {
            return None;
        }
        let mut object = Object::clone(self.job);
        object.set_at(&["status"], self.status.clone());
        Some(Write::UpdateStatus { resource: JOBS, object })
    }

    /// Counts noted pods that have no finalizer any more.
    fn count_untracked(&mut self) {
        let tracked: Vec<&str> = self.counts.pods.iter().filter(|pod| is_tracked(pod)).map(|pod| pod.uid()).collect();
        for field in ["succeeded", "failed"] {
            let path = ["uncountedTerminatedPods", field];
            let noted = self.status.list_at(&path).to_vec();
            let left: Vec<Object> =
                noted.iter().filter(|uid| uid.as_str().is_some_and(|uid| tracked.contains(&uid))).cloned().collect();
            self.count_up(field, noted.len() - left.len(), left);
        }
    }

    /// Counts all noted pods.
    fn count_noted(&mut self) {
        for field in ["succeeded", "failed"] {
            let noted = self.status.list_at(&["uncountedTerminatedPods", field]).len();
            self.count_up(field, noted, Vec::new());
        }
    }

    fn count_up(&mut self, field: &str, by: usize, left: Vec<Object>) {
        if by > 0 {
            let count = self.status.int_at(&[field]).unwrap_or(0) + by as i64;
            put_count(&mut self.status, field, count);
        }
        let path = ["uncountedTerminatedPods", field];
        if left.is_empty() {
            self.status.remove_at(&path);
        } else {
            self.status.set_at(&path, left);
        }
    }

    /// Notes pods that ended. The pods whose finalizer may go, and whether these are all.
    fn note_ended(&mut self, end: Option<&End>) -> (Vec<&'a Arc<Object>>, bool) {
        let indexed = is_indexed(self.job);
        let releases_all = end.is_some() || self.job.deletion_timestamp().is_some();
        let counts_all = end.is_some_and(|end| !end.is_success);
        let mut noted = [Vec::new(), Vec::new()];
        for (list, field) in noted.iter_mut().zip(["succeeded", "failed"]) {
            *list = self.status.list_at(&["uncountedTerminatedPods", field]).to_vec();
        }
        let [succeeded, failed] = &mut noted;
        let mut released = Vec::new();
        let mut new_indexes = Vec::new();
        let mut pods = self.counts.pods.clone();
        if indexed {
            pods.sort_by_key(|pod| index(pod));
        }
        let mut is_whole = true;
        for pod in pods.into_iter().filter(|pod| is_tracked(pod)) {
            let has_failed = is_failed(pod, self.job);
            let is_kept = || {
                index(pod).and_then(|index| self.counts.delayed.get(&index)).is_some_and(|kept| kept.uid() == pod.uid())
            };
            if !(releases_all || has_succeeded(pod) || (has_failed && !is_kept())) {
                continue;
            }
            if succeeded.len() + failed.len() + new_indexes.len() >= NOTED_MAX {
                is_whole = false;
                break;
            }
            released.push(pod);
            let uid = Object::from(pod.uid());
            let own_index = index(pod).filter(|index| *index < completions(self.job));
            if has_succeeded(pod) && !failed.contains(&uid) {
                match own_index {
                    Some(index) if indexed => new_indexes.push(index),
                    None if indexed => {}
                    _ if succeeded.contains(&uid) => {}
                    _ => succeeded.push(uid),
                }
            } else if (has_failed || counts_all)
                && (!indexed || own_index.is_some())
                && !failed.contains(&uid)
                && policy::failure(self.job, pod) != Failure::Ignored
            {
                failed.push(uid);
            }
        }
        self.counts.completed = self.counts.completed.with(new_indexes);
        for (list, field) in noted.into_iter().zip(["succeeded", "failed"]) {
            if !list.is_empty() {
                self.status.set_at(&["uncountedTerminatedPods", field], list);
            }
        }
        (released, is_whole)
    }

    fn put_indexes(&mut self) {
        let completed = &self.counts.completed;
        let count = completed.count();
        match completed.to_string() {
            text if text.is_empty() => drop(self.status.remove_at(&["completedIndexes"])),
            text => self.status.set_at(&["completedIndexes"], text),
        }
        put_count(&mut self.status, "succeeded", count);
        if let Some(failed) = &self.counts.failed_indexes {
            self.status.set_at(&["failedIndexes"], failed.to_string());
        }
    }

    /// The job is over.
    fn finish(&mut self, end: &End) {
        let kind = if end.is_success { "Complete" } else { "Failed" };
        self.put_condition(kind, "True", &end.reason, &end.message);
        if !end.is_success {
            return self.event("Warning", &end.reason, end.message.clone());
        }
        self.status.set_at(&["completionTime"], rfc3339(self.now));
        let succeeded = self.status.int_at(&["succeeded"]).unwrap_or(0);
        if self.job.int_at(&["spec", "completions"]).is_some_and(|completions| succeeded > completions) {
            let message = "Too many succeeded pods running after completion count reached";
            self.event("Warning", "TooManySucceededPods", message.to_owned());
        }
        self.event("Normal", "Completed", "Job completed".to_owned());
    }

    fn put_condition(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let mut condition = conditions::condition(kind, status, reason, message, self.now);
        condition.set_at(&["lastProbeTime"], rfc3339(self.now));
        let mut list = self.status.list_at(&["conditions"]).to_vec();
        match list.iter_mut().find(|own| own.str_at(&["type"]) == kind) {
            Some(own) => *own = condition,
            None => list.push(condition),
        }
        self.status.set_at(&["conditions"], list);
    }

    fn look_again(&mut self, at: Timestamp) {
        self.requeue_at = Some(self.requeue_at.map_or(at, |earlier| earlier.min(at)));
    }

    fn event(&mut self, kind: &'static str, reason: &str, message: String) {
        self.events.push(made_event(self.job, kind, reason, message));
    }
}

fn made_event(job: &Arc<Object>, kind: &'static str, reason: &str, message: String) -> Write {
    Write::Event(Event {
        regarding: Object::clone(job),
        field_path: String::new(),
        kind,
        reason: reason.to_owned(),
        message,
        component: COMPONENT,
        host: String::new(),
    })
}
