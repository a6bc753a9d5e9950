//! Pods: defaults, quality of service, what may change.

use serde_json::json;

use super::rules::{Rules, SPEC};
use super::{admission, pod_spec};
use crate::backend::registry::validation::container::quantity_of;
use crate::backend::registry::validation::{pod as validation, warnings};
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

pub(super) static POD: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |pod| {
        if pod.at(&["spec"]).is_some_and(Object::is_object) {
            let spec = pod.at_mut(&["spec"]);
            pod_spec::pod_spec(spec);
            pod_spec::pod_only(spec);
        }
    },
    create: |pod, cluster| {
        admission::admit_pod(pod, cluster)?;
        pod.set_at(&["status"], json!({"phase": "Pending", "qosClass": qos_class(pod)}));
        if !pod.list_at(&["spec", "schedulingGates"]).is_empty() {
            let condition = json!({"type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates"});
            pod.set_at(&["status", "conditions"], json!([condition]));
        }
        Ok(())
    },
    update: |pod, old, cluster| {
        admission::admit_changed_pod(pod, old, cluster);
        Ok(())
    },
    validate: |pod, faults| {
        let empty = Object::Null;
        validation::pod_spec(pod.at(&["spec"]).unwrap_or(&empty), "spec", faults);
    },
    validate_create: validation::pod_create,
    validate_update: validation::pod_update,
    warnings: warnings::pod,
    grace: |pod| {
        // Not yet on a node, or already ended: nothing has to be stopped.
        let ended = matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed");
        if ended || pod.str_at(&["spec", "nodeName"]).is_empty() {
            return Some(0);
        }
        Some(pod.int_at(&["spec", "terminationGracePeriodSeconds"]).unwrap_or(30))
    },
    ..Rules::NAMESPACED
};

pub(super) static POD_TEMPLATE: Rules = Rules {
    generation_of: &[&["template"]],
    default: |object| pod_spec::template(object.at_mut(&["template"])),
    validate: |object, faults| {
        let empty = Object::Null;
        validation::template(object.at(&["template"]).unwrap_or(&empty), "template", faults);
    },
    ..Rules::NAMESPACED
};

/// `Guaranteed`, `Burstable` or `BestEffort`, by the CPU and memory that the containers ask for.
pub fn qos_class(pod: &Object) -> &'static str {
    let containers = ["initContainers", "containers"].map(|list| pod.list_at(&["spec", list]));
    let amount = |container: &Object, side: &str, name: &str| -> Option<Quantity> {
        container.at(&["resources", side, name]).and_then(quantity_of).filter(|quantity| quantity.sign() > 0)
    };
    let mut asks = false;
    let mut guaranteed = true;
    for container in containers.into_iter().flatten() {
        for name in ["cpu", "memory"] {
            let limit = amount(container, "limits", name);
            let request = amount(container, "requests", name);
            asks = asks || limit.is_some() || request.is_some();
            guaranteed = guaranteed && limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (asks, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_service() {
        let pod = |resources: Object| json!({"spec": {"containers": [{"resources": resources}]}});
        for (resources, want) in [
            (json!({}), "BestEffort"),
            (json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed"),
            (
                json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}}),
                "Guaranteed",
            ),
            (json!({"limits": {"cpu": "1"}}), "Burstable"),
            (json!({"requests": {"memory": "1Gi"}}), "Burstable"),
            (json!({"requests": {"ephemeral-storage": "1Gi"}}), "BestEffort"),
        ] {
            assert_eq!(qos_class(&pod(resources.clone())), want, "{resources}");
        }
    }
}
