//! Where a proxy listens: a port of this machine, or a socket in its file system.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use tokio::net::TcpListener;

use super::Proxy;
use crate::ops::listener::listen;

/// An open place to listen.
pub enum Listener {
    /// A port.
    Port(TcpListener),
    /// A socket in the file system.
    #[cfg(unix)]
    Socket(tokio::net::UnixListener, String),
}

impl Listener {
    /// Listens on a port of an address; port 0 stands for any that is free.
    ///
    /// # Errors
    /// No such address or port, or one that is taken.
    pub async fn port(address: &str, port: i64) -> anyhow::Result<Self> {
        let Ok(port) = u16::try_from(port) else { bail!("listen tcp: address {port}: invalid port") };
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let ip: Option<IpAddr> = if bare.is_empty() { Some(Ipv4Addr::UNSPECIFIED.into()) } else { bare.parse().ok() };
        let wrong = |place: &dyn std::fmt::Display, error: &io::Error| {
            let why = match error.kind() {
                io::ErrorKind::AddrInUse => "bind: address already in use".to_owned(),
                io::ErrorKind::AddrNotAvailable => "bind: cannot assign requested address".to_owned(),
                io::ErrorKind::PermissionDenied => "bind: permission denied".to_owned(),
                _ => error.to_string(),
            };
            anyhow!("listen tcp {place}: {why}")
        };
        if ip == Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) {
            // All addresses of both families, where the system has both.
            if let Ok(listener) = listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
                return Ok(Self::Port(listener));
            }
        }
        let bound = match ip {
            Some(ip) => listen(SocketAddr::new(ip, port)),
            None => match tokio::net::lookup_host((bare, port)).await.map(|mut found| found.next()) {
                Ok(Some(place)) => listen(place),
                _ => bail!("listen tcp: lookup {bare}: no such host"),
            },
        };
        let place = || ip.map_or_else(|| format!("{bare}:{port}"), |ip| SocketAddr::new(ip, port).to_string());
        bound.map(Self::Port).map_err(|error| wrong(&place(), &error))
    }

    /// Listens on a socket that only this user may open. One that is there already is replaced; other
    /// files are not.
    ///
    /// # Errors
    /// It cannot be made.
    #[cfg(unix)]
    pub fn socket(path: &str) -> anyhow::Result<Self> {
        use std::os::unix::fs::FileTypeExt;
        if std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_socket()) {
            let _ = std::fs::remove_file(path);
        }
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let bound = tokio::net::UnixListener::bind(path);
        rustix::process::umask(before);
        let listener = bound.map_err(|error| {
            let text = error.to_string().to_lowercase();
            anyhow!("listen unix {path}: bind: {}", text.split(" (os error").next().unwrap_or_default())
        })?;
        Ok(Self::Socket(listener, path.to_owned()))
    }

    /// Listens on a socket in the file system.
    ///
    /// # Errors
    /// Always: this system has none.
    #[cfg(not(unix))]
    pub fn socket(path: &str) -> anyhow::Result<Self> {
        bail!("listen unix {path}: this system has no such sockets")
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not say.
    pub fn place(&self) -> io::Result<String> {
        match self {
            Self::Port(listener) => Ok(listener.local_addr()?.to_string()),
            #[cfg(unix)]
            Self::Socket(_, path) => Ok(path.clone()),
        }
    }

    /// Serves without end.
    pub async fn serve(self, proxy: Arc<Proxy>) -> Infinite {
        loop {
            let accepted = match &self {
                Self::Port(listener) => listener.accept().await.map(|(stream, peer)| {
                    let _ = stream.set_nodelay(true);
                    tokio::spawn(Arc::clone(&proxy).connection(stream, Some(peer.ip())));
                }),
                #[cfg(unix)]
                Self::Socket(listener, _) => listener.accept().await.map(|(stream, _)| {
                    tokio::spawn(Arc::clone(&proxy).connection(stream, None));
                }),
            };
            if accepted.is_err() {
                // Out of descriptors, mostly: better soon than at once.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// What serving without end returns.
pub enum Infinite {}
