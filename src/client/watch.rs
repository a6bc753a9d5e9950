//! Watches: events out of a body, resumed where the connection ends, and waiting for a condition.

use std::time::Duration;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{BodyError, ConnectionError, MADE_UP, generic_status};
use super::request::{Accept, Call, Endpoint, ListParams, WatchParams};
use super::transport::Body;
use super::{Client, from_box, paging};
use crate::object::status::{StatusCause, StatusDetails};
use crate::object::{Meta, Object, Status, yaml};

/// One change that a server reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The object is new, or was there when the watch began.
    Added(Object),
    /// The object has changed.
    Modified(Object),
    /// The object is gone; this is its last state.
    Deleted(Object),
    /// Nothing happened up to this resource version.
    Bookmark(Object),
    /// The watch cannot go on.
    Error(Status),
}

impl Event {
    /// The object that an event is about.
    pub fn object(&self) -> Option<&Object> {
        match self {
            Self::Added(object) | Self::Modified(object) | Self::Deleted(object) | Self::Bookmark(object) => {
                Some(object)
            }
            Self::Error(_) => None,
        }
    }

    /// The type as it is on the wire: `ADDED`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Added(_) => "ADDED",
            Self::Modified(_) => "MODIFIED",
            Self::Deleted(_) => "DELETED",
            Self::Bookmark(_) => "BOOKMARK",
            Self::Error(_) => "ERROR",
        }
    }

    fn read(text: &[u8]) -> Result<Self, Undecodable> {
        let mut event: Object = serde_json::from_slice(text)
            .map_err(|error| Undecodable(yaml::json_mistake(text).unwrap_or_else(|| error.to_string())))?;
        let object = event.get_mut("object").map(Object::take).unwrap_or_default();
        let make = match event.str_at(&["type"]) {
            "ADDED" => Self::Added,
            "MODIFIED" => Self::Modified,
            "DELETED" => Self::Deleted,
            "BOOKMARK" => Self::Bookmark,
            "ERROR" => |object: Object| {
                let status = Status::from_object(&object);
                Self::Error(status.unwrap_or_else(|| Status::internal(format!("watch error: {object}"))))
            },
            other => return Err(Undecodable(format!("got invalid watch event type: {other}"))),
        };
        if object.kind().is_empty() {
            let sent = serde_json::from_slice::<Sent<'_>>(text).ok();
            let sent = sent.and_then(|sent| sent.object).map_or("", RawValue::get);
            return Err(Undecodable(format!("unable to decode watch event: Object 'Kind' is missing in '{sent}'")));
        }
        Ok(make(object))
    }
}

/// The object of an event as it was sent.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
}

/// What a server sent that is no event.
#[derive(Debug)]
pub struct Undecodable(String);

impl Undecodable {
    /// The event that stands in its place, as client-go makes it up.
    pub fn status(&self) -> Status {
        let text = self.to_string();
        let cause =
            |reason: &str| StatusCause { reason: reason.to_owned(), message: text.clone(), field: String::new() };
        let mut status = generic_status(&Method::GET, None, StatusCode::INTERNAL_SERVER_ERROR, Some(&text), None);
        let causes = vec![cause(MADE_UP), cause("ClientWatchDecoding")];
        status.details = Some(Box::new(StatusDetails { causes, ..StatusDetails::default() }));
        status
    }
}

impl std::fmt::Display for Undecodable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unable to decode an event from the watch stream: {}", self.0)
    }
}

impl std::error::Error for Undecodable {}

/// Cuts a stream of JSON objects into single ones, wherever its chunks begin and end.
#[derive(Debug, Default)]
pub struct Splitter {
    pending: Vec<u8>,
    /// Bytes of `pending` that are looked at already.
    seen: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Splitter {
    /// Adds a chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        self.pending.extend_from_slice(chunk);
    }

    /// The next whole object, if there is one.
    pub fn next_object(&mut self) -> Option<Vec<u8>> {
        let unseen = self.pending.get(self.seen..)?;
        let mut end = None;
        for (at, byte) in unseen.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        end = Some(self.seen + at + 1);
                        break;
                    }
                }
                _ => {}
            }
        }
        let Some(end) = end else {
            self.seen = self.pending.len();
            return None;
        };
        let rest = self.pending.split_off(end);
        let object = std::mem::replace(&mut self.pending, rest);
        self.seen = 0;
        Some(object)
    }

    /// What is left that is no whole object, without the white space before it.
    pub fn rest(&self) -> &[u8] {
        self.pending.trim_ascii_start()
    }
}

/// The events of one connection.
pub struct Stream {
    body: Body,
    splitter: Splitter,
}

impl Stream {
    /// Events of a body that is a watch.
    pub fn new(body: Body) -> Self {
        Self { body, splitter: Splitter::default() }
    }

    /// The next event; none where the server ends the watch, be it in the midst of an event. Fails with
    /// [`Undecodable`] for what is no event.
    pub async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            if let Some(text) = self.splitter.next_object() {
                return Ok(Some(Event::read(&text)?));
            }
            let Some(frame) = self.body.frame().await else {
                return match yaml::json_mistake(self.splitter.rest()) {
                    Some(mistake) if mistake != "unexpected end of JSON input" => Err(Undecodable(mistake).into()),
                    _ => Ok(None),
                };
            };
            if let Ok(chunk) = frame.map_err(from_box)?.into_data() {
                self.splitter.push(&chunk);
            }
        }
    }
}

/// A watch of a collection that goes on where a connection ends.
pub struct Watcher<'a> {
    client: &'a Client,
    endpoint: Endpoint,
    params: WatchParams,
    accept: Accept,
    include_object: &'static str,
    stream: Option<Stream>,
    /// Whether this connection has said anything.
    heard: bool,
}

/// How long to wait after a connection that ended without a word.
const PAUSE: Duration = Duration::from_secs(1);

impl<'a> Watcher<'a> {
    /// A watch; nothing is asked yet.
    pub fn new(client: &'a Client, endpoint: Endpoint, params: WatchParams) -> Self {
        Self { client, endpoint, params, accept: Accept::Json, include_object: "", stream: None, heard: false }
    }

    /// Asks for another form of objects: tables, metadata.
    #[must_use]
    pub fn accept(mut self, accept: Accept) -> Self {
        self.accept = accept;
        self
    }

    /// Of tables: what comes with each row, `None`, `Metadata` (the server's default) or `Object`.
    #[must_use]
    pub fn include_object(mut self, what: &'static str) -> Self {
        self.include_object = what;
        self
    }

    /// The resource version up to which everything is seen.
    pub fn resource_version(&self) -> &str {
        &self.params.resource_version
    }

    /// Begins the watch, so that errors show before anything is waited for.
    pub async fn connect(&mut self) -> anyhow::Result<()> {
        if self.stream.is_none() {
            let call = Call::watch(&self.endpoint, &self.params).accept(self.accept);
            let response = self.client.send(call.text("includeObject", self.include_object)).await?;
            self.stream = Some(Stream::new(response.into_body()));
            self.heard = false;
        }
        Ok(())
    }

    /// The next event of this connection; none where it ends. The next call begins another, after the
    /// last resource version seen.
    pub async fn next_of_connection(&mut self) -> anyhow::Result<Option<Event>> {
        self.connect().await?;
        let Some(stream) = &mut self.stream else { return Ok(None) };
        // A connection that breaks has ended, as for client-go.
        let event = match stream.next().await {
            Err(error) if error.is::<ConnectionError>() || error.is::<BodyError>() => Ok(None),
            event => event,
        };
        match &event {
            Ok(Some(event)) => {
                self.heard = true;
                self.note(event);
            }
            Ok(None) | Err(_) => self.stream = None,
        }
        event
    }

    /// The next event, over as many connections as it takes. A watch from a resource version that the
    /// server no longer has ends with the [`Status`] `Expired` or `Gone`: list again.
    pub async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            let resumable = !matches!(self.params.resource_version.as_str(), "" | "0");
            self.heard &= self.stream.is_some();
            match self.next_of_connection().await {
                Ok(Some(Event::Error(status))) => return Err(status.into()),
                Ok(Some(event)) => return Ok(event),
                Ok(None) if resumable => {}
                Err(error) if resumable && error.downcast_ref::<Status>().is_none() => {}
                Ok(None) => anyhow::bail!("watch closed before anything was seen"),
                Err(error) => return Err(error),
            }
            if !self.heard {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Tables carry the version in their own metadata, objects in theirs.
    fn note(&mut self, event: &Event) {
        if let Some(version) = event.object().map(Meta::resource_version).filter(|version| !version.is_empty()) {
            version.clone_into(&mut self.params.resource_version);
        }
    }
}

/// Whether an error may pass by itself: the server is down, overloaded or at fault.
fn may_pass(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Status>() {
        Some(status) => status.code == 429 || status.code >= 500,
        None => error.is::<ConnectionError>() || error.is::<BodyError>() || error.is::<Undecodable>(),
    }
}

/// Whether an error says that a watch must begin again with a list.
pub fn is_expired(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(|status| matches!(status.reason.as_str(), "Expired" | "Gone"))
}

/// The time for [`until`] is over.
#[derive(Debug)]
pub struct TimedOut;

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("timed out waiting for the condition")
    }
}

impl std::error::Error for TimedOut {}

/// Follows one object until `check` has a result. It is handed the object as it is, then after every
/// change, and none where there is no such object. Fails with [`TimedOut`] after `limit`.
pub async fn until<T>(
    client: &Client,
    object: &Endpoint,
    limit: Option<Duration>,
    mut check: impl FnMut(Option<&Object>) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let follow = follow(client, object, &mut check);
    match limit {
        None => follow.await,
        Some(limit) => tokio::time::timeout(limit, follow).await.unwrap_or(Err(TimedOut.into())),
    }
}

async fn follow<T>(
    client: &Client,
    object: &Endpoint,
    check: &mut impl FnMut(Option<&Object>) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let collection = Endpoint { name: String::new(), ..object.clone() };
    let fields = format!("metadata.name={}", object.name);
    loop {
        let list = ListParams { fields: fields.clone(), ..ListParams::default() };
        let list = match client.json(Call::list(&collection, &list)).await {
            Err(error) if may_pass(&error) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            list => list?,
        };
        let params = WatchParams {
            fields: fields.clone(),
            resource_version: list.resource_version().to_owned(),
            bookmarks: true,
            ..WatchParams::default()
        };
        if let Some(result) = check(paging::take_items(list).first())? {
            return Ok(result);
        }
        let mut watcher = Watcher::new(client, collection.clone(), params);
        loop {
            let result = match watcher.next().await {
                Ok(Event::Added(object) | Event::Modified(object)) => check(Some(&object))?,
                Ok(Event::Deleted(_)) => check(None)?,
                Ok(Event::Bookmark(_) | Event::Error(_)) => None,
                Err(error) if is_expired(&error) => break,
                Err(error) if may_pass(&error) => {
                    tokio::time::sleep(PAUSE).await;
                    break;
                }
                Err(error) => return Err(error),
            };
            if let Some(result) = result {
                return Ok(result);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::transport::recorded::Recorded;
    use crate::object::GroupVersionResource;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    fn split(chunks: &[&[u8]]) -> (Vec<Object>, bool) {
        let mut splitter = Splitter::default();
        let mut objects = Vec::new();
        for chunk in chunks {
            splitter.push(chunk);
            while let Some(text) = splitter.next_object() {
                objects.push(serde_json::from_slice(&text).expect("whole JSON"));
            }
        }
        (objects, !splitter.rest().is_empty())
    }

    #[test]
    fn cuts_objects_out_of_chunks() {
        let text = br#"{"a":"}\"{"}
  {"b":[{}]}{"c":1} "#;
        let want = vec![json!({"a": "}\"{"}), json!({"b": [{}]}), json!({"c": 1})];
        for size in 1..text.len() {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(split(&chunks), (want.clone(), false), "chunks of {size}");
        }
        assert!(split(&[b"{\"a\":"]).1);
    }

    proptest! {
        #[test]
        fn splitting_never_panics(text in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..20) {
            let mut splitter = Splitter::default();
            for chunk in text.chunks(size) {
                splitter.push(chunk);
                while splitter.next_object().is_some() {}
            }
        }

        #[test]
        fn every_object_comes_out(texts in proptest::collection::vec("\\PC{0,10}", 0..6), size in 1usize..9) {
            let objects: Vec<Object> = texts.iter().map(|text| json!({"type": text, "o": [{text.clone(): text}]})).collect();
            let wire: String = objects.iter().map(|object| format!("{object}\n")).collect();
            let chunks: Vec<&[u8]> = wire.as_bytes().chunks(size).collect();
            prop_assert_eq!(split(&chunks), (objects, false));
        }
    }

    fn pod(version: u32, phase: &str) -> Object {
        json!({"kind": "Pod", "metadata": {"name": "p", "resourceVersion": version.to_string()}, "status": {"phase": phase}})
    }

    fn event(kind: &str, object: Object) -> Object {
        json!({"type": kind, "object": object})
    }

    fn recorded(exchanges: Object) -> (Recorded, Client) {
        let recorded = Recorded::parse(&exchanges.to_string()).expect("a recording");
        let client = Client::new(Arc::new(recorded.clone()), "test", Box::new(|_| {}));
        (recorded, client)
    }

    #[tokio::test]
    async fn goes_on_after_the_last_version_and_lists_again_when_it_is_gone() {
        let list = "/api/v1/namespaces/d/pods?fieldSelector=metadata.name%3Dp";
        let watch = |version: u32| {
            format!(
                "/api/v1/namespaces/d/pods?allowWatchBookmarks=true&fieldSelector=metadata.name%3Dp&resourceVersion={version}&watch=true"
            )
        };
        let gone = Status::expired("too old resource version").to_object();
        let (recorded, client) = recorded(json!([
            {"uri": list, "response": {"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": []}},
            {"uri": list, "response": {"kind": "PodList", "metadata": {"resourceVersion": "9"}, "items": [pod(9, "Pending")]}},
            {"uri": watch(5), "stream": [event("ADDED", pod(6, "Pending")), event("BOOKMARK", pod(7, ""))]},
            {"uri": watch(7), "stream": [event("ERROR", gone)]},
            {"uri": watch(9), "stream": [event("MODIFIED", pod(10, "Running")), event("DELETED", pod(11, "Running"))]},
        ]));
        let endpoint = Endpoint::object(&GroupVersionResource::new("", "v1", "pods"), "d", "p");
        let mut phases = Vec::new();
        let result = until(&client, &endpoint, None, |object| {
            let phase = object.map_or("gone", |object| object.str_at(&["status", "phase"]));
            phases.push(phase.to_owned());
            Ok((phase == "gone" && phases.len() > 1).then_some(7))
        });
        assert_eq!(result.await.expect("a result"), 7);
        assert_eq!(phases, ["gone", "Pending", "Pending", "Running", "gone"]);
        assert!(recorded.unused().is_empty());
    }

    #[tokio::test]
    async fn gives_up_in_time() {
        let (_, client) = recorded(json!([
            {"uri": "/api/v1/pods?fieldSelector=metadata.name%3Dp", "response": {"metadata": {"resourceVersion": "5"}, "items": []}},
            {"uri": "/api/v1/pods?allowWatchBookmarks=true&fieldSelector=metadata.name%3Dp&resourceVersion=5&watch=true", "stream": []},
        ]));
        let endpoint = Endpoint::object(&GroupVersionResource::new("", "v1", "pods"), "", "p");
        let never = until::<()>(&client, &endpoint, Some(Duration::from_millis(30)), |_| Ok(None)).await;
        assert_eq!(never.expect_err("out of time").to_string(), "timed out waiting for the condition");
    }

    #[tokio::test]
    async fn what_is_no_event_is_an_error_and_half_of_one_the_end() {
        for (text, want) in [
            (r#"{"type": "ADDED", "#, Ok(false)),
            ("", Ok(false)),
            (r#"{"type": "ADDED", "object": {"kind": "Pod"}}"#, Ok(true)),
            ("what", Err("invalid character 'w' looking for beginning of value")),
            (r#"{"type": }"#, Err("invalid character '}' looking for beginning of value")),
            (r#"{"type": "NEW", "object": {}}"#, Err("got invalid watch event type: NEW")),
            (
                r#"{"type": "ADDED", "object": {"a":  1}}"#,
                Err("unable to decode watch event: Object 'Kind' is missing in '{\"a\":  1}'"),
            ),
        ] {
            let (_, client) = recorded(json!([{"uri": "/x", "response": text}]));
            let body = client.send(Call::new(Method::GET, "/x")).await.expect("an answer").into_body();
            let said = match Stream::new(body).next().await {
                Ok(event) => Ok(event.is_some()),
                Err(error) => {
                    let undecodable = error.downcast_ref::<Undecodable>().expect("no event");
                    assert_eq!(
                        (undecodable.status().code, undecodable.status().reason.as_str()),
                        (500, "InternalError")
                    );
                    Err(undecodable.0.clone())
                }
            };
            assert_eq!(said, want.map_err(str::to_owned), "{text}");
        }
    }
}
