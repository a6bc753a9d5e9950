//! A server's end of `exec`, `attach` and `port-forward`: any bytes on the upgraded connection end the session, or
//! leave it waiting, without a panic.

#![no_main]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use kctl::client::transport::{Body, BoxError, BoxFuture, Transport, Upgrade};
use kctl::client::{Client, request::Call, streams};
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let forwards = choice % 2 == 1;
    let protocol = if forwards { "SPDY/3.1+portforward.k8s.io" } else { "v5.channel.k8s.io" };
    let server = Server { bytes: bytes.to_vec(), protocol };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let client = Client::new(Arc::new(server), "fuzz", Box::new(|_| ()));
        let call = Call::new(http::Method::GET, "/api/v1/namespaces/a/pods/b/exec");
        if forwards {
            let Ok(tunnel) = streams::forward::Tunnel::open(&client, call).await else { return };
            let (_far, near) = tokio::io::duplex(64);
            let _ = tokio::time::timeout(Duration::from_secs(600), tunnel.forward(near, 80)).await;
        } else {
            let Ok(session) = streams::open(&client, call).await else { return };
            let mut output = 0;
            let flow = streams::Flow {
                stdin: None,
                stdout: Box::new(|bytes| {
                    output += bytes.len();
                    Ok(())
                }),
                stderr: Box::new(|_| Ok(())),
                sizes: None,
            };
            let _ = tokio::time::timeout(Duration::from_secs(600), session.run(flow)).await;
            assert!(output <= bytes.len());
        }
    });
});

struct Server {
    bytes: Vec<u8>,
    protocol: &'static str,
}

impl Transport for Server {
    fn send(&self, _request: Request<bytes::Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async { Err("only upgrades".into()) })
    }

    fn upgrade(&self, request: Request<bytes::Bytes>) -> BoxFuture<'_, Result<Upgrade, BoxError>> {
        let key =
            request.headers().get("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes())).unwrap_or_default();
        let mut head = Response::new(());
        *head.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        head.headers_mut().insert("sec-websocket-accept", HeaderValue::from_str(&key).expect("base64"));
        head.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(self.protocol));
        let line = Line { bytes: self.bytes.clone(), at: 0 };
        Box::pin(async { Ok(Upgrade::Switched(head, Box::new(line))) })
    }
}

/// What the server sends, then its end; takes anything.
struct Line {
    bytes: Vec<u8>,
    at: usize,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let end = self.bytes.len().min(self.at + buffer.remaining().min(5));
        buffer.put_slice(&self.bytes[self.at..end]);
        self.at = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
