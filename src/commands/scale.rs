//! `scale`: how many replicas there are to be.

use std::time::Duration;

use anyhow::bail;
use jiff::SignedDuration;

use crate::client::request::{PatchType, WriteParams};
use crate::error::Many;
use crate::object::Meta;
use crate::object::patch::merge;
use crate::ops::change::{self, DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::resources::Info;
use crate::ops::scale::{self, Precondition};
use crate::ops::write;

/// Set how many replicas a workload has.
///
/// Works on deployments, replica sets, replication controllers, stateful sets and everything else that has a scale. With --current-replicas or --resource-version nothing happens unless the present size or version is the expected one; the server makes sure that both are one step.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Three replicas of a replica set\nkctl scale --replicas=3 rs/web\n\n# Of what a file describes\nkctl scale --replicas=3 -f web.yaml\n\n# Only if there are two now\nkctl scale --current-replicas=2 --replicas=3 deployment/web\n\n# Of several at once\nkctl scale --replicas=5 deployment/a deployment/b\n\n# Of a stateful set\nkctl scale --replicas=3 statefulset/db"
)]
pub struct ScaleArgs {
    /// All objects of the given types in the namespace.
    #[arg(long)]
    pub all: bool,
    /// Only if this is the present number of replicas. -1 for any.
    #[arg(long, default_value_t = -1)]
    pub current_replicas: i64,
    /// The new number of replicas.
    #[arg(long, required = true, value_name = "=0")]
    pub replicas: Option<i64>,
    /// Only if this is the present version of the object.
    #[arg(long)]
    pub resource_version: Option<String>,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2).
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// How long to wait until there are as many replicas (1s, 2m, 3h). 0 does not wait.
    #[arg(long, default_value = "0s")]
    pub timeout: SignedDuration,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `scale`.
///
/// # Errors
/// Conditions that do not hold, and what the server refuses.
pub async fn run(ctx: &Context, args: ScaleArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    let report = Report::new(ctx, &args.output, dry_run)?.sorted_keys();
    let replicas = args.replicas.unwrap_or(0);
    if replicas < 0 {
        bail!("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    }
    if args.current_replicas < -1 {
        bail!("The --current-replicas must specify an integer of -1 or greater");
    }
    let builder = change::builder(ctx, &args.files)?
        .types_or_names(args.all, &args.args)
        .labels(args.selector.as_deref().unwrap_or_default());
    let (infos, result) = builder.plan().await?.infos().await;
    let precondition = Precondition {
        replicas: Some(args.current_replicas).filter(|replicas| *replicas != -1),
        resource_version: args.resource_version.clone().unwrap_or_default(),
    };
    if !precondition.resource_version.is_empty() && infos.len() > 1 {
        bail!("cannot use --resource-version with multiple resources");
    }
    if infos.is_empty() {
        result?;
        bail!("no objects passed to scale");
    }
    let mut printer = report.printer("scaled")?;
    for mut info in infos {
        let taken = match dry_run {
            DryRun::Client => replicas,
            _ => {
                let client = ctx.client().await?;
                let endpoint = info.endpoint();
                let server = dry_run == DryRun::Server;
                let taken = scale::scale(client, &endpoint, replicas, &precondition, server).await?;
                if let Some(limit) = limit(args.timeout).filter(|_| !server) {
                    scale::wait(client, &endpoint, replicas, limit).await?;
                }
                taken
            }
        };
        show_replicas(&mut info, taken);
        if ctx.change_cause.is_some() && dry_run == DryRun::None {
            let before = info.object();
            let mut after = before.clone().into_owned();
            ctx.record(&mut after);
            let patch = merge::diff(&before, &after).to_string();
            // The number is what was asked for; the note may fail.
            let _ = write::patch(ctx.client().await?, &info, PatchType::Merge, patch, &WriteParams::default()).await;
        }
        printer.print(info.object.unwrap_or_default())?;
    }
    Many::collect(change::errors_of(result))
}

fn limit(timeout: SignedDuration) -> Option<Duration> {
    (!timeout.is_zero()).then(|| Duration::try_from(timeout).unwrap_or_default())
}

/// Puts the new number where the types that are known keep it.
fn show_replicas(info: &mut Info, replicas: i64) {
    if let Some(object) = info.object.as_mut().filter(|object| matches!(object.gvk().group.as_str(), "" | "apps")) {
        object.set_at(&["spec", "replicas"], replicas);
    }
}
