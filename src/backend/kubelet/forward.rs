//! Port forwarding, the server's side: each connection is a pair of SPDY streams in one websocket, one that
//! carries it and one that tells why it failed.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::object::spdy::{self, Decoder, Encoder, Frame};

/// The protocol where SPDY is spoken without a websocket around it.
pub const PLAIN: &str = "portforward.k8s.io";
/// Bytes read from a port at a time.
const CHUNK: usize = 32 * 1024;
/// How many streams are open at most.
const MOST: usize = 2048;

/// The streams of one connection, as they are opened.
#[derive(Default)]
struct Pair {
    data: Option<(u32, mpsc::Receiver<Bytes>)>,
    error: Option<u32>,
}

/// Serves a websocket until it ends; `connect` opens a port.
pub async fn serve<T>(socket: WebSocketStream<T>, connect: impl Fn(u16) -> Result<DuplexStream, String>)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sink, source) = socket.split();
    let sink = sink.with(|bytes: Bytes| std::future::ready(Ok::<_, tungstenite::Error>(Message::Binary(bytes))));
    // Pings are answered by the library, on the way.
    let source = source.take_while(|message| std::future::ready(!matches!(message, Ok(Message::Close(_)) | Err(_))));
    let source = source.filter_map(|message| {
        std::future::ready(match message {
            Ok(Message::Binary(bytes)) => Some(bytes),
            _ => None,
        })
    });
    carry(sink, source, connect).await;
}

/// Serves a connection that speaks SPDY itself.
pub async fn serve_plain<T>(connection: T, connect: impl Fn(u16) -> Result<DuplexStream, String>)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (reader, writer) = tokio::io::split(connection);
    let sink = futures_util::sink::unfold(writer, async |mut writer, bytes: Bytes| {
        writer.write_all(&bytes).await?;
        writer.flush().await?;
        Ok::<_, std::io::Error>(writer)
    });
    let source = futures_util::stream::unfold((reader, BytesMut::new()), async |(mut reader, mut buffer)| {
        buffer.reserve(CHUNK);
        reader.read_buf(&mut buffer).await.ok().filter(|count| *count > 0)?;
        Some((buffer.split().freeze(), (reader, buffer)))
    });
    carry(sink, source, connect).await;
}

async fn carry(
    sink: impl Sink<Bytes> + Send + 'static,
    source: impl Stream<Item = Bytes> + Send,
    connect: impl Fn(u16) -> Result<DuplexStream, String>,
) {
    let (frames, mut outgoing) = mpsc::channel::<Frame>(16);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let mut sink = std::pin::pin!(sink);
        let mut encoder = Encoder::default();
        while let Some(frame) = outgoing.recv().await {
            if sink.send(encoder.encode(&frame)).await.is_err() {
                return;
            }
        }
    });
    let mut source = std::pin::pin!(source);
    let mut decoder = Decoder::default();
    let mut inputs: HashMap<u32, mpsc::Sender<Bytes>> = HashMap::new();
    let mut pairs: HashMap<(String, u16), Pair> = HashMap::new();
    while let Some(data) = source.next().await {
        decoder.feed(data);
        loop {
            let frame = match decoder.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => return,
            };
            let answer = match frame {
                Frame::Open { stream, headers, .. } => {
                    let header =
                        |name: &str| headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value);
                    let (Ok(port), kind) = (header(spdy::PORT).parse::<u16>(), header(spdy::STREAM_TYPE)) else {
                        let _ = frames.send(Frame::Reset { stream, status: spdy::CANCEL }).await;
                        continue;
                    };
                    if inputs.len() >= MOST || pairs.len() >= MOST || inputs.contains_key(&stream) {
                        let _ = frames.send(Frame::Reset { stream, status: spdy::CANCEL }).await;
                        continue;
                    }
                    let key = (header(spdy::REQUEST_ID).to_owned(), port);
                    let mut pair = pairs.remove(&key).unwrap_or_default();
                    if kind == spdy::ERROR {
                        pair.error = Some(stream);
                    } else {
                        let (sender, receiver) = mpsc::channel(16);
                        inputs.retain(|_, sender| !sender.is_closed());
                        inputs.insert(stream, sender);
                        pair.data = Some((stream, receiver));
                    }
                    if frames.send(Frame::Reply { stream, headers: Vec::new(), fin: false }).await.is_err() {
                        return;
                    }
                    match pair {
                        Pair { data: Some((stream, input)), error: Some(error) } => {
                            tasks.spawn(connection(connect(port), stream, error, input, frames.clone()));
                        }
                        pair => {
                            pairs.insert(key, pair);
                        }
                    }
                    continue;
                }
                Frame::Data { stream, data, fin } => {
                    if let Some(input) = inputs.get(&stream)
                        && !data.is_empty()
                    {
                        let _ = input.send(data).await;
                    }
                    if fin {
                        inputs.remove(&stream);
                    }
                    continue;
                }
                Frame::Reset { stream, .. } => {
                    inputs.remove(&stream);
                    continue;
                }
                Frame::Ping(id) => Frame::Ping(id),
                Frame::GoAway => return,
                Frame::Reply { .. } => continue,
            };
            if frames.send(answer).await.is_err() {
                return;
            }
        }
    }
}

/// Carries one connection.
async fn connection(
    port: Result<DuplexStream, String>,
    stream: u32,
    error: u32,
    mut input: mpsc::Receiver<Bytes>,
    frames: mpsc::Sender<Frame>,
) {
    let said = match port {
        Err(said) => said,
        Ok(port) => {
            let (mut reader, mut writer) = tokio::io::split(port);
            let up = async {
                while let Some(data) = input.recv().await {
                    if writer.write_all(&data).await.is_err() {
                        break;
                    }
                }
                let _ = writer.shutdown().await;
                std::future::pending::<()>().await;
            };
            let down = async {
                let mut buffer = vec![0; CHUNK];
                while let Ok(count @ 1..) = reader.read(&mut buffer).await {
                    let data = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                    if frames.send(Frame::Data { stream, data, fin: false }).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! {
                () = up => {}
                () = down => {}
            }
            String::new()
        }
    };
    let _ = frames.send(Frame::Data { stream: error, data: said.into(), fin: true }).await;
    let _ = frames.send(Frame::Data { stream, data: Bytes::new(), fin: true }).await;
}
