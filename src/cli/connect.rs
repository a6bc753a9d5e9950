//! Where targets become connections: the one place that knows both the client and the bundled
//! cluster.

use std::sync::Arc;

use anyhow::bail;

use crate::client::config::Target;
use crate::client::transport::Transport;
use crate::client::transport::http::HttpTransport;

/// A transport to a target.
///
/// # Errors
/// A configuration that no client can be made of.
pub fn connect(target: &Target) -> anyhow::Result<Arc<dyn Transport>> {
    match target {
        Target::Server(config) => Ok(Arc::new(HttpTransport::new((**config).clone())?)),
        Target::Offline { .. } => bail!("the offline cluster is not available yet"),
    }
}
