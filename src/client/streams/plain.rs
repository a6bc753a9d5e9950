//! The streams of a process as streams of SPDY/3.1, for servers (and what stands before them) that speak
//! no websocket: one for errors, and one each for input, output, error output and sizes of the terminal.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::channel::{lost, next};
use super::{Flow, Sink, Size, status};
use crate::client::transport::Duplex;
use crate::object::spdy::{self, Decoder, Encoder, Frame};

/// The version of the protocol that is spoken: all API servers have it.
pub(super) const PROTOCOL: &str = "v4.channel.k8s.io";

const ERROR: u32 = 1;
const STDIN: u32 = 3;
const STDOUT: u32 = 5;
const STDERR: u32 = 7;
const RESIZE: u32 = 9;

/// Bytes read from the connection at a time.
const CHUNK: usize = 32 * 1024;
/// How long the other streams may stay open after the process's end was told.
const FAREWELL: Duration = Duration::from_secs(5);

/// Which streams a request asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Standard input.
    pub stdin: bool,
    /// Output.
    pub stdout: bool,
    /// Error output.
    pub stderr: bool,
    /// Whether the process has a terminal: then it has sizes, and no error output of its own.
    pub tty: bool,
}

impl Wanted {
    /// The streams, in the order in which servers expect them.
    fn streams(self) -> impl Iterator<Item = (u32, &'static str)> {
        [
            (true, ERROR, "error"),
            (self.stdin, STDIN, "stdin"),
            (self.stdout, STDOUT, "stdout"),
            (self.stderr && !self.tty, STDERR, "stderr"),
            (self.tty, RESIZE, "resize"),
        ]
        .into_iter()
        .filter_map(|(on, stream, name)| on.then_some((stream, name)))
    }
}

/// Carries the streams until the process has ended.
pub(super) async fn carry(connection: Box<dyn Duplex>, wanted: Wanted, flow: Flow<'_>) -> anyhow::Result<()> {
    let (reader, writer) = tokio::io::split(connection);
    let (frames, outgoing) = mpsc::channel(16);
    for (stream, name) in wanted.streams() {
        let headers = vec![(spdy::STREAM_TYPE.to_owned(), name.to_owned())];
        frames.send(Frame::Open { stream, headers, fin: false }).await?;
    }
    let Flow { stdin, stdout, stderr, sizes } = flow;
    tokio::select! {
        result = receive(reader, wanted, &frames, stdout, stderr) => result,
        () = feed(&frames, stdin, sizes) => Err(lost()),
        () = send(writer, outgoing) => Err(lost()),
    }
}

async fn receive(
    mut reader: ReadHalf<Box<dyn Duplex>>,
    wanted: Wanted,
    frames: &mpsc::Sender<Frame>,
    mut stdout: Sink<'_>,
    mut stderr: Sink<'_>,
) -> anyhow::Result<()> {
    let mut open: Vec<u32> =
        wanted.streams().map(|(stream, _)| stream).filter(|id| ![STDIN, RESIZE].contains(id)).collect();
    let (mut decoder, mut buffer, mut end) = (Decoder::default(), BytesMut::new(), Vec::new());
    while !open.is_empty() {
        buffer.reserve(CHUNK);
        let read = reader.read_buf(&mut buffer);
        let count = match open.contains(&ERROR) {
            true => read.await,
            false => timeout(FAREWELL, read).await.unwrap_or(Ok(0)),
        };
        let Ok(1..) = count else { break };
        decoder.feed(buffer.split().freeze());
        while let Some(frame) = decoder.next_frame()? {
            let (stream, data, fin) = match frame {
                Frame::Data { stream, data, fin } => (stream, data, fin),
                Frame::Reply { stream, fin, .. } => (stream, Bytes::new(), fin),
                Frame::Reset { stream, .. } => (stream, Bytes::new(), true),
                Frame::Ping(id) => {
                    frames.send(Frame::Ping(id)).await?;
                    continue;
                }
                Frame::GoAway | Frame::Open { .. } => continue,
            };
            match stream {
                STDOUT if !data.is_empty() => stdout(&data)?,
                STDERR if !data.is_empty() => stderr(&data)?,
                ERROR => end.extend_from_slice(&data),
                _ => {}
            }
            if fin {
                open.retain(|own| *own != stream);
            }
        }
    }
    if end.is_empty() { Err(lost()) } else { status::read(&end) }
}

/// Passes on what comes from here; ends only where nothing more can be sent.
async fn feed(
    frames: &mpsc::Sender<Frame>,
    mut stdin: Option<mpsc::Receiver<Bytes>>,
    mut sizes: Option<mpsc::Receiver<Size>>,
) {
    loop {
        let frame = tokio::select! {
            piece = next(&mut stdin) => match piece {
                Some(data) => Frame::Data { stream: STDIN, data, fin: false },
                None => {
                    stdin = None;
                    Frame::Data { stream: STDIN, data: Bytes::new(), fin: true }
                }
            },
            size = next(&mut sizes) => match size {
                Some((width, height)) => {
                    let data = format!("{{\"Width\":{width},\"Height\":{height}}}\n").into();
                    Frame::Data { stream: RESIZE, data, fin: false }
                }
                None => {
                    sizes = None;
                    continue;
                }
            },
        };
        if frames.send(frame).await.is_err() {
            return;
        }
    }
}

async fn send(mut writer: WriteHalf<Box<dyn Duplex>>, mut frames: mpsc::Receiver<Frame>) {
    let mut encoder = Encoder::default();
    while let Some(frame) = frames.recv().await {
        let sent = async {
            writer.write_all(&encoder.encode(&frame)).await?;
            writer.flush().await
        };
        if sent.await.is_err() {
            // What has come already, the process's end maybe, is still to be read.
            tokio::time::sleep(FAREWELL).await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const FAILURE: &str =
        r#"{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}"#;

    /// A server that accepts each stream, hands the input back as output, and then says how it ended.
    async fn serve(connection: DuplexStream, streams: usize, end: &str) -> Vec<String> {
        let (mut reader, mut writer) = tokio::io::split(connection);
        let (mut decoder, mut encoder, mut buffer) = (Decoder::default(), Encoder::default(), vec![0; 512]);
        let (mut opened, mut input) = (Vec::new(), None);
        let mut answers = Vec::new();
        loop {
            while let Some(frame) = decoder.next_frame().expect("a frame") {
                match frame {
                    Frame::Open { stream, headers, .. } => {
                        assert_eq!(headers.len(), 1);
                        opened.push(format!("{stream} {}", headers[0].1));
                        answers.push(Frame::Reply { stream, headers: Vec::new(), fin: false });
                    }
                    Frame::Data { stream: STDIN, data, fin } => {
                        answers.push(Frame::Data { stream: STDOUT, data, fin: false });
                        input = fin.then_some(());
                    }
                    Frame::Data { stream: RESIZE, .. } | Frame::Ping(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            if input.is_some() && opened.len() == streams {
                answers.push(Frame::Data { stream: ERROR, data: end.to_owned().into(), fin: true });
                // Output may come after the status.
                answers.push(Frame::Data { stream: STDOUT, data: "!".into(), fin: true });
                answers.push(Frame::Data { stream: STDERR, data: "err".into(), fin: true });
            }
            for answer in answers.drain(..) {
                writer.write_all(&encoder.encode(&answer)).await.expect("written");
            }
            match reader.read(&mut buffer).await {
                Ok(count @ 1..) => decoder.feed(Bytes::copy_from_slice(&buffer[..count])),
                _ => return opened,
            }
        }
    }

    #[tokio::test]
    async fn carries_both_ways_and_tells_the_end() {
        for (end, wanted) in
            [(r#"{"status":"Success"}"#, Ok(())), (FAILURE, Err("command terminated with exit code 7"))]
        {
            let (ours, theirs) = duplex(1 << 10);
            let (sender, stdin) = mpsc::channel(64);
            let piece = "0123456789".repeat(1000);
            for _ in 0..10 {
                sender.send(piece.clone().into()).await.expect("sent");
            }
            drop(sender);
            let (stdout, stderr) = (RefCell::new(Vec::<u8>::new()), RefCell::new(Vec::<u8>::new()));
            let flow = Flow {
                stdin: Some(stdin),
                stdout: Box::new(|data| {
                    stdout.borrow_mut().extend_from_slice(data);
                    Ok(())
                }),
                stderr: Box::new(|data| {
                    stderr.borrow_mut().extend_from_slice(data);
                    Ok(())
                }),
                sizes: None,
            };
            let streams = Wanted { stdin: true, stdout: true, stderr: true, tty: false };
            let (result, opened) = tokio::join!(carry(Box::new(ours), streams, flow), serve(theirs, 4, end));
            assert_eq!(result.map_err(|error| error.to_string()), wanted.map_err(str::to_owned));
            assert_eq!(opened, ["1 error", "3 stdin", "5 stdout", "7 stderr"]);
            assert!(stdout.into_inner() == [piece.repeat(10).as_bytes(), b"!"].concat());
            assert_eq!(stderr.into_inner(), b"err");
        }
    }

    #[tokio::test]
    async fn an_end_without_a_status_is_an_error() {
        let (ours, theirs) = duplex(1 << 10);
        drop(theirs);
        let flow = Flow { stdin: None, stdout: Box::new(|_| Ok(())), stderr: Box::new(|_| Ok(())), sizes: None };
        let result = carry(Box::new(ours), Wanted { stdout: true, ..Wanted::default() }, flow).await;
        assert_eq!(
            result.map_err(|error| error.to_string()),
            Err("the connection ended before the command did".to_owned())
        );
    }
}
