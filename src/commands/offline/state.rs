//! The cluster's state as a whole: `status`, `reset`, `resume`.

use std::io::{BufRead as _, BufReader, Write as _};

use anyhow::bail;
use comfy_table::{Table, presets};

use crate::object::{Meta, Object, time};
use crate::ops::context::Context;
use crate::ops::offline::{Overview, Serving, folder};

/// Show where the offline cluster is, whether it is served, and what is in it.
#[derive(clap::Args, Debug)]
#[command(after_help = "# The offline cluster\nkctl offline status")]
pub struct StatusArgs {}

/// Runs `offline status`.
///
/// # Errors
/// A store that cannot be read.
pub async fn status(ctx: &Context, _: StatusArgs) -> anyhow::Result<()> {
    let dir = folder(ctx)?;
    let bundled = ctx.bundled()?;
    let serving = bundled.serving(&dir);
    let overview = bundled.overview(&dir)?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.add_row(["Folder:".to_owned(), dir.display().to_string()]);
    table.add_row(["Served:".to_owned(), served(serving.as_ref())]);
    match &overview {
        None => {
            table.add_row(["Cluster:", "none yet; the first command that asks for something makes it"]);
        }
        Some(overview) => rows(ctx, overview, &mut table),
    }
    let text: String = table
        .to_string()
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix(" ").unwrap_or(line).trim_end()))
        .collect();
    Ok(ctx.streams.out().write_all(text.as_bytes())?)
}

fn served(serving: Option<&Serving>) -> String {
    match serving {
        None => "no".to_owned(),
        Some(Serving { pid, server, kubeconfig }) => {
            format!("at {server} by process {pid}\nKUBECONFIG={}", kubeconfig.display())
        }
    }
}

fn rows(ctx: &Context, overview: &Overview, table: &mut Table) {
    let ready = overview.nodes.iter().filter(|node| is_ready(node)).count();
    let names: Vec<String> = overview
        .nodes
        .iter()
        .map(|node| format!("{} ({})", node.name(), if is_ready(node) { "ready" } else { "not ready" }))
        .collect();
    table.add_row(["Engine:".to_owned(), engine(ctx, overview)]);
    table.add_row(["Nodes:".to_owned(), format!("{ready} of {} ready", overview.nodes.len())]);
    for name in names {
        table.add_row([String::new(), name]);
    }
    let total: u64 = overview.counts.iter().map(|(_, count)| count).sum();
    table.add_row(["Objects:".to_owned(), format!("{total}, revision {}", overview.revision)]);
    let width = overview.counts.iter().map(|(_, count)| count.to_string().len()).max().unwrap_or(0);
    for (resource, count) in &overview.counts {
        table.add_row([String::new(), format!("{count:>width$} {resource}")]);
    }
}

/// What the controllers are doing, in one line.
fn engine(ctx: &Context, overview: &Overview) -> String {
    let now = ctx.clock.now();
    if overview.paused {
        return "paused; \"kctl offline resume\" lets it go on".to_owned();
    }
    if overview.moving {
        return "moves in real time".to_owned();
    }
    match (overview.settled, overview.next) {
        (None, _) => "never moved".to_owned(),
        (Some(at), Some(next)) if next > now => {
            format!(
                "at rest since {}, next due in {}",
                time::rfc3339(at),
                time::human_duration((next - now).get_seconds())
            )
        }
        (Some(_), Some(_)) => "something is due; the next command does it".to_owned(),
        (Some(at), None) => format!("at rest since {}", time::rfc3339(at)),
    }
}

fn is_ready(node: &Object) -> bool {
    let conditions = node.list_at(&["status", "conditions"]);
    conditions.iter().any(|condition| condition.str_at(&["type"]) == "Ready" && condition.str_at(&["status"]) == "True")
}

/// Throw the offline cluster away, with everything in it. The next command begins a new one.
///
/// A server that runs for it is ended. A store that cannot be read is not thrown away, but kept aside.
#[derive(clap::Args, Debug)]
#[command(after_help = "# Begin anew\nkctl offline reset\n\n# In a script\nkctl offline reset -y")]
pub struct ResetArgs {
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

/// Runs `offline reset`.
///
/// # Errors
/// An answer that is not yes, or files that cannot be removed.
pub async fn reset(ctx: &Context, args: ResetArgs) -> anyhow::Result<()> {
    let dir = folder(ctx)?;
    let bundled = ctx.bundled()?;
    if !args.yes {
        let served = if bundled.serving(&dir).is_some() { ", which is being served," } else { "" };
        let mut err = ctx.streams.err();
        write!(err, "Throw the cluster in {}{served} away? [y/N]: ", dir.display())?;
        err.flush()?;
        let mut answer = String::new();
        BufReader::new(&mut **ctx.streams.input()).read_line(&mut answer)?;
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            bail!("nothing was thrown away");
        }
    }
    let removed = bundled.reset(&dir)?;
    let done = if removed.any { "The cluster is gone." } else { "There was no cluster." };
    let mut out = ctx.streams.out();
    writeln!(out, "{done}")?;
    if let Some(aside) = removed.aside {
        writeln!(out, "Its store could not be read; it is kept as {}.", aside.display())?;
    }
    Ok(())
}

/// Let a paused cluster go on.
///
/// A cluster is paused by "kctl offline import --paused" and "kctl offline serve --paused".
#[derive(clap::Args, Debug)]
#[command(after_help = "# Let a paused cluster go on\nkctl offline resume")]
pub struct ResumeArgs {}

/// Runs `offline resume`.
///
/// # Errors
/// A store that cannot be used.
pub async fn resume(ctx: &Context, _: ResumeArgs) -> anyhow::Result<()> {
    let changed = ctx.bundled()?.set_paused(&folder(ctx)?, false)?;
    let done = if changed { "The cluster goes on." } else { "The cluster was not paused." };
    Ok(writeln!(ctx.streams.out(), "{done}")?)
}
