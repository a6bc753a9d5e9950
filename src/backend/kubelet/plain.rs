//! SPDY/3.1 without a websocket around it, which older clients ask for: switching to it, and the streams of
//! `exec` and `attach` in it (`v4.channel.k8s.io`).

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::access::{Body, refuse};
use super::exec::ExecRequest;
use super::remote::{self, Process};
use crate::object::spdy::{Decoder, Encoder, Frame};
use crate::object::{Object, Status, spdy};

/// The version of the protocol that is spoken.
const PROTOCOL: &str = "v4.channel.k8s.io";
/// The header in which clients offer protocols, and servers choose one.
const VERSION: HeaderName = HeaderName::from_static("x-stream-protocol-version");
/// What a server says that accepts none of them.
const ACCEPTED: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");
/// Bytes read at a time.
const CHUNK: usize = 32 * 1024;
/// How long a client may take to open its streams.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a client may take to close its side.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that speaks SPDY.
pub type Connection = TokioIo<hyper::upgrade::Upgraded>;

/// Whether a request asks for SPDY.
pub fn is_spdy(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"SPDY/3.1"))
}

/// Answers a request for SPDY with a protocol: the response that switches, after which `talk` has the
/// connection.
pub fn switch<B, F, S>(request: &mut Request<B>, protocol: &'static str, talk: S) -> Response<Body>
where
    S: FnOnce(Connection) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let offered = request.headers().get_all(&VERSION).iter().filter_map(|value| value.to_str().ok());
    let offered: Vec<&str> = offered.flat_map(|value| value.split(',').map(str::trim)).collect();
    // Clients from before there were versions name none.
    if !offered.is_empty() && !offered.contains(&protocol) {
        let message = format!(
            "unable to upgrade: unable to negotiate protocol: client supports {offered:?}, server accepts [{protocol}]"
        );
        let mut response = refuse(&Status::failure(403, "Forbidden", message));
        response.headers_mut().insert(ACCEPTED, HeaderValue::from_static(protocol));
        return response;
    }
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            talk(TokioIo::new(upgraded)).await;
        }
    });
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("SPDY/3.1"));
    headers.insert(VERSION, HeaderValue::from_static(protocol));
    response
}

/// Answers a request for the streams of a process, as [`remote::upgrade`] does for websockets.
pub fn upgrade<B, F, S>(request: &mut Request<B>, start: S) -> Response<Body>
where
    S: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Process, String>> + Send + 'static,
{
    let wanted = ExecRequest::parse(request.uri().query().unwrap_or(""));
    switch(request, PROTOCOL, move |connection| serve(connection, wanted, start))
}

/// The client's streams, by their numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Streams {
    error: Option<u32>,
    stdin: Option<u32>,
    stdout: Option<u32>,
    stderr: Option<u32>,
    resize: Option<u32>,
}

impl Streams {
    fn open(&mut self, kind: &str, stream: u32) -> bool {
        let slot = match kind {
            "error" => &mut self.error,
            "stdin" => &mut self.stdin,
            "stdout" => &mut self.stdout,
            "stderr" => &mut self.stderr,
            "resize" => &mut self.resize,
            _ => return false,
        };
        slot.replace(stream).is_none()
    }

    fn is_complete(&self, wanted: &ExecRequest) -> bool {
        self.error.is_some()
            && (!wanted.stdin || self.stdin.is_some())
            && (!wanted.stdout || self.stdout.is_some())
            && (!wanted.stderr || wanted.tty || self.stderr.is_some())
            && (!wanted.tty || self.resize.is_some())
    }
}

/// Reads frames.
struct Frames<T> {
    reader: ReadHalf<T>,
    decoder: Decoder,
    buffer: BytesMut,
}

impl<T: AsyncRead + AsyncWrite> Frames<T> {
    /// The next frame; none at the end, and where it makes no sense.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame().ok()? {
                return Some(frame);
            }
            self.buffer.reserve(CHUNK);
            self.reader.read_buf(&mut self.buffer).await.ok().filter(|count| *count > 0)?;
            self.decoder.feed(self.buffer.split().freeze());
        }
    }
}

/// Carries the streams of a process until it has ended, then says how.
pub async fn serve<T, F>(connection: T, wanted: ExecRequest, start: impl FnOnce() -> F)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = Result<Process, String>>,
{
    let (reader, mut writer) = tokio::io::split(connection);
    let mut source = Frames { reader, decoder: Decoder::default(), buffer: BytesMut::new() };
    let (frames, mut outgoing) = mpsc::channel::<Frame>(16);
    let sending = tokio::spawn(async move {
        let mut encoder = Encoder::default();
        while let Some(frame) = outgoing.recv().await {
            if writer.write_all(&encoder.encode(&frame)).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    });
    let opened = timeout(PATIENCE, open(&mut source, &frames, &wanted)).await;
    if let Ok(Some((streams, early))) = opened {
        carry(&mut source, &frames, streams, early, start().await).await;
    }
    drop(frames);
    let _ = timeout(FAREWELL, sending).await;
}

/// Waits until the client has opened its streams; what it has sent by then comes along.
async fn open<T: AsyncRead + AsyncWrite>(
    source: &mut Frames<T>,
    frames: &mpsc::Sender<Frame>,
    wanted: &ExecRequest,
) -> Option<(Streams, Vec<Frame>)> {
    let (mut streams, mut early) = (Streams::default(), Vec::new());
    while !streams.is_complete(wanted) {
        match source.next().await? {
            Frame::Open { stream, headers, .. } => {
                let kind = headers.iter().find(|(name, _)| name == spdy::STREAM_TYPE).map_or("", |(_, kind)| kind);
                let answer = match streams.open(kind, stream) {
                    true => Frame::Reply { stream, headers: Vec::new(), fin: false },
                    false => Frame::Reset { stream, status: spdy::CANCEL },
                };
                frames.send(answer).await.ok()?;
            }
            Frame::Ping(id) => frames.send(Frame::Ping(id)).await.ok()?,
            // Before its streams are open a client sends little.
            frame @ Frame::Data { .. } if early.len() < 64 => early.push(frame),
            Frame::GoAway | Frame::Data { .. } => return None,
            Frame::Reply { .. } | Frame::Reset { .. } => {}
        }
    }
    Some((streams, early))
}

async fn carry<T: AsyncRead + AsyncWrite>(
    source: &mut Frames<T>,
    frames: &mpsc::Sender<Frame>,
    streams: Streams,
    early: Vec<Frame>,
    process: Result<Process, String>,
) {
    let end = |stream: u32, data: Bytes| Frame::Data { stream, data, fin: true };
    let last = async |status: Object| {
        if let Some(stream) = streams.error {
            let _ = frames.send(end(stream, status.to_string().into())).await;
        }
        for stream in [streams.stdout, streams.stderr].into_iter().flatten() {
            let _ = frames.send(end(stream, Bytes::new())).await;
        }
    };
    let mut process = match process {
        Ok(process) => process,
        Err(error) => {
            last(remote::internal(&error)).await;
            let _ =
                timeout(FAREWELL, async { while !matches!(source.next().await, Some(Frame::GoAway) | None) {} }).await;
            return;
        }
    };
    let (output, outputs) = mpsc::channel::<Frame>(8);
    for (stream, from) in [(streams.stdout, process.stdout.take()), (streams.stderr, process.stderr.take())] {
        if let (Some(stream), Some(from)) = (stream, from) {
            tokio::spawn(read(from, stream, output.clone()));
        }
    }
    drop(output);
    let mut input = process.stdin.take().map(|to| {
        let (sender, receiver) = mpsc::channel::<Bytes>(8);
        tokio::spawn(remote::write(to, receiver));
        sender
    });
    let (tell, told) = oneshot::channel();
    // Both ways at once: a process may have to be read before it reads.
    let saying = async {
        let sink = futures_util::sink::unfold((), async |(), frame| frames.send(frame).await);
        if let Some(status) = remote::pump(outputs, told, &mut std::pin::pin!(sink)).await {
            last(status).await;
        }
    };
    let resize = process.resize.as_deref();
    let hearing = async {
        for frame in early {
            receive(frame, &streams, &mut input, resize, frames).await;
        }
        loop {
            match source.next().await {
                Some(Frame::GoAway) | None => return,
                Some(frame) => receive(frame, &streams, &mut input, resize, frames).await,
            }
        }
    };
    remote::finish(saying, hearing, process.end, &process.command, tell).await;
}

async fn receive(
    frame: Frame,
    streams: &Streams,
    input: &mut Option<mpsc::Sender<Bytes>>,
    resize: Option<&(dyn Fn(u16, u16) + Send + Sync)>,
    frames: &mpsc::Sender<Frame>,
) {
    match frame {
        Frame::Data { stream, data, fin } if Some(stream) == streams.stdin => {
            if let Some(sender) = input.as_ref().filter(|_| !data.is_empty())
                && sender.send(data).await.is_err()
            {
                *input = None;
            }
            if fin {
                *input = None;
            }
        }
        Frame::Reset { stream, .. } if Some(stream) == streams.stdin => *input = None,
        Frame::Data { stream, data, .. } if Some(stream) == streams.resize => {
            // Sizes come as lines, several at once maybe; the last counts.
            let last = data.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
            if let (Some(resize), Some(line)) = (resize, last) {
                remote::resize(resize, line);
            }
        }
        Frame::Ping(id) => drop(frames.send(Frame::Ping(id)).await),
        Frame::Open { stream, .. } => drop(frames.send(Frame::Reset { stream, status: spdy::CANCEL }).await),
        _ => {}
    }
}

async fn read(mut from: Box<dyn AsyncRead + Send + Unpin>, stream: u32, output: mpsc::Sender<Frame>) {
    let mut buffer = vec![0; CHUNK];
    // The end of a terminal is an error.
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let data = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
        if output.send(Frame::Data { stream, data, fin: false }).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// A process that writes what it reads in capitals and ends with its input.
    fn capitals(code: i32) -> Process {
        let (stdin, mut input) = duplex(64);
        let (mut output, stdout) = duplex(64);
        let end = async move {
            let mut text = String::new();
            input.read_to_string(&mut text).await.map_err(|error| error.to_string())?;
            output.write_all(text.to_uppercase().as_bytes()).await.map_err(|error| error.to_string())?;
            Ok(code)
        };
        Process {
            stdin: Some(Box::new(stdin)),
            stdout: Some(Box::new(stdout)),
            stderr: None,
            resize: None,
            end: Box::pin(end),
            command: vec!["tr".into()],
        }
    }

    /// What each of the client's streams gets: error, input, output.
    async fn talk(process: Result<Process, String>) -> [String; 3] {
        let (server, client) = duplex(1 << 10);
        let wanted = ExecRequest { stdin: true, stdout: true, ..ExecRequest::default() };
        tokio::spawn(serve(server, wanted, || std::future::ready(process)));
        let (reader, mut writer) = tokio::io::split(client);
        let mut source = Frames { reader, decoder: Decoder::default(), buffer: BytesMut::new() };
        let mut encoder = Encoder::default();
        let open = |stream: u32, kind: &str| Frame::Open {
            stream,
            headers: vec![(spdy::STREAM_TYPE.to_owned(), kind.to_owned())],
            fin: false,
        };
        for frame in [
            Frame::Ping(9),
            open(1, "error"),
            open(3, "stdin"),
            // What comes before all streams are open is not lost.
            Frame::Data { stream: 3, data: "hello ".into(), fin: false },
            open(5, "stdout"),
            open(7, "nosuch"),
            Frame::Data { stream: 3, data: "there".into(), fin: true },
        ] {
            writer.write_all(&encoder.encode(&frame)).await.expect("sent");
        }
        let (mut got, mut accepted) = ([String::new(), String::new(), String::new()], Vec::new());
        let mut ended = Vec::new();
        while ended.len() < 2 {
            match source.next().await.expect("a frame") {
                Frame::Reply { stream, .. } => accepted.push(stream),
                Frame::Data { stream, data, fin } => {
                    got[usize::try_from(stream / 2).expect("a number")].push_str(&String::from_utf8_lossy(&data));
                    ended.extend(fin.then_some(stream));
                }
                Frame::Ping(id) => assert_eq!(id, 9),
                Frame::Reset { stream, .. } => assert_eq!(stream, 7),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(accepted, [1, 3, 5]);
        got
    }

    #[tokio::test]
    async fn carries_streams_and_the_end() {
        assert_eq!(
            talk(Ok(capitals(0))).await,
            [r#"{"metadata":{},"status":"Success"}"#.to_owned(), String::new(), "HELLO THERE".to_owned()]
        );
        let [error, _, output] = talk(Ok(capitals(3))).await;
        assert!(error.contains("NonZeroExitCode") && error.contains(r#""message":"3""#), "{error}");
        assert_eq!(output, "HELLO THERE");
        let [error, _, output] = talk(Err("no such thing".into())).await;
        assert!(error.contains("no such thing") && output.is_empty(), "{error}");
    }
}
