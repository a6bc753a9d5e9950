//! OpenAPI v3: an index, and one document a group version, made when it is asked for.
//!
//! The documents have every type and every operation, but no prose: only what programs read.

mod paths;
mod protobuf;
mod schemas;
mod version2;

use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, json};

pub(super) use version2::whole as version_2;

use super::discovery::VERSION;
use crate::backend::registry::custom;
use crate::object::builtin::Resource;
use crate::object::{GroupVersion, Object};

/// Raised when the form of the documents changes, so that clients do not keep old ones.
const FORM: u64 = 2;
/// What the documents call their version.
const RELEASE: &str = "1.36";

/// `/openapi/v3`: where each group version's document is. The address changes with the document.
pub(super) fn index(resources: &[&'static Resource]) -> Object {
    let mut paths = Map::new();
    for resource in resources {
        let version = resource.group_version();
        let path = version.path().trim_start_matches('/').to_owned();
        if !paths.contains_key(&path) {
            let address = format!("/openapi/v3/{path}?hash={}", hash(&version, resources));
            paths.insert(path, json!({"serverRelativeURL": address}));
        }
    }
    json!({"paths": paths})
}

/// A group version's document, or `None` where it has no resources.
pub(super) fn document(version: &GroupVersion, resources: &[&'static Resource]) -> Option<Object> {
    let own: Vec<&'static Resource> = of(version, resources).collect();
    if own.is_empty() {
        return None;
    }
    let mut schemas = schemas::Schemas::default();
    let paths = paths::paths(version, &own, &mut schemas);
    schemas.meta("meta.v1.WatchEvent");
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": RELEASE},
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "securitySchemes": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        },
    }))
}

/// The form in which a document is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// JSON.
    Json,
    /// The protobuf messages that client libraries read.
    Protobuf,
}

impl Encoding {
    /// The first of those that `Accept` names in which documents of a generation (2 or 3) are sent; 406 where
    /// there is none.
    pub fn negotiate(generation: u8, headers: &HeaderMap) -> Result<Self, StatusCode> {
        let Some(accept) = headers.get(ACCEPT) else { return Ok(Self::Json) };
        let accept = accept.to_str().unwrap_or_default();
        let name = media_type(generation);
        // The first releases that had it wrote another sign.
        let (start, end) = name.split_at(name.find(".v1.0").unwrap_or(name.len()));
        let deprecated =
            |asked: &str| asked.strip_prefix(start).and_then(|rest| rest.strip_prefix('@')) == end.get(1..);
        let mut clauses = accept.split(',').map(|clause| clause.split(';').next().unwrap_or_default().trim());
        let found = clauses.find_map(|asked| match asked {
            "" if accept.is_empty() => Some(Self::Json),
            "*/*" | "application/*" | "application/json" => Some(Self::Json),
            _ if asked == name || deprecated(asked) => Some(Self::Protobuf),
            _ => None,
        });
        found.ok_or(StatusCode::NOT_ACCEPTABLE)
    }

    /// A document's bytes and their media type.
    pub fn write(self, generation: u8, document: &Object) -> (&'static str, Vec<u8>) {
        match self {
            Self::Json => ("application/json", document.to_string().into_bytes()),
            Self::Protobuf => (media_type(generation), protobuf::encode(generation, document)),
        }
    }
}

/// The media type of OpenAPI documents in protobuf.
fn media_type(generation: u8) -> &'static str {
    if generation == 2 {
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    } else {
        "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
    }
}

/// What stands for a document's content (FNV-1a).
pub(super) fn content_hash(document: &[u8]) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let hash = document.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016X}")
}

/// What a document's address says of its content (FNV-1a).
pub(super) fn hash(version: &GroupVersion, resources: &[&'static Resource]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ FORM;
    let mut add = |text: &str| {
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(env!("CARGO_PKG_VERSION"));
    add(VERSION);
    add(&version.to_string());
    for resource in of(version, resources) {
        add(resource.plural);
        if let Some(custom) = custom::of(resource) {
            add(&custom.fingerprint);
        }
    }
    format!("{hash:016X}")
}

fn of<'a>(
    version: &'a GroupVersion,
    resources: &'a [&'static Resource],
) -> impl Iterator<Item = &'static Resource> + 'a {
    resources.iter().copied().filter(|r| r.group == version.group && r.version == version.version)
}
