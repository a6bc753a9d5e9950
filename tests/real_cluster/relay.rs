//! A relay before the API server, whose connections can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::bench::Bench;

/// Passes bytes on until it is told to cut.
pub struct Relay {
    /// The flags that lead kctl here.
    pub flags: Vec<String>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// A relay before the bench's server.
    pub fn new(bench: &Bench<'_>) -> Self {
        let server = bench.ok(&["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]);
        let (scheme, rest) = server.split_once("://").expect("a URL");
        let authority = rest.split('/').next().unwrap_or(rest);
        let (host, target) = match authority.rsplit_once(':') {
            Some((host, _)) => (host, authority.to_owned()),
            None => (authority, format!("{authority}:443")),
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = listener.local_addr().expect("its address");
        let mut flags = vec![format!("--server={scheme}://{place}")];
        if scheme == "https" {
            flags.push(format!("--tls-server-name={host}"));
        }
        let open = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&open);
        std::thread::spawn(move || {
            for ours in listener.incoming().map_while(Result::ok) {
                let Ok(theirs) = TcpStream::connect(&target) else { continue };
                let ends = [&ours, &theirs].map(|stream| stream.try_clone().expect("a stream"));
                list.lock().expect("a list").extend(ends);
                let copies = [(&ours, &theirs), (&theirs, &ours)];
                for (from, to) in copies.map(|(a, b)| (a.try_clone().expect("one"), b.try_clone().expect("one"))) {
                    std::thread::spawn(move || pass(from, to));
                }
            }
        });
        Self { flags, open }
    }

    /// Cuts the connections that are open.
    pub fn cut(&self) {
        for stream in self.open.lock().expect("a list").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
