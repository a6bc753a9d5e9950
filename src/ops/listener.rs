//! Listening on a port of this machine.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait until they are accepted; the system may hold fewer. Whoever comes when it is full
/// tries again only after a second.
const WAITING: u32 = 4096;

/// Listens on an address; port 0 is any that is free.
///
/// # Errors
/// The system does not let us.
pub fn listen(place: SocketAddr) -> io::Result<TcpListener> {
    let socket = if place.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Elsewhere it lets a port be taken that is in use.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(place)?;
    socket.listen(WAITING)
}
