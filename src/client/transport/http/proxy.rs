//! Which proxy is on the way to a server: the kubeconfig's, else the environment's by Go's rules
//! (`golang.org/x/net/http/httpproxy`).

use std::net::IpAddr;

use http::Uri;

use crate::client::config::{Address, EnvironmentProxies};

/// Where proxies are named.
#[derive(Clone, Debug)]
pub(super) enum Proxies {
    /// One for everything.
    Always(Address),
    /// Those of the environment, as far as they are for a server.
    Environment(EnvironmentProxies),
}

impl Proxies {
    /// The proxy on the way to a URL.
    ///
    /// # Errors
    /// Go's words.
    pub(super) fn find(&self, target: &Uri) -> Result<Option<Address>, String> {
        let environment = match self {
            Self::Always(address) => return Ok(Some(address.clone())),
            Self::Environment(environment) => environment,
        };
        let secure = target.scheme_str() == Some("https");
        let named = if secure { &environment.https } else { &environment.http };
        let Some(address) = parse(named) else { return Ok(None) };
        if !secure && environment.cgi {
            return Err("refusing to use HTTP_PROXY value in CGI environment; see golang.org/s/cgihttpproxy".to_owned());
        }
        let host = target.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = target.port_u16().unwrap_or(if secure { 443 } else { 80 }).to_string();
        Ok(is_used(&environment.none, host, &port).then_some(address))
    }
}

/// A proxy's URL, whose scheme may be missing. What is none counts for nothing.
fn parse(text: &str) -> Option<Address> {
    if text.is_empty() {
        return None;
    }
    let address = Address::parse(text);
    match address {
        Some(address) if !address.scheme.is_empty() && !address.host.is_empty() => Some(address),
        other => Address::parse(&format!("http://{text}")).or(other),
    }
}

/// Whether a proxy is used for a host, by a list of those that have none.
fn is_used(none: &str, host: &str, port: &str) -> bool {
    if host == "localhost" {
        return false;
    }
    let address = host.parse::<IpAddr>().ok();
    if address.is_some_and(|address| address.is_loopback()) {
        return false;
    }
    let host = host.trim().to_lowercase();
    let rules = || none.split(',').map(|rule| rule.trim().to_lowercase()).filter(|rule| !rule.is_empty());
    !rules().any(|rule| rule == "*" || fits(&rule, &host, port, address))
}

fn fits(rule: &str, host: &str, port: &str, address: Option<IpAddr>) -> bool {
    if let Some((network, bits)) = rule.split_once('/')
        && let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>())
        && bits <= if network.is_ipv4() { 32 } else { 128 }
    {
        return address.is_some_and(|address| is_within(address, network, bits));
    }
    let (name, wanted) = match split_port(rule) {
        Some(("", _)) => return false,
        Some((name, port)) => (name, port),
        None => (rule, ""),
    };
    let port_fits = wanted.is_empty() || wanted == port;
    if let Ok(own) = name.parse::<IpAddr>() {
        return address.is_some_and(|address| address.to_canonical() == own.to_canonical()) && port_fits;
    }
    if address.is_some() {
        return false;
    }
    // `*.x` is `.x`: names below; `x` is that name, and those below.
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    let below = if name.starts_with('.') { name.to_owned() } else { format!(".{name}") };
    port_fits && (host.ends_with(&below) || (!name.starts_with('.') && host == name))
}

/// Host and port; none where there is no port, or too many colons.
fn split_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').map(|inner| (inner, port)),
        None => (!host.contains([':', ']'])).then_some((host, port)),
    }
}

fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let masked = |address: u128, width: u32| if bits == 0 { 0 } else { address >> (width - bits) };
    match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            masked(u128::from(address.to_bits()), 32) == masked(u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => masked(address.to_bits(), 128) == masked(network.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_the_list_of_those_without() {
        for (none, host, used) in [
            ("", "api.test", true),
            ("", "localhost", false),
            ("", "127.9.9.9", false),
            ("", "::1", false),
            ("*", "api.test", false),
            ("api.test", "api.test", false),
            ("api.test", "a.api.test", false),
            (".api.test", "api.test", true),
            ("*.api.test", "a.api.test", false),
            ("*.api.test", "api.test", true),
            ("test", "api.test", false),
            ("pi.test", "api.test", true),
            (" x, API.TEST ", "api.test", false),
            ("api.test:6443", "api.test", false),
            ("api.test:443", "api.test", true),
            (":6443", "api.test", true),
            ("192.0.2.0/24", "192.0.2.7", false),
            ("192.0.3.0/24", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.7", false),
            ("192.0.2.7:1", "192.0.2.7", true),
            ("2001:db8::/32", "2001:db8::1", false),
            ("[2001:db8::1]:6443", "2001:db8::1", false),
            ("0.0.0.0/0", "192.0.2.7", false),
            ("0.0.0.0/99", "192.0.2.7", true),
            ("7", "192.0.2.7", true),
        ] {
            assert_eq!(is_used(none, host, "6443"), used, "{none:?} {host}");
        }
    }

    #[test]
    fn goes_by_the_scheme() {
        let environment =
            EnvironmentProxies { https: "h:1".into(), http: "http://p:2".into(), none: "out.test".into(), cgi: false };
        let find = |environment: &EnvironmentProxies, url: &'static str| {
            Proxies::Environment(environment.clone())
                .find(&Uri::from_static(url))
                .map(|found| found.map(|address| format!("{}://{}:{}", address.scheme, address.host, address.port)))
        };
        assert_eq!(find(&environment, "https://a.test/x"), Ok(Some("http://h:1".into())));
        assert_eq!(find(&environment, "http://a.test/x"), Ok(Some("http://p:2".into())));
        assert_eq!(find(&environment, "https://out.test/x"), Ok(None));
        let cgi = EnvironmentProxies { cgi: true, ..environment.clone() };
        assert_eq!(find(&cgi, "https://a.test/"), Ok(Some("http://h:1".into())));
        assert!(find(&cgi, "http://a.test/").is_err());
        let odd = EnvironmentProxies { https: "::".into(), ..environment };
        assert!(find(&odd, "https://a.test/").is_ok());
    }
}
