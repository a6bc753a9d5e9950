//! `offline stop`: the end of a server.

use std::io::Write as _;
use std::path::PathBuf;

use crate::object::Meta;
use crate::ops::context::Context;
use crate::ops::offline::{EXTENSION, folder};

/// End the server of the offline cluster.
///
/// It is the one that the current kubeconfig leads to, or else the one that serves the cluster in the state folder. The cluster stays, unless it was served with --ephemeral.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# End a server that was started in the background\nkctl offline stop\n\n# End the one of a test run\nKUBECONFIG=kubeconfig kctl offline stop"
)]
pub struct StopArgs {}

/// Runs `offline stop`.
///
/// # Errors
/// A server that does not end.
pub async fn stop(ctx: &Context, _: StopArgs) -> anyhow::Result<()> {
    let bundled = ctx.bundled()?;
    let mut stopped = None;
    for dir in named(ctx).into_iter().chain([folder(ctx)?]) {
        stopped = bundled.stop(&dir)?;
        if stopped.is_some() {
            break;
        }
    }
    let mut out = ctx.streams.out();
    match stopped {
        Some(serving) => writeln!(out, "The server at {} has ended.", serving.server)?,
        None => writeln!(out, "No server runs.")?,
    }
    Ok(())
}

/// The folder of the server that the kubeconfig leads to, if it is one of ours.
fn named(ctx: &Context) -> Option<PathBuf> {
    // A kubeconfig that cannot be read leads nowhere.
    let config = ctx.kubeconfig().ok()?;
    let current = config.contexts.get(&config.current_context)?;
    let extension = config.clusters.get(&current.cluster)?.extension(EXTENSION)?;
    Some(extension.str_at(&["folder"])).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}
