//! `rollout history`: the revisions of a workload.

use std::io::Write;

use anyhow::{anyhow, bail};

use super::{TargetArgs, mapping, workload};
use crate::error::Many;
use crate::ops::change::{self, DryRun, ObjectPrinter, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::rollout::Revision;
use crate::ops::typed::typed;
use crate::output::describe;
use crate::output::tabwriter::{Settings, TabWriter};

/// List the revisions of a workload, or show one of them.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# The revisions of a deployment\nkctl rollout history deployment/web\n\n# The pod template of the third revision\nkctl rollout history daemonset/agent --revision=3"
)]
pub struct HistoryArgs {
    /// Show this revision with its pod template.
    #[arg(long, default_value_t = 0)]
    pub revision: i64,
    /// Which workloads.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Runs `rollout history`.
///
/// # Errors
/// What has no revisions, and no such revision.
pub async fn run(ctx: &Context, args: HistoryArgs) -> anyhow::Result<()> {
    args.target.require()?;
    if args.revision < 0 {
        bail!("revision must be a positive integer: {}", args.revision);
    }
    let report = Report::new(ctx, &args.output, DryRun::None)?;
    let (infos, result) = args.target.plan(ctx).await?.infos().await;
    let mut errors = change::errors_of(result);
    let mut printer = report.printer("")?;
    for info in infos {
        let shown = async {
            let workload = workload(mapping(&info)?, "history", "history viewer")?;
            let revisions = workload.history(ctx.client().await?, &info.object()).await?;
            if args.output.given() {
                return print(revisions, args.revision, &mut printer);
            }
            let (title, text) = match args.revision {
                0 => (String::new(), list(&revisions)?),
                number => (format!("with revision #{number}"), detail(ctx, &revisions, number)?),
            };
            report.print(&format!("{title}\n{text}"), info.object.clone().unwrap_or_default())
        };
        errors.extend(shown.await.err());
    }
    Many::collect(errors)
}

fn find(revisions: &[Revision], number: i64) -> anyhow::Result<&Revision> {
    let found = revisions.iter().find(|revision| revision.number == number);
    found.ok_or_else(|| anyhow!("unable to find the specified revision"))
}

/// Prints the objects that stand for the revisions, or for one of them.
fn print(revisions: Vec<Revision>, number: i64, printer: &mut ObjectPrinter<'_>) -> anyhow::Result<()> {
    if number > 0 {
        return printer.print(typed(find(&revisions, number)?.object.clone()));
    }
    revisions.into_iter().try_for_each(|revision| printer.print(typed(revision.object)))
}

const NO_HISTORY: &str = "No rollout history found.";

fn list(revisions: &[Revision]) -> anyhow::Result<String> {
    if revisions.is_empty() {
        return Ok(NO_HISTORY.to_owned());
    }
    let mut writer = TabWriter::new(Vec::new(), Settings::DESCRIBE);
    writeln!(writer, "REVISION\tCHANGE-CAUSE")?;
    for revision in revisions {
        let cause = if revision.change_cause.is_empty() { "<none>" } else { &revision.change_cause };
        writeln!(writer, "{}\t{cause}", revision.number)?;
    }
    writer.flush()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

fn detail(ctx: &Context, revisions: &[Revision], number: i64) -> anyhow::Result<String> {
    if revisions.is_empty() {
        return Ok(NO_HISTORY.to_owned());
    }
    Ok(describe::pod_template(&find(revisions, number)?.template, ctx.clock.now()))
}
