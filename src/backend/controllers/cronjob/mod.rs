//! Cron jobs: a job at each moment of a schedule.

pub mod schedule;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::json;

use super::support::pods::after;
use super::support::{conditions, owners};
use super::{Change, Controller, Event, Key, Outcome, View, Write};
use crate::object::{Meta, Object, Timestamp, time::rfc3339};
use schedule::Schedule;

const CRON_JOBS: &str = "cronjobs.batch";
const JOBS: &str = "jobs.batch";
const COMPONENT: &str = "cronjob-controller";
/// On a job that somebody made from a cron job by hand.
const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// More missed moments than this are not looked through one by one.
const MOST_MISSED: usize = 100_000;

/// See the module's text.
#[derive(Debug, Default)]
pub struct CronJobController;

impl Controller for CronJobController {
    fn name(&self) -> &'static str {
        COMPONENT
    }

    fn watches(&self) -> &'static [&'static str] {
        &[CRON_JOBS, JOBS]
    }

    fn keys(&self, change: &Change, _: &View) -> Vec<Key> {
        if change.key.resource == CRON_JOBS {
            return vec![change.key.clone()];
        }
        let job = change.new.as_ref().or(change.old.as_ref());
        job.and_then(|job| owners::controller_key(job, "CronJob", CRON_JOBS)).into_iter().collect()
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(cron) = view.at(key) else { return Outcome::default() };
        let mut look = Look {
            cron,
            view,
            now: view.now(),
            status: cron.at(&["status"]).cloned().unwrap_or_else(|| json!({})),
            jobs: view.owned_by(JOBS, cron.uid()).collect(),
            writes: Vec::new(),
            events: Vec::new(),
            requeue_at: None,
        };
        look.follow();
        if cron.deletion_timestamp().is_none() {
            look.clean_up();
            if !cron.bool_at(&["spec", "suspend"]) {
                look.start_due();
            }
        }
        look.finish()
    }
}

struct Look<'a> {
    cron: &'a Arc<Object>,
    view: &'a View,
    now: Timestamp,
    status: Object,
    jobs: Vec<&'a Arc<Object>>,
    writes: Vec<Write>,
    events: Vec<Write>,
    requeue_at: Option<Timestamp>,
}

/// `Complete` or `Failed`, for a job that is over.
fn end_of(job: &Object) -> Option<&'static str> {
    ["Complete", "Failed"].into_iter().find(|kind| conditions::is_true(job, kind))
}

impl Look<'_> {
    /// Brings the list of running jobs up to date.
    fn follow(&mut self) {
        let mut active = self.status.list_at(&["active"]).to_vec();
        for job in self.jobs.clone() {
            let listed = active.iter().any(|reference| reference.str_at(&["uid"]) == job.uid());
            let Some(end) = end_of(job).filter(|_| listed) else { continue };
            active.retain(|reference| reference.str_at(&["uid"]) != job.uid());
            self.event("Normal", "SawCompletedJob", format!("Saw completed job: {}, condition: {end}", job.name()));
            let completed = job.str_at(&["status", "completionTime"]);
            if end == "Complete" && completed > self.status.str_at(&["lastSuccessfulTime"]) {
                self.status.set_at(&["lastSuccessfulTime"], completed);
            }
        }
        for reference in active.clone() {
            if !self.jobs.iter().any(|job| job.uid() == reference.str_at(&["uid"])) {
                active.retain(|other| other != &reference);
                self.event("Normal", "MissingJob", format!("Active job went missing: {}", reference.str_at(&["name"])));
            }
        }
        // A job made in the last look has its UID only now.
        for job in self.jobs.clone() {
            let listed = active.iter().any(|reference| reference.str_at(&["uid"]) == job.uid());
            if listed || end_of(job).is_some() || job.deletion_timestamp().is_some() {
                continue;
            }
            if job.annotation(INSTANTIATE).is_none() {
                active.push(reference(job));
            } else {
                let name = job.name();
                let message = format!("Saw a job that the controller did not create or forgot: {name}");
                self.event("Warning", "UnexpectedJob", message);
            }
        }
        self.set_active(active);
    }

    fn set_active(&mut self, active: Vec<Object>) {
        if active.is_empty() {
            self.status.remove_at(&["active"]);
        } else {
            self.status.set_at(&["active"], active);
        }
    }

    /// Deletes the oldest finished jobs beyond the limits of history.
    fn clean_up(&mut self) {
        for (end, field, default) in
            [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)]
        {
            let limit = usize::try_from(self.cron.int_at(&["spec", field]).unwrap_or(default)).unwrap_or(0);
            let mut done: Vec<&Arc<Object>> =
                self.jobs.iter().filter(|job| end_of(job) == Some(end)).copied().collect();
            done.retain(|job| job.deletion_timestamp().is_none());
            done.sort_by_key(|job| (job.time_at(&["status", "startTime"]), job.name().to_owned()));
            for job in done.iter().take(done.len().saturating_sub(limit)) {
                self.delete(job);
            }
        }
    }

    fn delete(&mut self, job: &Object) {
        self.writes.push(Write::Delete {
            key: owners::key_of(JOBS, job),
            uid: job.uid().to_owned(),
            grace_period_seconds: None,
            propagation: Some("Background"),
        });
        self.event("Normal", "SuccessfulDelete", format!("Deleted job {}", job.name()));
    }

    /// Starts the job of the last moment that has come, and waits for the next.
    fn start_due(&mut self) {
        let zone = match self.cron.str_at(&["spec", "timeZone"]) {
            "" => TimeZone::UTC,
            name => match TimeZone::get(name) {
                Ok(zone) => zone,
                Err(_) => {
                    return self.event(
                        "Warning",
                        "UnknownTimeZone",
                        format!("invalid timeZone: \"{name}\": unknown time zone {name}"),
                    );
                }
            },
        };
        let text = self.cron.str_at(&["spec", "schedule"]);
        let schedule = match Schedule::parse(text) {
            Ok(schedule) => schedule,
            Err(error) => {
                return self.event(
                    "Warning",
                    "UnparseableSchedule",
                    format!("unparseable schedule: \"{text}\" : {error}"),
                );
            }
        };
        self.requeue_at = schedule.next(self.now, &zone);
        if self.requeue_at.is_none() {
            // The thirty-first of February.
            let why = "time difference between two schedules is less than 1 second";
            return self.event("Warning", "InvalidSchedule", format!("invalid schedule: {text} : {why}"));
        }
        let Some(due) = self.last_due(&schedule, &zone) else { return };
        if self.is_too_late(due) {
            return;
        }
        let running: Vec<&Arc<Object>> = self.jobs.iter().filter(|job| end_of(job).is_none()).copied().collect();
        match self.cron.str_at(&["spec", "concurrencyPolicy"]) {
            "Forbid" if !running.is_empty() => {
                let why = "Not starting job because prior execution is running and concurrency policy is Forbid";
                return self.event("Normal", "JobAlreadyActive", why.into());
            }
            "Replace" => {
                for job in running {
                    self.delete(job);
                }
            }
            _ => {}
        }
        self.start(due, &zone);
    }

    /// The last moment that came since the last start and whose job is not there.
    fn last_due(&mut self, schedule: &Schedule, zone: &TimeZone) -> Option<Timestamp> {
        let created = self.cron.creation_timestamp()?;
        let mut since = self.status.time_at(&["lastScheduleTime"]).unwrap_or(created);
        if let Some(seconds) = self.cron.int_at(&["spec", "startingDeadlineSeconds"]) {
            since = since.max(after(self.now, -seconds).unwrap_or(since));
        }
        let mut due = None;
        let mut missed = 0;
        while let Some(next) = schedule.next(since, zone).filter(|next| *next <= self.now) {
            since = next;
            due = Some(next);
            missed += 1;
            if missed > MOST_MISSED {
                break;
            }
        }
        if missed > 100 {
            let why = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.event("Warning", "TooManyMissedTimes", why.into());
        }
        due
    }

    fn is_too_late(&mut self, due: Timestamp) -> bool {
        let deadline = self.cron.int_at(&["spec", "startingDeadlineSeconds"]).and_then(|seconds| after(due, seconds));
        let late = deadline.is_some_and(|deadline| deadline < self.now);
        if late {
            let time = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S UTC", due).unwrap_or_default();
            self.event("Warning", "MissSchedule", format!("Missed scheduled time to start a job: {time}"));
        }
        late
    }

    fn start(&mut self, due: Timestamp, zone: &TimeZone) {
        let name = format!("{}-{}", self.cron.name(), due.as_second() / 60);
        self.status.set_at(&["lastScheduleTime"], rfc3339(due));
        if self.view.get(JOBS, self.cron.namespace(), &name).is_some() {
            return;
        }
        let template = self.cron.at(&["spec", "jobTemplate"]).unwrap_or(&Object::Null);
        let local = due.to_zoned(zone.clone());
        let time = if *zone == TimeZone::UTC {
            rfc3339(due)
        } else {
            jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%S%:z", &local).unwrap_or_else(|_| rfc3339(due))
        };
        let mut job = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {
                "name": name, "namespace": self.cron.namespace(), "ownerReferences": [owners::controller_ref(self.cron)],
                "annotations": template.at(&["metadata", "annotations"]).cloned().unwrap_or_else(|| json!({})),
            },
            "spec": template.at(&["spec"]).cloned().unwrap_or_else(|| json!({})),
        });
        if let Some(labels) = template.at(&["metadata", "labels"]) {
            job.set_at(&["metadata", "labels"], labels.clone());
        }
        job.set_at(&["metadata", "annotations", SCHEDULED], time);
        self.writes.push(Write::Create { resource: JOBS, object: job });
        self.event("Normal", "SuccessfulCreate", format!("Created job {name}"));
    }

    fn event(&mut self, kind: &'static str, reason: &str, message: String) {
        self.events.push(Write::Event(Event {
            regarding: Object::clone(self.cron),
            field_path: String::new(),
            kind,
            reason: reason.to_owned(),
            message,
            component: COMPONENT,
            host: String::new(),
        }));
    }

    fn finish(self) -> Outcome {
        let mut writes = self.writes;
        if self.cron.at(&["status"]).unwrap_or(&json!({})) != &self.status {
            let mut object = Object::clone(self.cron);
            object.set_at(&["status"], self.status);
            writes.push(Write::UpdateStatus { resource: CRON_JOBS, object });
        }
        writes.extend(self.events);
        Outcome { writes, requeue_at: self.requeue_at }
    }
}

fn reference(job: &Object) -> Object {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": job.name(), "namespace": job.namespace(),
        "uid": job.uid(), "resourceVersion": job.resource_version(),
    })
}
