//! Certificates (X.509, RFC 5280): of their fields, those that decide whether to trust them.

use super::constraints::Constraints;
use super::der::{Der, decimal, seconds, tag, whole_bits};
use super::names::{Names, attributes, names};

/// Object identifiers, encoded.
mod oid {
    pub(super) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    pub(super) const ORGANIZATION: &[u8] = &[0x55, 4, 10];
    pub(super) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    pub(super) const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
    pub(super) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
    pub(super) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
    pub(super) const EXTENDED_USAGE: &[u8] = &[0x55, 0x1d, 37];
    pub(super) const ANY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
    pub(super) const SERVER: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
    pub(super) const KEY_ID: &[u8] = &[0x55, 0x1d, 14];
    pub(super) const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
    pub(super) const AUTHORITY_PLACES: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
    /// Extensions that change nothing here: places of lists, policies.
    pub(super) const IDLE: [&[u8]; 2] = [&[0x55, 0x1d, 31], &[0x55, 0x1d, 32]];
}

/// Why something is no certificate, in Go's words.
pub(super) type Malformed = &'static str;

const MALFORMED: Malformed = "x509: malformed certificate";

/// A public key: its algorithm's identifier and its bits, and both as they are encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicKey<'a> {
    pub(super) algorithm: &'a [u8],
    pub(super) bits: &'a [u8],
    pub(super) encoded: &'a [u8],
}

/// A certificate, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Certificate<'a> {
    /// All of it.
    pub(super) encoded: &'a [u8],
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// The identifier of the signature's algorithm.
    pub(super) algorithm: &'a [u8],
    /// The signature.
    pub(super) signature: &'a [u8],
    /// 1 to 3.
    pub(super) version: u8,
    serial: &'a [u8],
    /// Who signed it, encoded.
    pub(super) issuer: &'a [u8],
    /// Whose it is, encoded.
    pub(super) subject: &'a [u8],
    /// Seconds since 1970.
    pub(super) not_before: i64,
    /// Seconds since 1970.
    pub(super) not_after: i64,
    /// The key that it vouches for.
    pub(super) key: PublicKey<'a>,
    /// The names of the machine; none where it does not speak of any.
    pub(super) names: Option<Names<'a>>,
    /// Whether it is an authority's, and how many more may follow below; none where it does not say.
    pub(super) authority: Option<(bool, Option<usize>)>,
    /// Whether it may sign certificates; none where it does not say.
    pub(super) signs: Option<bool>,
    /// Whether it is for servers; none where it does not say what it is for.
    pub(super) serves: Option<bool>,
    /// How it narrows the names of those below.
    pub(super) constraints: Option<Constraints<'a>>,
    /// What its key is called; empty for nothing.
    pub(super) key_id: &'a [u8],
    /// What the key of its authority is called; empty for nothing.
    pub(super) authority_key_id: &'a [u8],
    /// Whether it has an extension that must be understood and is not.
    pub(super) unhandled: bool,
}

impl<'a> Certificate<'a> {
    /// Takes a certificate apart.
    pub(super) fn parse(encoded: &'a [u8]) -> Result<Self, Malformed> {
        let mut whole = Der(encoded);
        let mut outer = Der(whole.expect(tag::SEQUENCE).ok_or(MALFORMED)?);
        if !whole.is_empty() {
            return Err("x509: trailing data");
        }
        let (_, inner, signed) =
            outer.any().filter(|(tag, ..)| *tag == tag::SEQUENCE).ok_or("x509: malformed tbs certificate")?;
        let algorithm = outer.expect(tag::SEQUENCE).ok_or("x509: malformed signature algorithm identifier")?;
        let signature = outer.expect(tag::BITS).and_then(whole_bits).ok_or("x509: malformed signature")?;
        let mut inner = Der(inner);
        let version = match inner.maybe(tag::VERSION) {
            None => 1,
            Some(version) => match Der(version).expect(tag::INTEGER) {
                Some([version @ 0..=2]) => version + 1,
                _ => return Err("x509: invalid version"),
            },
        };
        let serial = inner.expect(tag::INTEGER).ok_or("x509: malformed serial number")?;
        if serial.first().is_none_or(|first| first & 0x80 != 0) {
            return Err("x509: negative serial number");
        }
        if inner.expect(tag::SEQUENCE) != Some(algorithm) {
            return Err("x509: inner and outer signature algorithm identifiers don't match");
        }
        let mut name = |wrong: Malformed| {
            inner.any().filter(|(tag, ..)| *tag == tag::SEQUENCE).map(|(_, _, encoded)| encoded).ok_or(wrong)
        };
        let issuer = name("x509: malformed issuer")?;
        let mut validity = Der(inner.expect(tag::SEQUENCE).ok_or("x509: malformed validity")?);
        let mut time =
            || validity.any().and_then(|(tag, text, _)| seconds(tag, text)).ok_or("x509: malformed validity");
        let (not_before, not_after) = (time()?, time()?);
        let mut name = |wrong: Malformed| {
            inner.any().filter(|(tag, ..)| *tag == tag::SEQUENCE).map(|(_, _, encoded)| encoded).ok_or(wrong)
        };
        let subject = name("x509: malformed subject")?;
        let key = inner.any().filter(|(tag, ..)| *tag == tag::SEQUENCE).and_then(public_key);
        let mut certificate = Self {
            encoded,
            signed,
            algorithm,
            signature,
            version,
            serial,
            issuer,
            subject,
            not_before,
            not_after,
            key: key.ok_or("x509: malformed spki")?,
            names: None,
            authority: None,
            signs: None,
            serves: None,
            constraints: None,
            key_id: &[],
            authority_key_id: &[],
            unhandled: false,
        };
        // Older versions have none.
        while version == 3
            && let Some((tag, content, _)) = inner.any()
        {
            if tag == tag::EXTENSIONS {
                certificate.read_extensions(content)?;
            }
        }
        Ok(certificate)
    }

    fn read_extensions(&mut self, content: &'a [u8]) -> Result<(), Malformed> {
        const MALFORMED: Malformed = "x509: malformed extension";
        let mut list = Der(Der(content).expect(tag::SEQUENCE).ok_or("x509: malformed extensions")?);
        let mut seen = Vec::new();
        while !list.is_empty() {
            let mut extension = Der(list.expect(tag::SEQUENCE).ok_or(MALFORMED)?);
            let id = extension.expect(tag::OID).ok_or(MALFORMED)?;
            let critical = extension.truth().ok_or(MALFORMED)?;
            let value = extension.expect(tag::OCTETS).ok_or(MALFORMED)?;
            if seen.contains(&id) {
                return Err("x509: certificate contains duplicate extension");
            }
            seen.push(id);
            self.read_extension(id, critical, value)?;
        }
        Ok(())
    }

    fn read_extension(&mut self, id: &'a [u8], critical: bool, value: &'a [u8]) -> Result<(), Malformed> {
        {
            match id {
                oid::KEY_USAGE => {
                    let bits = Der(value).expect(tag::BITS).ok_or("x509: invalid key usage")?;
                    /// Bit 5, keyCertSign, counted from the left behind the count of unused bits.
                    const CERTIFICATES: u8 = 0x04;
                    let usage = bits.get(1).copied().unwrap_or_default();
                    let any = bits.get(1..).is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0));
                    self.signs = any.then_some(usage & CERTIFICATES != 0);
                }
                oid::BASIC_CONSTRAINTS => {
                    const INVALID: Malformed = "x509: invalid basic constraints";
                    let mut fields = Der(Der(value).expect(tag::SEQUENCE).ok_or(INVALID)?);
                    let authority = fields.truth().ok_or(INVALID)?;
                    let depth = match fields.maybe(tag::INTEGER) {
                        Some(bytes) if matches!(bytes, [0..=0x7f, ..]) && bytes.len() <= 4 => {
                            Some(bytes.iter().fold(0, |depth, byte| (depth << 8) | usize::from(*byte)))
                        }
                        Some(_) => return Err(INVALID),
                        None => None,
                    };
                    self.authority = Some((authority, depth));
                }
                oid::ALTERNATIVE_NAMES => {
                    let names = names(value)?;
                    // Names of other kinds alone are not understood.
                    let known = names.dns.len() + names.ip.len() + names.emails.len() + names.uris.len();
                    self.unhandled |= critical && known == 0;
                    self.names = Some(names);
                }
                oid::EXTENDED_USAGE => {
                    const INVALID: Malformed = "x509: invalid extended key usages";
                    let mut usages = Der(Der(value).expect(tag::SEQUENCE).ok_or(INVALID)?);
                    while !usages.is_empty() {
                        let usage = usages.expect(tag::OID).ok_or(INVALID)?;
                        let serves = matches!(usage, oid::ANY_USAGE | oid::SERVER);
                        self.serves = Some(serves || self.serves == Some(true));
                    }
                }
                oid::NAME_CONSTRAINTS => {
                    let constraints = Constraints::parse(value)?;
                    self.unhandled |= critical && constraints.unhandled;
                    self.constraints = Some(constraints);
                }
                oid::KEY_ID if critical => return Err("x509: subject key identifier incorrectly marked critical"),
                oid::AUTHORITY_KEY_ID if critical => {
                    return Err("x509: authority key identifier incorrectly marked critical");
                }
                oid::AUTHORITY_PLACES if critical => {
                    return Err("x509: authority info access incorrectly marked critical");
                }
                oid::KEY_ID => {
                    self.key_id = Der(value).expect(tag::OCTETS).ok_or("x509: invalid subject key identifier")?;
                }
                oid::AUTHORITY_KEY_ID => {
                    let fields = Der(value).expect(tag::SEQUENCE).ok_or("x509: invalid authority key identifier")?;
                    self.authority_key_id = Der(fields).maybe(tag::KEY_ID).unwrap_or_default();
                }
                oid::AUTHORITY_PLACES => {}
                other => self.unhandled |= critical && !oid::IDLE.contains(&other),
            }
        }
        Ok(())
    }

    /// The subject's common name; empty for none.
    pub(super) fn common_name(&self) -> String {
        attributes(self.subject, oid::COMMON_NAME).pop().unwrap_or_default()
    }

    /// How errors name it: by its common name, else its organisation, else its number.
    pub(super) fn called(&self) -> String {
        let name = self.common_name();
        if !name.is_empty() {
            return name;
        }
        attributes(self.subject, oid::ORGANIZATION)
            .into_iter()
            .next()
            .unwrap_or_else(|| format!("serial:{}", decimal(self.serial)))
    }

    /// Whether it is the same subject with the same key and names (RFC 5280 lets several certificates
    /// be).
    pub(super) fn is_twin_of(&self, other: &Self) -> bool {
        self.subject == other.subject && self.key.encoded == other.key.encoded && self.names == other.names
    }
}

/// Modulus and exponent of an RSA key (RFC 8017, A.1.1), without leading zeros.
pub(super) fn rsa_key(bits: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Der(bits);
    let mut fields = Der(outer.expect(tag::SEQUENCE)?);
    let mut number = || {
        let bytes = fields.expect(tag::INTEGER)?;
        let rest = bytes.strip_prefix(&[0]).unwrap_or(bytes);
        // Neither negative, nor longer than it must be.
        let plain = bytes.first()? & 0x80 == 0 && (rest.len() == bytes.len() || rest.first()? & 0x80 != 0);
        plain.then_some(rest)
    };
    let key = (number()?, number()?);
    (fields.is_empty() && outer.is_empty()).then_some(key)
}

fn public_key<'a>((_, content, encoded): (u8, &'a [u8], &'a [u8])) -> Option<PublicKey<'a>> {
    let mut fields = Der(content);
    let algorithm = fields.expect(tag::SEQUENCE)?;
    Some(PublicKey { algorithm, bits: whole_bits(fields.expect(tag::BITS)?)?, encoded })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let mut params =
            rcgen::CertificateParams::new(vec!["a.example.org".to_owned(), "10.1.2.3".to_owned()]).expect("parameters");
        params.distinguished_name.push(rcgen::DnType::CommonName, "system:node:a");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.self_signed(&rcgen::KeyPair::generate().expect("a key")).expect("a certificate").der().to_vec()
    }

    #[test]
    fn takes_certificates_apart() {
        let der = sample();
        let certificate = Certificate::parse(&der).expect("a certificate");
        let names = certificate.names.as_ref().expect("names");
        assert_eq!((names.dns.as_slice(), names.ip.len()), (&["a.example.org"][..], 1));
        assert_eq!((certificate.version, certificate.common_name().as_str()), (3, "system:node:a"));
        assert_eq!(
            (certificate.serves, certificate.unhandled, certificate.constraints.is_some()),
            (Some(true), false, false)
        );
        assert!(certificate.not_before < certificate.not_after);
    }

    proptest! {
        #[test]
        fn never_panics(at in 0_usize..600, byte in any::<u8>(), cut in 0_usize..600) {
            let mut der = sample();
            if let Some(old) = der.get_mut(at) {
                *old = byte;
            }
            let _ = Certificate::parse(&der);
            der.truncate(cut);
            let _ = Certificate::parse(&der);
        }
    }
}
