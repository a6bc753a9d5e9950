//! A server on this machine that passes requests on to the API server with the user's credentials, and
//! serves files beside it.

mod answer;
mod files;
pub mod filter;
pub mod listen;
mod route;

use std::convert::Infallible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::client::transport::{BoxError, Transport, Upgrade};
use answer::{Body, elsewhere, malformed, text};
use filter::Filter;
pub use route::Prefixes;
use route::Route;

/// The longest body of a request that is passed on, in bytes.
const LONGEST_BODY: usize = 256 * 1024 * 1024;

/// Headers that concern one connection only (RFC 9110, 7.6.1).
const OWN: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Says for whom a request is passed on.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What a proxy does with requests.
pub struct Proxy {
    /// The way to the API server.
    pub transport: Arc<dyn Transport>,
    /// What is let through to it; none for everything.
    pub filter: Option<Filter>,
    /// Where things are.
    pub prefixes: Prefixes,
    /// The folder of files.
    pub folder: PathBuf,
    /// How requests name the program where the client gives no name.
    pub user_agent: String,
}

impl Proxy {
    /// Serves one connection, from this address where it has one, until it ends.
    pub async fn connection(
        self: Arc<Self>,
        io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        peer: Option<IpAddr>,
    ) {
        let service = service_fn(move |mut request: Request<Incoming>| {
            let proxy = Arc::clone(&self);
            if let Some(peer) = peer {
                note_peer(request.headers_mut(), peer);
            }
            async move { Ok::<_, Infallible>(proxy.answer(request).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new());
        // A client that has gone is no concern.
        let _ = builder.serve_connection(TokioIo::new(io), service).with_upgrades().await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let raw = request.uri().path();
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        match self.prefixes.route(raw) {
            Route::Api(path, raw) => {
                let host = host(&request);
                let passes = |filter: &Filter| filter.accepts(request.method().as_str(), &path, &host);
                if !self.filter.as_ref().is_none_or(passes) {
                    return text(StatusCode::FORBIDDEN, "Forbidden");
                }
                match self.pass(request, &format!("{raw}{query}")).await {
                    Ok(response) => response,
                    Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
                }
            }
            Route::File(path) => {
                let prefix = self.prefixes.files.as_deref().unwrap_or_default();
                let asked = files::Asked { method: request.method(), headers: request.headers(), query: &query };
                files::serve(&self.folder, &asked, &path, &format!("{prefix}{path}")).await
            }
            Route::Elsewhere(target) => elsewhere(&format!("{target}{query}"), request.method()),
            Route::Malformed => malformed(),
            Route::Nowhere => text(StatusCode::NOT_FOUND, "404 page not found"),
        }
    }

    /// Passes a request on to the API server.
    async fn pass(&self, request: Request<Incoming>, target: &str) -> Result<Response<Body>, BoxError> {
        let (mut parts, body) = request.into_parts();
        parts.uri = target.parse::<Uri>()?;
        parts.version = http::Version::HTTP_11;
        parts.headers.remove(header::HOST);
        let agent = HeaderValue::from_str(&self.user_agent)?;
        parts.headers.entry(header::USER_AGENT).or_insert(agent);
        if parts.headers.contains_key(header::UPGRADE) {
            return self.switch(Request::from_parts(parts, body)).await;
        }
        let Ok(body) = Limited::new(body, LONGEST_BODY).collect().await else {
            return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, "413 Payload Too Large"));
        };
        remove_own(&mut parts.headers);
        // Known anew from the body.
        parts.headers.remove(header::CONTENT_LENGTH);
        let response = self.transport.send(Request::from_parts(parts, body.to_bytes())).await?;
        Ok(returned(response))
    }

    /// Passes a request on that asks to switch protocols, and then whatever flows.
    async fn switch(&self, mut request: Request<Incoming>) -> Result<Response<Body>, BoxError> {
        let client = hyper::upgrade::on(&mut request);
        match self.transport.upgrade(request.map(|_| Bytes::new())).await? {
            Upgrade::Refused(response) => Ok(returned(response)),
            Upgrade::Switched(head, mut server) => {
                tokio::spawn(async move {
                    let Ok(client) = client.await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut server).await;
                });
                let nothing = http_body_util::Empty::new().map_err(|never: Infallible| match never {});
                Ok(head.map(|()| nothing.boxed_unsync()))
            }
        }
    }
}

/// Adds who asks to those who asked before.
fn note_peer(headers: &mut HeaderMap, peer: IpAddr) {
    let before: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let peer = peer.to_string();
    let all = before.into_iter().chain([peer.as_str()]).collect::<Vec<_>>().join(", ");
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(FORWARDED_FOR, value);
    }
}

/// The host that a request names: in its target, or in its header.
fn host(request: &Request<Incoming>) -> String {
    let header = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let target = request.uri().authority().map(|authority| authority.as_str());
    target.or_else(header).unwrap_or_default().to_owned()
}

/// A response of the API server as it goes on to the client.
fn returned(mut response: Response<Body>) -> Response<Body> {
    remove_own(response.headers_mut());
    *response.version_mut() = http::Version::HTTP_11;
    response
}

fn remove_own(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').filter_map(|name| name.trim().parse().ok()))
        .collect();
    for name in OWN.iter().chain(&named) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_who_asks() {
        let mut headers = HeaderMap::new();
        note_peer(&mut headers, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(headers[FORWARDED_FOR], "127.0.0.1");
        note_peer(&mut headers, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(headers[FORWARDED_FOR], "127.0.0.1, 10.0.0.1");
    }
}
