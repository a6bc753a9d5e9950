//! Connections: TCP, and TLS over TCP or over another TLS. Their faults say who was connected to whom.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::words::{Said, system_words};

/// A TCP connection that knows its ends.
pub(super) struct Tcp {
    inner: TcpStream,
    ends: Option<(SocketAddr, SocketAddr)>,
    /// The first bytes that came, and how many: what is no TLS is told by them.
    first: ([u8; 5], usize),
}

impl Tcp {
    fn fault(&self, verb: &str, error: &io::Error) -> io::Error {
        let Some((from, to)) = self.ends else { return io::Error::new(error.kind(), error.to_string()) };
        let words = format!("{verb} tcp {from}->{to}: {verb}: {}", system_words(error));
        io::Error::new(error.kind(), Said(words))
    }
}

/// A connection, as secure as it may be.
pub(super) enum Stream {
    /// TCP alone.
    Plain(Tcp),
    /// TLS over another connection.
    Tls(Box<TlsStream<Stream>>),
}

impl Stream {
    pub(super) fn new(inner: TcpStream) -> Self {
        let ends = inner.local_addr().ok().zip(inner.peer_addr().ok());
        Self::Plain(Tcp { inner, ends, first: ([0; 5], 0) })
    }

    /// Forgets what came first: another protocol begins.
    pub(super) fn begin(&mut self) {
        if let Self::Plain(tcp) = self {
            tcp.first.1 = 0;
        }
    }

    /// The first bytes that came since [`Self::begin`], as far as this is TCP alone.
    pub(super) fn first(&self) -> &[u8] {
        match self {
            Self::Plain(tcp) => tcp.first.0.get(..tcp.first.1).unwrap_or_default(),
            Self::Tls(_) => &[],
        }
    }

    /// Who is at the other end; empty where nobody knows.
    pub(super) fn peer(&self) -> String {
        match self {
            Self::Plain(tcp) => tcp.ends.map(|(_, peer)| peer.to_string()).unwrap_or_default(),
            Self::Tls(tls) => tls.get_ref().0.peer(),
        }
    }

    /// Whether the server chose HTTP/2.
    fn is_http2(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2"))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
            Self::Plain(tcp) => {
                let before = buffer.filled().len();
                if let Err(error) = ready!(Pin::new(&mut tcp.inner).poll_read(cx, buffer)) {
                    return Poll::Ready(Err(tcp.fault("read", &error)));
                }
                let (first, seen) = &mut tcp.first;
                if let Some(room) = first.get_mut(*seen..).filter(|room| !room.is_empty()) {
                    let new = buffer.filled().get(before..).unwrap_or_default();
                    for (place, byte) in room.iter_mut().zip(new) {
                        *place = *byte;
                        *seen += 1;
                    }
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
            Self::Plain(tcp) => {
                let written = ready!(Pin::new(&mut tcp.inner).poll_write(cx, bytes));
                Poll::Ready(written.map_err(|error| tcp.fault("write", &error)))
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
            Self::Plain(tcp) => {
                let written = ready!(Pin::new(&mut tcp.inner).poll_write_vectored(cx, slices));
                Poll::Ready(written.map_err(|error| tcp.fault("write", &error)))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.inner.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(&mut tcp.inner).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(&mut tcp.inner).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

/// A connection as the pool of connections keeps it.
pub(super) struct Link {
    pub(super) stream: Stream,
    /// Whether requests on it are for a proxy to pass on, with the whole URL.
    pub(super) passed_on: bool,
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        let connected = Connected::new().proxy(self.passed_on);
        if self.stream.is_http2() { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
