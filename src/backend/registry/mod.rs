//! Which rules a resource has.

pub mod convert;
pub mod field_error;
pub mod strategies;
pub mod strategy;
pub mod validation;

pub use field_error::{FieldError, FieldErrors};
pub use strategy::{Cluster, Strategy};

use crate::object::builtin::{self, Resource};

/// The rules of a resource (`pods`, `deployments.apps`).
pub fn strategy_of(resource: &str) -> &'static dyn Strategy {
    strategies::for_resource(resource)
}

/// The resource under which a resource's objects are stored, in the storage version: the same one
/// but for resources that several groups or versions show.
pub fn storage_of(resource: &'static Resource) -> &'static Resource {
    let key = match resource.group_resource() {
        "events.events.k8s.io" => "events",
        own => own,
    };
    builtin::by_group_resource(key).unwrap_or(resource)
}
