//! URLs, read as Go's `net/url` reads those of requests.

use crate::go::quote::quote;
use std::collections::BTreeMap;

/// An absolute URL, or a path alone.
#[derive(Clone, Debug)]
pub struct Url {
    /// The whole, as it was written.
    pub text: String,
    /// `https`
    pub scheme: String,
    /// With the port, if there is one.
    pub host: String,
    /// With its escapes.
    pub path: String,
    raw_query: String,
}

impl Url {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("parse {}: {why}", quote(text));
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(wrong("net/url: invalid control character in URL"));
        }
        if text.is_empty() {
            return Err(wrong("empty url"));
        }
        let (scheme, rest) = scheme(text).map_err(|why| wrong(&why))?;
        if scheme.is_empty() && !rest.starts_with('/') {
            return Err(wrong("invalid URI for request"));
        }
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, raw_query) = rest.split_once('?').unwrap_or((rest, ""));
        if !scheme.is_empty() && !rest.starts_with('/') {
            // Without a slash everything is opaque, which has no host and no path.
            return if rest.is_empty() && !text.contains("//") {
                Err(wrong("invalid URI for request"))
            } else {
                Ok(Self {
                    text: text.into(),
                    scheme,
                    host: String::new(),
                    path: String::new(),
                    raw_query: raw_query.into(),
                })
            };
        }
        let (host, path) = match rest.strip_prefix("//") {
            Some(authority) if !scheme.is_empty() || !rest.starts_with("///") => {
                let end = authority.find('/').unwrap_or(authority.len());
                authority.split_at_checked(end).unwrap_or((authority, ""))
            }
            _ => ("", rest),
        };
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        check_host(host).map_err(|why| wrong(&why))?;
        if let Some(escape) = bad_escape(path) {
            return Err(wrong(&format!("invalid URL escape {}", quote(escape))));
        }
        Ok(Self {
            text: text.into(),
            scheme: scheme.to_ascii_lowercase(),
            host: host.into(),
            path: escaped(path),
            raw_query: raw_query.into(),
        })
    }

    /// The host without its port or brackets.
    pub fn hostname(&self) -> &str {
        let host = match self.host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((inner, _)) => return inner,
            None => &self.host,
        };
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    }

    /// The port, or nothing.
    pub fn port(&self) -> &str {
        let behind = self.host.rsplit_once(']').map_or(self.host.as_str(), |(_, rest)| rest);
        behind.rsplit_once(':').map_or("", |(_, port)| port)
    }

    /// The values of each name in the query.
    pub fn query(&self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for part in self.raw_query.split('&').filter(|part| !part.is_empty() && !part.contains(';')) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if let (Some(name), Some(value)) = (unescape(name), unescape(value)) {
                found.entry(name).or_default().push(value);
            }
        }
        found
    }
}

fn scheme(text: &str) -> Result<(String, &str), String> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err("missing protocol scheme".into()),
            ':' => return Ok((text.get(..at).unwrap_or("").into(), text.get(at + 1..).unwrap_or(""))),
            _ => break,
        }
    }
    Ok((String::new(), text))
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(inner) => match inner.rsplit_once(']') {
            Some((name, port)) => (name, port),
            None => return Err("missing ']' in host".into()),
        },
        None => match host.rfind(':') {
            Some(at) => host.split_at_checked(at).unwrap_or((host, "")),
            None => (host, ""),
        },
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) || (!port.is_empty() && !port.starts_with(':')) {
        return Err(format!("invalid port {} after host", quote(port)));
    }
    match name.chars().find(|c| matches!(c, ' ' | '<' | '>' | '"' | '\\' | '^' | '`' | '{' | '|' | '}')) {
        Some(c) => Err(format!("invalid character {} in host name", quote(&c.to_string()))),
        None => Ok(()),
    }
}

fn bad_escape(text: &str) -> Option<&str> {
    text.match_indices('%').find_map(|(at, _)| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        let fine = digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        (!fine).then(|| text.get(at..(at + 3).min(text.len())).unwrap_or("%"))
    })
}

/// A path with escapes for what must not stand in it.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            byte if b"-_.~!$&'()*+,;=:@/%[]".contains(&byte) => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
