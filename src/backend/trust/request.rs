//! Requests for certificates (PKCS #10, RFC 2986).

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{PublicKeyData, SanType, SignatureAlgorithm};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::der::{Element, Reader, tag};
use super::subject::Subject;

/// `extensionRequest`.
const EXTENSION_REQUEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
/// `id-ce-subjectAltName`.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Object identifiers of signature algorithms.
mod signed {
    pub(super) const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    pub(super) const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
    pub(super) const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
    pub(super) const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    pub(super) const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
}

/// A request that is signed by the key it is about.
pub struct Request {
    /// For whom.
    pub subject: Subject,
    /// Further names.
    pub names: Vec<SanType>,
    key: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl Request {
    /// Reads a request in PEM.
    ///
    /// # Errors
    /// Text that is no request, a signature that is not the key's, or a kind of key that is not known; the
    /// words are those of the API server where it has any.
    pub fn read(pem: &[u8]) -> Result<Self, String> {
        let der = unwrap(pem).ok_or("PEM block type must be CERTIFICATE REQUEST")?;
        let malformed = || "asn1: structure error: not a certificate request".to_owned();
        let mut outer = Reader::new(&der).expect(tag::SEQUENCE).ok_or_else(malformed)?.inner();
        let info = outer.expect(tag::SEQUENCE).ok_or_else(malformed)?;
        let algorithm = outer.expect(tag::SEQUENCE).ok_or_else(malformed)?;
        let signature = outer.next().and_then(|bits| bits.bits()).ok_or_else(malformed)?;
        let mut fields = info.inner();
        fields.expect(tag::INTEGER).ok_or_else(malformed)?;
        let name = fields.expect(tag::SEQUENCE).ok_or_else(malformed)?;
        let key_info = fields.expect(tag::SEQUENCE).ok_or_else(malformed)?;
        let subject = Subject::read(&name).ok_or_else(malformed)?;
        let names = fields.next().map_or_else(Vec::new, |attributes| alternative_names(&attributes));
        let (kind, key) = public_key(&key_info).ok_or("x509: unsupported public key")?;
        let signed_by = algorithm.inner().expect(tag::OBJECT).ok_or_else(malformed)?;
        let verifier = verifier(signed_by.content, kind).ok_or("x509: unsupported signature algorithm")?;
        UnparsedPublicKey::new(verifier, key)
            .verify(info.whole, signature)
            .map_err(|_| "x509: the request is not signed by its key".to_owned())?;
        Ok(Self { subject, names, key: key.to_vec(), algorithm: kind.algorithm() })
    }
}

impl PublicKeyData for Request {
    fn der_bytes(&self) -> &[u8] {
        &self.key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

/// Kinds of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::Rsa => &rcgen::PKCS_RSA_SHA256,
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

/// The bytes of the first block, if that is a request.
fn unwrap(pem: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let after = text.split_once("-----BEGIN CERTIFICATE REQUEST-----")?.1;
    let body = after.split_once("-----END CERTIFICATE REQUEST-----")?.0;
    BASE64_STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}

fn public_key<'a>(info: &Element<'a>) -> Option<(Kind, &'a [u8])> {
    let mut parts = info.inner();
    let mut algorithm = parts.expect(tag::SEQUENCE)?.inner();
    let kind = match algorithm.expect(tag::OBJECT)?.content {
        RSA => Kind::Rsa,
        ED25519 => Kind::Ed25519,
        EC => match algorithm.expect(tag::OBJECT)?.content {
            P256 => Kind::P256,
            P384 => Kind::P384,
            _ => return None,
        },
        _ => return None,
    };
    Some((kind, parts.next()?.bits()?))
}

fn verifier(algorithm: &[u8], kind: Kind) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (algorithm, kind) {
        (signed::RSA_SHA256, Kind::Rsa) => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        (signed::RSA_SHA384, Kind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (signed::RSA_SHA512, Kind::Rsa) => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        (signed::ECDSA_SHA256, Kind::P256) => &signature::ECDSA_P256_SHA256_ASN1,
        (signed::ECDSA_SHA384, Kind::P256) => &signature::ECDSA_P256_SHA384_ASN1,
        (signed::ECDSA_SHA256, Kind::P384) => &signature::ECDSA_P384_SHA256_ASN1,
        (signed::ECDSA_SHA384, Kind::P384) => &signature::ECDSA_P384_SHA384_ASN1,
        (ED25519, Kind::Ed25519) => &signature::ED25519,
        _ => return None,
    })
}

/// The alternative names that are asked for.
fn alternative_names(attributes: &Element<'_>) -> Vec<SanType> {
    let mut found = Vec::new();
    let mut attributes = attributes.inner();
    while let Some(attribute) = attributes.next() {
        let mut parts = attribute.inner();
        if parts.expect(tag::OBJECT).is_none_or(|kind| kind.content != EXTENSION_REQUEST) {
            continue;
        }
        let Some(list) = parts.expect(tag::SET).and_then(|set| set.inner().expect(tag::SEQUENCE)) else { continue };
        let mut extensions = list.inner();
        while let Some(extension) = extensions.next() {
            let mut parts = extension.inner();
            if parts.expect(tag::OBJECT).is_none_or(|kind| kind.content != ALTERNATIVE_NAMES) {
                continue;
            }
            // Whether it is critical may stand in between.
            let mut value = parts.next();
            if value.is_some_and(|value| value.tag != tag::OCTETS) {
                value = parts.next();
            }
            let Some(names) = value.and_then(|value| value.inner().expect(tag::SEQUENCE)) else { continue };
            let mut names = names.inner();
            while let Some(name) = names.next() {
                found.extend(general_name(&name));
            }
        }
    }
    found
}

fn general_name(name: &Element<'_>) -> Option<SanType> {
    match name.tag {
        0x81 => Some(SanType::Rfc822Name(name.text().as_str().try_into().ok()?)),
        0x82 => Some(SanType::DnsName(name.text().as_str().try_into().ok()?)),
        0x86 => Some(SanType::URI(name.text().as_str().try_into().ok()?)),
        0x87 => {
            let four = <[u8; 4]>::try_from(name.content).map(IpAddr::from);
            let sixteen = || <[u8; 16]>::try_from(name.content).map(IpAddr::from);
            Some(SanType::IpAddress(four.or_else(|_| sixteen()).ok()?))
        }
        _ => None,
    }
}
