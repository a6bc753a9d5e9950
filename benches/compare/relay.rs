//! A way to the server on which bytes are counted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Passes connections on, and counts what comes back.
pub struct Relay {
    /// Where it listens.
    pub address: String,
    received: Arc<AtomicU64>,
}

impl Relay {
    /// Starts one that leads to `server`, an address with its port.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(server: &str) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let received = Arc::new(AtomicU64::new(0));
        let (server, count) = (server.to_owned(), Arc::clone(&received));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, count) = (server.clone(), Arc::clone(&count));
                std::thread::spawn(move || pass(client, &server, &count));
            }
        });
        Ok(Self { address, received })
    }

    /// The bytes that came from the server since this was asked last.
    pub fn received(&self) -> u64 {
        self.received.swap(0, Ordering::Relaxed)
    }
}

fn pass(client: TcpStream, server: &str, count: &AtomicU64) {
    let Ok(server) = TcpStream::connect(server) else { return };
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
    let upwards = std::thread::spawn(move || pump(from_client, to_server, None));
    pump(server, client, Some(count));
    let _ = upwards.join();
}

fn pump(mut from: TcpStream, mut to: TcpStream, count: Option<&AtomicU64>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut buffer) {
        if let Some(count) = count {
            count.fetch_add(read as u64, Ordering::Relaxed);
        }
        if read == 0 || to.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
