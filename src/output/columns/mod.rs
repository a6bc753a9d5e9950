//! The columns of each kind's table, as data. The API server answers tables with them
//! (`as=Table;g=meta.k8s.io;v=v1`), and a printer may use them directly.
//!
//! A table is a list of columns, each with its header, type, priority and the function that reads its
//! cell from an object. Headers and cells are those of Kubernetes 1.36's own server.

mod admission;
mod batch;
mod cells;
mod config;
mod coordination;
mod events;
mod flowcontrol;
mod networking;
mod nodes;
mod pods;
mod policy;
mod rbac;
mod resource;
mod services;
mod storage;
mod workloads;

pub use pods::PodSummary;

use crate::object::{Meta, Object, Timestamp};

/// A cell: a string, number or boolean.
pub type Cell = serde_json::Value;

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The header, in the server's spelling: `Name`, `Up-to-date`.
    pub name: &'static str,
    /// The OpenAPI type of its cells: `string`, `integer`, `boolean`, `date`.
    pub kind: &'static str,
    /// The OpenAPI format of its cells: `name` for the object's name, else empty.
    pub format: &'static str,
    /// 0 is always shown, more than 0 only with `-o wide`.
    pub priority: i32,
    /// Reads the cell from an object; `now` is what ages are counted to.
    pub cell: fn(object: &Object, now: Timestamp) -> Cell,
}

impl Column {
    /// A column of strings that is always shown.
    const fn string(name: &'static str, cell: fn(&Object, Timestamp) -> Cell) -> Self {
        Self { name, kind: "string", format: "", priority: 0, cell }
    }

    /// A column of integers that is always shown.
    const fn integer(name: &'static str, cell: fn(&Object, Timestamp) -> Cell) -> Self {
        Self { name, kind: "integer", format: "", priority: 0, cell }
    }

    /// A column of booleans that is always shown.
    const fn boolean(name: &'static str, cell: fn(&Object, Timestamp) -> Cell) -> Self {
        Self { name, kind: "boolean", format: "", priority: 0, cell }
    }

    /// The same column, shown only with `-o wide`.
    const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    /// The same column, marked as holding names.
    const fn name_format(self) -> Self {
        Self { format: "name", ..self }
    }
}

/// The object's name.
const NAME: Column = Column::string("Name", |object, _| object.name().into()).name_format();

/// The time since the object was created.
const AGE: Column = Column::string("Age", cells::age);

/// The name and the moment of creation: the table of a kind that has none of its own.
pub const GENERIC: &[Column] = &[
    NAME,
    Column {
        name: "Created At",
        kind: "date",
        format: "",
        priority: 0,
        cell: |object, _| object.str_at(&["metadata", "creationTimestamp"]).into(),
    },
];

/// The columns of the `scale` subresource.
pub const SCALE: &[Column] = workloads::SCALE;

/// In which order a table shows a resource's objects, where it is not that of their names.
pub fn order(resource: &str) -> Option<fn(&Object) -> i64> {
    let order = |object: &Object| object.int_at(&["spec", "matchingPrecedence"]).unwrap_or(0);
    (resource == "flowschemas.flowcontrol.apiserver.k8s.io").then_some(order as fn(&Object) -> i64)
}

/// The columns of a built-in resource (`pods`, `deployments.apps`), [`GENERIC`] for one without.
pub fn for_resource(resource: &str) -> &'static [Column] {
    TABLES.iter().find(|(name, _)| *name == resource).map_or(GENERIC, |(_, columns)| columns)
}

/// The cells of an object, one a column.
pub fn row(columns: &[Column], object: &Object, now: Timestamp) -> Vec<Cell> {
    columns.iter().map(|column| (column.cell)(object, now)).collect()
}

/// Every resource with a table of its own.
const TABLES: &[(&str, &[Column])] = &[
    ("pods", pods::PODS),
    ("podtemplates", pods::POD_TEMPLATES),
    ("deployments.apps", workloads::DEPLOYMENTS),
    ("replicasets.apps", workloads::REPLICA_SETS),
    ("replicationcontrollers", workloads::REPLICATION_CONTROLLERS),
    ("statefulsets.apps", workloads::STATEFUL_SETS),
    ("daemonsets.apps", workloads::DAEMON_SETS),
    ("controllerrevisions.apps", workloads::CONTROLLER_REVISIONS),
    ("horizontalpodautoscalers.autoscaling", workloads::HORIZONTAL_POD_AUTOSCALERS),
    ("jobs.batch", batch::JOBS),
    ("cronjobs.batch", batch::CRON_JOBS),
    ("services", services::SERVICES),
    ("endpoints", services::ENDPOINTS),
    ("endpointslices.discovery.k8s.io", services::ENDPOINT_SLICES),
    ("ingresses.networking.k8s.io", networking::INGRESSES),
    ("ingressclasses.networking.k8s.io", networking::INGRESS_CLASSES),
    ("networkpolicies.networking.k8s.io", networking::NETWORK_POLICIES),
    ("servicecidrs.networking.k8s.io", networking::SERVICE_CIDRS),
    ("ipaddresses.networking.k8s.io", networking::IP_ADDRESSES),
    ("nodes", nodes::NODES),
    ("namespaces", nodes::NAMESPACES),
    ("componentstatuses", nodes::COMPONENT_STATUSES),
    ("apiservices.apiregistration.k8s.io", nodes::API_SERVICES),
    ("runtimeclasses.node.k8s.io", nodes::RUNTIME_CLASSES),
    ("events", events::EVENTS),
    ("events.events.k8s.io", events::EVENTS),
    ("configmaps", config::CONFIG_MAPS),
    ("secrets", config::SECRETS),
    ("serviceaccounts", config::SERVICE_ACCOUNTS),
    ("resourcequotas", config::RESOURCE_QUOTAS),
    ("poddisruptionbudgets.policy", policy::POD_DISRUPTION_BUDGETS),
    ("priorityclasses.scheduling.k8s.io", policy::PRIORITY_CLASSES),
    ("certificatesigningrequests.certificates.k8s.io", policy::CERTIFICATE_SIGNING_REQUESTS),
    ("rolebindings.rbac.authorization.k8s.io", rbac::BINDINGS),
    ("clusterrolebindings.rbac.authorization.k8s.io", rbac::BINDINGS),
    ("leases.coordination.k8s.io", coordination::LEASES),
    ("persistentvolumes", storage::PERSISTENT_VOLUMES),
    ("persistentvolumeclaims", storage::PERSISTENT_VOLUME_CLAIMS),
    ("storageclasses.storage.k8s.io", storage::STORAGE_CLASSES),
    ("volumeattachments.storage.k8s.io", storage::VOLUME_ATTACHMENTS),
    ("volumeattributesclasses.storage.k8s.io", storage::VOLUME_ATTRIBUTES_CLASSES),
    ("csidrivers.storage.k8s.io", storage::CSI_DRIVERS),
    ("csinodes.storage.k8s.io", storage::CSI_NODES),
    ("flowschemas.flowcontrol.apiserver.k8s.io", flowcontrol::FLOW_SCHEMAS),
    ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", flowcontrol::PRIORITY_LEVEL_CONFIGURATIONS),
    ("mutatingwebhookconfigurations.admissionregistration.k8s.io", admission::WEBHOOK_CONFIGURATIONS),
    ("validatingwebhookconfigurations.admissionregistration.k8s.io", admission::WEBHOOK_CONFIGURATIONS),
    ("validatingadmissionpolicies.admissionregistration.k8s.io", admission::VALIDATING_POLICIES),
    ("mutatingadmissionpolicies.admissionregistration.k8s.io", admission::MUTATING_POLICIES),
    ("validatingadmissionpolicybindings.admissionregistration.k8s.io", admission::POLICY_BINDINGS),
    ("mutatingadmissionpolicybindings.admissionregistration.k8s.io", admission::POLICY_BINDINGS),
    ("deviceclasses.resource.k8s.io", resource::NAME_AND_AGE),
    ("resourceclaimtemplates.resource.k8s.io", resource::NAME_AND_AGE),
    ("resourceclaims.resource.k8s.io", resource::RESOURCE_CLAIMS),
    ("resourceslices.resource.k8s.io", resource::RESOURCE_SLICES),
];
