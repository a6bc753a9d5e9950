//! Deployments, ReplicaSets, StatefulSets, DaemonSets and ReplicationControllers.
//! Source: `pkg/apis/apps/v1/defaults.go`, `pkg/apis/apps/validation`.

use serde_json::json;

use super::pod_spec;
use super::rules::{Defaults, Rules, SPEC};
use crate::backend::registry::validation::{Faults, is_empty, is_set, warnings, workload as check};
use crate::object::labels::Selector;
use crate::object::{Meta, Object, names};

pub(super) static DEPLOYMENT: Rules = Rules {
    // A change of the annotations counts too: revisions are noted there.
    generation_of: &[&["spec"], &["metadata", "annotations"]],
    status: true,
    default: |deployment| {
        pod_spec::template(deployment.at_mut(&["spec", "template"]));
        deployment.or_set(&["spec", "replicas"], 1);
        deployment.or_text(&["spec", "strategy", "type"], "RollingUpdate");
        if deployment.str_at(&["spec", "strategy", "type"]) == "RollingUpdate" {
            for field in ["maxUnavailable", "maxSurge"] {
                deployment.or_set(&["spec", "strategy", "rollingUpdate", field], "25%");
            }
        }
        deployment.or_set(&["spec", "revisionHistoryLimit"], 10);
        deployment.or_set(&["spec", "progressDeadlineSeconds"], 600);
    },
    validate: |deployment, faults| {
        let empty = Object::Null;
        let spec = deployment.at(&["spec"]).unwrap_or(&empty);
        faults.non_negative(spec, "spec", &["replicas"]);
        check::required_selector(spec, "deployment", faults);
        check::matching_template(spec, "ReplicaSet", faults);
        deployment_strategy(spec, faults);
        for field in ["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"] {
            faults.non_negative(spec, "spec", &[field]);
        }
        let ready = spec.int_at(&["minReadySeconds"]).unwrap_or(0);
        if let Some(deadline) = spec.int_at(&["progressDeadlineSeconds"]).filter(|deadline| *deadline <= ready) {
            faults.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
        }
    },
    validate_update: |new, old, faults| faults.immutable(new, old, &["spec", "selector"]),
    warnings: warnings::workload,
    ..Rules::NAMESPACED
};

fn deployment_strategy(spec: &Object, faults: &mut Faults) {
    let strategy = spec.at(&["strategy"]).cloned().unwrap_or_default();
    let rolling = strategy.at(&["rollingUpdate"]).filter(|rolling| !rolling.is_null());
    match (strategy.str_at(&["type"]), rolling) {
        ("Recreate", Some(_)) => {
            faults.forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
        }
        ("Recreate", None) => {}
        ("RollingUpdate", None) => {
            faults.required("spec.strategy.rollingUpdate", "this should be defaulted and never be nil");
        }
        ("RollingUpdate", Some(rolling)) => {
            let field = "spec.strategy.rollingUpdate.maxUnavailable";
            let (unavailable, surge) = (rolling.at(&["maxUnavailable"]), rolling.at(&["maxSurge"]));
            check::count_or_percent(unavailable, field, faults);
            check::count_or_percent(surge, "spec.strategy.rollingUpdate.maxSurge", faults);
            if check::number_in(unavailable) == 0 && check::number_in(surge) == 0 {
                let value = unavailable.cloned().unwrap_or_default();
                faults.invalid(field, value, "may not be 0 when `maxSurge` is 0");
            }
            check::at_most_100_percent(unavailable, field, faults);
        }
        _ => faults.not_supported("spec.strategy", strategy.clone(), &["Recreate", "RollingUpdate"]),
    }
}

pub(super) static REPLICA_SET: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |set| {
        pod_spec::template(set.at_mut(&["spec", "template"]));
        set.or_set(&["spec", "replicas"], 1);
    },
    // Controllers' objects start with a status that says so.
    create: |set, _| {
        set.set_at(&["status"], json!({"replicas": 0}));
        Ok(())
    },
    validate: |set, faults| {
        let empty = Object::Null;
        let spec = set.at(&["spec"]).unwrap_or(&empty);
        faults.non_negative(spec, "spec", &["replicas"]);
        faults.non_negative(spec, "spec", &["minReadySeconds"]);
        check::required_selector(spec, "deployment", faults);
        check::matching_template(spec, "ReplicaSet", faults);
    },
    validate_update: |new, old, faults| faults.immutable(new, old, &["spec", "selector"]),
    warnings: warnings::workload,
    ..Rules::NAMESPACED
};

pub(super) static REPLICATION_CONTROLLER: Rules = Rules {
    default: |controller| {
        pod_spec::template(controller.at_mut(&["spec", "template"]));
        controller.or_set(&["spec", "replicas"], 1);
        if let Some(labels) = controller.at(&["spec", "template", "metadata", "labels"]).cloned() {
            for path in [&["spec", "selector"][..], &["metadata", "labels"]] {
                if is_empty(controller.at(path)) {
                    controller.set_at(path, labels.clone());
                }
            }
        }
    },
    create: |controller, _| {
        controller.set_at(&["status"], json!({"replicas": 0}));
        Ok(())
    },
    validate: |controller, faults| {
        let empty = Object::Null;
        let spec = controller.at(&["spec"]).unwrap_or(&empty);
        faults.non_negative(spec, "spec", &["minReadySeconds"]);
        if is_empty(spec.at(&["selector"])) {
            faults.required("spec.selector", "");
        }
        faults.non_negative(spec, "spec", &["replicas"]);
        if !is_set(spec.at(&["template"])) {
            faults.required("spec.template", "");
            return;
        }
        check::labels_match(&Selector::from_map(spec.map_at(&["selector"])), spec, faults);
        check::template_of_service(spec, "ReplicationController", faults);
    },
    ..REPLICA_SET
};

pub(super) static STATEFUL_SET: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |set| {
        pod_spec::template(set.at_mut(&["spec", "template"]));
        set.or_text(&["spec", "podManagementPolicy"], "OrderedReady");
        if set.str_at(&["spec", "updateStrategy", "type"]).is_empty() {
            set.set_at(&["spec", "updateStrategy", "type"], "RollingUpdate");
            set.or_set(&["spec", "updateStrategy", "rollingUpdate"], json!({}));
        }
        if set.str_at(&["spec", "updateStrategy", "type"]) == "RollingUpdate" {
            set.with(&["spec", "updateStrategy", "rollingUpdate"], |rolling| {
                rolling.or_set(&["partition"], 0);
            });
        }
        for field in ["whenDeleted", "whenScaled"] {
            set.or_text(&["spec", "persistentVolumeClaimRetentionPolicy", field], "Retain");
        }
        set.or_set(&["spec", "replicas"], 1);
        set.or_set(&["spec", "revisionHistoryLimit"], 10);
        set.each(&["spec", "volumeClaimTemplates"], |claim| {
            claim.set_at(&["kind"], "PersistentVolumeClaim");
            claim.set_at(&["apiVersion"], "v1");
            claim.with(&["spec"], pod_spec::claim_spec);
            claim.or_text(&["status", "phase"], "Pending");
        });
    },
    create: |set, _| {
        set.set_at(&["status"], json!({"replicas": 0, "availableReplicas": 0}));
        Ok(())
    },
    validate: |set, faults| {
        let empty = Object::Null;
        let spec = set.at(&["spec"]).unwrap_or(&empty);
        let policy = spec.str_at(&["podManagementPolicy"]);
        if !matches!(policy, "OrderedReady" | "Parallel") {
            faults.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'");
        }
        stateful_strategy(spec, faults);
        faults.non_negative(spec, "spec", &["replicas"]);
        faults.non_negative(spec, "spec", &["minReadySeconds"]);
        faults.non_negative(spec, "spec", &["ordinals", "start"]);
        let service = spec.str_at(&["serviceName"]);
        if !service.is_empty() {
            faults.complaints("spec.serviceName", service, names::dns1123_label(service));
        }
        check::required_selector(spec, "statefulset", faults);
        // Claims become volumes of the pods.
        let mut with_claims = spec.clone();
        let claims: Vec<&str> = spec.list_at(&["volumeClaimTemplates"]).iter().map(Meta::name).collect();
        if !claims.is_empty() {
            let own = spec.list_at(&["template", "spec", "volumes"]);
            let claimed = claims.iter().map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
            let kept = own.iter().filter(|volume| !claims.contains(&volume.str_at(&["name"]))).cloned();
            with_claims.set_at(&["template", "spec", "volumes"], claimed.chain(kept).collect::<Vec<_>>());
        }
        check::matching_template(&with_claims, "StatefulSet", faults);
    },
    validate_update: |new, old, faults| {
        let fixed = |set: &Object| {
            let mut spec = set.at(&["spec"]).cloned().unwrap_or_default();
            for field in [
                "replicas",
                "template",
                "updateStrategy",
                "minReadySeconds",
                "ordinals",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
            ] {
                spec.remove_at(&[field]);
            }
            spec.each(&["volumeClaimTemplates"], |claim| drop(claim.remove_at(&["status"])));
            spec
        };
        if fixed(new) != fixed(old) {
            faults.forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            );
        }
    },
    warnings: warnings::workload,
    ..Rules::NAMESPACED
};

fn stateful_strategy(spec: &Object, faults: &mut Faults) {
    let field = "spec.updateStrategy";
    let rolling = spec.at(&["updateStrategy", "rollingUpdate"]).filter(|rolling| !rolling.is_null());
    match (spec.str_at(&["updateStrategy", "type"]), rolling) {
        ("", _) => faults.required(field, ""),
        ("OnDelete", Some(rolling)) => faults.invalid(
            format!("{field}.rollingUpdate"),
            rolling.clone(),
            "only allowed for updateStrategy 'RollingUpdate'",
        ),
        ("OnDelete", None) | ("RollingUpdate", None) => {}
        ("RollingUpdate", Some(rolling)) => {
            faults.non_negative(rolling, &format!("{field}.rollingUpdate"), &["partition"]);
        }
        _ => {
            let strategy = spec.at(&["updateStrategy"]).cloned().unwrap_or_default();
            faults.invalid(field, strategy, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
}

pub(super) static DAEMON_SET: Rules = Rules {
    generation_of: SPEC,
    status: true,
    default: |set| {
        pod_spec::template(set.at_mut(&["spec", "template"]));
        set.or_text(&["spec", "updateStrategy", "type"], "RollingUpdate");
        if set.str_at(&["spec", "updateStrategy", "type"]) == "RollingUpdate" {
            set.or_set(&["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"], 1);
            set.or_set(&["spec", "updateStrategy", "rollingUpdate", "maxSurge"], 0);
        }
        set.or_set(&["spec", "revisionHistoryLimit"], 10);
    },
    create: |set, _| {
        let zero = ["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"];
        let status: serde_json::Map<String, Object> =
            zero.iter().map(|field| ((*field).to_owned(), 0.into())).collect();
        set.set_at(&["status"], status);
        template_generation(set, 1);
        Ok(())
    },
    update: |new, old, _| {
        let changed = new.at(&["spec", "template"]) != old.at(&["spec", "template"]);
        let before = old.annotation("deprecated.daemonset.template.generation").and_then(|text| text.parse().ok());
        template_generation(new, before.unwrap_or(0) + i64::from(changed));
        Ok(())
    },
    validate: |set, faults| {
        let empty = Object::Null;
        let spec = set.at(&["spec"]).unwrap_or(&empty);
        if !is_set(spec.at(&["selector"])) {
            faults.required("spec.selector", "");
        }
        check::selector(spec.at(&["selector"]), "spec.selector", faults);
        if let Ok(selector) = Selector::from_object(spec.at(&["selector"])) {
            check::labels_match(&selector, spec, faults);
            if selector.is_everything() {
                let object = spec.at(&["selector"]).cloned().unwrap_or_default();
                faults.invalid("spec.selector", object, "empty selector is invalid for daemonset");
            }
        }
        check::template_of_service(spec, "DaemonSet", faults);
        faults.non_negative(spec, "spec", &["minReadySeconds"]);
        daemon_strategy(spec, faults);
        faults.non_negative(spec, "spec", &["revisionHistoryLimit"]);
    },
    validate_update: |new, old, faults| faults.immutable(new, old, &["spec", "selector"]),
    warnings: warnings::workload,
    ..Rules::NAMESPACED
};

/// The counter that DaemonSets keep of their template's changes.
fn template_generation(set: &mut Object, generation: i64) {
    set.set_at(&["metadata", "annotations", "deprecated.daemonset.template.generation"], generation.to_string());
}

fn daemon_strategy(spec: &Object, faults: &mut Faults) {
    let field = "spec.updateStrategy";
    let rolling = spec.at(&["updateStrategy", "rollingUpdate"]).filter(|rolling| !rolling.is_null());
    match (spec.str_at(&["updateStrategy", "type"]), rolling) {
        ("OnDelete", _) => {}
        ("RollingUpdate", None) => faults.required(format!("{field}.rollingUpdate"), ""),
        ("RollingUpdate", Some(rolling)) => {
            let (unavailable, surge) = (rolling.at(&["maxUnavailable"]), rolling.at(&["maxSurge"]));
            let [unavailable_field, surge_field] =
                ["maxUnavailable", "maxSurge"].map(|name| format!("{field}.rollingUpdate.{name}"));
            check::count_or_percent(unavailable, &unavailable_field, faults);
            check::count_or_percent(surge, &surge_field, faults);
            check::at_most_100_percent(unavailable, &unavailable_field, faults);
            check::at_most_100_percent(surge, &surge_field, faults);
            match (check::number_in(unavailable) != 0, check::number_in(surge) != 0) {
                (true, true) => {
                    let surge = surge.cloned().unwrap_or_default();
                    faults.invalid(surge_field, surge, "may not be set when maxUnavailable is non-zero");
                }
                (false, false) => faults.required(unavailable_field, "cannot be 0 when maxSurge is 0"),
                _ => {}
            }
        }
        _ => {
            let strategy = spec.at(&["updateStrategy"]).cloned().unwrap_or_default();
            faults.not_supported(field, strategy, &["RollingUpdate", "OnDelete"]);
        }
    }
}
