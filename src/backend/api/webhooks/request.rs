//! Requests around which webhooks are asked.

use std::sync::Arc;

use http::Response;
use serde_json::json;

use super::ask::operation_options;
use super::{Asker, Session, limited};
use crate::backend::api::access::User;
use crate::backend::api::query::Query;
use crate::backend::api::response::{failure, warn};
use crate::backend::api::route::ResourceRoute;
use crate::backend::api::{Api, Body};
use crate::object::Status;

impl Session {
    /// The session of a request.
    pub(in crate::backend::api) fn of_request(
        api: &Api,
        user: &User,
        query: Option<&str>,
        route: &ResourceRoute<'_>,
        verb: &str,
    ) -> Arc<Self> {
        let query = Query::parse(query).unwrap_or_default();
        // Deletions come with options of their own.
        let options = if verb.starts_with("delete") { json!({}) } else { operation_options(&query) };
        let unnamed = verb == "deletecollection";
        Self::new(api, Asker { user: Some(user.clone()), resource: Some(route.resource), options, unnamed })
    }
}

/// Does what was asked for, as often as it takes to know what webhooks say about it; what they want to be
/// said is in the answer's headers.
pub(in crate::backend::api) async fn attempts(
    session: &Session,
    work: impl Fn() -> Result<Response<Body>, Status>,
) -> Result<Response<Body>, Status> {
    let result = loop {
        let result = work();
        if result.is_ok() || !session.is_wanted() || !session.may_try_again() {
            break result;
        }
        session.ask().await;
    };
    let warnings = limited(session.take_warnings());
    if warnings.is_empty() {
        return result;
    }
    let mut response = result.unwrap_or_else(|status| failure(&status));
    for warning in &warnings {
        warn(&mut response, warning);
    }
    Ok(response)
}
