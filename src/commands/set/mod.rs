//! `set`: one particular field of objects that exist.

pub mod env;
pub mod image;
pub mod resources;
pub mod selector;
pub mod serviceaccount;
pub mod subject;

use anyhow::{anyhow, bail};

use crate::object::{Meta, Object};
use crate::ops::change::{self, DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::patches::Difference;
use crate::ops::resources::{Builder, Info};
use crate::ops::typed::typed;

/// What is changed where no server is asked must come from files.
pub(super) const LOCAL_NEEDS_FILES: &str = "error: you must specify resources by --filename when --local is set.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'";

/// The flags that all of them have.
#[derive(clap::Args, Clone, Debug)]
pub struct SetArgs {
    /// All objects of the given types in the namespace.
    #[arg(long)]
    pub all: bool,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-set")]
    pub field_manager: String,
    /// If true, ask no server: change what the files hold and print it.
    #[arg(long)]
    pub local: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl SetArgs {
    /// The objects that are named, as their types write them.
    async fn infos(&self, ctx: &Context, resources: &[String], selector: &str) -> anyhow::Result<Vec<Info>> {
        if self.local && !resources.is_empty() {
            bail!(LOCAL_NEEDS_FILES);
        }
        fetch(self.named(ctx, resources, selector)?).await
    }

    fn named<'a>(&self, ctx: &'a Context, resources: &[String], selector: &str) -> anyhow::Result<Builder<'a>> {
        let builder = change::builder(ctx, &self.files)?.local(self.local);
        if self.local {
            return Ok(builder);
        }
        Ok(builder.labels(selector).types_or_names(self.all, resources).latest())
    }

    fn refuse_local_on_server(&self, dry_run: DryRun) -> anyhow::Result<()> {
        if self.local && dry_run == DryRun::Server {
            bail!("cannot specify --local and --dry-run=server - did you mean --dry-run=client?");
        }
        Ok(())
    }

    fn refuse_all_with(&self, selector: &str) -> anyhow::Result<()> {
        if self.all && !selector.is_empty() {
            bail!("cannot set --all and --selector at the same time");
        }
        Ok(())
    }
}

/// All objects; the first thing that goes wrong is the end of it.
async fn fetch(builder: Builder<'_>) -> anyhow::Result<Vec<Info>> {
    let (mut infos, result) = builder.plan().await?.infos().await;
    result?;
    for info in &mut infos {
        info.object = info.object.take().map(typed);
    }
    Ok(infos)
}

/// How changed objects are sent and printed.
struct Changes<'a> {
    ctx: &'a Context,
    args: &'a SetArgs,
    report: Report<'a>,
    dry_run: DryRun,
    /// What was done: `image updated`.
    done: &'static str,
    /// What stands before the server's refusal.
    failed: &'static str,
    /// Whether an object is printed although nothing changed.
    always: bool,
}

impl<'a> Changes<'a> {
    fn new(
        ctx: &'a Context,
        args: &'a SetArgs,
        dry_run: DryRun,
        done: &'static str,
        failed: &'static str,
    ) -> anyhow::Result<Self> {
        let report = Report::new(ctx, &args.output, dry_run)?;
        Ok(Self { ctx, args, report, dry_run, done, failed, always: false })
    }

    /// Sends the changes of all objects, each with what it has become, or why it has not. Errors are
    /// added to those that there are.
    async fn apply(
        &self,
        changed: Vec<(Info, anyhow::Result<Object>)>,
        errors: &mut Vec<anyhow::Error>,
    ) -> anyhow::Result<()> {
        let mut printer = self.report.printer(self.done)?;
        for (info, mut after) in changed {
            if let Ok(after) = &mut after {
                self.ctx.record(after);
            }
            let sent = match after {
                // A line of its own, for what is wrong with the object.
                Err(error) => Err(anyhow!("error: {} {error:#}\n", named(&info))),
                Ok(after) => self.send(&info, typed(after)).await,
            };
            match sent {
                Ok(Some(object)) => errors.extend(printer.print(object).err()),
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        Ok(())
    }

    /// The object to print; none where nothing changed.
    async fn send(&self, info: &Info, after: Object) -> anyhow::Result<Option<Object>> {
        let difference = Difference::between(&info.object(), &after)?;
        if difference.is_none() && !self.always {
            return Ok(None);
        }
        if self.args.local || self.dry_run == DryRun::Client {
            return Ok(Some(after));
        }
        let difference = difference.unwrap_or_else(Difference::nothing);
        let sent = difference.send(self.ctx, info, &self.dry_run.write(&self.args.field_manager)).await;
        sent.map(Some).map_err(|error| anyhow!("{}{error:#}", self.failed))
    }
}

/// How messages name an object: `deployments/web` where its resource is known, its kind where only a file
/// says what it is; then a group is followed by the end of the line.
fn named(info: &Info) -> String {
    match info.mapping {
        None if !info.object().gvk().group.is_empty() => format!("{}\n", info.kind_name()),
        None => info.kind_name(),
        Some(_) => info.object_name(),
    }
}
