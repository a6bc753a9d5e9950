//! `create quota`.

use anyhow::bail;
use serde_json::{Map, json};

use super::new::{Creation, NewArgs, name};
use crate::object::quantity::{Quantity, canonical};
use crate::object::{Meta, Object};
use crate::ops::context::Context;

/// Create a ResourceQuota with the given name, limits and scopes.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Limits\nkctl create quota small --hard=cpu=1,memory=1G,pods=2,services=3,replicationcontrollers=2,resourcequotas=1,secrets=5,persistentvolumeclaims=10\n\n# A limit for pods that ask for nothing\nkctl create quota best-effort --hard=pods=100 --scopes=BestEffort"
)]
pub struct QuotaArgs {
    /// Limits, a list of resource=quantity separated by commas.
    #[arg(long)]
    hard: Option<String>,
    /// Scopes, separated by commas, all of which an object must have to count.
    #[arg(long)]
    scopes: Option<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `create quota`.
///
/// # Errors
/// Limits that are no quantities, and what the server refuses.
pub async fn run(ctx: &Context, args: QuotaArgs) -> anyhow::Result<()> {
    let name = name("quota", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let mut object = creation.namespaced("v1", "ResourceQuota", name);
    let hard = limits(args.hard.as_deref().unwrap_or_default())?;
    object.set_at(&["spec"], json!({"hard": hard, "scopes": scopes(args.scopes.as_deref().unwrap_or_default())?}));
    creation.finish(object, "failed to create quota:").await
}

fn limits(text: &str) -> anyhow::Result<Map<String, Object>> {
    let mut limits = Map::new();
    for limit in text.split(',').filter(|_| !text.is_empty()) {
        let parts: Vec<&str> = limit.split('=').collect();
        let [resource, quantity] = parts.as_slice() else {
            bail!("Invalid argument syntax {limit}, expected <resource>=<value>");
        };
        Quantity::parse(quantity).map_err(|error| anyhow::anyhow!("{error}"))?;
        limits.insert((*resource).to_owned(), canonical(quantity).into());
    }
    Ok(limits)
}

fn scopes(text: &str) -> anyhow::Result<Vec<&str>> {
    let scopes: Vec<&str> = text.split(',').filter(|_| !text.is_empty()).collect();
    if scopes.contains(&"") {
        bail!("invalid resource quota scope \"\"");
    }
    Ok(scopes)
}
