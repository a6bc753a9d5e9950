//! Jobs and CronJobs. Source: `pkg/apis/batch/v1/defaults.go`, `pkg/apis/batch/validation`,
//! `pkg/registry/batch/job/strategy.go`.

use super::rules::{Defaults, Rules, SPEC};
use super::{job_policies, pod_spec};
use crate::backend::registry::validation::{Faults, child, cron, is_empty, is_set, pod, warnings, workload as check};
use crate::object::labels::Selector;
use crate::object::{Meta, Object, names};

/// The longest name of a CronJob: its jobs' names are eleven characters longer.
const CRON_JOB_NAME_MAX: usize = 52;
/// Labels that tie pods to their job: the name's and the UID's, each under an old and a new key.
const NAME_LABELS: [&str; 2] = ["job-name", "batch.kubernetes.io/job-name"];
const UID_LABELS: [&str; 2] = ["controller-uid", "batch.kubernetes.io/controller-uid"];

pub(super) static JOB: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |job| {
        job_spec(job.at_mut(&["spec"]));
        counts(job.at_mut(&["spec"]));
        // Of a job that has its selector; before that, see below.
        if is_set(job.at(&["spec", "selector"])) {
            labels_of_template(job);
        }
        job.or_set(&["spec", "completionMode"], "NonIndexed");
        job.or_set(&["spec", "suspend"], false);
        let policy = if is_set(job.at(&["spec", "podFailurePolicy"])) { "Failed" } else { "TerminatingOrFailed" };
        job.or_set(&["spec", "podReplacementPolicy"], policy);
        job.or_set(&["spec", "manualSelector"], false);
    },
    create: |job, _| {
        job.set_at(&["status"], serde_json::json!({}));
        if !job.bool_at(&["spec", "manualSelector"]) {
            generate_selector(job);
        }
        labels_of_template(job);
        Ok(())
    },
    validate: |job, faults| {
        let empty = Object::Null;
        let spec = job.at(&["spec"]).unwrap_or(&empty);
        generated_labels(job, spec, faults);
        validate_spec(spec, "spec", faults);
        match spec.at(&["selector"]).filter(|selector| !selector.is_null()) {
            None => faults.required("spec.selector", ""),
            selector => check::selector(selector, "spec.selector", faults),
        }
        if let Ok(selector) = Selector::from_object(spec.at(&["selector"])) {
            check::labels_match(&selector, spec, faults);
        }
        if spec.str_at(&["completionMode"]) == "Indexed" {
            let last = spec.int_at(&["completions"]).unwrap_or(0) - 1;
            let host = format!("{}-{last}", job.name());
            if last >= 0 && !names::dns1123_label(&host).is_empty() {
                let detail = format!("will not able to create pod with invalid DNS label: {host}");
                faults.invalid("metadata.name", job.name(), detail);
            }
        }
    },
    validate_update: |new, old, faults| {
        let indexed = old.str_at(&["spec", "completionMode"]) == "Indexed";
        let both = new.int_at(&["spec", "completions"]) == new.int_at(&["spec", "parallelism"]);
        // An indexed job may change both numbers together.
        if !(indexed && both) {
            faults.immutable(new, old, &["spec", "completions"]);
        }
        faults.immutable(new, old, &["spec", "selector"]);
        // A job that is suspended and never started can still be placed elsewhere.
        let movable = old.bool_at(&["spec", "suspend"]) && !is_set(old.at(&["status", "startTime"]));
        let fixed = |job: &Object| {
            let mut template = job.at(&["spec", "template"]).cloned().unwrap_or_default();
            if movable {
                for field in ["nodeSelector", "affinity", "tolerations", "schedulingGates"] {
                    template.remove_at(&["spec", field]);
                }
                template.remove_at(&["metadata"]);
            }
            template
        };
        if fixed(new) != fixed(old) {
            let template = new.at(&["spec", "template"]).cloned().unwrap_or_default();
            faults.invalid("spec.template", template, "field is immutable");
        }
        for field in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
            faults.immutable(new, old, &["spec", field]);
        }
    },
    warnings: warnings::workload,
    ..Rules::NAMESPACED
};

/// A job without labels has those of its pods, with the generated ones.
fn labels_of_template(job: &mut Object) {
    let labels = job.at(&["spec", "template", "metadata", "labels"]).cloned();
    if let (true, Some(labels)) = (is_empty(job.at(&["metadata", "labels"])), labels) {
        job.set_at(&["metadata", "labels"], labels);
    }
}

/// The fields that a Job and a CronJob's template share.
fn job_spec(spec: &mut Object) {
    pod_spec::template(spec.at_mut(&["template"]));
    job_policies::default(spec);
}

/// The counts of a Job, which a CronJob's template leaves open.
fn counts(spec: &mut Object) {
    if !is_set(spec.at(&["parallelism"])) && !is_set(spec.at(&["completions"])) {
        spec.set_at(&["completions"], 1);
    }
    spec.or_set(&["parallelism"], 1);
    let limit = if is_set(spec.at(&["backoffLimitPerIndex"])) { i64::from(i32::MAX) } else { 6 };
    spec.or_set(&["backoffLimit"], limit);
}

fn generate_selector(job: &mut Object) {
    let (name, uid) = (job.name().to_owned(), job.uid().to_owned());
    for (keys, value) in [(NAME_LABELS, &name), (UID_LABELS, &uid)] {
        for key in keys {
            job.or_set(&["spec", "template", "metadata", "labels", key], value.as_str());
        }
    }
    job.or_set(&["spec", "selector", "matchLabels", UID_LABELS[1]], uid);
}

fn generated_labels(job: &Object, spec: &Object, faults: &mut Faults) {
    if spec.bool_at(&["manualSelector"]) || !is_set(spec.at(&["selector"])) {
        return;
    }
    let labels = spec.at(&["template", "metadata", "labels"]);
    for (keys, value) in [(UID_LABELS, job.uid()), (NAME_LABELS, job.name())] {
        for key in keys {
            let field = "spec.template.metadata.labels";
            match labels.and_then(|labels| labels.get(key)).and_then(Object::as_str) {
                None => faults.required(format!("{field}[{key}]"), &format!("must be '{value}'")),
                Some(own) if own != value => {
                    faults.invalid(format!("{field}[{key}]"), own, format!("must be '{value}'"));
                }
                Some(_) => {}
            }
        }
    }
    if let Ok(selector) = Selector::from_object(spec.at(&["selector"])) {
        let own = |key: &str| {
            if UID_LABELS.contains(&key) { Some(job.uid()) } else { NAME_LABELS.contains(&key).then(|| job.name()) }
        };
        if !selector.matches_with(own) {
            let object = spec.at(&["selector"]).cloned().unwrap_or_default();
            faults.invalid("spec.selector", object, "`selector` not auto-generated");
        }
    }
}

fn validate_spec(spec: &Object, base: &str, faults: &mut Faults) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        faults.non_negative(spec, base, &[field]);
    }
    job_policies::limits(spec, base, faults);
    job_policies::check(spec, base, faults);
    let empty = Object::Null;
    let template = spec.at(&["template"]).unwrap_or(&empty);
    pod::template(template, &child(base, "template"), faults);
    let field = child(base, "template.spec.restartPolicy");
    match template.str_at(&["spec", "restartPolicy"]) {
        "" | "Always" => faults.required(field, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if is_set(spec.at(&["podFailurePolicy"])) => {
            faults.invalid(field, "OnFailure", "only \"Never\" is supported when podFailurePolicy is specified");
        }
        "OnFailure" | "Never" => {}
        other => faults.not_supported(field, other, &["OnFailure", "Never"]),
    }
}

pub(super) static CRON_JOB: Rules = Rules {
    default: |job| {
        job.or_set(&["spec", "jobTemplate", "metadata"], serde_json::json!({}));
        job_spec(job.at_mut(&["spec", "jobTemplate", "spec"]));
        job.or_text(&["spec", "concurrencyPolicy"], "Allow");
        job.or_set(&["spec", "suspend"], false);
        job.or_set(&["spec", "successfulJobsHistoryLimit"], 3);
        job.or_set(&["spec", "failedJobsHistoryLimit"], 1);
    },
    create: |job, _| {
        job.set_at(&["status"], serde_json::json!({}));
        Ok(())
    },
    validate: |job, faults| {
        let empty = Object::Null;
        let spec = job.at(&["spec"]).unwrap_or(&empty);
        let schedule = spec.str_at(&["schedule"]);
        if schedule.is_empty() {
            faults.required("spec.schedule", "");
        } else {
            if let Err(fault) = cron::check(schedule) {
                faults.invalid("spec.schedule", schedule, fault);
            }
            if schedule.contains("TZ") {
                let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
                faults.invalid("spec.schedule", schedule, detail);
            }
        }
        faults.non_negative(spec, "spec", &["startingDeadlineSeconds"]);
        time_zone(spec, faults);
        let policies = ["Allow", "Forbid", "Replace"];
        faults.one_of("spec.concurrencyPolicy", spec.str_at(&["concurrencyPolicy"]), &policies);
        let template = spec.at(&["jobTemplate", "spec"]).unwrap_or(&empty);
        validate_spec(template, "spec.jobTemplate.spec", faults);
        if let Some(selector) = template.at(&["selector"]).filter(|selector| !selector.is_null()) {
            faults.invalid("spec.jobTemplate.spec.selector", selector.clone(), "`selector` will be auto-generated");
        }
        if template.bool_at(&["manualSelector"]) {
            faults.not_supported("spec.jobTemplate.spec.manualSelector", true, &["nil", "false"]);
        }
        faults.non_negative(spec, "spec", &["successfulJobsHistoryLimit"]);
        faults.non_negative(spec, "spec", &["failedJobsHistoryLimit"]);
        if job.name().len() > CRON_JOB_NAME_MAX {
            faults.invalid("metadata.name", job.name(), names::length_complaint(CRON_JOB_NAME_MAX));
        }
    },
    ..Rules::WITH_STATUS
};

fn time_zone(spec: &Object, faults: &mut Faults) {
    let Some(zone) = spec.at(&["timeZone"]).filter(|zone| !zone.is_null()) else { return };
    let zone = zone.as_str().unwrap_or_default();
    if zone.is_empty() {
        faults.invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string");
    } else if zone.eq_ignore_ascii_case("local") {
        faults.invalid(
            "spec.timeZone",
            zone,
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
        );
    } else if jiff::tz::TimeZone::get(zone).is_err() {
        faults.invalid("spec.timeZone", zone, format!("unknown time zone {zone}"));
    }
}
