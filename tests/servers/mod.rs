//! Small servers on loopback that answer as a test says, over TLS or without, and authorities for them;
//! and the program, run with a kubeconfig that leads there.

#![allow(dead_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests need PATH")]

pub mod api;
pub mod http2;
pub mod lossy;
pub mod proxy;
pub mod refusing;
#[cfg(unix)]
pub mod terminal;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

/// What a server writes to.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Answers one request: its head and what came with it, and the connection.
pub type Handler = Box<dyn Fn(&str, &mut dyn Stream) + Send + Sync>;

/// A server on a port of loopback; every connection carries one request.
pub struct Server {
    /// Its port.
    pub port: u16,
    secure: bool,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// One that speaks HTTP.
    pub fn plain(handler: impl Fn(&str, &mut dyn Stream) + Send + Sync + 'static) -> Self {
        Self::start(Box::new(handler), None)
    }

    /// One that speaks HTTPS and shows this certificate; with `clients`, it wants one of theirs.
    pub fn secure(
        shown: &Issued,
        clients: Option<&Authority>,
        handler: impl Fn(&str, &mut dyn Stream) + Send + Sync + 'static,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(authority.0.der().clone()).expect("a root");
                let verifier =
                    rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                        .build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let key = PrivateKeyDer::try_from(shown.key.serialize_der()).expect("a key");
        // Whatever the certificate is: not every one could be read here.
        let key = provider.key_provider.load_private_key(key).expect("a key");
        let own = rustls::sign::CertifiedKey::new(vec![shown.der.clone()], key);
        let config = builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(own)));
        Self::start(Box::new(handler), Some(Arc::new(config)))
    }

    fn start(handler: Handler, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (secure, heads) = (tls.is_some(), Arc::clone(&seen));
        let handler = Arc::new(handler);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (handler, heads, tls) = (Arc::clone(&handler), Arc::clone(&heads), tls.clone());
                std::thread::spawn(move || match tls {
                    None => converse(stream, &handler, &heads),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(config).expect("a connection");
                        converse(rustls::StreamOwned::new(connection, stream), &handler, &heads);
                    }
                });
            }
        });
        Self { port, secure, seen }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http{}://127.0.0.1:{}", if self.secure { "s" } else { "" }, self.port)
    }

    /// The heads of the requests so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }
}

fn converse(mut stream: impl Read + Write, handler: &Handler, seen: &Mutex<Vec<String>>) {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(size @ 1..) => text.extend_from_slice(&piece[..size]),
            _ => return,
        }
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    // A form or an object, where one is announced.
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let head = text.find("\r\n\r\n").map_or(text.len(), |at| at + 4);
    while text.len() < head + length.unwrap_or(0) {
        match stream.read(&mut piece) {
            Ok(size @ 1..) => text.push_str(&String::from_utf8_lossy(&piece[..size])),
            _ => break,
        }
    }
    seen.lock().expect("no panic").push(text.clone());
    handler(&text, &mut stream);
    let _ = stream.flush();
}

/// Writes a whole answer.
pub fn answer(stream: &mut dyn Stream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// Writes an answer of JSON.
pub fn answer_json(stream: &mut dyn Stream, status: &str, body: &Value) {
    answer(stream, status, "Content-Type: application/json\r\n", &body.to_string());
}

/// An authority, and what it vouches for.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Issued {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// The certificate as PEM.
    pub pem: String,
    /// Its key.
    pub key: KeyPair,
}

impl Authority {
    /// One of this name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Its certificate as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server of these names.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.issue_with(names, |_| {})
    }

    /// A certificate with parameters of its own.
    pub fn issue_with(&self, names: &[&str], change: impl Fn(&mut CertificateParams)) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        params.distinguished_name.push(rcgen::DnType::CommonName, "system:tester");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Issued { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// A certificate that is for clients only.
    pub fn issue_client(&self) -> Issued {
        self.issue_with(&[], |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth])
    }
}

/// Text as a kubeconfig holds it.
pub fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// A folder for one test, with a home.
pub struct Place(pub PathBuf);

/// What the program did.
#[derive(Debug)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code.
    pub code: i32,
    /// How long it took.
    pub took: Duration,
}

impl Place {
    /// A new, empty one.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("kctl-servers-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let place = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&place).expect("a folder");
        Self(place)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    }

    /// Writes the kubeconfig: a cluster with these fields, and a user.
    pub fn config(&self, cluster: &Value, user: &Value) -> PathBuf {
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": cluster}], "users": [{"name": "me", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}]});
        PathBuf::from(self.file("config", &config.to_string()))
    }

    /// The program, ready to run with the kubeconfig.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kctl"));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.0)
            .env("KUBECONFIG", self.0.join("config"))
            .env("KCTL_COMPAT", "kubectl")
            .env("TZ", "UTC")
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program; after a minute it hangs.
    pub fn run(&self, args: &[&str]) -> Outcome {
        finish(self.command(args))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a command to its end; after a minute it hangs, unless there is something huge to do.
pub fn finish(mut command: Command) -> Outcome {
    let start = Instant::now();
    let mut child = command.spawn().expect("it starts");
    fn drain(from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
        std::thread::spawn(move || {
            let (mut from, mut text) = (from, Vec::new());
            let _ = from.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    }
    let (out, err) = (drain(child.stdout.take().expect("a pipe")), drain(child.stderr.take().expect("a pipe")));
    let status = loop {
        if let Some(status) = child.try_wait().expect("its state") {
            break status;
        }
        let patience = if std::env::var_os("KCTL_TEST_HUGE").is_some() { 1200 } else { 60 };
        if start.elapsed() > Duration::from_secs(patience) {
            let _ = child.kill();
            panic!("{command:?} hangs; it said {}", err.join().expect("no panic"));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let took = start.elapsed();
    let (stdout, stderr) = (out.join().expect("no panic"), err.join().expect("no panic"));
    Outcome { stdout, stderr, code: status.code().unwrap_or(-1), took }
}

/// Whether a path is there.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// Connects a stream for a test's own use.
pub fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).expect("a connection")
}
