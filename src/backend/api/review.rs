//! Questions that are asked by creating an object which is never stored: who am I, may I.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::json;

use super::Api;
use super::access::{Attributes, Rules, User};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, Timestamp, time};

/// Seconds for which a token is good that does not say.
const TOKEN_SECONDS: i64 = 3600;

/// Whether a resource's objects are questions.
pub(super) fn is_review(resource: &Resource) -> bool {
    matches!(resource.group, "authorization.k8s.io" | "authentication.k8s.io")
}

/// The question with its answer in `status`.
///
/// # Errors
/// A store that cannot be read.
pub(super) fn answer(api: &Api, resource: &Resource, user: &User, mut question: Object) -> Result<Object, Status> {
    let spec = question.at(&["spec"]).cloned().unwrap_or_default();
    let access = |user: &User| -> Result<Object, Status> {
        let attributes = Attributes::of_review(&spec);
        let (allowed, reason) = Rules::of(api, user, &attributes.namespace)?.decide(&attributes);
        let mut status = json!({"allowed": allowed});
        if !reason.is_empty() {
            status.set_at(&["reason"], reason);
        }
        Ok(status)
    };
    let status = match resource.kind {
        "SelfSubjectReview" => json!({"userInfo": user.to_object()}),
        "TokenReview" => json!({"authenticated": true, "user": User::admin().to_object()}),
        "SelfSubjectRulesReview" => match spec.str_at(&["namespace"]) {
            "" => return Err(Status::bad_request("no namespace on request")),
            namespace => Rules::of(api, user, namespace)?.to_status(),
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

/// A service account's token request with its token, which has the form of a JSON web token but no
/// signature: the bundled cluster takes no tokens of service accounts.
pub(super) fn token(account: &Object, mut request: Object, now: Timestamp) -> Object {
    let seconds = request.int_at(&["spec", "expirationSeconds"]).unwrap_or(TOKEN_SECONDS);
    let expires = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    let subject = format!("system:serviceaccount:{}:{}", account.namespace(), account.name());
    let claims = json!({
        "iss": "https://kubernetes.default.svc.cluster.local",
        "sub": subject,
        "iat": now.as_second(),
        "exp": expires.as_second(),
        "kubernetes.io": {
            "namespace": account.namespace(),
            "serviceaccount": {"name": account.name(), "uid": account.uid()},
        },
    });
    let part = |value: &Object| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims));
    request.set_at(&["metadata", "name"], account.name());
    request.set_at(&["metadata", "namespace"], account.namespace());
    request.set_at(&["spec", "expirationSeconds"], seconds);
    request.set_at(&["status"], json!({"token": token, "expirationTimestamp": time::rfc3339(expires)}));
    request
}
