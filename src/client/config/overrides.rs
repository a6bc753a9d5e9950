//! What global flags say about the cluster and the user.

use crate::client::log::Verbosity;

/// Global flags; empty or false where a flag was not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--kubeconfig`: this file and no other.
    pub kubeconfig: Option<String>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--server`.
    pub server: Option<String>,
    /// `--token`.
    pub token: Option<String>,
    /// `--username`.
    pub username: Option<String>,
    /// `--password`.
    pub password: Option<String>,
    /// `--certificate-authority`: a path.
    pub certificate_authority: Option<String>,
    /// `--client-certificate`: a path.
    pub client_certificate: Option<String>,
    /// `--client-key`: a path.
    pub client_key: Option<String>,
    /// `--tls-server-name`.
    pub tls_server_name: Option<String>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--request-timeout`: a number of seconds, or a Go duration; `0` for none.
    pub request_timeout: Option<String>,
    /// `--as`.
    pub as_user: Option<String>,
    /// `--as-uid`.
    pub as_uid: Option<String>,
    /// `--as-group`, as often as given.
    pub as_groups: Vec<String>,
    /// `--as-user-extra`, `key=value` as often as given.
    pub as_user_extra: Vec<String>,
    /// `--disable-compression`.
    pub disable_compression: bool,
    /// `--match-server-version`.
    pub match_server_version: bool,
    /// `--cache-dir`.
    pub cache_dir: Option<String>,
    /// `-v` and `--vmodule`.
    pub verbosity: Verbosity,
    /// `--warnings-as-errors`.
    pub warnings_as_errors: bool,
}
