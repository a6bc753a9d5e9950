use super::*;
use crate::backend::controllers::deployment::DeploymentController;
use crate::backend::controllers::replicaset::ReplicaSetController;
use crate::backend::controllers::testing::{FakeKubelet, Lab, deployment};
use crate::backend::scheduler::Scheduler;

fn lab(requests: Object) -> Lab {
    let lab = Lab::new(vec![
        Box::new(AutoscalerController),
        Box::new(DeploymentController),
        Box::new(ReplicaSetController::replica_sets()),
        Box::new(Scheduler),
        Box::new(FakeKubelet),
    ]);
    let mut web = deployment("web", 1, "nginx");
    if let Some(container) = web.at_mut(&["spec", "template", "spec", "containers"]).get_mut(0) {
        container.set_at(&["resources", "requests"], requests);
    }
    lab.create("deployments.apps", web);
    lab.create(AUTOSCALERS, json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
        },
    }));
    lab
}

fn size(lab: &Lab) -> Option<i64> {
    lab.get("deployments.apps", "web").int_at(&["spec", "replicas"])
}

fn condition(lab: &Lab, kind: &str) -> (String, String) {
    let scaler = lab.get(AUTOSCALERS, "web");
    let found = conditions::find(scaler.list_at(&["status", "conditions"]), kind).cloned().unwrap_or_default();
    (found.str_at(&["reason"]).to_owned(), found.str_at(&["message"]).to_owned())
}

#[test]
fn follows_the_load_up_at_once_and_down_after_the_window() {
    let lab = lab(json!({"cpu": "100m"}));
    lab.pass(30);
    assert_eq!(size(&lab), Some(1));
    lab.edit("deployments.apps", "web", |web| web.set_at(&["metadata", "annotations", usage::CPU_LOAD], "200m"));
    lab.settle();
    assert_eq!(size(&lab), Some(4), "200% of a target of 50%");
    assert_eq!(
        lab.events("HorizontalPodAutoscaler").last().map(String::as_str),
        Some("SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target")
    );
    lab.pass(60);
    assert_eq!(size(&lab), Some(4), "each of four bears 50m now");
    let scaler = lab.get(AUTOSCALERS, "web");
    assert_eq!(
        scaler.at(&["status", "currentMetrics"]),
        Some(
            &json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 50, "averageValue": "50m"}}}])
        )
    );
    assert_eq!(condition(&lab, "ScalingActive").0, "ValidMetricFound");
    lab.edit("deployments.apps", "web", |web| web.set_at(&["metadata", "annotations", usage::CPU_LOAD], "20m"));
    lab.pass(299);
    assert_eq!(size(&lab), Some(4));
    assert_eq!(condition(&lab, "AbleToScale").0, "ScaleDownStabilized");
    lab.pass(2);
    assert_eq!(size(&lab), Some(1));
    lab.pass(60);
    assert_eq!(lab.list("pods").len(), 1);
    let quiet = lab.pass(3600);
    assert_eq!(quiet.looks, 0, "an idle cluster does nothing");
}

#[test]
fn stops_at_the_most_and_says_so() {
    let lab = lab(json!({"cpu": "100m"}));
    lab.pass(30);
    lab.edit("deployments.apps", "web", |web| web.set_at(&["metadata", "annotations", usage::CPU_LOAD], "5"));
    lab.pass(120);
    assert_eq!(size(&lab), Some(5));
    assert_eq!(condition(&lab, "ScalingLimited").0, "TooManyReplicas");
}

#[test]
fn says_what_is_missing() {
    let lab = lab(json!({}));
    lab.pass(30);
    let pod = lab.names("pods").remove(0);
    let why = format!("failed to get cpu utilization: missing request for cpu in container c of Pod {pod}");
    assert_eq!(
        condition(&lab, "ScalingActive"),
        ("FailedGetResourceMetric".into(), format!("the HPA was unable to compute the replica count: {why}"))
    );
    assert!(lab.events("HorizontalPodAutoscaler").contains(&format!("FailedGetResourceMetric: {why}")));
    lab.delete("deployments.apps", "web", "");
    lab.settle();
    assert_eq!(
        condition(&lab, "AbleToScale"),
        (
            "FailedGetScale".into(),
            "the HPA controller was unable to get the target's current scale: deployments.apps \"web\" not found"
                .into()
        )
    );
}

#[test]
fn brings_a_size_within_the_bounds() {
    let lab = lab(json!({"cpu": "100m"}));
    lab.edit("deployments.apps", "web", |web| web.set_at(&["spec", "replicas"], 9));
    lab.pass(1);
    assert_eq!(size(&lab), Some(5));
    assert_eq!(
        lab.events("HorizontalPodAutoscaler").first().map(String::as_str),
        Some("SuccessfulRescale: New size: 5; reason: Current number of replicas above Spec.MaxReplicas")
    );
}

#[test]
fn grows_and_shrinks_as_fast_as_its_policies_let_it() {
    let lab = lab(json!({"cpu": "100m"}));
    lab.edit(AUTOSCALERS, "web", |scaler| {
        scaler.set_at(&["spec", "behavior"], json!({
            "scaleUp": {"stabilizationWindowSeconds": 30, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]},
            "scaleDown": {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}]},
        }));
    });
    lab.pass(60);
    let load = |load: &str| {
        lab.edit("deployments.apps", "web", |web| web.set_at(&["metadata", "annotations", usage::CPU_LOAD], load));
    };
    load("1");
    lab.pass(29);
    assert_eq!((size(&lab), condition(&lab, "AbleToScale").0.as_str()), (Some(1), "ScaleUpStabilized"));
    lab.pass(2);
    assert_eq!((size(&lab), condition(&lab, "ScalingLimited").0.as_str()), (Some(2), "ScaleUpLimit"));
    lab.pass(50);
    assert_eq!(size(&lab), Some(2));
    lab.pass(11);
    assert_eq!(size(&lab), Some(3));
    lab.pass(240);
    assert_eq!(size(&lab), Some(5));
    load("1m");
    lab.pass(1);
    assert_eq!((size(&lab), condition(&lab, "ScalingLimited").0.as_str()), (Some(3), "ScaleDownLimit"));
    lab.pass(62);
    assert_eq!(size(&lab), Some(1));
    lab.pass(120);
    assert_eq!(lab.pass(3600).looks, 0, "an idle cluster does nothing");
}

#[test]
fn has_a_tolerance_of_its_own() {
    let lab = lab(json!({"cpu": "100m"}));
    lab.edit(AUTOSCALERS, "web", |scaler| {
        scaler.set_at(&["spec", "behavior"], json!({"scaleUp": {"tolerance": "500m"}}));
    });
    lab.pass(30);
    lab.edit("deployments.apps", "web", |web| web.set_at(&["metadata", "annotations", usage::CPU_LOAD], "70m"));
    lab.pass(30);
    assert_eq!(size(&lab), Some(1), "140% is near enough");
    lab.edit("deployments.apps", "web", |web| web.set_at(&["metadata", "annotations", usage::CPU_LOAD], "80m"));
    lab.pass(30);
    assert_eq!(size(&lab), Some(2));
}
