//! Answers that were compressed on the way (`Content-Encoding: gzip`), decompressed as they come.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use flate2::write::MultiGzDecoder;
use http_body::{Body as HttpBody, Frame};

use super::super::{Body, BoxError};
use crate::client::error::BodyError;

/// How much is decompressed at a time: of the most that it can become, memory has room.
const PIECE: usize = 4096;

/// A body, decompressed.
pub(super) struct Gunzipped {
    inner: Body,
    decoder: MultiGzDecoder<Vec<u8>>,
    waiting: Bytes,
    begun: bool,
    done: bool,
    /// How much was handed out, and the last bytes that came: they are the end where they say how much.
    total: u64,
    last: [u8; 4],
    /// What went wrong behind what is still to be handed out.
    fault: Option<BoxError>,
}

impl Gunzipped {
    pub(super) fn new(inner: Body) -> Self {
        let decoder = MultiGzDecoder::new(Vec::new());
        Self { inner, decoder, waiting: Bytes::new(), begun: false, done: false, total: 0, last: [0; 4], fault: None }
    }

    /// Decompresses the next piece of what waits.
    fn step(&mut self) -> Result<Bytes, BoxError> {
        let size = self.waiting.len().min(PIECE);
        let written = self.decoder.write_all(self.waiting.get(..size).unwrap_or_default());
        for byte in self.waiting.get(..size).unwrap_or_default() {
            self.last.rotate_left(1);
            self.last[3] = *byte;
        }
        self.waiting.advance(size);
        self.begun = true;
        self.decompressed(written.err().map(|error| fault(&error.to_string())))
    }

    /// What was decompressed, and after it what went wrong.
    fn decompressed(&mut self, fault: Option<BoxError>) -> Result<Bytes, BoxError> {
        // The library hands out its last piece only when it is asked to.
        let _ = self.decoder.flush();
        let plain = std::mem::take(self.decoder.get_mut());
        self.total += plain.len() as u64;
        match fault {
            Some(fault) if plain.is_empty() => Err(fault),
            fault => {
                self.fault = fault;
                Ok(plain.into())
            }
        }
    }

    fn end(&mut self) -> Result<Bytes, BoxError> {
        self.done = true;
        if !self.begun {
            return Err(broken("EOF"));
        }
        let fault = self.decoder.try_finish().err().map(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => broken("unexpected EOF"),
            _ if u32::from_le_bytes(self.last) == (self.total & 0xffff_ffff) as u32 => fault(&error.to_string()),
            _ => broken("unexpected EOF"),
        });
        self.decompressed(fault)
    }
}

fn broken(words: &str) -> BoxError {
    BodyError { message: words.to_owned(), stream: false }.into()
}

/// Go's words for a library's.
fn fault(said: &str) -> BoxError {
    const WORDS: [(&str, &str); 4] = [
        ("header", "gzip: invalid header"),
        ("checksum", "gzip: invalid checksum"),
        ("deflate", "flate: corrupt input"),
        ("corrupt", "gzip: invalid checksum"),
    ];
    let known = WORDS.iter().find(|(theirs, _)| said.contains(theirs));
    broken(known.map_or("unexpected EOF", |(_, words)| words))
}

impl HttpBody for Gunzipped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let plain = if let Some(fault) = self.fault.take() {
                Err(fault)
            } else if self.done {
                return Poll::Ready(None);
            } else if !self.waiting.is_empty() {
                self.step()
            } else {
                match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        self.waiting = frame.into_data().unwrap_or_default();
                        continue;
                    }
                    Some(Err(error)) => Err(error),
                    None => self.end(),
                }
            };
            match plain {
                Ok(plain) if plain.is_empty() => {}
                Ok(plain) => return Poll::Ready(Some(Ok(Frame::data(plain)))),
                Err(error) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt, Full};

    fn zipped(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    }

    async fn read(bytes: Vec<u8>) -> Result<Bytes, String> {
        let body = Full::new(Bytes::from(bytes)).map_err(BoxError::from).boxed_unsync();
        Gunzipped::new(body).collect().await.map(|body| body.to_bytes()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn decompresses_what_is_compressed() {
        let text = "kubernetes ".repeat(100_000).into_bytes();
        assert_eq!(read(zipped(&text)).await, Ok(text.clone().into()));
        let twice = [zipped(b"one "), zipped(b"two")].concat();
        assert_eq!(read(twice).await, Ok("one two".into()));
        let whole = zipped(&text);
        for (bytes, want) in [
            (b"{\"kind\":\"ConfigMap\"}".to_vec(), "gzip: invalid header"),
            (Vec::new(), "EOF"),
            (whole[..whole.len() / 2].to_vec(), "unexpected EOF"),
            (whole[..whole.len() - 3].to_vec(), "unexpected EOF"),
            (whole[..4].to_vec(), "unexpected EOF"),
            ([&whole[..whole.len() - 8], &[0; 4], &whole[whole.len() - 4..]].concat(), "gzip: invalid checksum"),
            ([&whole[..10], &[0xff; 40]].concat(), "flate: corrupt input"),
        ] {
            assert_eq!(read(bytes).await, Err(want.to_owned()));
        }
    }

    #[tokio::test]
    async fn a_bomb_comes_in_pieces() {
        let bomb = zipped(&vec![0; 64 * 1024 * 1024]);
        let body = Full::new(Bytes::from(bomb)).map_err(BoxError::from).boxed_unsync();
        let mut body = Gunzipped::new(body);
        let (mut total, mut largest) = (0, 0);
        while let Some(frame) = body.frame().await {
            let size = frame.expect("a frame").into_data().expect("data").len();
            (total, largest) = (total + size, largest.max(size));
        }
        assert_eq!(total, 64 * 1024 * 1024);
        assert!(largest < 8 * 1024 * 1024, "{largest}");
    }
}
