//! What a kind may have of its own: defaults, what a client may set, validation, deletion.

use std::sync::Arc;

use super::field_error::FieldErrors;
use super::plugins::Plugin;
use crate::object::{Object, Status, Timestamp};

/// The rules of one resource. Every method has the rule of a plain resource as its default: all
/// fields are the client's, nothing is filled in, everything is valid, deletion is at once.
///
/// A create runs `default`, `prepare_for_create`, `validate`; an update runs `default`,
/// `prepare_for_update` (or `prepare_for_status_update`), `validate` and `validate_update`.
pub trait Strategy: Sync {
    /// Fills in what the API server fills in when fields are absent.
    fn default(&self, _object: &mut Object) {}

    /// Clears what a client may not set (status on create), sets the generation, allocates
    /// addresses and ports. Runs inside the write's transaction.
    fn prepare_for_create(&self, _object: &mut Object, _cluster: &dyn Cluster) -> Result<(), Status> {
        Ok(())
    }

    /// The same for an update; keeps the old status, raises the generation when the spec changed.
    fn prepare_for_update(&self, _new: &mut Object, _old: &Object, _cluster: &dyn Cluster) -> Result<(), Status> {
        Ok(())
    }

    /// For a write to the `status` subresource, after everything but the status and the metadata
    /// was taken from the old object.
    fn prepare_for_status_update(&self, _new: &mut Object, _old: &Object) {}

    /// What is wrong with an object, in the order in which the real server reports it.
    fn validate(&self, _object: &Object) -> FieldErrors {
        FieldErrors::new()
    }

    /// What is wrong with an object only while it is new.
    fn validate_create(&self, _object: &Object) -> FieldErrors {
        FieldErrors::new()
    }

    /// What may not change, and what else is wrong with a change.
    fn validate_update(&self, _new: &Object, _old: &Object) -> FieldErrors {
        FieldErrors::new()
    }

    /// Texts for `Warning` headers; `old` is absent on create.
    fn warnings(&self, _object: &Object, _old: Option<&Object>) -> Vec<String> {
        Vec::new()
    }

    /// Seconds of grace of a delete that asks for none; `None` means that the object goes at once.
    fn default_grace_period(&self, _object: &Object) -> Option<i64> {
        None
    }
}

/// What strategies may ask of the cluster, inside the write's transaction. Resources are named
/// `pods`, `deployments.apps`; a namespace of `""` is that of cluster-wide objects.
pub trait Cluster {
    /// The object of that name.
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Object>;
    /// The same, shared with whoever has it already.
    fn shared(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.get(resource, namespace, name).map(Arc::new)
    }
    /// All objects of a resource, in one namespace or in all (`None`).
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Object>;
    /// The moment at which the write happens.
    fn now(&self) -> Timestamp;
    /// A random number; it repeats in a seeded cluster.
    fn random(&self) -> u64;
    /// Whether an admission plugin is at work.
    fn admits(&self, _plugin: Plugin) -> bool {
        true
    }
}

/// The strategy of resources without rules of their own.
pub struct Plain;

impl Strategy for Plain {}
