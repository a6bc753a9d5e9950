//! Connections: accepted, secured, let in, answered.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Gate, Server};
use crate::backend::api::AlwaysAllow;
use crate::backend::kubelet::access::{Body, refuse};

/// How long a client may take for the TLS handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long requests may go on after the end was announced.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many connections are open at most.
const MAX_CONNECTIONS: usize = 1024;

impl Server {
    /// Answers requests with `service` until `shutdown`; then lets those that are under way end, for a
    /// moment.
    pub async fn run<S, F>(self, service: S, shutdown: impl Future<Output = ()>)
    where
        S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.identity.config));
        let (ending, end) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok((stream, _)) => {
                            let connection =
                                serve(stream, acceptor.clone(), Arc::clone(&self.gate), service.clone(), end.clone());
                            connections.spawn(connection);
                        }
                        // Out of descriptors, mostly: better soon than at once.
                        Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                    }
                }
            }
        }
        let _ = ending.send(true);
        let _ = tokio::time::timeout(FAREWELL, async { while connections.join_next().await.is_some() {} }).await;
    }
}

async fn serve<S, F>(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    gate: Arc<Gate>,
    service: S,
    mut end: watch::Receiver<bool>,
) where
    S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else { return };
    // The verifier lets no certificate pass that is not of an authority that the server knows.
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate: Option<Arc<[u8]>> =
        certificates.and_then(|all| all.first()).map(|first| Arc::from(first.as_ref()));
    let answer = service_fn(move |request: Request<Incoming>| {
        let (gate, service, certificate) = (Arc::clone(&gate), service.clone(), certificate.clone());
        async move {
            let (mut parts, body) = request.into_parts();
            Ok::<_, Infallible>(match gate.admit(&parts, certificate.as_deref()) {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    if gate.always_allows() {
                        parts.extensions.insert(AlwaysAllow);
                    }
                    service(Request::from_parts(parts, body)).await
                }
                Err(status) => refuse(&status),
            })
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(250).keep_alive_interval(Duration::from_secs(30));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = end.wait_for(|end| *end) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
