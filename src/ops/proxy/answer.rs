//! Answers that a proxy gives itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};

pub use crate::client::transport::Body;

const HTML: &str = "text/html; charset=utf-8";

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
    whole(StatusCode::OK, HTML, page)
}

/// What asks for a target that is no target.
pub fn malformed() -> Response<Body> {
    whole(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", "400 Bad Request")
}

/// The client is to ask for this path instead; whoever reads pages gets one that says so.
pub fn elsewhere(target: &str, method: &Method) -> Response<Body> {
    let page = format!("<a href=\"{}\">Moved Permanently</a>.\n\n", escape(target));
    let mut response = match *method {
        Method::GET => whole(StatusCode::OK, HTML, page),
        Method::HEAD => whole(StatusCode::OK, HTML, ""),
        _ => beside(target),
    };
    redirect(&mut response, target);
    response
}

/// The client is to ask for this path instead, which is relative to the one it asked for.
pub fn beside(target: &str) -> Response<Body> {
    let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
    redirect(&mut response, target);
    response
}

fn redirect(response: &mut Response<Body>, target: &str) {
    match HeaderValue::from_str(target) {
        Ok(place) => {
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            response.headers_mut().insert(LOCATION, place);
        }
        Err(_) => *response = malformed(),
    }
}

/// Text as HTML holds it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
