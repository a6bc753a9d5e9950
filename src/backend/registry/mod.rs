//! Which rules a resource has.

pub mod convert;
pub mod custom;
pub mod field_error;
pub mod managed;
pub mod plugins;
pub mod policies;
pub mod strategies;
pub mod strategy;
pub mod validation;

pub use field_error::{FieldError, FieldErrors};
pub use plugins::{DisabledPlugins, Plugin};
pub use strategy::{Cluster, Strategy};

use crate::object::builtin::{self, Resource};

/// The rules of a resource.
pub fn strategy_of(resource: &Resource) -> &'static dyn Strategy {
    match custom::of(resource) {
        Some(custom) => strategies::for_custom(resource.namespaced, custom.has_status()),
        None => strategies::for_resource(resource.group_resource()),
    }
}

/// The resource under which a resource's objects are stored, in the storage version: the same one
/// but for resources that several groups or versions show.
pub fn storage_of(resource: &'static Resource) -> &'static Resource {
    let key = match resource.group_resource() {
        "events.events.k8s.io" => "events",
        own => own,
    };
    if let Some(storage) = custom::storage_of(resource) {
        return storage;
    }
    builtin::by_group_resource(key).unwrap_or(resource)
}
