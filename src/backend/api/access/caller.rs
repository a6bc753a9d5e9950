//! From whom a request comes.

use http::{HeaderMap, Request};

use super::{Attributes, User};
use crate::backend::api::{Api, token};
use crate::object::Status;

/// From whom a request comes, as far as its connection tells; an extension of requests. One without comes
/// from this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A user that is known already.
    User(User),
    /// Whoever this bearer token was made for.
    Bearer(String),
    /// Somebody who does not say.
    Anonymous,
}

/// An extension of requests: roles and bindings do not count, but for whoever does not say who they are.
#[derive(Clone, Copy, Debug)]
pub struct AlwaysAllow;

/// The user that a request is answered to: the caller, or the one as whom the caller acts.
///
/// # Errors
/// 401 for a token that is not good, 403 for acting as somebody without leave.
pub fn user_of<B>(api: &Api, request: &Request<B>) -> Result<User, Status> {
    let caller = match request.extensions().get::<Caller>() {
        None => User::admin(),
        Some(Caller::User(user)) => user.clone(),
        Some(Caller::Bearer(token)) => token::authenticate(api, token, &[]).map_err(|_| unauthorized())?.user,
        Some(Caller::Anonymous) => User::anonymous(),
    };
    let Some(other) = User::impersonated(request.headers())? else { return Ok(caller) };
    if !caller.is_master() && request.extensions().get::<AlwaysAllow>().is_none() {
        may_act_as(api, &caller, &other, request.headers())?;
    }
    Ok(other)
}

/// The refusal of credentials.
pub fn unauthorized() -> Status {
    Status::failure(401, "Unauthorized", "Unauthorized")
}

/// Whether somebody may act as another: as the user, as each group, with each claim.
fn may_act_as(api: &Api, caller: &User, other: &User, headers: &HeaderMap) -> Result<(), Status> {
    let ask = |group: &str, resource: &str, part: &str, namespace: &str, name: &str| -> Result<(), Status> {
        let attributes = Attributes {
            verb: "impersonate".to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: part.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            path: String::new(),
        };
        match api.rules(caller, namespace).decide(&attributes) {
            (true, _) => Ok(()),
            (false, reason) => Err(attributes.refused(caller, &reason)),
        }
    };
    match other.service_account() {
        Some((namespace, name)) => ask("", "serviceaccounts", "", namespace, name)?,
        None => ask("", "users", "", "", &other.name)?,
    }
    let groups = headers.get_all("impersonate-group").iter().filter_map(|value| value.to_str().ok());
    for group in groups {
        ask("", "groups", "", "", group)?;
    }
    for (key, values) in &other.extra {
        for value in values {
            ask("authentication.k8s.io", "userextras", key, "", value)?;
        }
    }
    if !other.uid.is_empty() {
        ask("authentication.k8s.io", "uids", "", "", &other.uid)?;
    }
    Ok(())
}
