//! Bytes that are made as they are sent, and a digest that shows where one is lost, doubled or out of place. It costs
//! hardly more than reading them: what is measured is the program between its ends.

/// Bytes made at a time.
pub const PIECE: usize = 64 * 1024;

/// The bytes from a place on, of `size` in all; returns how many.
pub fn fill(piece: &mut [u8], at: u64, size: u64) -> usize {
    for (number, word) in (at / 8..).zip(piece.chunks_mut(8)) {
        let bytes = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        word.copy_from_slice(&bytes[..word.len()]);
    }
    usize::try_from(size - at).unwrap_or(piece.len()).min(piece.len())
}

/// A digest of bytes in their order.
#[derive(Default)]
pub struct Digest {
    state: u64,
    rest: Vec<u8>,
}

impl Digest {
    /// Takes bytes, in pieces of any size.
    pub fn feed(&mut self, mut data: &[u8]) {
        if !self.rest.is_empty() {
            let count = (8 - self.rest.len()).min(data.len());
            self.rest.extend_from_slice(&data[..count]);
            data = &data[count..];
            if self.rest.len() < 8 {
                return;
            }
            let rest = std::mem::take(&mut self.rest);
            self.words(&rest);
        }
        let whole = data.len() / 8 * 8;
        self.words(&data[..whole]);
        self.rest.extend_from_slice(&data[whole..]);
    }

    fn words(&mut self, data: &[u8]) {
        for word in data.as_chunks::<8>().0 {
            self.state = (self.state.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    /// The digest of everything.
    pub fn end(mut self) -> u64 {
        let mut rest = std::mem::take(&mut self.rest);
        rest.resize(8, 0xff);
        self.words(&rest);
        self.state
    }

    /// The digest of all bytes of a size.
    pub fn of(size: u64) -> u64 {
        let (mut digest, mut piece, mut at) = (Self::default(), vec![0; PIECE], 0);
        while at < size {
            let count = fill(&mut piece, at, size);
            digest.feed(&piece[..count]);
            at += count as u64;
        }
        digest.end()
    }
}
