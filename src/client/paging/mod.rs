//! Lists, page by page: each page is handed on as it comes, and nothing of it is kept.
//!
//! A page is read as an [`Object`], or as its items' [`text`](Page): whoever prints items one by one
//! reads of each no more than is printed. While the items of a page are being printed, the server makes
//! the next one.

mod page;
mod split;

use super::request::{Accept, Call, Endpoint, ListParams};
use super::{Client, parse};
use crate::object::{Meta, Object};
use page::{Ahead, Open};
pub use page::{Page, kind_of_items};

/// Items a page where nothing else is asked for (kubectl's `--chunk-size`).
pub const DEFAULT_PAGE: u64 = 500;

/// A list that is being read.
pub struct Pages<'a> {
    client: &'a Client,
    endpoint: Endpoint,
    params: ListParams,
    accept: Accept,
    include_object: &'static str,
    done: bool,
    ahead: Option<Ahead<'a>>,
    /// An answer of which more is to come.
    open: Option<Open>,
}

impl<'a> Pages<'a> {
    /// A list of a collection; nothing is asked yet.
    pub fn new(client: &'a Client, endpoint: Endpoint, params: ListParams, accept: Accept) -> Self {
        Self { client, endpoint, params, accept, include_object: "", done: false, ahead: None, open: None }
    }

    /// Of tables: what comes with each row, `None`, `Metadata` (the server's default) or `Object`.
    #[must_use]
    pub fn include_object(mut self, what: &'static str) -> Self {
        self.include_object = what;
        self
    }

    /// The next page, a list or a table; none after the last. An answer that is long comes in several.
    ///
    /// # Errors
    /// Those of [`page`](Self::page), and items that are no JSON.
    pub async fn next(&mut self) -> anyhow::Result<Option<Object>> {
        let Some(Page { mut head, elements }) = self.page().await? else { return Ok(None) };
        let elements = elements.iter().map(parse).collect::<anyhow::Result<Vec<_>>>()?;
        if let Some(list) = ["items", "rows"].into_iter().find(|field| head.get(field).is_some()) {
            head[list] = Object::Array(elements);
        }
        Ok(Some(head))
    }

    /// The request for the page that is due.
    fn call(&self) -> Call {
        let call = Call::list(&self.endpoint, &self.params).accept(self.accept);
        call.text("includeObject", self.include_object)
    }

    /// All items of all pages.
    pub async fn items(mut self) -> anyhow::Result<Vec<Object>> {
        let mut items = Vec::new();
        while let Some(page) = self.next().await? {
            items.append(&mut take_items(page));
        }
        Ok(items)
    }
}

/// The items of a list. Servers leave the type out of items; it follows from the list's.
pub fn take_items(mut list: Object) -> Vec<Object> {
    let kind = list.kind().strip_suffix("List").filter(|kind| !kind.is_empty()).map(str::to_owned);
    let version = list.api_version().to_owned();
    let Some(Object::Array(mut items)) = list.get_mut("items").map(Object::take) else { return Vec::new() };
    if let Some(kind) = kind {
        for item in items.iter_mut().filter_map(Object::as_object_mut) {
            let untyped = |value: Option<&Object>| value.and_then(Object::as_str).is_none_or(str::is_empty);
            if untyped(item.get("kind")) {
                item.insert("kind".into(), kind.clone().into());
            }
            if untyped(item.get("apiVersion")) {
                item.insert("apiVersion".into(), version.clone().into());
            }
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::recorded::Recorded;
    use crate::object::GroupVersionResource;
    use std::sync::Arc;

    #[tokio::test]
    async fn follows_the_list_to_its_end() {
        let recorded = Recorded::parse(
            r#"[
            {"uri": "/api/v1/namespaces/a/pods?labelSelector=x%3Dy&limit=2",
             "response": {"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": "t=1"}, "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}},
            {"uri": "/api/v1/namespaces/a/pods?continue=t%3D1&labelSelector=x%3Dy&limit=2",
             "response": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "c"}, "kind": "Own"}]}}
        ]"#,
        )
        .expect("a recording");
        let client = Client::new(Arc::new(recorded), "test", Box::new(|_| {}));
        let endpoint = Endpoint::collection(&GroupVersionResource::new("", "v1", "pods"), "a");
        let params = ListParams { labels: "x=y".into(), limit: 2, ..ListParams::default() };
        let items = Pages::new(&client, endpoint, params, Accept::Json).items().await.expect("items");
        let names: Vec<_> = items.iter().map(|item| (item.name(), item.kind(), item.api_version())).collect();
        assert_eq!(names, [("a", "Pod", "v1"), ("b", "Pod", "v1"), ("c", "Own", "v1")]);
    }

    #[tokio::test]
    async fn no_items_are_an_empty_list() {
        let recorded = Recorded::parse(
            r#"[{"uri": "/api/v1/pods", "response": {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": null}}]"#,
        );
        let client = Client::new(Arc::new(recorded.expect("a recording")), "test", Box::new(|_| {}));
        let endpoint = Endpoint::collection(&GroupVersionResource::new("", "v1", "pods"), "");
        let page = Pages::new(&client, endpoint, ListParams::default(), Accept::PartialMetadataList).page().await;
        assert_eq!(page.expect("a page").expect("one").head["items"], serde_json::json!([]));
    }
}
