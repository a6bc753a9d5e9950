//! The rules of the kinds: one entry a resource, one file a family.
//!
//! [`rules::Rules`] is what a kind may have of its own; resources without an entry are plain.

pub mod admission;
mod admission_kinds;
pub mod autoscaler;
mod cluster;
mod config;
mod job_policies;
mod jobs;
pub mod limits;
mod network;
pub mod pod;
pub mod pod_security;
pub mod pod_spec;
mod policy;
pub mod quota;
pub mod rules;
mod service;
mod storage;
mod workloads;

use rules::Rules;

use super::strategy::Strategy;
use crate::object::Meta;

/// Sorted by resource.
static TABLE: &[(&str, &Rules)] = &[
    ("apiservices.apiregistration.k8s.io", &policy::API_SERVICE),
    ("clusterrolebindings.rbac.authorization.k8s.io", &policy::CLUSTER_ROLE_BINDING),
    ("clusterroles.rbac.authorization.k8s.io", &policy::CLUSTER_ROLE),
    ("configmaps", &config::CONFIG_MAP),
    ("cronjobs.batch", &jobs::CRON_JOB),
    ("csidrivers.storage.k8s.io", &policy::CSI_DRIVER),
    ("customresourcedefinitions.apiextensions.k8s.io", &admission_kinds::CUSTOM_RESOURCE_DEFINITION),
    ("daemonsets.apps", &workloads::DAEMON_SET),
    ("deployments.apps", &workloads::DEPLOYMENT),
    ("endpoints", &network::ENDPOINTS),
    ("endpointslices.discovery.k8s.io", &network::ENDPOINT_SLICE),
    ("events", &policy::EVENT),
    ("horizontalpodautoscalers.autoscaling", &autoscaler::AUTOSCALER),
    ("ingressclasses.networking.k8s.io", &network::INGRESS_CLASS),
    ("ingresses.networking.k8s.io", &network::INGRESS),
    ("jobs.batch", &jobs::JOB),
    ("leases.coordination.k8s.io", &policy::LEASE),
    ("limitranges", &policy::LIMIT_RANGE),
    ("mutatingadmissionpolicies.admissionregistration.k8s.io", &admission_kinds::MUTATING_ADMISSION_POLICY),
    ("mutatingadmissionpolicybindings.admissionregistration.k8s.io", &admission_kinds::MUTATING_ADMISSION_BINDING),
    ("mutatingwebhookconfigurations.admissionregistration.k8s.io", &admission_kinds::MUTATING_WEBHOOKS),
    ("namespaces", &cluster::NAMESPACE),
    ("networkpolicies.networking.k8s.io", &network::NETWORK_POLICY),
    ("nodes", &cluster::NODE),
    ("persistentvolumeclaims", &storage::CLAIM),
    ("persistentvolumes", &storage::VOLUME),
    ("poddisruptionbudgets.policy", &policy::DISRUPTION_BUDGET),
    ("pods", &pod::POD),
    ("podtemplates", &pod::POD_TEMPLATE),
    ("priorityclasses.scheduling.k8s.io", &cluster::PRIORITY_CLASS),
    ("replicasets.apps", &workloads::REPLICA_SET),
    ("replicationcontrollers", &workloads::REPLICATION_CONTROLLER),
    ("resourcequotas", &policy::RESOURCE_QUOTA),
    ("rolebindings.rbac.authorization.k8s.io", &policy::ROLE_BINDING),
    ("roles.rbac.authorization.k8s.io", &policy::ROLE),
    ("secrets", &config::SECRET),
    ("serviceaccounts", &config::SERVICE_ACCOUNT),
    ("services", &service::SERVICE),
    ("statefulsets.apps", &workloads::STATEFUL_SET),
    ("storageclasses.storage.k8s.io", &storage::STORAGE_CLASS),
    ("validatingadmissionpolicies.admissionregistration.k8s.io", &admission_kinds::ADMISSION_POLICY),
    ("validatingadmissionpolicybindings.admissionregistration.k8s.io", &admission_kinds::ADMISSION_BINDING),
    ("validatingwebhookconfigurations.admissionregistration.k8s.io", &admission_kinds::VALIDATING_WEBHOOKS),
];

/// Kinds with a counted spec and a status of the system's, and nothing else of their own.
static COUNTED_CLUSTER: Rules = Rules { namespaced: false, ..Rules::WITH_STATUS };
/// Kinds without rules of their own.
static PLAIN: Rules = Rules::NAMESPACED;
static PLAIN_CLUSTER: Rules = Rules::CLUSTER;

/// The rules of a resource (`pods`, `deployments.apps`).
pub fn for_resource(resource: &str) -> &'static dyn Strategy {
    match TABLE.binary_search_by(|(name, _)| (*name).cmp(resource)) {
        Ok(at) => TABLE.get(at).map_or(&PLAIN, |(_, rules)| *rules),
        Err(_) => match resource {
            "flowschemas.flowcontrol.apiserver.k8s.io" | "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io" => {
                &COUNTED_CLUSTER
            }
            other => {
                let namespaced =
                    crate::object::builtin::by_group_resource(other).is_none_or(|resource| resource.namespaced);
                if namespaced { &PLAIN } else { &PLAIN_CLUSTER }
            }
        },
    }
}

/// Custom resources: everything but the metadata counts, and the status has a subresource or not.
static CUSTOM: [[Rules; 2]; 2] = {
    const PLAIN: Rules = Rules { generation_of: &[&[]], ..Rules::NAMESPACED };
    // No status at all is where a custom resource starts.
    const STATUS: Rules = Rules {
        status: true,
        create: |object, _| {
            object.remove_at(&["status"]);
            Ok(())
        },
        ..PLAIN
    };
    [[Rules { namespaced: false, ..PLAIN }, Rules { namespaced: false, ..STATUS }], [PLAIN, STATUS]]
};

/// The rules of a custom resource.
pub fn for_custom(namespaced: bool, status_subresource: bool) -> &'static dyn Strategy {
    let [[cluster, cluster_status], [plain, status]] = &CUSTOM;
    match (namespaced, status_subresource) {
        (false, false) => cluster,
        (false, true) => cluster_status,
        (true, false) => plain,
        (true, true) => status,
    }
}

#[cfg(test)]
mod tests;
