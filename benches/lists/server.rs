//! A stub API server in a process of its own: discovery, and one list of pods in recorded pages.
//!
//! Everything it answers is made before the first request. A page is one text in which only the
//! number of the page is put in, so that the server costs as little as it can.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::again::Server;
use super::fixture::{Form, Pages};

/// Tells how many bytes were sent, and closes the connection.
const SENT: &str = "/sent";

impl Server {
    /// Bytes of bodies sent since this was last asked.
    pub fn sent(&self) -> io::Result<u64> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(stream, "GET {SENT} HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let last = BufReader::new(stream).lines().last().transpose()?.unwrap_or_default();
        last.parse().map_err(io::Error::other)
    }
}

/// Serves until the process is ended.
pub fn serve(pods: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let state = Arc::new(State { pages: Pages::record(pods)?, sent: AtomicU64::new(0) });
    let mut out = io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    for stream in listener.incoming().flatten() {
        let state = Arc::clone(&state);
        std::thread::spawn(move || {
            // A client that goes away is no fault.
            let _ = state.connection(&stream);
        });
    }
    Ok(())
}

struct State {
    pages: Pages,
    sent: AtomicU64,
}

impl State {
    fn connection(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        loop {
            let mut request = String::new();
            if reader.read_line(&mut request)? == 0 {
                return Ok(());
            }
            let mut accept = String::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
                let line = line.trim().to_ascii_lowercase();
                if line.is_empty() {
                    break;
                }
                if let Some(value) = line.strip_prefix("accept:") {
                    value.trim().clone_into(&mut accept);
                }
            }
            let target = request.split(' ').nth(1).unwrap_or("/").to_owned();
            self.answer(&target, &accept, stream)?;
            if target == SENT {
                return Ok(());
            }
        }
    }

    fn answer(&self, target: &str, accept: &str, mut stream: &TcpStream) -> io::Result<()> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let parameter = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        if path == SENT {
            return whole(stream, "200 OK", &self.sent.swap(0, Ordering::Relaxed).to_string());
        }
        if !path.ends_with("/pods") {
            let Some(text) = discovery(path, accept.contains("apigroupdiscoverylist")) else {
                return whole(stream, "404 Not Found", "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":404}");
            };
            return whole(stream, "200 OK", text);
        }
        let form = match (accept.contains("as=table"), accept.contains("as=partialobjectmetadatalist")) {
            (true, _) => match parameter("includeObject") {
                Some("None") => Form::Cells,
                Some("Object") => Form::CellsAndObjects,
                _ => Form::CellsAndMetadata,
            },
            (_, true) => Form::Metadata,
            _ => Form::Objects,
        };
        let limit = parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(0);
        let page = parameter("continue").and_then(|token| token.parse().ok()).unwrap_or(0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        let mut sent = 0;
        self.pages.write(form, page, limit > 0, &mut |text| {
            sent += text.len() as u64;
            write!(stream, "{:x}\r\n", text.len())?;
            stream.write_all(text)?;
            stream.write_all(b"\r\n")
        })?;
        self.sent.fetch_add(sent, Ordering::Relaxed);
        stream.write_all(b"0\r\n\r\n")
    }
}

fn whole(mut stream: &TcpStream, status: &str, text: &str) -> io::Result<()> {
    let length = text.len();
    let kind = if text.contains("APIGroupDiscoveryList") {
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    } else {
        "application/json"
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{text}")
}

fn discovery(path: &str, aggregated: bool) -> Option<&'static str> {
    Some(match (path, aggregated) {
        ("/api", true) => {
            r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{},"versions":[{"version":"v1","resources":[{"resource":"pods","responseKind":{"group":"","version":"v1","kind":"Pod"},"scope":"Namespaced","singularResource":"pod","verbs":["get","list","watch"],"shortNames":["po"],"categories":["all"]}],"freshness":"Current"}]}]}"#
        }
        ("/apis", true) => {
            r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[]}"#
        }
        ("/api", false) => r#"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}"#,
        ("/apis", false) => r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[]}"#,
        ("/api/v1", _) => {
            r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get","list","watch"],"shortNames":["po"],"categories":["all"]}]}"#
        }
        ("/version", _) => r#"{"major":"1","minor":"36","gitVersion":"v1.36.2"}"#,
        _ => return None,
    })
}
