//! Jobs and cron jobs.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object, Timestamp, time};

pub(super) const JOBS: &[Column] = &[
    NAME,
    Column::string("Status", |job, _| job_status(job).into()),
    Column::string("Completions", |job, _| completions(job)),
    Column::string("Duration", duration),
    AGE,
    Column::string("Containers", |job, _| cells::container_names(job, &["spec", "template", "spec", "containers"]))
        .wide(),
    Column::string("Images", |job, _| cells::container_images(job, &["spec", "template", "spec", "containers"])).wide(),
    Column::string("Selector", |job, _| cells::selector_or_none(job, &["spec", "selector"])).wide(),
];

pub(super) const CRON_JOBS: &[Column] = &[
    NAME,
    Column::string("Schedule", |cron, _| cron.str_at(&["spec", "schedule"]).into()),
    Column::string("Timezone", |cron, _| cells::text_or(cron, &["spec", "timeZone"], "<none>").into()),
    Column::boolean("Suspend", |cron, _| match cron.at(&["spec", "suspend"]).and_then(Object::as_bool) {
        Some(true) => "True".into(),
        Some(false) => "False".into(),
        None => "<unset>".into(),
    }),
    Column::integer("Active", |cron, _| cells::len(cron, &["status", "active"]).into()),
    Column::string("Last Schedule", |cron, now| match cron.time_at(&["status", "lastScheduleTime"]) {
        Some(last) => time::age(Some(last), now).into(),
        None => "<none>".into(),
    }),
    AGE,
    Column::string("Containers", |cron, _| cells::container_names(cron, JOB_TEMPLATE_CONTAINERS)).wide(),
    Column::string("Images", |cron, _| cells::container_images(cron, JOB_TEMPLATE_CONTAINERS)).wide(),
    Column::string("Selector", |cron, _| cells::selector_or_none(cron, &["spec", "jobTemplate", "spec", "selector"]))
        .wide(),
];

const JOB_TEMPLATE_CONTAINERS: &[&str] = &["spec", "jobTemplate", "spec", "template", "spec", "containers"];

fn job_status(job: &Object) -> &'static str {
    if cells::condition_is_true(job, "Complete") {
        "Complete"
    } else if cells::condition_is_true(job, "Failed") {
        "Failed"
    } else if job.deletion_timestamp().is_some() {
        "Terminating"
    } else {
        // The first that holds, in the order in which a job goes through them.
        ["Suspended", "FailureTarget", "SuccessCriteriaMet"]
            .into_iter()
            .find(|kind| cells::condition_is_true(job, kind))
            .unwrap_or("Running")
    }
}

fn completions(job: &Object) -> Cell {
    let succeeded = job.int_at(&["status", "succeeded"]).unwrap_or(0);
    let parallelism = job.int_at(&["spec", "parallelism"]).unwrap_or(0);
    match job.int_at(&["spec", "completions"]) {
        Some(wanted) => format!("{succeeded}/{wanted}").into(),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}").into(),
        None => format!("{succeeded}/1").into(),
    }
}

fn duration(job: &Object, now: Timestamp) -> Cell {
    let Some(start) = job.time_at(&["status", "startTime"]) else { return "".into() };
    let end = job.time_at(&["status", "completionTime"]).unwrap_or(now);
    time::human_duration(end.as_second() - start.as_second()).into()
}
