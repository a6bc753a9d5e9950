use serde_json::json;

use super::*;
use crate::backend::controllers::support::pods::is_finished;
use crate::backend::controllers::testing::Lab;
use crate::object::time::rfc3339;
use counts::{INDEX, INDEX_FAILURES};

fn job(spec: Object) -> Object {
    let mut job = json!({
        "metadata": {"name": "pi", "namespace": "default", "generation": 1},
        "spec": {
            "parallelism": 1, "completions": 1, "backoffLimit": 6,
            "template": {"metadata": {"labels": {"job-name": "pi"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "perl"}]}},
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        job.set_at(&["spec", field], value.clone());
    }
    job
}

fn lab(spec: Object) -> Lab {
    let lab = Lab::new(vec![Box::new(JobController)]);
    lab.create(JOBS, job(spec));
    lab.settle();
    lab
}

/// Ends every pod that runs.
fn end(lab: &Lab, phase: &str) {
    let code = i64::from(phase == "Failed");
    end_some(lab, |_| true, phase, code);
}

/// Ends those pods that run and are meant, with an exit code.
fn end_some(lab: &Lab, meant: impl Fn(&Object) -> bool, phase: &str, code: i64) {
    for pod in lab.list("pods").into_iter().filter(|pod| !is_finished(pod) && meant(pod)) {
        let mut pod = pod;
        pod.set_at(&["status", "phase"], phase);
        let state = json!({"terminated": {"exitCode": code, "finishedAt": rfc3339(lab.clock.now())}});
        pod.set_at(&["status", "containerStatuses"], json!([{"name": "c", "restartCount": 0, "state": state}]));
        lab.api.update_status("pods", pod).expect("updates");
    }
    lab.settle();
}

fn status(lab: &Lab) -> Object {
    let mut status = lab.get(JOBS, "pi").at(&["status"]).cloned().unwrap_or_default();
    status.remove_at(&["uncountedTerminatedPods"]);
    status
}

fn reasons(lab: &Lab) -> Vec<String> {
    let status = status(lab);
    let list = status.list_at(&["conditions"]).iter();
    list.map(|condition| format!("{}={}", condition.str_at(&["type"]), condition.str_at(&["reason"]))).collect()
}

#[test]
fn completes() {
    let lab = lab(json!({}));
    assert_eq!(status(&lab), json!({"active": 1, "ready": 0, "terminating": 0, "startTime": "2026-03-01T12:00:00Z"}));
    lab.pass(7);
    end(&lab, "Succeeded");
    assert_eq!(reasons(&lab), ["SuccessCriteriaMet=CompletionsReached", "Complete=CompletionsReached"]);
    assert_eq!(status(&lab).str_at(&["completionTime"]), "2026-03-01T12:00:07Z");
    assert_eq!(status(&lab).int_at(&["succeeded"]), Some(1));
    let pod = lab.names("pods").remove(0);
    assert_eq!(
        lab.events("Job"),
        [format!("SuccessfulCreate: Created pod: {pod}"), "Completed: Job completed".to_owned()]
    );
}

#[test]
fn tries_again_ever_later_and_gives_up() {
    let lab = lab(json!({"backoffLimit": 2}));
    end(&lab, "Failed");
    assert_eq!(lab.names("pods").len(), 1);
    lab.pass(10);
    assert_eq!(lab.names("pods").len(), 2, "after ten seconds");
    end(&lab, "Failed");
    lab.pass(19);
    assert_eq!(lab.names("pods").len(), 2);
    lab.pass(1);
    assert_eq!(lab.names("pods").len(), 3, "after twenty more");
    end(&lab, "Failed");
    assert_eq!(reasons(&lab), ["FailureTarget=BackoffLimitExceeded", "Failed=BackoffLimitExceeded"]);
    assert_eq!(
        lab.events("Job").last().map(String::as_str),
        Some("BackoffLimitExceeded: Job has reached the specified backoff limit")
    );
}

#[test]
fn runs_as_many_at_once_as_asked_each_index_once() {
    let lab = lab(json!({"parallelism": 2, "completions": 3, "completionMode": "Indexed"}));
    let names = lab.names("pods");
    assert!(
        names.len() == 2
            && names.iter().any(|n| n.starts_with("pi-0-"))
            && names.iter().any(|n| n.starts_with("pi-1-")),
        "{names:?}"
    );
    end(&lab, "Succeeded");
    assert_eq!(status(&lab).str_at(&["completedIndexes"]), "0,1");
    assert!(lab.names("pods").iter().any(|name| name.starts_with("pi-2-")));
    end(&lab, "Succeeded");
    assert_eq!(status(&lab).str_at(&["completedIndexes"]), "0-2");
    assert_eq!(reasons(&lab).len(), 2);
}

#[test]
fn ends_at_its_deadline_and_goes_after_its_time_to_live() {
    let lab = lab(json!({"activeDeadlineSeconds": 30, "ttlSecondsAfterFinished": 60}));
    lab.pass(30);
    assert_eq!(reasons(&lab), ["FailureTarget=DeadlineExceeded", "Failed=DeadlineExceeded"]);
    lab.pass(59);
    assert_eq!(lab.list(JOBS).len(), 1);
    lab.pass(1);
    assert!(lab.list(JOBS).iter().all(|job| job.deletion_timestamp().is_some()), "held for its pods");
}

#[test]
fn stands_still_while_suspended() {
    let lab = lab(json!({"suspend": true}));
    assert_eq!((lab.names("pods").len(), reasons(&lab)), (0, vec!["Suspended=JobSuspended".to_owned()]));
    lab.edit(JOBS, "pi", |job| job.set_at(&["spec", "suspend"], false));
    lab.settle();
    assert_eq!((lab.names("pods").len(), reasons(&lab)), (1, vec!["Suspended=JobResumed".to_owned()]));
    lab.edit(JOBS, "pi", |job| job.set_at(&["spec", "suspend"], true));
    lab.settle();
    assert_eq!((status(&lab).int_at(&["failed"]), reasons(&lab)), (None, vec!["Suspended=JobSuspended".to_owned()]));
    assert!(lab.list("pods").iter().all(|pod| !is_tracked(pod)), "what is stopped counts for nothing");
}

fn is_index(index: &'static str) -> impl Fn(&Object) -> bool {
    move |pod| pod.annotation(INDEX) == Some(index)
}

#[test]
fn holds_pods_until_they_are_counted() {
    let lab = lab(json!({"parallelism": 2, "completions": 2}));
    let is_held = |lab: &Lab| lab.list("pods").iter().map(is_tracked).collect::<Vec<_>>();
    assert_eq!(is_held(&lab), [true, true]);
    end(&lab, "Succeeded");
    assert_eq!(is_held(&lab), [false, false]);
    assert_eq!(lab.get(JOBS, "pi").at(&["status", "uncountedTerminatedPods"]), Some(&json!({})));
    assert_eq!(status(&lab).int_at(&["succeeded"]), Some(2));
}

#[test]
fn lets_go_of_pods_whose_job_is_gone() {
    let lab = lab(json!({"parallelism": 2, "completions": 2}));
    lab.delete(JOBS, "pi", "Background");
    lab.settle();
    assert!(lab.list("pods").iter().all(|pod| !is_tracked(pod)));
}

#[test]
fn leaves_jobs_of_other_managers_alone() {
    let lab = lab(json!({"managedBy": "example.org/queue"}));
    assert_eq!((lab.names("pods").len(), status(&lab)), (0, json!({})));
}

#[test]
fn gives_up_an_index_that_failed_too_often() {
    let spec = json!({"parallelism": 2, "completions": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 1});
    let lab = lab(spec);
    end_some(&lab, is_index("0"), "Failed", 1);
    assert_eq!((lab.names("pods").len(), status(&lab).str_at(&["failedIndexes"])), (2, ""));
    lab.pass(10);
    let again = lab.list("pods").into_iter().find(|pod| !is_finished(pod) && is_index("0")(pod)).expect("a second try");
    assert_eq!(again.annotation(INDEX_FAILURES), Some("1"));
    end_some(&lab, is_index("0"), "Failed", 1);
    assert_eq!((reasons(&lab).len(), status(&lab).str_at(&["failedIndexes"])), (0, "0"));
    end(&lab, "Succeeded");
    assert_eq!(reasons(&lab), ["FailureTarget=FailedIndexes", "Failed=FailedIndexes"]);
    let status = status(&lab);
    assert_eq!((status.int_at(&["failed"]), status.int_at(&["succeeded"])), (Some(2), Some(1)));
    assert_eq!(status.str_at(&["completedIndexes"]), "1");
}

#[test]
fn fails_with_too_many_failed_indexes() {
    let lab = lab(json!({"parallelism": 3, "completions": 3, "completionMode": "Indexed",
        "backoffLimitPerIndex": 0, "maxFailedIndexes": 0}));
    end_some(&lab, is_index("1"), "Failed", 1);
    lab.pass(60);
    let message = "Job has exceeded the specified maximal number of failed indexes";
    assert_eq!(lab.events("Job").last(), Some(&format!("MaxFailedIndexesExceeded: {message}")));
    assert_eq!(status(&lab).int_at(&["failed"]), Some(3));
}

#[test]
fn obeys_the_pod_failure_policy() {
    let rules = json!({"rules": [
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]});
    let lab = lab(json!({"backoffLimit": 0, "podFailurePolicy": rules, "podReplacementPolicy": "Failed"}));
    end_some(&lab, |_| true, "Failed", 7);
    lab.pass(10);
    assert_eq!((lab.names("pods").len(), status(&lab).int_at(&["failed"])), (2, None), "ignored and replaced");
    let pod = lab.list("pods").into_iter().find(|pod| !is_finished(pod)).expect("another");
    end_some(&lab, |_| true, "Failed", 42);
    assert_eq!(reasons(&lab), ["FailureTarget=PodFailurePolicy", "Failed=PodFailurePolicy"]);
    let why =
        format!("Container c for pod default/{} failed with exit code 42 matching FailJob rule at index 1", pod.name());
    assert_eq!(lab.events("Job").last(), Some(&format!("PodFailurePolicy: {why}")));
}

#[test]
fn obeys_the_success_policy() {
    let rules = json!({"rules": [{"succeededIndexes": "1"}]});
    let lab = lab(json!({"parallelism": 3, "completions": 3, "completionMode": "Indexed", "successPolicy": rules}));
    end_some(&lab, is_index("1"), "Succeeded", 0);
    lab.pass(60);
    assert_eq!(reasons(&lab), ["SuccessCriteriaMet=SuccessPolicy", "Complete=SuccessPolicy"]);
    let status = status(&lab);
    assert_eq!((status.int_at(&["succeeded"]), status.int_at(&["failed"])), (Some(1), None));
    assert_eq!(lab.events("Job").last().map(String::as_str), Some("Completed: Job completed"));
}

#[test]
fn says_what_it_is_where_no_pod_can_be_made() {
    let lab = Lab::new(vec![Box::new(JobController)]);
    lab.create(
        "resourcequotas",
        json!({"metadata": {"name": "q", "namespace": "default"}, "spec": {"hard": {"pods": "1"}}}),
    );
    lab.create(JOBS, job(json!({"parallelism": 2, "completions": 2})));
    lab.settle();
    let status = status(&lab);
    assert_eq!(status.str_at(&["startTime"]), "2026-03-01T12:00:00Z");
    assert!(lab.events("Job").iter().any(|event| event.starts_with("FailedCreate: Error creating: pods \"pi-")));
}
