//! The transport to a server in the same process: calls a function, no socket in between.

use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::limited::Limited;
use super::{Body, BoxError, BoxFuture, Transport, Upgrade};
use crate::client::ConnectionError;

/// Answers one request.
type Call = dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Body>> + Send + Sync;
/// Serves one HTTP/1 connection, in a task of its own.
type Connect = dyn Fn(DuplexStream) + Send + Sync;

/// Bytes that an in-memory connection holds before the writer waits.
const DUPLEX_SIZE: usize = 64 * 1024;

/// A server in the same process.
pub struct InProcess {
    call: Box<Call>,
    connect: Box<Connect>,
    headers: HeaderMap,
    timeout: Option<Duration>,
}

impl InProcess {
    /// A transport over `call`, which answers requests, and `connect`, which serves a connection and
    /// is used for upgrades only. Every request gets these headers.
    pub fn new(
        headers: HeaderMap,
        call: impl Fn(Request<Bytes>) -> BoxFuture<'static, Response<Body>> + Send + Sync + 'static,
        connect: impl Fn(DuplexStream) + Send + Sync + 'static,
    ) -> Self {
        Self { call: Box::new(call), connect: Box::new(connect), headers, timeout: None }
    }

    /// Gives up on answers that are not whole after this time. Upgrades may take as long as they like.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }
}

impl Transport for InProcess {
    fn send(&self, mut request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        request.headers_mut().extend(self.headers.clone());
        let response = (self.call)(request);
        let Some(deadline) = self.timeout.map(|timeout| Instant::now() + timeout) else {
            return Box::pin(async move { Ok(response.await) });
        };
        Box::pin(async move {
            let late = |_| {
                let words = "net/http: request canceled (Client.Timeout exceeded while awaiting headers)";
                BoxError::from(ConnectionError::says("offline", words))
            };
            let answer = tokio::time::timeout_at(deadline, response).await.map_err(late)?;
            Ok(answer.map(|body| Limited::new(body, deadline).boxed_unsync()))
        })
    }

    fn upgrade(&self, mut request: Request<Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        Box::pin(async move {
            let (ours, theirs) = tokio::io::duplex(DUPLEX_SIZE);
            (self.connect)(theirs);
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours)).await?;
            tokio::spawn(async move {
                // Its errors reach whoever reads the response or the upgraded stream.
                let _ = connection.with_upgrades().await;
            });
            request.headers_mut().extend(self.headers.clone());
            request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
            let response = sender.send_request(request.map(Full::new)).await?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Upgrade::Refused(response.map(|body| body.map_err(BoxError::from).boxed_unsync())));
            }
            let mut head = Response::new(());
            *head.status_mut() = response.status();
            head.headers_mut().clone_from(response.headers());
            let stream = hyper::upgrade::on(response).await?;
            Ok(Upgrade::Switched(head, Box::new(TokioIo::new(stream))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::service::service_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn echo_server(stream: DuplexStream) {
        tokio::spawn(async move {
            let service = service_fn(|mut request: Request<hyper::body::Incoming>| async move {
                tokio::spawn(async move {
                    let stream = hyper::upgrade::on(&mut request).await.expect("an upgrade");
                    let (mut from, mut to) = tokio::io::split(TokioIo::new(stream));
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
                let mut response = Response::new(Full::new(Bytes::new()));
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
                response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
                Ok::<_, std::convert::Infallible>(response)
            });
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }

    fn answer(request: Request<Bytes>) -> BoxFuture<'static, Response<Body>> {
        let body = Full::new(Bytes::from(request.uri().to_string()));
        Box::pin(async { Response::new(body.map_err(|never| match never {}).boxed_unsync()) })
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_after_a_while() {
        fn never(_: Request<Bytes>) -> BoxFuture<'static, Response<Body>> {
            let endless = http_body_util::StreamBody::new(futures_util::stream::pending());
            Box::pin(async { Response::new(BodyExt::boxed_unsync(endless)) })
        }
        let transport = InProcess::new(HeaderMap::new(), never, echo_server).with_timeout(Some(Duration::from_secs(1)));
        let request = Request::get("/a?watch=true").body(Bytes::new()).expect("a request");
        let body = transport.send(request).await.expect("an answer").into_body();
        let error = body.collect().await.expect_err("it is late");
        assert!(error.to_string().contains("Client.Timeout"), "{error}");
    }

    #[tokio::test]
    async fn calls_and_upgrades() {
        let transport = InProcess::new(HeaderMap::new(), answer, echo_server);
        let request = Request::get("/a?b=c").body(Bytes::new()).expect("a request");
        let body = transport.send(request).await.expect("an answer").into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), "/a?b=c");

        let request = Request::get("/exec").header("connection", "upgrade").header("upgrade", "echo");
        let request = request.body(Bytes::new()).expect("a request");
        let Ok(Upgrade::Switched(head, mut stream)) = transport.upgrade(request).await else { panic!("no upgrade") };
        assert_eq!(head.headers()["upgrade"], "echo");
        stream.write_all(b"hello").await.expect("written");
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.expect("read");
        assert_eq!(&back, b"hello");
    }
}
