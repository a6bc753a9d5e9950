//! The streams of `exec` and `attach` over a websocket: the server's side of the subprotocols
//! `v5.channel.k8s.io` and `v4.channel.k8s.io`.
//!
//! Every binary message begins with the number of its channel: 0 standard input, 1 output, 2 error
//! output, 3 the final status as JSON, 4 the terminal's size as JSON. Version 5 adds the message
//! `255, CHANNEL`, which closes a channel: so a command sees the end of its input.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Sink, SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::access::{Body, refuse};
use super::plain;
use crate::object::{Meta, Object, Status};

/// The subprotocols, best first.
const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/// How many bytes go into one message at most.
const CHUNK: usize = 32 * 1024;
/// How long a client may take to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;

/// A process (or what stands for one) and its streams.
pub struct Process {
    /// Its standard input.
    pub stdin: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Its output; with a terminal, all of it.
    pub stdout: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Its error output.
    pub stderr: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Sets the size of its terminal: columns and rows.
    pub resize: Option<Box<dyn Fn(u16, u16) + Send + Sync>>,
    /// Its end: the exit code, or why it could not run.
    pub end: Pin<Box<dyn Future<Output = Result<i32, String>> + Send>>,
    /// The command, for the final status.
    pub command: Vec<String>,
}

/// Whether a request asks for a websocket.
pub fn is_websocket(headers: &HeaderMap) -> bool {
    let has = |name, token: &str| {
        headers.get_all(name).iter().any(|value: &HeaderValue| {
            value.to_str().is_ok_and(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
        })
    };
    has(CONNECTION, "upgrade") && has(UPGRADE, "websocket") && headers.contains_key(SEC_WEBSOCKET_KEY)
}

/// Answers a request for the streams of a process: the response that switches protocols, after which
/// `start` is asked for the process and the streams flow until its end.
pub fn upgrade<B, F, S>(request: &mut Request<B>, start: S) -> Response<Body>
where
    S: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Process, String>> + Send + 'static,
{
    if plain::is_spdy(request.headers()) {
        return plain::upgrade(request, start);
    }
    switch(request, &PROTOCOLS, |socket, protocol| async move {
        let process = start().await;
        serve(socket, protocol == PROTOCOLS[0], process).await;
    })
}

/// The protocols that a client offers to speak over a websocket.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim))
}

/// Whether a client offers to speak a protocol over a websocket.
pub fn offers(headers: &HeaderMap, protocol: &str) -> bool {
    offered(headers).any(|offer| offer == protocol)
}

/// A websocket of a client.
pub type Socket = WebSocketStream<hyper_util::rt::TokioIo<hyper::upgrade::Upgraded>>;

/// Answers a request for a websocket with one of the protocols: the response that switches, after which
/// `talk` has the connection.
pub fn switch<B, F, S>(request: &mut Request<B>, protocols: &'static [&'static str], talk: S) -> Response<Body>
where
    S: FnOnce(Socket, &'static str) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    if !is_websocket(request.headers()) {
        return refuse(&Status::bad_request(format!(
            "Upgrade request required: the bundled cluster streams over websockets ({})",
            protocols.join(", ")
        )));
    }
    let offered: Vec<String> = offered(request.headers()).map(str::to_owned).collect();
    let Some(protocol) = protocols.iter().copied().find(|known| offered.iter().any(|offer| offer == known)) else {
        return refuse(&Status::failure(
            403,
            "Forbidden",
            format!(
                "unable to upgrade: unable to negotiate protocol: client supports [{}], server accepts [{}]",
                offered.join(" "),
                protocols.join(" ")
            ),
        ));
    };
    let accept =
        request.headers().get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes())).unwrap_or_default();
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let io = hyper_util::rt::TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        talk(socket, protocol).await;
    });
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// Carries the streams of a process over a websocket until it has ended, then says how.
pub async fn serve<T>(socket: WebSocketStream<T>, closes: bool, process: Result<Process, String>)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sink, mut source) = socket.split();
    let mut process = match process {
        Ok(process) => process,
        Err(error) => {
            let _ = sink.send(framed(ERROR, internal(&error).to_string().as_bytes())).await;
            let _ = sink.send(farewell()).await;
            return;
        }
    };
    // An empty message tells the client that the streams are open.
    let first = [(STDOUT, process.stdout.is_some()), (STDERR, process.stderr.is_some()), (ERROR, true)];
    let opening = first.iter().find(|(_, open)| *open).map_or(ERROR, |(channel, _)| *channel);
    if sink.send(framed(opening, &[])).await.is_err() {
        return;
    }
    let (output, outputs) = mpsc::channel::<Message>(8);
    for (channel, stream) in [(STDOUT, process.stdout.take()), (STDERR, process.stderr.take())] {
        if let Some(stream) = stream {
            tokio::spawn(read(stream, channel, output.clone()));
        }
    }
    drop(output);
    let mut input = process.stdin.take().map(|stream| {
        let (sender, receiver) = mpsc::channel::<Bytes>(8);
        tokio::spawn(write(stream, receiver));
        sender
    });
    let (tell, told) = oneshot::channel::<Object>();
    // Both ways at once: a process may have to be read before it reads.
    let saying = async {
        if let Some(status) = pump(outputs, told, &mut sink).await {
            let _ = sink.send(framed(ERROR, status.to_string().as_bytes())).await;
            let _ = sink.send(farewell()).await;
        }
    };
    let resize = process.resize.as_deref();
    let hearing = async {
        loop {
            match source.next().await {
                // Some clients send what they take for text as text.
                Some(Ok(message @ (Message::Binary(_) | Message::Text(_)))) => {
                    receive(&message.into_data(), closes, &mut input, resize).await;
                }
                // Pings are answered by the library, on the way.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            }
        }
    };
    finish(saying, hearing, process.end, &process.command, tell).await;
}

/// Waits for the end of a process while its streams flow, and then until that is told. Where the client is
/// gone before, the process goes with it.
pub(super) async fn finish(
    saying: impl Future<Output = ()>,
    hearing: impl Future<Output = ()>,
    end: impl Future<Output = Result<i32, String>>,
    command: &[String],
    tell: oneshot::Sender<Object>,
) {
    let (mut saying, mut hearing) = (std::pin::pin!(saying), std::pin::pin!(hearing));
    let result = tokio::select! {
        result = end => result,
        () = &mut saying => return,
        () = &mut hearing => return,
    };
    let _ = tell.send(match result {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => exit_status(command, code),
        Err(error) => internal(&error),
    });
    tokio::select! {
        () = &mut saying => {}
        () = &mut hearing => return,
    }
    // What the client still sends is read until it closes, so that nothing is lost by a reset.
    let _ = tokio::time::timeout(FAREWELL, hearing).await;
}

/// Passes output on until the process has ended, and hands out how; none where nobody takes it any more.
/// What is on its way by then still goes.
pub(super) async fn pump<M>(
    mut outputs: mpsc::Receiver<M>,
    mut told: oneshot::Receiver<Object>,
    sink: &mut (impl Sink<M> + Unpin),
) -> Option<Object> {
    let status = loop {
        tokio::select! {
            biased;
            message = outputs.recv() => match message {
                Some(message) => sink.send(message).await.ok()?,
                None => return told.await.ok(),
            },
            status = &mut told => break status.ok()?,
        }
    };
    // A process may leave children behind that hold its output open; they are not waited for long.
    let mut patience = Duration::from_millis(200);
    loop {
        let begun = Instant::now();
        let Ok(Some(message)) = tokio::time::timeout(patience, outputs.recv()).await else { return Some(status) };
        patience = patience.saturating_sub(begun.elapsed());
        sink.send(message).await.ok()?;
    }
}

async fn receive(
    data: &[u8],
    closes: bool,
    input: &mut Option<mpsc::Sender<Bytes>>,
    resize: Option<&(dyn Fn(u16, u16) + Send + Sync)>,
) {
    match data.split_first() {
        Some((&STDIN, bytes)) if !bytes.is_empty() => {
            if let Some(sender) = input
                && sender.send(Bytes::copy_from_slice(bytes)).await.is_err()
            {
                *input = None;
            }
        }
        Some((&CLOSE, [STDIN])) if closes => *input = None,
        Some((&RESIZE, bytes)) => {
            if let Some(set) = resize {
                self::resize(set, bytes);
            }
        }
        _ => {}
    }
}

/// Sets a terminal's size as the client tells it: `{"Width":80,"Height":24}`.
pub(super) fn resize(set: &(dyn Fn(u16, u16) + Send + Sync), text: &[u8]) {
    let Ok(size) = serde_json::from_slice::<Object>(text) else { return };
    let number = |name: &str| size.int_at(&[name]).and_then(|value| u16::try_from(value).ok());
    if let (Some(width), Some(height)) = (number("Width"), number("Height")) {
        set(width, height);
    }
}

/// The end of the connection, as it should be: clients take one without a code for an error.
fn farewell() -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))
}

fn framed(channel: u8, bytes: &[u8]) -> Message {
    let mut data = BytesMut::with_capacity(bytes.len() + 1);
    data.put_u8(channel);
    data.put_slice(bytes);
    Message::Binary(data.freeze())
}

async fn read(mut stream: Box<dyn AsyncRead + Send + Unpin>, channel: u8, output: mpsc::Sender<Message>) {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer).await {
            // The end of a terminal is an error.
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                if output.send(framed(channel, bytes)).await.is_err() {
                    return;
                }
            }
        }
    }
}

pub(super) async fn write(mut stream: Box<dyn AsyncWrite + Send + Unpin>, mut input: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = input.recv().await {
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

pub(super) fn exit_status(command: &[String], code: i32) -> Object {
    let command = command.join(" ");
    json!({
        "metadata": {},
        "status": "Failure",
        "message": format!("command terminated with non-zero exit code: error executing command [{command}], exit code {code}"),
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}

pub(super) fn internal(error: &str) -> Object {
    let message = format!("error executing command in container: {error}");
    json!({
        "metadata": {},
        "status": "Failure",
        "message": format!("Internal error occurred: {message}"),
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::io::duplex;

    /// A process that writes what it reads in capitals and ends with its input.
    fn capitals(code: i32, sizes: Arc<Mutex<Vec<(u16, u16)>>>) -> Process {
        let (stdin, mut input) = duplex(64);
        let (mut output, stdout) = duplex(64);
        let (mut errors, stderr) = duplex(64);
        let end = async move {
            let mut text = String::new();
            errors.write_all(b"started").await.map_err(|error| error.to_string())?;
            drop(errors);
            input.read_to_string(&mut text).await.map_err(|error| error.to_string())?;
            output.write_all(text.to_uppercase().as_bytes()).await.map_err(|error| error.to_string())?;
            Ok(code)
        };
        Process {
            stdin: Some(Box::new(stdin)),
            stdout: Some(Box::new(stdout)),
            stderr: Some(Box::new(stderr)),
            resize: Some(Box::new(move |width, height| sizes.lock().unwrap().push((width, height)))),
            end: Box::pin(end),
            command: vec!["tr".into()],
        }
    }

    async fn talk(closes: bool, process: Result<Process, String>, sent: Vec<Vec<u8>>) -> Vec<(u8, String)> {
        let (server, client) = duplex(1 << 16);
        let server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
        tokio::spawn(serve(server, closes, process));
        client.send(Message::Ping(Bytes::from_static(b"x"))).await.expect("sent");
        for message in sent {
            client.send(Message::Binary(message.into())).await.expect("sent");
        }
        let mut received: Vec<(u8, String)> = Vec::new();
        let mut code = None;
        while let Some(Ok(message)) = client.next().await {
            match message {
                Message::Binary(data) => {
                    let (channel, text) = data.split_first().expect("a channel");
                    received.push((*channel, String::from_utf8_lossy(text).into_owned()));
                }
                Message::Close(frame) => code = frame.map(|frame| frame.code),
                _ => {}
            }
        }
        assert_eq!(code, Some(CloseCode::Normal));
        received
    }

    #[tokio::test]
    async fn carries_streams_and_the_end() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let sent =
            vec![b"\0hello ".to_vec(), b"\x04{\"Width\":80,\"Height\":24}".to_vec(), b"\0there".to_vec(), vec![255, 0]];
        let mut received = talk(true, Ok(capitals(0, Arc::clone(&sizes))), sent.clone()).await;
        assert_eq!(received.remove(0), (1, String::new()));
        assert_eq!(received.last(), Some(&(3, r#"{"metadata":{},"status":"Success"}"#.to_owned())));
        received.pop();
        received.sort();
        assert_eq!(received, [(1, "HELLO THERE".to_owned()), (2, "started".to_owned())]);
        assert_eq!(*sizes.lock().unwrap(), [(80, 24)]);

        let received = talk(true, Ok(capitals(3, sizes)), sent).await;
        let (channel, status) = received.last().expect("a status");
        let status: Object = serde_json::from_str(status).expect("JSON");
        assert_eq!(*channel, 3);
        assert_eq!(status["reason"], "NonZeroExitCode");
        assert_eq!(status["details"]["causes"][0], json!({"reason": "ExitCode", "message": "3"}));
    }

    #[tokio::test]
    async fn an_error_is_a_status() {
        let received = talk(true, Err("no sandbox".into()), Vec::new()).await;
        let status: Object = serde_json::from_str(&received[0].1).expect("JSON");
        assert_eq!(status["message"], "Internal error occurred: error executing command in container: no sandbox");
    }

    #[tokio::test]
    async fn refuses_what_it_does_not_speak() {
        let mut plain = Request::builder().uri("/").body(()).expect("a request");
        assert_eq!(upgrade(&mut plain, || async { Err(String::new()) }).status(), 400);
        let mut old = Request::builder()
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-protocol", "channel.k8s.io")
            .body(())
            .expect("a request");
        assert_eq!(upgrade(&mut old, || async { Err(String::new()) }).status(), 403);
        old.headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static("v4.channel.k8s.io, v5.channel.k8s.io"));
        let response = upgrade(&mut old, || async { Err(String::new()) });
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-protocol"], "v5.channel.k8s.io");
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
