//! From a configuration to a client: proxies, TLS, HTTP/2.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::client::{HttpClient, Manner, install_provider};
use super::dial::Ways;
use super::proxy::Proxies;
use super::tls::{self, Identity, Trust};
use crate::client::auth::Credential;
use crate::client::config::{Address, ClientConfig};

/// How long an HTTP/2 connection may be silent before it is asked whether it lives, as in client-go.
const IDLE: u64 = 30;
/// How long it may take to say that it does, as in client-go.
const PING: u64 = 15;

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A client of a server: for requests, or for upgrades, which HTTP/2 does not have.
pub(super) fn build(
    config: &ClientConfig,
    upgrade: bool,
    credential: Option<&Credential>,
) -> anyhow::Result<HttpClient> {
    install_provider();
    let uri: Uri = config.server.parse()?;
    let loopback = is_loopback(uri.host().unwrap_or_default());
    let proxies = match config.proxy_url.as_str() {
        "" => Proxies::Environment(config.proxies.clone()),
        url => Proxies::Always(Address::parse(url).ok_or_else(|| anyhow::anyhow!("could not parse: {url}"))?),
    };
    let http2 = config.http2;
    let seconds = |given: Option<u64>, usual| Duration::from_secs(given.unwrap_or(usual));
    let manner = Manner {
        // On one machine compressing costs more than it saves.
        gzip: !config.disable_compression && !loopback && !upgrade,
        gunzip: !config.disable_compression && !upgrade,
        follow: !upgrade,
        timeout: config.timeout.filter(|_| !upgrade),
        idle: Some(seconds(http2.idle_seconds, IDLE)).filter(|idle| !idle.is_zero()),
        ping: seconds(http2.ping_seconds, PING),
    };
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
    let tls = tls::client_config(trust, identity)?;
    let speaking = |protocols: &[&str]| {
        let mut tls = tls.clone();
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(tls)
    };
    let ways = Ways {
        proxies,
        tls: speaking(if upgrade || http2.disabled { &["http/1.1"] } else { &["h2", "http/1.1"] }),
        proxy_tls: speaking(&["http/1.1"]),
        server_name: config.tls_server_name.clone(),
        keepalive: config.keepalive,
    };
    Ok(HttpClient::new(ways, manner))
}
