//! Who asks, and what they may do.
//!
//! The bundled cluster has one user of its own, who may do everything; as whom that user acts
//! (`Impersonate-…` headers) is held to the cluster's roles and bindings.

mod attributes;
mod defaults;
mod rules;
mod user;

pub(super) use attributes::Attributes;
pub(super) use rules::{Roles, Rules};
pub(super) use user::User;
