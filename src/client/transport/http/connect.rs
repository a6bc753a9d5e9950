//! How connections are made: addresses, proxies, redirects, TLS.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Uri;

use super::tls::{self, Identity, Trust};
use crate::client::auth::Credential;
use crate::client::config::ClientConfig;

/// How long a connection may take to be made, TLS included, whatever limit a request has.
const CONNECT: Duration = Duration::from_secs(30);
/// Redirects that are followed.
const REDIRECTS: usize = 10;
/// What is said when there is another one.
pub(super) const TOO_MANY_REDIRECTS: &str = "stopped after 10 redirects";

/// The URL that requests go to, and the `Host` to say where it is another. A server that is to prove
/// another name than its host's is addressed by that name; [`Renamed`] leads it to the right host.
pub(super) fn address(config: &ClientConfig) -> anyhow::Result<(String, Option<String>)> {
    if config.tls_server_name.is_empty() || !config.server.starts_with("https://") {
        return Ok((config.server.clone(), None));
    }
    let uri: Uri = config.server.parse()?;
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = uri.path().trim_end_matches('/');
    let base = format!("https://{}{port}{path}", config.tls_server_name);
    Ok((base, uri.authority().map(ToString::to_string)))
}

/// Resolves every name to the addresses of one host.
struct Renamed(String);

impl reqwest::dns::Resolve for Renamed {
    fn resolve(&self, _name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// reqwest panics without a provider of cryptography.
pub(super) fn install_provider() {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Refused only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Follows redirects as a browser does: credentials stay behind where another host, port or scheme is
/// named, which reqwest sees to.
fn redirects() -> reqwest::redirect::Policy {
    reqwest::redirect::Policy::custom(|attempt| {
        if attempt.previous().len() > REDIRECTS { attempt.error(TOO_MANY_REDIRECTS) } else { attempt.follow() }
    })
}

/// A client of a server: for requests, or for upgrades, which HTTP/2 does not have.
pub(super) fn build(
    config: &ClientConfig,
    upgrade: bool,
    credential: Option<&Credential>,
) -> anyhow::Result<reqwest::Client> {
    install_provider();
    let uri: Uri = config.server.parse()?;
    let host = uri.host().unwrap_or_default();
    let loopback = is_loopback(host);
    /// Bytes of an answer that may come before they are read.
    const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
    // On one machine compressing costs more than it saves.
    let mut builder = reqwest::Client::builder()
        .gzip(!config.disable_compression && !loopback && !upgrade)
        // Answers that nobody reads yet must not keep back the one that is read: the connection takes
        // more than all its streams together.
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(32 * STREAM_WINDOW)
        .referer(false)
        .connect_timeout(CONNECT);
    if let Some(period) = config.keepalive {
        builder = builder.tcp_keepalive(period);
    }
    if !config.proxy_url.is_empty() {
        builder = builder.no_proxy().proxy(reqwest::Proxy::all(&config.proxy_url)?);
    } else if loopback {
        builder = builder.no_proxy();
    }
    if upgrade {
        builder = builder.http1_only().redirect(reqwest::redirect::Policy::none());
    } else {
        builder = builder.redirect(redirects());
        if let Some(timeout) = config.timeout {
            builder = builder.timeout(timeout);
        }
    }
    if !config.tls_server_name.is_empty() {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        builder = builder.dns_resolver(Arc::new(Renamed(host))).http1_only();
    }
    if !config.server.starts_with("https://") {
        return Ok(builder.build()?);
    }
    let plugged = credential.filter(|credential| !credential.certificate.is_empty());
    let identity =
        plugged.map_or(Identity { certificate: &config.client_certificate, key: &config.client_key }, |own| Identity {
            certificate: own.certificate.as_bytes(),
            key: own.key.as_bytes(),
        });
    let trust = match (config.insecure, config.certificate_authority.as_slice()) {
        (true, _) => Trust::All,
        (false, []) => Trust::System(&config.system_authorities),
        (false, these) => Trust::These(these),
    };
    let http2 = !upgrade && config.tls_server_name.is_empty();
    if let Some(tls) = tls::client_config(trust, identity, http2)? {
        builder = builder.tls_backend_preconfigured(tls);
    }
    Ok(builder.build()?)
}
