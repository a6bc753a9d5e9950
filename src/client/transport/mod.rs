//! One interface to any API server: HTTP requests and responses as values, and upgrades beside them.
//!
//! Three implementations: [`http`] over the network, [`in_process`], and [`recorded`] for tests; and
//! [`logged`] before any of them.

pub mod http;
pub mod in_process;
mod limited;
pub mod logged;
pub mod recorded;

use std::future::Future;
use std::pin::Pin;

use ::http::{Request, Response};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

/// Any error, as bodies report it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A response's body: a stream of chunks.
pub type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>;
/// A boxed future, so that [`Transport`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A two-way byte stream, as an upgraded connection is.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// How a server answered a request to switch protocols.
pub enum Upgrade {
    /// It switched (101): the response's head and the connection, now raw.
    Switched(Response<()>, Box<dyn Duplex>),
    /// It answered as to any other request.
    Refused(Response<Body>),
}

/// Carries requests to one API server. Request targets are absolute paths with their query
/// (`/api/v1/pods?limit=500`); a transport adds the server's address and the credentials.
pub trait Transport: Send + Sync {
    /// Sends a request. An HTTP error status is a response; an error means that none came.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>>;

    /// Sends a request whose headers ask to switch protocols.
    fn upgrade(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>>;
}
