use super::*;
use crate::backend::controllers::testing::{FakeKubelet, Lab};
use crate::backend::scheduler::Scheduler;

fn lab(spec: Object) -> Lab {
    let lab = Lab::new(vec![Box::new(StatefulSetController), Box::new(Scheduler), Box::new(FakeKubelet)]);
    let mut set = json!({
        "metadata": {"name": "db", "namespace": "default", "generation": 1},
        "spec": {
            "replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "c", "image": "v1"}]}},
        },
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        set.set_at(&["spec", field], value.clone());
    }
    lab.create(SETS, set);
    lab.settle();
    lab
}

fn set_image(lab: &Lab, image: &str) {
    lab.edit(SETS, "db", |set| {
        if let Some(container) = set.at_mut(&["spec", "template", "spec", "containers"]).get_mut(0) {
            container.set_at(&["image"], image);
        }
    });
}

fn images(lab: &Lab) -> Vec<String> {
    let image = |pod: &Object| {
        pod.list_at(&["spec", "containers"]).iter().map(|c| c.str_at(&["image"]).to_owned()).collect::<String>()
    };
    lab.list("pods").iter().map(image).collect()
}

#[test]
fn starts_and_stops_in_order() {
    let lab = lab(json!({}));
    assert_eq!(lab.names("pods"), ["db-0"]);
    lab.pass(2);
    assert_eq!(lab.names("pods"), ["db-0", "db-1"]);
    lab.pass(10);
    assert_eq!(lab.names("pods"), ["db-0", "db-1", "db-2"]);
    let pod = lab.get("pods", "db-1");
    assert_eq!((pod.str_at(&["spec", "hostname"]), pod.str_at(&["spec", "subdomain"])), ("db-1", "db"));
    assert_eq!(pod.label("apps.kubernetes.io/pod-index"), Some("1"));
    let revision = lab.names("controllerrevisions.apps").remove(0);
    assert_eq!(
        lab.get(SETS, "db").at(&["status"]),
        Some(&json!({
            "replicas": 3, "readyReplicas": 3, "currentReplicas": 3, "updatedReplicas": 3, "availableReplicas": 3,
            "currentRevision": revision, "updateRevision": revision, "observedGeneration": 1, "collisionCount": 0,
        }))
    );
    assert_eq!(
        lab.events("StatefulSet").first().map(String::as_str),
        Some("SuccessfulCreate: Create Pod db-0 in StatefulSet db successful")
    );
    lab.edit(SETS, "db", |set| set.set_at(&["spec", "replicas"], 1));
    lab.settle();
    let stopping: Vec<String> = lab
        .list("pods")
        .iter()
        .filter(|pod| pod.deletion_timestamp().is_some())
        .map(|pod| pod.name().to_owned())
        .collect();
    assert_eq!(stopping, ["db-2"], "the last first");
    lab.pass(10);
    assert_eq!(lab.names("pods"), ["db-0"]);
}

#[test]
fn all_at_once_where_asked() {
    let lab = lab(json!({"podManagementPolicy": "Parallel"}));
    assert_eq!(lab.names("pods").len(), 3);
}

#[test]
fn updates_from_the_last_to_the_partition() {
    let lab = lab(json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}));
    lab.pass(20);
    set_image(&lab, "v2");
    lab.settle();
    assert!(lab.get("pods", "db-2").deletion_timestamp().is_some());
    assert!(lab.get("pods", "db-1").deletion_timestamp().is_none());
    lab.pass(30);
    assert_eq!(images(&lab), ["v1", "v2", "v2"]);
    lab.delete("pods", "db-0", "");
    lab.pass(30);
    assert_eq!(images(&lab), ["v1", "v2", "v2"], "below the partition it comes back as it was");
    lab.edit(SETS, "db", |set| set.set_at(&["spec", "updateStrategy", "rollingUpdate", "partition"], 0));
    lab.pass(30);
    assert_eq!(images(&lab), ["v2", "v2", "v2"]);
    let status = lab.get(SETS, "db");
    assert_eq!(status.str_at(&["status", "currentRevision"]), status.str_at(&["status", "updateRevision"]));
}

#[test]
fn a_pod_finds_its_claim_again() {
    let lab = lab(json!({
        "replicas": 1,
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
    }));
    lab.pass(10);
    assert_eq!(lab.names("persistentvolumeclaims"), ["data-db-0"]);
    let uid = lab.get("persistentvolumeclaims", "data-db-0").uid().to_owned();
    lab.delete("pods", "db-0", "");
    lab.pass(20);
    assert_eq!(lab.get("persistentvolumeclaims", "data-db-0").uid(), uid);
    let pod = lab.get("pods", "db-0");
    assert_eq!(
        pod.list_at(&["spec", "volumes"]).first(),
        Some(&json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}))
    );
}

#[test]
fn claims_go_as_the_set_says() {
    let template = json!([{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]);
    for (scaled, deleted, kept, condemned) in [
        ("Retain", "Retain", "", ""),
        ("Retain", "Delete", "StatefulSet", "StatefulSet"),
        ("Delete", "Retain", "", "Pod"),
        ("Delete", "Delete", "StatefulSet", "Pod"),
    ] {
        let policy = json!({"whenScaled": scaled, "whenDeleted": deleted});
        let lab = lab(
            json!({"replicas": 2, "volumeClaimTemplates": template, "persistentVolumeClaimRetentionPolicy": policy}),
        );
        lab.pass(20);
        lab.edit(SETS, "db", |set| set.set_at(&["spec", "replicas"], 1));
        lab.settle();
        let owner = |claim: &str| {
            let claim = lab.get("persistentvolumeclaims", claim);
            claim
                .list_at(&["metadata", "ownerReferences"])
                .iter()
                .map(|reference| reference.kind().to_owned())
                .collect::<String>()
        };
        assert_eq!((owner("data-db-0").as_str(), owner("data-db-1").as_str()), (kept, condemned), "{scaled} {deleted}");
    }
}

#[test]
fn a_partition_counts_from_the_first_ordinal() {
    let lab = lab(
        json!({"ordinals": {"start": 5}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}),
    );
    lab.pass(20);
    set_image(&lab, "v2");
    lab.pass(60);
    assert_eq!(
        (lab.names("pods"), images(&lab)),
        (["db-5", "db-6", "db-7"].map(str::to_owned).to_vec(), ["v1", "v1", "v2"].map(str::to_owned).to_vec())
    );
}
