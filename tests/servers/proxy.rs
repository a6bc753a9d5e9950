//! Proxies on loopback, of HTTP and of SOCKS5.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A proxy, and what it was asked.
pub struct Proxy {
    /// Its port.
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that does this with each connection; what it returns is what it was asked.
    pub fn new(serve: impl Fn(&mut TcpStream) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (heard, serve) = (Arc::clone(&asked), Arc::new(serve));
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let (heard, serve) = (Arc::clone(&heard), Arc::clone(&serve));
                std::thread::spawn(move || {
                    if let Some(question) = serve(&mut client) {
                        heard.lock().expect("no panic").push(question);
                    }
                });
            }
        });
        Self { port, asked }
    }

    /// What it was asked since it was asked last.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

/// Passes on what flows between two, in both directions.
fn splice(client: &TcpStream, server: &TcpStream) {
    let pump = |mut from: TcpStream, mut to: TcpStream| {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    };
    let copy = |stream: &TcpStream| stream.try_clone().expect("a copy");
    let (up, down) = ((copy(client), copy(server)), (copy(server), copy(client)));
    let other = std::thread::spawn(move || pump(up.0, up.1));
    pump(down.0, down.1);
    let _ = other.join();
}

fn head(client: &mut TcpStream) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") && matches!(client.read(&mut byte), Ok(1)) {
        text.push(byte[0]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// One that speaks HTTP; it leads to `server`, whatever name that has, unless it says `refusal`.
pub fn http(server: u16, refusal: &'static str) -> Proxy {
    Proxy::new(move |client| {
        let asked = head(client);
        if refusal.is_empty() && asked.starts_with("CONNECT ") {
            let server = TcpStream::connect(("127.0.0.1", server)).expect("a server");
            let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
            splice(client, &server);
        } else if refusal.is_empty() {
            let _ = client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nvia");
        } else {
            let _ = client.write_all(refusal.as_bytes());
        }
        Some(asked)
    })
}

/// What a SOCKS proxy does.
#[derive(Clone, Copy)]
pub struct Socks {
    /// The way of logging in that it chooses.
    pub method: u8,
    /// What it says of a name and a password.
    pub login: u8,
    /// What it says in the end.
    pub reply: u8,
    /// Whether it goes away without a reply.
    pub leaves: bool,
}

/// One that does well.
pub const GOOD: Socks = Socks { method: 0, login: 0, reply: 0, leaves: false };

/// One that speaks SOCKS5; it leads to `server`, whatever name that has.
pub fn socks(server: u16, does: Socks) -> Proxy {
    Proxy::new(move |client| {
        let mut two = [0; 2];
        client.read_exact(&mut two).ok()?;
        let mut methods = vec![0; usize::from(two[1])];
        client.read_exact(&mut methods).ok()?;
        client.write_all(&[5, does.method]).ok()?;
        let text = |client: &mut TcpStream| {
            let mut length = [0];
            client.read_exact(&mut length).ok()?;
            let mut text = vec![0; usize::from(length[0])];
            client.read_exact(&mut text).ok()?;
            String::from_utf8(text).ok()
        };
        let mut asked = format!("{methods:?}");
        if does.method == 2 {
            client.read_exact(&mut [0]).ok()?;
            let (name, password) = (text(client)?, text(client)?);
            client.write_all(&[1, does.login]).ok()?;
            asked += &format!(" {name}:{password}");
        }
        let mut request = [0; 4];
        client.read_exact(&mut request).ok()?;
        let host = if request[3] == 3 {
            text(client)?
        } else {
            let mut address = [0; 4];
            client.read_exact(&mut address).ok()?;
            std::net::Ipv4Addr::from(address).to_string()
        };
        client.read_exact(&mut two).ok()?;
        asked += &format!(" {host}");
        if does.leaves {
            return Some(asked);
        }
        client.write_all(&[5, does.reply, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
        if does.reply == 0 {
            splice(client, &TcpStream::connect(("127.0.0.1", server)).ok()?);
        }
        Some(asked)
    })
}
