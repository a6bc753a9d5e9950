//! Which objects a list, watch or deletion of many is about.

use std::borrow::Cow;

use super::query::Query;
use crate::backend::registry::custom;
use crate::object::builtin::Resource;
use crate::object::fields::{FieldSelector, Term};
use crate::object::labels::Selector;
use crate::object::{Meta, Object, Status};

/// Fields that can be selected by, besides name and namespace.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "pods",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
    ),
    ("nodes", &["spec.unschedulable"]),
    ("namespaces", &["status.phase"]),
    ("secrets", &["type"]),
    ("services", &["spec.clusterIP", "spec.type"]),
    ("replicationcontrollers", &["status.replicas"]),
    ("replicasets.apps", &["status.replicas"]),
    ("jobs.batch", &["status.successful"]),
    ("certificatesigningrequests.certificates.k8s.io", &["spec.signerName"]),
    (
        "events",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
];

/// Fields of `events.k8s.io` that can be selected by, and what they are in an event as it is stored.
const EVENTS: (&str, &[(&str, &str)]) = (
    "events.events.k8s.io",
    &[
        ("reason", "reason"),
        ("type", "type"),
        ("reportingController", "reportingComponent"),
        ("regarding.kind", "involvedObject.kind"),
        ("regarding.namespace", "involvedObject.namespace"),
        ("regarding.name", "involvedObject.name"),
        ("regarding.uid", "involvedObject.uid"),
        ("regarding.apiVersion", "involvedObject.apiVersion"),
        ("regarding.resourceVersion", "involvedObject.resourceVersion"),
        ("regarding.fieldPath", "involvedObject.fieldPath"),
    ],
);

/// How the complaints end about what stands at the wrong place of a label selector.
const PLACES: &[&str] = &[
    "expected: !, identifier, or 'end of string'",
    "expected: identifier after ','",
    "expected: ',' or 'end of string'",
];

/// A label selector and a field selector.
#[derive(Debug, Default)]
pub struct Selection {
    labels: Option<Selector>,
    fields: FieldSelector,
}

impl Selection {
    /// Reads `labelSelector` and `fieldSelector` of a request to a resource, in the version that was asked for.
    pub fn parse(resource: &Resource, query: &Query) -> Result<Self, Status> {
        let labels = match query.get("labelSelector") {
            "" => None,
            text => Some(Selector::parse(text).map_err(|error| {
                let text = error.to_string();
                // What stands at the wrong place is told as it is, what is wrong in itself with a word more.
                let plain = text.starts_with("unable to parse requirement:")
                    || (text.starts_with("found '") && PLACES.iter().any(|place| text.ends_with(place)));
                Status::bad_request(if plain { text } else { format!("unable to parse requirement: {text}") })
            })?),
        };
        let mut fields =
            FieldSelector::parse(query.get("fieldSelector")).map_err(|error| Status::bad_request(error.to_string()))?;
        if resource.group_resource() == EVENTS.0 {
            for term in fields.0.iter_mut().filter(|term| !term.field.starts_with("metadata.")) {
                let stored = EVENTS.1.iter().find(|(field, _)| *field == term.field);
                let (_, stored) =
                    stored.ok_or_else(|| Status::bad_request(format!("field label not supported: {}", term.field)))?;
                term.field = (*stored).to_owned();
            }
            return Ok(Self { labels, fields });
        }
        let known = FIELDS.iter().find(|(name, _)| *name == resource.group_resource()).map(|(_, fields)| *fields);
        let is_custom = custom::of(resource).is_some();
        for term in &fields.0 {
            if matches!(term.field.as_str(), "metadata.name" | "metadata.namespace") {
                continue;
            }
            if custom::of(resource).is_some_and(|custom| custom.selectable.contains(&term.field)) {
                continue;
            }
            match known {
                Some(fields) if fields.contains(&term.field.as_str()) => {}
                Some(_) => return Err(Status::bad_request(format!("field label not supported: {}", term.field))),
                None if is_custom => {
                    return Err(Status::bad_request(format!("field label not supported: {}", term.field)));
                }
                None => {
                    return Err(Status::bad_request(format!(
                        "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
                        crate::go::quote::quote(&term.field)
                    )));
                }
            }
        }
        Ok(Self { labels, fields })
    }

    /// The same, of one name only where that is not empty.
    #[must_use]
    pub fn of_name(mut self, name: &str) -> Self {
        if !name.is_empty() {
            self.fields.0.push(Term { field: "metadata.name".to_owned(), value: name.to_owned(), equal: true });
        }
        self
    }

    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_everything()
    }

    /// The only name that is selected, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.fields.exact("metadata.name")
    }

    /// Whether an object is selected.
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.as_ref().is_none_or(|labels| labels.matches(object))
            && self.fields.matches(|field| field_of(object, field))
    }
}

fn field_of<'a>(object: &'a Object, field: &str) -> Cow<'a, str> {
    match field {
        "source" => {
            let component = object.str_at(&["source", "component"]);
            return if component.is_empty() { object.str_at(&["reportingComponent"]) } else { component }.into();
        }
        "status.podIPs" => {
            let ips = object.list_at(&["status", "podIPs"]).iter().map(|ip| ip.str_at(&["ip"]));
            return ips.collect::<Vec<_>>().join(",").into();
        }
        "status.successful" => return object.int_at(&["status", "succeeded"]).unwrap_or(0).to_string().into(),
        _ => {}
    }
    let path: Vec<&str> = field.split('.').collect();
    match object.at(&path) {
        Some(Object::String(text)) => text.into(),
        Some(Object::Bool(value)) => value.to_string().into(),
        Some(Object::Number(number)) => number.to_string().into(),
        _ => match field {
            "spec.unschedulable" | "spec.hostNetwork" => "false".into(),
            "status.replicas" => "0".into(),
            _ => "".into(),
        },
    }
}
