//! Controllers: each looks at one object and says what to write.
//!
//! A controller is pure. [`Controller::reconcile`] reads a [`View`] of the cluster at one moment and
//! returns the [`Write`]s that bring it closer to what is asked, and when to look again. The engine
//! applies the writes through the API, as any client would; a conflict only means another look.

pub mod autoscaler;
pub mod certificates;
pub mod clusterroles;
pub mod cronjob;
pub mod daemonset;
pub mod deployment;
pub mod disruption;
pub mod endpoints;
pub mod endpointslice;
pub mod engine;
pub mod expiry;
pub mod garbage;
pub mod job;
pub mod mirroring;
pub mod namespace;
pub mod node;
mod packed;
pub mod quota;
pub mod replicaset;
pub mod serviceaccount;
pub mod statefulset;
pub mod support;
#[cfg(test)]
pub(crate) mod testing;
pub mod view;
pub mod volume;

use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
pub use view::View;

use super::trust::Trust;
use crate::object::{Meta, Object, Status, Timestamp, builtin};

/// Names an object: a resource (`pods`, `deployments.apps`), its namespace (empty for none), its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// `pods`, `deployments.apps`.
    pub resource: &'static str,
    /// Empty for what belongs to no namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
}

/// A write that a controller asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Create an object. A name that is taken is not an error: the next look sees it.
    Create {
        /// `pods`, `deployments.apps`.
        resource: &'static str,
        /// The object; its metadata says where.
        object: Object,
    },
    /// Replace an object's spec and metadata; its `resourceVersion` must still be current.
    Update {
        /// `pods`, `deployments.apps`.
        resource: &'static str,
        /// The whole object.
        object: Object,
    },
    /// Replace an object's status; its `resourceVersion` must still be current.
    UpdateStatus {
        /// `pods`, `deployments.apps`.
        resource: &'static str,
        /// The whole object.
        object: Object,
    },
    /// Bind a pod to a node (the `binding` subresource).
    Bind {
        /// The pod.
        pod: Key,
        /// The node's name.
        node: String,
    },
    /// Delete an object.
    Delete {
        /// What to delete.
        key: Key,
        /// Delete only the object with this UID, where it is not empty.
        uid: String,
        /// Seconds of grace; `None` leaves it to the object.
        grace_period_seconds: Option<i64>,
        /// `Background`, `Foreground` or `Orphan`; `None` is the type's default.
        propagation: Option<&'static str>,
    },
    /// Record an event, merged into an equal earlier one by raising its count.
    Event(Event),
    /// Remove the events that are over.
    DropEvents {
        /// Those are over that end until then.
        until: Timestamp,
    },
    /// Append a line to a container's log.
    Log {
        /// The pod's UID.
        pod_uid: String,
        /// The container's name.
        container: String,
        /// How often the container was restarted before: each run has a log of its own.
        restart: i64,
        /// When the line was written.
        time: Timestamp,
        /// The line, without its end.
        line: String,
    },
}

impl Write {
    /// Whether it is about objects that no webhook converts.
    fn is_built_in(&self) -> bool {
        match self {
            Self::Create { resource, .. } | Self::Update { resource, .. } | Self::UpdateStatus { resource, .. } => {
                builtin::by_group_resource(resource).is_some()
            }
            _ => true,
        }
    }

    /// Deletes an object, and no other of its name, as its type is deleted.
    pub fn delete(resource: &'static str, object: &Object) -> Self {
        let (key, uid) = (support::owners::key_of(resource, object), object.uid().to_owned());
        Self::Delete { key, uid, grace_period_seconds: None, propagation: None }
    }
}

/// An event as a component reports it (`v1.Event`).
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is about: a whole object, of which the reference is taken.
    pub regarding: Object,
    /// The part of the object, as `spec.containers{web}`; mostly empty.
    pub field_path: String,
    /// `Normal` or `Warning`.
    pub kind: &'static str,
    /// One word for machines: `ScalingReplicaSet`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The component: `deployment-controller`, `kubelet`.
    pub component: &'static str,
    /// The node it runs on; empty for controllers.
    pub host: String,
}

/// What a look at an object led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// In the order in which they are to be applied. The rest is dropped after one that fails.
    pub writes: Vec<Write>,
    /// Look again at this moment, even if nothing changes until then.
    pub requeue_at: Option<Timestamp>,
}

/// An object that was created (no `old`), changed or removed (no `new`).
#[derive(Clone, Debug)]
pub struct Change {
    /// Which object.
    pub key: Key,
    /// The store's revision of the change.
    pub revision: u64,
    /// The object before.
    pub old: Option<Arc<Object>>,
    /// The object after.
    pub new: Option<Arc<Object>>,
    /// The same as it is stored, where that is at hand.
    pub text: Option<Bytes>,
}

/// One controller (or the scheduler, or the kubelet): see the module's text.
pub trait Controller: Send {
    /// The name under which it reports: `deployment-controller`.
    fn name(&self) -> &'static str;

    /// The resources whose changes it wants to see; `*` for all.
    fn watches(&self) -> &'static [&'static str];

    /// The objects to look at after a change of a watched resource: mostly the object itself, or its
    /// controlling owner. The view is already the one after the change.
    fn keys(&self, change: &Change, view: &View) -> Vec<Key>;

    /// The objects to look at because of an object (as JSON) that no view holds: asked for each of them
    /// when the engine begins.
    fn keys_of_unseen(&self, text: &[u8]) -> Vec<Key> {
        let _ = text;
        Vec::new()
    }

    /// How long the look at `key` may wait that this change asks for.
    fn patience(&self, key: &Key, change: &Change, view: &View) -> SignedDuration {
        let _ = (key, change, view);
        SignedDuration::ZERO
    }

    /// Looks at one object. It may be gone.
    fn reconcile(&self, key: &Key, view: &View) -> Outcome;

    /// What to write (mostly an event) when the API refused a write of the last look at `key`. The
    /// engine looks again by itself, later each time.
    fn refused(&self, key: &Key, write: &Write, status: &Status, view: &View) -> Vec<Write> {
        let _ = (key, write, status, view);
        Vec::new()
    }
}

/// All controllers of the cluster with the scheduler, in the order in which they look; the kubelet comes
/// beside them. `trust` has the cluster's keys.
pub fn all(trust: &Trust) -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(serviceaccount::ServiceAccountController),
        Box::new(serviceaccount::TokenController),
        Box::new(serviceaccount::RootCertificateController::new(trust.clone())),
        Box::new(certificates::CertificateController::new(trust.clone())),
        Box::new(clusterroles::AggregationController),
        Box::new(node::NodeLifecycleController),
        Box::new(node::TaintEvictionController),
        Box::new(deployment::DeploymentController),
        Box::new(replicaset::ReplicaSetController::replica_sets()),
        Box::new(replicaset::ReplicaSetController::replication_controllers()),
        Box::new(daemonset::DaemonSetController),
        Box::new(statefulset::StatefulSetController),
        Box::new(job::JobController),
        Box::new(volume::VolumeController),
        Box::new(cronjob::CronJobController),
        Box::new(super::scheduler::Scheduler),
        Box::new(endpoints::EndpointsController),
        Box::new(endpointslice::EndpointSliceController),
        Box::new(mirroring::MirroringController),
        Box::new(autoscaler::AutoscalerController),
        Box::new(disruption::DisruptionController),
        Box::new(quota::QuotaController),
        Box::new(node::PodGarbageCollector),
        Box::new(garbage::GarbageCollector),
        Box::new(expiry::EventExpiry),
        Box::new(namespace::NamespaceController),
    ]
}
