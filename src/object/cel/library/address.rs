//! IP addresses and ranges of them. Words of faults are those of Go's `netip`.

use crate::go::quote::quote;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address, never a zoned one or an IPv4 one within IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl Address {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.split_once('%').map_or(text, |(bare, _)| bare);
        let address: IpAddr = bare.parse().map_err(|_| {
            let why = why_not(text);
            format!(
                "IP Address {} parse error during conversion from string: ParseAddr({}): {why}",
                quote(text),
                quote(text)
            )
        })?;
        if bare.len() != text.len() {
            return Err(format!("IP address {} with zone value is not allowed", quote(text)));
        }
        Self::unmapped(address).ok_or_else(|| format!("IPv4-mapped IPv6 address {} is not allowed", quote(text)))
    }

    fn unmapped(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => None,
            address => Some(Self(address)),
        }
    }

    /// The bits, and how many there are.
    fn bits(self) -> (u128, u8) {
        match self.0 {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn why_not(text: &str) -> String {
    if let Some(at) = text.find(|c: char| !c.is_ascii_digit() && c != '.')
        && text.contains('.')
        && !text.contains(':')
    {
        return format!("unexpected character (at {})", quote(text.get(at..).unwrap_or("")));
    }
    fault(text).to_owned()
}

fn fault(text: &str) -> &'static str {
    if text.contains(':') {
        return "unexpected character";
    }
    let fields: Vec<&str> = text.split('.').collect();
    if fields.len() == 1 {
        return "unable to parse IP";
    }
    for field in &fields {
        if field.is_empty() {
            return "IPv4 field must have at least one digit";
        }
        if !field.bytes().all(|byte| byte.is_ascii_digit()) {
            return "unexpected character";
        }
        if field.len() > 1 && field.starts_with('0') {
            return "IPv4 field has octet with leading zero";
        }
        if field.parse::<u8>().is_err() {
            return "IPv4 field has value >255";
        }
    }
    if fields.len() < 4 { "IPv4 address too short" } else { "IPv4 address too long" }
}

pub(super) fn is_link_local_multicast(address: Address) -> bool {
    match address.0 {
        IpAddr::V4(address) => address.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(address) => address.segments()[0] & 0xff0f == 0xff02,
    }
}

pub(super) fn is_link_local_unicast(address: Address) -> bool {
    match address.0 {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

pub(super) fn is_global_unicast(address: Address) -> bool {
    let broadcast = matches!(address.0, IpAddr::V4(address) if address.is_broadcast());
    let mapped = matches!(address.0, IpAddr::V6(address) if address == Ipv6Addr::UNSPECIFIED);
    !broadcast
        && !mapped
        && !address.0.is_unspecified()
        && !address.0.is_loopback()
        && !address.0.is_multicast()
        && !is_link_local_unicast(address)
}

/// A range: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The address, which may have bits beyond those that count.
    pub address: Address,
    /// How many bits count.
    pub length: u8,
}

impl Network {
    /// Reads a range: `10.0.0.0/8`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            let text = quote(text);
            format!("network address parse error during conversion from string: netip.ParsePrefix({text}): {why}")
        };
        let (address, bits) = text.rsplit_once('/').ok_or_else(|| wrong("no '/'"))?;
        let parsed: IpAddr =
            address.parse().map_err(|_| wrong(&format!("ParseAddr({}): {}", quote(address), why_not(address))))?;
        let canonical = !bits.is_empty()
            && bits.bytes().all(|byte| byte.is_ascii_digit())
            && (bits.len() == 1 || !bits.starts_with('0'));
        if !canonical {
            return Err(wrong(&format!("bad bits after slash: {}", quote(bits))));
        }
        let most = if parsed.is_ipv4() { 32 } else { 128 };
        let length = bits.parse::<u8>().ok().filter(|length| *length <= most);
        let length = length.ok_or_else(|| wrong("prefix length out of range"))?;
        let address = Address::unmapped(parsed)
            .ok_or_else(|| format!("IPv4-mapped IPv6 address {} is not allowed", quote(text)))?;
        Ok(Self { address, length })
    }

    fn mask(self) -> u128 {
        if self.length == 0 { 0 } else { u128::MAX << (128 - u32::from(self.length)) }
    }

    /// Whether an address is in the range.
    pub fn contains(self, address: Address) -> bool {
        let ((own, kind), (other, of)) = (self.address.bits(), address.bits());
        kind == of && (own & self.mask()) == (other & self.mask())
    }

    /// Whether a range is in this one.
    pub fn includes(self, other: Self) -> bool {
        self.length <= other.length && self.contains(other.address)
    }

    /// The range with nothing but the bits that count.
    #[must_use]
    pub fn masked(self) -> Self {
        let (bits, kind) = self.address.bits();
        let bits = bits & self.mask();
        let address = match kind {
            32 => IpAddr::V4(std::net::Ipv4Addr::from_bits((bits >> 96) as u32)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        };
        Self { address: Address(address), ..self }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}
