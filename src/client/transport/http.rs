//! The transport over the network: reqwest with rustls.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;

mod tls;

use tls::Identity;

use super::{Body, BoxError, BoxFuture, Transport, Upgrade};
use crate::client::auth::{Credential, Plugin};
use crate::client::config::ClientConfig;
use crate::client::error::ConnectionError;

/// How long a token read from a file counts before it is read again.
const TOKEN_FILE_PERIOD: Duration = Duration::from_secs(60);

/// A connection to one API server as one user. Connects with the first request.
pub struct HttpTransport {
    config: ClientConfig,
    server: String,
    /// For requests: HTTP/2 where the server speaks it.
    rest: OnceLock<reqwest::Client>,
    /// For upgrades, which HTTP/2 does not have.
    upgrade: OnceLock<reqwest::Client>,
    token: Mutex<Option<(Instant, HeaderValue)>>,
    plugin: Option<Plugin>,
}

impl HttpTransport {
    /// A transport for a resolved configuration. Certificates are looked at with the first request.
    pub fn new(config: ClientConfig) -> anyhow::Result<Self> {
        let uri: Uri = config.server.parse()?;
        let server = uri.authority().map(ToString::to_string).unwrap_or_default();
        let plugin = config.exec.clone().map(|exec| Plugin::new(exec, &config)).transpose()?;
        Ok(Self { config, server, rest: OnceLock::new(), upgrade: OnceLock::new(), token: Mutex::new(None), plugin })
    }

    /// Host and port of the server, as configured.
    pub fn server(&self) -> &str {
        &self.server
    }

    fn client(&self, upgrade: bool, credential: Option<&Credential>) -> anyhow::Result<&reqwest::Client> {
        let slot = if upgrade { &self.upgrade } else { &self.rest };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = build(&self.config, upgrade, credential)?;
        Ok(slot.get_or_init(|| client))
    }

    /// The bearer token in use: the file's, read again from time to time, else the configured one.
    fn bearer(&self) -> anyhow::Result<Option<HeaderValue>> {
        let mut cached = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, header)) = cached.as_ref()
            && (self.config.token_file.is_none() || read.elapsed() < TOKEN_FILE_PERIOD)
        {
            return Ok(Some(header.clone()));
        }
        let file = self.config.token_file.as_deref().and_then(read_token);
        let token = file.unwrap_or_else(|| self.config.token.trim().to_owned());
        if token.is_empty() {
            return Ok(None);
        }
        let header = secret(&format!("Bearer {token}"))?;
        *cached = Some((Instant::now(), header.clone()));
        Ok(Some(header))
    }

    fn authorize(&self, headers: &mut HeaderMap, credential: Option<&Credential>) -> anyhow::Result<()> {
        let config = &self.config;
        let plugged = credential.filter(|credential| !credential.token.is_empty());
        let header = if let Some(credential) = plugged {
            Some(secret(&format!("Bearer {}", credential.token))?)
        } else if !config.username.is_empty() || !config.password.is_empty() {
            let pair = format!("{}:{}", config.username, config.password);
            Some(secret(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))?)
        } else {
            self.bearer()?
        };
        if let Some(header) = header {
            headers.entry(AUTHORIZATION).or_insert(header);
        }
        config.impersonate.put(headers)
    }

    async fn dispatch(&self, request: Request<Bytes>, upgrade: bool) -> Result<reqwest::Response, BoxError> {
        let refused = self.plugin.is_some();
        let response = self.attempt(request.clone(), upgrade, false).await?;
        if refused && response.status() == StatusCode::UNAUTHORIZED {
            // What the program handed out no longer counts: ask it once more.
            return self.attempt(request, upgrade, true).await;
        }
        Ok(response)
    }

    async fn attempt(
        &self,
        mut request: Request<Bytes>,
        upgrade: bool,
        fresh: bool,
    ) -> Result<reqwest::Response, BoxError> {
        let credential = match &self.plugin {
            Some(plugin) => {
                let credential = plugin.credential(fresh).await;
                Some(credential.map_err(|error| ConnectionError::says(&self.server, error.to_string()))?)
            }
            None => None,
        };
        let credential = credential.as_deref();
        self.authorize(request.headers_mut(), credential)?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let (base, host) = address(&self.config)?;
        if let Some(host) = host {
            request.headers_mut().insert(HOST, HeaderValue::from_str(&host)?);
        }
        *request.uri_mut() = format!("{base}{target}").parse()?;
        let request = reqwest::Request::try_from(request)?;
        let client = self.client(upgrade, credential)?;
        client.execute(request).await.map_err(|error| explain(&self.server, &error).into())
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move { Ok(into_http(self.dispatch(request, false).await?, &self.server)) })
    }

    fn upgrade(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        Box::pin(async move {
            let response = self.dispatch(request, true).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Upgrade::Refused(into_http(response, &self.server)));
            }
            let mut head = Response::new(());
            *head.status_mut() = response.status();
            head.headers_mut().clone_from(response.headers());
            let stream = response.upgrade().await.map_err(|error| explain(&self.server, &error))?;
            Ok(Upgrade::Switched(head, Box::new(stream)))
        })
    }
}

fn into_http(response: reqwest::Response, server: &str) -> Response<Body> {
    let server = server.to_owned();
    Response::<reqwest::Body>::from(response)
        .map(|body| body.map_err(move |error| BoxError::from(explain(&server, &error))).boxed_unsync())
}

fn secret(text: &str) -> anyhow::Result<HeaderValue> {
    let mut header =
        HeaderValue::from_str(text).map_err(|_| anyhow::anyhow!("credentials hold characters that no header can"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn read_token(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}

/// The URL that requests go to, and the `Host` to say where it is another. A server that is to prove
/// another name than its host's is addressed by that name; [`Renamed`] leads it to the right host.
fn address(config: &ClientConfig) -> anyhow::Result<(String, Option<String>)> {
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
fn install_provider() {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        // Refused only where one is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Fetches a URL that has nothing to do with the cluster (a manifest). Faults of the server are tried
/// three times.
pub async fn download(url: &str) -> anyhow::Result<Vec<u8>> {
    const ATTEMPTS: usize = 3;
    install_provider();
    let client = reqwest::Client::builder().gzip(true).build()?;
    let server = url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default();
    let mut attempt = 1;
    loop {
        let fault = match client.get(url).send().await {
            Ok(response) if response.status() == StatusCode::OK => {
                return Ok(response.bytes().await.map_err(|error| explain(&server, &error))?.to_vec());
            }
            Ok(response) => {
                let status = response.status();
                let fault = anyhow::anyhow!(
                    "unable to read URL {url:?}, server reported {status}, status code={}",
                    status.as_u16()
                );
                if !status.is_server_error() {
                    return Err(fault);
                }
                fault
            }
            Err(error) => explain(&server, &error).into(),
        };
        if attempt == ATTEMPTS {
            return Err(fault);
        }
        attempt += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn build(config: &ClientConfig, upgrade: bool, credential: Option<&Credential>) -> anyhow::Result<reqwest::Client> {
    install_provider();
    let uri: Uri = config.server.parse()?;
    let host = uri.host().unwrap_or_default();
    let loopback = is_loopback(host);
    // On one machine compressing costs more than it saves.
    let mut builder =
        reqwest::Client::builder().gzip(!config.disable_compression && !loopback && !upgrade).referer(false);
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
    } else if let Some(timeout) = config.timeout {
        builder = builder.timeout(timeout);
    }
    if !config.tls_server_name.is_empty() {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        builder = builder.dns_resolver(Arc::new(Renamed(host))).http1_only();
    }
    let plugged = credential.filter(|credential| !credential.certificate.is_empty());
    let identity =
        plugged.map_or(Identity { certificate: &config.client_certificate, key: &config.client_key }, |own| Identity {
            certificate: own.certificate.as_bytes(),
            key: own.key.as_bytes(),
        });
    let http2 = !upgrade && config.tls_server_name.is_empty();
    if !config.insecure && !config.certificate_authority.is_empty() {
        let tls = tls::client_config(&config.certificate_authority, identity, http2)?;
        return Ok(builder.tls_backend_preconfigured(tls).build()?);
    }
    if config.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if !identity.certificate.is_empty() {
        let pem = [identity.certificate, b"\n", identity.key].concat();
        let identity = reqwest::Identity::from_pem(&pem)
            .map_err(|_| anyhow::anyhow!("tls: failed to find any PEM data in certificate input"))?;
        builder = builder.identity(identity);
    }
    Ok(builder.build()?)
}

/// An error of reqwest in the words that kubectl's users know.
fn explain(server: &str, error: &reqwest::Error) -> ConnectionError {
    let mut connection = ConnectionError::new(server, error);
    if connection.refused {
        return connection;
    }
    let mut text = String::new();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(words) = error.downcast_ref::<rustls::Error>().and_then(tls::words) {
            connection.message = words;
            return connection;
        }
        text.push_str(&error.to_string());
        text.push('\n');
        // What an I/O error wraps is not its source but itself.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = wrapped.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    if error.is_timeout() {
        connection.message = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned();
    } else if text.contains("dns error") || text.contains("failed to lookup address") {
        let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
        connection.message = format!("dial tcp: lookup {host}: no such host");
    } else if text.contains("InvalidContentType") {
        connection.message = "http: server gave HTTP response to HTTPS client".to_owned();
    } else if text.contains("connection closed before message completed") {
        connection.message = "EOF".to_owned();
    }
    connection
}

#[cfg(test)]
mod tests;
