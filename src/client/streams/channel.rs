//! The messages of a session: the first byte of each names its channel.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Flow, Sink, Size, status};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
/// Followed by a channel: that one has ended.
const CLOSE: u8 = 255;

/// How often the server is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);
/// How long it may say nothing at all: a dozen pings, and a moment.
const SILENCE: Duration = Duration::from_secs(61);
/// How long the connection may stay open after the process's end was told.
const FAREWELL: Duration = Duration::from_secs(5);

/// Carries the streams over a websocket until the process has ended.
pub(super) async fn carry<T>(socket: WebSocketStream<T>, closes: bool, flow: Flow<'_>) -> anyhow::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (sink, source) = socket.split();
    let Flow { stdin, stdout, stderr, sizes } = flow;
    // Both ways at once: each side may be too busy writing to read.
    tokio::select! {
        result = receive(source, stdout, stderr) => result,
        () = send(sink, closes, stdin, sizes) => Err(lost()),
    }
}

pub(super) fn lost() -> anyhow::Error {
    anyhow::anyhow!("the connection ended before the command did")
}

async fn receive<T>(
    mut source: SplitStream<WebSocketStream<T>>,
    mut stdout: Sink<'_>,
    mut stderr: Sink<'_>,
) -> anyhow::Result<()>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut end = Vec::new();
    loop {
        let patience = if end.is_empty() { SILENCE } else { FAREWELL };
        let message = match timeout(patience, source.next()).await {
            Ok(message) => message,
            Err(_) if end.is_empty() => {
                anyhow::bail!(
                    "error reading from error stream: next reader: no answer for {} seconds",
                    SILENCE.as_secs()
                )
            }
            Err(_) => break,
        };
        match message {
            Some(Ok(Message::Binary(data))) => match data.split_first() {
                Some((&STDOUT, bytes)) if !bytes.is_empty() => stdout(bytes)?,
                Some((&STDERR, bytes)) if !bytes.is_empty() => stderr(bytes)?,
                Some((&ERROR, bytes)) => end.extend_from_slice(bytes),
                _ => {}
            },
            Some(Ok(Message::Close(frame))) => {
                if let Some(frame) = frame.filter(|frame| frame.code != CloseCode::Normal && end.is_empty()) {
                    anyhow::bail!(
                        "error reading from error stream: next reader: websocket: close {}: {}",
                        u16::from(frame.code),
                        frame.reason
                    );
                }
                break;
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_))) => {}
            Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => break,
            Some(Err(error)) if end.is_empty() => {
                anyhow::bail!("error reading from error stream: next reader: {error}")
            }
            Some(Err(_)) => break,
        }
    }
    if end.is_empty() { Err(lost()) } else { status::read(&end) }
}

/// Ends only where nothing more can be sent and nobody has told the process's end for a while.
async fn send<T>(
    mut sink: SplitSink<WebSocketStream<T>, Message>,
    closes: bool,
    mut stdin: Option<mpsc::Receiver<Bytes>>,
    mut sizes: Option<mpsc::Receiver<Size>>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            piece = next(&mut stdin) => match piece {
                Some(piece) => framed(STDIN, &piece),
                None => {
                    stdin = None;
                    if !closes {
                        continue;
                    }
                    framed(CLOSE, &[STDIN])
                }
            },
            size = next(&mut sizes) => match size {
                Some((width, height)) => framed(RESIZE, format!("{{\"Width\":{width},\"Height\":{height}}}").as_bytes()),
                None => {
                    sizes = None;
                    continue;
                }
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        if sink.send(message).await.is_err() {
            // What has come already, the process's end maybe, is still to be read.
            tokio::time::sleep(FAREWELL).await;
            return;
        }
    }
}

/// The next value; never where there is no channel.
pub(super) async fn next<T>(channel: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match channel {
        Some(channel) => channel.recv().await,
        None => std::future::pending().await,
    }
}

fn framed(channel: u8, bytes: &[u8]) -> Message {
    let mut data = BytesMut::with_capacity(bytes.len() + 1);
    data.put_u8(channel);
    data.put_slice(bytes);
    Message::Binary(data.freeze())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::Write as _;

    use tokio::io::{DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

    use super::super::Failed;
    use super::*;

    const SUCCESS: &[u8] = b"\x03{\"status\":\"Success\"}";

    struct Heard {
        result: Result<(), String>,
        stdout: String,
        stderr: String,
    }

    /// Runs a session against a server that does what `serve` says.
    async fn session<F: Future<Output = ()>>(
        closes: bool,
        input: &[&[u8]],
        serve: impl FnOnce(WebSocketStream<DuplexStream>) -> F,
    ) -> Heard {
        let (ours, theirs) = duplex(1 << 10);
        let client = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let server = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let (sender, stdin) = mpsc::channel(64);
        for piece in input {
            sender.send(Bytes::copy_from_slice(piece)).await.expect("sent");
        }
        drop(sender);
        let (size, sizes) = mpsc::channel(1);
        size.send((80, 24)).await.expect("sent");
        let (stdout, stderr) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
        let flow = Flow {
            stdin: Some(stdin),
            stdout: Box::new(|data| stdout.borrow_mut().write_all(data)),
            stderr: Box::new(|data| stderr.borrow_mut().write_all(data)),
            sizes: Some(sizes),
        };
        let (result, ()) = tokio::join!(carry(client, closes, flow), serve(server));
        let text = |bytes: RefCell<Vec<u8>>| String::from_utf8(bytes.into_inner()).expect("text");
        Heard { result: result.map_err(|error| error.to_string()), stdout: text(stdout), stderr: text(stderr) }
    }

    async fn tell(server: &mut WebSocketStream<DuplexStream>, data: &[u8]) {
        server.send(Message::Binary(Bytes::copy_from_slice(data))).await.expect("sent");
    }

    #[tokio::test]
    async fn carries_both_ways() {
        for closes in [true, false] {
            let heard = session(closes, &[b"one", b"two"], async |mut server| {
                let mut input = Vec::new();
                let mut size = Vec::new();
                let mut closed = !closes;
                // The size comes when it comes, before or after the end of the input.
                while !closed || input != b"onetwo" || size.is_empty() {
                    let Some(Ok(Message::Binary(data))) = server.next().await else { break };
                    match data.split_first() {
                        Some((0, bytes)) => input.extend_from_slice(bytes),
                        Some((4, bytes)) => size = bytes.to_vec(),
                        Some((255, [0])) => closed = true,
                        _ => panic!("{data:?}"),
                    }
                }
                assert_eq!((input.as_slice(), size.as_slice()), (&b"onetwo"[..], &b"{\"Width\":80,\"Height\":24}"[..]));
                tell(&mut server, b"\x01").await;
                tell(&mut server, b"\x02err").await;
                tell(&mut server, b"\x01out").await;
                tell(&mut server, SUCCESS).await;
                // Output may come after the status.
                tell(&mut server, b"\x01put").await;
                server.close(None).await.expect("closed");
            })
            .await;
            assert_eq!((heard.result, heard.stdout.as_str(), heard.stderr.as_str()), (Ok(()), "output", "err"));
        }
    }

    #[tokio::test]
    async fn does_not_stop_reading_while_it_writes() {
        // More than the connection holds in both directions before either side reads.
        let piece = vec![b'x'; 4096];
        let input: Vec<&[u8]> = vec![&piece; 16];
        let heard = session(true, &input, async |mut server| {
            let mut out = vec![1];
            out.extend_from_slice(&piece);
            for _ in 0..16 {
                tell(&mut server, &out).await;
            }
            while let Some(Ok(Message::Binary(data))) = server.next().await {
                if data.first() == Some(&255) {
                    break;
                }
            }
            tell(&mut server, SUCCESS).await;
            server.close(None).await.expect("closed");
        })
        .await;
        assert_eq!((heard.result, heard.stdout.len()), (Ok(()), 16 * 4096));
    }

    #[tokio::test]
    async fn an_end_without_a_status_is_an_error() {
        let heard = session(true, &[], async |mut server| server.close(None).await.expect("closed")).await;
        assert_eq!(heard.result, Err("the connection ended before the command did".to_owned()));
        let heard = session(true, &[], async |server| drop(server)).await;
        assert!(heard.result.is_err_and(|error| error.starts_with("error reading from error stream: next reader: ")));
        let heard = session(true, &[], async |mut server| {
            let frame = CloseFrame { code: CloseCode::Error, reason: "broken".into() };
            server.close(Some(frame)).await.expect("closed");
        })
        .await;
        assert_eq!(
            heard.result,
            Err("error reading from error stream: next reader: websocket: close 1011: broken".to_owned())
        );
    }

    #[tokio::test]
    async fn tells_the_exit_code() {
        let end = br#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#;
        let heard = session(true, &[], async |mut server| {
            tell(&mut server, &[b"\x03", &end[..]].concat()).await;
            // The connection breaks after the end was told.
            drop(server);
        })
        .await;
        assert_eq!(heard.result, Err(Failed(7).to_string()));
    }

    #[tokio::test(start_paused = true)]
    async fn asks_whether_the_server_is_there() {
        let heard = session(true, &[], async |server| {
            // Nothing is read, so nothing is answered.
            tokio::time::sleep(SILENCE * 2).await;
            drop(server);
        })
        .await;
        assert_eq!(
            heard.result,
            Err("error reading from error stream: next reader: no answer for 61 seconds".to_owned())
        );
    }
}
