//! Where targets become connections: the one place that knows both the client and the bundled
//! cluster.

use std::sync::Arc;

use anyhow::bail;

use crate::client::config::Target;
use crate::client::transport::Transport;
use crate::client::transport::http::HttpTransport;
use crate::ops::context::Connector;
use crate::ops::preferences::Preferences;

/// Makes connections, as far as the preferences allow.
pub struct Connect {
    /// Say which programs may hand out credentials.
    pub preferences: Preferences,
    /// The PATH, on which such programs are looked up.
    pub path: Option<String>,
}

impl Connector for Connect {
    fn connect(&self, target: &Target) -> anyhow::Result<Arc<dyn Transport>> {
        match target {
            Target::Server(config) => {
                if let Some(exec) = &config.exec {
                    self.preferences.allow(&exec.command, self.path.as_deref())?;
                }
                Ok(Arc::new(HttpTransport::new((**config).clone())?))
            }
            Target::Offline { .. } => bail!("the offline cluster is not available yet"),
        }
    }
}
