//! Patches: a body and its media type to a changed object.

use serde_json::json;

use super::body;
use super::form::{self, FieldValidation, Source};
use crate::backend::registry::custom::Custom;
use crate::object::patch::{PatchError, json as json_patch, merge, strategic};
use crate::object::schema::{self, duplicate_fields};
use crate::object::{GroupVersionKind, Meta, Object, Status, json_kind, yaml};

/// The media type of an object that is to be applied.
pub(super) const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json-patch+json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// A patch of one of the three plain kinds.
pub(super) enum Patch {
    /// A list of operations (RFC 6902).
    Json(Vec<u8>),
    /// A part of the object (RFC 7396), and the fields that it gives twice.
    Merge(Object, Vec<String>),
    /// A part of the object, with lists merged by their keys, and the fields that it gives twice.
    Strategic(Object, Vec<String>),
}

impl Patch {
    /// Whether there is a patch of that media type, be it to be applied.
    pub fn is_known(media_type: &str) -> bool {
        matches!(media_type, JSON | MERGE | STRATEGIC | APPLY)
    }

    /// Reads a patch; what is to be applied ([`APPLY`]) is none of these.
    pub fn read(media_type: &str, bytes: &[u8]) -> Result<Self, Status> {
        let map = |before: &str| -> Result<Object, Status> {
            let malformed = |why: &str| Status::bad_request(format!("{before}{why}"));
            let value: Object = serde_json::from_slice(bytes)
                .map_err(|error| malformed(&yaml::json_mistake(bytes).unwrap_or_else(|| error.to_string())))?;
            if value.is_object() || value.is_null() {
                return Ok(value);
            }
            let kind = json_kind(&value);
            Err(malformed(&format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")))
        };
        match media_type {
            JSON => Ok(Self::Json(bytes.to_vec())),
            MERGE => match map("error decoding patch: ")? {
                Object::Null => Err(Status::bad_request("Invalid JSON Patch")),
                value => Ok(Self::Merge(value, duplicate_fields(bytes))),
            },
            STRATEGIC => match map("")? {
                // Nothing says nothing.
                Object::Null => Ok(Self::Strategic(json!({}), Vec::new())),
                value => Ok(Self::Strategic(value, duplicate_fields(bytes))),
            },
            _ => Err(body::unsupported_patch(false)),
        }
    }

    /// Applies it to an object of a kind, and brings the result into that kind's form. Returns the
    /// object and warnings.
    pub fn apply(
        &self,
        gvk: &GroupVersionKind,
        custom: Option<&'static Custom>,
        object: &Object,
        validation: FieldValidation,
    ) -> Result<(Object, Vec<String>), Status> {
        let mut result = object.clone();
        let source = match self {
            Self::Json(operations) => {
                json_patch::apply(&mut result, operations).map_err(|error| refuse(error, true))?;
                Source::Patched(&[])
            }
            Self::Merge(patch, twice) => {
                merge::apply(&mut result, patch);
                Source::Patched(twice)
            }
            Self::Strategic(patch, twice) => {
                let Some(of) = schema::of(gvk) else {
                    return Err(body::unsupported_patch(true));
                };
                result = strategic::apply(result, patch.clone(), of).map_err(|error| refuse(error, false))?;
                Source::Strategic(patch, twice)
            }
        };
        if custom.is_none() {
            same_kind(gvk, &mut result)?;
        }
        let warnings = form::normalise(gvk, custom, &mut result, &source, validation)?;
        Ok((result, warnings))
    }
}

/// A patch may say the kind again or take it away, but not another.
fn same_kind(gvk: &GroupVersionKind, object: &mut Object) -> Result<(), Status> {
    if object.api_version().is_empty() {
        object.set_at(&["apiVersion"], gvk.group_version().to_string());
    }
    if object.kind().is_empty() {
        object.set_at(&["kind"], gvk.kind.as_str());
    }
    let found = object.gvk();
    if found == *gvk { Ok(()) } else { Err(form::other_kind(gvk, &found, object)) }
}

fn refuse(error: PatchError, json: bool) -> Status {
    let reason = match error.code() {
        400 => "BadRequest",
        409 => "Conflict",
        422 => "Invalid",
        _ => return Status::failure(500, "", error.to_string()),
    };
    match (&error, json) {
        // The server keeps to itself what exactly did not fit.
        (PatchError::Unprocessable(_), true) => {
            let text = "the server rejected our request due to an error in our request";
            Status::failure(422, reason, text).with_details()
        }
        (PatchError::TooLarge(text), _) => {
            Status::failure(413, "RequestEntityTooLarge", format!("Request entity too large: {text}"))
        }
        _ => Status::failure(error.code(), reason, error.to_string()),
    }
}
