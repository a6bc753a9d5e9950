//! Containers that are added to a running pod. Source: `pkg/apis/core/validation/validation.go`.

use std::collections::BTreeSet;

use super::{Faults, child, container, indexed, is_empty};
use crate::object::{Meta, Object};

/// What other containers have and these must not: they are no part of what the pod serves.
const NOT_ALLOWED: [&str; 8] = [
    "ports",
    "resources",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "resizePolicy",
    "restartPolicyRules",
];
const DETAIL: &str = "cannot be set for an Ephemeral Container";

/// The ephemeral containers of a pod's spec, at `base`.
pub fn containers(spec: &Object, volumes: &BTreeSet<&str>, base: &str, faults: &mut Faults) {
    let others: BTreeSet<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| spec.list_at(&[list]))
        .map(|container| container.str_at(&["name"]))
        .collect();
    let mut all = others.clone();
    for (path, container) in indexed(spec, base, &["ephemeralContainers"]) {
        container::common(container, volumes, &path, faults);
        let name = container.str_at(&["name"]);
        if !all.insert(name) {
            faults.duplicate(child(&path, "name"), name);
        }
        let target = container.str_at(&["targetContainerName"]);
        if !target.is_empty() && !others.contains(target) {
            faults.not_found(child(&path, "targetContainerName"), target);
        }
        for field in NOT_ALLOWED {
            if !is_empty(container.at(&[field])) {
                faults.forbidden(child(&path, field), DETAIL);
            }
        }
        for (path, mount) in indexed(container, &path, &["volumeMounts"]) {
            for field in ["subPath", "subPathExpr"] {
                if !mount.str_at(&[field]).is_empty() {
                    faults.forbidden(child(&path, field), DETAIL);
                }
            }
        }
    }
}

/// Those that are there may neither change nor go.
pub fn update(new: &Object, old: &Object, faults: &mut Faults) {
    const LIST: [&str; 2] = ["spec", "ephemeralContainers"];
    const FIELD: &str = "spec.ephemeralContainers";
    for container in old.list_at(&LIST) {
        let name = container.str_at(&["name"]);
        match new.list_at(&LIST).iter().find(|other| other.str_at(&["name"]) == name) {
            None => faults.forbidden(FIELD, format!("existing ephemeral containers {name:?} may not be removed\n")),
            Some(other) if other != container => {
                faults.forbidden(FIELD, format!("existing ephemeral containers {name:?} may not be changed\n"));
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::registry::FieldErrors;
    use serde_json::json;

    fn texts(errors: FieldErrors) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn refuses_what_serves() {
        let spec = |container: Object| {
            let mut whole = json!({"name": "d", "image": "busybox", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"});
            for (field, value) in container.as_object().expect("a map") {
                whole[field] = value.clone();
            }
            json!({"containers": [{"name": "app"}], "initContainers": [{"name": "init"}], "ephemeralContainers": [whole]})
        };
        for (container, want) in [
            (json!({}), vec![]),
            (json!({"targetContainerName": "app", "resources": {}, "stdin": true}), vec![]),
            (json!({"name": "init"}), vec!["spec.ephemeralContainers[0].name: Duplicate value: \"init\""]),
            (
                json!({"targetContainerName": "d"}),
                vec!["spec.ephemeralContainers[0].targetContainerName: Not found: \"d\""],
            ),
            (
                json!({"resources": {"limits": {"cpu": "1"}}}),
                vec!["spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral Container"],
            ),
            (
                json!({"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "x"}]}),
                vec![
                    "spec.ephemeralContainers[0].volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container",
                ],
            ),
        ] {
            let mut faults = Faults::default();
            containers(&spec(container.clone()), &BTreeSet::from(["v"]), "spec", &mut faults);
            assert_eq!(texts(faults.0), want, "{container}");
        }
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let pod = |containers: Object| json!({"spec": {"ephemeralContainers": containers}});
        let old = pod(json!([{"name": "a", "image": "x"}]));
        for (new, want) in [
            (json!([{"name": "b"}, {"name": "a", "image": "x"}]), vec![]),
            (
                json!([]),
                vec!["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"a\" may not be removed\n"],
            ),
            (
                json!([{"name": "a", "image": "y"}]),
                vec!["spec.ephemeralContainers: Forbidden: existing ephemeral containers \"a\" may not be changed\n"],
            ),
        ] {
            let mut faults = Faults::default();
            update(&pod(new), &old, &mut faults);
            assert_eq!(texts(faults.0), want);
        }
    }
}
