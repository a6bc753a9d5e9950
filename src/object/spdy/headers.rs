//! Blocks of headers: names and values, compressed over all blocks of a connection.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::Malformed;

/// What both ends' compression starts from (SPDY/3, 2.6.10.1): names and values that are frequent.
const DICTIONARY: &[u8] = include_bytes!("dictionary.bin");
/// The longest block that is read, in bytes after decompression.
const LONGEST: usize = 64 * 1024;

/// Names (in lower case) and values, in order.
pub type Headers = Vec<(String, String)>;

/// Writes blocks.
pub(super) struct Packer(Compress);

impl Packer {
    pub(super) fn new() -> Self {
        let mut compress = Compress::new(Compression::default(), true);
        // Refused only once something was compressed.
        let _ = compress.set_dictionary(DICTIONARY);
        Self(compress)
    }

    pub(super) fn pack(&mut self, headers: &[(String, String)]) -> Vec<u8> {
        let mut plain = Vec::new();
        let number = |plain: &mut Vec<u8>, number: usize| {
            plain.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
        };
        number(&mut plain, headers.len());
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            number(&mut plain, text.len());
            plain.extend_from_slice(text.as_bytes());
        }
        let mut packed = Vec::with_capacity(plain.len() + 64);
        let begin = self.0.total_in();
        loop {
            let done = usize::try_from(self.0.total_in() - begin).unwrap_or(plain.len());
            let rest = plain.get(done..).unwrap_or_default();
            let result = self.0.compress_vec(rest, &mut packed, FlushCompress::Sync);
            // Room that is left means that everything is flushed.
            if result.is_err() || packed.len() < packed.capacity() {
                return packed;
            }
            packed.reserve(256);
        }
    }
}

/// Reads blocks.
pub(super) struct Unpacker(Decompress);

impl Unpacker {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    pub(super) fn unpack(&mut self, packed: &[u8]) -> Result<Headers, Malformed> {
        const BROKEN: Malformed = Malformed("headers that cannot be decompressed");
        let mut plain = Vec::with_capacity(1024);
        let begin = self.0.total_in();
        loop {
            let done = usize::try_from(self.0.total_in() - begin).unwrap_or(packed.len());
            let rest = packed.get(done..).unwrap_or_default();
            let (before_in, before_out) = (self.0.total_in(), self.0.total_out());
            match self.0.decompress_vec(rest, &mut plain, FlushDecompress::Sync) {
                Ok(Status::StreamEnd) => return Err(BROKEN),
                Ok(Status::Ok | Status::BufError) => {}
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(DICTIONARY).map_err(|_| BROKEN)?;
                    continue;
                }
                Err(_) => return Err(BROKEN),
            }
            let stuck = (before_in, before_out) == (self.0.total_in(), self.0.total_out());
            let whole = usize::try_from(self.0.total_in() - begin).is_ok_and(|done| done >= packed.len());
            if plain.len() < plain.capacity() && (whole || stuck) {
                break;
            }
            if plain.len() >= LONGEST {
                return Err(Malformed("headers that are too long"));
            }
            plain.reserve(4096);
        }
        parse(&plain)
    }
}

fn parse(plain: &[u8]) -> Result<Headers, Malformed> {
    const SHORT: Malformed = Malformed("headers that end early");
    fn number(rest: &mut &[u8]) -> Result<usize, Malformed> {
        let (head, tail) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        *rest = tail;
        usize::try_from(u32::from_be_bytes(*head)).map_err(|_| SHORT)
    }
    fn text(rest: &mut &[u8]) -> Result<String, Malformed> {
        let length = number(rest)?;
        let (head, tail) = rest.split_at_checked(length).ok_or(SHORT)?;
        *rest = tail;
        Ok(String::from_utf8_lossy(head).into_owned())
    }
    let mut rest = plain;
    let count = number(&mut rest)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        headers.push((text(&mut rest)?, text(&mut rest)?));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn begins_as_the_standard_says() {
        let packed = Packer::new().pack(&[]);
        // zlib's header with a dictionary, and the dictionary's checksum.
        assert_eq!(packed.get(2..6), Some(&[0xe3, 0xc6, 0xa7, 0xc2][..]));
        assert_eq!(DICTIONARY.len(), 1423);
    }

    proptest! {
        #[test]
        fn comes_back(blocks in proptest::collection::vec(proptest::collection::vec(("[a-z]{0,9}", ".{0,300}"), 0..9), 0..6)) {
            let (mut packer, mut unpacker) = (Packer::new(), Unpacker::new());
            for block in blocks {
                let packed = packer.pack(&block);
                prop_assert_eq!(unpacker.unpack(&packed), Ok(block));
            }
        }

        #[test]
        fn never_panics(packed in proptest::collection::vec(any::<u8>(), 0..200), plain in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Unpacker::new().unpack(&packed);
            let _ = parse(&plain);
        }
    }
}
