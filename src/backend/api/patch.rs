//! Patches: a body and its media type to a changed object.

use super::body;
use crate::object::{Object, Status};

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
    /// Reads a patch; server-side apply is refused with 415.
    pub fn read(media_type: &str, bytes: &[u8]) -> Result<Self, Status> {
        let parse = || -> Result<Object, Status> {
            serde_json::from_slice(bytes).map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))
        };
        match media_type {
            "application/json-patch+json" => Ok(Self::Json(bytes.to_vec())),
            "application/merge-patch+json" => parse().map(Self::Merge),
            "application/strategic-merge-patch+json" => parse().map(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+cbor" => Err(Status::failure(
                415,
                "UnsupportedMediaType",
                "server-side apply is not supported by the bundled cluster; use client-side apply",
            )),
            other => Err(body::unsupported(other)),
        }
    }

    /// Applies it to an object.
    pub fn apply(&self, object: &Object) -> Result<Object, Status> {
        let mut result = object.clone();
        match self {
            Self::Json(bytes) => {
                let operations: json_patch::Patch = serde_json::from_slice(bytes)
                    .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
                json_patch::patch(&mut result, &operations).map_err(|error| {
                    Status::failure(
                        422,
                        "Invalid",
                        format!("the server rejected our request due to an error in our request: {error}"),
                    )
                })?;
            }
            Self::Merge(patch) => json_patch::merge(&mut result, patch),
            Self::Strategic(_) => {
                return Err(body::unsupported("application/strategic-merge-patch+json"));
            }
        }
        Ok(result)
    }
}
