//! Where targets become connections: the one place that knows both the client and the bundled
//! cluster.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use http::HeaderMap;

use super::webhooks::Calls;
use crate::backend::{self, Handle, Options, serve};
use crate::client::ConnectionError;
use crate::client::auth::Persist;
use crate::client::config::{ClientConfig, Impersonation, Target};
use crate::client::transport::Transport;
use crate::client::transport::http::HttpTransport;
use crate::client::transport::in_process::InProcess;
use crate::object::clock::Clock;
use crate::ops::Connector;
use crate::ops::environment::Environment;
use crate::ops::kubeconfig;
use crate::ops::offline::Bundled;
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
                let mut own = (**config).clone();
                if let Some(exec) = &mut own.exec {
                    let allowed = self.preferences.allow(&exec.command, self.env.get("PATH"));
                    exec.command = allowed
                        .map_err(|why| ConnectionError::says(&config.server, format!("getting credentials: {why}")))?;
                }
                Ok(Arc::new(HttpTransport::new(own, persist(config))?))
            }
            // The one that serves this state folder, or else one in this process.
            Target::Offline { dir, impersonate, timeout } => match serve::find(dir) {
                Some(running) => Ok(Arc::new(HttpTransport::new(
                    ClientConfig { timeout: *timeout, ..served(&running, impersonate) },
                    None,
                )?)),
                None => {
                    let mut headers = HeaderMap::new();
                    impersonate.put(&mut headers)?;
                    let cluster = backend::open(self.options(dir)?)?;
                    cluster.set_webhooks(self.webhooks());
                    Ok(Arc::new(in_process(cluster, headers).with_timeout(*timeout)))
                }
            },
        }
    }

    fn bundled(&self) -> Option<&dyn Bundled> {
        Some(self)
    }
}

impl Connect {
    /// The way to webhooks of a bundled cluster.
    pub(super) fn webhooks(&self) -> Arc<Calls> {
        Arc::new(Calls::new(self.env.way_out()))
    }

    /// How the cluster in a state folder is opened.
    ///
    /// # Errors
    /// A seed that is no number.
    pub(super) fn options(&self, dir: &Path) -> anyhow::Result<Options> {
        let seed = self.env.get("KCTL_SEED").map(str::parse).transpose();
        let seed = seed.map_err(|_| anyhow!("KCTL_SEED is not a whole number"))?;
        Ok(Options {
            dir: Some(dir.to_owned()),
            clock: self.clock.clone(),
            seed,
            nodes: NODES,
            disabled: backend::DisabledPlugins::default(),
        })
    }
}

/// Keeps an identity provider's new tokens in the kubeconfig that they came from.
fn persist(config: &ClientConfig) -> Option<Persist> {
    let provider = config.provider.as_ref()?;
    let (file, user) = (provider.file.clone()?, provider.user.clone());
    Some(Arc::new(move |settings| kubeconfig::keep_provider(&file, &user, settings)))
}

/// The way to a server of this program.
fn served(running: &serve::Running, impersonate: &Impersonation) -> ClientConfig {
    ClientConfig {
        server: running.server.clone(),
        certificate_authority: running.certificate_authority.clone().into_bytes(),
        token: running.token.clone(),
        impersonate: impersonate.clone(),
        ..ClientConfig::default()
    }
}

/// A transport to a cluster in this process; `headers` say whom to act as.
fn in_process(cluster: Handle, headers: HeaderMap) -> InProcess {
    let connected = cluster.clone();
    InProcess::new(
        headers,
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
