//! Where targets become connections: the one place that knows both the client and the bundled
//! cluster.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;

use crate::backend::{self, Handle, Options, serve};
use crate::client::config::{ClientConfig, Target};
use crate::client::transport::Transport;
use crate::client::transport::http::HttpTransport;
use crate::client::transport::in_process::InProcess;
use crate::object::clock::Clock;
use crate::ops::Connector;
use crate::ops::environment::Environment;
use crate::ops::offline::Bundled;

/// How many nodes a new bundled cluster has.
pub const NODES: usize = 3;

/// Connects a process's commands.
pub struct Connections {
    /// The environment.
    pub env: Environment,
    /// What time it is.
    pub clock: Clock,
}

impl Connector for Connections {
    fn connect(&self, target: &Target) -> anyhow::Result<Arc<dyn Transport>> {
        connect(target, &self.env, &self.clock)
    }

    fn bundled(&self) -> Option<&dyn Bundled> {
        Some(self)
    }
}

/// How the cluster in a state folder is opened.
///
/// # Errors
/// A seed that is no number.
pub(super) fn options(dir: &Path, env: &Environment, clock: &Clock) -> anyhow::Result<Options> {
    let seed = env.get("KCTL_SEED").map(str::parse).transpose();
    let seed = seed.map_err(|_| anyhow!("KCTL_SEED is not a whole number"))?;
    Ok(Options { dir: Some(dir.to_owned()), clock: clock.clone(), seed, nodes: NODES })
}

/// A transport to a target.
///
/// # Errors
/// A configuration that no client can be made of, or a state folder that cannot be used.
pub fn connect(target: &Target, env: &Environment, clock: &Clock) -> anyhow::Result<Arc<dyn Transport>> {
    match target {
        Target::Server(config) => Ok(Arc::new(HttpTransport::new((**config).clone())?)),
        Target::Offline { dir } => match serve::find(dir) {
            Some(running) => Ok(Arc::new(HttpTransport::new(served(&running))?)),
            None => Ok(Arc::new(in_process(backend::open(options(dir, env, clock)?)?))),
        },
    }
}

/// The way to a server of this program.
fn served(running: &serve::Running) -> ClientConfig {
    ClientConfig {
        server: running.server.clone(),
        certificate_authority: running.certificate_authority.clone().into_bytes(),
        token: running.token.clone(),
        ..ClientConfig::default()
    }
}

/// A transport to a cluster in this process.
fn in_process(cluster: Handle) -> InProcess {
    let connected = cluster.clone();
    InProcess::new(
        move |request| {
            let cluster = cluster.clone();
            Box::pin(async move { cluster.call(request).await })
        },
        move |connection| {
            let cluster = connected.clone();
            tokio::spawn(async move { cluster.serve_connection(connection).await });
        },
    )
}
