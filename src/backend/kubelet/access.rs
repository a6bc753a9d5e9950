//! How the streams of a container see the cluster while they last.

use std::any::Any;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full};

use super::env::Lookup;
use crate::backend::controllers::Event;
use crate::object::{Object, Status, Timestamp};

/// Any error, as bodies report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A response's body.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;

/// The cluster as it is at the moment of asking.
pub trait Access: Lookup + Send + Sync {
    /// All objects of a resource, in one namespace or in all.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Object>>;
    /// What time it is.
    fn now(&self) -> Timestamp;
    /// Replaces an object's status, if it is still current.
    fn update_status(&self, resource: &'static str, object: Object);
    /// Reports an event.
    fn report(&self, event: Event);
}

/// Says that somebody waits for things to happen, for as long as a clone of it lives. A request that
/// asks to switch protocols brings one along.
#[derive(Clone)]
pub struct Waiter(#[allow(dead_code, reason = "kept, not read")] Arc<Mutex<Box<dyn Any + Send>>>);

impl Waiter {
    /// Keeps what the engine gave.
    pub fn new(waiter: Box<dyn Any + Send>) -> Self {
        Self(Arc::new(Mutex::new(waiter)))
    }
}

/// A response that is a `Status`.
pub fn refuse(status: &Status) -> Response<Body> {
    let body = serde_json::to_vec(&status.to_object()).unwrap_or_default();
    respond(StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "application/json", body)
}

/// A whole response.
pub fn respond(code: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

/// The values of a query, percent-decoded.
pub fn query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex =
            (byte == b'%').then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())).flatten();
        match (byte, hex) {
            (_, Some(decoded)) => {
                out.push(decoded);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        assert_eq!(
            query("command=sh&command=-c&command=echo+a%20%2B%C3%A4&x&%"),
            [("command", "sh"), ("command", "-c"), ("command", "echo a +ä"), ("x", ""), ("%", "")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
    }
}
