//! Servers that are broken, slow, endless or lying: whatever they send, there is a clear error, no wait
//! beyond `--request-timeout`, and nothing that steers a terminal.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]
#![cfg(unix)]

mod servers;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use servers::{Authority, Outcome, Place, Server, Stream, answer, base64, finish};

const CONFIG_MAP: &str = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"default"}}"#;

fn at(url: &str) -> Value {
    json!({"server": url})
}

/// Runs a command against a plain server that sends these bytes, and then closes.
fn sent(bytes: &[u8], args: &[&str]) -> Outcome {
    let bytes = bytes.to_vec();
    let server = Server::plain(move |_, stream| {
        let _ = stream.write_all(&bytes);
    });
    let place = Place::new();
    place.config(&at(&server.url()), &json!({}));
    place.run(args)
}

fn with_length(length: usize, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

const RAW: &[&str] = &["get", "--raw", "/x"];
const GET: &[&str] = &["get", "configmap", "x", "-o", "name", "--request-timeout=20s"];

#[test]
fn answers_that_are_none() {
    let whole = CONFIG_MAP.len();
    let redirect = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(2_000_000));
    let html = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>";
    let connect = "Unable to connect to the server: ";
    let broken = "error: unexpected error when reading response body. Please retry. Original error: ";
    let version = "couldn't get version/kind; json parse error: ";
    for (what, bytes, args, want) in [
        ("cut", with_length(whole + 9, CONFIG_MAP), RAW, "error: unexpected EOF".to_owned()),
        ("cut", with_length(whole + 9, CONFIG_MAP), GET, format!("{broken}unexpected EOF")),
        (
            "a cut chunk",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{".to_vec(),
            GET,
            format!("{broken}unexpected EOF"),
        ),
        (
            "a lie about the length",
            with_length(20, CONFIG_MAP),
            GET,
            format!("error: {version}unexpected end of JSON input"),
        ),
        ("half of JSON", with_length(8, "{\"kind\":"), GET, format!("error: {version}unexpected end of JSON input")),
        (
            "a page",
            html.to_vec(),
            GET,
            format!("error: {version}invalid character '<' looking for beginning of value"),
        ),
        ("nothing in it", with_length(0, ""), GET, "error: unexpected end of JSON input".to_owned()),
        ("no kind", with_length(2, "{}"), GET, "error: Object 'Kind' is missing in '{}'".to_owned()),
        (
            "a list of numbers",
            with_length(5, "[1,2]"),
            GET,
            format!(
                "error: {version}json: cannot unmarshal array into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
            ),
        ),
        (
            "another protocol",
            b"SSH-2.0-OpenSSH\r\n".to_vec(),
            RAW,
            format!("{connect}net/http: HTTP/1.x transport connection broken: malformed HTTP response"),
        ),
        (
            "a header that is none",
            b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n".to_vec(),
            RAW,
            format!("{connect}net/http: HTTP/1.x transport connection broken: malformed MIME header"),
        ),
        (
            "a header without end",
            long.into_bytes(),
            RAW,
            format!("{connect}net/http: server response headers exceeded 10485760 bytes; aborted"),
        ),
        ("a ring of redirects", redirect.to_vec(), RAW, format!("{connect}stopped after 10 redirects")),
        ("silence", Vec::new(), RAW, format!("{connect}EOF")),
        (
            "a fault without words",
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nboom".to_vec(),
            RAW,
            "Error from server (InternalError): an error on the server (\"boom\") has prevented the request from succeeding"
                .to_owned(),
        ),
    ] {
        let run = sent(&bytes, args);
        assert_eq!((run.stderr.as_str(), run.code), (format!("{want}\n").as_str(), 1), "{what}");
    }
}

#[test]
fn nothing_takes_longer_than_it_may() {
    let place = Place::new();
    let wait = || std::thread::sleep(Duration::from_secs(50));
    let never = Server::plain(move |_, _| wait());
    let half = Server::plain(move |_, stream| {
        let _ = stream.write_all(&with_length(1000, "{"));
        let _ = stream.flush();
        wait();
    });
    // A byte a while: alive, and of no use.
    let drops = Server::plain(|_, stream| {
        let _ = stream.write_all(&with_length(1000, ""));
        while stream.write_all(b" ").and_then(|()| stream.flush()).is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let endless = Server::plain(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"kind\":\"ConfigMap\"");
        while stream.write_all(&[b' '; 4096]).is_ok() {}
    });
    let busy = Server::plain(|_, stream| {
        answer(stream, "429 Too Many Requests", "Retry-After: 3600\r\n", "later");
    });
    // Accepts, and never speaks TLS.
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a port");
    let deaf = format!("https://{}", deaf.local_addr().expect("an address"));
    for (what, url) in [
        ("silence", never.url()),
        ("half an answer", half.url()),
        ("drops", drops.url()),
        ("an endless answer", endless.url()),
        ("busy", busy.url()),
        ("no TLS", deaf),
    ] {
        place.config(&at(&url), &json!({"token": "t"}));
        let run = place.run(&["get", "configmap", "x", "--request-timeout=1s"]);
        assert_eq!((run.stdout.as_str(), run.code), ("", 1), "{what}");
        let known = ["Client.Timeout", "context deadline exceeded", "i/o timeout", "EOF", "is longer than"];
        assert!(known.iter().any(|word| run.stderr.contains(word)), "{what}: {}", run.stderr);
        assert!(run.took < Duration::from_secs(15), "{what}: {:?}", run.took);
    }
}

/// Where time runs out: what is said, what the server was told of it, and what a watch makes of it.
#[test]
fn says_where_time_ran_out() {
    const LIST: &str = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[]}"#;
    let place = Place::new();
    let wait = || std::thread::sleep(Duration::from_secs(30));
    let connect = "Unable to connect to the server: net/http: request canceled";
    let headers = format!("{connect} (Client.Timeout exceeded while awaiting headers)\n");
    let connection =
        format!("{connect} while waiting for connection (Client.Timeout exceeded while awaiting headers)\n");
    let reading = "net/http: request canceled (Client.Timeout or context cancellation while reading body)";
    let broken =
        format!("error: unexpected error when reading response body. Please retry. Original error: {reading}\n");
    // Nobody accepts: the system does so for as many as it may, and then for none.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    full.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    full.listen(0).expect("it listens");
    let address = full.local_addr().expect("an address").as_socket().expect("of TCP");
    let waiting = |_| TcpStream::connect_timeout(&address, Duration::from_millis(200));
    let held: Vec<_> = (0..4).map(waiting).collect();
    assert!(held.iter().any(Result::is_err), "the queue has no end");
    // Accepts, and never speaks TLS.
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a port");
    let deaf = format!("https://{}", deaf.local_addr().expect("an address"));
    let silent = Server::plain(move |_, _| wait());
    let half = Server::plain(move |_, stream| {
        let _ = stream.write_all(&with_length(1000, "{")).and_then(|()| stream.flush());
        wait();
    });
    let get: &[&str] = &["get", "configmap", "x", "--request-timeout=1500ms"];
    for (what, url, want) in [
        ("no connection", format!("http://{address}"), &connection),
        ("no TLS", deaf, &connection),
        ("no answer", silent.url(), &headers),
        ("half an answer", half.url(), &broken),
    ] {
        place.config(&at(&url), &json!({"token": "t"}));
        let run = place.run(get);
        assert_eq!((run.stderr.as_str(), run.code), (want.as_str(), 1), "{what}");
        assert!((1400..4000).contains(&run.took.as_millis()), "{what}: {:?}", run.took);
    }
    for server in [&silent, &half] {
        let seen = server.seen().concat();
        assert!(seen.contains("&timeout=1.5s HTTP/1.1"), "{seen}");
    }
    // A watch that is cut off has ended; one that does not begin is begun again.
    let turns = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&turns);
    let watched = Server::plain(move |request, stream| {
        if !request.contains("watch=true") {
            return answer(stream, "200 OK", "Content-Type: application/json\r\n", LIST);
        }
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            let event = format!("{{\"type\":\"ADDED\",\"object\":{CONFIG_MAP}}}\n");
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(format!("{head}{event}").as_bytes()).and_then(|()| stream.flush());
        }
        wait();
    });
    place.config(&at(&watched.url()), &json!({}));
    let run = place.run(&["get", "configmaps", "-w", "-o", "name", "--request-timeout=1", "-v=5"]);
    assert_eq!((run.stdout.as_str(), run.code, turns.load(Ordering::SeqCst)), ("configmap/x\n", 0, 2));
    let said: Vec<&str> = run.stderr.lines().filter_map(|line| line.split_once("] ").map(|(_, said)| said)).collect();
    let want = format!("\"Unable to decode an event from the watch stream\" err=\"{reading}\"");
    assert_eq!(said.last(), Some(&want.as_str()), "{}", run.stderr);
    assert!(run.stderr.contains(" streamwatcher.go:123] "), "{}", run.stderr);
    assert!(watched.seen().concat().contains("configmaps?resourceVersion=5&timeout=1s&watch=true HTTP/1.1"));
}

#[test]
fn asks_again_where_that_helps() {
    let place = Place::new();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                // A connection that is closed before it was read to its end is reset.
                let _ = stream.read(&mut [0]);
                continue;
            }
            let _ = stream.read(&mut [0; 4096]);
            answer(&mut stream, "200 OK", "Content-Type: application/json\r\n", CONFIG_MAP);
        }
    });
    place.config(&at(&url), &json!({}));
    let run = place.run(&["get", "configmap", "x", "-o", "name"]);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("configmap/x\n", ""));
    count.store(0, Ordering::SeqCst);
    let run = place.run(&["create", "configmap", "x"]);
    assert!(run.stderr.ends_with("read: connection reset by peer\n"), "{}", run.stderr);
    assert_eq!(count.load(Ordering::SeqCst), 1, "what may have been done is not done again");

    let turns = AtomicUsize::new(0);
    let busy = Server::plain(move |_, stream| match turns.fetch_add(1, Ordering::SeqCst) {
        0..=2 => answer(stream, "429 Too Many Requests", "Retry-After: 0\r\n", "later"),
        3 => answer(stream, "503 Service Unavailable", "Retry-After: 0\r\n", "later"),
        _ => answer(stream, "200 OK", "Content-Type: application/json\r\n", CONFIG_MAP),
    });
    place.config(&at(&busy.url()), &json!({}));
    assert_eq!(place.run(&["create", "configmap", "x"]).code, 0);
    assert_eq!(busy.seen().len(), 5);
    let always = Server::plain(|_, stream| {
        answer(stream, "429 Too Many Requests", "Retry-After: 0\r\nContent-Type: text/plain\r\n", "later");
    });
    place.config(&at(&always.url()), &json!({}));
    let run = place.run(RAW);
    assert!(run.stderr.starts_with("Error from server (TooManyRequests): "), "{}", run.stderr);
    assert_eq!(always.seen().len(), 11);
}

/// A table of a terminal's worst.
#[test]
fn escape_codes_stay_where_they_are() {
    const EVIL: &str = "a\u{1b}[2Jb\u{9b}31mc\rd\u{7}e\u{202e}f";
    let object = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": EVIL, "namespace": EVIL,
        "labels": {"a": EVIL}, "annotations": {"a": EVIL}}, "data": {EVIL: EVIL}});
    let table = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {},
        "columnDefinitions": [{"name": EVIL, "type": "string"}, {"name": "Two", "type": "string"}],
        "rows": [{"cells": [EVIL, EVIL], "object": object}]});
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": EVIL,
        "reason": EVIL, "code": 409, "details": {"causes": [{"field": EVIL, "message": EVIL}]}});
    let list = json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": [object]});
    let server = Server::plain(move |request, stream| {
        let warning = "Warning: 299 - \"a\u{1b}[2Jb\"\r\nContent-Type: application/json\r\n";
        let (status_line, body) = if request.contains("/configmaps/fail") {
            ("409 Conflict", &status)
        } else if request.contains("as=Table") {
            ("200 OK", &table)
        } else {
            ("200 OK", if request.contains("/configmaps/") { &object } else { &list })
        };
        answer(stream, status_line, warning, &body.to_string());
    });
    let place = Place::new();
    place.config(&at(&server.url()), &json!({}));
    for args in [
        &["get", "configmaps"][..],
        &["get", "configmaps", "-o", "wide", "--show-labels"],
        &["get", "configmap", "x", "-o", "custom-columns=A:.metadata.name,B:.data"],
        &["describe", "configmap", "x"],
        &["get", "configmap", "fail"],
        &["get", "configmap", "x", "-o", "name"],
        &["delete", "configmap", "x"],
    ] {
        let run = place.run(args);
        for (stream, text) in [("stderr", &run.stderr), ("stdout", &run.stdout)] {
            // Names as data are for programs to read.
            let is_data = stream == "stdout" && (args.contains(&"name") || args.contains(&"delete"));
            assert!(is_data || !text.contains('\u{1b}'), "{args:?} {stream}: {text:?}");
        }
    }
}

#[test]
fn a_list_may_be_long() {
    // 2 GB where somebody asks for it, else enough to tell whether memory grows with it.
    let big = std::env::var_os("KCTL_TEST_HUGE").is_some();
    let pages: usize = if big { 4000 } else { 40 };
    const ITEMS: usize = 500;
    const PADDING: usize = 1000;
    let padding = Arc::new("x".repeat(PADDING));
    let server = Server::plain(move |request, stream| {
        let page = request.split("continue=").nth(1).and_then(|rest| {
            rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|number| number.parse::<usize>().ok())
        });
        let (whole, from, to) = match page {
            _ if !request.contains("limit=") => (true, 0, pages),
            page => (false, page.unwrap_or(0), page.unwrap_or(0) + 1),
        };
        let next = if whole || to >= pages { String::new() } else { to.to_string() };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
        let begin = format!(
            "{{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{{\"continue\":\"{next}\"}},\"items\":["
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(begin.as_bytes()));
        for page in from..to {
            let mut text = String::with_capacity(ITEMS * (PADDING + 100));
            for item in 0..ITEMS {
                let comma = if page == from && item == 0 { "" } else { "," };
                text += &format!(
                    "{comma}{{\"metadata\":{{\"name\":\"n-{page}-{item}\",\"namespace\":\"default\"}},\"data\":{{\"a\":\"{padding}\"}}}}"
                );
            }
            if stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
        let _ = stream.write_all(b"]}");
    });
    let place = Place::new();
    place.config(&at(&server.url()), &json!({}));
    for paged in [true, false] {
        let chunk = if paged { "--chunk-size=500" } else { "--chunk-size=0" };
        let (run, peak) = measured(place.command(&["get", "configmaps", chunk, "-o", "name"]), chunk);
        assert_eq!((run.stderr.as_str(), run.code), ("", 0), "paged: {paged}");
        assert_eq!(run.stdout.lines().count(), pages * ITEMS);
        let most = 120 * 1024;
        assert!(peak < most, "paged: {paged}: {peak} KiB");
        if big {
            println!("{} MB, paged: {paged}: {peak} KiB, {:?}", pages * ITEMS * (PADDING + 70) / 1_000_000, run.took);
        }
    }
}

/// Runs a command, and says how much memory it had at most (KiB), as far as the system tells.
/// It is known by an argument that no other command has.
fn measured(command: std::process::Command, mark: &'static str) -> (Outcome, usize) {
    let peak = Arc::new(AtomicUsize::new(0));
    let (highest, done) = (Arc::clone(&peak), Arc::new(AtomicUsize::new(0)));
    let over = Arc::clone(&done);
    let own = std::process::id();
    let watcher = std::thread::spawn(move || {
        while over.load(Ordering::SeqCst) == 0 {
            for child in children(own) {
                let status = std::fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
                // Other tests run commands at the same time.
                let line = std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
                if !status.starts_with("Name:\tkctl") || !line.contains(mark) {
                    continue;
                }
                let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
                let size = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0);
                highest.fetch_max(size, Ordering::SeqCst);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let run = finish(command);
    done.store(1, Ordering::SeqCst);
    watcher.join().expect("no panic");
    (run, peak.load(Ordering::SeqCst))
}

fn children(of: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{of}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// A proxy that takes `CONNECT` and then does what it likes with what flows.
fn proxy(behave: impl Fn(TcpStream, TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let behave = Arc::new(behave);
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let behave = Arc::clone(&behave);
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let size = client.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..size]).into_owned();
                let Some(target) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
                    return;
                };
                let Ok(server) = TcpStream::connect(target) else { return };
                let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
                behave(client, server);
            });
        }
    });
    port
}

fn pump(mut from: TcpStream, mut to: TcpStream, most: usize, pause: Duration) {
    let mut buffer = [0; 1024];
    let mut left = most;
    while left > 0 {
        let Ok(size @ 1..) = from.read(&mut buffer) else { break };
        std::thread::sleep(pause);
        let size = size.min(left);
        left -= size;
        if to.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

fn between(most: usize, pause: Duration) -> u16 {
    proxy(move |client, server| {
        let (up, down) = (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
        std::thread::spawn(move || pump(up, down, usize::MAX, Duration::ZERO));
        pump(server, client, most, pause);
    })
}

#[test]
fn proxies_may_be_bad() {
    let authority = Authority::new("harbour-ca");
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), None, |_, stream: &mut dyn Stream| {
        answer(stream, "200 OK", "Content-Type: application/json\r\n", CONFIG_MAP);
    });
    let place = Place::new();
    let through = |port: u16| {
        place.config(
            &json!({"server": server.url(), "certificate-authority-data": base64(&authority.pem()),
                "proxy-url": format!("http://127.0.0.1:{port}")}),
            &json!({"token": "t"}),
        );
        place.run(&["get", "--raw", "/x", "--request-timeout=5s"])
    };
    let good = through(between(usize::MAX, Duration::from_millis(5)));
    assert_eq!((good.stdout.as_str(), good.stderr.as_str()), (CONFIG_MAP, ""));
    // In the midst of the handshake, and of the answer.
    for most in [0, 100, 900] {
        let run = through(between(most, Duration::ZERO));
        assert_eq!((run.stdout.as_str(), run.code), ("", 1), "{most}");
        assert!(run.stderr.starts_with("Unable to connect to the server: "), "{most}: {}", run.stderr);
        assert!(run.took < Duration::from_secs(15));
    }
    let slow = through(between(usize::MAX, Duration::from_secs(3)));
    assert_eq!(slow.code, 1);
    assert!(slow.took < Duration::from_secs(15), "{:?}", slow.took);
    let refused = Server::plain(|_, stream| answer(stream, "407 Proxy Authentication Required", "", ""));
    assert_eq!(through(refused.port).stderr, "Unable to connect to the server: Proxy Authentication Required\n");
    let wants = Server::plain(|request, stream| {
        let known =
            request.contains("proxy-authorization: Basic dTpw") || request.contains("Proxy-Authorization: Basic dTpw");
        answer(stream, if known { "502 Bad Gateway" } else { "407 Proxy Authentication Required" }, "", "");
    });
    place.config(
        &json!({"server": server.url(), "certificate-authority-data": base64(&authority.pem()),
            "proxy-url": format!("http://u:p@127.0.0.1:{}", wants.port)}),
        &json!({"token": "t"}),
    );
    let run = place.run(RAW);
    assert!(!run.stderr.contains("Proxy Authentication Required"), "{}", run.stderr);
    assert!(!wants.seen().concat().contains("Bearer"), "credentials are for the server, not for the proxy");
}
