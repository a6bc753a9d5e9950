//! The streams of a process in a container, over one connection: `exec` and `attach`.
//!
//! A request asks to switch to a websocket with one of the subprotocols in [`PROTOCOLS`]; [`open`] makes
//! it, [`Session::run`] then carries standard input, output, error output and sizes of the terminal until
//! the process has ended, and returns how. A server that does not switch is asked for SPDY/3.1 instead.

mod channel;
pub mod forward;
mod plain;
mod status;

use std::io;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::Client;
use super::request::Call;
use super::transport::{Body, Duplex, Upgrade};
use crate::object::Status;
pub use plain::Wanted;
pub use status::Failed;

/// The subprotocols, best first. The first can tell the process that its input has ended.
pub const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

/// Columns and rows of a terminal.
pub type Size = (u16, u16);
/// Takes output, piece by piece.
pub type Sink<'a> = Box<dyn FnMut(&[u8]) -> io::Result<()> + 'a>;

/// What flows between here and the process.
pub struct Flow<'a> {
    /// Standard input; none where the process has none from here.
    pub stdin: Option<mpsc::Receiver<Bytes>>,
    /// Standard output; with a terminal, all output.
    pub stdout: Sink<'a>,
    /// Error output.
    pub stderr: Sink<'a>,
    /// Sizes of the terminal, as they change.
    pub sizes: Option<mpsc::Receiver<Size>>,
}

/// An open connection to a process.
pub enum Session {
    /// Over a websocket.
    Web {
        /// The connection.
        socket: Box<WebSocketStream<Box<dyn Duplex>>>,
        /// Whether the end of standard input can be told.
        closes: bool,
    },
    /// As streams of SPDY/3.1.
    Plain {
        /// The connection.
        connection: Box<dyn Duplex>,
        /// The streams that were asked for.
        wanted: Wanted,
    },
}

impl Session {
    /// Carries the streams until the process has ended.
    ///
    /// # Errors
    /// [`Failed`] where it ended with another code than 0; why it could not be run; a connection that ended
    /// before it; output that could not be written here.
    pub async fn run(self, flow: Flow<'_>) -> anyhow::Result<()> {
        match self {
            Self::Web { socket, closes } => channel::carry(*socket, closes, flow).await,
            Self::Plain { connection, wanted } => plain::carry(connection, wanted, flow).await,
        }
    }
}

/// Asks for the streams of a process.
///
/// # Errors
/// The server refuses, or speaks none of the protocols.
pub async fn open(client: &Client, call: Call) -> anyhow::Result<Session> {
    if let Some((socket, protocol)) = websocket(client, call.clone(), &PROTOCOLS).await? {
        return Ok(Session::Web { socket: Box::new(socket), closes: protocol == PROTOCOLS[0] });
    }
    let on = |name| call.parameter(name).is_some_and(|value| value == "true");
    let wanted = Wanted { stdin: on("stdin"), stdout: on("stdout"), stderr: on("stderr"), tty: on("tty") };
    Ok(Session::Plain { connection: spdy(client, call, plain::PROTOCOL).await?, wanted })
}

/// Switches to SPDY/3.1, the way of before there were websockets.
async fn spdy(client: &Client, call: Call, protocol: &'static str) -> anyhow::Result<Box<dyn Duplex>> {
    let call = call
        .with_method(Method::POST)
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .header(UPGRADE, HeaderValue::from_static("SPDY/3.1"))
        .header(HeaderName::from_static("x-stream-protocol-version"), HeaderValue::from_static(protocol));
    match client.switch(call).await? {
        Upgrade::Switched(_, stream) => Ok(stream),
        Upgrade::Refused(response) => Err(refusal(response).await),
    }
}

/// Switches to a websocket with one of the protocols, and tells which; none where the server does not
/// switch, whatever it says: it is to say that once more to a request for SPDY, which may be granted.
async fn websocket(
    client: &Client,
    call: Call,
    protocols: &'static [&'static str],
) -> anyhow::Result<Option<(WebSocketStream<Box<dyn Duplex>>, &'static str)>> {
    let key = generate_key();
    let header = |name: &'static str| HeaderName::from_static(name);
    let call = call
        .header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .header(UPGRADE, HeaderValue::from_static("websocket"))
        .header(header("sec-websocket-version"), HeaderValue::from_static("13"))
        .header(header("sec-websocket-key"), HeaderValue::from_str(&key)?)
        .header(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&protocols.join(", "))?);
    let (head, stream) = match client.switch(call).await? {
        Upgrade::Switched(head, stream) => (head, stream),
        Upgrade::Refused(_) => return Ok(None),
    };
    let accepted = head.headers().get("sec-websocket-accept").and_then(|value| value.to_str().ok());
    if accepted != Some(derive_accept_key(key.as_bytes()).as_str()) {
        anyhow::bail!("unable to upgrade connection: the server's answer is that of no websocket");
    }
    let protocol = head.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok()).unwrap_or("");
    let Some(protocol) = protocols.iter().find(|known| **known == protocol) else {
        anyhow::bail!(
            "unable to upgrade connection: invalid protocol, expected one of {protocols:?}, got {protocol:?}"
        );
    };
    // A read gives no more than a TLS record; room for more is only filled with zeros each time. What fills
    // several records goes out at once.
    let config = WebSocketConfig::default().read_buffer_size(32 * 1024).write_buffer_size(48 * 1024);
    Ok(Some((WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await, protocol)))
}

/// Why a server did not switch: its status, else its words.
async fn refusal(response: Response<Body>) -> anyhow::Error {
    let (head, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return anyhow::anyhow!("unable to upgrade connection: unable to read error from server response");
    };
    let body = body.to_bytes();
    let status = serde_json::from_slice(&body).ok().as_ref().and_then(Status::from_object);
    if let Some(status) = status.filter(|status| status.status != "Success") {
        return Status { code: head.status.as_u16(), ..status }.into();
    }
    let text = String::from_utf8_lossy(&body);
    let text = match text.trim() {
        "" if head.status == StatusCode::OK => "the server did not switch protocols",
        "" => head.status.canonical_reason().unwrap_or_default(),
        text => text,
    };
    anyhow::anyhow!("unable to upgrade connection: {text}")
}
