//! `rollout undo`: back to an earlier revision.

use anyhow::anyhow;

use super::{TargetArgs, mapping, workload};
use crate::client::request::Call;
use crate::error::Many;
use crate::object::Meta;
use crate::ops::change::{self, DryRun, DryRunArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::last_applied::ANNOTATION;
use crate::ops::resources::Info;
use crate::ops::rollout::{Undo, Workload};
use crate::output::describe;

/// Go back to an earlier revision of a workload.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Go back to the revision before the present one\nkctl rollout undo deployment/web\n\n# Go back to the third revision of a daemon set\nkctl rollout undo daemonset/agent --to-revision=3\n\n# Let the server try it without doing it\nkctl rollout undo --dry-run=server deployment/web"
)]
pub struct UndoArgs {
    /// The revision to go back to. 0 for the one before the present.
    #[arg(long, default_value_t = 0)]
    pub to_revision: i64,
    /// Which workloads.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Runs `rollout undo`.
///
/// # Errors
/// No such revision, and what the server refuses.
pub async fn run(ctx: &Context, args: UndoArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    args.target.require()?;
    let report = Report::new(ctx, &args.output, dry_run)?;
    let (infos, result) = args.target.plan(ctx).await?.infos().await;
    let mut errors = change::errors_of(result);
    for info in infos {
        errors.extend(undo(ctx, &args, dry_run, &report, info).await.err());
    }
    Many::collect(errors)
}

async fn undo(ctx: &Context, args: &UndoArgs, dry_run: DryRun, report: &Report<'_>, info: Info) -> anyhow::Result<()> {
    let object = info.object.clone().unwrap_or_default();
    if object.annotation(ANNOTATION).is_some() {
        let (program, name) = (ctx.program, info.object_name());
        ctx.streams.say(format!(
            "Warning: resource {name} was previously managed with '{program} apply'. Rolling back will not update the {ANNOTATION} annotation, which may cause unexpected behavior on future '{program} apply' operations. Consider using '{program} apply' with your previous configuration file instead."
        ));
    }
    let workload = workload(mapping(&info)?, "rollbacker", "rollbacker")?;
    let client = ctx.client().await?;
    let revisions = workload.history(client, &object).await?;
    let to = args.to_revision;
    let revision = workload.target(&object, &revisions, to)?;
    if dry_run == DryRun::Client {
        // A deployment is shown with the labels of its replica set and without the reason for it.
        let (before, template) = match workload {
            Workload::Deployment => ("", revision.record.at(&["spec", "template"]).unwrap_or(&revision.template)),
            _ => ("will roll back to ", &revision.template),
        };
        let text = describe::pod_template(template, ctx.clock.now());
        return report.print(&format!("{before}{text}"), object);
    }
    let done = match workload.undo(&object, revision, ctx.program)? {
        Undo::Skipped => format!("skipped rollback (current template already matches revision {to})"),
        Undo::Patch(kind, patch) => {
            let call = Call::patch(&info.endpoint(), kind, patch.to_string(), &dry_run.write(""));
            let sent = client.json(call).await;
            sent.map_err(|error| anyhow!("failed restoring revision {to}: {error:#}"))?;
            "rolled back".to_owned()
        }
    };
    report.print(&done, object)
}
