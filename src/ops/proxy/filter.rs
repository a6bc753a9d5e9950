//! Which requests a proxy lets through: lists of regular expressions, each looked for anywhere in what it
//! is compared with. The `Host` that a browser names decides, too: a page that has its own name resolve to
//! this machine still names its own (DNS rebinding).

use anyhow::anyhow;
use regex_lite::Regex;

/// Paths that are let through.
pub const ACCEPT_PATHS: &str = "^.*";
/// Paths that are refused: processes in containers.
pub const REJECT_PATHS: &str = "^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach";
/// Hosts that are let through: those that are this machine.
pub const ACCEPT_HOSTS: &str = r"^localhost$,^127\.0\.0\.1$,^\[::1\]$";
/// Methods that are refused: none.
pub const REJECT_METHODS: &str = "^$";

/// What is let through.
#[derive(Clone, Debug)]
pub struct Filter {
    accept_paths: Vec<Regex>,
    reject_paths: Vec<Regex>,
    accept_hosts: Vec<Regex>,
    reject_methods: Vec<Regex>,
}

impl Filter {
    /// Reads the lists, whose elements commas separate; an empty list matches nothing.
    ///
    /// # Errors
    /// An element is no regular expression.
    pub fn new(
        accept_paths: &str,
        reject_paths: &str,
        accept_hosts: &str,
        reject_methods: &str,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            accept_paths: list(accept_paths)?,
            reject_paths: list(reject_paths)?,
            accept_hosts: list(accept_hosts)?,
            reject_methods: list(reject_methods)?,
        })
    }

    /// Whether a request may pass. `host` is the value of its `Host` header.
    pub fn accepts(&self, method: &str, path: &str, host: &str) -> bool {
        let any = |list: &[Regex], text: &str| list.iter().any(|regex| regex.is_match(text));
        !any(&self.reject_paths, path)
            && !any(&self.reject_methods, method)
            && any(&self.accept_paths, path)
            && any(&self.accept_hosts, without_port(host))
    }
}

fn list(text: &str) -> anyhow::Result<Vec<Regex>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let read = |part: &str| Regex::new(part).map_err(|error| anyhow!("Error compiling re: `{part}`: {error}"));
    text.split(',').map(read).collect()
}

/// The host of `host:port`; brackets around an IPv6 address belong to the port's colon.
fn without_port(header: &str) -> &str {
    if let Some((host, _)) = header.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        return host;
    }
    match header.rsplit_once(':') {
        Some((host, _)) if !host.contains(':') => host,
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Filter {
        Filter::new(ACCEPT_PATHS, REJECT_PATHS, ACCEPT_HOSTS, REJECT_METHODS).expect("a filter")
    }

    #[test]
    fn lets_through_what_it_should() {
        for (method, path, host, want) in [
            ("GET", "", "127.0.0.1", true),
            ("GET", "/api/v1/pods", "localhost:8001", true),
            ("GET", "/api/v1/namespaces/default/pods/attachfoo", "localhost", true),
            ("GET", "/api/v1/namespaces/default/pods/execfoo", "localhost", true),
            ("GET", "/api/v1/namespaces/default/pods/foo/exec", "127.0.0.1", false),
            ("POST", "/api/v1/namespaces/default/pods/foo/attach", "127.0.0.1", false),
            ("GET", "/api/v1/namespaces/default/pods/foo/portforward", "127.0.0.1", true),
            ("GET", "/api/v1/pods", "evil.com", false),
            ("GET", "/api/v1/pods", "localhost.evil.com", false),
            ("GET", "/api/v1/pods", "127a0b0c1", false),
            ("GET", "/api/v1/pods", "[::1]", true),
            ("GET", "/api/v1/pods", "", false),
            ("DELETE", "/ui", "localhost", true),
        ] {
            assert_eq!(filter().accepts(method, path, host), want, "{method} {path} {host}");
        }
        let strict = Filter::new("/api/v1/pods", "", "^localhost$", "POST,PUT,PATCH").expect("a filter");
        for (method, path, want) in [
            ("GET", "/x/api/v1/pods/y", true),
            ("GET", "/api/v1/services", false),
            ("PATCH", "/api/v1/pods", false),
            ("PUT", "/api/v1/pods", false),
        ] {
            assert_eq!(strict.accepts(method, path, "localhost"), want, "{method} {path}");
        }
        let nothing = Filter::new("", "", ACCEPT_HOSTS, "").expect("a filter");
        assert!(!nothing.accepts("GET", "/", "localhost"));
        assert!(Filter::new("(", "", "", "").is_err());
    }

    #[test]
    fn finds_the_host() {
        for (header, want) in [
            ("localhost:8080", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:80", "::1"),
            ("[::1]", "[::1]"),
            ("::1", "::1"),
            ("192.168.1.1:80", "192.168.1.1"),
        ] {
            assert_eq!(without_port(header), want, "{header}");
        }
    }
}
