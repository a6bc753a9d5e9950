//! `metav1.Status`: how an API server says no. A value that clients match and servers build.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Object;

/// An API server's refusal (or, from `delete`, its plain success).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// `Failure` or `Success`.
    pub status: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// For machines: `NotFound`, `Conflict`, `Invalid`, …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What the reason speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<StatusDetails>>,
    /// The HTTP status.
    pub code: u16,
    /// A token with which the list that is refused may go on (`metadata.continue`), or empty.
    #[serde(skip)]
    pub resume: String,
}

/// What a [`Status`] speaks of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusDetails {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind, or the resource's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// UID of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// One entry a field at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<StatusCause>,
    /// Seconds after which to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<i64>,
}

/// One fault in one field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatusCause {
    /// `FieldValueInvalid`, `FieldValueRequired`, …
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The field, as a path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

impl Status {
    /// A failure with these parts.
    pub fn failure(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { status: "Failure".into(), reason: reason.into(), message: message.into(), code, ..Self::default() }
    }

    /// 404 for an object: `pods "x" not found`. `resource` is `pods` or `deployments.apps`.
    pub fn not_found(resource: &str, name: &str) -> Self {
        Self::failure(404, "NotFound", format!("{resource} \"{name}\" not found")).about(resource, name)
    }

    /// 409 for a name that is taken: `pods "x" already exists`.
    pub fn already_exists(resource: &str, name: &str) -> Self {
        Self::failure(409, "AlreadyExists", format!("{resource} \"{name}\" already exists")).about(resource, name)
    }

    /// 409 for a write based on an old object.
    pub fn conflict(resource: &str, name: &str, why: &str) -> Self {
        Self::failure(409, "Conflict", format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}"))
            .about(resource, name)
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, "BadRequest", message)
    }

    /// 403: `pods "x" is forbidden: why`.
    pub fn forbidden(resource: &str, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} \"{name}\" is forbidden: {why}")
        };
        Self::failure(403, "Forbidden", message).about(resource, name)
    }

    /// 410: a watch or continued list from a revision that is compacted away.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::failure(410, "Expired", message)
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        Self::failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 404 for a path that leads nowhere.
    pub fn no_such_path() -> Self {
        Self::failure(404, "NotFound", "the server could not find the requested resource")
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::failure(500, "InternalError", format!("Internal error occurred: {}", message.into()))
    }

    /// Says which object the status speaks of; `resource` is `pods` or `deployments.apps`.
    pub fn about(mut self, resource: &str, name: &str) -> Self {
        let (kind, group) = resource.split_once('.').unwrap_or((resource, ""));
        let details = self.details.get_or_insert_default();
        details.name = name.into();
        details.kind = kind.into();
        details.group = group.into();
        self
    }

    /// The same with details, though they say nothing.
    pub fn with_details(mut self) -> Self {
        self.details.get_or_insert_default();
        self
    }

    /// Whether the object was not there.
    pub fn is_not_found(&self) -> bool {
        self.reason == "NotFound"
    }

    /// Whether the write was based on an old object.
    pub fn is_conflict(&self) -> bool {
        self.reason == "Conflict"
    }

    /// Whether the name was taken.
    pub fn is_already_exists(&self) -> bool {
        self.reason == "AlreadyExists"
    }

    /// The status as the object that goes over the wire.
    pub fn to_object(&self) -> Object {
        let mut object = serde_json::to_value(self).unwrap_or_default();
        object["kind"] = json!("Status");
        object["apiVersion"] = json!("v1");
        object["metadata"] = json!({});
        if !self.resume.is_empty() {
            object["metadata"]["continue"] = self.resume.as_str().into();
        }
        object
    }

    /// Reads a status object; `None` where the value is of another kind.
    pub fn from_object(object: &Object) -> Option<Self> {
        (object.get("kind")?.as_str()? == "Status").then(|| serde_json::from_value(object.clone()).ok())?
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}
