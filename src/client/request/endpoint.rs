//! Where objects are.

use super::escape::{escape_into, is_path_byte};
use crate::object::GroupVersionResource;

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
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let GroupVersionResource { group, resource, .. } = endpoint.resource.clone();
        Self { group, resource, name: endpoint.name.clone() }
    }
}
