//! Which rules a resource has.

pub mod field_error;
pub mod strategy;

pub use field_error::{FieldError, FieldErrors};
pub use strategy::{Cluster, Strategy};

/// The rules of a resource (`pods`, `deployments.apps`).
pub fn strategy_of(_resource: &str) -> &'static dyn Strategy {
    &strategy::Plain
}
