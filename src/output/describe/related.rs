//! What a description needs besides the object, and what was fetched of it.

use crate::object::{GroupVersionResource, Meta, Object, Status, fields};

/// A resource of the API, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core group.
    pub group: &'static str,
    /// `v1`, …
    pub version: &'static str,
    /// `pods`, …
    pub plural: &'static str,
}

impl Resource {
    /// Builds one from its parts.
    pub const fn new(group: &'static str, version: &'static str, plural: &'static str) -> Self {
        Self { group, version, plural }
    }

    /// The same with owned parts.
    pub fn gvr(self) -> GroupVersionResource {
        GroupVersionResource::new(self.group, self.version, self.plural)
    }
}

pub(super) const PODS: Resource = Resource::new("", "v1", "pods");
pub(super) const SERVICES: Resource = Resource::new("", "v1", "services");
pub(super) const RESOURCE_QUOTAS: Resource = Resource::new("", "v1", "resourcequotas");
pub(super) const LIMIT_RANGES: Resource = Resource::new("", "v1", "limitranges");
pub(super) const REPLICA_SETS: Resource = Resource::new("apps", "v1", "replicasets");
pub(super) const ENDPOINT_SLICES: Resource = Resource::new("discovery.k8s.io", "v1", "endpointslices");
pub(super) const LEASES: Resource = Resource::new("coordination.k8s.io", "v1", "leases");
pub(super) const RESOURCE_SLICES: Resource = Resource::new("resource.k8s.io", "v1", "resourceslices");

/// Something to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Events, where they are to be shown.
    Events {
        /// Where; empty for all namespaces.
        namespace: String,
        /// Which.
        field_selector: String,
    },
    /// All objects of a type that fit.
    List {
        /// The type.
        resource: Resource,
        /// Where; none for all namespaces, or for a type without.
        namespace: Option<String>,
        /// Empty for all.
        label_selector: String,
        /// Empty for all.
        field_selector: String,
        /// Whether the list is read in pages of the size that was asked for; else all at once.
        paged: bool,
    },
    /// One object.
    Get {
        /// Its type.
        resource: Resource,
        /// Where; none for a type without.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
}

impl Need {
    /// Objects of a type in a namespace.
    pub(super) fn list(resource: Resource, namespace: &str) -> Self {
        Self::List {
            resource,
            namespace: Some(namespace.to_owned()),
            label_selector: String::new(),
            field_selector: String::new(),
            paged: true,
        }
    }

    /// The same, with this label selector.
    pub(super) fn labelled(mut self, selector: String) -> Self {
        if let Self::List { label_selector, .. } = &mut self {
            *label_selector = selector;
        }
        self
    }

    /// Pods of any namespace that fit a field selector.
    pub(super) fn everywhere(resource: Resource, field_selector: String, paged: bool) -> Self {
        Self::List { resource, namespace: None, label_selector: String::new(), field_selector, paged }
    }

    /// The endpoint slices of a Service.
    pub(super) fn slices_of(namespace: &str, service: &str) -> Self {
        Self::List {
            resource: ENDPOINT_SLICES,
            namespace: Some(namespace.to_owned()),
            label_selector: format!("kubernetes.io/service-name={service}"),
            field_selector: String::new(),
            paged: false,
        }
    }

    /// The events about an object.
    pub fn events_of(object: &Object) -> Self {
        Self::events(object, object.kind(), object.uid())
    }

    /// The events about an object, searched by another kind or identity; empty ones do not count.
    pub(super) fn events(object: &Object, kind: &str, uid: &str) -> Self {
        // In the order of the fields' names, as a selector's text has them.
        let mut terms = Vec::new();
        for (field, value, always) in [
            ("kind", kind, false),
            ("name", object.name(), true),
            ("namespace", object.namespace(), true),
            ("uid", uid, false),
        ] {
            if always || !value.is_empty() {
                terms.push(format!("involvedObject.{field}={}", fields::escape(value)));
            }
        }
        Self::Events { namespace: object.namespace().to_owned(), field_selector: terms.join(",") }
    }
}

/// What was fetched, by what was needed.
#[derive(Debug, Default)]
pub struct Related {
    answers: Vec<(Need, anyhow::Result<Vec<Object>>)>,
}

impl Related {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps an answer: the items of a list, one object, or why there is none.
    pub fn insert(&mut self, need: Need, answer: anyhow::Result<Vec<Object>>) {
        self.answers.push((need, answer));
    }

    fn answer(&self, need: &Need) -> Option<&anyhow::Result<Vec<Object>>> {
        self.answers.iter().find(|(known, _)| known == need).map(|(_, answer)| answer)
    }

    /// The items of a list; nothing for what was not fetched.
    pub(super) fn list(&self, need: &Need) -> Result<&[Object], &anyhow::Error> {
        match self.answer(need) {
            None => Ok(&[]),
            Some(Ok(items)) => Ok(items),
            Some(Err(error)) => Err(error),
        }
    }

    /// One object, or why there is none; `None` for what was not fetched.
    pub(super) fn get(&self, need: &Need) -> Option<Result<&Object, &anyhow::Error>> {
        match self.answer(need)? {
            Ok(items) => Some(Ok(items.first()?)),
            Err(error) => Some(Err(error)),
        }
    }

    /// All events, in the order of the needs; none where they are not to be shown. Those that could
    /// not be fetched are missing.
    pub(super) fn events(&self) -> Option<Vec<&Object>> {
        let mut events = None;
        for (need, answer) in &self.answers {
            if let Need::Events { .. } = need {
                events.get_or_insert_with(Vec::new).extend(answer.iter().flatten());
            }
        }
        events
    }

    /// Why events could not be fetched.
    pub(super) fn events_error(&self) -> Option<&anyhow::Error> {
        self.answers.iter().find_map(|(need, answer)| match (need, answer) {
            (Need::Events { .. }, Err(error)) => Some(error),
            _ => None,
        })
    }
}

/// An error once more, to hand it on: a server's refusal as it is, any other by its words.
pub(super) fn again(error: &anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Status>() {
        Some(status) => status.clone().into(),
        None => anyhow::anyhow!("{error:#}"),
    }
}

/// Whether an error is the server's refusal for this reason.
pub(super) fn is_refusal(error: &anyhow::Error, reason: &str) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| status.reason == reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_searched_by_what_is_known() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "a", "namespace": "b", "uid": "u"}});
        let Need::Events { namespace, field_selector } = Need::events_of(&pod) else { panic!("not events") };
        assert_eq!(namespace, "b");
        assert_eq!(
            field_selector,
            "involvedObject.kind=Pod,involvedObject.name=a,involvedObject.namespace=b,involvedObject.uid=u"
        );
        let Need::Events { field_selector, .. } = Need::events(&pod, "", "") else { panic!("not events") };
        assert_eq!(field_selector, "involvedObject.name=a,involvedObject.namespace=b");
    }

    #[test]
    fn events_are_shown_when_they_were_asked_for() {
        let need = Need::events_of(&json!({}));
        let mut related = Related::new();
        assert!(related.events().is_none());
        related.insert(need.clone(), Err(anyhow::anyhow!("no")));
        assert_eq!(related.events(), Some(vec![]));
        related.insert(need, Ok(vec![json!(1)]));
        assert_eq!(related.events(), Some(vec![&json!(1)]));
    }
}
