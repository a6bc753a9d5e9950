//! DER (X.690): of the encoding of certificates what they need.

/// Tags of DER.
pub(super) mod tag {
    pub(in super::super) const BOOLEAN: u8 = 0x01;
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const BITS: u8 = 0x03;
    pub(in super::super) const OCTETS: u8 = 0x04;
    pub(in super::super) const OID: u8 = 0x06;
    pub(in super::super) const UTC_TIME: u8 = 0x17;
    pub(in super::super) const TIME: u8 = 0x18;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(in super::super) const SET: u8 = 0x31;
    pub(in super::super) const VERSION: u8 = 0xa0;
    pub(in super::super) const EXTENSIONS: u8 = 0xa3;
    pub(in super::super) const EMAIL: u8 = 0x81;
    pub(in super::super) const URI: u8 = 0x86;
    pub(in super::super) const KEY_ID: u8 = 0x80;
    pub(in super::super) const DNS_NAME: u8 = 0x82;
    pub(in super::super) const IP_ADDRESS: u8 = 0x87;
}

/// What is left of a DER encoding.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The next value: its tag, its content, and both as they are encoded. There is one way to encode a
    /// length; tags have one byte.
    pub(super) fn any(&mut self) -> Option<(u8, &'a [u8], &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let size = usize::from(first & 0x7f);
            if size == 0 || size > 4 {
                return None;
            }
            let (bytes, rest) = rest.split_at_checked(size)?;
            let length = bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
            if length < 0x80 || bytes.first() == Some(&0) {
                return None;
            }
            (length, rest)
        };
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (content, after) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - after.len())?;
        self.0 = after;
        Some((tag, content, whole))
    }

    /// The content of the next value, which must have this tag.
    pub(super) fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.any().filter(|(tag, ..)| *tag == wanted).map(|(_, content, _)| content)
    }

    /// The content of the next value if it has this tag.
    pub(super) fn maybe(&mut self, wanted: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&wanted) { self.expect(wanted) } else { None }
    }

    /// A truth, false where it is left out; none for what is no truth.
    pub(super) fn truth(&mut self) -> Option<bool> {
        match self.maybe(tag::BOOLEAN) {
            None if self.0.first() == Some(&tag::BOOLEAN) => None,
            None | Some([0]) => Some(false),
            Some([0xff]) => Some(true),
            Some(_) => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A string of bits that ends with a whole byte.
pub(super) fn whole_bits(content: &[u8]) -> Option<&[u8]> {
    content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bits)| bits)
}

/// A time in seconds since 1970: `YYMMDDhhmmssZ`, or with all digits of the year.
pub(super) fn seconds(tag: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        tag::UTC_TIME => text.split_at_checked(2)?,
        tag::TIME => text.split_at_checked(4)?,
        _ => return None,
    };
    if rest.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| rest.get(range)?.parse::<i8>().ok();
    let year = match (tag, year.parse::<i16>().ok()?) {
        (tag::UTC_TIME, year @ 0..50) => year + 2000,
        (tag::UTC_TIME, year) => year + 1900,
        (_, year) => year,
    };
    let time =
        jiff::civil::DateTime::new(year, number(0..2)?, number(2..4)?, number(4..6)?, number(6..8)?, number(8..10)?, 0);
    Some(time.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// A long number in decimal digits.
pub(super) fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 10).unwrap_or_default();
            carry /= 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_numbers_and_times() {
        assert_eq!(decimal(&[1, 0, 0]), "65536");
        assert_eq!(seconds(tag::UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(seconds(tag::TIME, b"20200201000000Z"), Some(1_580_515_200));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut der = Der(&bytes);
            while der.any().is_some() {}
            let _ = (whole_bits(&bytes), decimal(&bytes), seconds(tag::TIME, &bytes));
        }
    }
}
