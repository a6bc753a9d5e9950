//! SPDY framing: any bytes are decoded without a panic, the same whole and in pieces, and what was decoded survives
//! being encoded.

#![no_main]

use kctl::object::spdy::{Decoder, Encoder, Frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let decode = |size: usize| {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in input.chunks(size) {
            decoder.feed(piece.to_vec().into());
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(_) => return frames,
                }
            }
        }
        frames
    };
    let frames = decode(input.len().max(1));
    assert_eq!(joined(&frames), joined(&decode(3)));
    let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
    for frame in frames {
        decoder.feed(encoder.encode(&frame));
        let again = decoder.next_frame();
        assert_eq!(again, Ok(Some(frame)));
    }
});

/// With the pieces of data put together: those of a long frame come as they arrive.
fn joined(frames: &[Frame]) -> Vec<Frame> {
    let mut joined: Vec<Frame> = Vec::new();
    for frame in frames {
        if let (Some(Frame::Data { stream, data, fin: false }), Frame::Data { stream: same, data: more, fin }) =
            (joined.last(), frame)
            && stream == same
        {
            let data = [&data[..], &more[..]].concat().into();
            let (stream, fin) = (*stream, *fin);
            joined.pop();
            joined.push(Frame::Data { stream, data, fin });
            continue;
        }
        joined.push(frame.clone());
    }
    joined
}
