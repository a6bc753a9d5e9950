//! As much of DER and X.509 as a certificate signing request needs: its subject and alternative names.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const ATTRIBUTES: u8 = 0xa0;
const BMP_STRING: u8 = 0x1e;

/// 1.2.840.113549.1.9.14
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
/// 2.5.29.17
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The parts of a request that are shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// Attributes of the subject, by the last part of their identifiers below 2.5.4.
    subject: Vec<(u8, String)>,
    pub(super) dns_names: Vec<String>,
    pub(super) emails: Vec<String>,
    pub(super) addresses: Vec<String>,
    pub(super) uris: Vec<String>,
}

/// An attribute of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    CommonName = 3,
    SerialNumber = 5,
    Country = 6,
    Locality = 7,
    Province = 8,
    StreetAddress = 9,
    Organization = 10,
    OrganizationalUnit = 11,
    PostalCode = 17,
}

impl Request {
    /// Reads a request in PEM form.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let der = decode_pem(pem).ok_or("PEM block type must be CERTIFICATE REQUEST")?;
        Self::read(&der).ok_or("asn1: structure error: not a certificate request")
    }

    /// All values of an attribute of the subject.
    pub(super) fn all(&self, attribute: Attribute) -> Vec<&str> {
        let wanted = attribute as u8;
        self.subject.iter().filter(|(known, _)| *known == wanted).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of an attribute that counts, the last one.
    pub(super) fn last(&self, attribute: Attribute) -> &str {
        self.all(attribute).last().copied().unwrap_or("")
    }

    fn read(der: &[u8]) -> Option<Self> {
        let mut whole = Reader(der).expect(SEQUENCE)?;
        let mut info = whole.expect(SEQUENCE)?;
        whole.expect(SEQUENCE)?;
        whole.expect(BIT_STRING)?;
        info.expect(INTEGER)?;
        let mut request = Self::default();
        let mut names = info.expect(SEQUENCE)?;
        info.expect(SEQUENCE)?;
        while let Some(mut set) = names.maybe(SET)? {
            while let Some(mut attribute) = set.maybe(SEQUENCE)? {
                let id = attribute.expect(OID)?.0;
                let (tag, value) = attribute.next()?;
                if let [0x55, 0x04, last] = id {
                    request.subject.push((*last, text(tag, value)));
                }
            }
        }
        if let Some(mut attributes) = info.maybe(ATTRIBUTES)? {
            while let Some(mut attribute) = attributes.maybe(SEQUENCE)? {
                if attribute.expect(OID)?.0 == EXTENSION_REQUEST {
                    let mut extensions = attribute.expect(SET)?.expect(SEQUENCE)?;
                    while let Some(extension) = extensions.maybe(SEQUENCE)? {
                        request.extension(extension)?;
                    }
                }
            }
        }
        Some(request)
    }

    fn extension(&mut self, mut extension: Reader<'_>) -> Option<()> {
        if extension.expect(OID)?.0 != SUBJECT_ALT_NAME {
            return Some(());
        }
        // A flag for critical ones may stand before the value.
        let (mut tag, mut value) = extension.next()?;
        if tag != OCTETS {
            (tag, value) = extension.next()?;
        }
        if tag != OCTETS {
            return None;
        }
        let mut names = Reader(value).expect(SEQUENCE)?;
        while !names.0.is_empty() {
            let (tag, value) = names.next()?;
            let text = || String::from_utf8_lossy(value).into_owned();
            match tag {
                0x81 => self.emails.push(text()),
                0x82 => self.dns_names.push(text()),
                0x86 => self.uris.push(text()),
                0x87 => self.addresses.push(address(value)?),
                _ => {}
            }
        }
        Some(())
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(bytes).to_string());
    }
    let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
    Some(address.to_ipv4_mapped().map_or_else(|| address.to_string(), |mapped| mapped.to_string()))
}

fn text(tag: u8, value: &[u8]) -> String {
    if tag == BMP_STRING {
        let units = value.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
        return char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    }
    String::from_utf8_lossy(value).into_owned()
}

/// The bytes of the first block of a PEM text, if it is a request.
fn decode_pem(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let body = rest.strip_prefix("CERTIFICATE REQUEST-----")?;
    let (body, _) = body.split_once("-----END CERTIFICATE REQUEST-----")?;
    let body: String =
        body.lines().filter(|line| !line.contains(':')).flat_map(|line| line.split_whitespace()).collect();
    STANDARD.decode(body).ok()
}

/// Reads one value after another.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (length, mut rest) = rest.split_first()?;
        let mut size = usize::from(*length);
        // Long tags and lengths without end do not occur in requests.
        if tag & 0x1f == 0x1f || *length == 0x80 || *length > 0x84 {
            return None;
        }
        if let Some(bytes) = length.checked_sub(0x80).filter(|bytes| *bytes > 0) {
            let (long, after) = rest.split_at_checked(usize::from(bytes))?;
            size = long.iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
            rest = after;
        }
        let (value, after) = rest.split_at_checked(size)?;
        self.0 = after;
        Some((*tag, value))
    }

    /// The next value, which must have that tag.
    fn expect(&mut self, wanted: u8) -> Option<Self> {
        let (tag, value) = self.next()?;
        (tag == wanted).then_some(Self(value))
    }

    /// The next value, which must have that tag; `Some(None)` at the end.
    fn maybe(&mut self, wanted: u8) -> Option<Option<Self>> {
        if self.0.is_empty() { Some(None) } else { self.expect(wanted).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> String {
        let mut names = rcgen::DistinguishedName::new();
        names.push(rcgen::DnType::OrganizationName, "crew");
        names.push(rcgen::DnType::CommonName, "vera");
        names.push(rcgen::DnType::LocalityName, "harbor");
        let alternatives = ["a.example.org", "10.0.0.1", "::1"].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(alternatives).expect("names");
        params.distinguished_name = names;
        let key = rcgen::KeyPair::generate().expect("a key");
        params.serialize_request(&key).expect("a request").pem().expect("PEM")
    }

    #[test]
    fn reads_subject_and_names() {
        let request = Request::parse(sample().as_bytes()).expect("a request");
        assert_eq!(request.last(Attribute::CommonName), "vera");
        assert_eq!(request.all(Attribute::Organization), ["crew"]);
        assert_eq!(request.all(Attribute::Locality), ["harbor"]);
        assert_eq!(request.last(Attribute::SerialNumber), "");
        assert_eq!(request.dns_names, ["a.example.org"]);
        assert_eq!(request.addresses, ["10.0.0.1", "::1"]);
    }

    #[test]
    fn refuses_what_is_none() {
        for pem in ["", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"] {
            assert_eq!(Request::parse(pem.as_bytes()), Err("PEM block type must be CERTIFICATE REQUEST"));
        }
        let cut = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
        assert!(Request::parse(cut.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(at in 0usize..400, byte in any::<u8>()) {
            let mut der = decode_pem(sample().as_bytes()).expect("a request");
            if let Some(place) = der.get_mut(at) {
                *place = byte;
            }
            let _ = Request::read(&der);
        }
    }
}
