//! A relay on which things go wrong at a byte of one's choice, as on bad networks.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong on the way from the server, behind so many bytes of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection ends.
    Closed(usize),
    /// Some bytes are lost.
    Lost(usize),
    /// Some bytes come twice.
    Twice(usize),
    /// Everything waits for a while.
    Late(usize, Duration),
    /// Everything comes in small pieces.
    Slow,
}

/// The relay.
pub struct Lossy {
    /// Its port.
    pub port: u16,
    fault: Arc<Mutex<Fault>>,
    connections: Arc<AtomicUsize>,
}

impl Lossy {
    /// One before a server, an address with its port.
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (fault, connections) = (Arc::new(Mutex::new(Fault::None)), Arc::new(AtomicUsize::new(0)));
        let (now, count, server) = (Arc::clone(&fault), Arc::clone(&connections), server.to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let fault = *now.lock().expect("no panic");
                let (from, to) = (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
                std::thread::spawn(move || pump(from, to, Fault::None));
                std::thread::spawn(move || pump(server, client, fault));
            }
        });
        Self { port, fault, connections }
    }

    /// What goes wrong on connections from here on.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().expect("no panic") = fault;
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// How many bytes are lost or come twice.
const SOME: usize = 16;

fn pump(mut from: TcpStream, mut to: TcpStream, fault: Fault) -> Option<()> {
    let _ = to.set_nodelay(true);
    let mut buffer = [0; 16_384];
    let (mut passed, mut done) = (0, false);
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        let piece = &buffer[..size];
        let at = match fault {
            Fault::None | Fault::Slow => usize::MAX,
            Fault::Closed(at) | Fault::Lost(at) | Fault::Twice(at) | Fault::Late(at, _) => at,
        };
        // Where in this piece it happens.
        let within = at.checked_sub(passed).filter(|within| *within < size && !done);
        passed += size;
        let sent = match (fault, within) {
            (Fault::Slow, _) => piece.chunks(97).try_for_each(|few| {
                std::thread::sleep(Duration::from_micros(300));
                to.write_all(few)
            }),
            (_, None) => to.write_all(piece),
            (Fault::Closed(_), Some(within)) => {
                let _ = to.write_all(&piece[..within]);
                break;
            }
            (Fault::Lost(_), Some(within)) => {
                let rest = (within + SOME).min(size);
                to.write_all(&piece[..within]).and_then(|()| to.write_all(&piece[rest..]))
            }
            (Fault::Twice(_), Some(within)) => {
                let rest = (within + SOME).min(size);
                to.write_all(&piece[..rest]).and_then(|()| to.write_all(&piece[within..]))
            }
            (Fault::Late(_, time), Some(within)) => {
                let first = to.write_all(&piece[..within]);
                std::thread::sleep(time);
                first.and_then(|()| to.write_all(&piece[within..]))
            }
            (Fault::None, Some(_)) => Ok(()),
        };
        done |= within.is_some();
        if sent.is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    to.shutdown(Shutdown::Both).ok()
}
