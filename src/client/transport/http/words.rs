//! Faults of connections in the words that kubectl's users know.

use std::error::Error as StdError;
use std::io;

use super::connect::TOO_MANY_REDIRECTS;
use super::tls;
use crate::client::error::{BodyError, ConnectionError};

/// What several libraries say, and what Go says of the same. The first that fits counts.
const WORDS: &[(&str, &str)] = &[
    (TOO_MANY_REDIRECTS, TOO_MANY_REDIRECTS),
    ("InvalidContentType", "http: server gave HTTP response to HTTPS client"),
    ("invalid HTTP version parsed", "net/http: HTTP/1.x transport connection broken: malformed HTTP response"),
    ("invalid HTTP status-code parsed", "net/http: HTTP/1.x transport connection broken: malformed HTTP status code"),
    ("invalid HTTP header parsed", "net/http: HTTP/1.x transport connection broken: malformed MIME header"),
    ("invalid content-length parsed", "net/http: HTTP/1.x transport connection broken: bad Content-Length"),
    ("message head is too large", "net/http: server response headers exceeded 10485760 bytes; aborted"),
    ("proxy authorization required", "Proxy Authentication Required"),
    ("tunnel error: unexpected end of file", "unexpected EOF"),
    ("connection closed before message completed", "EOF"),
    ("peer closed connection without sending TLS close_notify", "EOF"),
    ("tls handshake eof", "EOF"),
];

/// Every error that led to one, and all that they say.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> (Vec<&'a (dyn StdError + 'static)>, String) {
    let mut all: Vec<&(dyn StdError + 'static)> = Vec::new();
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        all.push(error);
        text.push_str(&error.to_string());
        text.push('\n');
        // What an I/O error wraps is not its source but itself.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    (all, text)
}

/// An error of a request that got no answer.
pub(super) fn explain(server: &str, error: &reqwest::Error) -> ConnectionError {
    let mut connection = ConnectionError::new(server, error);
    if connection.refused {
        return connection;
    }
    let (all, text) = chain(error);
    if let Some(words) = all.iter().find_map(|error| error.downcast_ref::<rustls::Error>().and_then(tls::words)) {
        connection.message = words;
        return connection;
    }
    let kinds = |kind: io::ErrorKind| {
        all.iter().filter_map(|error| error.downcast_ref::<io::Error>()).any(|error| error.kind() == kind)
    };
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    if error.is_timeout() && error.is_connect() {
        connection.message = format!("dial tcp {server}: i/o timeout");
    } else if error.is_timeout() {
        connection.message = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)".to_owned();
    } else if text.contains("dns error") || text.contains("failed to lookup address") {
        connection.message = format!("dial tcp: lookup {host}{}: no such host", name_server());
    } else if kinds(io::ErrorKind::ConnectionReset) {
        connection.transient = true;
        connection.message = "read tcp: read: connection reset by peer".to_owned();
    } else if kinds(io::ErrorKind::NetworkUnreachable) {
        connection.message = format!("dial tcp {server}: connect: network is unreachable");
    } else if kinds(io::ErrorKind::HostUnreachable) {
        connection.message = format!("dial tcp {server}: connect: no route to host");
    } else if let Some((_, words)) = WORDS.iter().find(|(theirs, _)| text.contains(theirs)) {
        (*words).clone_into(&mut connection.message);
        connection.transient = *words == "EOF";
    } else if text.contains("not a result of an error") || text.contains("GOAWAY") || text.contains("go away") {
        connection.transient = true;
        connection.message = "http2: server sent GOAWAY and closed the connection".to_owned();
    }
    connection
}

/// An error in the midst of an answer.
pub(super) fn explain_body(error: &reqwest::Error) -> BodyError {
    let (all, text) = chain(error);
    let reset = all
        .iter()
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), io::ErrorKind::ConnectionReset));
    let message = if error.is_timeout() {
        "net/http: request canceled (Client.Timeout or context cancellation while reading body)".to_owned()
    } else if reset {
        "read tcp: read: connection reset by peer".to_owned()
    } else if text.contains("gzip") || text.contains("deflate") || text.contains("corrupt") {
        "gzip: invalid header".to_owned()
    } else if error.is_body() || error.is_decode() {
        let stream = text.contains("stream error") || text.contains("http2 error");
        if stream { "stream error".to_owned() } else { "unexpected EOF".to_owned() }
    } else {
        all.last().map(ToString::to_string).unwrap_or_default()
    };
    BodyError { stream: message == "stream error", message }
}

/// Who was asked for an address, as Go says it: the first server of the resolver's configuration.
fn name_server() -> String {
    let text = if cfg!(unix) { std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default() } else { String::new() };
    let server = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim).next();
    server.map(|server| format!(" on {server}:53")).unwrap_or_default()
}
