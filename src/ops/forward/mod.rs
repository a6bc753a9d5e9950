//! Ports of this machine that lead to a pod.

pub mod ports;
pub mod route;

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::change::say_as_klog;
use super::context::Context;
use super::listener::listen as listen_at;
use crate::terminal::signals;
use ports::Pair;
use route::{Route, Way};

/// An address to listen on, and whether another one may stand in for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    ip: IpAddr,
    /// One of those that `localhost` means: one of them is enough.
    local: bool,
}

/// Reads addresses: IP addresses and `localhost`.
///
/// # Errors
/// Something else.
pub fn addresses(texts: &[String]) -> anyhow::Result<Vec<Address>> {
    let mut addresses: Vec<Address> = Vec::new();
    for text in texts {
        let found: Vec<Address> = if text == "localhost" {
            let both = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            both.into_iter().map(|ip| Address { ip, local: true }).collect()
        } else {
            let ip = text.parse().map_err(|_| anyhow!("{text} is not a valid IP"))?;
            vec![Address { ip, local: false }]
        };
        for address in found {
            if !addresses.iter().any(|known| known.ip == address.ip) {
                addresses.push(address);
            }
        }
    }
    if addresses.is_empty() {
        bail!("you must specify at least 1 address");
    }
    addresses.sort_by_key(|address| address.ip.to_string());
    Ok(addresses)
}

/// A connection that came: to which of the pairs, and to which port of this machine.
type Accepted = (TcpStream, usize, u16);

/// How a connection ended: its ports, and why it failed.
type Ended = (u16, u16, Result<(), String>);

/// Listens and forwards until the way to the pod is lost or somebody interrupts it, which is no error. With a route, the
/// loss of a pod is no end: connections wait until there is the next one.
///
/// # Errors
/// No port could be opened; the way is lost.
pub async fn run(ctx: &Context, way: Way, addresses: &[Address], route: Option<&Route<'_>>) -> anyhow::Result<()> {
    // Whoever reads where it listens may interrupt it.
    let mut interrupted = std::pin::pin!(signals::interrupted());
    let say = |line: String| -> io::Result<()> {
        let mut out = ctx.streams.out();
        writeln!(out, "{line}")?;
        // Whoever waits for the port reads this.
        out.flush()
    };
    let (came, mut coming) = mpsc::channel::<Accepted>(16);
    let mut listeners = JoinSet::new();
    let mut any = false;
    for (index, pair) in way.pairs.iter().enumerate() {
        match listen(addresses, index, *pair, &say, &mut listeners, &came).await {
            Ok(()) => any = true,
            Err(error) => ctx.streams.say(format!("Unable to listen on port {}: {error}", pair.local)),
        }
    }
    drop(came);
    if !any {
        let all: Vec<String> = way.pairs.iter().map(|pair| format!("{{{} {}}}", pair.local, pair.remote)).collect();
        bail!("unable to listen on any of the requested ports: [{}]", all.join(" "));
    }
    let mut way = Arc::new(way);
    let mut connections: JoinSet<Ended> = JoinSet::new();
    loop {
        let (endpoint, uid) = way.identity();
        let left = async {
            match route {
                Some(_) => Way::left(endpoint, uid, ctx).await,
                None => std::future::pending().await,
            }
        };
        let mut left = std::pin::pin!(left);
        loop {
            tokio::select! {
                Some((stream, index, local)) = coming.recv() => {
                    say(format!("Handling connection for {local}"))?;
                    let Some(remote) = way.pairs.get(index).map(|pair| pair.remote) else { continue };
                    // What has begun keeps its way, whatever comes after it.
                    let way = Arc::clone(&way);
                    connections.spawn(async move { (local, remote, way.tunnel.forward(stream, remote).await) });
                }
                Some(Ok((local, remote, result))) = connections.join_next() => {
                    let Err(error) = result else { continue };
                    let text = format!("an error occurred forwarding {local} -> {remote}: {error}");
                    let line = format!("\"Unhandled Error\" err={text:?} logger=\"UnhandledError\"");
                    say_as_klog(ctx, 'E', "portforward.go", 522, &line);
                    // A port where nobody listens does not end the others; a pod that is gone does.
                    if way.is_gone(ctx).await {
                        break;
                    }
                }
                () = way.tunnel.lost() => break,
                () = &mut left => break,
                () = &mut interrupted => return Ok(()),
            }
        }
        let Some(route) = route else { bail!("lost connection to pod") };
        ctx.streams.say(format!("lost connection to pod {}, waiting for the next one", way.pod()));
        way = tokio::select! {
            next = route.reopen() => Arc::new(next),
            () = &mut interrupted => return Ok(()),
        };
        say(format!("Forwarding to pod {}", way.pod()))?;
    }
}

/// Opens a port on the addresses.
async fn listen(
    addresses: &[Address],
    index: usize,
    mut pair: Pair,
    say: &dyn Fn(String) -> io::Result<()>,
    listeners: &mut JoinSet<()>,
    came: &mpsc::Sender<Accepted>,
) -> anyhow::Result<()> {
    let mut errors: Vec<String> = Vec::new();
    let (mut local, mut local_failed, mut failed) = (0, 0, 0);
    for address in addresses {
        let place = SocketAddr::new(address.ip, pair.local);
        match listen_at(place) {
            Ok(listener) => {
                let place = listener.local_addr()?;
                // A free port that was found counts for the other addresses, too.
                pair.local = place.port();
                say(format!("Forwarding from {place} -> {}", pair.remote))?;
                listeners.spawn(accept(listener, index, pair.local, came.clone()));
                local += usize::from(address.local);
            }
            Err(error) => {
                let family = if address.ip.is_ipv4() { "tcp4" } else { "tcp6" };
                let why = match error.kind() {
                    io::ErrorKind::AddrInUse => "address already in use",
                    io::ErrorKind::AddrNotAvailable => "cannot assign requested address",
                    io::ErrorKind::PermissionDenied => "permission denied",
                    _ => "failed",
                };
                errors.push(format!("unable to create listener: Error listen {family} {place}: bind: {why}"));
                let count = if address.local { &mut local_failed } else { &mut failed };
                *count += 1;
            }
        }
    }
    if failed > 0 || local == 0 && local_failed > 0 {
        bail!("Listeners failed to create with the following errors: [{}]", errors.join(" "));
    }
    Ok(())
}

async fn accept(listener: TcpListener, index: usize, local: u16, came: mpsc::Sender<Accepted>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                if came.send((stream, index, local)).await.is_err() {
                    return;
                }
            }
            // Out of descriptors, mostly: better soon than at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses() {
        let read = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            addresses(&texts)
                .map(|all| all.iter().map(|address| address.ip.to_string()).collect::<Vec<_>>().join(" "))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(&["localhost"]), Ok("127.0.0.1 ::1".to_owned()));
        assert_eq!(read(&["localhost", "127.0.0.1", "10.0.0.1"]), Ok("10.0.0.1 127.0.0.1 ::1".to_owned()));
        assert_eq!(read(&["example.org"]), Err("example.org is not a valid IP".to_owned()));
        assert_eq!(read(&[]), Err("you must specify at least 1 address".to_owned()));
    }
}
