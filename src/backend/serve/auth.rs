//! Who may ask, and under which name.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;

use super::tls::NAMES;
use crate::object::Status;

/// Paths that anyone may ask: whether the server lives, and its version.
const OPEN: &[&str] = &["/healthz", "/readyz", "/livez", "/version"];

/// The gatekeeper of a server.
#[derive(Debug)]
pub struct Gate {
    token: String,
    address: IpAddr,
}

impl Gate {
    /// Lets in whoever has this token, at a server that listens there.
    pub fn new(token: &str, address: SocketAddr) -> Self {
        Self { token: token.to_owned(), address: address.ip() }
    }

    /// Whether a request is let in; `certified` says that its connection has a client certificate of
    /// the server's authority.
    ///
    /// # Errors
    /// 403 for a name that does not lead here or a foreign web page; 401 without credentials.
    #[allow(clippy::result_large_err, reason = "a refusal is a `Status`, and refusals are rare")]
    pub fn admit(&self, request: &Parts, certified: bool) -> Result<(), Status> {
        let header = |name| request.headers.get(&name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let host = request.uri.authority().map(|authority| authority.as_str()).or_else(|| header(HOST)).unwrap_or("");
        if !self.is_own_name(host) {
            return Err(forbidden(format!("the server does not answer to the name {host:?}")));
        }
        if let Some(origin) = header(ORIGIN) {
            let own = origin.split_once("://").is_some_and(|(_, host)| self.is_own_name(host));
            if !own {
                return Err(forbidden("the server does not answer web pages".to_owned()));
            }
        }
        if certified || OPEN.contains(&request.uri.path()) || self.has_token(header(AUTHORIZATION)) {
            return Ok(());
        }
        Err(Status::failure(401, "Unauthorized", "Unauthorized"))
    }

    fn has_token(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|value| value.split_once(' ')) else { return false };
        let token = token.trim();
        // All bytes are compared, whichever of them differ.
        scheme.eq_ignore_ascii_case("bearer")
            && token.len() == self.token.len()
            && token.bytes().zip(self.token.bytes()).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
    }

    fn is_own_name(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((name, _)) => name,
            None => host.split(':').next().unwrap_or(""),
        };
        match name.parse::<IpAddr>() {
            Ok(ip) => {
                ip.is_loopback()
                    || ip == self.address
                    || self.address.is_unspecified()
                    || ip == IpAddr::from([10, 96, 0, 1])
            }
            Err(_) => NAMES.iter().any(|own| own.eq_ignore_ascii_case(name)),
        }
    }
}

fn forbidden(why: String) -> Status {
    Status::failure(403, "Forbidden", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_in_whom_it_should() {
        let gate = Gate::new("s3cret", "127.0.0.1:6443".parse().expect("an address"));
        for (uri, headers, certified, code) in [
            ("/api", vec![("host", "127.0.0.1:6443"), ("authorization", "Bearer s3cret")], false, 0),
            ("/api", vec![("host", "localhost:6443"), ("authorization", "bearer s3cret")], false, 0),
            ("https://[::1]:6443/api", vec![("authorization", "Bearer s3cret")], false, 0),
            ("/api", vec![("host", "127.0.0.1")], true, 0),
            ("/api", vec![("host", "127.0.0.1")], false, 401),
            ("/api", vec![("host", "127.0.0.1"), ("authorization", "Bearer s3cres")], false, 401),
            ("/api", vec![("host", "127.0.0.1"), ("authorization", "Bearer s3cret2")], false, 401),
            ("/api", vec![("host", "127.0.0.1"), ("authorization", "Basic s3cret")], false, 401),
            ("/version", vec![("host", "127.0.0.1")], false, 0),
            ("/healthz", vec![("host", "127.0.0.1")], false, 0),
            ("/healthz/../api", vec![("host", "127.0.0.1")], false, 401),
            // DNS rebinding: a foreign name that leads to this address.
            ("/version", vec![("host", "evil.example:6443")], false, 403),
            ("/api", vec![("host", "evil.example"), ("authorization", "Bearer s3cret")], false, 403),
            ("/api", vec![("host", "192.0.2.1"), ("authorization", "Bearer s3cret")], false, 403),
            ("/version", vec![("host", "localhost"), ("origin", "https://evil.example")], false, 403),
            ("/version", vec![("host", "localhost"), ("origin", "null")], false, 403),
            ("/version", vec![("host", "localhost"), ("origin", "https://localhost:6443")], false, 0),
            ("/version", vec![], false, 403),
        ] {
            let mut request = http::Request::builder().uri(uri);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            let found = gate.admit(&parts, certified).err().map_or(0, |status| status.code);
            assert_eq!(found, code, "{uri} {headers:?}");
        }
    }
}
