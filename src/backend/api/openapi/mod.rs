//! OpenAPI v3: an index, and one document a group version, made when it is asked for.
//!
//! The documents have every type and every operation, but no prose: only what programs read.

mod paths;
mod schemas;
mod version2;

use serde_json::{Map, json};

pub(super) use version2::whole as version_2;

use super::discovery::VERSION;
use crate::backend::registry::custom;
use crate::object::builtin::Resource;
use crate::object::{GroupVersion, Object};

/// Raised when the form of the documents changes, so that clients do not keep old ones.
const FORM: u64 = 1;

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
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "securitySchemes": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
        },
    }))
}

/// The media type of OpenAPI v2 in protobuf.
pub(super) const VERSION_2: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `/openapi/v2` in protobuf: without types, which are in the JSON form and in v3. Clients that ask for it
/// (old kubectl does for lists) take what is not in it as valid, and leave it to the server.  `swagger` and `info` are fields 1 and 2, `title` and `version` likewise.
pub(super) fn version_2_protobuf() -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| -> Vec<u8> {
        // All lengths here fit into seven bits.
        let length = u8::try_from(bytes.len()).unwrap_or(0);
        [&[number << 3 | 2, length], bytes].concat()
    };
    let info = [field(1, b"Kubernetes"), field(2, VERSION.as_bytes())].concat();
    [field(1, b"2.0"), field(2, &info), field(8, &[])].concat()
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
