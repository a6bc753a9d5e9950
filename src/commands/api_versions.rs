//! `api-versions`: the API versions that the server knows.

use std::io::Write;

use crate::error::UsageError;
use crate::ops::context::Context;

/// List the API versions that the server knows, as GROUP/VERSION.
#[derive(clap::Args, Debug)]
#[command(after_help = "# All API versions\nkctl api-versions")]
pub struct ApiVersionsArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `api-versions`.
///
/// # Errors
/// Arguments, which the command has none of; a server that does not answer.
pub async fn run(context: &Context, args: ApiVersionsArgs) -> anyhow::Result<()> {
    if !args.args.is_empty() {
        let message = format!("unexpected arguments: [{}]", args.args.join(" "));
        return Err(UsageError { command: "api-versions".to_owned(), message }.into());
    }
    let catalog = context.client().await?.catalog().await;
    let catalog =
        catalog.map_err(|error| anyhow::anyhow!("couldn't get available api versions from server: {error}"))?;
    let mut versions = catalog.group_versions.clone();
    versions.sort();
    versions.dedup();
    let mut out = context.streams.out();
    for version in versions {
        writeln!(out, "{version}")?;
    }
    Ok(())
}
