//! The environment, read once: nothing else in the program reads variables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::client::config::{ClientConfig, EnvironmentProxies, Http2, SystemAuthorities};

/// A snapshot of environment variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// A snapshot of these variables; what is not UTF-8 is made so.
    pub fn new(variables: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The process's own variables.
    pub fn process() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self(std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// A variable's value; an empty one counts as none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a switch is on: `1`, `true`, `yes` or `on`, in any case.
    pub fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| ["1", "true", "yes", "on"].iter().any(|word| value.trim().eq_ignore_ascii_case(word)))
    }

    /// A variable as a number; none where it is no number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.trim().parse().ok()
    }

    /// A variable as a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.path(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
    }

    /// The folder of the bundled cluster: `KCTL_OFFLINE_DIR`, else `kctl` in the user's state folder
    /// (`XDG_STATE_HOME`), or where there is none in the data folder.
    pub fn offline_dir(&self) -> Option<PathBuf> {
        if let Some(dir) = self.path("KCTL_OFFLINE_DIR") {
            return Some(dir);
        }
        if let Some(state) = self.path("XDG_STATE_HOME").filter(|dir| dir.is_absolute()) {
            return Some(state.join("kctl"));
        }
        if cfg!(any(target_os = "linux", target_os = "freebsd")) {
            return self.home().map(|home| home.join(".local").join("state").join("kctl"));
        }
        dirs::state_dir().or_else(dirs::data_local_dir).map(|dir| dir.join("kctl"))
    }

    /// What the environment says of proxies: large letters before small ones, as in Go.
    pub fn proxies(&self) -> EnvironmentProxies {
        let either = |large: &str, small: &str| self.get(large).or(self.get(small)).unwrap_or_default().to_owned();
        EnvironmentProxies {
            http: either("HTTP_PROXY", "http_proxy"),
            https: either("HTTPS_PROXY", "https_proxy"),
            none: either("NO_PROXY", "no_proxy"),
            cgi: self.get("REQUEST_METHOD").is_some(),
        }
    }

    /// How any server is reached: proxies, HTTP/2 and whom the system trusts.
    pub fn way_out(&self) -> ClientConfig {
        let folders = self.get("SSL_CERT_DIR").map_or_else(Vec::new, |list| std::env::split_paths(list).collect());
        ClientConfig {
            system_authorities: SystemAuthorities { file: self.path("SSL_CERT_FILE"), folders },
            proxies: self.proxies(),
            http2: self.http2(),
            ..ClientConfig::default()
        }
    }

    /// How HTTP/2 is spoken, by client-go's variables.
    pub fn http2(&self) -> Http2 {
        Http2 {
            disabled: self.get("DISABLE_HTTP2").is_some(),
            idle_seconds: self.number("HTTP2_READ_IDLE_TIMEOUT_SECONDS"),
            ping_seconds: self.number("HTTP2_PING_TIMEOUT_SECONDS"),
        }
    }

    /// All variables, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_by_type() {
        let env = Environment::new([("A", "1"), ("B", "no"), ("C", ""), ("HOME", "/h"), ("N", " 7 ")]);
        assert!(env.is_on("A") && !env.is_on("B") && !env.is_on("C") && !env.is_on("D"));
        assert_eq!((env.get("C"), env.number("N")), (None, Some(7)));
        assert_eq!(env.home(), Some(PathBuf::from("/h")));
    }

    #[test]
    fn finds_the_state_folder() {
        for (variables, want) in [
            (vec![("KCTL_OFFLINE_DIR", "x")], "x"),
            (vec![("XDG_STATE_HOME", "/s"), ("HOME", "/h")], "/s/kctl"),
            #[cfg(target_os = "linux")]
            (vec![("HOME", "/h")], "/h/.local/state/kctl"),
        ] {
            assert_eq!(Environment::new(variables).offline_dir(), Some(PathBuf::from(want)));
        }
    }
}
