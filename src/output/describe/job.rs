//! Jobs and CronJobs.

use std::borrow::Cow;

use super::description::{Description, between};
use super::events::events;
use super::parts::{annotations, heading, labels};
use super::related::Related;
use super::template::pod_template;
use super::text::{bool_or_unset, controlled_by, int, is_set, text_at};
use crate::object::labels::Selector;
use crate::object::{Meta, Object};

/// Lists of completed indexes are cut at the first comma behind so many bytes.
const INDEXES: usize = 50;

pub(super) fn describe(d: &mut Description, job: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = job.get("spec").unwrap_or(&Object::Null);
    let status = job.get("status").unwrap_or(&Object::Null);
    d.field(0, "Name", job.name());
    d.field(0, "Namespace", job.namespace());
    selector(d, spec);
    labels(d, "Labels", &job.labels());
    annotations(d, "Annotations", &job.annotations());
    d.field_if(0, "Controlled By", &controlled_by(job));
    for (title, field, absent) in [
        ("Parallelism", "parallelism", ""),
        ("Completions", "completions", "<unset>"),
        ("Completion Mode", "completionMode", ""),
        ("Suspend", "suspend", ""),
        ("Backoff Limit", "backoffLimit", ""),
        ("TTL Seconds After Finished", "ttlSecondsAfterFinished", ""),
    ] {
        d.field_if(0, title, &text_at(spec, &[field], absent));
    }
    let (started, completed) = (status.time_at(&["startTime"]), status.time_at(&["completionTime"]));
    for (title, time) in [("Start Time", started), ("Completed At", completed)] {
        if time.is_some() {
            let time = d.time(time);
            d.field(0, title, time);
        }
    }
    if let (Some(started), Some(completed)) = (started, completed) {
        d.field(0, "Duration", between(started, completed));
    }
    deadline(d, spec);
    let (active, succeeded, failed) = (int(status, &["active"]), int(status, &["succeeded"]), int(status, &["failed"]));
    let ready = status.int_at(&["ready"]).map_or_else(String::new, |ready| format!(" ({ready} Ready)"));
    d.field(0, "Pods Statuses", format_args!("{active} Active{ready} / {succeeded} Succeeded / {failed} Failed"));
    if spec.str_at(&["completionMode"]) == "Indexed" {
        d.field(0, "Completed Indexes", indexes(status.str_at(&["completedIndexes"])));
    }
    pod_template(d, spec.get("template").unwrap_or(&Object::Null));
    events(d, related);
    Ok(())
}

fn selector(d: &mut Description, spec: &Object) {
    match Selector::from_object(spec.get("selector")) {
        Ok(selector) => d.field(0, "Selector", selector),
        Err(error) => d.field(0, "Selector", format_args!("Failed to get selector: {error}")),
    }
}

fn deadline(d: &mut Description, spec: &Object) {
    if let Some(seconds) = spec.int_at(&["activeDeadlineSeconds"]) {
        d.field(0, "Active Deadline Seconds", format_args!("{seconds}s"));
    }
}

fn indexes(text: &str) -> Cow<'_, str> {
    if text.is_empty() {
        return Cow::Borrowed("<none>");
    }
    let comma = text.bytes().enumerate().skip(INDEXES).find(|(_, byte)| *byte == b',');
    match comma.and_then(|(at, _)| text.get(..=at)) {
        Some(shown) => Cow::Owned(format!("{shown}...")),
        None => Cow::Borrowed(text),
    }
}

pub(super) fn describe_cron_job(d: &mut Description, job: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = job.get("spec").unwrap_or(&Object::Null);
    heading(d, job, true);
    d.field(0, "Schedule", spec.str_at(&["schedule"]));
    d.field(0, "Concurrency Policy", spec.str_at(&["concurrencyPolicy"]));
    d.field(0, "Suspend", bool_or_unset(spec, &["suspend"]));
    d.field(0, "Time Zone", text_at(spec, &["timeZone"], "<unset>"));
    d.field(0, "Successful Job History Limit", text_at(spec, &["successfulJobsHistoryLimit"], "<unset>"));
    d.field(0, "Failed Job History Limit", text_at(spec, &["failedJobsHistoryLimit"], "<unset>"));
    match spec.int_at(&["startingDeadlineSeconds"]) {
        Some(seconds) => d.field(0, "Starting Deadline Seconds", format_args!("{seconds}s")),
        None => d.field(0, "Starting Deadline Seconds", "<unset>"),
    }
    job_template(d, spec.at(&["jobTemplate", "spec"]).unwrap_or(&Object::Null));
    if is_set(job, &["status", "lastScheduleTime"]) {
        let time = d.time(job.time_at(&["status", "lastScheduleTime"]));
        d.field(0, "Last Schedule Time", time);
    } else {
        d.field(0, "Last Schedule Time", "<unset>");
    }
    let active: Vec<&str> =
        job.list_at(&["status", "active"]).iter().map(|reference| reference.str_at(&["name"])).collect();
    if active.is_empty() {
        d.field(0, "Active Jobs", "<none>");
    } else {
        d.field(0, "Active Jobs", active.join(", "));
    }
    events(d, related);
    Ok(())
}

fn job_template(d: &mut Description, spec: &Object) {
    if is_set(spec, &["selector"]) {
        selector(d, spec);
    } else {
        d.field(0, "Selector", "<unset>");
    }
    d.field(0, "Parallelism", text_at(spec, &["parallelism"], "<unset>"));
    d.field(0, "Completions", text_at(spec, &["completions"], "<unset>"));
    deadline(d, spec);
    pod_template(d, spec.get("template").unwrap_or(&Object::Null));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_cut_at_a_comma() {
        assert_eq!(indexes(""), "<none>");
        assert_eq!(indexes("1,2"), "1,2");
        let long = "0123456789,".repeat(6);
        assert_eq!(indexes(&long), format!("{}...", "0123456789,".repeat(5)));
    }
}
