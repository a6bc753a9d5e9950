//! Request bodies to objects.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::backend::registry::FieldError;
use crate::object::builtin::Resource;
use crate::object::json_kind;
use crate::object::{GroupKind, GroupVersion, GroupVersionKind, Meta, Object, Status, protobuf, schema, yaml};

/// How many bytes of a body that cannot be read are shown.
const SUMMARY: usize = 30;

/// The media type of a request's body, without parameters; JSON where none is named.
pub fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json");
    let media_type = value.split(';').next().unwrap_or("").trim();
    if media_type.is_empty() { "application/json" } else { media_type }
}

/// Reads a body in any media type that requests may have. An empty body reads as null.
pub fn decode(media_type: &str, body: &[u8]) -> Result<Object, Status> {
    if body.is_empty() {
        return Ok(Object::Null);
    }
    let unreadable = |error: String| Status::bad_request(format!("error decoding: {error}"));
    match media_type {
        "application/json" => serde_json::from_slice(body).map_err(|error| unreadable(error.to_string())),
        "application/yaml" => yaml::parse(body).map_err(|error| unreadable(error.to_string())),
        protobuf::MEDIA_TYPE => protobuf::decode(body).map_err(|error| unreadable(error.to_string())),
        _ => Err(unsupported()),
    }
}

/// Reads a body that is to be an object of a kind.
///
/// # Errors
/// A body that cannot be read, in the words of the real server with the start of the body.
pub fn decode_as(media_type: &str, body: &[u8], kind: &str) -> Result<Object, Status> {
    let unread = "couldn't get version/kind; json parse error: ";
    let object = match media_type {
        "application/yaml" => yaml::parse(body).map_err(|error| error.bare().to_owned()),
        "application/json" if !body.is_empty() => serde_json::from_slice(body)
            .map_err(|error| format!("{unread}{}", yaml::json_mistake(body).unwrap_or_else(|| error.to_string()))),
        _ => return decode(media_type, body),
    };
    let object = object.and_then(|object| match object {
        // Nothing is an object without fields.
        Object::Null => Ok(Object::Object(serde_json::Map::new())),
        Object::Object(_) => Ok(object),
        other => Err(format!(
            "{unread}json: cannot unmarshal {} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}",
            json_kind(&other)
        )),
    });
    object.map_err(|why| {
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): {why} ({})",
            summary(body)
        ))
    })
}

/// The start of a body, as refusals show it: text where it may be JSON, else its bytes.
fn summary(body: &[u8]) -> String {
    let start = body.get(..SUMMARY).unwrap_or(body);
    let more = if body.len() > SUMMARY { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(start)),
        Some(_) => format!("{}{more}", start.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// 415, with what is supported instead.
pub fn unsupported() -> Status {
    Status::failure(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
    )
}

/// 415 for what is no patch at all: no way leads there.
pub fn unsupported_kind() -> Status {
    Status::failure(415, "UnsupportedMediaType", "415: Unsupported Media Type").with_details()
}

/// 415 for a patch, with the forms of patch there are: all, or those for custom resources.
pub fn unsupported_patch(is_custom: bool) -> Status {
    let strategic = if is_custom { "" } else { "application/strategic-merge-patch+json, " };
    Status::failure(
        415,
        "UnsupportedMediaType",
        format!(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, {strategic}application/apply-patch+yaml"
        ),
    )
}

/// Refuses what claims to be of another kind or version than a custom resource's.
pub fn other_kind(wanted: &GroupVersionKind, object: &Object) -> Status {
    let mut errors = Vec::new();
    let version = wanted.group_version().to_string();
    if object.api_version() != version {
        errors.push(FieldError::invalid("apiVersion", object.api_version(), format!("must be {version}")));
    }
    if object.kind() != wanted.kind {
        errors.push(FieldError::invalid("kind", object.kind(), format!("must be {}", wanted.kind)));
    }
    let kind = GroupKind { group: wanted.group.clone(), kind: object.kind().to_owned() };
    Status::invalid(&kind, object.name(), &errors)
}

/// Checks that a body is an object of a resource; fills in the type where it says none.
pub fn expect_kind(object: &mut Object, group: &str, version: &str, kind: &str) -> Result<(), Status> {
    if !object.is_object() {
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)"
        )));
    }
    let wanted = GroupVersion::new(group, version).to_string();
    if object.api_version().is_empty() {
        object.set_at(&["apiVersion"], wanted.as_str());
    }
    if object.kind().is_empty() {
        object.set_at(&["kind"], kind);
    }
    let found = object.gvk();
    if object.kind() == kind && object.api_version() == wanted {
        return Ok(());
    }
    let meant = GroupVersionKind::new(group, version, kind);
    if schema::of(&meant).is_none() && object.api_version() == wanted {
        return Err(other_kind(&meant, object));
    }
    // What there is of the kind says whether it is unknown or merely not meant.
    let package = group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    let why = if found.group == group && found.version == version && schema::of(&found).is_some() {
        format!("converting ({}.{}) to ({package}.{kind}): unknown conversion", found.version, found.kind)
    } else if schema::of(&found).is_some() {
        return Err(Status::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({wanted})",
            object.api_version()
        )));
    } else {
        format!(
            "no kind \"{}\" is registered for version \"{}\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
            found.kind,
            found.group_version()
        )
    };
    Err(Status::bad_request(format!(
        "{} in version \"{}\" cannot be handled as a {kind}: {why}",
        found.kind, found.version
    )))
}

/// Puts an object where the path says; one that says something else is refused.
pub fn place(object: &mut Object, resource: &Resource, namespace: &str, name: &str) -> Result<(), Status> {
    if resource.namespaced {
        let own = object.namespace();
        if !own.is_empty() && own != namespace {
            let message = if name.is_empty() {
                "the namespace of the provided object does not match the namespace sent on the request".to_owned()
            } else {
                format!("the namespace of the object ({own}) does not match the namespace on the request ({namespace})")
            };
            return Err(Status::bad_request(message));
        }
        object.set_at(&["metadata", "namespace"], namespace);
    }
    if !name.is_empty() && object.name().is_empty() {
        return Err(Status::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )));
    }
    if !name.is_empty() && object.name() != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            object.name()
        )));
    }
    Ok(())
}

/// Removes fields that are null, as reading into a type does.
pub fn drop_nulls(object: &mut Object) {
    let mut rest = vec![object];
    while let Some(value) = rest.pop() {
        match value {
            Object::Object(map) => {
                map.retain(|_, value| !value.is_null());
                rest.extend(map.values_mut());
            }
            Object::Array(list) => rest.extend(list.iter_mut()),
            _ => {}
        }
    }
}
