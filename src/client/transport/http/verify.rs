//! Whether to believe a server, as Go's `crypto/x509` decides it. Where it differs from webpki: an
//! authority, or a certificate of version 1, may be a server's own; any trusted certificate counts as it
//! is, even one that is no authority's; trusted authorities expire, too.

use std::net::IpAddr;

use rustls::crypto::WebPkiSupportedAlgorithms;

use super::certificate::{Certificate, rsa_key};
use super::constraints;
use crate::object::{Timestamp, time};

/// Signatures that are checked at most, so that certificates cannot be made to keep a client busy.
const MOST_CHECKS: usize = 100;

/// What is asked of a server's certificate.
pub(super) struct Question<'a> {
    /// Those who are trusted.
    pub(super) roots: &'a [Certificate<'a>],
    /// Those who may stand between.
    pub(super) intermediates: &'a [Certificate<'a>],
    /// The name that the server must have.
    pub(super) host: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// Ways of signing that are known.
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// Whose certificate it is in a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Server,
    Intermediate,
    Root,
}

/// Why a signature does not count.
struct Hint {
    why: String,
    whose: String,
}

impl<'a> Question<'a> {
    /// Finds a chain from the server's certificate to a trusted one.
    ///
    /// # Errors
    /// Go's words, without `tls: failed to verify certificate: `.
    pub(super) fn ask(&self, leaf: &'a Certificate<'a>) -> Result<(), String> {
        self.holds(leaf, Role::Server, &[])?;
        check_host(leaf, self.host)?;
        let mut chains = Vec::new();
        if self.roots.iter().any(|root| root.encoded == leaf.encoded) {
            chains.push(vec![leaf]);
        } else {
            let mut checks = 0;
            self.build(&[leaf], &mut checks, &mut chains)?;
        }
        // One good chain is enough.
        let mut narrowed = None;
        for chain in chains.iter().filter(|chain| chain.iter().all(|one| one.serves != Some(false))) {
            match constraints::check(chain) {
                Ok(()) => return Ok(()),
                Err(why) => narrowed = narrowed.or(Some(why)),
            }
        }
        Err(narrowed.map_or_else(
            || "x509: certificate specifies an incompatible key usage".to_owned(),
            |why| format!("x509: a root or intermediate certificate is not authorized to sign for this name: {why}"),
        ))
    }

    /// Extends a chain in every way that ends at a trusted certificate. Its depth is bounded by the number
    /// of certificates: none is in a chain twice.
    fn build(
        &self,
        chain: &[&'a Certificate<'a>],
        checks: &mut usize,
        chains: &mut Vec<Vec<&'a Certificate<'a>>>,
    ) -> Result<(), String> {
        let Some(last) = chain.last() else { return Ok(()) };
        let before = chains.len();
        let mut fault = None;
        let mut hint = None;
        let roots = likely(last, self.roots).into_iter().map(|root| (Role::Root, root));
        let candidates = roots.chain(likely(last, self.intermediates).into_iter().map(|one| (Role::Intermediate, one)));
        for (role, candidate) in candidates {
            *checks += 1;
            if *checks > MOST_CHECKS {
                fault =
                    Some("x509: signature check attempts limit reached while verifying certificate chain".to_owned());
                break;
            }
            if chain.iter().any(|certificate| certificate.is_twin_of(candidate)) {
                continue;
            }
            let mut note = |why: &str| {
                hint.get_or_insert_with(|| Hint { why: why.to_owned(), whose: candidate.called() });
            };
            if let Err(why) = self.signed_by(last, candidate) {
                note(&why);
                continue;
            }
            if let Err(why) = self.holds(candidate, role, chain) {
                note(&why);
                fault = Some(why);
                continue;
            }
            fault = None;
            let longer: Vec<_> = chain.iter().copied().chain([candidate]).collect();
            match role {
                Role::Root => chains.push(longer),
                _ => fault = self.build(&longer, checks, chains).err(),
            }
        }
        if chains.len() > before {
            return Ok(());
        }
        Err(fault.unwrap_or_else(|| {
            let unknown = "x509: certificate signed by unknown authority";
            hint.map_or_else(
                || unknown.to_owned(),
                |Hint { why, whose }| {
                    format!(
                        "{unknown} (possibly because of {why:?} while trying to verify candidate authority certificate {whose:?})"
                    )
                },
            )
        }))
    }

    /// Whether a certificate may be where it is in a chain.
    fn holds(&self, certificate: &Certificate<'_>, role: Role, chain: &[&Certificate<'_>]) -> Result<(), String> {
        if certificate.unhandled {
            return Err("x509: unhandled critical extension".to_owned());
        }
        let shown = |seconds: i64| Timestamp::from_second(seconds).map(time::rfc3339).unwrap_or_default();
        let outside = |side: &str, limit: i64| {
            let (now, limit) = (shown(self.now), shown(limit));
            format!("x509: certificate has expired or is not yet valid: current time {now} is {side} {limit}")
        };
        if self.now < certificate.not_before {
            return Err(outside("before", certificate.not_before));
        }
        if self.now > certificate.not_after {
            return Err(outside("after", certificate.not_after));
        }
        if role == Role::Intermediate && !matches!(certificate.authority, Some((true, _))) {
            return Err("x509: certificate is not authorized to sign other certificates".to_owned());
        }
        if let Some((_, Some(depth))) = certificate.authority
            && chain.len().saturating_sub(1) > depth
        {
            return Err("x509: too many intermediates for path length constraint".to_owned());
        }
        Ok(())
    }

    /// Whether `parent` signed `child`, and may.
    fn signed_by(&self, child: &Certificate<'_>, parent: &Certificate<'_>) -> Result<(), String> {
        let is_authority = match parent.authority {
            Some((authority, _)) => authority,
            None => parent.version < 3,
        };
        if !is_authority || parent.signs == Some(false) {
            return Err("x509: invalid signature: parent certificate cannot sign this kind of certificate".to_owned());
        }
        if let Some(name) = insecure(child.algorithm) {
            return Err(format!("x509: cannot verify signature: insecure algorithm {name}"));
        }
        if let (Some(signed), Some((own, kind))) = (signing_kind(child.algorithm), key_kind(parent.key.algorithm))
            && signed != own
        {
            return Err(format!(
                "x509: signature algorithm specifies an {signed} public key, but have public key of type {kind}"
            ));
        }
        if let Some(bits) = rsa_bits(parent.key.algorithm, parent.key.bits).filter(|bits| *bits < SHORTEST_RSA) {
            return Err(format!(
                "crypto/rsa: {bits}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
            ));
        }
        let known = |algorithm: &&&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            is_same_way(algorithm.signature_alg_id().as_ref(), child.algorithm)
                && algorithm.public_key_alg_id().as_ref() == parent.key.algorithm
        };
        let mut usable = self.algorithms.all.iter().filter(known).peekable();
        if usable.peek().is_none() {
            return Err("x509: cannot verify signature: algorithm unimplemented".to_owned());
        }
        let key = parent.key;
        if usable.any(|algorithm| algorithm.verify_signature(key.bits, child.signed, child.signature).is_ok()) {
            return Ok(());
        }
        Err(mismatch(key.algorithm).to_owned())
    }
}

/// Bits that an RSA key must have at least.
const SHORTEST_RSA: usize = 1024;

/// Identifiers of RSA, elliptic curves and Ed25519.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// The object identifier that an algorithm's identifier begins with.
fn oid(algorithm: &[u8]) -> &[u8] {
    let length = algorithm.get(1).copied().map_or(0, usize::from);
    algorithm.get(2..2 + length).unwrap_or_default()
}

/// Whether two identifiers are of the same way of signing. Parameters say something of one way only.
fn is_same_way(one: &[u8], other: &[u8]) -> bool {
    const PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
    one == other || (oid(one) == oid(other) && oid(one) != PSS && !oid(one).is_empty())
}

/// The kind of key that a way of signing is for.
fn signing_kind(algorithm: &[u8]) -> Option<&'static str> {
    let kinds = [(RSA, "RSA"), (ECDSA, "ECDSA"), (ED25519, "Ed25519")];
    kinds.into_iter().find(|(prefix, _)| oid(algorithm).starts_with(prefix)).map(|(_, kind)| kind)
}

/// The kind of a key, and Go's name for it.
fn key_kind(algorithm: &[u8]) -> Option<(&'static str, &'static str)> {
    let kinds = [
        (RSA, ("RSA", "*rsa.PublicKey")),
        (ECDSA, ("ECDSA", "*ecdsa.PublicKey")),
        (ED25519, ("Ed25519", "ed25519.PublicKey")),
    ];
    kinds.into_iter().find(|(prefix, _)| oid(algorithm).starts_with(prefix)).map(|(_, kind)| kind)
}

/// How long an RSA key is; none for other keys.
fn rsa_bits(algorithm: &[u8], key: &[u8]) -> Option<usize> {
    if !oid(algorithm).starts_with(RSA) {
        return None;
    }
    let (modulus, _) = rsa_key(key)?;
    let unused = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    Some(modulus.len() * 8 - unused)
}

/// Those who may have signed a certificate, by their names; first those whose key is called as it says.
fn likely<'a>(child: &Certificate<'_>, among: &'a [Certificate<'a>]) -> Vec<&'a Certificate<'a>> {
    let mut found: Vec<_> = among.iter().filter(|candidate| candidate.subject == child.issuer).collect();
    found.sort_by_key(|candidate| match (candidate.key_id, child.authority_key_id) {
        (one, other) if one == other => 0,
        (one, other) if one.is_empty() != other.is_empty() => 1,
        _ => 2,
    });
    found
}

/// What Go says of a signature that is not of this kind of key.
fn mismatch(algorithm: &[u8]) -> &'static str {
    match key_kind(algorithm) {
        Some(("RSA", _)) => "crypto/rsa: verification error",
        Some(("ECDSA", _)) => "x509: ECDSA verification failure",
        Some(_) => "x509: Ed25519 verification failure",
        None => "x509: invalid signature",
    }
}

/// The name of a way of signing that no longer counts.
fn insecure(algorithm: &[u8]) -> Option<&'static str> {
    const INSECURE: [(&[u8], &str); 3] = [
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4], "MD5-RSA"),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], "SHA1-RSA"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], "ECDSA-SHA1"),
    ];
    // Behind the tag and the length of the identifier.
    let id = algorithm.get(2..)?;
    INSECURE.iter().find(|(oid, _)| id.starts_with(oid)).map(|(_, name)| *name)
}

/// Whether a certificate is for this host.
fn check_host(certificate: &Certificate<'_>, host: &str) -> Result<(), String> {
    let none = super::names::Names::default();
    let names = certificate.names.as_ref().unwrap_or(&none);
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let address = bare.parse::<IpAddr>().ok();
    let fits = match address {
        Some(address) => names.ip.iter().any(|own| own.to_canonical() == address.to_canonical()),
        None => names.dns.iter().any(|pattern| matches(pattern, host)),
    };
    if fits {
        return Ok(());
    }
    let common = certificate.common_name().to_ascii_lowercase();
    if certificate.names.is_none() && is_pattern_of(&common, host.strip_suffix('.').unwrap_or(host)) {
        return Err("x509: certificate relies on legacy Common Name field, use SANs instead".to_owned());
    }
    if address.is_some() && names.ip.is_empty() {
        return Err(format!("x509: cannot validate certificate for {bare} because it doesn't contain any IP SANs"));
    }
    let valid: Vec<String> = match address {
        Some(_) => names.ip.iter().map(|own| own.to_canonical().to_string()).collect(),
        None => names.dns.iter().map(|name| (*name).to_owned()).collect(),
    };
    /// More names than these are counted only.
    const SHOWN: usize = 100;
    let host = if address.is_some() { bare } else { host };
    Err(match valid.len() {
        0 => format!("x509: certificate is not valid for any names, but wanted to match {host}"),
        many @ SHOWN.. => {
            let what = if address.is_some() { "IP SANs" } else { "names" };
            format!("x509: certificate is valid for {many} {what}, but none matched {host}")
        }
        _ => format!("x509: certificate is valid for {}, not {host}", valid.join(", ")),
    })
}

/// Whether a name, whose first label may be `*`, is a host's. What is no name of a host fits only itself.
fn matches(pattern: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    if is_host(host.strip_suffix('.').unwrap_or(&host), false) && is_host(pattern, true) {
        return is_pattern_of(&pattern.to_ascii_lowercase(), host.strip_suffix('.').unwrap_or(&host));
    }
    !matches!(pattern, "" | ".") && !matches!(host.as_str(), "" | ".") && pattern.eq_ignore_ascii_case(&host)
}

/// Whether the labels of a host are those of a pattern, both in small letters.
fn is_pattern_of(pattern: &str, host: &str) -> bool {
    if pattern.is_empty() || host.is_empty() {
        return false;
    }
    let (patterns, labels) = (pattern.split('.'), host.split('.'));
    patterns.clone().count() == labels.clone().count()
        && patterns
            .zip(labels)
            .enumerate()
            .all(|(at, (pattern, label))| (at == 0 && pattern == "*") || pattern == label)
}

/// Whether this may be a host's name, or with `wild` a pattern of such names.
fn is_host(text: &str, wild: bool) -> bool {
    let is_label = |(at, label): (usize, &str)| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (wild && at == 0 && label == "*") || (!label.is_empty() && !label.starts_with('-') && label.bytes().all(known))
    };
    !text.is_empty() && text != "*" && text.split('.').enumerate().all(is_label)
}

#[cfg(test)]
mod tests;
