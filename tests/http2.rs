//! Faults of HTTP/2: what is asked again, and what is said where that does not help. The words are kubectl's.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod servers;

use std::time::Duration;

use serde_json::json;
use servers::http2::{Http2, Step};
use servers::{Authority, Place, base64, finish};

const CONNECT: &str = "Unable to connect to the server: ";
const BROKEN: &str = "error: unexpected error when reading response body. Please retry. Original error: ";
const STREAM: &str = "error: stream error when reading response body, may be caused by closed connection. Please retry. Original error: ";
const OBJECT: &str = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"default"}}"#;
const LIST: &str = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[]}"#;
const EVENT: &str = "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"b\",\"resourceVersion\":\"6\"}}}\n";

const NO_ERROR: u32 = 0;
const INTERNAL: u32 = 2;
const REFUSED: u32 = 7;
const CANCEL: u32 = 8;
const CALM: u32 = 11;

/// As long as it takes the other side to read what came.
const SOME: Duration = Duration::from_millis(200);

fn place(server: &Http2, authority: &Authority) -> Place {
    let place = Place::new();
    let cluster = json!({"server": server.url(), "certificate-authority-data": base64(&authority.pem())});
    place.config(&cluster, &json!({"token": "t"}));
    place
}

fn server() -> (Http2, Authority) {
    let authority = Authority::new("harbour-ca");
    (Http2::new(&authority.issue(&["127.0.0.1"])), authority)
}

#[test]
fn what_helps_is_done() {
    use Step::{Close, Data, GoAway, Head, Last, Reset, Wait};
    let (server, authority) = server();
    let place = place(&server, &authority);
    let good: &[Step] = &[Head(None), Last(OBJECT)];
    let get: &[&str] = &["get", "configmap", "x", "-o", "name", "--request-timeout=20s"];
    let calm = "stream error: stream ID 1; ENHANCE_YOUR_CALM; received from peer";
    for (what, script, asked, want) in [
        ("an answer", &[good][..], 1, String::new()),
        ("a length that is true", &[&[Head(Some(OBJECT.len())), Last(OBJECT)][..]], 1, String::new()),
        ("goes before it looks at anything", &[&[GoAway(0, NO_ERROR), Close][..], good], 2, String::new()),
        (
            "goes when all is done",
            &[&[GoAway(1, NO_ERROR), Head(None), Last(OBJECT), Wait(SOME), Close][..]],
            1,
            String::new(),
        ),
        ("refuses once", &[&[Reset(REFUSED)][..], good], 2, String::new()),
        ("refuses twice", &[&[Reset(REFUSED)][..], &[Reset(REFUSED)], good], 3, String::new()),
        ("wants calm", &[&[Reset(CALM)][..], good], 1, format!("{CONNECT}{calm}")),
        (
            "goes before it looks at anything, and wants calm",
            &[&[GoAway(0, CALM), Wait(SOME), Close][..], good],
            1,
            format!("{CONNECT}http2: Transport received GOAWAY from server ErrCode:ENHANCE_YOUR_CALM"),
        ),
        (
            "is at fault",
            &[&[Reset(INTERNAL)][..], good],
            1,
            format!("{CONNECT}stream error: stream ID 1; INTERNAL_ERROR; received from peer"),
        ),
        (
            "cancels",
            &[&[Reset(CANCEL)][..], good],
            1,
            format!("{CONNECT}stream error: stream ID 1; CANCEL; received from peer"),
        ),
        ("closes before it answers", &[&[Close][..], good], 2, String::new()),
        ("closes within", &[&[Head(None), Data("{"), Close][..], good], 1, format!("{BROKEN}unexpected EOF")),
        (
            "closes before the length",
            &[&[Head(Some(1000)), Data(OBJECT), Close][..], good],
            1,
            format!("{BROKEN}unexpected EOF"),
        ),
        (
            "is at fault within",
            &[&[Head(None), Data("{"), Reset(INTERNAL)][..], good],
            1,
            format!("{STREAM}stream error: stream ID 1; INTERNAL_ERROR; received from peer"),
        ),
        (
            "ends without an error before the length",
            &[&[Head(Some(1000)), Data(OBJECT), Reset(NO_ERROR)][..], good],
            1,
            format!("{STREAM}stream error: stream ID 1; NO_ERROR; received from peer"),
        ),
        (
            "ends without an error, and says no length",
            &[&[Head(None), Data("{\"kind\":"), Wait(SOME), Reset(NO_ERROR)][..], good],
            1,
            format!("{STREAM}stream error: stream ID 1; NO_ERROR; received from peer"),
        ),
        (
            "has sent all, and ends the stream so",
            &[&[Head(Some(OBJECT.len())), Data(OBJECT), Wait(SOME), Reset(NO_ERROR)][..], good],
            1,
            String::new(),
        ),
        (
            "ends before the length",
            &[&[Head(Some(1000)), Last(OBJECT)][..], good],
            1,
            format!("{BROKEN}unexpected EOF"),
        ),
    ] {
        server.plays(script);
        let run = place.run(get);
        let (stdout, said) = match want.as_str() {
            "" => ("configmap/x\n", String::new()),
            words => ("", format!("{words}\n")),
        };
        assert_eq!((run.stdout.as_str(), run.stderr, server.count()), (stdout, said, asked), "{what}");
    }
    // What may have been done is not done again; what was not looked at is.
    let create: &[&str] = &["create", "configmap", "x", "-o", "name"];
    for (what, script, asked, want) in [
        ("refuses once", &[&[Reset(REFUSED)][..], good][..], 2, "configmap/x\n"),
        ("goes before it looks at anything", &[&[GoAway(0, NO_ERROR), Close][..], good], 2, "configmap/x\n"),
        ("closes before it answers", &[&[Close][..], good], 1, ""),
    ] {
        server.plays(script);
        let run = place.run(create);
        assert_eq!((run.stdout.as_str(), server.count()), (want, asked), "{what}: {}", run.stderr);
    }
    // A server may be told to be spoken to in HTTP/1.
    server.plays(&[&[Head(None), Last("two")]]);
    for (value, want) in [("", "two"), ("1", "one"), ("false", "one")] {
        let mut command = place.command(&["get", "--raw", "/x"]);
        command.env("DISABLE_HTTP2", value);
        assert_eq!(finish(command).stdout, want, "DISABLE_HTTP2={value:?}");
    }
}

#[test]
fn watches_that_break() {
    use Step::{Close, Data, GoAway, Head, Last, Reset, Wait};
    let (server, authority) = server();
    let place = place(&server, &authority);
    let list: &[Step] = &[Head(None), Last(LIST)];
    let fault = "unable to decode an event from the watch stream: stream error: stream ID 3; INTERNAL_ERROR; received from peer";
    let undecodable =
        format!("anerrorontheserver(\\\"{}\\\")haspreventedtherequestfromsucceeding", fault.replace(' ', ""));
    let unexpected =
        "streamwatcher.go:120] \"Unexpected EOF during watch stream event decoding\" err=\"unexpected EOF\"";
    for (what, watch, more, want) in [
        ("ends", &[Head(None), Last(EVENT)][..], "", ""),
        ("goes, and ends", &[Head(None), Data(EVENT), GoAway(3, NO_ERROR), Wait(SOME), Last("")], "", ""),
        ("closes", &[Head(None), Data(EVENT), Wait(SOME), Close], "", unexpected),
        ("ends within an event", &[Head(None), Data(EVENT), Last("{\"type\":")], "", unexpected),
        ("is at fault", &[Head(None), Data(EVENT), Wait(SOME), Reset(INTERNAL)], undecodable.as_str(), ""),
    ] {
        server.plays(&[list, watch]);
        let run = place.run(&["get", "configmaps", "-w", "-o", "json", "--output-watch-events", "-v=1"]);
        let said: Vec<&str> =
            run.stderr.lines().map(|line| line.split_at(line.find("stream").unwrap_or(0)).1).collect();
        assert_eq!((run.code, said.join("\n").as_str(), server.count()), (0, want, 2), "{what}");
        let lines: String = run.stdout.split_whitespace().collect::<Vec<_>>().join("");
        assert!(lines.contains("\"name\":\"b\"") && lines.contains(more), "{what}: {lines}");
    }
}
