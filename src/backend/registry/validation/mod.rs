//! What the API server finds wrong with objects, in its words and its order.
//!
//! | module | what it checks |
//! | --- | --- |
//! | [`meta`] | names, labels, annotations, owners, finalizers |
//! | [`pod`] | pods and what a pod and a template share |
//! | [`affinity`] | where pods want to run |
//! | [`cron`] | schedules |
//! | [`container`] | containers: ports, environment, mounts, probes, resources |
//! | [`warnings`] | what is allowed and will surprise |
//! | [`workload`] | selectors, templates, counts and percentages of the kinds that make pods |

pub mod affinity;
pub mod container;
pub mod cron;
pub mod ephemeral;
pub mod meta;
pub mod pod;
pub mod warnings;
pub mod workload;

use super::field_error::{FieldError, FieldErrorKind, FieldErrors};
use crate::object::names::Complaints;
use crate::object::{Meta, Object};

/// Collects faults in the order in which they are found.
#[derive(Debug, Default)]
pub struct Faults(pub FieldErrors);

impl Faults {
    /// The field must be set.
    pub fn required(&mut self, field: impl Into<String>, detail: &str) {
        self.0.push(FieldError::required(field, detail));
    }

    /// The value is malformed.
    pub fn invalid(&mut self, field: impl Into<String>, value: impl Into<Object>, detail: impl Into<String>) {
        self.0.push(FieldError::invalid(field, value, detail));
    }

    /// The field may not be set here or changed.
    pub fn forbidden(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::forbidden(field, detail));
    }

    /// The value is none of those allowed.
    pub fn not_supported(&mut self, field: impl Into<String>, value: impl Into<Object>, allowed: &[&str]) {
        self.0.push(FieldError::not_supported(field, value, allowed));
    }

    /// The value is there twice.
    pub fn duplicate(&mut self, field: impl Into<String>, value: impl Into<Object>) {
        self.0.push(FieldError::duplicate(field, value));
    }

    /// The value names something that is not there.
    pub fn not_found(&mut self, field: impl Into<String>, value: impl Into<Object>) {
        self.0.push(FieldError::not_found(field, value));
    }

    /// The value has too many bytes.
    pub fn too_long(&mut self, field: impl Into<String>, most: usize) {
        self.0.push(FieldError::too_long(field, most));
    }

    /// A fault of the server's.
    pub fn internal(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError::new(FieldErrorKind::Internal, field, "", detail));
    }

    /// One fault for each complaint about a value.
    pub fn complaints(&mut self, field: &str, value: &str, complaints: Complaints) {
        for complaint in complaints {
            self.invalid(field, value, complaint);
        }
    }

    /// The integer at a path below `base` must not be negative; absent is fine.
    pub fn non_negative(&mut self, object: &Object, base: &str, path: &[&str]) {
        if let Some(value) = object.int_at(path).filter(|value| *value < 0) {
            self.invalid(child(base, &path.join(".")), value, "must be greater than or equal to 0");
        }
    }

    /// The text at a field must be one of those allowed; absent is required.
    pub fn one_of(&mut self, field: impl Into<String>, value: &str, allowed: &[&str]) {
        if value.is_empty() {
            self.required(field, "");
        } else if !allowed.contains(&value) {
            self.not_supported(field, value, allowed);
        }
    }

    /// The field must be as it was.
    pub fn immutable(&mut self, new: &Object, old: &Object, path: &[&str]) {
        let (new, old) = (new.at(path), old.at(path));
        if new != old && !(is_empty(new) && is_empty(old)) {
            self.0.push(FieldError::immutable(path.join("."), new.cloned().unwrap_or_default()));
        }
    }
}

/// Whether a field is absent or empty, which servers do not tell apart.
pub fn is_empty(value: Option<&Object>) -> bool {
    match value {
        None | Some(Object::Null) => true,
        Some(Object::Object(map)) => map.is_empty(),
        Some(Object::Array(list)) => list.is_empty(),
        Some(Object::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

/// Whether a field is set at all, be it to an empty map.
pub fn is_set(value: Option<&Object>) -> bool {
    value.is_some_and(|value| !value.is_null())
}

/// The path of a field below another; the root is empty.
pub fn child(base: &str, field: &str) -> String {
    if base.is_empty() { field.to_owned() } else { format!("{base}.{field}") }
}

/// The values at a path with their paths: `spec.ports[0]`, ….
pub fn indexed<'a>(object: &'a Object, base: &str, path: &[&str]) -> impl Iterator<Item = (String, &'a Object)> {
    let list = child(base, &path.join("."));
    object.list_at(path).iter().enumerate().map(move |(index, value)| (format!("{list}[{index}]"), value))
}
