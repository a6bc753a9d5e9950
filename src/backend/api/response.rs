//! Responses: objects, texts and failures with the headers that go with them.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::json;

use super::Body;
use crate::object::{Object, Status};

/// An object, with 200.
pub(super) fn ok(object: &Object) -> Response<Body> {
    json_response(StatusCode::OK, object.to_string().into_bytes())
}

/// A plain text, with 200.
pub(super) fn text(text: impl Into<Vec<u8>>) -> Response<Body> {
    let mut response = Response::new(whole(text.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// JSON text, with a code.
pub(super) fn json_response(code: StatusCode, mut bytes: Vec<u8>) -> Response<Body> {
    if bytes.last() != Some(&b'\n') {
        bytes.push(b'\n');
    }
    let mut response = Response::new(whole(bytes));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// The status that says that all went well.
pub(super) fn success() -> Object {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
}

/// A status as a response.
pub fn failure(status: &Status) -> Response<Body> {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(code, status.to_object().to_string().into_bytes());
    if let Some(seconds) = status.details.as_ref().and_then(|details| details.retry_after_seconds) {
        response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Adds a `Warning` header.
pub(super) fn warn(response: &mut Response<Body>, text: &str) {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{escaped}\"").as_bytes()) {
        response.headers_mut().append(http::header::WARNING, value);
    }
}

/// A body that is there at once.
pub(super) fn whole(bytes: Vec<u8>) -> Body {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}
