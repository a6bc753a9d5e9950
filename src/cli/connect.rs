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
use crate::ops::context::Connector;
use crate::ops::environment::Environment;
use crate::ops::preferences::Preferences;

/// How many nodes a new bundled cluster has.
pub const NODES: usize = 3;

/// Makes connections, as far as the preferences allow.
pub struct Connect {
    /// Say which programs may hand out credentials.
    pub preferences: Preferences,
    /// The environment.
    pub env: Environment,
    /// What time it is.
    pub clock: Clock,
}

impl Connector for Connect {
    fn connect(&self, target: &Target) -> anyhow::Result<Arc<dyn Transport>> {
        match target {
            Target::Server(config) => {
                if let Some(exec) = &config.exec {
                    self.preferences.allow(&exec.command, self.env.get("PATH"))?;
                }
                Ok(Arc::new(HttpTransport::new((**config).clone())?))
            }
            Target::Offline { dir } => self.offline(dir),
        }
    }
}

impl Connect {
    /// The bundled cluster: the one that serves this state folder, or else one in this process.
    fn offline(&self, dir: &Path) -> anyhow::Result<Arc<dyn Transport>> {
        if let Some(running) = serve::find(dir) {
            let config = served(&running.kubeconfig)
                .with_context(|| format!("the cluster in {} is served, but cannot be reached", dir.display()))?;
            return Ok(Arc::new(HttpTransport::new(config)?));
        }
        let seed = self.env.get("KCTL_SEED").map(str::parse).transpose();
        let seed = seed.map_err(|_| anyhow!("KCTL_SEED is not a whole number"))?;
        let options = Options { dir: Some(dir.to_owned()), clock: self.clock.clone(), seed, nodes: NODES };
        Ok(Arc::new(in_process(backend::open(options)?)))
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
