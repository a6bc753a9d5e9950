//! The bundled cluster as its owner deals with it: what `offline` asks for, and `cli`, which knows the
//! cluster, does.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use super::Context;
use crate::object::{Object, Timestamp};

/// The variable that tells a server the folder that it serves in the background.
pub const DETACHED: &str = "KCTL_SERVE_DETACHED";
/// The line by which such a server says that it answers.
pub const READY: &str = "ready";
/// The extension of a kubeconfig's cluster that names the folder of the server which it leads to.
pub const EXTENSION: &str = "kctl-offline";

/// A future that stays in its thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A server that runs for a state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Its process.
    pub pid: u32,
    /// Its URL.
    pub server: String,
    /// A kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
}

/// What can be said of a cluster without asking it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// The revision of the last write.
    pub revision: u64,
    /// How many objects there are of each resource (`pods`, `deployments.apps`) that has any.
    pub counts: Vec<(String, u64)>,
    /// The nodes.
    pub nodes: Vec<Object>,
    /// Whether nothing moves, because it was told so.
    pub paused: bool,
    /// Whether another process moves it at this moment.
    pub moving: bool,
    /// Up to when everything due has happened; none in a cluster that never moved.
    pub settled: Option<Timestamp>,
    /// When the next thing is due, if nothing changes.
    pub next: Option<Timestamp>,
}

/// What came of a reset.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// Whether there was a cluster.
    pub any: bool,
    /// Where its store is, if that could not be read.
    pub aside: Option<PathBuf>,
}

/// How a new cluster is made, and filled.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The objects, taken over as they are.
    pub objects: Vec<Object>,
    /// Whether nothing moves afterwards.
    pub paused: bool,
}

/// How to serve.
#[derive(Clone, Debug)]
pub struct Serve {
    /// The state folder.
    pub dir: PathBuf,
    /// How many nodes a new cluster gets; none for the usual number.
    pub nodes: Option<usize>,
    /// What is taken over first.
    pub import: Option<Import>,
    /// What goes wrong and how things behave: faults and stages.
    pub injected: Vec<Object>,
    /// Whether nothing is to move from now on; none leaves it as it is.
    pub paused: bool,
    /// The time that the cluster's clock stands at; none for the context's clock.
    pub now: Option<Timestamp>,
    /// How many seconds of the cluster's clock go by in one second; none leaves the clock as it is.
    pub time_scale: Option<f64>,
    /// Where to listen.
    pub bind_address: IpAddr,
    /// The port; 0 takes a free one.
    pub secure_port: u16,
    /// Whether other machines may reach it.
    pub allow_remote: bool,
    /// Users' tokens, in the form of kube-apiserver's `--token-auth-file`.
    pub token_auth_file: Option<PathBuf>,
    /// Further authorities whose client certificates are taken, in PEM.
    pub client_ca_file: Option<PathBuf>,
    /// Whether whoever is known may do everything, whatever roles and bindings say.
    pub always_allow: bool,
    /// The admission plugins to do without.
    pub disable_admission_plugins: Vec<String>,
    /// Where to write the kubeconfig; none for the state folder.
    pub kubeconfig: Option<PathBuf>,
    /// To end once nobody has asked for so long.
    pub idle_timeout: Option<Duration>,
    /// To end when this process does.
    pub end_with: Option<u32>,
    /// Whether to leave the terminal of whoever started it.
    pub detached: bool,
}

impl Serve {
    /// Serves the cluster in that folder on a free loopback port.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            nodes: None,
            import: None,
            injected: Vec::new(),
            paused: false,
            now: None,
            time_scale: None,
            bind_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            secure_port: 0,
            allow_remote: false,
            token_auth_file: None,
            client_ca_file: None,
            always_allow: false,
            disable_admission_plugins: Vec::new(),
            kubeconfig: None,
            idle_timeout: None,
            end_with: None,
            detached: false,
        }
    }
}

/// What is said once a server answers.
pub type Announce<'a> = Box<dyn FnOnce(&Serving, Option<&str>) + 'a>;

/// The bundled cluster, to its owner.
pub trait Bundled {
    /// The server that runs for a state folder.
    fn serving(&self, dir: &Path) -> Option<Serving>;

    /// Serves until the process is told to end. `announce` gets the server, and what its user should
    /// be warned of, once it answers.
    fn serve<'a>(
        &'a self,
        ctx: &'a Context,
        serve: Serve,
        announce: Announce<'a>,
    ) -> LocalFuture<'a, anyhow::Result<()>>;

    /// Starts this command line once more, to serve the folder in the background. Ends when that answers.
    fn launch(&self, dir: &Path) -> anyhow::Result<Serving>;

    /// Ends the server that runs for a folder, if there is one.
    fn stop(&self, dir: &Path) -> anyhow::Result<Option<Serving>>;

    /// Looks at the cluster in a folder; none where there is none.
    fn overview(&self, dir: &Path) -> anyhow::Result<Option<Overview>>;

    /// Takes objects over; returns how many.
    fn import(&self, ctx: &Context, dir: &Path, import: Import) -> anyhow::Result<usize>;

    /// Keeps the cluster from moving, or lets it move; returns whether that is a change.
    fn set_paused(&self, dir: &Path, paused: bool) -> anyhow::Result<bool>;

    /// All objects as they are stored, once everything due has happened.
    fn export(&self, ctx: &Context, dir: &Path) -> anyhow::Result<Vec<Object>>;

    /// Ends the server that runs for the folder and removes the cluster in it. A store that cannot be read
    /// is kept aside.
    fn reset(&self, dir: &Path) -> anyhow::Result<Removed>;

    /// A node that fits beside those that are there: with that name, or the next one in the row.
    fn new_node(&self, ctx: &Context, present: &[Object], name: Option<&str>) -> Object;

    /// The definitions of the kinds that may be injected: faults and stages.
    fn injected_kinds(&self) -> Vec<Object>;

    /// Checks a fault or a stage.
    ///
    /// # Errors
    /// What is wrong with it, or that it is neither.
    fn check_injected(&self, object: &Object) -> anyhow::Result<()>;

    /// The annotation that takes a node down while it is `"true"`.
    fn failed_annotation(&self) -> &'static str;
}

/// The folder of the bundled cluster.
///
/// # Errors
/// The environment names none.
pub fn folder(ctx: &Context) -> anyhow::Result<PathBuf> {
    ctx.env
        .offline_dir()
        .ok_or_else(|| anyhow::anyhow!("no folder for the offline cluster: set HOME or KCTL_OFFLINE_DIR"))
}
