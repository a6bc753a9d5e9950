//! A stub API server in a process of its own, over TLS: one pod, whose ports send, take and echo.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use kctl::backend::kubelet::access::{Body, respond};
use kctl::backend::kubelet::{forward, plain, remote};
use kctl::object::spdy;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsAcceptor;

use super::digest::{Digest, PIECE, fill};

/// The port that sends all bytes, and then ends.
pub const SOURCE: u16 = 1;
/// The port that takes all bytes, and then answers with their digest.
pub const SINK: u16 = 2;
/// The port that sends back what it gets.
pub const ECHO: u16 = 3;

/// Bytes on their way to or from a port at most.
const WAITING: usize = 256 * 1024;

/// Serves until the process is ended.
pub fn serve(size: u64) -> Result<(), Box<dyn std::error::Error>> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], PrivateKeyDer::try_from(signing_key.serialize_der())?)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(io::stdout(), "{}", listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| async move {
                    Ok::<_, Infallible>(answer(request.map(|_| Bytes::new()), size))
                });
                let connection = hyper::server::conn::http1::Builder::new();
                let _ = connection.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
            });
        }
    })
}

fn answer(mut request: Request<Bytes>, size: u64) -> Response<Body> {
    let connect = move |port: u16| -> Result<DuplexStream, String> {
        let (ours, theirs) = tokio::io::duplex(WAITING);
        tokio::spawn(async move {
            // A client that has gone is no concern.
            let _ = program(port, size, theirs).await;
        });
        Ok(ours)
    };
    let json = |value: &Value| respond(StatusCode::OK, "application/json", value.to_string());
    match request.uri().path() {
        "/api" => json(&json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => json(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []})),
        "/api/v1" => json(&json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": ["get", "list"], "shortNames": ["po"]},
        ]})),
        "/api/v1/namespaces/default/pods/web" => json(&json!({
            "kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "default", "uid": "1"},
            "spec": {"containers": [{"name": "web", "image": "web"}]}, "status": {"phase": "Running"},
        })),
        "/api/v1/namespaces/default/pods/web/portforward" => {
            if plain::is_spdy(request.headers()) {
                return plain::switch(&mut request, forward::PLAIN, move |io| forward::serve_plain(io, connect));
            }
            remote::switch(&mut request, &[spdy::PORT_FORWARD], move |socket, _| forward::serve(socket, connect))
        }
        _ => {
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

async fn program(port: u16, size: u64, mut io: DuplexStream) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    match port {
        SOURCE => {
            let mut at = 0;
            while at < size {
                let count = fill(&mut piece, at, size);
                io.write_all(&piece[..count]).await?;
                at += count as u64;
            }
            io.shutdown().await
        }
        SINK => {
            let (mut digest, mut left) = (Digest::default(), size);
            while left > 0 {
                let count = io.read(&mut piece).await?;
                if count == 0 {
                    return Ok(());
                }
                digest.feed(&piece[..count]);
                left = left.saturating_sub(count as u64);
            }
            io.write_all(&digest.end().to_be_bytes()).await?;
            io.shutdown().await
        }
        _ => loop {
            let count = io.read(&mut piece).await?;
            if count == 0 {
                return Ok(());
            }
            io.write_all(&piece[..count]).await?;
        },
    }
}
