//! Whether to believe a server, as Go's `crypto/x509` decides it. Where it differs from webpki: an
//! authority, or a certificate of version 1, may be a server's own; any trusted certificate counts as it
//! is, even one that is no authority's; trusted authorities expire, too.

use std::net::IpAddr;

use rustls::crypto::WebPkiSupportedAlgorithms;

use super::certificate::Certificate;
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
    /// Finds a chain from the server's certificate to a trusted one. Says whether a certificate of it
    /// narrows names, which nothing here checks.
    ///
    /// # Errors
    /// Go's words, without `tls: failed to verify certificate: `.
    pub(super) fn ask(&self, leaf: &'a Certificate<'a>) -> Result<bool, String> {
        self.holds(leaf, Role::Server, &[])?;
        check_host(leaf, self.host)?;
        let mut chains = Vec::new();
        if self.roots.iter().any(|root| root.encoded == leaf.encoded) {
            chains.push(vec![leaf]);
        } else {
            let mut checks = 0;
            self.build(&[leaf], &mut checks, &mut chains)?;
        }
        chains.retain(|chain| chain.iter().all(|certificate| certificate.serves != Some(false)));
        // The chain that narrows nothing is as good as any.
        let narrows = |chain: &Vec<&Certificate<'_>>| chain.iter().any(|certificate| certificate.constrains_names);
        match chains.iter().map(narrows).min() {
            Some(narrows) => Ok(narrows),
            None => Err("x509: certificate specifies an incompatible key usage".to_owned()),
        }
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
        let candidates = (self.roots.iter().map(|root| (Role::Root, root)))
            .chain(self.intermediates.iter().map(|own| (Role::Intermediate, own)));
        for (role, candidate) in candidates.filter(|(_, candidate)| candidate.subject == last.issuer) {
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
        let known = |algorithm: &&&dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            algorithm.signature_alg_id().as_ref() == child.algorithm
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

/// What Go says of a signature that is not of this kind of key.
fn mismatch(algorithm: &[u8]) -> &'static str {
    const KINDS: [(&[u8], &str); 3] = [
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], "crypto/rsa: verification error"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "x509: ECDSA verification failure"),
        (&[0x2b, 0x65, 0x70], "x509: Ed25519 verification failure"),
    ];
    let id = algorithm.get(2..).unwrap_or_default();
    KINDS.iter().find(|(oid, _)| id.starts_with(oid)).map_or("x509: invalid signature", |(_, words)| words)
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
    let none = super::certificate::Names::default();
    let names = certificate.names.as_ref().unwrap_or(&none);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let legacy = certificate.names.is_none() && matches(&certificate.common_name(), host);
    let valid = if let Some(address) = address {
        if names.ip.contains(&address) {
            return Ok(());
        }
        if !legacy && names.ip.is_empty() {
            return Err(format!(
                "x509: cannot validate certificate for {address} because it doesn't contain any IP SANs"
            ));
        }
        names.ip.iter().map(ToString::to_string).collect::<Vec<_>>()
    } else {
        if names.dns.iter().any(|pattern| matches(pattern, host)) {
            return Ok(());
        }
        names.dns.iter().map(|name| (*name).to_owned()).collect()
    };
    if legacy {
        return Err("x509: certificate relies on legacy Common Name field, use SANs instead".to_owned());
    }
    /// More names than these are counted only.
    const SHOWN: usize = 100;
    Err(match valid.len() {
        0 => format!("x509: certificate is not valid for any names, but wanted to match {host}"),
        many @ SHOWN.. => {
            let what = if address.is_some() { "IP SANs" } else { "names" };
            format!("x509: certificate is valid for {many} {what}, but none matched {host}")
        }
        _ => format!("x509: certificate is valid for {}, not {host}", valid.join(", ")),
    })
}

/// Whether a name, whose first label may be `*`, is a host's.
fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() || pattern.is_empty() {
        return false;
    }
    let (mut patterns, mut labels) = (pattern.split('.'), host.split('.'));
    let wild = pattern.starts_with("*.");
    if wild {
        patterns.next();
        if labels.next().is_none_or(str::is_empty) {
            return false;
        }
    }
    loop {
        match (patterns.next(), labels.next()) {
            (None, None) => return true,
            (Some(pattern), Some(label)) if pattern.eq_ignore_ascii_case(label) && !label.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_names_of_hosts() {
        for (pattern, host, want) in [
            ("a.example.org", "A.example.org", true),
            ("a.example.org", "a.example.org.", true),
            ("*.example.org", "b.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "a.b.example.org", false),
            ("*", "a", false),
            ("b.*.org", "b.x.org", false),
            ("", "a", false),
            ("a", "", false),
        ] {
            assert_eq!(matches(pattern, host), want, "{pattern} {host}");
        }
    }
}
