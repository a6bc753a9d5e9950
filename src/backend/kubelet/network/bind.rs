//! Opening ports.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// What a port that needs privileges is raised by.
const SHIFT: u16 = 8000;
/// Ports below this need privileges.
const FIRST_FREE: u16 = 1024;

/// Opens a port. One that needs privileges which this user lacks is opened 8000 higher.
pub(super) fn open(ip: IpAddr, port: u16) -> io::Result<TcpListener> {
    match listen(SocketAddr::new(ip, port)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && port < FIRST_FREE => {
            listen(SocketAddr::new(ip, port + SHIFT))
        }
        result => result,
    }
}

/// Opens a port, or any other of the address, or of this machine.
pub(super) fn open_any(ip: IpAddr, port: u16) -> io::Result<TcpListener> {
    open(ip, port)
        .or_else(|_| listen(SocketAddr::new(ip, 0)))
        .or_else(|_| listen(SocketAddr::from(([127, 0, 0, 1], 0))))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // A pod that has just ended may have left its address in a waiting state.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}
