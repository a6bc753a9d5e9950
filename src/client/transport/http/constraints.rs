//! Name constraints (RFC 5280, 4.2.1.10): an authority may be allowed to vouch for some names only. As Go's
//! `crypto/x509` reads and applies them.

use std::net::IpAddr;

use super::certificate::{Certificate, Malformed};
use super::der::{Der, tag};
use crate::client::config::Address;

/// Comparisons at most, so that certificates cannot be made to keep a client busy.
const MOST: usize = 250_000;

const INVALID: Malformed = "x509: invalid NameConstraints extension";

/// A range of addresses: the first, and which bits of it count. Four bytes, or sixteen.
type Range<'a> = (&'a [u8], &'a [u8]);

/// Names of each kind.
#[derive(Clone, Debug, Default)]
struct Subtrees<'a> {
    dns: Vec<&'a str>,
    emails: Vec<&'a str>,
    uris: Vec<&'a str>,
    ip: Vec<Range<'a>>,
}

/// Which names those below may have.
#[derive(Clone, Debug, Default)]
pub(super) struct Constraints<'a> {
    permitted: Subtrees<'a>,
    excluded: Subtrees<'a>,
    /// Whether names of another kind are narrowed, too.
    pub(super) unhandled: bool,
}

impl<'a> Constraints<'a> {
    /// Takes the extension apart.
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Der(value);
        let mut fields = Der(outer.expect(tag::SEQUENCE).ok_or(INVALID)?);
        let permitted = fields.maybe(0xa0).unwrap_or_default();
        let excluded = fields.maybe(0xa1).unwrap_or_default();
        if !(outer.is_empty() && fields.is_empty()) {
            return Err(INVALID);
        }
        if permitted.is_empty() && excluded.is_empty() {
            return Err("x509: empty name constraints extension");
        }
        let mut unhandled = false;
        let permitted = subtrees(permitted, &mut unhandled)?;
        let excluded = subtrees(excluded, &mut unhandled)?;
        Ok(Self { permitted, excluded, unhandled })
    }
}

fn subtrees<'a>(content: &'a [u8], unhandled: &mut bool) -> Result<Subtrees<'a>, Malformed> {
    let mut list = Der(content);
    let mut found = Subtrees::default();
    while !list.is_empty() {
        let mut tree = Der(list.expect(tag::SEQUENCE).ok_or(INVALID)?);
        let (tag, value, _) = tree.any().ok_or(INVALID)?;
        let text = || {
            let text = std::str::from_utf8(value).ok().filter(|text| text.is_ascii());
            text.ok_or("x509: invalid constraint value: x509: invalid IA5String")
        };
        match tag {
            tag::DNS_NAME => found.dns.push(domain(text()?).ok_or("x509: failed to parse dnsName constraint")?),
            tag::EMAIL => {
                let text = text()?;
                let is_valid = text.contains('@') || domain(text).is_some();
                found
                    .emails
                    .push(Some(text).filter(|_| is_valid).ok_or("x509: failed to parse rfc822Name constraint")?);
            }
            tag::URI => {
                let named = domain(text()?).filter(|text| text.parse::<IpAddr>().is_err());
                found.uris.push(named.ok_or("x509: failed to parse URI constraint")?);
            }
            tag::IP_ADDRESS => {
                let (ip, mask) = match value.len() {
                    8 | 32 => value.split_at_checked(value.len() / 2).ok_or(INVALID)?,
                    _ => return Err("x509: IP constraint contained value of invalid length"),
                };
                let bits = mask.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0));
                if !bits.skip_while(|bit| *bit).all(|bit| !bit) {
                    return Err("x509: IP constraint contained invalid mask");
                }
                found.ip.push((ip, mask));
            }
            _ => *unhandled = true,
        }
    }
    Ok(found)
}

/// A domain as constraints have them: with a dot before it, names below only.
fn domain(text: &str) -> Option<&str> {
    let labels = text.strip_prefix('.').unwrap_or(text);
    let is_printable = labels.bytes().all(|byte| (33..=126).contains(&byte));
    let valid = text.is_empty() || (is_printable && labels.split('.').all(|label| !label.is_empty()));
    valid.then_some(text)
}

/// Whether a name may be in a certificate.
fn is_name(text: &str) -> bool {
    text.is_empty()
        || text.bytes().all(|byte| (33..=126).contains(&byte)) && text.split('.').all(|label| !label.is_empty())
}

/// Checks the names of each certificate of a chain, the server's first, by the constraints of those above.
///
/// # Errors
/// Go's words.
pub(super) fn check(chain: &[&Certificate<'_>]) -> Result<(), String> {
    let mut left = MOST;
    for (at, certificate) in chain.iter().enumerate() {
        let Some(names) = &certificate.names else { continue };
        let above = || chain.iter().skip(at + 1).filter_map(|parent| parent.constraints.as_ref());
        if above().next().is_none() {
            return Ok(());
        }
        let hosts = names.uris.iter().map(|uri| host(uri)).collect::<Result<Vec<_>, _>>()?;
        let mailboxes = names.emails.iter().map(|email| mailbox(email)).collect::<Result<Vec<_>, _>>()?;
        for constraints in above() {
            let (permitted, excluded) = (&constraints.permitted, &constraints.excluded);
            for ip in &names.ip {
                let bytes = octets(ip);
                let shown = |(ip, mask): &Range<'_>| shown(ip, mask);
                judge("IP address", &ip.to_string(), &permitted.ip, &excluded.ip, &mut left, shown, |range, _| {
                    is_within(&bytes, range)
                })?;
            }
            for name in &names.dns {
                if !is_name(name) {
                    return Err(format!("x509: cannot parse dnsName {name:?}"));
                }
                let dns = |own: &&str, excluding: bool| covers(own, name, excluding);
                judge("DNS name", name, &permitted.dns, &excluded.dns, &mut left, |own| (*own).to_owned(), dns)?;
            }
            for (uri, host) in names.uris.iter().zip(&hosts) {
                let of_host = |own: &&str, excluding: bool| covers(own, host, excluding);
                judge("URI", uri, &permitted.uris, &excluded.uris, &mut left, |own| (*own).to_owned(), of_host)?;
            }
            for (email, (local, domain)) in names.emails.iter().zip(&mailboxes) {
                let boxes = |own: &&str, excluding: bool| match own.rsplit_once('@') {
                    Some((name, place)) => name == *local && place.eq_ignore_ascii_case(domain),
                    None => covers(own, domain, excluding),
                };
                let (permitted, excluded) = (&permitted.emails, &excluded.emails);
                judge("email address", email, permitted, excluded, &mut left, |own| (*own).to_owned(), boxes)?;
            }
        }
    }
    Ok(())
}

fn judge<T>(
    kind: &str,
    name: &str,
    permitted: &[T],
    excluded: &[T],
    left: &mut usize,
    shown: impl Fn(&T) -> String,
    fits: impl Fn(&T, bool) -> bool,
) -> Result<(), String> {
    *left = left
        .checked_sub(permitted.len() + excluded.len())
        .ok_or_else(|| "too many names and constraints to compare".to_owned())?;
    if !permitted.is_empty() && !permitted.iter().any(|own| fits(own, false)) {
        return Err(format!("{kind} {name:?} is not permitted by any constraint"));
    }
    match excluded.iter().find(|own| fits(own, true)) {
        Some(own) => Err(format!("{kind} {name:?} is excluded by constraint {:?}", shown(own))),
        None => Ok(()),
    }
}

/// Whether a name is a constraint's, or below it. A wildcard is excluded with any name that it may stand
/// for.
fn covers(constraint: &str, name: &str, excluding: bool) -> bool {
    if constraint.is_empty() {
        return true;
    }
    let split = name.len().checked_sub(constraint.len()).and_then(|at| name.split_at_checked(at));
    if let Some((before, end)) = split
        && end.eq_ignore_ascii_case(constraint)
        && (before.is_empty() || before.ends_with('.') || constraint.starts_with('.'))
    {
        return true;
    }
    let parent = |name: &str| name.find('.').and_then(|dot| name.get(dot..)).unwrap_or_default().to_ascii_lowercase();
    excluding && name.starts_with('*') && !parent(constraint).is_empty() && parent(constraint) == parent(name)
}

fn octets(ip: &IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn is_within(ip: &[u8], (first, mask): &Range<'_>) -> bool {
    ip.len() == first.len() && ip.iter().zip(*first).zip(*mask).all(|((ip, first), mask)| ip & mask == first & mask)
}

/// A range as it is written: `10.0.0.0/8`.
fn shown(ip: &[u8], mask: &[u8]) -> String {
    let bits: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let ip = <[u8; 4]>::try_from(ip).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(ip).map(IpAddr::from));
    ip.map_or_else(|_| String::new(), |ip| format!("{ip}/{bits}"))
}

/// The host that a URI names.
fn host(uri: &str) -> Result<String, String> {
    let host = Address::parse(uri).map(|address| address.host).unwrap_or_default();
    if host.is_empty() {
        return Err(format!("URI with empty host ({uri:?}) cannot be matched against constraints"));
    }
    if host.parse::<IpAddr>().is_ok() {
        return Err(format!("URI with IP ({uri:?}) cannot be matched against constraints"));
    }
    Ok(host.to_lowercase())
}

fn mailbox(email: &str) -> Result<(&str, String), String> {
    let parts = email.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && is_name(domain));
    let (local, domain) = parts.ok_or_else(|| format!("cannot parse rfc822Name {email:?}"))?;
    Ok((local, domain.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn covers_names() {
        for (constraint, name, excluding, want) in [
            ("", "anything", false, true),
            ("example.org", "example.org", false, true),
            ("example.org", "A.Example.ORG", false, true),
            ("example.org", "badexample.org", false, false),
            (".example.org", "example.org", false, false),
            (".example.org", "a.example.org", false, true),
            ("a.example.org", "*.example.org", false, false),
            ("a.example.org", "*.example.org", true, true),
            ("org", "*.example.org", true, true),
            ("a.b.example.org", "*.example.org", true, false),
            ("longer.example.org", "org", false, false),
        ] {
            assert_eq!(covers(constraint, name, excluding), want, "{constraint} {name} {excluding}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), a in ".{0,12}", b in ".{0,12}") {
            let _ = Constraints::parse(&bytes);
            let _ = (covers(&a, &b, true), host(&a), mailbox(&b), domain(&a));
        }
    }
}
