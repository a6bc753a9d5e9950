//! The transport of tests: answers from a list, and fails loudly on any other request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use serde::Deserialize;

use super::{Body, BoxError, BoxFuture, Transport, Upgrade};
use crate::object::Object;

/// One request and its answer, as a recording file has them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `GET` where absent.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query, exactly as sent.
    pub uri: String,
    /// The request's body as JSON; not looked at where absent.
    #[serde(default)]
    pub request: Option<Object>,
    /// Part of the `Accept` header; not looked at where empty.
    #[serde(default)]
    pub accept: String,
    /// Status; 200 where absent.
    #[serde(default = "ok")]
    pub status: u16,
    /// Further headers of the response.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The response's body: a string as it is, anything else as JSON.
    #[serde(default)]
    pub response: Object,
    /// The response as lines of JSON, one a chunk: a watch.
    #[serde(default)]
    pub stream: Vec<Object>,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// A server made of recorded exchanges. Clones share what they have seen.
#[derive(Clone, Default)]
pub struct Recorded {
    exchanges: Arc<Mutex<Vec<(Exchange, usize)>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Recorded {
    /// A server that knows these exchanges. Of several for one request the least used answers.
    pub fn new(exchanges: Vec<Exchange>) -> Self {
        let exchanges = exchanges.into_iter().map(|exchange| (exchange, 0)).collect();
        Self { exchanges: Arc::new(Mutex::new(exchanges)), seen: Arc::default() }
    }

    /// Reads a JSON list of exchanges.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self::new)
    }

    /// The requests so far, as `METHOD URI`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Exchanges that no request used.
    pub fn unused(&self) -> Vec<String> {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        exchanges.iter().filter(|(_, used)| *used == 0).map(|(e, _)| format!("{} {}", e.method, e.uri)).collect()
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Body>, BoxError> {
        let line = format!("{} {}", request.method(), request.uri());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
        let accept = request.headers().get(http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
        let body: Option<Object> = serde_json::from_slice(request.body()).ok();
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let matching = exchanges.iter_mut().filter(|(exchange, _)| {
            request.method() == exchange.method.as_str()
                && request.uri() == exchange.uri.as_str()
                && accept.contains(&exchange.accept)
                && exchange.request.as_ref().is_none_or(|want| Some(want) == body.as_ref())
        });
        let Some((exchange, used)) = matching.min_by_key(|(_, used)| *used) else {
            return Err(format!("unexpected request: {line} (Accept: {accept}) {}", body.unwrap_or_default()).into());
        };
        *used += 1;
        let mut response = Response::builder().status(exchange.status);
        let has_type = exchange.headers.keys().any(|key| key.eq_ignore_ascii_case("content-type"));
        if !has_type {
            let kind = if exchange.response.is_string() { "text/plain" } else { "application/json" };
            response = response.header("content-type", kind);
        }
        for (key, value) in &exchange.headers {
            response = response.header(key, value);
        }
        let text = match &exchange.response {
            Object::String(text) => text.clone(),
            Object::Null if exchange.stream.is_empty() => String::new(),
            Object::Null => exchange.stream.iter().map(|event| format!("{event}\n")).collect(),
            object => object.to_string(),
        };
        Ok(response.body(Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync())?)
    }
}

impl Transport for Recorded {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        let answer = self.answer(&request);
        Box::pin(async move { answer })
    }

    fn upgrade(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        let answer = self.answer(&request);
        Box::pin(async move { answer.map(Upgrade::Refused) })
    }
}
