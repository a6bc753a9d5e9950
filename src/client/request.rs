//! Building requests: verbs and their parameters to `http::Request`, without any I/O.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request};
use serde_json::json;

use crate::object::{GroupVersionResource, Object};

/// Which form of an answer is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accept {
    /// Whole objects.
    #[default]
    Json,
    /// Rows and cells, whole objects from servers that have no tables.
    Table,
    /// Metadata of one object only.
    PartialMetadata,
    /// Metadata of a list's objects only.
    PartialMetadataList,
    /// Aggregated discovery, the legacy documents from servers that have none.
    Discovery,
    /// Anything.
    Any,
}

impl Accept {
    /// The header's value.
    pub fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Table => {
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
            }
            Self::PartialMetadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json",
            Self::PartialMetadataList => {
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
            }
            Self::Discovery => {
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
            }
            Self::Any => "*/*",
        }
    }
}

/// How a patch's body is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7396.
    Merge,
    /// Kubernetes' own, which knows lists by key.
    Strategic,
    /// Server-side apply; the body is YAML or JSON.
    Apply,
}

impl PatchType {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
            Self::Apply => "application/apply-patch+yaml",
        }
    }
}

/// Where an object or a collection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Group, version and resource.
    pub resource: GroupVersionResource,
    /// Namespace; empty for all of them, and for what has none.
    pub namespace: String,
    /// Name; empty for the collection.
    pub name: String,
    /// Subresource (`status`, `scale`, `log`, …); empty for the object itself.
    pub subresource: String,
}

impl Endpoint {
    /// The collection of a resource in a namespace, or everywhere where that is empty.
    pub fn collection(resource: &GroupVersionResource, namespace: impl Into<String>) -> Self {
        Self { resource: resource.clone(), namespace: namespace.into(), ..Self::default() }
    }

    /// One object.
    pub fn object(resource: &GroupVersionResource, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::collection(resource, namespace) }
    }

    /// A subresource of this object.
    #[must_use]
    pub fn subresource(mut self, subresource: impl Into<String>) -> Self {
        self.subresource = subresource.into();
        self
    }

    /// The path, its parts escaped.
    pub fn path(&self) -> String {
        let mut path = self.resource.group_version().path();
        let mut push = |part: &str| {
            if !part.is_empty() {
                path.push('/');
                escape_into(part, is_path_byte, &mut path);
            }
        };
        if !self.namespace.is_empty() {
            push("namespaces");
            push(&self.namespace);
        }
        push(&self.resource.resource);
        push(&self.name);
        for part in self.subresource.split('/') {
            push(part);
        }
        path
    }

    /// Refuses names that cannot be one part of a path, as client-go does before it sends anything.
    pub fn check(&self) -> anyhow::Result<()> {
        for (what, part) in [("resource name", &self.name), ("namespace", &self.namespace)] {
            let faults = path_part_faults(part);
            if !faults.is_empty() {
                anyhow::bail!("invalid {what} {part:?}: [{}]", faults.join(" "));
            }
        }
        Ok(())
    }
}

fn path_part_faults(part: &str) -> Vec<String> {
    if part == "." || part == ".." {
        return vec![format!("may not be '{part}'")];
    }
    ["/", "%"].iter().filter(|c| part.contains(**c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// What a list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListParams {
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// Items a page; 0 for all at once.
    pub limit: u64,
    /// The rest of a list that was begun.
    pub continue_token: String,
    /// Resource version; empty for the newest.
    pub resource_version: String,
}

/// How a watch is narrowed and where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchParams {
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// Resource version after which to begin.
    pub resource_version: String,
    /// Seconds after which the server ends the watch; 0 for its own choice.
    pub timeout_seconds: u64,
    /// Whether to ask for bookmarks.
    pub bookmarks: bool,
}

/// How a write is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteParams {
    /// Whether the server only pretends.
    pub dry_run: bool,
    /// Name of the field manager; empty for the server's guess.
    pub field_manager: String,
    /// `Strict`, `Warn` or `Ignore`; empty for the server's choice.
    pub field_validation: String,
    /// Server-side apply only: whether to take fields from other managers.
    pub force: Option<bool>,
}

/// What a delete asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteParams {
    /// Seconds of grace; the kind's own where none are given.
    pub grace_period_seconds: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`; the kind's own where empty.
    pub propagation: String,
    /// Whether the server only pretends.
    pub dry_run: bool,
    /// The object must have this UID; empty for any.
    pub uid: String,
    /// The object must have this resource version; empty for any.
    pub resource_version: String,
}

impl DeleteParams {
    /// The body, `v1 DeleteOptions`.
    pub fn to_object(&self) -> Object {
        let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
        if let Some(seconds) = self.grace_period_seconds {
            body["gracePeriodSeconds"] = json!(seconds);
        }
        if !self.propagation.is_empty() {
            body["propagationPolicy"] = json!(self.propagation);
        }
        if self.dry_run {
            body["dryRun"] = json!(["All"]);
        }
        for (field, value) in [("uid", &self.uid), ("resourceVersion", &self.resource_version)] {
            if !value.is_empty() {
                body["preconditions"][field] = json!(value);
            }
        }
        body
    }
}

/// What a request is about, for errors that the server did not put into words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// API group; empty for the core's.
    pub group: String,
    /// The resource, in plural.
    pub resource: String,
    /// The object's name; empty for the collection.
    pub name: String,
}

impl Subject {
    fn of(endpoint: &Endpoint) -> Self {
        let GroupVersionResource { group, resource, .. } = endpoint.resource.clone();
        Self { group, resource, name: endpoint.name.clone() }
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    subject: Option<Subject>,
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
        Self { subject: Some(Subject::of(endpoint)), ..Self::new(method, endpoint.path()) }
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

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~$&+=:@".contains(&byte)
}

fn is_query_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

fn escape_into(text: &str, plain: fn(u8) -> bool, out: &mut String) {
    for byte in text.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(HEX.get(usize::from(nibble)).copied().map_or('0', char::from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            let call = Call::get(&Endpoint::object(&pods(), "x", name)).query("q", value);
            prop_assert!(call.build().is_ok());
        }
    }
}
