//! The environment, read once: nothing else in the program reads variables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::client::config::{ClientConfig, EnvironmentProxies, Http2, SystemAuthorities};

const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A snapshot of environment variables, and where a pod finds its service account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    service_account: Option<PathBuf>,
}

impl Environment {
    /// A snapshot of these variables; what is not UTF-8 is made so.
    pub fn new(variables: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, service_account: None }
    }

    /// The process's own variables.
    pub fn process() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::new(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// The same with the service account's files in another folder than a pod has them in.
    #[must_use]
    pub fn with_service_account(mut self, folder: PathBuf) -> Self {
        self.service_account = Some(folder);
        self
    }

    /// The folder of the service account that every pod is given.
    pub fn service_account(&self) -> PathBuf {
        self.service_account.clone().unwrap_or_else(|| PathBuf::from(SERVICE_ACCOUNT))
    }

    /// A variable's value; an empty one counts as none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
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

    /// Whether a terminal is to be shown colours: it can, and nobody minds (<https://no-color.org>).
    pub fn allows_colours(&self) -> bool {
        let is_able = !cfg!(windows) || self.get("WT_SESSION").is_some();
        is_able && self.get("TERM") != Some("dumb") && !self.variables.contains_key("NO_COLOR")
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
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
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
    fn knows_where_colours_are_minded() {
        for (variables, want) in [
            (&[][..], true),
            (&[("TERM", "xterm")], true),
            (&[("TERM", "dumb")], false),
            (&[("NO_COLOR", "1")], false),
            (&[("NO_COLOR", "")], false),
        ] {
            let env = Environment::new(variables.iter().copied().chain([("WT_SESSION", "x")]));
            assert_eq!(env.allows_colours(), want, "{variables:?}");
        }
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
