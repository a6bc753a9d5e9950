//! The transport over the network: reqwest with rustls.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;

mod certificate;
mod connect;
mod download;
mod pem;
mod system;
mod tls;
mod verify;
mod words;

use connect::{address, build};
pub use download::download;
use words::{explain, explain_body};

use super::{Body, BoxError, BoxFuture, Transport, Upgrade};
use crate::client::auth::{Credential, OidcProvider, Persist, Plugin};
use crate::client::config::ClientConfig;
use crate::client::error::ConnectionError;

/// How long a token read from a file counts before it is read again.
const TOKEN_FILE_PERIOD: Duration = Duration::from_secs(60);

/// A client, and the certificate from a program that it shows; empty for none.
type Connected = (String, reqwest::Client);

/// Where credentials come from that are not in the configuration.
enum Login {
    Nowhere,
    Program(Plugin),
    Provider(OidcProvider),
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
                if shown { Login::Nowhere } else { Login::Program(plugin) }
            }
            (None, Some(provider)) => Login::Provider(OidcProvider::new(provider, persist)?),
            (None, None) => Login::Nowhere,
        };
        Ok(Self { config, server, rest: Mutex::default(), upgrade: Mutex::default(), token: Mutex::default(), login })
    }

    /// Host and port of the server, as configured.
    pub fn server(&self) -> &str {
        &self.server
    }

    fn client(&self, upgrade: bool, credential: Option<&Credential>) -> anyhow::Result<reqwest::Client> {
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
        let response = self.attempt(request.clone(), upgrade, false).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        // What was shown no longer counts: where there may be something newer, once more with that.
        if matches!(self.login, Login::Program(_)) {
            return self.attempt(request, upgrade, true).await;
        }
        let old = self.token.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.config.token_file.is_some() && old.map(|(_, header)| header) != self.bearer()? {
            return self.attempt(request, upgrade, false).await;
        }
        Ok(response)
    }

    /// What a program or a provider hands out.
    async fn credential(&self, fresh: bool) -> Result<Option<Arc<Credential>>, BoxError> {
        let says = |error: anyhow::Error| {
            let refused = error.downcast_ref::<ConnectionError>().is_some_and(|fault| fault.refused);
            ConnectionError { refused, ..ConnectionError::says(&self.server, error.to_string()) }
        };
        match &self.login {
            Login::Nowhere => Ok(None),
            Login::Provider(provider) => Ok(Some(provider.credential().await.map_err(says)?)),
            Login::Program(plugin) => {
                let asked = plugin.credential(fresh);
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

    async fn attempt(
        &self,
        mut request: Request<Bytes>,
        upgrade: bool,
        fresh: bool,
    ) -> Result<reqwest::Response, BoxError> {
        let own = request.headers().contains_key(AUTHORIZATION);
        let credential = if own { None } else { self.credential(fresh).await? };
        let credential = credential.as_deref();
        self.authorize(request.headers_mut(), credential)?;
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let (base, host) = address(&self.config)?;
        if let Some(host) = host {
            request.headers_mut().insert(HOST, HeaderValue::from_str(&host)?);
        }
        *request.uri_mut() = format!("{base}{target}").parse()?;
        let request = reqwest::Request::try_from(request)?;
        let client = self.client(upgrade, credential).map_err(|error| {
            let why = match credential {
                Some(own) if !own.certificate.is_empty() => {
                    format!("getting credentials: failed parsing client key/certificate: {error}")
                }
                // Files are looked at as the connection is made.
                _ if self.config.identity_in_files => error.to_string(),
                _ => return BoxError::from(error),
            };
            ConnectionError::says(&self.server, why).into()
        })?;
        client.execute(request).await.map_err(|error| explain(&self.server, &error).into())
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move { Ok(into_http(self.dispatch(request, false).await?)) })
    }

    fn upgrade(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        Box::pin(async move {
            let response = self.dispatch(request, true).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Upgrade::Refused(into_http(response)));
            }
            let mut head = Response::new(());
            *head.status_mut() = response.status();
            head.headers_mut().clone_from(response.headers());
            let stream = response.upgrade().await.map_err(|error| explain(&self.server, &error))?;
            Ok(Upgrade::Switched(head, Box::new(stream)))
        })
    }
}

fn into_http(response: reqwest::Response) -> Response<Body> {
    Response::<reqwest::Body>::from(response)
        .map(|body| body.map_err(|error| BoxError::from(explain_body(&error))).boxed_unsync())
}

/// A client for a server that is no API server, which trusts whom the configuration says.
///
/// # Errors
/// Authorities that cannot be read.
pub(crate) fn plain_client(config: &ClientConfig) -> anyhow::Result<reqwest::Client> {
    build(config, false, None)
}

/// What went wrong with a request to a URL.
pub(crate) fn fault(url: &str, error: &reqwest::Error) -> ConnectionError {
    let server = url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string)).unwrap_or_default();
    explain(&server, error)
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

#[cfg(test)]
mod tests;
