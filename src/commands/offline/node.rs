//! The bundled cluster's nodes: `node add`, `node remove`, `node fail`, `node recover`.

use std::io::Write as _;

use anyhow::bail;
use serde_json::json;

use crate::client::Client;
use crate::client::paging;
use crate::client::request::{Call, DeleteParams, Endpoint, ListParams, PatchType, WriteParams};
use crate::error::Many;
use crate::object::{GroupVersionResource, Meta, Object};
use crate::ops::context::Context;

/// Add nodes to the offline cluster.
///
/// Without a name, the node gets the next one in the row of those that are there.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# One more node\nkctl offline node add\n\n# Two nodes with names\nkctl offline node add berth-1 berth-2"
)]
pub struct AddArgs {
    /// Their names.
    #[arg(hide = true)]
    pub names: Vec<String>,
}

/// Runs `offline node add`.
///
/// # Errors
/// A name that is taken, or is no name.
pub async fn add(ctx: &Context, args: AddArgs) -> anyhow::Result<()> {
    let client = ctx.offline_client()?;
    let list = client.json(Call::list(&Endpoint::collection(&nodes(), ""), &ListParams::default())).await?;
    let mut present = paging::take_items(list);
    let names: Vec<Option<&str>> =
        if args.names.is_empty() { vec![None] } else { args.names.iter().map(|name| Some(name.as_str())).collect() };
    for name in names {
        let node = ctx.bundled()?.new_node(ctx, &present, name);
        let name = node.name().to_owned();
        let params = WriteParams::default();
        client.json(Call::create(&Endpoint::collection(&nodes(), ""), &node, &params)).await?;
        // The status is not taken from what is created.
        let status = json!({"status": node["status"]}).to_string();
        let endpoint = Endpoint::object(&nodes(), "", &name).subresource("status");
        client.json(Call::patch(&endpoint, PatchType::Merge, status, &params)).await?;
        writeln!(ctx.streams.out(), "node/{name} added")?;
        present.push(node);
    }
    Ok(())
}

/// Remove nodes from the offline cluster. Their pods go with them.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Remove a node\nkctl offline node remove kctl-worker2")]
pub struct RemoveArgs {
    /// Their names.
    #[arg(hide = true)]
    pub names: Vec<String>,
}

/// Runs `offline node remove`.
///
/// # Errors
/// No name, or a node that is not there.
pub async fn remove(ctx: &Context, args: RemoveArgs) -> anyhow::Result<()> {
    let client = ctx.offline_client()?;
    each(ctx, &args.names, "removed", async |name| {
        let endpoint = Endpoint::object(&nodes(), "", name);
        client.json(Call::delete(&endpoint, &DeleteParams::default())).await.map(drop)
    })
    .await
}

/// Take nodes down, as a power cut would: their kubelets fall silent.
///
/// As on a real cluster it takes a while until the node counts as not ready (40 seconds) and its pods are replaced elsewhere (another 5 minutes). "kctl offline node recover" brings it back.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Take a node down and look on\nkctl offline node fail kctl-worker\nkctl get nodes,pods -o wide --watch"
)]
pub struct FailArgs {
    /// Their names.
    #[arg(hide = true)]
    pub names: Vec<String>,
}

/// Runs `offline node fail`.
///
/// # Errors
/// No name, or a node that is not there.
pub async fn fail(ctx: &Context, args: FailArgs) -> anyhow::Result<()> {
    let client = ctx.offline_client()?;
    each(ctx, &args.names, "failed", async |name| mark(ctx, &client, name, json!("true")).await).await
}

/// Bring nodes back that were taken down.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Bring a node back\nkctl offline node recover kctl-worker")]
pub struct RecoverArgs {
    /// Their names.
    #[arg(hide = true)]
    pub names: Vec<String>,
}

/// Runs `offline node recover`.
///
/// # Errors
/// No name, or a node that is not there.
pub async fn recover(ctx: &Context, args: RecoverArgs) -> anyhow::Result<()> {
    let client = ctx.offline_client()?;
    each(ctx, &args.names, "recovered", async |name| mark(ctx, &client, name, Object::Null).await).await
}

async fn mark(ctx: &Context, client: &Client, name: &str, failed: Object) -> anyhow::Result<()> {
    let endpoint = Endpoint::object(&nodes(), "", name);
    let patch = json!({"metadata": {"annotations": {ctx.bundled()?.failed_annotation(): failed}}}).to_string();
    client.json(Call::patch(&endpoint, PatchType::Merge, patch, &WriteParams::default())).await.map(drop)
}

/// Does something with every name, and goes on where it fails.
async fn each(
    ctx: &Context,
    names: &[String],
    done: &str,
    work: impl AsyncFn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    if names.is_empty() {
        bail!("at least one node must be named");
    }
    let mut errors = Vec::new();
    for name in names {
        match work(name).await {
            Ok(()) => writeln!(ctx.streams.out(), "node/{name} {done}")?,
            Err(error) => errors.push(error),
        }
    }
    Many::collect(errors)
}

fn nodes() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "nodes")
}
