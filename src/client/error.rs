//! Requests that got no answer, and answers that are not the API's own.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};

use http::{Method, StatusCode};

use super::request::Subject;
use crate::object::Status;
use crate::object::status::{StatusCause, StatusDetails};

/// No answer came. Displayed as Go's `url.Error`, as it stands within other words; alone it is said with
/// [`ConnectionError::sentence`].
#[derive(Debug)]
pub struct ConnectionError {
    /// Host and port as the configuration has them.
    pub server: String,
    /// Whether there is nothing listening.
    pub refused: bool,
    /// What happened, in Go's words where they are known.
    pub message: String,
    /// Whether asking again may help: the connection broke before an answer came.
    pub transient: bool,
    /// What was asked for, `Get "https://…"`; empty where nobody knows.
    pub request: String,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.request.as_str() {
            "" => f.write_str(&self.sentence()),
            request => write!(f, "{request}: {}", self.message),
        }
    }
}

impl StdError for ConnectionError {}

/// An answer that broke off.
#[derive(Debug)]
pub struct BodyError {
    /// What happened, in Go's words where they are known.
    pub message: String,
    /// Whether the server broke off this answer only, not the connection.
    pub stream: bool,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for BodyError {}

impl BodyError {
    /// One that ended before it was whole.
    pub fn unexpected_end() -> Self {
        Self { message: UNEXPECTED_END.to_owned(), stream: false }
    }

    /// What client-go says where it wanted the whole answer.
    pub fn whole(&self) -> String {
        let message = &self.message;
        if self.stream {
            return format!(
                "stream error when reading response body, may be caused by closed connection. Please retry. Original error: {message}"
            );
        }
        format!("unexpected error when reading response body. Please retry. Original error: {message}")
    }
}

/// What is said of an answer that ends before it is whole.
pub const UNEXPECTED_END: &str = "unexpected EOF";

/// Whether a fault is the end of a connection (client-go's `IsProbableEOF`).
pub(super) fn is_end(message: &str) -> bool {
    const ENDS: [&str; 3] = [
        "http2: server sent GOAWAY and closed the connection",
        "connection reset by peer",
        "use of closed network connection",
    ];
    matches!(message, "EOF" | UNEXPECTED_END) || ENDS.iter().any(|words| message.contains(words))
}

/// Whether a fault is that something took too long (client-go's `IsTimeout`).
pub(super) fn is_timeout(message: &str) -> bool {
    const LATE: [&str; 4] = ["(Client.Timeout ", "i/o timeout", "TLS handshake timeout", "context deadline exceeded"];
    LATE.iter().any(|words| message.contains(words))
}

/// Faults after which another attempt may do better (client-go's `IsProbableEOF`, `IsConnectionReset`,
/// `IsHTTP2ConnectionLost`).
const TRANSIENT: [&str; 4] = [
    "connection reset by peer",
    "http2: server sent GOAWAY and closed the connection",
    "http2: client connection lost",
    "use of closed network connection",
];

impl ConnectionError {
    /// The whole sentence that kubectl says, without any prefix.
    pub fn sentence(&self) -> String {
        if self.refused {
            let server = &self.server;
            format!("The connection to the server {server} was refused - did you specify the right host or port?")
        } else {
            format!("Unable to connect to the server: {}", self.message)
        }
    }

    /// The same about a request: its method and its URL.
    #[must_use]
    pub fn about(mut self, method: &Method, url: &str) -> Self {
        let method = method.as_str();
        let (first, rest) = method.split_at_checked(1).unwrap_or((method, ""));
        self.request = format!("{first}{} {url:?}", rest.to_ascii_lowercase());
        self
    }

    /// One whose words are known; they say of what kind it is.
    pub fn says(server: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let refused = message.contains("connection refused");
        let transient =
            matches!(message.as_str(), "EOF" | UNEXPECTED_END) || TRANSIENT.iter().any(|words| message.contains(words));
        Self { server: server.to_owned(), refused, message, transient, request: String::new() }
    }
}

/// The reason that a status was made up for an answer that held none.
pub const MADE_UP: &str = "UnexpectedServerResponse";

/// The status that client-go makes of an error response that holds none: `text` is the body where it
/// is text. `subject` is what was asked for.
pub fn generic_status(
    method: &Method,
    subject: Option<&Subject>,
    code: StatusCode,
    text: Option<&str>,
    retry_after: Option<i64>,
) -> Status {
    let said = text.map_or("unknown", str::trim);
    let code = code.as_u16();
    let (reason, mut message) = match code {
        409 if method == Method::POST => ("AlreadyExists", "the server reported a conflict".to_owned()),
        409 => ("Conflict", "the server reported a conflict".to_owned()),
        404 => ("NotFound", "the server could not find the requested resource".to_owned()),
        400 => ("BadRequest", "the server rejected our request for an unknown reason".to_owned()),
        401 => ("Unauthorized", "the server has asked for the client to provide credentials".to_owned()),
        403 => ("Forbidden", said.to_owned()),
        406 if matches!(said, "" | "unknown") => (
            "NotAcceptable",
            "the server was unable to respond with a content type that the client supports".to_owned(),
        ),
        406 => ("NotAcceptable", said.to_owned()),
        415 => ("UnsupportedMediaType", said.to_owned()),
        405 => ("MethodNotAllowed", "the server does not allow this method on the requested resource".to_owned()),
        422 => ("Invalid", "the server rejected our request due to an error in our request".to_owned()),
        503 => ("ServiceUnavailable", "the server is currently unable to handle the request".to_owned()),
        504 => (
            "Timeout",
            "the server was unable to return a response in the time allotted, but may still be processing the request"
                .to_owned(),
        ),
        429 => (
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later".to_owned(),
        ),
        500.. => {
            ("InternalError", format!("an error on the server ({said:?}) has prevented the request from succeeding"))
        }
        _ => ("", format!("the server responded with the status code {code} but did not return more information")),
    };
    let cause = StatusCause { reason: MADE_UP.into(), message: said.to_owned(), field: String::new() };
    let mut details =
        StatusDetails { causes: vec![cause], retry_after_seconds: retry_after, ..StatusDetails::default() };
    if let Some(Subject { group, resource, name }) = subject {
        let _ = write!(message, " ({} {resource}", method.as_str().to_ascii_lowercase());
        for (before, part) in [('.', group), (' ', name)].into_iter().filter(|(_, part)| !part.is_empty()) {
            let _ = write!(message, "{before}{part}");
        }
        message.push(')');
        (details.group, details.kind, details.name) = (group.clone(), resource.clone(), name.clone());
    }
    let mut status = Status::failure(code, reason, message);
    status.details = Some(Box::new(details));
    status
}
