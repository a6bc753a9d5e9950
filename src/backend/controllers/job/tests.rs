use super::*;
use crate::backend::controllers::testing::Lab;

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
    for pod in lab.list("pods").into_iter().filter(|pod| !is_finished(pod)) {
        let mut pod = pod;
        pod.set_at(&["status", "phase"], phase);
        let state = json!({"terminated": {"finishedAt": rfc3339(lab.clock.now())}});
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
}
