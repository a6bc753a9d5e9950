//! Questions to whoever decides what users may do.

use std::fmt;
use std::sync::Arc;

use crate::object::cel::fault::EvalError;
use crate::object::names;

/// Who decides, on behalf of one user.
pub trait Authorizer: fmt::Debug + Send + Sync {
    /// May the user do this to a resource?
    fn resource(&self, check: &ResourceCheck, verb: &str) -> Decision;
    /// May the user do this to a path?
    fn path(&self, path: &str, verb: &str) -> Decision;
    /// The same for a service account.
    fn service_account(&self, namespace: &str, name: &str) -> Arc<dyn Authorizer>;
}

/// A question about a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceCheck {
    /// The group.
    pub group: String,
    /// The resource.
    pub resource: String,
    /// The subresource; may be empty.
    pub subresource: String,
    /// The namespace; empty for all, or for what has none.
    pub namespace: String,
    /// The object's name; empty for all.
    pub name: String,
    /// The field selector; may be empty.
    pub field_selector: String,
    /// The label selector; may be empty.
    pub label_selector: String,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why; may be empty.
    pub reason: String,
    /// What went wrong; empty where nothing did.
    pub error: String,
}

/// Sees to it that a service account may have such names.
pub(super) fn check_account(namespace: &str, name: &str) -> Result<(), EvalError> {
    if !names::dns1123_subdomain(name).is_empty() {
        return Err(EvalError::other("Invalid service account name"));
    }
    if !names::dns1123_label(namespace).is_empty() {
        return Err(EvalError::other("Invalid service account namespace"));
    }
    Ok(())
}
