//! Connections: accepted, secured, let in, answered.

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
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

use super::activity::{Activity, InUse};
use super::{Gate, Server};
use crate::backend::api::AlwaysAllow;
use crate::backend::kubelet::access::{Body, refuse};

/// How long a client may take for the TLS handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long requests may go on after the end was announced.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many connections are open at most.
const MAX_CONNECTIONS: usize = 16 * 1024;

impl Server {
    /// Answers requests with `service` until `shutdown`; then lets those that are under way end, for a
    /// moment.
    pub async fn run<S, F>(self, service: S, shutdown: impl Future<Output = ()>)
    where
        S: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        raise_open_files();
        let activity = Activity::new();
        // What nobody looks at is not counted.
        let counted = self.idle_timeout.map(|_| activity.clone());
        let mut resting = std::pin::pin!(activity.rests(self.idle_timeout));
        let acceptor = TlsAcceptor::from(Arc::clone(&self.identity.config));
        let (ending, end) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = &mut resting => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => {
                    match accepted {
                        Ok((stream, _)) => {
                            let (gate, counted) = (Arc::clone(&self.gate), counted.clone());
                            let connection =
                                serve(stream, acceptor.clone(), gate, service.clone(), counted, end.clone());
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
    counted: Option<Activity>,
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
    // Streams of processes last as long as their connection.
    let streams: Arc<Mutex<Vec<InUse>>> = Arc::default();
    let answer = service_fn(move |request: Request<Incoming>| {
        let (gate, service, certificate) = (Arc::clone(&gate), service.clone(), certificate.clone());
        let (in_use, streams) = (counted.as_ref().map(Activity::begin), Arc::clone(&streams));
        async move {
            let (mut parts, body) = request.into_parts();
            if let Some(counted) = in_use.as_ref().filter(|_| parts.headers.contains_key(http::header::UPGRADE)) {
                streams.lock().unwrap_or_else(PoisonError::into_inner).push(counted.again());
            }
            let response = match gate.admit(&parts, certificate.as_deref()) {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    if gate.always_allows() {
                        parts.extensions.insert(AlwaysAllow);
                    }
                    service(Request::from_parts(parts, body)).await
                }
                Err(status) => refuse(&status),
            };
            Ok::<_, Infallible>(match in_use {
                Some(in_use) => in_use.with(response),
                None => response,
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

/// Lets this process have as many connections open as it may: often that is more than it begins with.
#[cfg(unix)]
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    // Where the system refuses, as many as before will have to do.
    let _ = setrlimit(Resource::Nofile, limits);
}

#[cfg(not(unix))]
fn raise_open_files() {}
