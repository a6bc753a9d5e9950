//! Defaults of pods and pod templates. Source: `pkg/apis/core/v1/defaults.go` and the conversions beside it.

use serde_json::json;

use super::rules::Defaults;
use crate::object::{Meta, Object, quantity};

/// The mode of files in volumes of secrets, config maps and the like: 0644.
const FILE_MODE: i64 = 0o644;

/// The fields of a template's pod spec, at the place of the template.
pub fn template(template: &mut Object) {
    template.or_set(&["metadata"], json!({}));
    if template.get("spec").is_some_and(Object::is_object) {
        pod_spec(template.at_mut(&["spec"]));
    }
}

/// The fields that pods and templates share.
pub fn pod_spec(spec: &mut Object) {
    spec.or_text(&["dnsPolicy"], "ClusterFirst");
    spec.or_text(&["restartPolicy"], "Always");
    spec.or_set(&["securityContext"], json!({}));
    spec.or_set(&["terminationGracePeriodSeconds"], 30);
    spec.or_text(&["schedulerName"], "default-scheduler");
    // One account under its old and its new name.
    let account = match spec.str_at(&["serviceAccountName"]) {
        "" => spec.str_at(&["serviceAccount"]),
        name => name,
    }
    .to_owned();
    if !account.is_empty() {
        spec.set_at(&["serviceAccountName"], account.as_str());
        spec.set_at(&["serviceAccount"], account);
    }
    spec.each(&["volumes"], volume);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        spec.each(&[list], container);
    }
    spec.with(&["overhead"], amounts);
}

/// The fields that only pods have: requests follow limits, ports of the host follow those of the container.
pub fn pod_only(spec: &mut Object) {
    for list in ["containers", "initContainers"] {
        spec.each(&[list], |container| {
            let Some(limits) = container.at(&["resources", "limits"]).and_then(Object::as_object).cloned() else {
                return;
            };
            for (name, limit) in limits {
                container.or_set(&["resources", "requests", &name], limit);
            }
        });
    }
    spec.or_set(&["enableServiceLinks"], true);
    if spec.bool_at(&["hostNetwork"]) {
        for list in ["containers", "initContainers"] {
            spec.each(&[list], |container| {
                container.each(&["ports"], |port| {
                    let number = port.int_at(&["containerPort"]).unwrap_or(0);
                    port.or_number(&["hostPort"], number);
                });
            });
        }
    }
}

fn container(container: &mut Object) {
    container.or_set(&["resources"], json!({}));
    for side in ["limits", "requests"] {
        container.with(&["resources", side], amounts);
    }
    if container.str_at(&["imagePullPolicy"]).is_empty() {
        let policy = pull_policy(container.str_at(&["image"]));
        container.set_at(&["imagePullPolicy"], policy);
    }
    container.or_text(&["terminationMessagePath"], "/dev/termination-log");
    container.or_text(&["terminationMessagePolicy"], "File");
    container.each(&["ports"], |port| port.or_text(&["protocol"], "TCP"));
    container.each(&["env"], |variable| {
        if variable.str_at(&["value"]).is_empty() {
            variable.remove_at(&["value"]);
        }
        variable.with(&["valueFrom", "fieldRef"], field_ref);
        variable.with(&["valueFrom", "resourceFieldRef"], resource_field_ref);
        variable.with(&["valueFrom", "fileKeyRef"], |key| key.or_set(&["optional"], false));
    });
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        container.with(&[probe], |probe| {
            for (field, number) in
                [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
            {
                probe.or_number(&[field], number);
            }
            probe.with(&["httpGet"], http_get);
            probe.with(&["grpc"], |grpc| grpc.or_set(&["service"], ""));
        });
    }
    for hook in ["postStart", "preStop"] {
        container.with(&["lifecycle", hook, "httpGet"], http_get);
    }
}

fn http_get(action: &mut Object) {
    action.or_text(&["path"], "/");
    action.or_text(&["scheme"], "HTTP");
}

fn field_ref(field: &mut Object) {
    field.or_text(&["apiVersion"], "v1");
}

fn resource_field_ref(field: &mut Object) {
    field.or_set(&["divisor"], "0");
}

fn volume(volume: &mut Object) {
    let is_bare = volume.as_object().is_some_and(|map| map.iter().all(|(key, value)| key == "name" || value.is_null()));
    if is_bare {
        volume.set_at(&["emptyDir"], json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        volume.with(&[source], |source| source.or_set(&["defaultMode"], FILE_MODE));
    }
    volume.with(&["emptyDir"], |source| {
        source.with(&["sizeLimit"], canonical);
    });
    let downward = |item: &mut Object| {
        item.with(&["fieldRef"], field_ref);
        item.with(&["resourceFieldRef"], resource_field_ref);
    };
    volume.each(&["downwardAPI", "items"], downward);
    volume.each(&["projected", "sources"], |source| {
        source.each(&["downwardAPI", "items"], downward);
        source.with(&["serviceAccountToken"], |token| token.or_set(&["expirationSeconds"], 3600));
    });
    volume_source(volume);
    volume.with(&["ephemeral", "volumeClaimTemplate"], |claim| {
        claim.or_set(&["metadata"], json!({}));
        claim.with(&["spec"], claim_spec);
    });
    volume.with(&["image"], |image| {
        if image.str_at(&["pullPolicy"]).is_empty() {
            let policy = pull_policy(image.str_at(&["reference"]));
            image.set_at(&["pullPolicy"], policy);
        }
    });
}

/// The sources that volumes of pods and persistent volumes share.
pub fn volume_source(volume: &mut Object) {
    volume.with(&["hostPath"], |path| path.or_set(&["type"], ""));
    volume.with(&["iscsi"], |disk| disk.or_text(&["iscsiInterface"], "default"));
    volume.with(&["rbd"], |disk| {
        disk.or_text(&["pool"], "rbd");
        disk.or_text(&["user"], "admin");
        disk.or_text(&["keyring"], "/etc/ceph/keyring");
    });
    volume.with(&["azureDisk"], |disk| {
        disk.or_set(&["cachingMode"], "ReadWrite");
        disk.or_set(&["kind"], "Shared");
        disk.or_set(&["fsType"], "ext4");
        disk.or_set(&["readOnly"], false);
    });
    volume.with(&["scaleIO"], |disk| {
        disk.or_text(&["storageMode"], "ThinProvisioned");
        disk.or_text(&["fsType"], "xfs");
    });
}

/// The fields of a claim's spec.
pub fn claim_spec(spec: &mut Object) {
    spec.or_set(&["volumeMode"], "Filesystem");
    spec.or_set(&["resources"], json!({}));
    for side in ["limits", "requests"] {
        spec.with(&["resources", side], amounts);
    }
}

/// Amounts of resources in their canonical form.
pub fn amounts(amounts: &mut Object) {
    if let Object::Object(map) = amounts {
        map.values_mut().for_each(canonical);
    }
}

/// The amounts of an autoscaler's target in their canonical form.
pub fn amounts_of_target(target: &mut Object) {
    for field in ["averageValue", "value"] {
        target.with(&[field], canonical);
    }
}

fn canonical(amount: &mut Object) {
    match amount {
        Object::String(text) => *text = quantity::canonical(text),
        Object::Number(number) => *amount = quantity::canonical(&number.to_string()).into(),
        _ => {}
    }
}

/// `Always` for the tag `latest`, which is also that of an image without tag or digest.
fn pull_policy(image: &str) -> &'static str {
    if image.contains('@') {
        return "IfNotPresent";
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        None | Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_by_tag() {
        for (image, want) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("localhost:5000/nginx", "Always"),
            ("localhost:5000/nginx:1", "IfNotPresent"),
            ("nginx@sha256:00", "IfNotPresent"),
            ("", "Always"),
        ] {
            assert_eq!(pull_policy(image), want, "{image}");
        }
    }
}
