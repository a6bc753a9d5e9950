//! The bundled cluster behind TLS, so that kubectl, helm and client libraries drive it too.
//!
//! [`Server::bind`] makes certificates for this run, listens, and writes two files (mode 0600) that are gone
//! when it ends: a kubeconfig for clients, and `serve.json` in the state folder, by which other kctl processes
//! find it. [`Server::run`] then answers with whatever service it is given.
//!
//! Who asks is known by the administrator's token of this run, a token of the token file, a client
//! certificate of the cluster's authority or of another one that is named, or a service account's token. Whoever
//! has none of these is anonymous. What they may do is the API's business. It listens on loopback addresses
//! unless told otherwise, and answers only to names that lead there, so that no web page can ask through a
//! browser.

mod activity;
mod auth;
mod cluster;
mod files;
mod run;
mod tls;
mod tokens;

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::{TcpListener, TcpSocket};

pub use auth::Gate;
pub use cluster::cluster;
pub use files::{Running, make_folder};
pub use tls::Identity;

use super::api::{User, Webhooks};
use super::trust::Trust;
use crate::object::Timestamp;
use crate::object::clock::Clock;

/// The file by which other processes find a server.
pub const FILE: &str = "serve.json";
/// What a server in the background has said.
pub const LOG_FILE: &str = "serve.log";
/// The file that a server holds locked while it runs.
const LOCK: &str = "serve.lock";
/// How many connections wait to be taken at most.
const BACKLOG: u32 = 4096;

/// How to serve.
#[derive(Clone)]
pub struct Options {
    /// The state folder.
    pub dir: PathBuf,
    /// Where to listen.
    pub bind_address: IpAddr,
    /// The port; 0 takes a free one.
    pub secure_port: u16,
    /// Whether `bind_address` may be one that other machines reach.
    pub allow_remote: bool,
    /// Users' tokens, in the form of kube-apiserver's `--token-auth-file`.
    pub token_auth_file: Option<PathBuf>,
    /// Further authorities whose client certificates are taken, in PEM.
    pub client_ca_file: Option<PathBuf>,
    /// Whether whoever is known may do everything, whatever roles and bindings say.
    pub always_allow: bool,
    /// Where to write the kubeconfig; `serve.kubeconfig` in the state folder for none.
    pub kubeconfig: Option<PathBuf>,
    /// The way to webhooks.
    pub webhooks: Option<Arc<dyn Webhooks>>,
    /// To end once nobody has asked for so long.
    pub idle_timeout: Option<Duration>,
    /// What time it is for clients: the server's certificate holds from the day before on.
    pub now: Timestamp,
}

impl Options {
    /// Loopback, a free port.
    pub fn new(dir: PathBuf, now: Timestamp) -> Self {
        let bind_address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            dir,
            bind_address,
            secure_port: 0,
            allow_remote: false,
            token_auth_file: None,
            client_ca_file: None,
            always_allow: false,
            kubeconfig: None,
            webhooks: None,
            idle_timeout: None,
            now,
        }
    }
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    identity: Identity,
    gate: Arc<Gate>,
    running: Running,
    file: PathBuf,
    idle_timeout: Option<Duration>,
    /// Held until the end.
    _lock: File,
}

impl Server {
    /// Listens and writes the files.
    ///
    /// # Errors
    /// Another server runs for the same folder, the address is not allowed or not free, or the files
    /// cannot be written.
    pub async fn bind(options: Options) -> anyhow::Result<Self> {
        if !options.bind_address.is_loopback() && !options.allow_remote {
            bail!(
                "refusing to listen on {}, which other machines may reach; allow it explicitly if that is what you want",
                options.bind_address
            );
        }
        let mut tokens = options.token_auth_file.as_deref().map_or_else(|| Ok(Vec::new()), tokens::read)?;
        let others = options.client_ca_file.as_deref().map_or_else(
            || Ok(String::new()),
            |file| std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display())),
        )?;
        files::make_folder(&options.dir)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(options.dir.join(LOCK))
            .with_context(|| format!("opening {}", options.dir.join(LOCK).display()))?;
        if lock.try_lock().is_err() {
            match find(&options.dir) {
                Some(other) => bail!("the cluster is served already, at {} by process {}", other.server, other.pid),
                None => bail!("the cluster is served already"),
            }
        }
        let listener = listen(SocketAddr::new(options.bind_address, options.secure_port))
            .with_context(|| format!("listening on {}:{}", options.bind_address, options.secure_port))?;
        let address = listener.local_addr()?;
        let identity = Identity::generate(&Trust::new(Some(&options.dir)), address.ip(), &others, options.now)?;
        let kubeconfig = options.kubeconfig.unwrap_or_else(|| options.dir.join("serve.kubeconfig"));
        let reachable = match address.ip() {
            ip if ip.is_unspecified() => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
            _ => address,
        };
        let running = Running {
            pid: std::process::id(),
            address: reachable.to_string(),
            server: format!("https://{reachable}"),
            kubeconfig,
            token: identity.token.clone(),
            certificate_authority: identity.ca_pem.clone(),
        };
        files::write_private(&running.kubeconfig, &files::kubeconfig(&running, &identity, &options.dir))?;
        let file = options.dir.join(FILE);
        files::write_private(&file, &serde_json::to_string_pretty(&running)?)?;
        tokens.push((identity.token.clone(), User::admin()));
        let gate = Arc::new(Gate::new(tokens, address, options.always_allow));
        let idle_timeout = options.idle_timeout;
        Ok(Self { listener, identity, gate, running, file, idle_timeout, _lock: lock })
    }

    /// How to reach it.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Judges the certificates of clients by this clock from now on.
    pub fn judge_by(&self, clock: &Clock) {
        self.identity.judge.set(clock);
    }

    /// What its user should know: that it can be reached from other machines.
    pub fn warning(&self) -> Option<String> {
        let ip = self.listener.local_addr().ok()?.ip();
        (!ip.is_loopback())
            .then(|| format!("the cluster can be reached from other machines, at {ip}; whoever has its token rules it"))
    }
}

/// Listens. Many clients may come at once: their connections wait in the system until they are taken.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
        let _ = std::fs::remove_file(&self.running.kubeconfig);
    }
}

/// The server that runs for a state folder. A file that a dead one left behind does not count.
pub fn find(dir: &Path) -> Option<Running> {
    let text = std::fs::read_to_string(dir.join(FILE)).ok()?;
    // Whoever serves holds the lock.
    let lock = File::options().read(true).write(true).open(dir.join(LOCK)).ok()?;
    if lock.try_lock_shared().is_ok() {
        return None;
    }
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests;
