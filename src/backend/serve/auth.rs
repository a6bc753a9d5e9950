//! Who may ask, and under which name.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;

use super::tls::NAMES;
use crate::backend::api::{Caller, User};
use crate::backend::trust;
use crate::object::Status;

/// The gatekeeper of a server.
#[derive(Debug)]
pub struct Gate {
    tokens: Vec<(String, User)>,
    address: IpAddr,
    always_allow: bool,
}

impl Gate {
    /// Knows whoever has one of these tokens, at a server that listens there. With `always_allow`, roles and
    /// bindings count for nobody who is known.
    pub fn new(tokens: Vec<(String, User)>, address: SocketAddr, always_allow: bool) -> Self {
        Self { tokens, address: address.ip(), always_allow }
    }

    /// Whether roles and bindings count for nobody who is known.
    pub fn always_allows(&self) -> bool {
        self.always_allow
    }

    /// From whom a request is; `certificate` is its connection's client certificate in DER, which the
    /// handshake has checked. Tokens that are not the server's own are left to the API.
    ///
    /// # Errors
    /// 403 for a name that does not lead here or a foreign web page.
    pub fn admit(&self, request: &Parts, certificate: Option<&[u8]>) -> Result<Caller, Status> {
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
        if let Some(user) = certificate.and_then(certified) {
            return Ok(Caller::User(user));
        }
        let bearer = header(AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty());
        let Some((_, token)) = bearer else { return Ok(Caller::Anonymous) };
        let token = token.trim();
        let known = self.tokens.iter().rfind(|(own, _)| equal(own, token));
        Ok(known.map_or_else(|| Caller::Bearer(token.to_owned()), |(_, user)| Caller::User(user.clone())))
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

/// Compares all bytes, whichever of them differ.
fn equal(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// The user that a certificate speaks for; none without a name.
fn certified(certificate: &[u8]) -> Option<User> {
    let subject = trust::subject_of(certificate).filter(|subject| !subject.common_name.is_empty())?;
    let mut user = User::known(&subject.common_name, subject.organizations);
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    user.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("X509SHA256={hex}")]);
    Some(user)
}

fn forbidden(why: String) -> Status {
    Status::failure(403, "Forbidden", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_in_whom_it_should() {
        let gate = Gate::new(
            vec![("s3cret".to_owned(), User::admin()), ("vera's".to_owned(), User::known("vera", Vec::new()))],
            "127.0.0.1:6443".parse().expect("an address"),
            false,
        );
        for (uri, headers, want) in [
            ("/api", vec![("host", "127.0.0.1:6443"), ("authorization", "Bearer s3cret")], "admin"),
            ("/api", vec![("host", "localhost:6443"), ("authorization", "bearer s3cret")], "admin"),
            ("https://[::1]:6443/api", vec![("authorization", "Bearer vera's")], "vera"),
            ("/api", vec![("host", "127.0.0.1")], "nobody"),
            ("/api", vec![("host", "127.0.0.1"), ("authorization", "Bearer s3cres")], "token s3cres"),
            ("/api", vec![("host", "127.0.0.1"), ("authorization", "Bearer s3cret2")], "token s3cret2"),
            ("/api", vec![("host", "127.0.0.1"), ("authorization", "Bearer ")], "nobody"),
            ("/api", vec![("host", "127.0.0.1"), ("authorization", "Basic s3cret")], "nobody"),
            // DNS rebinding: a foreign name that leads to this address.
            ("/version", vec![("host", "evil.example:6443")], "403"),
            ("/api", vec![("host", "evil.example"), ("authorization", "Bearer s3cret")], "403"),
            ("/api", vec![("host", "192.0.2.1"), ("authorization", "Bearer s3cret")], "403"),
            ("/version", vec![("host", "localhost"), ("origin", "https://evil.example")], "403"),
            ("/version", vec![("host", "localhost"), ("origin", "null")], "403"),
            ("/version", vec![("host", "localhost"), ("origin", "https://localhost:6443")], "nobody"),
            ("/version", vec![], "403"),
        ] {
            let mut request = http::Request::builder().uri(uri);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).expect("a request").into_parts();
            let found = match gate.admit(&parts, None) {
                Ok(Caller::User(user)) => user.name,
                Ok(Caller::Bearer(token)) => format!("token {token}"),
                Ok(Caller::Anonymous) => "nobody".to_owned(),
                Err(status) => status.code.to_string(),
            };
            assert_eq!(found, want, "{uri} {headers:?}");
        }
    }
}
