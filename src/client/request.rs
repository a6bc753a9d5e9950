//! Building requests: verbs and their parameters to `http::Request`, without any I/O.

mod endpoint;
mod escape;
mod forms;
mod params;
mod query;

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request};

use crate::object::Object;
pub use endpoint::{Endpoint, Subject};
use escape::{escape_into, is_query_byte};
pub use forms::{Accept, PatchType};
pub use params::{DeleteParams, ListParams, WatchParams, WriteParams};
pub use query::with_parameter;

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    subject: Option<Subject>,
    /// Why it cannot be sent.
    fault: Option<String>,
    query: Vec<(Cow<'static, str>, String)>,
    accept: Cow<'static, str>,
    content_type: Option<&'static str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Call {
    /// A request to a path that is escaped already; a query in it stays.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            subject: None,
            fault: None,
            query: Vec::new(),
            accept: Accept::Json.header().into(),
            content_type: None,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// What the request is about, where it was made for an object or a collection.
    pub fn subject(&self) -> Option<&Subject> {
        self.subject.as_ref()
    }

    fn to(method: Method, endpoint: &Endpoint) -> Self {
        let fault = endpoint.check().err().map(|error| error.to_string());
        Self { subject: Some(Subject::of(endpoint)), fault, ..Self::new(method, endpoint.path()) }
    }

    /// The same with another method.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads one object.
    pub fn get(endpoint: &Endpoint) -> Self {
        Self::to(Method::GET, endpoint)
    }

    /// Reads one page of a collection.
    pub fn list(endpoint: &Endpoint, params: &ListParams) -> Self {
        let call = Self::get(endpoint)
            .text("continue", &params.continue_token)
            .text("fieldSelector", &params.fields)
            .text("labelSelector", &params.labels)
            .text("resourceVersion", &params.resource_version);
        if params.limit == 0 { call } else { call.query("limit", params.limit.to_string()) }
    }

    /// Watches a collection.
    pub fn watch(endpoint: &Endpoint, params: &WatchParams) -> Self {
        let mut call = Self::get(endpoint)
            .text("fieldSelector", &params.fields)
            .text("labelSelector", &params.labels)
            .text("resourceVersion", &params.resource_version)
            .query("watch", "true");
        if params.timeout_seconds > 0 {
            call = call.query("timeoutSeconds", params.timeout_seconds.to_string());
        }
        if params.bookmarks { call.query("allowWatchBookmarks", "true") } else { call }
    }

    /// Creates an object in a collection (or posts to a subresource).
    pub fn create(endpoint: &Endpoint, object: &Object, params: &WriteParams) -> Self {
        Self::to(Method::POST, endpoint).write(params).json(object)
    }

    /// Replaces an object.
    pub fn update(endpoint: &Endpoint, object: &Object, params: &WriteParams) -> Self {
        Self::to(Method::PUT, endpoint).write(params).json(object)
    }

    /// Changes an object.
    pub fn patch(endpoint: &Endpoint, kind: PatchType, patch: impl Into<Bytes>, params: &WriteParams) -> Self {
        Self::to(Method::PATCH, endpoint).write(params).body(kind.media_type(), patch)
    }

    /// Deletes an object, or a collection.
    pub fn delete(endpoint: &Endpoint, params: &DeleteParams) -> Self {
        Self::to(Method::DELETE, endpoint).json(&params.to_object())
    }

    fn write(self, params: &WriteParams) -> Self {
        let call = self.text("fieldManager", &params.field_manager).text("fieldValidation", &params.field_validation);
        let call = if params.dry_run { call.query("dryRun", "All") } else { call };
        match params.force {
            Some(force) => call.query("force", force.to_string()),
            None => call,
        }
    }

    /// Adds a parameter.
    #[must_use]
    pub fn query(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    /// Adds a parameter unless it is empty.
    #[must_use]
    pub fn text(self, key: &'static str, value: &str) -> Self {
        if value.is_empty() { self } else { self.query(key, value) }
    }

    /// Asks for another form of answer.
    #[must_use]
    pub fn accept(mut self, accept: Accept) -> Self {
        self.accept = accept.header().into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        (self.content_type, self.body) = (Some(content_type), body.into());
        self
    }

    /// Sets the body to an object.
    #[must_use]
    pub fn json(self, object: &Object) -> Self {
        self.body("application/json", object.to_string())
    }

    /// The request. Parameters go in order of their keys, as Go encodes them.
    pub fn build(self) -> anyhow::Result<Request<Bytes>> {
        if let Some(fault) = self.fault {
            anyhow::bail!(fault);
        }
        let mut target = self.path;
        let mut query = self.query;
        query.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut separator = if target.contains('?') { '&' } else { '?' };
        for (key, value) in &query {
            target.push(separator);
            separator = '&';
            escape_into(key, is_query_byte, &mut target);
            target.push('=');
            escape_into(value, is_query_byte, &mut target);
        }
        let mut request = Request::builder().method(self.method).uri(target).header(ACCEPT, self.accept.as_ref());
        if let Some(content_type) = self.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(self.body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::GroupVersionResource;
    use proptest::prelude::*;
    use serde_json::json;

    fn pods() -> GroupVersionResource {
        GroupVersionResource::new("", "v1", "pods")
    }

    fn uri(call: Call) -> String {
        let request = call.build().expect("a request");
        format!("{} {}", request.method(), request.uri())
    }

    #[test]
    fn builds_paths_and_queries() {
        let deployments = GroupVersionResource::new("apps", "v1", "deployments");
        let all = ListParams {
            labels: "a=b,c in (d)".into(),
            limit: 500,
            continue_token: "x==".into(),
            ..ListParams::default()
        };
        let write = WriteParams { dry_run: true, field_manager: "kctl".into(), ..WriteParams::default() };
        let watch = WatchParams { resource_version: "7".into(), bookmarks: true, ..WatchParams::default() };
        for (call, want) in [
            (
                Call::get(&Endpoint::object(&pods(), "default", "Bad Name")),
                "GET /api/v1/namespaces/default/pods/Bad%20Name",
            ),
            (
                Call::list(&Endpoint::collection(&pods(), ""), &all),
                "GET /api/v1/pods?continue=x%3D%3D&labelSelector=a%3Db%2Cc%20in%20%28d%29&limit=500",
            ),
            (
                Call::get(&Endpoint::object(&deployments, "x", "web").subresource("scale")),
                "GET /apis/apps/v1/namespaces/x/deployments/web/scale",
            ),
            (
                Call::create(&Endpoint::collection(&pods(), "a"), &json!({}), &write),
                "POST /api/v1/namespaces/a/pods?dryRun=All&fieldManager=kctl",
            ),
            (
                Call::watch(&Endpoint::collection(&pods(), "a"), &watch),
                "GET /api/v1/namespaces/a/pods?allowWatchBookmarks=true&resourceVersion=7&watch=true",
            ),
            (Call::new(Method::GET, "/version?x=1").query("y", "2"), "GET /version?x=1&y=2"),
        ] {
            assert_eq!(uri(call), want);
        }
    }

    #[test]
    fn refuses_names_that_are_no_path() {
        for (name, want) in [
            ("a/b", "invalid resource name \"a/b\": [may not contain '/']"),
            ("a/%", "invalid resource name \"a/%\": [may not contain '/' may not contain '%']"),
            ("..", "invalid resource name \"..\": [may not be '..']"),
        ] {
            assert_eq!(Endpoint::object(&pods(), "x", name).check().expect_err("refused").to_string(), want);
        }
        assert!(Endpoint::object(&pods(), "x", "Bad Name").check().is_ok());
    }

    #[test]
    fn delete_says_what_it_wants() {
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            propagation: "Orphan".into(),
            dry_run: true,
            uid: "u".into(),
            ..DeleteParams::default()
        };
        let want = json!({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0,
            "propagationPolicy": "Orphan", "dryRun": ["All"], "preconditions": {"uid": "u"}});
        assert_eq!(params.to_object(), want);
    }

    proptest! {
        #[test]
        fn any_text_makes_a_request(name in "\\PC{0,20}", value in "\\PC{0,20}") {
            let endpoint = Endpoint::object(&pods(), "x", name);
            let call = Call::get(&endpoint).query("q", value);
            prop_assert_eq!(call.build().is_ok(), endpoint.check().is_ok());
        }
    }
}
