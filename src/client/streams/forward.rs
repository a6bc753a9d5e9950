//! Port forwarding, the client's side: all connections to a pod's ports over one websocket (or, where the
//! server speaks none, over one SPDY connection), each as a pair of SPDY streams, one that carries it and one that tells why it failed.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::websocket;
use crate::client::Client;
use crate::client::request::Call;
use crate::client::transport::Duplex;
use crate::object::spdy::{self, Decoder, Encoder, Frame, HEAD, data_frame};

/// Bytes read from a connection at a time: with what is put before them, as many as TLS takes at once.
const CHUNK: usize = 64 * 1024 - 64;
/// Pieces that are written to a connection at a time, at most.
const PIECES: usize = 16;
/// What has come for a connection that takes nothing, in pieces of at most [`CHUNK`]; beyond that all wait
/// for it, for this protocol cannot hold back one stream alone.
const WAITING: usize = 128;
/// How often the server is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);
/// How long the server may take to accept a stream, and to say why a connection failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// The protocol where SPDY is spoken without a websocket around it.
const PLAIN: &str = "portforward.k8s.io";

type Socket = WebSocketStream<Box<dyn Duplex>>;
type Table = Arc<Mutex<HashMap<u32, mpsc::Sender<Event>>>>;

/// What happens to a stream.
enum Event {
    Accepted,
    Data(Bytes),
    End,
}

/// What is to be sent.
enum Outgoing {
    /// To be encoded.
    Frame(Frame),
    /// A frame's bytes.
    Encoded(Bytes),
}

impl Outgoing {
    fn encoded(self, encoder: &mut Encoder) -> Bytes {
        match self {
            Self::Frame(frame) => encoder.encode(&frame),
            Self::Encoded(bytes) => bytes,
        }
    }
}

/// The way to a pod's ports.
pub struct Tunnel {
    frames: mpsc::Sender<Outgoing>,
    table: Table,
    /// The next stream, and the next pair of them; held while a pair is opened, for their order counts.
    next: tokio::sync::Mutex<(u32, u32)>,
    lost: watch::Receiver<bool>,
    _tasks: JoinSet<()>,
}

impl Tunnel {
    /// Opens the way.
    ///
    /// # Errors
    /// The server refuses, or does not speak the protocol.
    pub async fn open(client: &Client, call: Call) -> anyhow::Result<Self> {
        let (frames, outgoing) = mpsc::channel(16);
        let (gone, lost) = watch::channel(false);
        let table = Table::default();
        let mut tasks = JoinSet::new();
        let way = if let Some((socket, _)) = websocket(client, call.clone(), &[spdy::PORT_FORWARD]).await? {
            let (sink, source) = socket.split();
            tasks.spawn(send(sink, outgoing));
            Way::Web(source)
        } else {
            let (reader, writer) = tokio::io::split(super::spdy(client, call, PLAIN).await?);
            tasks.spawn(write(writer, outgoing));
            Way::Plain(reader, BytesMut::new())
        };
        let (own, answers) = (Arc::clone(&table), frames.clone());
        tasks.spawn(async move {
            receive(way, &own, &answers).await;
            own.lock().unwrap_or_else(PoisonError::into_inner).clear();
            let _ = gone.send(true);
        });
        Ok(Self { frames, table, next: tokio::sync::Mutex::new((1, 0)), lost, _tasks: tasks })
    }

    /// Waits until the way is lost.
    pub async fn lost(&self) {
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }

    /// Carries a connection to a port of the pod until it ends.
    ///
    /// # Errors
    /// Why it failed, in the server's words or ours.
    pub async fn forward(&self, local: impl AsyncRead + AsyncWrite, port: u16) -> Result<(), String> {
        let gone = || "the connection to the pod is lost".to_owned();
        let (mut errors, mut data) = self.pair(port).await.ok_or_else(gone)?;
        if !(errors.accepted().await && data.accepted().await) {
            return Err("the server does not accept the connection".to_owned());
        }
        // Nothing is said on the stream for errors from here.
        self.send(errors.end()).await.ok_or_else(gone)?;
        let (mut reader, mut writer) = tokio::io::split(local);
        let stream = data.id;
        let up = async {
            loop {
                let mut buffer = BytesMut::with_capacity(HEAD + CHUNK);
                buffer.extend_from_slice(&[0; HEAD]);
                let frame = match reader.read_buf(&mut buffer).await? {
                    0 => Outgoing::Frame(Frame::Data { stream, data: Bytes::new(), fin: true }),
                    _ => Outgoing::Encoded(data_frame(stream, buffer)),
                };
                let is_last = matches!(frame, Outgoing::Frame(_));
                if self.frames.send(frame).await.is_err() || is_last {
                    // The pod may have more to say.
                    std::future::pending::<()>().await;
                }
            }
        };
        let down = async {
            let (mut events, mut pieces) = (Vec::with_capacity(PIECES), Vec::with_capacity(PIECES));
            let mut ended = false;
            while !ended {
                // All that has come by now is written together.
                ended = data.events.recv_many(&mut events, PIECES).await == 0;
                for event in events.drain(..) {
                    match event {
                        Event::Data(bytes) if !ended => pieces.push(bytes),
                        _ => ended = true,
                    }
                }
                write_all(&mut writer, &mut pieces).await?;
            }
            writer.shutdown().await
        };
        let _: Result<(), std::io::Error> = tokio::select! {
            result = up => result,
            result = down => result,
        };
        // What the pod still sends is not wanted any more, and must not stand in the way.
        drop(data);
        self.send(Frame::Reset { stream, status: spdy::CANCEL }).await;
        let mut said = Vec::new();
        let all = async {
            while let Some(Event::Data(bytes)) = errors.events.recv().await {
                said.extend_from_slice(&bytes);
            }
        };
        let _ = timeout(PATIENCE, all).await;
        if said.is_empty() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
    }

    /// Opens the two streams of a connection: the one for errors, and the one that carries it.
    async fn pair(&self, port: u16) -> Option<(Stream, Stream)> {
        let mut next = self.next.lock().await;
        let (stream, request) = *next;
        *next = (stream.checked_add(4)?, request.checked_add(1)?);
        let open = |stream: u32, kind: &str| {
            let headers = [
                (spdy::STREAM_TYPE, kind.to_owned()),
                (spdy::PORT, port.to_string()),
                (spdy::REQUEST_ID, request.to_string()),
            ];
            Frame::Open { stream, headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(), fin: false }
        };
        let errors = self.listen(stream);
        let data = self.listen(stream.checked_add(2)?);
        self.send(open(errors.id, spdy::ERROR)).await?;
        self.send(open(data.id, spdy::DATA)).await?;
        Some((errors, data))
    }

    async fn send(&self, frame: Frame) -> Option<()> {
        self.frames.send(Outgoing::Frame(frame)).await.ok()
    }

    fn listen(&self, id: u32) -> Stream {
        let (sender, events) = mpsc::channel(WAITING);
        self.table.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        Stream { id, events, table: Arc::clone(&self.table) }
    }
}

/// Writes pieces, in as few writes as possible, and takes them.
async fn write_all(writer: &mut (impl AsyncWrite + Unpin), pieces: &mut Vec<Bytes>) -> io::Result<()> {
    let mut written = 0;
    while let Some(rest) = pieces.get_mut(written..).filter(|rest| !rest.is_empty()) {
        let slices: Vec<IoSlice<'_>> = rest.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut count = writer.write_vectored(&slices).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        for piece in rest {
            let part = count.min(piece.len());
            piece.advance(part);
            count -= part;
            if !piece.is_empty() {
                break;
            }
            written += 1;
        }
    }
    pieces.clear();
    Ok(())
}

/// One stream, as long as somebody cares.
struct Stream {
    id: u32,
    events: mpsc::Receiver<Event>,
    table: Table,
}

impl Stream {
    async fn accepted(&mut self) -> bool {
        matches!(timeout(PATIENCE, self.events.recv()).await, Ok(Some(Event::Accepted)))
    }

    fn end(&self) -> Frame {
        Frame::Data { stream: self.id, data: Bytes::new(), fin: true }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

async fn send(mut sink: SplitSink<Socket, Message>, mut frames: mpsc::Receiver<Outgoing>) {
    let mut encoder = Encoder::default();
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => Message::Binary(frame.encoded(&mut encoder)),
                None => return,
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        let sent = async {
            sink.feed(message).await?;
            // What waits by now goes along.
            while let Ok(frame) = frames.try_recv() {
                sink.feed(Message::Binary(frame.encoded(&mut encoder))).await?;
            }
            sink.flush().await
        };
        if sent.await.is_err() {
            return;
        }
    }
}

async fn write(mut writer: WriteHalf<Box<dyn Duplex>>, mut frames: mpsc::Receiver<Outgoing>) {
    let mut encoder = Encoder::default();
    while let Some(mut frame) = frames.recv().await {
        let sent = async {
            loop {
                writer.write_all(&frame.encoded(&mut encoder)).await?;
                match frames.try_recv() {
                    Ok(next) => frame = next,
                    Err(_) => return writer.flush().await,
                }
            }
        };
        if sent.await.is_err() {
            return;
        }
    }
}

/// Where frames come from.
enum Way {
    /// The messages of a websocket.
    Web(SplitStream<Socket>),
    /// A connection that speaks SPDY itself, and what is read into.
    Plain(ReadHalf<Box<dyn Duplex>>, BytesMut),
}

impl Way {
    /// Hands the next bytes to the decoder; false at the end.
    async fn feed(&mut self, decoder: &mut Decoder) -> bool {
        match self {
            Self::Web(source) => loop {
                match source.next().await {
                    Some(Ok(Message::Binary(data))) => {
                        decoder.feed(data);
                        return true;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return false,
                    Some(Ok(_)) => {}
                }
            },
            Self::Plain(reader, buffer) => {
                buffer.reserve(CHUNK);
                let came = matches!(reader.read_buf(buffer).await, Ok(1..));
                decoder.feed(buffer.split().freeze());
                came
            }
        }
    }
}

async fn receive(mut way: Way, table: &Table, answers: &mpsc::Sender<Outgoing>) {
    let mut decoder = Decoder::default();
    while way.feed(&mut decoder).await {
        loop {
            let (stream, events) = match decoder.next_frame() {
                Ok(Some(Frame::Reply { stream, fin, .. })) => {
                    (stream, [Some(Event::Accepted), fin.then_some(Event::End)])
                }
                Ok(Some(Frame::Data { stream, data, fin })) => {
                    (stream, [(!data.is_empty()).then_some(Event::Data(data)), fin.then_some(Event::End)])
                }
                Ok(Some(Frame::Reset { stream, .. })) => (stream, [Some(Event::End), None]),
                Ok(Some(Frame::Ping(id))) => {
                    if answers.send(Outgoing::Frame(Frame::Ping(id))).await.is_err() {
                        return;
                    }
                    continue;
                }
                Ok(Some(Frame::Open { stream, .. })) => {
                    // The server opens none in this protocol.
                    let frame = Frame::Reset { stream, status: spdy::INVALID_STREAM };
                    let _ = answers.send(Outgoing::Frame(frame)).await;
                    continue;
                }
                Ok(Some(Frame::GoAway)) | Err(_) => return,
                Ok(None) => break,
            };
            let known = table.lock().unwrap_or_else(PoisonError::into_inner).get(&stream).cloned();
            let Some(known) = known else { continue };
            for event in events.into_iter().flatten() {
                // Whoever does not care any more has dropped the other end.
                let _ = known.send(event).await;
            }
        }
    }
}
