//! Where targets become connections: the one place that knows both the client and the bundled
//! cluster.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};

use crate::backend::{self, Handle, Options, serve};
use crate::client::config::{ClientConfig, Kubeconfig, Overrides, Resolver, Target};
use crate::client::transport::Transport;
use crate::client::transport::http::HttpTransport;
use crate::client::transport::in_process::InProcess;
use crate::object::clock::Clock;
use crate::ops::environment::Environment;

/// How many nodes a new bundled cluster has.
pub const NODES: usize = 3;

/// A transport to a target.
///
/// # Errors
/// A configuration that no client can be made of, or a state folder that cannot be used.
pub fn connect(target: &Target, env: &Environment, clock: &Clock) -> anyhow::Result<Arc<dyn Transport>> {
    match target {
        Target::Server(config) => Ok(Arc::new(HttpTransport::new((**config).clone())?)),
        Target::Offline { dir } => match serve::find(dir) {
            Some(running) => {
                let config = served(&running.kubeconfig)
                    .with_context(|| format!("the cluster in {} is served, but cannot be reached", dir.display()))?;
                Ok(Arc::new(HttpTransport::new(config)?))
            }
            None => {
                let seed = env.get("KCTL_SEED").map(str::parse).transpose();
                let seed = seed.map_err(|_| anyhow!("KCTL_SEED is not a whole number"))?;
                let options = Options { dir: Some(dir.clone()), clock: clock.clone(), seed, nodes: NODES };
                Ok(Arc::new(in_process(backend::open(options)?)))
            }
        },
    }
}

/// The way to a server that wrote this kubeconfig.
fn served(kubeconfig: &Path) -> anyhow::Result<ClientConfig> {
    let config = Kubeconfig::parse(&std::fs::read(kubeconfig)?).map_err(|why| anyhow!(why))?;
    Resolver { config: &config, overrides: &Overrides::default(), master: None, in_cluster: None }.client_config()
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
