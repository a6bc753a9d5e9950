//! Which server to talk to, and how.

/// What the global flags say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--kubeconfig`
    pub kubeconfig: Option<String>,
    /// `--context`
    pub context: Option<String>,
    /// `--cluster`
    pub cluster: Option<String>,
    /// `--user`
    pub user: Option<String>,
    /// `--namespace`
    pub namespace: Option<String>,
    /// `--server`
    pub server: Option<String>,
    /// `--token`
    pub token: Option<String>,
    /// `--username`
    pub username: Option<String>,
    /// `--password`
    pub password: Option<String>,
    /// `--certificate-authority`
    pub certificate_authority: Option<String>,
    /// `--client-certificate`
    pub client_certificate: Option<String>,
    /// `--client-key`
    pub client_key: Option<String>,
    /// `--tls-server-name`
    pub tls_server_name: Option<String>,
    /// `--insecure-skip-tls-verify`
    pub insecure_skip_tls_verify: bool,
    /// `--request-timeout`
    pub request_timeout: Option<String>,
    /// `--as`
    pub as_user: Option<String>,
    /// `--as-uid`
    pub as_uid: Option<String>,
    /// `--as-group`
    pub as_groups: Vec<String>,
    /// `--as-user-extra`
    pub as_user_extra: Vec<String>,
    /// `--disable-compression`
    pub disable_compression: bool,
    /// `--match-server-version`
    pub match_server_version: bool,
    /// `--cache-dir`
    pub cache_dir: Option<String>,
    /// `-v`
    pub verbosity: u8,
    /// `--warnings-as-errors`
    pub warnings_as_errors: bool,
}
