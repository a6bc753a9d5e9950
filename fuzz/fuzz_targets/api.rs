//! The API server: any requests are answered, with a status that fits and a body of the type that it names.
//!
//! Input: requests, each after a line of `####`: `METHOD TARGET`, a line with the content type, the body.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use kctl::backend::{Handle, Options};
use kctl::object::{Timestamp, clock::Clock};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime"));

fuzz_target!(|input: &str| {
    RUNTIME.block_on(async {
        let clock = Clock::manual(Timestamp::from_second(1_750_000_000).expect("a time"));
        let options = Options { dir: None, clock, seed: Some(1), nodes: 1, disabled: Default::default() };
        let handle = Handle::open(options).expect("a cluster");
        for text in input.split("####\n").take(8) {
            let mut lines = text.splitn(3, '\n');
            let (head, kind, body) =
                (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            let (method, target) = head.split_once(' ').unwrap_or(("GET", head));
            let Ok(method) = Method::from_bytes(method.as_bytes()) else { continue };
            let request = Request::builder()
                .method(method.clone())
                .uri(target)
                .header("content-type", kind)
                .header("accept", kind);
            let Ok(request) = request.body(Bytes::copy_from_slice(body.as_bytes())) else { continue };
            let response = handle.call(request).await;
            let (head, body) = response.into_parts();
            let Ok(Ok(body)) = tokio::time::timeout(Duration::from_secs(1), body.collect()).await else { continue };
            let is_json = head.headers.get("content-type").is_some_and(|kind| kind == "application/json");
            if is_json && method != Method::HEAD && !target.contains("watch") {
                let body = body.to_bytes();
                let value = serde_json::from_slice::<serde_json::Value>(&body)
                    .unwrap_or_else(|error| panic!("{error}: {head:?} {}", String::from_utf8_lossy(&body)));
                // Some mistakes of a client are a 500 in the real server, too; faults of the server itself are not.
                let at_fault = head.status.as_u16() == 500 && value["reason"] == "InternalError";
                assert!(!at_fault, "{target}: {value}\n{input}");
            }
        }
    });
});
