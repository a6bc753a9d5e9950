//! The name in a certificate.

use super::der::{Element, Reader, tag};

/// `id-at-commonName`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// `id-at-organizationName`.
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// As whom a certificate speaks: to Kubernetes, a user and its groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub common_name: String,
    /// The groups.
    pub organizations: Vec<String>,
}

impl Subject {
    /// Reads a `Name`.
    pub(super) fn read(name: &Element<'_>) -> Option<Self> {
        let mut subject = Self::default();
        let mut sets = name.inner();
        while let Some(set) = sets.next() {
            let mut attributes = set.inner();
            while let Some(attribute) = attributes.next() {
                let mut parts = attribute.inner();
                let (kind, value) = (parts.expect(tag::OBJECT)?, parts.next()?);
                match kind.content {
                    COMMON_NAME => subject.common_name = value.text(),
                    ORGANIZATION => subject.organizations.push(value.text()),
                    _ => {}
                }
            }
        }
        Some(subject)
    }
}

/// The subject of a certificate in DER; none where it is no certificate.
pub fn subject_of(certificate: &[u8]) -> Option<Subject> {
    let whole = Reader::new(certificate).expect(tag::SEQUENCE)?;
    let mut fields = whole.inner().expect(tag::SEQUENCE)?.inner();
    let mut first = fields.next()?;
    if first.tag == tag::CONTEXT_0 {
        // The version; the serial number follows.
        first = fields.next()?;
    }
    if first.tag != tag::INTEGER {
        return None;
    }
    let (_algorithm, _issuer, _validity) = (fields.next()?, fields.next()?, fields.next()?);
    Subject::read(&fields.expect(tag::SEQUENCE)?)
}
