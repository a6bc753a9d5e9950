//! The whole of `serve`: the cluster, its network and the server.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Options, Server};
use crate::backend::cluster::open_with;
use crate::backend::handle::{Handle, LAST_MOMENT};
use crate::backend::kubelet::access::Access;
use crate::backend::kubelet::logs::LogFiles;
use crate::backend::kubelet::network::network;
use crate::backend::kubelet::streams::Streams;
use crate::backend::{self};

/// Serves the cluster of a state folder until `shutdown`: the API behind TLS, pods and Services on
/// loopback addresses, and everything in motion. `prepare` fills the folder once it is known that no
/// other server has it; `ready` is told once clients can ask.
///
/// # Errors
/// As for [`Server::bind`] and [`backend::open`], and what `prepare` fails with.
pub async fn cluster(
    cluster: backend::Options,
    options: Options,
    prepare: impl FnOnce(&backend::Options) -> anyhow::Result<()>,
    ready: impl FnOnce(&Server, &Handle),
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (folder, webhooks) = (options.dir.clone(), options.webhooks.clone());
    let server = Server::bind(options).await?;
    prepare(&cluster)?;
    let address = server.running().address.parse().ok();
    let mut net = None;
    let handle = open_with(cluster, |handle| {
        let access: Arc<dyn Access> = Arc::new(handle.api().clone());
        let (proxy, network) = network(access, LogFiles::new(&folder), address);
        net = Some(network);
        vec![Box::new(proxy)]
    })?;
    server.judge_by(handle.api().clock());
    if let Some(webhooks) = webhooks {
        handle.set_webhooks(webhooks);
    }
    Streams::new(Arc::new(handle.api().clone()), &folder, None).sweep();
    let (end, mut ended) = watch::channel(());
    if let Some(net) = net {
        tokio::spawn(net.run(async move {
            let _ = ended.changed().await;
        }));
    }
    handle.settle();
    handle.serve();
    ready(&server, &handle);
    let answering = handle.clone();
    let service = move |request| {
        let handle = answering.clone();
        async move { handle.call_incoming(request).await }
    };
    server.run(service, shutdown).await;
    // All that listens ends with the server.
    drop(end);
    let api = handle.api();
    api.store().meta_set(LAST_MOMENT, &api.clock().now().to_string())?;
    // The next process finds everything in one file.
    handle.api().store().checkpoint()?;
    Ok(())
}
