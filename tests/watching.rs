//! Commands that watch: what they print of the events of a server, how they come through its faults, how
//! much they ask of it, and how they end. Words and codes are those of kubectl 1.36.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]
#![cfg(unix)]

mod servers;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use servers::{Outcome, Place, Server, Stream, answer, answer_json, finish};

fn pod(name: &str, version: u32, phase: &str, ready: bool) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": format!("u-{name}"), "resourceVersion": version.to_string()},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}})
}

fn table(pod: &Value) -> Value {
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "5"},
        "columnDefinitions": [{"name": "Name", "type": "string", "format": "name"}, {"name": "Phase", "type": "string"}],
        "rows": [{"cells": [pod["metadata"]["name"], pod["status"]["phase"]],
            "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": pod["metadata"]}}]})
}

/// What a watch of a server sends.
#[derive(Clone)]
enum Sent {
    /// An event about a pod, as a table where tables are asked for.
    Pod(&'static str, Value),
    /// An event about something else.
    Other(&'static str, Value),
    /// These bytes.
    Bytes(&'static str),
    /// Nothing more for a long time.
    Silence,
    /// The connection breaks.
    Break,
    /// Instead of a watch, a refusal.
    Refusal(&'static str),
}

/// A server of pods. `pods` are there; the watches are scripts, one a watch, and the last for all others.
fn server(pods: Vec<Value>, watches: Vec<Vec<Sent>>) -> Server {
    let count = AtomicUsize::new(0);
    Server::plain(move |head, stream| {
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let tables = head.contains("as=Table");
        let path = target.split('?').next().unwrap_or_default();
        if target.contains("watch=true") {
            let at = count.fetch_add(1, Ordering::Relaxed).min(watches.len().saturating_sub(1));
            return watch(stream, watches.get(at).map(Vec::as_slice).unwrap_or_default(), tables);
        }
        let name = path.rsplit('/').next().filter(|name| *name != "pods");
        let found = |name: &str| pods.iter().find(|pod| pod["metadata"]["name"] == name);
        match name {
            Some(name) => match found(name) {
                None => {
                    let message = format!("pods {name:?} not found");
                    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                        "code": 404, "message": message});
                    answer_json(stream, "404 Not Found", &status);
                }
                Some(pod) if tables => answer_json(stream, "200 OK", &table(pod)),
                Some(pod) => answer_json(stream, "200 OK", pod),
            },
            None if tables => answer_json(stream, "200 OK", &pods.first().map(table).unwrap_or_default()),
            None => {
                let list =
                    json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": pods});
                answer_json(stream, "200 OK", &list);
            }
        }
    })
}

fn watch(stream: &mut dyn Stream, script: &[Sent], tables: bool) {
    if let Some(Sent::Refusal(status)) = script.first() {
        return answer(stream, status, "Content-Type: text/plain\r\n", "busy");
    }
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let _ = stream.write_all(head.as_bytes());
    let mut send = |text: String| {
        let _ = stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes());
        let _ = stream.flush();
    };
    let event = |kind: &str, object: &Value| json!({"type": kind, "object": object}).to_string() + "\n";
    for part in script {
        match part {
            Sent::Pod(kind, pod) if tables => send(event(kind, &table(pod))),
            Sent::Pod(kind, object) | Sent::Other(kind, object) => send(event(kind, object)),
            Sent::Bytes(text) => send((*text).to_owned()),
            Sent::Silence => std::thread::sleep(Duration::from_secs(30)),
            Sent::Break | Sent::Refusal(_) => return,
        }
    }
    send(String::new());
}

fn at(server: &Server) -> Place {
    let place = Place::new();
    place.config(&json!({"server": server.url()}), &json!({}));
    place
}

fn run(server: &Server, line: &str) -> Outcome {
    at(server).run(&line.split(' ').collect::<Vec<_>>())
}

/// How many requests there were of which the head contains a text.
fn count(server: &Server, text: &str) -> usize {
    server.seen().iter().filter(|head| head.lines().next().is_some_and(|line| line.contains(text))).count()
}

fn expired() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410,
        "message": "too old resource version: 1 (2)"})
}

#[test]
fn a_watch_ends_with_its_connection() {
    let failed = || Sent::Pod("MODIFIED", pod("a", 11, "Failed", false));
    let undecodable = |what: &str| {
        format!(
            "an error on the server (\"unable to decode an event from the watch stream: {what}\") has prevented the request from succeeding"
        )
    };
    let status = |reason: &str, message: &str| {
        format!("STATUS    {:<width$}MESSAGE\nFailure   {reason}   {message}\n", "REASON", width = reason.len() + 3)
    };
    let listed = "NAME   PHASE\na      Running\n";
    let changed = "a      Failed\n";
    let internal = |what: &str| status("InternalError", &undecodable(what));
    for (what, script, out) in [
        ("the end", vec![failed()], changed.to_owned()),
        ("nothing", vec![], String::new()),
        ("a break", vec![failed(), Sent::Break], changed.to_owned()),
        ("half an event", vec![failed(), Sent::Bytes("{\"type\":\"MODIFIED\",\"obj")], changed.to_owned()),
        ("a bookmark", vec![Sent::Other("BOOKMARK", pod("", 12, "", false)), failed()], changed.to_owned()),
        (
            "an old version",
            vec![failed(), Sent::Other("ERROR", expired())],
            changed.to_owned() + &status("Expired", "too old resource version: 1 (2)"),
        ),
        (
            "no JSON",
            vec![failed(), Sent::Bytes("hello\n"), failed()],
            changed.to_owned() + &internal("invalid character 'h' looking for beginning of value"),
        ),
        (
            "no JSON at the end",
            vec![Sent::Bytes("hello")],
            internal("invalid character 'h' looking for beginning of value"),
        ),
        (
            "another type",
            vec![Sent::Other("STRANGE", pod("a", 12, "", false)), failed()],
            internal("got invalid watch event type: STRANGE"),
        ),
        (
            "no kind",
            vec![Sent::Bytes("{\"type\":\"ADDED\",\"object\":{\"metadata\": {}}}\n"), failed()],
            internal(r#"unable to decode watch event: Object 'Kind' is missing in '{\"metadata\": {}}'"#),
        ),
    ] {
        let server = server(vec![pod("a", 5, "Running", false)], vec![script]);
        let run = run(&server, "get pods --watch");
        let want = format!("{listed}{out}");
        assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.code), (want.as_str(), "", 0), "{what}");
        assert_eq!(count(&server, "watch=true"), 1, "{what}");
    }
    let server = server(vec![pod("a", 5, "Running", false)], vec![vec![Sent::Other("ERROR", expired())]]);
    let run = run(&server, "get pods --watch-only --output-watch-events -o json");
    let want = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 1 (2)","reason":"Expired","code":410}}
"#;
    assert_eq!((run.stdout.as_str(), run.code), (want, 0));
}

#[test]
fn a_wait_comes_through_faults() {
    let ready = || Sent::Pod("MODIFIED", pod("a", 11, "Running", true));
    for (what, first) in [
        ("the end", vec![]),
        ("a break", vec![Sent::Break]),
        ("an old version", vec![Sent::Other("ERROR", expired())]),
        ("no JSON", vec![Sent::Bytes("{]")]),
        ("a busy server", vec![Sent::Refusal("503 Service Unavailable")]),
        ("a fault", vec![Sent::Refusal("500 Internal Server Error")]),
        ("too much", vec![Sent::Refusal("429 Too Many Requests")]),
    ] {
        let server = server(vec![pod("a", 5, "Running", false)], vec![first, vec![ready(), Sent::Silence]]);
        let run = run(&server, "wait pod/a --for=condition=Ready --timeout=20s");
        assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.code), ("pod/a condition met\n", "", 0), "{what}");
        assert_eq!(count(&server, "watch=true"), 2, "{what}");
    }
    let refused = vec![vec![Sent::Refusal("403 Forbidden")]];
    let run = run(&server(vec![pod("a", 5, "Running", false)], refused), "wait pod/a --for=delete --timeout=20s");
    assert_eq!(
        (run.stderr.as_str(), run.code),
        ("Error from server (Forbidden): busy (get pods)\n", 1),
        "waiting does not help"
    );
}

#[test]
fn many_deletions_are_one_watch() {
    let pods: Vec<Value> = (0..50).map(|at| pod(&format!("p{at}"), 5, "Running", true)).collect();
    let gone = pods.iter().map(|pod| Sent::Pod("DELETED", pod.clone())).collect();
    let server = server(pods, vec![gone]);
    let run = run(&server, "delete pods --all");
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str(), run.code), (50, "", 0));
    assert_eq!(count(&server, "DELETE "), 50);
    assert_eq!(count(&server, "watch=true"), 1);
    assert_eq!(server.seen().len(), 53, "a list, the deletions, and a list and a watch of what is left");
}

#[test]
fn whoever_ends_a_watch_gets_one() {
    for line in ["get pods -w", "get pod a --watch-only", "wait pod/a --for=delete", "delete pod a", "events -w"] {
        let server = server(vec![pod("a", 5, "Running", false)], vec![vec![Sent::Silence]]);
        let place = at(&server);
        let mut command = place.command(&line.split(' ').collect::<Vec<_>>());
        let program = command.get_program().to_owned();
        let args: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        // The shell waits for the watch, then sends the signal and hands the code on.
        command = place.command(&[]);
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", "\"$@\" & sleep 1; kill -INT $!; wait $!", "sh"]).arg(program).args(args);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                shell.env(name, value);
            }
        }
        shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let run = finish(shell);
        assert_eq!((run.stderr.as_str(), run.code), ("", 1), "{line}");
    }
}
