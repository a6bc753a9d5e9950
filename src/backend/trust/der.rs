//! Reading DER (X.690), as far as certificates and requests for them need it.

/// Tags of the types that certificates are made of.
pub mod tag {
    /// `SEQUENCE`.
    pub const SEQUENCE: u8 = 0x30;
    /// `SET`.
    pub const SET: u8 = 0x31;
    /// `INTEGER`.
    pub const INTEGER: u8 = 0x02;
    /// `BIT STRING`.
    pub const BITS: u8 = 0x03;
    /// `OCTET STRING`.
    pub const OCTETS: u8 = 0x04;
    /// `OBJECT IDENTIFIER`.
    pub const OBJECT: u8 = 0x06;
    /// `BMPString`, in UTF-16.
    pub const BMP: u8 = 0x1e;
    /// The first element with a context's own meaning, made of others.
    pub const CONTEXT_0: u8 = 0xa0;
}

/// An element: its tag, its content, and both with the header.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    /// The tag.
    pub tag: u8,
    /// What is in it.
    pub content: &'a [u8],
    /// All of it.
    pub whole: &'a [u8],
}

/// Elements, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element; none at the end, and where the bytes are no DER.
    pub fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
            }
            _ => return None,
        };
        let content = rest.get(..length)?;
        let whole = self.0.get(..self.0.len() - rest.len() + length)?;
        self.0 = rest.get(length..)?;
        Some(Element { tag, content, whole })
    }

    /// The next element, which must have that tag.
    pub fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }
}

impl<'a> Element<'a> {
    /// The elements in it.
    pub fn inner(&self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// The bytes of a bit string of whole bytes.
    pub fn bits(&self) -> Option<&'a [u8]> {
        match self.content.split_first() {
            Some((0, bits)) if self.tag == tag::BITS => Some(bits),
            _ => None,
        }
    }

    /// A character string.
    pub fn text(&self) -> String {
        if self.tag == tag::BMP {
            let units: Vec<u16> =
                self.content.chunks_exact(2).map(|pair| pair.iter().fold(0, |u, b| u << 8 | u16::from(*b))).collect();
            return String::from_utf16_lossy(&units);
        }
        String::from_utf8_lossy(self.content).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_elements() {
        let mut long = vec![0x04, 0x81, 0x80];
        long.extend([7; 128]);
        let mut reader = Reader::new(&long);
        assert_eq!(reader.expect(tag::OCTETS).map(|element| element.content.len()), Some(128));
        assert!(reader.next().is_none());
        let mut short = Reader::new(&[0x30, 0x03, 0x02, 0x01, 0x05, 0x31]);
        let sequence = short.expect(tag::SEQUENCE).expect("a sequence");
        assert_eq!(sequence.inner().expect(tag::INTEGER).map(|number| number.content), Some(&[5][..]));
        assert!(short.next().is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            while let Some(element) = reader.next() {
                element.text();
                element.bits();
            }
        }
    }
}
