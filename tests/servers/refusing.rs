//! What stands before an API server and lets no websocket through, as proxies in the wild do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A relay that answers requests for websockets itself and passes all others on.
pub struct Refusing {
    /// Its port.
    pub port: u16,
    refused: Arc<AtomicUsize>,
}

impl Refusing {
    /// A relay before a server that speaks plain HTTP; it refuses with this status.
    pub fn before(server: &str, status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (server, refused) = (server.to_owned(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&refused);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, count) = (server.clone(), Arc::clone(&count));
                std::thread::spawn(move || pass(client, &server, status, &count));
            }
        });
        Self { port, refused }
    }

    /// How many websockets it has refused.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Carries one connection, which is for one request.
fn pass(mut client: TcpStream, server: &str, status: &str, refused: &AtomicUsize) -> Option<()> {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    let end = loop {
        match client.read(&mut piece) {
            Ok(size @ 1..) => head.extend_from_slice(&piece[..size]),
            _ => return None,
        }
        if let Some(at) = head.windows(4).position(|end| end == b"\r\n\r\n") {
            break at;
        }
    };
    let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
    if text.contains("\r\nupgrade: websocket") {
        refused.fetch_add(1, Ordering::Relaxed);
        let body = "no websockets here\n";
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        return client.write_all(answer.as_bytes()).ok();
    }
    if !text.contains("\r\nupgrade:") {
        let line = head.windows(2).position(|end| end == b"\r\n")?;
        head.splice(line..line, *b"\r\nConnection: close");
    }
    let mut upstream = TcpStream::connect(server).ok()?;
    upstream.write_all(&head).ok()?;
    let (from, to) = (client.try_clone().ok()?, upstream.try_clone().ok()?);
    let up = std::thread::spawn(move || copy(from, to));
    copy(upstream, client);
    up.join().ok()
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
