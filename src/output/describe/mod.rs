//! `describe`: an object and what belongs to it, for people.
//!
//! Nothing is fetched here. A [`Describer`] says what it [`Need`]s besides the object; whoever asks
//! fetches that into a [`Related`] and lets [`describe`](Describer::describe) write. [`for_kind`]
//! finds the describer of a kind; each kind, or family of kinds, has a file of its own.

mod autoscaler;
mod config;
mod container;
mod csr;
mod daemonset;
mod deployment;
mod der;
mod description;
mod endpoints;
mod events;
mod generic;
mod ingress;
mod job;
mod namespace;
mod network_policy;
mod networks;
mod node;
mod node_resources;
mod parts;
mod pod;
mod pod_resources;
mod policy;
mod pv;
mod pvc;
mod quota;
mod rbac;
mod related;
mod replicas;
mod service;
mod statefulset;
mod storage;
mod template;
pub(in crate::output) mod text;
mod volumes;

pub use description::Description;
pub use related::{Need, Related, Resource};

use crate::object::{GroupKind, Object, Timestamp};

/// How objects of a kind are described.
#[derive(Clone, Copy)]
pub struct Describer {
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// The plural name in paths; empty for [`GENERIC`], which describes any.
    pub plural: &'static str,
    /// The versions that it reads, the best first; empty for [`GENERIC`].
    pub versions: &'static [&'static str],
    /// What must be fetched. Needs do not depend on each other.
    pub needs: fn(&Object) -> Vec<Need>,
    /// Writes the description. Fails where something that it cannot do without is missing.
    pub describe: fn(&mut Description, &Object, &Related) -> anyhow::Result<()>,
}

impl Describer {
    const fn of(
        group: &'static str,
        kind: &'static str,
        plural: &'static str,
        needs: fn(&Object) -> Vec<Need>,
        describe: fn(&mut Description, &Object, &Related) -> anyhow::Result<()>,
    ) -> Self {
        Self { group, kind, plural, versions: &["v1"], needs, describe }
    }

    const fn versions(self, versions: &'static [&'static str]) -> Self {
        Self { versions, ..self }
    }

    /// The resources to fetch an object from, the best version first.
    pub fn resources(&self) -> impl Iterator<Item = Resource> {
        self.versions.iter().map(|version| Resource::new(self.group, version, self.plural))
    }
}

/// The describer of a kind: its own, or [`GENERIC`].
pub fn for_kind(kind: &GroupKind) -> &'static Describer {
    DESCRIBERS.iter().find(|describer| describer.group == kind.group && describer.kind == kind.kind).unwrap_or(&GENERIC)
}

/// Describes any object by its fields.
pub static GENERIC: Describer =
    Describer { group: "", kind: "", plural: "", versions: &[], needs: events_only, describe: generic::describe };

fn events_only(object: &Object) -> Vec<Need> {
    vec![Need::events_of(object)]
}

fn nothing(_: &Object) -> Vec<Need> {
    Vec::new()
}

/// A pod template by itself, as `rollout history` shows it: cells are not aligned.
pub fn pod_template(template: &Object, now: Timestamp) -> String {
    let mut description = Description::new(now, jiff::tz::TimeZone::UTC);
    template::pod_template(&mut description, template);
    description.unaligned()
}

const APPS: &str = "apps";
const BATCH: &str = "batch";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// The kinds that have a describer of their own.
#[rustfmt::skip]
pub static DESCRIBERS: &[Describer] = &[
    Describer::of("", "Pod", "pods", pod::needs, pod::describe),
    Describer::of("", "ReplicationController", "replicationcontrollers", replicas::needs, replicas::describe_rc),
    Describer::of("", "Secret", "secrets", nothing, config::describe_secret),
    Describer::of("", "Service", "services", service::needs, service::describe),
    Describer::of("", "ServiceAccount", "serviceaccounts", events_only, config::describe_service_account),
    Describer::of("", "Node", "nodes", node::needs, node::describe),
    Describer::of("", "LimitRange", "limitranges", nothing, quota::describe_limits),
    Describer::of("", "ResourceQuota", "resourcequotas", nothing, quota::describe),
    Describer::of("", "PersistentVolume", "persistentvolumes", events_only, pv::describe),
    Describer::of("", "PersistentVolumeClaim", "persistentvolumeclaims", pvc::needs, pvc::describe),
    Describer::of("", "Namespace", "namespaces", namespace::needs, namespace::describe),
    Describer::of("", "Endpoints", "endpoints", events_only, endpoints::describe),
    Describer::of("", "ConfigMap", "configmaps", events_only, config::describe_config_map),
    Describer::of("discovery.k8s.io", "EndpointSlice", "endpointslices", events_only, endpoints::describe_slice),
    Describer::of("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", events_only, autoscaler::describe).versions(&["v2", "v1"]),
    Describer::of(NETWORKING, "Ingress", "ingresses", ingress::needs, ingress::describe),
    Describer::of(NETWORKING, "IngressClass", "ingressclasses", events_only, ingress::describe_class),
    Describer::of(NETWORKING, "ServiceCIDR", "servicecidrs", events_only, networks::describe_cidr).versions(&["v1", "v1beta1"]),
    Describer::of(NETWORKING, "IPAddress", "ipaddresses", events_only, networks::describe_address).versions(&["v1", "v1beta1"]),
    Describer::of(NETWORKING, "NetworkPolicy", "networkpolicies", nothing, network_policy::describe),
    Describer::of(BATCH, "Job", "jobs", events_only, job::describe),
    Describer::of(BATCH, "CronJob", "cronjobs", events_only, job::describe_cron_job),
    Describer::of(APPS, "StatefulSet", "statefulsets", replicas::needs, statefulset::describe),
    Describer::of(APPS, "Deployment", "deployments", deployment::needs, deployment::describe),
    Describer::of(APPS, "DaemonSet", "daemonsets", replicas::needs, daemonset::describe),
    Describer::of(APPS, "ReplicaSet", "replicasets", replicas::needs, replicas::describe),
    Describer::of("certificates.k8s.io", "CertificateSigningRequest", "certificatesigningrequests", events_only, csr::describe),
    Describer::of(STORAGE, "StorageClass", "storageclasses", events_only, storage::describe_class),
    Describer::of(STORAGE, "CSINode", "csinodes", events_only, storage::describe_csi_node),
    Describer::of(STORAGE, "VolumeAttributesClass", "volumeattributesclasses", events_only, storage::describe_attributes_class),
    Describer::of("policy", "PodDisruptionBudget", "poddisruptionbudgets", events_only, policy::describe_budget),
    Describer::of(RBAC, "Role", "roles", nothing, rbac::describe_role),
    Describer::of(RBAC, "ClusterRole", "clusterroles", nothing, rbac::describe_role),
    Describer::of(RBAC, "RoleBinding", "rolebindings", nothing, rbac::describe_binding),
    Describer::of(RBAC, "ClusterRoleBinding", "clusterrolebindings", nothing, rbac::describe_binding),
    Describer::of("scheduling.k8s.io", "PriorityClass", "priorityclasses", events_only, policy::describe_priority_class),
];
