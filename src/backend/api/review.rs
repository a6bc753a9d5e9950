//! Questions that are asked by creating an object which is never stored: who am I, may I.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::json;

use super::Api;
use super::access::{Attributes, Rules, User};
use crate::backend::registry::FieldError;
use crate::backend::registry::field_error::quote;
use crate::object::builtin::Resource;
use crate::object::{GroupKind, Meta, Object, Status, time};

/// Who hands out tokens, and to whom they speak.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Seconds for which a token is good that does not say.
const TOKEN_SECONDS: i64 = 3600;
/// Seconds for which a token must be good at least.
const LEAST_SECONDS: i64 = 600;
/// Seconds for which a token may be good at most.
const MOST_SECONDS: i64 = 1 << 32;

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
///
/// # Errors
/// A duration that is refused, and an object to bind to that is not there.
pub(super) fn token(api: &Api, account: &Object, mut request: Object) -> Result<Object, Status> {
    let now = api.clock().now();
    let seconds = request.int_at(&["spec", "expirationSeconds"]).unwrap_or(TOKEN_SECONDS);
    let complaint = match seconds {
        ..LEAST_SECONDS => "may not specify a duration less than 10 minutes",
        LEAST_SECONDS..=MOST_SECONDS => "",
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    if !complaint.is_empty() {
        let kind = GroupKind { group: "authentication.k8s.io".into(), kind: "TokenRequest".into() };
        let error = FieldError::invalid("spec.expirationSeconds", seconds, complaint);
        return Err(Status::invalid(&kind, "", &[error]));
    }
    bound(api, account, &request)?;
    let expires = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    let subject = format!("system:serviceaccount:{}:{}", account.namespace(), account.name());
    let claims = json!({
        "iss": ISSUER,
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
    request.set_at(&["metadata", "creationTimestamp"], time::rfc3339(now));
    request.set_at(&["metadata", "name"], account.name());
    request.set_at(&["metadata", "namespace"], account.namespace());
    request.set_at(&["metadata", "uid"], account.uid());
    if request.list_at(&["spec", "audiences"]).is_empty() {
        request.set_at(&["spec", "audiences"], json!([ISSUER]));
    }
    request.set_at(&["spec", "expirationSeconds"], seconds);
    request.set_at(&["status"], json!({"token": token, "expirationTimestamp": time::rfc3339(expires)}));
    Ok(request)
}

/// Finds the object to which a token is bound, if there is to be one.
fn bound(api: &Api, account: &Object, request: &Object) -> Result<(), Status> {
    let Some(reference) = request.at(&["spec", "boundObjectRef"]).filter(|reference| !reference.is_null()) else {
        return Ok(());
    };
    let (kind, name) = (reference.kind(), reference.str_at(&["name"]));
    let object = match kind {
        "Pod" => api.get("pods", account.namespace(), name)?,
        "Secret" => api.get("secrets", account.namespace(), name)?,
        "Node" => api.get("nodes", "", name)?,
        other => {
            let version = reference.api_version();
            return Err(Status::bad_request(format!("cannot bind token to object of type {version}, Kind={other}")));
        }
    };
    if kind == "Pod" && object.str_at(&["spec", "serviceAccountName"]) != account.name() {
        let account = quote(account.name());
        return Err(Status::bad_request(format!(
            "cannot bind token for serviceaccount {account} to pod running with different serviceaccount name."
        )));
    }
    let uid = reference.str_at(&["uid"]);
    if !uid.is_empty() && uid != object.uid() {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(kind, name, &why));
    }
    Ok(())
}
