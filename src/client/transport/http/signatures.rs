//! Ways of signing that ring does not check and Go does: ECDSA on P-521, or with hashes longer than the
//! curve; RSA with keys of 1024 to 2047 bits. Nothing here is secret.

use std::sync::LazyLock;

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U64, U2048};
use p521::ecdsa::signature::hazmat::PrehashVerifier;
use ring::digest::{self, Algorithm as Hash};
use rustls::SignatureScheme::{self, self as Scheme};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

use super::certificate::rsa_key;

type Known = &'static dyn SignatureVerificationAlgorithm;

/// All that is checked: ring's ways and those here.
pub(super) fn algorithms() -> WebPkiSupportedAlgorithms {
    static ALL: LazyLock<WebPkiSupportedAlgorithms> = LazyLock::new(|| {
        let rings = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let all = rings.all.iter().copied().chain(MORE.iter().map(|way| way as Known)).collect::<Vec<_>>();
        // The longer list is behind ring's own: what a server may choose is offered in ring's order.
        let mut mapping: Vec<(SignatureScheme, &'static [Known])> = Vec::new();
        let schemes = rings.mapping.iter().map(|(scheme, ways)| (*scheme, *ways));
        for (scheme, ways) in schemes.chain([(SignatureScheme::ECDSA_NISTP521_SHA512, &[] as &[Known])]) {
            let more = MORE.iter().filter(|way| way.scheme == scheme).map(|way| way as Known);
            mapping.push((scheme, ways.iter().copied().chain(more).collect::<Vec<_>>().leak()));
        }
        WebPkiSupportedAlgorithms { all: all.leak(), mapping: mapping.leak() }
    });
    *ALL
}

/// Checks an ECDSA signature on one of the curves.
macro_rules! on_curve {
    ($curve:ident, $key:expr, $hashed:expr, $signature:expr) => {{
        use $curve::ecdsa::{Signature, VerifyingKey};
        // A hash that is much shorter than the curve's numbers counts as a number all the same.
        let mut padded = [0; 66];
        let short = padded.len().saturating_sub($hashed.len());
        if let Some(place) = padded.get_mut(short..) {
            place.copy_from_slice($hashed);
        }
        let hashed = if stringify!($curve) == "p521" { &padded[..] } else { $hashed };
        // Points are given whole.
        let key = Some($key).filter(|key: &&[u8]| key.first() == Some(&4));
        key.and_then(|key| VerifyingKey::from_sec1_bytes(key).ok())
            .zip(Signature::from_der($signature).ok())
            .and_then(|(key, signature)| key.verify_prehash(hashed, &signature).ok())
    }};
}

/// A kind of key, and how it signs.
#[derive(Clone, Copy, Debug)]
enum Kind {
    P256,
    P384,
    P521,
    Pkcs1,
    Pss,
}

/// A way of signing.
#[derive(Debug)]
struct Way {
    kind: Kind,
    hash: &'static Hash,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    scheme: SignatureScheme,
}

const fn way(
    kind: Kind,
    hash: &'static Hash,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    scheme: SignatureScheme,
) -> Way {
    Way { kind, hash, key, signature, scheme }
}

static MORE: [Way; 11] = [
    way(Kind::P521, &digest::SHA512, alg_id::ECDSA_P521, alg_id::ECDSA_SHA512, Scheme::ECDSA_NISTP521_SHA512),
    way(Kind::P521, &digest::SHA384, alg_id::ECDSA_P521, alg_id::ECDSA_SHA384, Scheme::ECDSA_NISTP384_SHA384),
    way(Kind::P521, &digest::SHA256, alg_id::ECDSA_P521, alg_id::ECDSA_SHA256, Scheme::ECDSA_NISTP256_SHA256),
    way(Kind::P384, &digest::SHA512, alg_id::ECDSA_P384, alg_id::ECDSA_SHA512, Scheme::ECDSA_NISTP521_SHA512),
    way(Kind::P256, &digest::SHA512, alg_id::ECDSA_P256, alg_id::ECDSA_SHA512, Scheme::ECDSA_NISTP521_SHA512),
    way(Kind::Pkcs1, &digest::SHA256, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256, Scheme::RSA_PKCS1_SHA256),
    way(Kind::Pkcs1, &digest::SHA384, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384, Scheme::RSA_PKCS1_SHA384),
    way(Kind::Pkcs1, &digest::SHA512, alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512, Scheme::RSA_PKCS1_SHA512),
    way(Kind::Pss, &digest::SHA256, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256, Scheme::RSA_PSS_SHA256),
    way(Kind::Pss, &digest::SHA384, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384, Scheme::RSA_PSS_SHA384),
    way(Kind::Pss, &digest::SHA512, alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512, Scheme::RSA_PSS_SHA512),
];

impl SignatureVerificationAlgorithm for Way {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let hashed = digest::digest(self.hash, message);
        let hashed = hashed.as_ref();
        let holds = match self.kind {
            Kind::P256 => on_curve!(p256, key, hashed, signature),
            Kind::P384 => on_curve!(p384, key, hashed, signature),
            Kind::P521 => on_curve!(p521, key, hashed, signature),
            Kind::Pkcs1 => opened(key, signature).and_then(|(block, _)| is_pkcs1(&block, hashed, self.hash)),
            Kind::Pss => opened(key, signature).and_then(|(block, bits)| is_pss(&block, bits, hashed, self.hash)),
        };
        holds.ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// The block that an RSA key (RFC 8017, A.1.1) finds in a signature, as long as the key, and the key's
/// bits. None for keys that ring knows, and for those that are too short.
fn opened(key: &[u8], signature: &[u8]) -> Option<(Vec<u8>, usize)> {
    const SHORTEST: usize = 1024;
    const RINGS: usize = 2048;
    let (modulus, exponent) = rsa_key(key)?;
    let first = modulus.first().filter(|first| **first != 0)?;
    let bits = modulus.len() * 8 - usize::try_from(first.leading_zeros()).ok()?;
    if !(SHORTEST..RINGS).contains(&bits) || signature.len() != modulus.len() || exponent.len() > 4 {
        return None;
    }
    let small = exponent.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    if small < 3 || small % 2 == 0 || small > u64::from(u32::MAX >> 1) {
        return None;
    }
    let number = |bytes: &[u8]| {
        let mut whole = [0; 256];
        whole.get_mut(256 - bytes.len()..)?.copy_from_slice(bytes);
        Some(U2048::from_be_slice(&whole))
    };
    let (modulus_number, signed) = (number(modulus)?, number(signature)?);
    if signed >= modulus_number {
        return None;
    }
    let modulus_number = Option::from(Odd::new(modulus_number))?;
    let params = FixedMontyParams::new_vartime(modulus_number);
    let opened = FixedMontyForm::new(&signed, &params).pow_vartime(&U64::from_u64(small)).retrieve();
    let all = opened.to_be_bytes();
    let all: &[u8] = all.as_ref();
    Some((all.get(all.len().checked_sub(modulus.len())?..)?.to_vec(), bits))
}

/// RSASSA-PKCS1-v1_5 (RFC 8017, 9.2): the one block that is right.
fn is_pkcs1(block: &[u8], hashed: &[u8], hash: &Hash) -> Option<()> {
    let last: u8 = match hash.output_len() {
        32 => 1,
        48 => 2,
        _ => 3,
    };
    let length = u8::try_from(hashed.len()).ok()?;
    let mut info = vec![0x30, 17 + length, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last, 5, 0, 4, length];
    info.extend_from_slice(hashed);
    let fill = block.len().checked_sub(info.len() + 3).filter(|fill| *fill >= 8)?;
    let mut want = vec![0, 1];
    want.resize(2 + fill, 0xff);
    want.push(0);
    want.extend(info);
    (want == block).then_some(())
}

/// RSASSA-PSS (RFC 8017, 9.1.2) with salts as long as the hash, as TLS has them (RFC 8446, 4.2.3).
fn is_pss(block: &[u8], bits: usize, hashed: &[u8], hash: &'static Hash) -> Option<()> {
    let size = hash.output_len();
    // One bit less than the key: where that is whole bytes, the first byte is not used.
    let unused = block.len() * 8 - (bits - 1);
    let block = if unused >= 8 { block.strip_prefix(&[0])? } else { block };
    let top = 0xff_u8 >> (unused % 8);
    let (rest, end) = block.split_at_checked(block.len().checked_sub(1)?)?;
    let (masked, seal) = rest.split_at_checked(rest.len().checked_sub(size)?)?;
    if end != [0xbc] || masked.first().is_none_or(|first| first & !top != 0) {
        return None;
    }
    let mut opened = masked.to_vec();
    for (counter, piece) in (0_u32..).zip(opened.chunks_mut(size)) {
        let mask = digest::digest(hash, &[seal, &counter.to_be_bytes()].concat());
        piece.iter_mut().zip(mask.as_ref()).for_each(|(byte, mask)| *byte ^= mask);
    }
    *opened.first_mut()? &= top;
    let (fill, salt) = opened.split_at_checked(opened.len().checked_sub(size)?)?;
    let (one, zeros) = fill.split_last()?;
    if *one != 1 || zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    let again = digest::digest(hash, &[&[0; 8][..], hashed, salt].concat());
    (again.as_ref() == seal).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::certificate::Certificate;
    use super::super::pem;
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str) -> Vec<u8> {
        let file = format!("{}/tests/data/certificates/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        pem::certificates(&std::fs::read(file).expect("a file")).remove(0).to_vec()
    }

    /// Whether a certificate is signed with its own key.
    fn holds(certificate: &Certificate<'_>, message: &[u8], signature: &[u8]) -> bool {
        let ways = algorithms().all.iter().filter(|way| {
            way.signature_alg_id().as_ref() == certificate.algorithm
                && way.public_key_alg_id().as_ref() == certificate.key.algorithm
        });
        let mut ways = ways.peekable();
        assert!(ways.peek().is_some(), "a way to check it");
        ways.any(|way| way.verify_signature(certificate.key.bits, message, signature).is_ok())
    }

    #[test]
    fn checks_what_openssl_signed() {
        for (name, want) in [
            ("p521-sha512", true),
            ("p521-sha384", true),
            ("p521-sha256", true),
            ("p384-sha512", true),
            ("p256-sha512", true),
            ("rsa1024-sha256", true),
            ("rsa1024-sha512", true),
            ("rsa1536-sha384", true),
            ("rsa2048-sha256", true),
            ("rsa1024-pss-sha256", true),
            ("rsa1025-pss-sha256", true),
            ("rsa1030-pss-sha384", true),
            ("rsa768-sha256", false),
        ] {
            let der = read(name);
            let certificate = Certificate::parse(&der).expect("a certificate");
            assert_eq!(holds(&certificate, certificate.signed, certificate.signature), want, "{name}");
            let mut message = certificate.signed.to_vec();
            message[20] ^= 1;
            assert!(!holds(&certificate, &message, certificate.signature), "{name}: another text");
            for at in [0, 5, certificate.signature.len() - 1] {
                let mut signature = certificate.signature.to_vec();
                signature[at] ^= 1;
                assert!(!holds(&certificate, certificate.signed, &signature), "{name}: another signature");
            }
            assert!(!holds(&certificate, certificate.signed, &[]), "{name}: none");
            let longer = [certificate.signature, &[0]].concat();
            assert!(!holds(&certificate, certificate.signed, &longer), "{name}: a longer one");
        }
    }

    #[test]
    fn offers_rings_schemes_first() {
        let own = algorithms();
        let ring = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        assert!(own.supported_schemes().starts_with(&ring.supported_schemes()));
        assert_eq!(own.supported_schemes().last(), Some(&Scheme::ECDSA_NISTP521_SHA512));
        // TLS 1.3 takes the first: the scheme's own curve.
        let first =
            |scheme| own.mapping.iter().find(|(own, _)| *own == scheme).map(|(_, ways)| ways[0].public_key_alg_id());
        assert_eq!(first(Scheme::ECDSA_NISTP521_SHA512), Some(alg_id::ECDSA_P521));
        assert_eq!(first(Scheme::ECDSA_NISTP256_SHA256), Some(alg_id::ECDSA_P256));
    }

    proptest! {
        #[test]
        fn never_panics(
            key in prop::collection::vec(any::<u8>(), 0..300),
            signature in prop::collection::vec(any::<u8>(), 0..300),
            size in 120_usize..260,
        ) {
            // Something that looks like a key, too.
            let modulus: Vec<u8> = [0xff].into_iter().chain(key.iter().copied().cycle().take(size)).collect();
            let mut der = vec![0x30, 0x82, 0, 0, 0x02, 0x82];
            der.extend(u16::try_from(modulus.len() + 1).expect("short").to_be_bytes());
            der.push(0);
            der.extend(&modulus);
            der.extend([2, 1, 3]);
            let length = u16::try_from(der.len() - 4).expect("short").to_be_bytes();
            der[2..4].copy_from_slice(&length);
            for way in &MORE {
                for key in [&key, &der] {
                    let _ = way.verify_signature(key, b"text", &signature);
                    let _ = way.verify_signature(key, b"text", &modulus);
                }
            }
        }
    }
}
