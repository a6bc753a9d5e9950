//! Objects as kubectl's own types write them: fields that the type does not have are gone, and structs
//! that are never left out are there (`resources: {}`, `status: {}`).

use serde_json::json;

use crate::object::Object;
use crate::object::schema::{self, Shape, Type};

/// Fields that Go writes even where they are empty: type, field, what is written (as JSON). Source: the
/// field tags of `k8s.io/api`.
const NEVER_OMITTED: &[(&str, &str, &str)] = &[
    ("apps.v1.DaemonSet", "status", "{}"),
    ("apps.v1.DaemonSetSpec", "updateStrategy", "{}"),
    ("apps.v1.DaemonSetStatus", "currentNumberScheduled", "0"),
    ("apps.v1.DaemonSetStatus", "desiredNumberScheduled", "0"),
    ("apps.v1.DaemonSetStatus", "numberMisscheduled", "0"),
    ("apps.v1.DaemonSetStatus", "numberReady", "0"),
    ("apps.v1.Deployment", "status", "{}"),
    ("apps.v1.DeploymentSpec", "strategy", "{}"),
    ("apps.v1.ReplicaSet", "status", "{}"),
    ("apps.v1.ReplicaSetStatus", "replicas", "0"),
    ("apps.v1.StatefulSet", "status", "{}"),
    ("apps.v1.StatefulSetSpec", "serviceName", "\"\""),
    ("apps.v1.StatefulSetSpec", "updateStrategy", "{}"),
    ("apps.v1.StatefulSetStatus", "availableReplicas", "0"),
    ("apps.v1.StatefulSetStatus", "replicas", "0"),
    ("autoscaling.v1.HorizontalPodAutoscaler", "status", "{}"),
    ("autoscaling.v1.HorizontalPodAutoscalerStatus", "currentReplicas", "0"),
    ("autoscaling.v1.HorizontalPodAutoscalerStatus", "desiredReplicas", "0"),
    ("autoscaling.v2.HorizontalPodAutoscaler", "status", "{}"),
    ("autoscaling.v2.HorizontalPodAutoscalerStatus", "currentMetrics", "null"),
    ("autoscaling.v2.HorizontalPodAutoscalerStatus", "desiredReplicas", "0"),
    ("batch.v1.CronJob", "status", "{}"),
    ("batch.v1.Job", "status", "{}"),
    ("batch.v1.JobTemplateSpec", "metadata", "{}"),
    ("core.v1.Container", "resources", "{}"),
    ("core.v1.PersistentVolumeClaim", "status", "{}"),
    ("core.v1.PersistentVolumeClaimSpec", "resources", "{}"),
    ("core.v1.Pod", "status", "{}"),
    ("core.v1.PodSpec", "containers", "null"),
    ("core.v1.PodTemplateSpec", "metadata", "{}"),
    ("core.v1.PodTemplateSpec", "spec", "{}"),
    ("core.v1.ReplicationController", "status", "{}"),
    ("core.v1.ReplicationControllerStatus", "replicas", "0"),
    ("core.v1.Service", "spec", "{}"),
    ("core.v1.Service", "status", "{}"),
    ("core.v1.ServicePort", "targetPort", "0"),
    ("core.v1.ServiceStatus", "loadBalancer", "{}"),
];

/// Whether kubectl knows the object's kind as a type of its own.
pub fn is_known(object: &Object) -> bool {
    schema::of_object(object).is_some()
}

/// The object as its type writes it; one of an unknown kind stays as it is.
#[must_use]
pub fn typed(mut object: Object) -> Object {
    if let Some(of) = schema::of_object(&object) {
        schema::normalize(of, &mut object);
        fill(of, &mut object);
    }
    object
}

fn fill(of: &'static Type, object: &mut Object) {
    let Object::Object(map) = object else { return };
    for (_, field, value) in NEVER_OMITTED.iter().filter(|(name, _, _)| *name == of.name()) {
        if !map.contains_key(*field) {
            map.insert((*field).to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(null)));
        }
    }
    for (name, value) in map.iter_mut() {
        if let Some(field) = of.field(name) {
            fill_shape(&field.shape, value);
        }
    }
}

fn fill_shape(shape: &Shape, value: &mut Object) {
    match (shape, value) {
        (Shape::Object(_), value @ Object::Object(_)) => {
            if let Some(of) = shape.object() {
                fill(of, value);
            }
        }
        (Shape::List(element), Object::Array(list)) => list.iter_mut().for_each(|value| fill_shape(element, value)),
        (Shape::Map(element), Object::Object(map)) => map.values_mut().for_each(|value| fill_shape(element, value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_go_writes() {
        for (given, want) in [
            (
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "creationTimestamp": null},
                    "spec": {"ports": [], "bogus": 1}}),
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}, "status": {"loadBalancer": {}}}),
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {
                    "selector": {}, "template": {"spec": {"containers": [{"name": "c"}]}}}}),
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {
                    "selector": {}, "strategy": {},
                    "template": {"metadata": {}, "spec": {"containers": [{"name": "c", "resources": {}}]}}}, "status": {}}),
            ),
            (
                json!({"apiVersion": "sea.example.org/v1", "kind": "Beacon", "x": null}),
                json!({"apiVersion": "sea.example.org/v1", "kind": "Beacon", "x": null}),
            ),
        ] {
            assert_eq!(typed(given), want);
        }
    }

    #[test]
    fn every_field_exists_and_its_value_is_json() {
        for (of, field, value) in NEVER_OMITTED {
            let found = schema::named(of).unwrap_or_else(|| panic!("no type {of}"));
            assert!(found.field(field).is_some(), "{of} has no {field}");
            assert!(serde_json::from_str::<Object>(value).is_ok(), "{of}.{field}");
        }
    }
}
