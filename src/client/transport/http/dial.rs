//! Making a connection, step by step as Go's `net/http` does: the address, the proxy, TLS. Each step has
//! its own limit and its own words.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::proxy::Proxies;
use super::stream::{Link, Stream};
use super::words::{Said, io_words, name_server, system_words};
use super::{socks, tunnel};
use crate::client::config::address::joined;

/// How long TCP may take.
const DIAL: Duration = Duration::from_secs(30);
/// How long TLS may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long addresses of the other family wait for those of the first (RFC 6555).
const FALLBACK: Duration = Duration::from_millis(300);

/// Makes connections to servers.
#[derive(Clone)]
pub(super) struct Dialer(pub(super) Arc<Ways>);

/// How they are made.
pub(super) struct Ways {
    pub(super) proxies: Proxies,
    pub(super) tls: Arc<ClientConfig>,
    /// TLS with a proxy, which is spoken to in HTTP/1.
    pub(super) proxy_tls: Arc<ClientConfig>,
    /// The name that servers must have instead of their hosts'; empty for none.
    pub(super) server_name: String,
    /// How often a silent connection is probed; none for never.
    pub(super) keepalive: Option<Duration>,
}

impl tower_service::Service<Uri> for Dialer {
    type Response = TokioIo<Link>;
    type Error = Said;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Said>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Said>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let ways = Arc::clone(&self.0);
        Box::pin(async move { ways.connect(&target).await.map(TokioIo::new).map_err(Said) })
    }
}

impl Ways {
    async fn connect(&self, target: &Uri) -> Result<Link, String> {
        let secure = target.scheme_str() == Some("https");
        let host = target.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        // A port that is too high is no port to the URL, and is to be named.
        let authority = target.authority().map_or("", |authority| authority.as_str());
        let written = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.contains(']'));
        let port = written.unwrap_or(if secure { "443" } else { "80" });
        let Some(proxy) = self.proxies.find(target)? else {
            let stream = self.dial(host, port).await?;
            let stream = if secure { self.secure(stream, host, &self.tls).await? } else { stream };
            return Ok(Link { stream, passed_on: false });
        };
        let on_the_way = |why: String| format!("proxyconnect tcp: {why}");
        let mut stream = self.dial(&proxy.host, proxy.port_or_default()).await.map_err(on_the_way)?;
        if proxy.scheme == "https" {
            stream = self.secure(stream, &proxy.host, &self.proxy_tls).await.map_err(on_the_way)?;
        }
        if proxy.scheme.starts_with("socks5") {
            let number = port.parse::<u16>().map_err(|_| format!("port number out of range {port}"))?;
            let (from, to) = (stream.peer(), joined(host, port));
            let asked = socks::connect(&mut stream, proxy.user.as_ref(), host, number).await;
            asked.map_err(|why| format!("socks connect tcp {from}->{to}: {why}"))?;
        } else if secure {
            tunnel::connect(&mut stream, proxy.user.as_ref(), &joined(host, port)).await?;
        } else {
            return Ok(Link { stream, passed_on: true });
        }
        if secure {
            stream = self.secure(stream, host, &self.tls).await?;
        }
        Ok(Link { stream, passed_on: false })
    }

    /// Connects to a host.
    async fn dial(&self, host: &str, port: &str) -> Result<Stream, String> {
        let number = port.parse::<u16>().map_err(|_| format!("dial tcp: address {port}: invalid port"))?;
        let addresses = resolve(host, number).await.map_err(|why| format!("dial tcp: {why}"))?;
        let stream = race(&addresses).await?;
        let _ = stream.set_nodelay(true);
        if let Some(period) = self.keepalive {
            let probes = socket2::TcpKeepalive::new().with_time(period).with_interval(period);
            let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&probes);
        }
        Ok(Stream::new(stream))
    }

    /// Speaks TLS on a connection, with a server of this host's name.
    async fn secure(&self, mut stream: Stream, host: &str, config: &Arc<ClientConfig>) -> Result<Stream, String> {
        let name = if self.server_name.is_empty() { host } else { &self.server_name };
        let name = ServerName::try_from(name.to_owned()).map_err(|_| format!("tls: invalid server name {name:?}"))?;
        stream.begin();
        let spoken = TlsConnector::from(Arc::clone(config)).connect(name, stream).into_fallible();
        match tokio::time::timeout(HANDSHAKE, spoken).await {
            Err(_) => Err("net/http: TLS handshake timeout".to_owned()),
            Ok(Ok(tls)) => Ok(Stream::Tls(Box::new(tls))),
            Ok(Err((error, stream))) => {
                let words = io_words(&error);
                let is_http = stream.first() == b"HTTP/";
                let scheme = "http: server gave HTTP response to HTTPS client";
                Err(if words == NO_TLS && is_http { scheme.to_owned() } else { words })
            }
        }
    }
}

/// What is said of an answer that is no TLS.
pub(super) const NO_TLS: &str = "tls: first record does not look like a TLS handshake";

/// The addresses of a host.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    // No name at all is this machine.
    let wanted = if host.is_empty() { "localhost" } else { host };
    let no_name = |byte: u8| !(byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let is_name = wanted.parse::<std::net::IpAddr>().is_ok() || !wanted.bytes().any(no_name);
    let found = match is_name {
        true => tokio::net::lookup_host((wanted, port)).await.map(Iterator::collect::<Vec<_>>),
        false => return Err(format!("lookup {host}: no such host")),
    };
    match found {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        _ => Err(format!("lookup {host}{}: no such host", name_server())),
    }
}

/// Connects to one of several addresses: those of the first one's family, and after a while the others
/// beside them.
async fn race(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let is_first = |address: &&SocketAddr| addresses.first().is_some_and(|first| first.is_ipv4() == address.is_ipv4());
    let (first, others): (Vec<_>, Vec<_>) = addresses.iter().partition(is_first);
    let all = async {
        if others.is_empty() {
            return one_of(&first).await;
        }
        let (first, others) = (one_of(&first), async {
            tokio::time::sleep(FALLBACK).await;
            one_of(&others).await
        });
        tokio::pin!(first, others);
        tokio::select! {
            done = &mut first => match done { Ok(stream) => Ok(stream), Err(why) => others.await.map_err(|_| why) },
            done = &mut others => match done { Ok(stream) => Ok(stream), Err(_) => first.await },
        }
    };
    let place = addresses.first().map(ToString::to_string).unwrap_or_default();
    tokio::time::timeout(DIAL, all).await.unwrap_or_else(|_| Err(format!("dial tcp {place}: i/o timeout")))
}

/// Connects to the first address that answers; the fault of the first counts.
async fn one_of(addresses: &[&SocketAddr]) -> Result<TcpStream, String> {
    let mut fault = None;
    for address in addresses {
        match TcpStream::connect(*address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => fault = fault.or(Some(refused(address, &error))),
        }
    }
    Err(fault.unwrap_or_default())
}

fn refused(address: &SocketAddr, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        return format!("dial tcp {address}: connect: connection timed out");
    }
    format!("dial tcp {address}: connect: {}", system_words(error))
}
