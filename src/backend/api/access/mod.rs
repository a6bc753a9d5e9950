//! Who asks, and what they may do.
//!
//! Requests of this process are the administrator's, who may do everything. Whoever comes over the network
//! is who their certificate or token says; they, and as whom anybody acts (`Impersonate-…` headers), are
//! held to the cluster's roles and bindings.

mod attributes;
mod cache;
mod caller;
pub(super) mod escalation;
mod rules;
mod user;

pub(super) use attributes::Attributes;
pub(super) use cache::Cache;
pub use caller::{AlwaysAllow, Caller};
pub(super) use caller::{unauthorized, user_of};
pub(super) use rules::Rules;
pub use user::User;
