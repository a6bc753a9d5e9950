//! What a server says of its resources: any documents give a catalog or an error, without a panic.
//!
//! Input: answers, one after another, each behind a line of `####`; each path has the next one, and then the first
//! again. An answer that begins with `!` is a refusal.

#![no_main]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kctl::client::Client;
use kctl::client::transport::{Body, BoxError, BoxFuture, Transport, Upgrade};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime"));

fuzz_target!(|input: &str| {
    let answers: Vec<String> = input.split("####\n").map(str::to_owned).collect();
    let server = Server { answers, next: AtomicUsize::new(0) };
    let client = Client::new(Arc::new(server), "fuzz", Box::new(|_| ()));
    RUNTIME.block_on(async {
        if let Ok(catalog) = client.catalog().await {
            for word in ["pods", "po", "all", "deployments.v1.apps", "x.y.z", ""] {
                catalog.find(word);
                catalog.overshadowed(word);
                catalog.category(word);
            }
            for entry in catalog.preferred() {
                catalog.by_kind(&entry.mapping().kind);
            }
        }
        for word in ["widgets", "widgets.example.io", "all"] {
            let _ = client.resolve(word).await;
            let _ = client.expand_category(word).await;
        }
    });
});

struct Server {
    answers: Vec<String>,
    next: AtomicUsize,
}

impl Transport for Server {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let text = self.answers.get(turn % self.answers.len()).cloned().unwrap_or_default();
        let (refused, text) = match text.strip_prefix('!') {
            Some(text) => (true, text.to_owned()),
            None => (false, text),
        };
        let aggregated = turn % 2 == 0 && matches!(request.uri().path(), "/api" | "/apis");
        let kind = if aggregated {
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        } else {
            "application/json"
        };
        let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
        let status = if refused { 503 } else { 200 };
        let response = Response::builder().status(status).header("content-type", kind).body(body);
        Box::pin(async { Ok(response?) })
    }

    fn upgrade(&self, _request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        Box::pin(async { Err("no upgrades".into()) })
    }
}
