use super::*;
use crate::backend::controllers::job::JobController;
use crate::backend::controllers::support::pods::is_finished;
use crate::backend::controllers::testing::Lab;

fn lab(spec: Object) -> Lab {
    let lab = Lab::new(vec![
        Box::new(CronJobController),
        Box::new(JobController),
        Box::new(crate::backend::controllers::garbage::GarbageCollector),
    ]);
    let mut cron = json!({
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {
            "schedule": "*/5 * * * *",
            "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"parallelism": 1, "completions": 1,
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}},
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        cron.set_at(&["spec", field], value.clone());
    }
    lab.create(CRON_JOBS, cron);
    lab.settle();
    lab
}

fn end_pods(lab: &Lab) {
    for mut pod in lab.list("pods").into_iter().filter(|pod| !is_finished(pod)) {
        pod.set_at(&["status", "phase"], "Succeeded");
        lab.api.update_status("pods", pod).expect("updates");
    }
    lab.settle();
}

#[test]
fn starts_a_job_at_each_moment_and_keeps_three() {
    let lab = lab(json!({}));
    lab.pass(299);
    assert_eq!(lab.names(JOBS), Vec::<String>::new());
    for _ in 0..6 {
        lab.pass(300);
        end_pods(&lab);
    }
    let minute = |minutes: i64| format!("tick-{}", 1_772_366_400 / 60 + minutes);
    assert_eq!(lab.names(JOBS), [20, 25, 30].map(minute));
    let cron = lab.get(CRON_JOBS, "tick");
    assert_eq!(cron.str_at(&["status", "lastScheduleTime"]), "2026-03-01T12:30:00Z");
    assert_eq!(cron.list_at(&["status", "active"]).len(), 0);
    let events = lab.events("CronJob");
    let first = minute(5);
    assert_eq!(
        events.iter().take(2).collect::<Vec<_>>(),
        [
            &format!("SuccessfulCreate: Created job {first}"),
            &format!("SawCompletedJob: Saw completed job: {first}, condition: Complete")
        ]
    );
    let job = lab.list(JOBS).remove(0);
    assert_eq!(job.annotation(SCHEDULED), Some("2026-03-01T12:20:00Z"));
}

#[test]
fn jobs_that_overlap() {
    for (policy, jobs, event) in
        [("Allow", 2, ""), ("Forbid", 1, "JobAlreadyActive"), ("Replace", 1, "SuccessfulDelete")]
    {
        let lab = lab(json!({"concurrencyPolicy": policy}));
        lab.pass(600);
        let left = lab.list(JOBS).into_iter().filter(|job| job.deletion_timestamp().is_none()).count();
        assert_eq!(left, jobs, "{policy}");
        assert!(event.is_empty() || lab.events("CronJob").iter().any(|text| text.starts_with(event)), "{policy}");
    }
}

#[test]
fn stands_still_while_suspended() {
    let lab = lab(json!({"suspend": true}));
    lab.pass(3000);
    assert_eq!(lab.names(JOBS).len(), 0);
}
