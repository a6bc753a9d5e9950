//! Clients that write and such that watch, until the server is gone. They keep books of what they were told.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::checks::name_of;
use super::server::{Server, revision_of};

/// How many objects of each kind a writer has at most.
const MOST: usize = 12;

/// What a writer knows of an object of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It is there, with this resource version.
    Present(u64),
    /// It is not.
    Absent,
}

/// What a writer was told, by resource and name.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    /// The last state that was acknowledged.
    pub states: BTreeMap<(&'static str, String), State>,
    /// What was written last, without an answer: it may have happened or not.
    pub open: Option<(&'static str, String)>,
    /// All resource versions that writes led to, with the resource.
    pub revisions: Vec<(&'static str, u64)>,
    /// How often something of a resource was deleted.
    pub deletions: BTreeMap<&'static str, usize>,
    count: usize,
}

/// Creates, changes and deletes config maps and Services. Returns how many writes were acknowledged, and the
/// newest resource version.
pub async fn write(
    server: &Server,
    writer: usize,
    books: &Mutex<Acknowledged>,
    mut chance: fastrand::Rng,
) -> (usize, u64) {
    let (mut done, mut newest) = (0, 0);
    // What is not known is asked for, as a client does that was cut off.
    let open = books.lock().expect("no panic").open.clone();
    if let Some((resource, name)) = open {
        let Some((code, object)) = server.ask("GET", &path(resource, &name), None).await else { return (done, newest) };
        let state = if code == 200 { State::Present(revision_of(&object)) } else { State::Absent };
        let mut books = books.lock().expect("no panic");
        books.states.insert((resource, name), state);
        books.open = None;
    }
    loop {
        let resource = if chance.u8(..3) == 0 { "services" } else { "configmaps" };
        let (name, method) = {
            let mut books = books.lock().expect("no panic");
            let present: Vec<_> = books
                .states
                .iter()
                .filter(|((of, _), state)| *of == resource && **state != State::Absent)
                .map(|((_, name), _)| name.clone())
                .collect();
            let some = chance.choice(&present).cloned();
            match (some, chance.u8(..4)) {
                (Some(name), 0) => (name, "DELETE"),
                (Some(name), _) if present.len() >= MOST => (name, "DELETE"),
                (Some(name), 1) => (name, "PATCH"),
                _ => {
                    books.count += 1;
                    (format!("w{writer}-{}", books.count), "POST")
                }
            }
        };
        let place = match method {
            "POST" => path(resource, ""),
            _ => path(resource, &name),
        };
        let body = match method {
            "POST" if resource == "services" => {
                let kind = if chance.bool() { "NodePort" } else { "ClusterIP" };
                Some(json!({"metadata": {"name": name}, "spec": {"type": kind, "ports": [{"port": 80}]}}))
            }
            "POST" => Some(json!({"metadata": {"name": name}, "data": {"a": "0"}})),
            "PATCH" => Some(json!({"metadata": {"annotations": {"a": chance.u32(..).to_string()}}})),
            _ => None,
        };
        books.lock().expect("no panic").open = Some((resource, name.clone()));
        let answer = match method {
            "PATCH" => server.patch(&place, "application/merge-patch+json", &body.expect("a patch")).await,
            _ => server.ask(method, &place, body.as_ref()).await,
        };
        let Some((code, object)) = answer else { return (done, newest) };
        assert!(matches!(code, 200 | 201), "{method} {place}: {object}");
        done += 1;
        let mut books = books.lock().expect("no panic");
        books.open = None;
        if method == "DELETE" {
            books.states.insert((resource, name), State::Absent);
            *books.deletions.entry(resource).or_default() += 1;
        } else {
            let revision = revision_of(&object);
            newest = newest.max(revision);
            books.states.insert((resource, name), State::Present(revision));
            books.revisions.push((resource, revision));
        }
    }
}

fn path(resource: &str, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!("/api/v1/namespaces/default/{resource}{slash}{name}")
}

/// What a watch has seen since the beginning.
#[derive(Clone, Debug)]
pub struct Watched {
    pub resource: &'static str,
    /// The last resource version.
    pub revision: u64,
    /// Type, namespace and name, resource version.
    pub events: Vec<(String, String, u64)>,
}

impl Watched {
    pub fn new(resource: &'static str) -> Self {
        Self { resource, revision: 0, events: Vec::new() }
    }
}

/// Watches on from where the watch was, until an event has that resource version, or else until the server is
/// gone. Returns how many events came.
pub async fn watch_until(server: &Server, watched: &mut Watched, revision: Option<u64>) -> usize {
    let (before, resource) = (watched.events.len(), watched.resource);
    if watched.revision == 0 {
        let (list, reached) = server.list(resource).await;
        watched.events.extend(list.iter().map(|object| ("ADDED".to_owned(), name_of(object), revision_of(object))));
        watched.revision = reached;
    }
    let is_there = |watched: &Watched| revision.is_some_and(|revision| watched.revision >= revision);
    if is_there(watched) {
        return watched.events.len() - before;
    }
    let from = watched.revision;
    let path = format!("/api/v1/{resource}?watch=true&resourceVersion={from}");
    let Some(mut answer) = server.watch(&path).await else { return 0 };
    let mut rest: Vec<u8> = Vec::new();
    loop {
        // Whoever waits for a mark does not wait in vain.
        let patience = Duration::from_secs(if revision.is_some() { 30 } else { 600 });
        let chunk = tokio::time::timeout(patience, answer.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("a watch of {resource} from {from} does not get to {revision:?}"));
        let Ok(Some(chunk)) = chunk else { return watched.events.len() - before };
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let event: Value = serde_json::from_slice(&rest[..end]).expect("an event in JSON");
            rest.drain(..=end);
            let object = &event["object"];
            let kind = event["type"].as_str().expect("a type").to_owned();
            assert!(matches!(kind.as_str(), "ADDED" | "MODIFIED" | "DELETED"), "{resource} from {from}: {event}");
            let at = revision_of(object);
            assert!(at > watched.revision, "{resource}: {at} comes after {}", watched.revision);
            watched.revision = at;
            watched.events.push((kind, name_of(object), at));
        }
        if is_there(watched) {
            return watched.events.len() - before;
        }
    }
}
