//! URLs of servers and proxies, as Go's `net/url` takes them apart.

/// What of a URL says how to get somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// `https`, in small letters; empty for none.
    pub scheme: String,
    /// Name and password, decoded.
    pub user: Option<(String, String)>,
    /// Name or address, without brackets; empty for none.
    pub host: String,
    /// The port as it is written; empty for none.
    pub port: String,
}

impl Address {
    /// Takes a URL apart; none where Go refuses it.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return None;
        }
        let text = text.split('#').next().unwrap_or_default();
        let (scheme, rest) = scheme(text)?;
        let rest = rest.split('?').next().unwrap_or_default();
        let mut address = Self { scheme: scheme.to_ascii_lowercase(), ..Self::default() };
        let Some(authority) = rest.strip_prefix("//") else {
            let first = rest.split('/').next().unwrap_or_default();
            // Behind a scheme anything may stand; without one this would be none.
            return (!address.scheme.is_empty() || !first.contains(':')).then_some(address);
        };
        let (authority, path) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
        decoded(path)?;
        let host = match authority.rsplit_once('@') {
            None => authority,
            Some((user, host)) => {
                if !user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
                    return None;
                }
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                address.user = Some((decoded(name)?, decoded(password)?));
                host
            }
        };
        let (host, port) = match host.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.rsplit_once(']')?;
                (host, port)
            }
            None => host.split_at(host.rfind(':').unwrap_or(host.len())),
        };
        let odd = |byte: u8| byte == b' ' || b"\"<>\\^`{}|%".contains(&byte);
        let is_port = |port: &str| port.is_empty() || port.strip_prefix(':').is_some_and(all_digits);
        if host.bytes().any(odd) || !is_port(port) {
            return None;
        }
        host.clone_into(&mut address.host);
        port.trim_start_matches(':').clone_into(&mut address.port);
        Some(address)
    }

    /// `HOST:PORT`, as a URL has them.
    pub fn host_and_port(&self) -> String {
        joined(&self.host, self.port_or_default())
    }

    /// The port, or the usual one of the scheme.
    pub fn port_or_default(&self) -> &str {
        match (self.port.as_str(), self.scheme.as_str()) {
            ("", "http") => "80",
            ("", "https") => "443",
            ("", "socks5" | "socks5h") => "1080",
            (port, _) => port,
        }
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The scheme and what follows its colon; none for a colon without a scheme.
fn scheme(text: &str) -> Option<(&str, &str)> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at > 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            b':' => return None,
            _ => break,
        }
    }
    Some(("", text))
}

/// Percent-encoded text; none where it is none.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(match byte {
            b'%' => (digit(rest.next())? << 4) | digit(rest.next())?,
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Host and port as one text; addresses with colons in brackets.
pub(crate) fn joined(host: &str, port: &str) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_urls_apart() {
        for (text, want) in [
            ("http://u%40x:p%2F@h:1/x?y#z", Some(("http", Some(("u@x", "p/")), "h", "1"))),
            ("SOCKS5://[::1]:9", Some(("socks5", None, "::1", "9"))),
            ("https://h", Some(("https", None, "h", "443"))),
            ("https:", Some(("https", None, "", "443"))),
            ("http://u@h", Some(("http", Some(("u", "")), "h", "80"))),
            ("x:1", Some(("x", None, "", ""))),
            ("/path", Some(("", None, "", ""))),
            ("host", Some(("", None, "", ""))),
            ("127.0.0.1:3128", None),
            ("://x", None),
            ("http://[::1", None),
            ("http://h:x", None),
            ("http://h h", None),
            ("http://a%zz@h", None),
            ("http://h/%", None),
            ("ht\ttp://h", None),
        ] {
            let got = Address::parse(text);
            let shown = got.as_ref().map(|got| {
                let user = got.user.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
                (got.scheme.as_str(), user, got.host.as_str(), got.port_or_default())
            });
            assert_eq!(shown, want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}", odd in "[a-z:/@%\\[\\]0-9?#]{0,40}") {
            let _ = (Address::parse(&text), Address::parse(&odd));
        }
    }
}
