//! What makes a pod of a stateful set the one it is: its name, its host name, its claims.

use serde_json::json;

use crate::backend::controllers::support::owners;
use crate::object::{Meta, Object};

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// Which of a set's pods this is, by its name.
pub fn ordinal(set: &Object, pod: &Object) -> Option<i64> {
    pod.name().strip_prefix(set.name())?.strip_prefix('-')?.parse().ok()
}

/// The name of the claim of a pod for a template of claims.
fn claim_name(set: &Object, template: &Object, ordinal: i64) -> String {
    format!("{}-{}-{ordinal}", template.name(), set.name())
}

/// A pod of the set.
pub fn pod(set: &Object, template: &Object, ordinal: i64) -> Object {
    let name = format!("{}-{ordinal}", set.name());
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "generateName": format!("{}-", set.name()), "namespace": set.namespace(),
            "ownerReferences": [owners::controller_ref(set)],
        },
        "spec": template.at(&["spec"]).cloned().unwrap_or_else(|| json!({})),
    });
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.at(&["metadata", field]) {
            pod.set_at(&["metadata", field], value.clone());
        }
    }
    pod.set_at(&["metadata", "labels", POD_NAME], name.clone());
    pod.set_at(&["metadata", "labels", POD_INDEX], ordinal.to_string());
    pod.set_at(&["spec", "hostname"], name);
    let service = set.str_at(&["spec", "serviceName"]);
    if !service.is_empty() {
        pod.set_at(&["spec", "subdomain"], service);
    }
    let templates = set.list_at(&["spec", "volumeClaimTemplates"]);
    if !templates.is_empty() {
        let own: Vec<Object> = templates
            .iter()
            .map(|template| {
                json!({"name": template.name(), "persistentVolumeClaim": {"claimName": claim_name(set, template, ordinal)}})
            })
            .collect();
        let others = pod.list_at(&["spec", "volumes"]).iter();
        let others =
            others.filter(|volume| !templates.iter().any(|template| template.name() == volume.str_at(&["name"])));
        let volumes: Vec<Object> = own.iter().chain(others).cloned().collect();
        pod.set_at(&["spec", "volumes"], volumes);
    }
    pod
}

/// The claims of a pod of the set.
pub fn claims(set: &Object, ordinal: i64) -> Vec<Object> {
    let templates = set.list_at(&["spec", "volumeClaimTemplates"]).iter();
    let claim = |template: &Object| {
        let mut claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim_name(set, template, ordinal), "namespace": set.namespace()},
            "spec": template.at(&["spec"]).cloned().unwrap_or_else(|| json!({})),
        });
        for field in ["labels", "annotations"] {
            if let Some(value) = template.at(&["metadata", field]) {
                claim.set_at(&["metadata", field], value.clone());
            }
        }
        for (key, value) in set.map_at(&["spec", "selector", "matchLabels"]) {
            claim.set_at(&["metadata", "labels", key], value);
        }
        claim
    };
    templates.map(claim).collect()
}
