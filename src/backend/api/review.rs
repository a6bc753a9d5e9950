//! Questions that are asked by creating an object which is never stored: who am I, may I.

use serde_json::json;

use super::Api;
use super::access::{Attributes, User};
use super::token;
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, time};

/// Whether a resource's objects are questions.
pub(super) fn is_review(resource: &Resource) -> bool {
    matches!(resource.group, "authorization.k8s.io" | "authentication.k8s.io")
}

/// The question with its answer in `status`.
///
/// # Errors
/// A store that cannot be read.
pub(super) fn answer(
    api: &Api,
    resource: &Resource,
    user: &User,
    always_allow: bool,
    mut question: Object,
) -> Result<Object, Status> {
    let spec = question.at(&["spec"]).cloned().unwrap_or_default();
    let access = |user: &User| -> Result<Object, Status> {
        let attributes = Attributes::of_review(&spec);
        let (allowed, reason) = api.rules(user, &attributes.namespace).decide(&attributes);
        let mut status = json!({"allowed": allowed || always_allow});
        if !reason.is_empty() {
            status.set_at(&["reason"], reason);
        }
        Ok(status)
    };
    let status = match resource.kind {
        "SelfSubjectReview" => json!({"userInfo": user.to_object()}),
        "TokenReview" => token::review(api, &spec)?,
        "SelfSubjectRulesReview" => match spec.str_at(&["namespace"]) {
            "" => return Err(Status::bad_request("no namespace on request")),
            namespace => api.rules(user, namespace).to_status(),
        },
        "SelfSubjectAccessReview" => access(user)?,
        _ => access(&User::of_review(&spec))?,
    };
    if question.at(&["metadata"]).is_none() {
        question.set_at(&["metadata"], json!({}));
    }
    if resource.kind == "SelfSubjectReview" {
        question.set_at(&["metadata", "creationTimestamp"], time::rfc3339(api.clock().now()));
    }
    question.set_at(&["status"], status);
    Ok(question)
}
