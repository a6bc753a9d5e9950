//! `rollout`: following, holding, repeating and undoing the rollouts of workloads.

pub mod history;
pub mod pause;
pub mod restart;
pub mod resume;
pub mod status;
pub mod undo;

use anyhow::{anyhow, bail};

use crate::client::discovery::Mapping;
use crate::error::Many;
use crate::object::Object;
use crate::ops::change::{self, DryRun, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::patches::Difference;
use crate::ops::resources::{Info, Plan};
use crate::ops::rollout::Workload;

/// Which workloads are meant.
#[derive(clap::Args, Clone, Debug)]
pub struct TargetArgs {
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

impl TargetArgs {
    /// Refuses a command line that names nothing.
    fn require(&self) -> anyhow::Result<()> {
        if self.args.is_empty() && self.files.is_empty() {
            bail!("required resource not specified");
        }
        Ok(())
    }

    async fn plan<'a>(&self, ctx: &'a Context) -> anyhow::Result<Plan<'a>> {
        let builder = change::builder(ctx, &self.files)?;
        let builder = builder.labels(self.selector.as_deref().unwrap_or_default());
        builder.types_or_names(true, &self.args).latest().plan().await
    }
}

/// The resource of an object that a plan found.
fn mapping(info: &Info) -> anyhow::Result<&Mapping> {
    info.mapping.as_ref().ok_or_else(|| anyhow!("no resource for {}", info.name))
}

/// The workload of an object; `what` says what there is for workloads only.
fn workload(mapping: &Mapping, doing: &str, what: &str) -> anyhow::Result<Workload> {
    if let Some(workload) = Workload::of(mapping) {
        return Ok(workload);
    }
    let kind = mapping.kind.group_kind();
    // Kinds of pods and of their controllers are known to have none.
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod" | "ReplicationController") | ("apps", "ReplicaSet") | ("batch", "Job" | "CronJob") => {
            bail!("no {what} has been implemented for {:?}", kind.to_string())
        }
        _ => bail!("error retrieving {doing} for {:?}, no visitor method exists for {kind}", kind.to_string()),
    }
}

/// What `pause`, `resume` and `restart` have in common.
struct Change<'a> {
    /// What is done to an object, or why it is not.
    change: &'a dyn Fn(&mut Object) -> Result<(), &'static str>,
    /// What was done.
    done: &'static str,
    /// What is to be said of an object that is the same as before.
    same: &'a dyn Fn(&Info) -> anyhow::Result<()>,
}

impl Change<'_> {
    async fn run(
        self,
        ctx: &Context,
        target: &TargetArgs,
        output: &OutputArgs,
        field_manager: &str,
    ) -> anyhow::Result<()> {
        target.require()?;
        let report = Report::new(ctx, output, DryRun::None)?;
        let (infos, result) = target.plan(ctx).await?.infos().await;
        let mut errors = change::errors_of(result);
        if infos.is_empty() && errors.is_empty() {
            ctx.streams.say(format!("No resources found in {} namespace.", ctx.namespace()?.0));
            return Ok(());
        }
        for info in infos {
            errors.extend(self.one(ctx, &report, info, field_manager).await.err());
        }
        Many::collect(errors)
    }

    async fn one(&self, ctx: &Context, report: &Report<'_>, info: Info, field_manager: &str) -> anyhow::Result<()> {
        let before = info.object.clone().unwrap_or_default();
        let mut after = before.clone();
        if let Err(why) = (self.change)(&mut after) {
            bail!("error: {} {:?} {why}", mapping(&info)?.resource.group_resource(), info.name);
        }
        let Some(difference) = Difference::between(&before, &after)? else { return (self.same)(&info) };
        let changed = difference.send(ctx, &info, &DryRun::None.write(field_manager)).await;
        report.print(self.done, changed.map_err(|error| anyhow!("failed to patch: {error:#}"))?)
    }
}
