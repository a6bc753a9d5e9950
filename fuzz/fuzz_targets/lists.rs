//! Lists as they are read from a server, in pieces and unread, and of each item no more than is wanted: the same as
//! of the whole text.
//!
//! Input: the size of the pieces, then the answer.

#![no_main]

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use kctl::client::Client;
use kctl::client::paging::{Pages, kind_of_items};
use kctl::client::request::{Accept, Endpoint, ListParams};
use kctl::client::transport::{Body, BoxError, BoxFuture, Transport, Upgrade};
use kctl::object::GroupVersionResource;
use kctl::object::mask::Mask;
use kctl::object::raw::Raw;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));

fuzz_target!(|input: &[u8]| {
    let Some((size, text)) = input.split_first() else { return };
    let whole = serde_json::from_slice::<Value>(text).ok();
    let server = Arc::new(Server { text: text.to_vec(), size: usize::from(*size).max(1), left: Mutex::new(2) });
    let client = Client::new(server, "fuzz", Box::new(|_| ()));
    let endpoint = || Endpoint::collection(&GroupVersionResource::new("", "v1", "pods"), "a");
    let pages = |accept| Pages::new(&client, endpoint(), ListParams::default(), accept);
    RUNTIME.block_on(async {
        let page = pages(Accept::Json).page().await;
        if let (Ok(Some(page)), Some(whole)) = (&page, &whole) {
            let named = |field: &str| whole.get(field).and_then(Value::as_array).map_or(0, Vec::len);
            // Of fields that are there twice all elements come, where the text as a whole has the last ones.
            assert!(page.elements.len() >= named("items") + named("rows"), "{whole}");
            let kind = kind_of_items(&page.head);
            for element in page.elements.iter() {
                masked(element);
                let _ = Raw { text: element, kind }.read(&Mask::of([["metadata"]]));
            }
        }
        masked(text);
        let mut count = 0;
        let mut tables = pages(Accept::Table);
        let each = tables.each_element(|_, _| {
            count += 1;
            Ok(())
        });
        if each.await.is_ok()
            && let Ok(Some(page)) = &page
        {
            assert!(count >= page.elements.len());
        }
        let _ = pages(Accept::PartialMetadataList).items().await;
    });
});

/// What is read through a mask is what the whole has there.
fn masked(text: &[u8]) {
    let whole = serde_json::from_slice::<Value>(text);
    let part = Mask::of([["metadata", "name"], ["spec", "c"]]).read(text);
    let Ok(whole) = whole else {
        return;
    };
    let part = part.unwrap_or_else(|error| panic!("{error}: {whole}"));
    if whole.is_object() {
        for path in ["/metadata/name", "/spec/c"] {
            if let Some(value) = whole.pointer(path)
                && !path.split('/').skip(1).any(|name| String::from_utf8_lossy(text).matches(name).count() > 1)
            {
                assert_eq!(part.pointer(path), Some(value), "{whole}");
            }
        }
    }
}

struct Server {
    text: Vec<u8>,
    size: usize,
    /// How often it answers so; then with an empty list, as a list may say for ever that there is more.
    left: Mutex<usize>,
}

impl Transport for Server {
    fn send(&self, _request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        let mut left = self.left.lock().expect("no panic");
        let body = if *left == 0 {
            *left = 2;
            let empty = r#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}"#;
            Full::new(Bytes::from_static(empty.as_bytes())).map_err(|never| match never {}).boxed_unsync()
        } else {
            *left -= 1;
            let pieces: VecDeque<Bytes> = self.text.chunks(self.size).map(Bytes::copy_from_slice).collect();
            let frames = pieces.into_iter().map(|piece| Ok(http_body::Frame::data(piece)));
            StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
        };
        Box::pin(async { Ok(Response::new(body)) })
    }

    fn upgrade(&self, _request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        Box::pin(async { Err("no upgrades".into()) })
    }
}
