//! Names in certificates: those of machines, and those that people read.

use std::net::IpAddr;

use super::certificate::Malformed;
use super::der::{Der, tag};

/// Alternative names of a subject.
#[derive(Clone, Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) dns: Vec<&'a str>,
    pub(super) ip: Vec<IpAddr>,
    pub(super) emails: Vec<&'a str>,
    pub(super) uris: Vec<&'a str>,
    encoded: &'a [u8],
}

impl PartialEq for Names<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.encoded == other.encoded
    }
}

/// The alternative names in the value of their extension.
pub(super) fn names(value: &[u8]) -> Result<Names<'_>, Malformed> {
    const INVALID: Malformed = "x509: invalid subject alternative names";
    let mut list = Der(Der(value).expect(tag::SEQUENCE).ok_or(INVALID)?);
    let mut names = Names { encoded: value, ..Names::default() };
    while let Some((tag, content, _)) = list.any() {
        let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii());
        match tag {
            tag::DNS_NAME => names.dns.push(text.ok_or("x509: SAN dNSName is malformed")?),
            tag::EMAIL => names.emails.push(text.ok_or("x509: SAN rfc822Name is malformed")?),
            tag::URI => names.uris.push(text.ok_or("x509: SAN uniformResourceIdentifier is malformed")?),
            tag::IP_ADDRESS => {
                let four = <[u8; 4]>::try_from(content).map(IpAddr::from);
                let address = four.or_else(|_| <[u8; 16]>::try_from(content).map(IpAddr::from));
                names.ip.push(address.map_err(|_| "x509: cannot parse IP address of invalid length")?);
            }
            _ => {}
        }
    }
    if list.is_empty() { Ok(names) } else { Err("x509: invalid subject alternative name") }
}

/// The attributes of this type in a name, as text.
pub(super) fn attributes(name: &[u8], wanted: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut sets = Der(Der(name).expect(tag::SEQUENCE).unwrap_or_default());
    while let Some(content) = sets.expect(tag::SET) {
        let mut set = Der(content);
        while let Some(content) = set.expect(tag::SEQUENCE) {
            let mut pair = Der(content);
            if pair.expect(tag::OID) == Some(wanted)
                && let Some((_, text, _)) = pair.any()
            {
                found.push(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    found
}
