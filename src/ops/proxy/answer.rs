//! Answers that a proxy gives itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};

pub use crate::client::transport::Body;

fn whole(code: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A line of text.
pub fn text(code: StatusCode, line: &str) -> Response<Body> {
    let mut response = whole(code, "text/plain; charset=utf-8", format!("{line}\n"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A page.
pub fn html(page: String) -> Response<Body> {
    whole(StatusCode::OK, "text/html; charset=utf-8", page)
}

/// The client is to ask again, for this target and with the same method.
pub fn elsewhere(target: &str) -> Response<Body> {
    let Ok(place) = HeaderValue::from_str(target) else { return text(StatusCode::BAD_REQUEST, "400 Bad Request") };
    let mut response = whole(StatusCode::TEMPORARY_REDIRECT, "text/plain; charset=utf-8", "");
    response.headers_mut().insert(LOCATION, place);
    response
}
