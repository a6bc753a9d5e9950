//! From a kubeconfig and flags to one server and one identity, with client-go's rules and words.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::kubeconfig::{Cluster, Context, Exec, User};
use super::load::SERVICE_ACCOUNT;
use super::{Kubeconfig, Overrides, go_error};

/// The server that kubectl assumes where none is configured.
const DEFAULT_SERVER: &str = "http://localhost:8080";

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
    /// PEM of the client's certificate; empty for none.
    pub client_certificate: Vec<u8>,
    /// PEM of the client's key.
    pub client_key: Vec<u8>,
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
    /// URL of a proxy on the way to the server; the environment's where empty.
    pub proxy_url: String,
    /// Whether responses are asked for uncompressed.
    pub disable_compression: bool,
    /// How long one request may take; none for no limit.
    pub timeout: Option<Duration>,
    /// How often a silent connection is probed by the system; none for never.
    pub keepalive: Option<Duration>,
}

impl fmt::Debug for ClientConfig {
    /// Names the server and nothing secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Whom to act as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// User name; empty for nobody else.
    pub user: String,
    /// UID.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Further claims.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The name of the bundled cluster's user, whom everything is allowed.
const OWNER: &str = "admin";

impl Impersonation {
    /// What the flags alone say, for a cluster that no kubeconfig speaks of.
    ///
    /// # Errors
    /// Further claims without a user; a [`ConfigInvalid`].
    pub fn of_flags(flags: &Overrides) -> anyhow::Result<Self> {
        let mut user = User::default();
        impersonate(&mut user, flags);
        let mut problems = Vec::new();
        check_user(OWNER, &user, &mut problems);
        if problems.is_empty() {
            return Ok(Self::of(&user));
        }
        Err(ConfigInvalid(problems.into_iter().map(Problem::Other).collect()).into())
    }

    fn of(user: &User) -> Self {
        if user.impersonate.is_empty() {
            return Self::default();
        }
        Self {
            user: user.impersonate.clone(),
            uid: user.impersonate_uid.clone(),
            groups: user.impersonate_groups.clone(),
            extra: user.impersonate_extra.clone(),
        }
    }

    /// Adds the `Impersonate-…` headers to a request's.
    ///
    /// # Errors
    /// Text that no header can carry.
    pub fn put(&self, headers: &mut HeaderMap) -> anyhow::Result<()> {
        if self.user.is_empty() {
            return Ok(());
        }
        headers.insert("impersonate-user", HeaderValue::from_str(&self.user)?);
        if !self.uid.is_empty() {
            headers.insert("impersonate-uid", HeaderValue::from_str(&self.uid)?);
        }
        for group in &self.groups {
            headers.append("impersonate-group", HeaderValue::from_str(group)?);
        }
        for (key, values) in &self.extra {
            let name = HeaderName::try_from(format!("impersonate-extra-{}", escape_header_key(key)))?;
            for value in values {
                headers.append(name.clone(), HeaderValue::from_str(value)?);
            }
        }
        Ok(())
    }
}

/// A key as part of a header's name: what a name cannot hold is percent-encoded.
fn escape_header_key(key: &str) -> String {
    let mut escaped = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Takes over whom the flags say to act as.
fn impersonate(user: &mut User, flags: &Overrides) {
    put(&mut user.impersonate, &flags.as_user);
    put(&mut user.impersonate_uid, &flags.as_uid);
    if !flags.as_groups.is_empty() {
        user.impersonate_groups.clone_from(&flags.as_groups);
    }
    let mut extra = BTreeMap::<String, Vec<String>>::new();
    for (key, value) in flags.as_user_extra.iter().filter_map(|claim| claim.split_once('=')) {
        extra.entry(key.into()).or_default().push(value.into());
    }
    user.impersonate_extra.extend(extra);
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The context in use is not defined.
    ContextNotFound(String),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContextNotFound(name) => write!(f, "context was not found for specified context: {name}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// A configuration that cannot be used (client-go's `errConfigurationInvalid`, an aggregate: a single
/// problem that is no [`Problem::ContextNotFound`] is said as a plain error).
#[derive(Debug)]
pub struct ConfigInvalid(pub Vec<Problem>);

impl fmt::Display for ConfigInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        match texts.as_slice() {
            [one] => write!(f, "invalid configuration: {one}"),
            _ => write!(f, "invalid configuration: [{}]", texts.join(", ")),
        }
    }
}

impl std::error::Error for ConfigInvalid {}

/// What of the environment decides where a pod's own service account leads.
#[derive(Clone, Debug, Default)]
pub struct InCluster {
    /// `KUBERNETES_SERVICE_HOST`.
    pub host: String,
    /// `KUBERNETES_SERVICE_PORT`.
    pub port: String,
    /// `POD_NAMESPACE`.
    pub pod_namespace: Option<String>,
}

/// Resolves a loaded kubeconfig and flags.
pub struct Resolver<'a> {
    /// The loaded kubeconfig.
    pub config: &'a Kubeconfig,
    /// The flags.
    pub overrides: &'a Overrides,
    /// `KUBERNETES_MASTER`: the server where none is configured.
    pub master: Option<&'a str>,
    /// The pod's service account, where this is a pod.
    pub in_cluster: Option<InCluster>,
}

fn set(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn put(into: &mut String, flag: &Option<String>) {
    if let Some(text) = set(flag) {
        text.clone_into(into);
    }
}

impl Resolver<'_> {
    /// Name of the context in use; empty for none.
    pub fn context_name(&self) -> &str {
        set(&self.overrides.context).unwrap_or(&self.config.current_context)
    }

    fn context(&self) -> anyhow::Result<Context> {
        let name = self.context_name();
        let mut context = match self.config.contexts.get(name) {
            Some(context) => context.clone(),
            None if set(&self.overrides.context).is_some() => anyhow::bail!("context {name:?} does not exist"),
            None => Context::default(),
        };
        put(&mut context.cluster, &self.overrides.cluster);
        put(&mut context.user, &self.overrides.user);
        put(&mut context.namespace, &self.overrides.namespace);
        Ok(context)
    }

    /// Name of the user in use, and whether a flag says so.
    fn user_name(&self) -> (String, bool) {
        match set(&self.overrides.user) {
            Some(name) => (name.to_owned(), true),
            None => (self.context().unwrap_or_default().user, false),
        }
    }

    /// Name of the cluster in use, and whether a flag says so.
    fn cluster_name(&self) -> (String, bool) {
        match set(&self.overrides.cluster) {
            Some(name) => (name.to_owned(), true),
            None => (self.context().unwrap_or_default().cluster, false),
        }
    }

    fn user(&self) -> anyhow::Result<User> {
        let (name, required) = self.user_name();
        let mut user = match self.config.users.get(&name) {
            Some(user) => user.clone(),
            None if required => anyhow::bail!("auth info {name:?} does not exist"),
            None => User::default(),
        };
        let flags = self.overrides;
        put(&mut user.token, &flags.token);
        impersonate(&mut user, flags);
        put(&mut user.username, &flags.username);
        put(&mut user.password, &flags.password);
        if let Some(path) = set(&flags.client_certificate) {
            (user.client_certificate, user.client_certificate_data) = (path.to_owned(), String::new());
        }
        if let Some(path) = set(&flags.client_key) {
            (user.client_key, user.client_key_data) = (path.to_owned(), String::new());
        }
        Ok(user)
    }

    fn default_server(&self) -> &str {
        self.master.filter(|server| !server.is_empty()).unwrap_or(DEFAULT_SERVER)
    }

    fn cluster(&self) -> anyhow::Result<Cluster> {
        let (name, required) = self.cluster_name();
        let mut cluster = match self.config.clusters.get(&name) {
            Some(cluster) => cluster.clone(),
            None if required => anyhow::bail!("cluster {name:?} does not exist"),
            None => Cluster::default(),
        };
        if cluster.server.is_empty() {
            self.default_server().clone_into(&mut cluster.server);
        }
        let flags = self.overrides;
        put(&mut cluster.server, &flags.server);
        cluster.disable_compression |= flags.disable_compression;
        // One way of trusting the server on the command line replaces those of the file.
        let authority = set(&flags.certificate_authority);
        if flags.insecure_skip_tls_verify || authority.is_some() {
            cluster.insecure_skip_tls_verify = flags.insecure_skip_tls_verify;
            authority.unwrap_or_default().clone_into(&mut cluster.certificate_authority);
            cluster.certificate_authority_data.clear();
        }
        if set(&flags.tls_server_name).is_some() || set(&flags.server).is_some() {
            flags.tls_server_name.as_deref().unwrap_or_default().clone_into(&mut cluster.tls_server_name);
        }
        Ok(cluster)
    }

    /// Checks that the configuration can be used; the error is a [`ConfigInvalid`].
    pub fn confirm_usable(&self) -> anyhow::Result<()> {
        let mut problems = Vec::new();
        let context = self.context_name();
        if !context.is_empty() && !self.config.contexts.contains_key(context) {
            problems.push(Problem::ContextNotFound(context.to_owned()));
        }
        let mut others = Vec::new();
        check_user(&self.user_name().0, &self.user().unwrap_or_default(), &mut others);
        check_cluster(&self.cluster_name().0, &self.cluster().unwrap_or_default(), &mut others);
        problems.extend(others.into_iter().map(Problem::Other));
        if problems.is_empty() { Ok(()) } else { Err(ConfigInvalid(problems).into()) }
    }

    /// The namespace that commands use, and whether `--namespace` says so.
    pub fn namespace(&self) -> anyhow::Result<(String, bool)> {
        if let Some(namespace) = set(&self.overrides.namespace) {
            return Ok((namespace.to_owned(), true));
        }
        self.confirm_usable()?;
        let namespace = self.context()?.namespace;
        if !namespace.is_empty() {
            return Ok((namespace, false));
        }
        if let Some(pod) = &self.in_cluster {
            let own = pod.pod_namespace.clone().filter(|name| !name.is_empty()).or_else(|| {
                let text = std::fs::read_to_string(Path::new(SERVICE_ACCOUNT).join("namespace")).ok()?;
                Some(text.trim().to_owned()).filter(|name| !name.is_empty())
            });
            if let Some(own) = own {
                return Ok((own, false));
            }
        }
        Ok(("default".to_owned(), false))
    }

    /// The server and the identity. Reads certificate and token files.
    pub fn client_config(&self) -> anyhow::Result<ClientConfig> {
        let user = self.user()?;
        self.context()?;
        let cluster = self.cluster()?;
        self.confirm_usable()?;
        let mut client = ClientConfig {
            proxy_url: cluster.proxy_url.clone(),
            disable_compression: cluster.disable_compression,
            timeout: set(&self.overrides.request_timeout).map(parse_timeout).transpose()?.flatten(),
            impersonate: Impersonation::of(&user),
            server: with_scheme(&cluster.server)?,
            ..ClientConfig::default()
        };
        if let Some(pod) = &self.in_cluster
            && cluster.server == self.default_server()
            && client.impersonate == Impersonation::default()
            && client.timeout.is_none()
        {
            return self.in_cluster_config(pod);
        }
        // Credentials go over TLS only.
        if client.server.starts_with("https://") {
            identify(&mut client, &cluster, user)?;
        }
        Ok(client)
    }

    fn in_cluster_config(&self, pod: &InCluster) -> anyhow::Result<ClientConfig> {
        let folder = Path::new(SERVICE_ACCOUNT);
        let host = if pod.host.contains(':') { format!("[{}]", pod.host) } else { pod.host.clone() };
        let server = match set(&self.overrides.server) {
            Some(server) => with_scheme(server)?,
            None => format!("https://{host}:{}", pod.port),
        };
        let authority = set(&self.overrides.certificate_authority).map_or_else(|| folder.join("ca.crt"), PathBuf::from);
        let (token, token_file) = match set(&self.overrides.token) {
            Some(token) => (token.to_owned(), None),
            None => (read_text(&folder.join("token"))?, Some(folder.join("token"))),
        };
        Ok(ClientConfig {
            server,
            token,
            token_file,
            certificate_authority: std::fs::read(authority).unwrap_or_default(),
            ..ClientConfig::default()
        })
    }
}

/// Takes over who the client is and how the server proves who it is.
fn identify(client: &mut ClientConfig, cluster: &Cluster, user: User) -> anyhow::Result<()> {
    client.tls_server_name.clone_from(&cluster.tls_server_name);
    client.insecure = cluster.insecure_skip_tls_verify;
    client.certificate_authority = pem(&cluster.certificate_authority_data, &cluster.certificate_authority)?;
    if client.insecure && !client.certificate_authority.is_empty() {
        anyhow::bail!("specifying a root certificates file with the insecure flag is not allowed");
    }
    if !user.client_certificate.is_empty() || !user.client_certificate_data.is_empty() {
        client.client_certificate = pem(&user.client_certificate_data, &user.client_certificate)?;
        client.client_key = pem(&user.client_key_data, &user.client_key)?;
    }
    client.token = user.token;
    if !user.token_file.is_empty() {
        let file = PathBuf::from(&user.token_file);
        if client.token.is_empty() {
            client.token = read_text(&file)?;
        }
        client.token_file = Some(file);
    }
    (client.username, client.password) = (user.username, user.password);
    client.exec = user.exec;
    if let Some(provider) = user.auth_provider {
        let name = provider.get("name").and_then(|name| name.as_str()).unwrap_or_default();
        anyhow::bail!("no Auth Provider found for name {name:?}");
    }
    Ok(())
}

fn read_text(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| anyhow::anyhow!(go_error("open", "read", file, &error)))
}

/// Inline data, else the file's content.
fn pem(data: &str, file: &str) -> anyhow::Result<Vec<u8>> {
    if !data.is_empty() {
        return decode(data).map_err(anyhow::Error::msg);
    }
    if file.is_empty() {
        return Ok(Vec::new());
    }
    std::fs::read(file).map_err(|error| anyhow::anyhow!(go_error("open", "read", Path::new(file), &error)))
}

/// Base64 as Go decodes it: line breaks do not count.
pub(super) fn decode(data: &str) -> Result<Vec<u8>, String> {
    let text: Vec<u8> = data.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    base64::engine::general_purpose::STANDARD.decode(&text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            _ => text.len(),
        };
        format!("illegal base64 data at input byte {at}")
    })
}

/// The server as a URL: a bare `host:port` is plain HTTP, no path ends in a slash.
fn with_scheme(server: &str) -> anyhow::Result<String> {
    let url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    let parsed = url.parse::<http::Uri>();
    if parsed.as_ref().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty())) {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        Ok(url.trim_end_matches('/').to_owned())
    } else {
        anyhow::bail!("host must be a URL or a host:port pair: {server:?}")
    }
}

/// `--request-timeout`: seconds, or a Go duration. Zero is no limit.
pub fn parse_timeout(text: &str) -> anyhow::Result<Option<Duration>> {
    let refused = || {
        anyhow::anyhow!(
            "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
        )
    };
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds as f64,
        Err(_) => go_seconds(text).ok_or_else(refused)?,
    };
    Ok(Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero()))
}

/// A Go duration (`1h30m`, `1.5s`, `300ms`) in seconds.
fn go_seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 8] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    Some(sign * total)
}

fn check_cluster(name: &str, cluster: &Cluster, problems: &mut Vec<String>) {
    if cluster.server.is_empty() {
        problems.push(if name.is_empty() {
            "default cluster has no server defined".to_owned()
        } else {
            format!("no server found for cluster {name:?}")
        });
    }
    if !cluster.proxy_url.is_empty()
        && let Some(fault) = proxy_fault(&cluster.proxy_url)
    {
        problems.push(format!("invalid 'proxy-url' {:?} for cluster {name:?}: {fault}", cluster.proxy_url));
    }
    if !cluster.certificate_authority.is_empty() {
        if !cluster.certificate_authority_data.is_empty() {
            problems.push(format!(
                "certificate-authority-data and certificate-authority are both specified for {name}. certificate-authority-data will override."
            ));
        }
        check_file("certificate-authority", &cluster.certificate_authority, name, problems);
    }
}

fn proxy_fault(url: &str) -> Option<String> {
    match url.split_once("://") {
        None => Some("unsupported scheme \"\", must be http, https, or socks5".to_owned()),
        Some(("http" | "https" | "socks5", _)) => None,
        Some((scheme, _)) => Some(format!("unsupported scheme {scheme:?}, must be http, https, or socks5")),
    }
}

fn check_file(what: &str, path: &str, owner: &str, problems: &mut Vec<String>) {
    if let Err(error) = std::fs::File::open(path) {
        let error = go_error("open", "open", Path::new(path), &error);
        problems.push(format!("unable to read {what} {path} for {owner} due to {error}"));
    }
}

fn check_user(name: &str, user: &User, problems: &mut Vec<String>) {
    let mut methods = Vec::new();
    if !user.token.is_empty() {
        methods.push("token");
    }
    if !user.username.is_empty() || !user.password.is_empty() {
        methods.push("basicAuth");
    }
    let certificate = (!user.client_certificate.is_empty(), !user.client_certificate_data.is_empty());
    if certificate.0 || certificate.1 {
        let key = (!user.client_key.is_empty(), !user.client_key_data.is_empty());
        if certificate.0 && certificate.1 {
            problems.push(format!(
                "client-cert-data and client-cert are both specified for {name}. client-cert-data will override."
            ));
        }
        if key.0 && key.1 {
            problems.push(format!(
                "client-key-data and client-key are both specified for {name}; client-key-data will override"
            ));
        }
        if !key.0 && !key.1 {
            problems.push(format!(
                "client-key-data or client-key must be specified for {name} to use the clientCert authentication method."
            ));
        }
        if certificate.0 {
            check_file("client-cert", &user.client_certificate, name, problems);
        }
        if key.0 {
            check_file("client-key", &user.client_key, name, problems);
        }
    }
    if let Some(exec) = &user.exec {
        check_exec(name, exec, user.auth_provider.is_some(), problems);
    }
    if methods.len() > 1 {
        problems.push(format!(
            "more than one authentication method found for {name}; found [{}], only one is allowed",
            methods.join(" ")
        ));
    }
    let further =
        !user.impersonate_uid.is_empty() || !user.impersonate_groups.is_empty() || !user.impersonate_extra.is_empty();
    if further && user.impersonate.is_empty() {
        problems.push(format!("requesting uid, groups or user-extra for {name} without impersonating a user"));
    }
}

fn check_exec(name: &str, exec: &Exec, has_provider: bool, problems: &mut Vec<String>) {
    if has_provider {
        problems.push(format!("authProvider cannot be provided in combination with an exec plugin for {name}"));
    }
    let needs = |what: &str| format!("{what} must be specified for {name} to use exec authentication plugin");
    if exec.command.is_empty() {
        problems.push(needs("command"));
    }
    if exec.api_version.is_empty() {
        problems.push(needs("apiVersion"));
    }
    for variable in &exec.env {
        if variable.name.is_empty() {
            problems.push(needs("env variable name"));
        }
    }
    match exec.interactive_mode.as_str() {
        // Before v1 the field was optional.
        "" if exec.api_version != "client.authentication.k8s.io/v1" => {}
        "" => problems.push(needs("interactiveMode")),
        "Never" | "IfAvailable" | "Always" => {}
        other => problems.push(format!("invalid interactiveMode for {name}: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
current-context: dev
clusters:
- {name: east, cluster: {server: 'https://east:6443/', insecure-skip-tls-verify: true, tls-server-name: e}}
- {name: west, cluster: {server: 'west:80'}}
contexts:
- {name: dev, context: {cluster: east, user: ann, namespace: blue}}
- {name: prod, context: {cluster: west, user: bob}}
users:
- {name: ann, user: {token: t}}
- {name: bob, user: {username: b, password: p}}
";

    fn resolve<T>(overrides: &Overrides, what: impl Fn(&Resolver<'_>) -> anyhow::Result<T>) -> Result<T, String> {
        let config = Kubeconfig::parse(FILE.as_bytes()).expect("a kubeconfig");
        let resolver = Resolver { config: &config, overrides, master: None, in_cluster: None };
        what(&resolver).map_err(|error| error.to_string())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn resolves_server_and_identity() {
        let none = Overrides::default();
        let client = resolve(&none, |resolver| resolver.client_config()).expect("a client");
        assert_eq!((client.server.as_str(), client.token.as_str()), ("https://east:6443", "t"));
        assert_eq!((client.tls_server_name.as_str(), client.insecure), ("e", true));
        assert_eq!(resolve(&none, |resolver| resolver.namespace()), Ok(("blue".into(), false)));

        let flags = Overrides { server: some("https://other"), user: some("bob"), ..none.clone() };
        let client = resolve(&flags, |resolver| resolver.client_config()).expect("a client");
        assert_eq!((client.server.as_str(), client.username.as_str()), ("https://other", "b"));
        assert_eq!(client.tls_server_name, "");

        let flags = Overrides { context: some("prod"), ..none.clone() };
        let client = resolve(&flags, |resolver| resolver.client_config()).expect("a client");
        assert_eq!((client.server.as_str(), client.username.as_str()), ("http://west:80", ""), "no secrets over HTTP");
        assert_eq!(resolve(&flags, |resolver| resolver.namespace()), Ok(("default".into(), false)));

        let flags = Overrides { namespace: some("x"), as_user: some("me"), ..none };
        assert_eq!(resolve(&flags, |resolver| resolver.namespace()), Ok(("x".into(), true)));
        assert_eq!(resolve(&flags, |resolver| resolver.client_config()).expect("a client").impersonate.user, "me");
    }

    #[test]
    fn says_what_is_wrong() {
        let none = Overrides::default();
        for (flags, namespace, client) in [
            (
                Overrides { context: some("no"), ..none.clone() },
                "invalid configuration: context was not found for specified context: no",
                "context \"no\" does not exist",
            ),
            (
                Overrides { cluster: some("no"), ..none.clone() },
                "invalid configuration: no server found for cluster \"no\"",
                "cluster \"no\" does not exist",
            ),
            (
                Overrides { as_groups: vec!["g".into()], ..none.clone() },
                "invalid configuration: requesting uid, groups or user-extra for ann without impersonating a user",
                "invalid configuration: requesting uid, groups or user-extra for ann without impersonating a user",
            ),
            (
                Overrides { username: some("u"), certificate_authority: some("/no/ca"), ..none.clone() },
                "invalid configuration: [more than one authentication method found for ann; found [token basicAuth], only one is allowed, unable to read certificate-authority /no/ca for east due to open /no/ca: no such file or directory]",
                "invalid configuration: [more than one authentication method found for ann; found [token basicAuth], only one is allowed, unable to read certificate-authority /no/ca for east due to open /no/ca: no such file or directory]",
            ),
        ] {
            assert_eq!(resolve(&flags, |resolver| resolver.namespace()).expect_err("refused"), namespace);
            assert_eq!(resolve(&flags, |resolver| resolver.client_config()).expect_err("refused"), client);
        }
    }

    #[test]
    fn reads_timeouts() {
        for (text, want) in [("0", None), ("5", Some(5.0)), ("1m30s", Some(90.0)), ("1.5s", Some(1.5)), ("-1s", None)] {
            assert_eq!(parse_timeout(text).expect("a timeout"), want.map(Duration::from_secs_f64), "{text}");
        }
        for text in ["", "x", "5x", "s"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
