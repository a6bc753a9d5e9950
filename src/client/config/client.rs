//! What it takes to talk to one server as one user.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Impersonation;
use super::kubeconfig::Exec;
use crate::object::Object;

/// Everything that it takes to talk to one API server as one user.
#[derive(Clone, Default, PartialEq)]
pub struct ClientConfig {
    /// URL of the server, with scheme; a path in it precedes every request's.
    pub server: String,
    /// The name to expect in the server's certificate instead of the URL's host; empty for the host.
    pub tls_server_name: String,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// PEM of the authorities that vouch for the server; the system's where empty.
    pub certificate_authority: Vec<u8>,
    /// Whom the system trusts, where that is not where it usually is.
    pub system_authorities: SystemAuthorities,
    /// PEM of the client's certificate; empty for none.
    pub client_certificate: Vec<u8>,
    /// PEM of the client's key.
    pub client_key: Vec<u8>,
    /// Whether certificate and key are in files of their own.
    pub identity_in_files: bool,
    /// Bearer token; empty for none.
    pub token: String,
    /// File with the bearer token: once read, it counts instead of [`Self::token`].
    pub token_file: Option<PathBuf>,
    /// Basic authentication; empty for none.
    pub username: String,
    /// Password of basic authentication.
    pub password: String,
    /// Whom to act as.
    pub impersonate: Impersonation,
    /// A program that hands out credentials.
    pub exec: Option<Exec>,
    /// Whether that program may read standard input.
    pub input: StandardInput,
    /// What the cluster says to that program alone (its extension `client.authentication.k8s.io/exec`).
    pub exec_config: Option<Object>,
    /// An identity provider that hands out tokens.
    pub provider: Option<Provider>,
    /// URL of a proxy on the way to the server; the environment's where empty.
    pub proxy_url: String,
    /// What the environment says of proxies.
    pub proxies: EnvironmentProxies,
    /// How HTTP/2 is spoken.
    pub http2: Http2,
    /// Whether responses are asked for uncompressed.
    pub disable_compression: bool,
    /// How long one request may take; none for no limit.
    pub timeout: Option<Duration>,
    /// How often a silent connection is probed by the system; none for never.
    pub keepalive: Option<Duration>,
}

impl ClientConfig {
    /// Whether there is nothing to show to a server that would hear it.
    pub fn lacks_identity(&self) -> bool {
        self.server.starts_with("https://")
            && self.username.is_empty()
            && self.client_certificate.is_empty()
            && self.token.is_empty()
            && self.exec.is_none()
            && self.provider.is_none()
    }
}

impl fmt::Debug for ClientConfig {
    /// Names the server and nothing secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Whether standard input is taken: no program that hands out credentials gets it then. All copies are of one.
#[derive(Clone, Debug, Default)]
pub struct StandardInput(Arc<AtomicBool>);

impl StandardInput {
    /// From here on it is taken, by what reads manifests.
    pub fn take(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is taken.
    pub fn is_taken(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for StandardInput {
    fn eq(&self, other: &Self) -> bool {
        self.is_taken() == other.is_taken()
    }
}

/// What the environment says of proxies (`HTTPS_PROXY` and its like, in large or small letters).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentProxies {
    /// `HTTP_PROXY`; empty for none.
    pub http: String,
    /// `HTTPS_PROXY`; empty for none.
    pub https: String,
    /// `NO_PROXY`: hosts that are reached without one, separated by commas.
    pub none: String,
    /// Whether this is a CGI program (`REQUEST_METHOD`), whose `HTTP_PROXY` may be a request's header.
    pub cgi: bool,
}

/// How HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http2 {
    /// Whether it is not (`DISABLE_HTTP2`).
    pub disabled: bool,
    /// Seconds after which a silent connection is asked whether it lives
    /// (`HTTP2_READ_IDLE_TIMEOUT_SECONDS`); zero for never, none for the usual time.
    pub idle_seconds: Option<u64>,
    /// Seconds in which it must say so (`HTTP2_PING_TIMEOUT_SECONDS`); none for the usual time.
    pub ping_seconds: Option<u64>,
}

/// Places of authorities that the environment names (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemAuthorities {
    /// A file of them, instead of the system's.
    pub file: Option<PathBuf>,
    /// Folders of files.
    pub folders: Vec<PathBuf>,
}

/// An identity provider: how to get a token from it, and where the kubeconfig says so.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Provider {
    /// The user's name in the kubeconfig.
    pub user: String,
    /// The file that holds the user.
    pub file: Option<PathBuf>,
    /// Its settings, tokens among them.
    pub settings: BTreeMap<String, String>,
}
