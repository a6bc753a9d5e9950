//! What is wrong with a configuration, in client-go's words.

use std::fmt;
use std::path::Path;

use super::Address;
use super::go_error;
use super::kubeconfig::{Cluster, Exec, User};

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

/// Checks where a cluster is.
pub(super) fn cluster(name: &str, cluster: &Cluster, problems: &mut Vec<String>) {
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
    let Some(address) = Address::parse(url) else { return Some(format!("could not parse: {url}")) };
    match address.scheme.as_str() {
        "http" | "https" | "socks5" => None,
        scheme => Some(format!("unsupported scheme {scheme:?}, must be http, https, or socks5")),
    }
}

fn check_file(what: &str, path: &str, owner: &str, problems: &mut Vec<String>) {
    if let Err(error) = std::fs::File::open(path) {
        let error = go_error("open", "open", Path::new(path), &error);
        problems.push(format!("unable to read {what} {path} for {owner} due to {error}"));
    }
}

/// Checks who a user is.
pub(super) fn user(name: &str, user: &User, problems: &mut Vec<String>) {
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
        self::exec(name, exec, user.auth_provider.is_some(), problems);
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

fn exec(name: &str, exec: &Exec, has_provider: bool, problems: &mut Vec<String>) {
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
