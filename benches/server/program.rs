//! The program that is measured: started, found, looked at, ended.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};

use super::Fallible;

/// How long it may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs until it is dropped.
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The administrator's token.
    pub token: String,
    /// What trusts it, and asks for HTTP/1.1.
    pub tls: Arc<rustls::ClientConfig>,
    /// From the start of the process until `/readyz` was answered.
    pub ready: Duration,
}

impl Program {
    /// Starts `kctl offline serve` with further arguments, in a home that is given.
    ///
    /// # Errors
    /// It does not start, or does not come up.
    pub fn start(kctl: &Path, home: &Path, arguments: &[&str]) -> Fallible<Self> {
        let kubeconfig = home.join("served.kubeconfig");
        let _ = std::fs::remove_file(&kubeconfig);
        let begun = Instant::now();
        let child = Command::new(kctl)
            .args(["offline", "serve", "--write-kubeconfig"])
            .arg(&kubeconfig)
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut started = Started(Some(child));
        let config = loop {
            if begun.elapsed() > PATIENCE {
                return Err("the server did not come up".into());
            }
            match std::fs::read_to_string(&kubeconfig) {
                Ok(text) => break Config::read(&text)?,
                Err(_) => std::thread::sleep(Duration::from_micros(500)),
            }
        };
        let mut program = Self {
            child: started.0.take().ok_or("no process")?,
            address: config.address,
            token: config.token,
            tls: config.tls,
            ready: Duration::ZERO,
        };
        let answer = program.ask("/readyz")?;
        if !answer.ends_with("\r\n\r\nok") {
            return Err(format!("/readyz answers {answer:?}").into());
        }
        program.ready = begun.elapsed();
        Ok(program)
    }

    /// The whole answer to one GET, on a connection of its own.
    ///
    /// # Errors
    /// No connection, or no answer.
    pub fn ask(&self, path: &str) -> Fallible<String> {
        let name = ServerName::from(self.address.ip());
        let session = rustls::ClientConnection::new(Arc::clone(&self.tls), name)?;
        let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(self.address)?);
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.token
        )?;
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            // Who closes a connection does not always say so first.
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error.into()),
            _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
        }
    }

    /// What it holds in memory now, in bytes.
    ///
    /// # Errors
    /// The system does not say.
    pub fn memory(&self) -> Fallible<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }

    /// The time it has had on a processor.
    ///
    /// # Errors
    /// The system does not say.
    pub fn cpu(&self) -> Fallible<Duration> {
        let mut total = Duration::ZERO;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // Nanoseconds, where `stat` counts hundredths of a second.
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            total += Duration::from_nanos(text.split(' ').next().unwrap_or_default().parse()?);
        }
        Ok(total)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let asked = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        if !matches!(asked, Some(Ok(()))) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Killed where it does not come up.
struct Started(Option<Child>);

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What the kubeconfig says.
struct Config {
    address: SocketAddr,
    token: String,
    tls: Arc<rustls::ClientConfig>,
}

impl Config {
    fn read(text: &str) -> Fallible<Self> {
        let value = |name: &str| -> Fallible<String> {
            let line = text.lines().find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(name));
            Ok(line.ok_or_else(|| format!("no {name}"))?.trim().trim_matches('"').to_owned())
        };
        let pem = base64::engine::general_purpose::STANDARD.decode(value("certificate-authority-data:")?)?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = value("server:")?;
        let address = server.strip_prefix("https://").ok_or("no https")?.parse()?;
        Ok(Self { address, token: value("token:")?, tls: Arc::new(tls) })
    }
}

/// A folder that goes when it is dropped.
pub struct Home(pub PathBuf);

impl Home {
    /// A new one.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(name: &str) -> Fallible<Self> {
        let home = std::env::temp_dir().join(format!("kctl-server-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home)?;
        Ok(Self(home))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
