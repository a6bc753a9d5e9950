//! Patches: a body and its media type to a changed object.

use super::body;
use super::form::{self, FieldValidation, Source};
use crate::backend::registry::custom::Custom;
use crate::object::patch::{PatchError, json, merge, strategic};
use crate::object::{GroupVersionKind, Object, Status, schema};

/// The media type of an object that is to be applied.
pub(super) const APPLY: &str = "application/apply-patch+yaml";

/// A patch of one of the three plain kinds.
pub(super) enum Patch {
    /// A list of operations (RFC 6902).
    Json(Vec<u8>),
    /// A part of the object (RFC 7396).
    Merge(Object),
    /// A part of the object, with lists merged by their keys.
    Strategic(Object),
}

impl Patch {
    /// Reads a patch; what is to be applied ([`APPLY`]) is none of these.
    pub fn read(media_type: &str, bytes: &[u8]) -> Result<Self, Status> {
        let parse = || -> Result<Object, Status> {
            let malformed = |error| Status::bad_request(format!("error decoding patch: {error}"));
            serde_json::from_slice(bytes).map_err(malformed)
        };
        match media_type {
            "application/json-patch+json" => Ok(Self::Json(bytes.to_vec())),
            "application/merge-patch+json" => parse().map(Self::Merge),
            "application/strategic-merge-patch+json" => parse().map(Self::Strategic),
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
                json::apply(&mut result, operations).map_err(|error| refuse(error, true))?;
                Source::Patched
            }
            Self::Merge(patch) => {
                merge::apply(&mut result, patch);
                Source::Patched
            }
            Self::Strategic(patch) => {
                let Some(of) = schema::of(gvk) else {
                    return Err(body::unsupported_patch(true));
                };
                result = strategic::apply(result, patch.clone(), of).map_err(|error| refuse(error, false))?;
                Source::Strategic(patch)
            }
        };
        let warnings = form::normalise(gvk, custom, &mut result, &source, validation)?;
        Ok((result, warnings))
    }
}

fn refuse(error: PatchError, json: bool) -> Status {
    let reason = match error.code() {
        400 => "BadRequest",
        409 => "Conflict",
        422 => "Invalid",
        _ => return Status::failure(500, "", error.to_string()),
    };
    let text = match (&error, json) {
        // The server keeps to itself what exactly did not fit.
        (PatchError::Unprocessable(_), true) => {
            "the server rejected our request due to an error in our request".to_owned()
        }
        _ => error.to_string(),
    };
    Status::failure(error.code(), reason, text)
}
