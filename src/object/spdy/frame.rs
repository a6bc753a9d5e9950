//! Frames to bytes and back.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::headers::{Packer, Unpacker};
use super::{Headers, Malformed};

/// Marks control frames, with version 3.
const CONTROL: u16 = 0x8003;
const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;
const FIN: u8 = 1;
/// The longest control frame that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// The longest data of a frame.
const MOST: usize = (1 << 24) - 1;

/// One frame. `fin` says that its sender writes no more to the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A stream is opened.
    Open {
        /// Odd from the client, even from the server.
        stream: u32,
        /// What it is for.
        headers: Headers,
        /// See above.
        fin: bool,
    },
    /// A stream is accepted.
    Reply {
        /// Which one.
        stream: u32,
        /// Mostly none.
        headers: Headers,
        /// See above.
        fin: bool,
    },
    /// A stream is given up.
    Reset {
        /// Which one.
        stream: u32,
        /// Why.
        status: u32,
    },
    /// To be sent back as it is.
    Ping(u32),
    /// No more streams.
    GoAway,
    /// Bytes of a stream.
    Data {
        /// Which one.
        stream: u32,
        /// The bytes; a long frame is read in pieces.
        data: Bytes,
        /// See above.
        fin: bool,
    },
}

/// Writes the frames of one connection; their order counts.
pub struct Encoder(Packer);

impl Default for Encoder {
    fn default() -> Self {
        Self(Packer::new())
    }
}

impl Encoder {
    /// A frame's bytes.
    pub fn encode(&mut self, frame: &Frame) -> Bytes {
        let mut out = BytesMut::new();
        match frame {
            Frame::Open { stream, headers, fin } => {
                let block = self.0.pack(headers);
                control(&mut out, SYN_STREAM, u8::from(*fin), block.len() + 10);
                out.put_u32(*stream);
                out.put_u32(0);
                out.put_u16(0);
                out.put_slice(&block);
            }
            Frame::Reply { stream, headers, fin } => {
                let block = self.0.pack(headers);
                control(&mut out, SYN_REPLY, u8::from(*fin), block.len() + 4);
                out.put_u32(*stream);
                out.put_slice(&block);
            }
            Frame::Reset { stream, status } => {
                control(&mut out, RST_STREAM, 0, 8);
                out.put_u32(*stream);
                out.put_u32(*status);
            }
            Frame::Ping(id) => {
                control(&mut out, PING, 0, 4);
                out.put_u32(*id);
            }
            Frame::GoAway => {
                control(&mut out, GOAWAY, 0, 8);
                out.put_u64(0);
            }
            Frame::Data { stream, data, fin } => {
                out.reserve(HEAD + data.len());
                let mut rest = data.clone();
                loop {
                    let piece = rest.split_to(rest.len().min(MOST));
                    let last = rest.is_empty();
                    out.put_u32(*stream);
                    out.put_u32(word(u8::from(*fin && last), piece.len()));
                    out.put_slice(&piece);
                    if last {
                        break;
                    }
                }
            }
        }
        out.freeze()
    }
}

/// Room for the head of a data frame, before its data is read behind it.
pub const HEAD: usize = 8;

/// Makes a data frame of a buffer that holds [`HEAD`] bytes of no matter and then the data: without copying it.
pub fn data_frame(stream: u32, mut buffer: BytesMut) -> Bytes {
    let length = buffer.len().saturating_sub(HEAD);
    if let Some(mut head) = buffer.get_mut(..HEAD) {
        head.put_u32(stream);
        head.put_u32(word(0, length));
    }
    buffer.freeze()
}

fn control(out: &mut BytesMut, kind: u16, flags: u8, length: usize) {
    out.put_u16(CONTROL);
    out.put_u16(kind);
    out.put_u32(word(flags, length));
}

fn word(flags: u8, length: usize) -> u32 {
    u32::from(flags) << 24 | u32::try_from(length.min(MOST)).unwrap_or(0)
}

/// Reads the frames of one connection. Data comes out as parts of the pieces that went in, not as copies.
pub struct Decoder {
    /// What came and is not read.
    piece: Bytes,
    /// The beginning of a frame under way, without its data.
    head: BytesMut,
    unpacker: Unpacker,
    /// A data frame under way: its stream, the bytes that are to come, and whether it is the last.
    data: Option<(u32, usize, bool)>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { piece: Bytes::new(), head: BytesMut::new(), unpacker: Unpacker::new(), data: None }
    }
}

impl Decoder {
    /// Takes bytes, in pieces of any size.
    pub fn feed(&mut self, bytes: Bytes) {
        if self.piece.is_empty() {
            self.piece = bytes;
        } else {
            self.piece = [self.piece.as_ref(), bytes.as_ref()].concat().into();
        }
    }

    /// Whether the head under way has that many bytes by now.
    fn has(&mut self, count: usize) -> bool {
        let missing = count.saturating_sub(self.head.len()).min(self.piece.len());
        self.head.extend_from_slice(&self.piece.split_to(missing));
        self.head.len() >= count
    }

    /// The next frame, as far as it has come; frames that do not matter are left out.
    ///
    /// # Errors
    /// What came is no frame; nothing more can be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Malformed> {
        loop {
            if let Some((stream, left, fin)) = self.data {
                if left > 0 && self.piece.is_empty() {
                    return Ok(None);
                }
                let data = self.piece.split_to(left.min(self.piece.len()));
                let left = left - data.len();
                self.data = (left > 0).then_some((stream, left, fin));
                return Ok(Some(Frame::Data { stream, data, fin: fin && left == 0 }));
            }
            if !self.has(8) {
                return Ok(None);
            }
            let mut head = self.head.as_ref();
            let (first, second) = (head.get_u32(), head.get_u32());
            let (flags, length) = (second >> 24, usize::try_from(second & 0x00ff_ffff).unwrap_or(MOST));
            let fin = flags & u32::from(FIN) != 0;
            if first >> 31 == 0 {
                self.head.clear();
                self.data = Some((first, length, fin));
                continue;
            }
            if first >> 16 != u32::from(CONTROL) {
                return Err(Malformed("another version"));
            }
            if length > LONGEST {
                return Err(Malformed("a control frame that is too long"));
            }
            if !self.has(length + 8) {
                return Ok(None);
            }
            let head = std::mem::take(&mut self.head);
            let kind = u16::try_from(first & 0xffff).unwrap_or(0);
            if let Some(frame) = self.control(kind, fin, head.get(8..).unwrap_or_default())? {
                return Ok(Some(frame));
            }
        }
    }

    fn control(&mut self, kind: u16, fin: bool, mut body: &[u8]) -> Result<Option<Frame>, Malformed> {
        const SHORT: Malformed = Malformed("a control frame that is too short");
        let mut number = || body.try_get_u32().map_err(|_| SHORT);
        Ok(Some(match kind {
            SYN_STREAM => {
                let stream = number()? & 0x7fff_ffff;
                number()?;
                let block = body.get(2..).ok_or(SHORT)?;
                Frame::Open { stream, headers: self.unpacker.unpack(block)?, fin }
            }
            SYN_REPLY => {
                let stream = number()? & 0x7fff_ffff;
                Frame::Reply { stream, headers: self.unpacker.unpack(body)?, fin }
            }
            RST_STREAM => Frame::Reset { stream: number()? & 0x7fff_ffff, status: number()? },
            PING => Frame::Ping(number()?),
            GOAWAY => Frame::GoAway,
            HEADERS => {
                // Not used, but what follows is compressed on from it.
                let stream = number()? & 0x7fff_ffff;
                self.unpacker.unpack(body)?;
                if !fin {
                    return Ok(None);
                }
                Frame::Data { stream, data: Bytes::new(), fin }
            }
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> impl Strategy<Value = Frame> {
        let headers = || proptest::collection::vec(("[a-z]{1,9}", "[ -~]{0,20}"), 0..4);
        let stream = || 0..=0x7fff_ffffu32;
        prop_oneof![
            (stream(), headers(), any::<bool>()).prop_map(|(stream, headers, fin)| Frame::Open {
                stream,
                headers,
                fin
            }),
            (stream(), headers(), any::<bool>()).prop_map(|(stream, headers, fin)| Frame::Reply {
                stream,
                headers,
                fin
            }),
            (stream(), any::<u32>()).prop_map(|(stream, status)| Frame::Reset { stream, status }),
            any::<u32>().prop_map(Frame::Ping),
            Just(Frame::GoAway),
            (stream(), proptest::collection::vec(any::<u8>(), 0..50), any::<bool>())
                .prop_map(|(stream, data, fin)| Frame::Data { stream, data: data.into(), fin }),
        ]
    }

    #[test]
    fn data_is_framed_in_place() {
        let mut buffer = BytesMut::zeroed(HEAD);
        buffer.extend_from_slice(b"hello");
        let frame = Frame::Data { stream: 7, data: Bytes::from_static(b"hello"), fin: false };
        assert_eq!(data_frame(7, buffer), Encoder::default().encode(&frame));
    }

    proptest! {
        #[test]
        fn come_back_in_pieces_of_any_size(sent in proptest::collection::vec(frames(), 0..12), size in 1..64usize) {
            let mut encoder = Encoder::default();
            let bytes: Vec<u8> = sent.iter().flat_map(|frame| encoder.encode(frame).to_vec()).collect();
            let mut decoder = Decoder::default();
            let mut received: Vec<Frame> = Vec::new();
            for piece in bytes.chunks(size) {
                decoder.feed(Bytes::copy_from_slice(piece));
                while let Some(frame) = decoder.next_frame().expect("frames") {
                    // Pieces of one frame are joined.
                    match (received.last_mut(), frame) {
                        (Some(Frame::Data { stream: last, data, fin: ended @ false }), Frame::Data { stream, data: more, fin })
                            if *last == stream =>
                        {
                            *data = [data.as_ref(), more.as_ref()].concat().into();
                            *ended = fin;
                        }
                        (_, frame) => received.push(frame),
                    }
                }
            }
            let mut want: Vec<Frame> = Vec::new();
            for frame in sent {
                match (want.last_mut(), frame) {
                    (Some(Frame::Data { stream: last, data, fin: ended @ false }), Frame::Data { stream, data: more, fin })
                        if *last == stream =>
                    {
                        *data = [data.as_ref(), more.as_ref()].concat().into();
                        *ended = fin;
                    }
                    (_, frame) => want.push(frame),
                }
            }
            prop_assert_eq!(received, want);
        }

        #[test]
        fn never_panics(noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.feed(noise.into());
            while let Ok(Some(_)) = decoder.next_frame() {}
        }
    }
}
