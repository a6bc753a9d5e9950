//! The transport over the network: hyper with rustls.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use tokio::time::Instant;

mod certificate;
mod client;
mod connect;
mod constraints;
mod der;
mod dial;
mod download;
mod gzip;
mod names;
pub(crate) mod pem;
mod proxy;
mod signatures;
mod socks;
mod stream;
mod system;
mod tls;
mod tunnel;
mod verify;
mod whole;
mod words;

pub(crate) use client::HttpClient;
use connect::build;
pub use download::download;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use words::{explain, explain_body};

use super::{Body, BoxError, BoxFuture, Transport, Upgrade};
use crate::client::auth::{Credential, OidcProvider, Persist, Plugin};
use crate::client::config::ClientConfig;
use crate::client::error::ConnectionError;

/// How long a token read from a file counts before it is read again: a minute, less the ten seconds that client-go
/// does not rely on.
const TOKEN_FILE_PERIOD: Duration = Duration::from_secs(50);

/// A client, and the certificate from a program that it shows; empty for none.
type Connected = (String, HttpClient);

/// Where credentials come from that are not in the configuration.
enum Login {
    Nowhere,
    Program(Box<Plugin>),
    Provider(Box<OidcProvider>),
}

/// A connection to one API server as one user. Connects with the first request.
pub struct HttpTransport {
    config: ClientConfig,
    server: String,
    /// For requests: HTTP/2 where the server speaks it.
    rest: Mutex<Option<Connected>>,
    /// For upgrades, which HTTP/2 does not have.
    upgrade: Mutex<Option<Connected>>,
    token: Mutex<Option<(Instant, HeaderValue)>>,
    login: Login,
}

impl HttpTransport {
    /// A transport for a resolved configuration. Certificates are looked at with the first request, and
    /// read from files only then. A program or a provider is asked only where there is nothing else to
    /// show. `persist` keeps a provider's new tokens.
    ///
    /// # Errors
    /// A program or a provider that cannot be asked.
    pub fn new(config: ClientConfig, persist: Option<Persist>) -> anyhow::Result<Self> {
        let uri: Uri = config.server.parse()?;
        let server = uri.authority().map(ToString::to_string).unwrap_or_default();
        let shown = !config.token.is_empty() || !config.username.is_empty() || !config.client_certificate.is_empty();
        let login = match (&config.exec, &config.provider) {
            (Some(exec), _) => {
                let plugin = Plugin::new(exec.clone(), &config)?;
                if shown { Login::Nowhere } else { Login::Program(Box::new(plugin)) }
            }
            (None, Some(provider)) => Login::Provider(Box::new(OidcProvider::new(provider, &config, persist)?)),
            (None, None) => Login::Nowhere,
        };
        Ok(Self { config, server, rest: Mutex::default(), upgrade: Mutex::default(), token: Mutex::default(), login })
    }

    /// Host and port of the server, as configured.
    pub fn server(&self) -> &str {
        &self.server
    }

    fn client(&self, upgrade: bool, credential: Option<&Credential>) -> anyhow::Result<HttpClient> {
        let certificate = credential.map_or("", |credential| credential.certificate.as_str());
        let slot = if upgrade { &self.upgrade } else { &self.rest };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((shown, client)) = &*slot
            && shown == certificate
        {
            return Ok(client.clone());
        }
        let client = build(&self.config, upgrade, credential)?;
        *slot = Some((certificate.to_owned(), client.clone()));
        Ok(client)
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
        if let (None, Some((read, header))) = (&file, cached.as_mut()) {
            // A file that cannot be read takes nothing away.
            *read = Instant::now();
            return Ok(Some(header.clone()));
        }
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

    /// A client and a request for it, with the credentials in use.
    async fn prepare(
        &self,
        mut request: Request<Bytes>,
        upgrade: bool,
    ) -> Result<(HttpClient, Request<Bytes>, Option<Arc<Credential>>), BoxError> {
        let own = request.headers().contains_key(AUTHORIZATION);
        let credential = if own { None } else { self.credential().await? };
        let authorized = self.authorize(request.headers_mut(), credential.as_deref());
        authorized.map_err(|error| match error.downcast::<ConnectionError>() {
            Ok(fault) => BoxError::from(self.own(fault)),
            Err(other) => other.into(),
        })?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        *request.uri_mut() = format!("{}{target}", self.config.server).parse()?;
        let client = self.client(upgrade, credential.as_deref()).map_err(|error| {
            let why = match &credential {
                Some(own) if !own.certificate.is_empty() => {
                    format!("getting credentials: failed parsing client key/certificate: {error}")
                }
                // Files are looked at as the connection is made.
                _ if self.config.identity_in_files => error.to_string(),
                _ => return BoxError::from(error),
            };
            ConnectionError::says(&self.server, why).into()
        })?;
        Ok((client, request, credential))
    }

    /// What was shown no longer counts, as a server says: the next request shows something newer where
    /// there is any. This one's answer stands, as with client-go.
    async fn note(&self, status: StatusCode, shown: Option<Arc<Credential>>) {
        if status != StatusCode::UNAUTHORIZED {
            return;
        }
        if let (Login::Program(plugin), Some(shown)) = (&self.login, shown) {
            plugin.refresh(&shown).await;
        }
        self.token.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// What a program or a provider hands out.
    async fn credential(&self) -> Result<Option<Arc<Credential>>, BoxError> {
        let says = |error: anyhow::Error| {
            let refused = error.downcast_ref::<ConnectionError>().is_some_and(|fault| fault.refused);
            ConnectionError { refused, transient: false, ..ConnectionError::says(&self.server, error.to_string()) }
        };
        match &self.login {
            Login::Nowhere => Ok(None),
            Login::Provider(provider) => Ok(Some(provider.credential().await.map_err(says)?)),
            Login::Program(plugin) => {
                let asked = plugin.credential();
                let answer = match self.config.timeout.filter(|_| !plugin.is_interactive()) {
                    None => asked.await,
                    Some(limit) => tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| {
                        Err(anyhow::anyhow!("getting credentials: exec: executable {} timed out", plugin.program()))
                    }),
                };
                Ok(Some(answer.map_err(says)?))
            }
        }
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move {
            let (client, request, credential) = self.prepare(request, false).await?;
            let (method, url) = (request.method().clone(), request.uri().to_string());
            let response = client.send(request).await.map_err(|fault| self.own(fault).about(&method, &url))?;
            self.note(response.status(), credential).await;
            Ok(response)
        })
    }

    fn upgrade(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        Box::pin(async move {
            let (client, request, credential) = self.prepare(request, true).await?;
            let (method, url) = (request.method().clone(), request.uri().to_string());
            let response = client.upgrade(request).await.map_err(|fault| self.own(fault).about(&method, &url))?;
            self.note(response.status(), credential).await;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Upgrade::Refused(plain(response)));
            }
            let mut head = Response::new(());
            *head.status_mut() = response.status();
            head.headers_mut().clone_from(response.headers());
            let stream = hyper::upgrade::on(response).await.map_err(|error| explain(&self.server, &error))?;
            Ok(Upgrade::Switched(head, Box::new(TokioIo::new(stream))))
        })
    }
}

impl HttpTransport {
    /// A fault is the configured server's, even where it was sent on to another.
    fn own(&self, fault: ConnectionError) -> ConnectionError {
        ConnectionError { server: self.server.clone(), ..fault }
    }
}

fn plain(response: Response<Incoming>) -> Response<Body> {
    response.map(|body| body.map_err(|error| BoxError::from(explain_body(&error))).boxed_unsync())
}

/// A client for a server that is no API server, which trusts whom the configuration says.
///
/// # Errors
/// Authorities that cannot be read.
pub(crate) fn plain_client(config: &ClientConfig) -> anyhow::Result<HttpClient> {
    build(config, false, None)
}

/// What is said of credentials that no header can hold.
const INVALID_LOGIN: &str = "net/http: invalid header field value for \"Authorization\"";

fn secret(text: &str) -> anyhow::Result<HeaderValue> {
    let mut header = HeaderValue::from_str(text).map_err(|_| ConnectionError::says("", INVALID_LOGIN))?;
    header.set_sensitive(true);
    Ok(header)
}

fn read_token(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.trim().to_owned()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests;
