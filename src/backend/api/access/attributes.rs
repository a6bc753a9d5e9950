//! What is asked for, as far as it decides who may.

use http::{Method, Request};

use super::super::query::Query;
use super::super::route::ResourceRoute;
use super::super::selection::Selection;
use super::User;
use crate::object::{Meta, Object, Status};

/// A verb and what it is done to: a resource, or a path that is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `get`, `list`, …
    pub verb: String,
    /// Empty for the core group.
    pub group: String,
    /// The plural name.
    pub resource: String,
    /// Empty for the object itself.
    pub subresource: String,
    /// Empty for all, and for what is in none.
    pub namespace: String,
    /// Empty for all.
    pub name: String,
    /// The path, where it leads to no resource; empty for a resource.
    pub path: String,
}

impl Attributes {
    /// A request to a resource.
    pub fn of_route(verb: &str, route: &ResourceRoute<'_>, query: Option<&str>) -> Self {
        let mut name = route.name.clone().into_owned();
        // A list of one name is about that name.
        if name.is_empty()
            && let Ok(selection) = Query::parse(query).and_then(|query| Selection::parse(route.resource, &query))
        {
            name = selection.name().unwrap_or_default().to_owned();
        }
        let own = route.resource.group.is_empty() && route.resource.plural == "namespaces";
        Self {
            verb: verb.to_owned(),
            group: route.resource.group.to_owned(),
            resource: route.resource.plural.to_owned(),
            subresource: route.subresource.clone().into_owned(),
            namespace: if own { name.clone() } else { route.namespace.clone().into_owned() },
            name,
            path: String::new(),
        }
    }

    /// A request to a path that is no resource's.
    pub fn of_path<B>(request: &Request<B>) -> Self {
        let verb = match *request.method() {
            Method::GET => "get".to_owned(),
            ref other => other.as_str().to_ascii_lowercase(),
        };
        Self { verb, path: request.uri().path().to_owned(), ..Self::default() }
    }

    /// What an access review asks about.
    pub fn of_review(spec: &Object) -> Self {
        let path = spec.str_at(&["nonResourceAttributes", "path"]);
        if !path.is_empty() {
            let verb = spec.str_at(&["nonResourceAttributes", "verb"]).to_owned();
            return Self { verb, path: path.to_owned(), ..Self::default() };
        }
        let text = |field: &str| spec.str_at(&["resourceAttributes", field]).to_owned();
        Self {
            verb: text("verb"),
            group: text("group"),
            resource: text("resource"),
            subresource: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
            path: String::new(),
        }
    }

    /// The refusal of a request; `reason` may be empty.
    pub fn refused(&self, user: &User, reason: &str) -> Status {
        let quoted = crate::go::quote::quote;
        let (user, verb) = (quoted(&user.name), &self.verb);
        let mut why = if self.path.is_empty() {
            let slash = if self.subresource.is_empty() { "" } else { "/" };
            let resource = quoted(&format!("{}{slash}{}", self.resource, self.subresource));
            let group = quoted(&self.group);
            let scope = match &*self.namespace {
                "" => "at the cluster scope".to_owned(),
                namespace => format!("in the namespace {}", quoted(namespace)),
            };
            format!("User {user} cannot {verb} resource {resource} in API group {group} {scope}")
        } else {
            format!("User {user} cannot {verb} path {}", quoted(&self.path))
        };
        // A refusal is not to be taken for a web page.
        why = why.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        if !reason.is_empty() {
            why = format!("{why}: {reason}");
        }
        if !self.path.is_empty() {
            return Status::failure(403, "Forbidden", format!("forbidden: {why}"));
        }
        let dot = if self.group.is_empty() { "" } else { "." };
        Status::forbidden(&format!("{}{dot}{}", self.resource, self.group), &self.name, &why)
    }
}
