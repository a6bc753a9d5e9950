//! Faults of connections in the words that kubectl's users know.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::tls;
use crate::client::error::{BodyError, ConnectionError, UNEXPECTED_END};

/// A fault whose words are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said(pub(super) String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Said {}

/// What libraries say, and what Go says of the same. The first that fits counts.
const WORDS: &[(&str, &str)] = &[
    ("invalid HTTP version parsed", "net/http: HTTP/1.x transport connection broken: malformed HTTP response"),
    ("invalid HTTP status-code parsed", "net/http: HTTP/1.x transport connection broken: malformed HTTP status code"),
    ("invalid HTTP header parsed", "net/http: HTTP/1.x transport connection broken: malformed MIME header"),
    ("invalid content-length parsed", "net/http: HTTP/1.x transport connection broken: bad Content-Length"),
    ("message head is too large", "net/http: server response headers exceeded 10485760 bytes; aborted"),
    ("connection closed before message completed", "EOF"),
    ("connection was not ready", "EOF"),
    ("peer closed connection without sending TLS close_notify", "EOF"),
    ("keep-alive timed out", "http2: client connection lost"),
];

/// An error of the system in the words of Go's `syscall`.
pub(super) fn system_words(error: &io::Error) -> String {
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset by peer",
        io::ErrorKind::ConnectionAborted => "software caused connection abort",
        io::ErrorKind::BrokenPipe => "broken pipe",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address",
        io::ErrorKind::PermissionDenied => "permission denied",
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            let mut letters = text.chars();
            let first = letters.next().map(|first| first.to_ascii_lowercase());
            return first.into_iter().chain(letters).collect();
        }
    };
    words.to_owned()
}

/// What went wrong with a connection, TLS included.
pub(super) fn io_words(error: &io::Error) -> String {
    let all = chain(error);
    if let Some(Said(words)) = all.iter().find_map(|error| error.downcast_ref::<Said>()) {
        return words.clone();
    }
    if let Some(words) = all.iter().find_map(|error| error.downcast_ref::<rustls::Error>().and_then(tls::words)) {
        return words;
    }
    if error.kind() == io::ErrorKind::UnexpectedEof { "EOF".to_owned() } else { system_words(error) }
}

/// Every error that led to one.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut all: Vec<&(dyn StdError + 'static)> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        all.push(error);
        // What an I/O error wraps is not its source but itself.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    all
}

/// Go's words for an error, and whether they are of one HTTP/2 stream only.
fn words(error: &(dyn StdError + 'static)) -> (String, bool) {
    let all = chain(error);
    if let Some(Said(words)) = all.iter().find_map(|error| error.downcast_ref::<Said>()) {
        return (words.clone(), false);
    }
    if let Some(words) = all.iter().find_map(|error| error.downcast_ref::<rustls::Error>().and_then(tls::words)) {
        return (words, false);
    }
    let lost = all.iter().any(|error| error.to_string().contains("keep-alive timed out"));
    if let Some(fault) = all.iter().find_map(|error| error.downcast_ref::<h2::Error>()).filter(|_| !lost) {
        return http2_words(fault);
    }
    let text: String = all.iter().map(|error| format!("{error}\n")).collect();
    if let Some((_, words)) = WORDS.iter().find(|(theirs, _)| text.contains(theirs)) {
        return ((*words).to_owned(), false);
    }
    if let Some(fault) = all.iter().find_map(|error| error.downcast_ref::<io::Error>()) {
        // One that names no connection is of HTTP/2, where there is always more to come.
        let words = io_words(fault);
        return (if words == "broken pipe" { UNEXPECTED_END.to_owned() } else { words }, false);
    }
    (all.last().map(ToString::to_string).unwrap_or_default(), false)
}

/// A fault of HTTP/2 (RFC 9113, 7), as Go's `x/net/http2` names it.
fn http2_words(fault: &h2::Error) -> (String, bool) {
    let code = fault.reason().map_or_else(|| "NO_ERROR".to_owned(), reason_name);
    if fault.is_go_away() && fault.is_remote() {
        return match fault.reason() {
            Some(h2::Reason::NO_ERROR) | None => {
                let words = "http2: server sent GOAWAY and closed the connection; LastStreamID=0, ErrCode=NO_ERROR";
                (format!("{words}, debug=\"\""), false)
            }
            Some(_) => (format!("http2: Transport received GOAWAY from server ErrCode:{code}"), false),
        };
    }
    if fault.is_reset() {
        let by = if fault.is_remote() { "; received from peer" } else { "" };
        return (format!("stream error: stream ID {}; {code}{by}", stream_id(fault)), true);
    }
    match fault.get_io() {
        // The library keeps the words of what it was given, and nothing else of it.
        Some(error) if error.to_string().contains(" tcp ") => (error.to_string(), false),
        Some(error) => match io_words(error) {
            // There is always more to come.
            words if words == "EOF" || words == "broken pipe" => (UNEXPECTED_END.to_owned(), false),
            words => (words, false),
        },
        None => (format!("connection error: {code}"), false),
    }
}

/// The number of the stream that was reset, which the library shows to those alone who debug it.
fn stream_id(fault: &h2::Error) -> u32 {
    let text = format!("{fault:?}");
    let number = text.split_once("StreamId(").and_then(|(_, rest)| rest.split_once(')'));
    number.and_then(|(number, _)| number.parse().ok()).unwrap_or(1)
}

/// Whether it is a connection that could not be made at all, of one of the client library's own.
pub(super) fn is_of_connecting(error: &(dyn StdError + 'static)) -> bool {
    let all = chain(error);
    let known = all.iter().any(|error| error.is::<Said>() || error.is::<rustls::Error>());
    !known && all.iter().any(|error| error.to_string() == "tcp connect error")
}

/// Whether a server said that it did not look at a request (RFC 9113, 8.7): another attempt does no harm.
pub(super) fn is_unprocessed(error: &(dyn StdError + 'static)) -> bool {
    let all = chain(error);
    let fault = all.iter().find_map(|error| error.downcast_ref::<h2::Error>()).filter(|fault| fault.is_remote());
    fault.is_some_and(|fault| match fault.reason() {
        Some(h2::Reason::NO_ERROR) => fault.is_go_away(),
        Some(h2::Reason::REFUSED_STREAM) => fault.is_reset(),
        _ => false,
    })
}

fn reason_name(reason: h2::Reason) -> String {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let code = u32::from(reason);
    let known = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    known.map_or_else(|| format!("unknown error code 0x{code:x}"), |name| (*name).to_owned())
}

/// An error of a request that got no answer.
pub(super) fn explain(server: &str, error: &(dyn StdError + 'static)) -> ConnectionError {
    let (message, _) = words(error);
    ConnectionError::says(server, message)
}

/// An error in the midst of an answer.
pub(super) fn explain_body(error: &(dyn StdError + 'static)) -> BodyError {
    let (message, stream) = words(error);
    // An end that comes too early is one that was not expected.
    let is_end = message == "EOF" || message.is_empty();
    // So is one before the length that was announced; it is we who complain.
    let is_short = stream && message.ends_with("; PROTOCOL_ERROR");
    if is_end || is_short { BodyError::unexpected_end() } else { BodyError { message, stream } }
}

/// Who was asked for an address, as Go says it: the first server of the resolver's configuration.
pub(super) fn name_server() -> String {
    let text = if cfg!(unix) { std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default() } else { String::new() };
    let server = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim).next();
    server.map(|server| format!(" on {server}:53")).unwrap_or_default()
}
