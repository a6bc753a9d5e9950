//! A server that speaks HTTP/2 frame by frame (RFC 9113), and breaks where it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;

use super::Issued;

/// What is done about a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// The head of an answer, with a length where there is one.
    Head(Option<usize>),
    /// A piece of a body.
    Data(&'static str),
    /// The last piece of a body.
    Last(&'static str),
    /// The stream is reset.
    Reset(u32),
    /// Nothing after this stream is done, for this reason; with 0 nothing at all.
    GoAway(u32, u32),
    /// The connection ends.
    Close,
    /// Some time passes.
    Wait(Duration),
}

/// The answers to requests in the order in which they come; the last one is for all others too.
type Script = Vec<Vec<Step>>;

/// A server on a port of loopback. Who speaks HTTP/1 to it is told `one`.
pub struct Http2 {
    /// Its port.
    pub port: u16,
    script: Arc<Mutex<Script>>,
    count: Arc<AtomicUsize>,
}

impl Http2 {
    /// One that shows this certificate.
    pub fn new(shown: &Issued) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth();
        let key = PrivateKeyDer::try_from(shown.key.serialize_der()).expect("a key");
        let mut config = builder.with_single_cert(vec![shown.der.clone()], key).expect("a certificate");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (script, count) = (Arc::new(Mutex::new(Script::new())), Arc::new(AtomicUsize::new(0)));
        let server = Self { port, script: Arc::clone(&script), count: Arc::clone(&count) };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, script, count) = (Arc::clone(&config), Arc::clone(&script), Arc::clone(&count));
                std::thread::spawn(move || {
                    let connection = rustls::ServerConnection::new(config).expect("a connection");
                    serve(rustls::StreamOwned::new(connection, stream), &script, &count)
                });
            }
        });
        server
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Does this from here on, beginning with the next request.
    pub fn plays(&self, script: &[&[Step]]) {
        *self.script.lock().expect("no panic") = script.iter().map(|steps| steps.to_vec()).collect();
        self.count.store(0, Ordering::SeqCst);
    }

    /// How many requests came since.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn serve(
    mut stream: rustls::StreamOwned<rustls::ServerConnection, TcpStream>,
    script: &Mutex<Script>,
    count: &AtomicUsize,
) -> Option<()> {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GO_AWAY: u8 = 7;
    const END_STREAM: u8 = 1;
    const END_HEADERS: u8 = 4;
    const ACK: u8 = 1;
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).ok()?;
    if !preface.starts_with(b"PRI * HTTP/2.0") {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\none");
        return stream.flush().ok();
    }
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).ok()?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).ok()?];
        stream.read_exact(&mut payload).ok()?;
        match head[3] {
            SETTINGS if head[4] & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).ok()?,
            PING if head[4] & ACK == 0 => stream.write_all(&frame(PING, ACK, 0, &payload)).ok()?,
            HEADERS => {
                let turn = count.fetch_add(1, Ordering::SeqCst);
                let steps = {
                    let script = script.lock().expect("no panic");
                    script.get(turn).or(script.last()).cloned().unwrap_or_default()
                };
                for step in steps {
                    let bytes = match step {
                        // By number: status 200; by number and text: type and length (RFC 7541, A).
                        Step::Head(length) => {
                            let mut fields = vec![0x88, 0x0f, 0x10, 16];
                            fields.extend(b"application/json");
                            if let Some(length) = length {
                                let text = length.to_string();
                                fields.extend([0x0f, 0x0d, u8::try_from(text.len()).ok()?]);
                                fields.extend(text.bytes());
                            }
                            frame(HEADERS, END_HEADERS, id, &fields)
                        }
                        Step::Data(text) => frame(DATA, 0, id, text.as_bytes()),
                        Step::Last(text) => frame(DATA, END_STREAM, id, text.as_bytes()),
                        Step::Reset(code) => frame(RESET, 0, id, &code.to_be_bytes()),
                        Step::GoAway(last, code) => {
                            frame(GO_AWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
                        }
                        Step::Close => {
                            stream.conn.send_close_notify();
                            stream.flush().ok()?;
                            stream.sock.shutdown(Shutdown::Write).ok()?;
                            // What is not read would reset the connection.
                            return std::io::copy(&mut stream.sock, &mut std::io::sink()).ok().map(drop);
                        }
                        Step::Wait(time) => {
                            std::thread::sleep(time);
                            continue;
                        }
                    };
                    stream.write_all(&bytes).and_then(|()| stream.flush()).ok()?;
                }
            }
            _ => {}
        }
        stream.flush().ok()?;
    }
}
