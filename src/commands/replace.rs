//! `replace`: objects by those in files.

use std::time::Duration;

use anyhow::bail;
use http::Method;
use jiff::SignedDuration;

use crate::error::Many;
use crate::ops::change::{DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::delete::{self, Deletion};
use crate::ops::resources::{Builder, Info};
use crate::ops::validation::{ValidateArgs, validator};
use crate::ops::write::{self, with_source};
use crate::ops::{last_applied, raw};

/// How long a forced replacement waits for the old object to be gone.
const PATIENCE: Duration = Duration::from_secs(300);

/// Replace objects by those in files or on standard input.
///
/// JSON and YAML are understood. The whole object must be given: get it with "kctl get TYPE NAME -o yaml".
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Replace the pod that pod.json describes\nkctl replace -f ./pod.json\n\n# Replace what comes on standard input\ncat pod.json | kctl replace -f -\n\n# Change the tag of a pod's image\nkctl get pod web -o yaml | sed 's/\\(image: web\\):.*$/\\1:v4/' | kctl replace -f -\n\n# Delete the object and create it anew\nkctl replace --force -f ./pod.json"
)]
pub struct ReplaceArgs {
    /// Must be "background", "orphan", or "foreground": what becomes of objects that belong to deleted ones, such as the pods of a replica set.
    #[arg(long, default_value = "background", num_args = 0..=1, require_equals = true, default_missing_value = "background")]
    pub cascade: String,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-replace")]
    pub field_manager: String,
    /// If true, delete the objects and create them anew. Objects may be left in an inconsistent state, and data may be lost.
    #[arg(long)]
    pub force: bool,
    /// Seconds that a deleted object is given to end by itself. Below 0 the object's own. Only with --force.
    #[arg(long, default_value_t = -1)]
    pub grace_period: i64,
    /// Path to put the file to as it is, with the credentials of the kubeconfig.
    #[arg(long)]
    pub raw: Option<String>,
    /// If true, keep the objects' configuration in their annotation, so that they can be changed with apply later.
    #[arg(long)]
    pub save_config: bool,
    /// Replace this subresource of the objects.
    #[arg(long)]
    pub subresource: Option<String>,
    /// How long to wait before giving up on a delete (1s, 2m, 3h). 0 waits without end. Only with --force.
    #[arg(long, default_value = "0s")]
    pub timeout: SignedDuration,
    /// If true, wait until deleted objects are gone.
    #[arg(long)]
    pub wait: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How unknown fields are taken.
    #[command(flatten)]
    pub validate: ValidateArgs,
    /// Not used.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

/// Runs `replace`.
///
/// # Errors
/// Flags that do not go together, manifests that cannot be read, and what the server refuses.
pub async fn run(ctx: &Context, args: ReplaceArgs) -> anyhow::Result<()> {
    let directive = args.validate.directive()?;
    let dry_run = args.dry_run.read(ctx)?;
    let report = Report::new(ctx, &args.output, dry_run)?.sorted_keys();
    let propagation = delete::propagation(ctx, &args.cascade)?;
    args.files.options().require()?;
    validate(&args, dry_run)?;
    let path = text(&args.raw);
    if !path.is_empty() {
        return put(ctx, &args, path).await;
    }
    let replacing = Replacing { ctx, args: &args, directive, dry_run, report };
    if args.force { replacing.anew(propagation).await } else { replacing.in_place().await }
}

fn validate(args: &ReplaceArgs, dry_run: DryRun) -> anyhow::Result<()> {
    for (wrong, fault) in [
        (args.grace_period >= 0 && !args.force, "--grace-period must have --force specified"),
        (!args.timeout.is_zero() && !args.force, "--timeout must have --force specified"),
        (args.force && dry_run != DryRun::None, "--dry-run can not be used when --force is set"),
    ] {
        if wrong {
            bail!(fault);
        }
    }
    Ok(())
}

/// `--raw`.
async fn put(ctx: &Context, args: &ReplaceArgs, path: &str) -> anyhow::Result<()> {
    let [file] = args.files.filename.as_slice() else {
        bail!("--raw can only use a single local file or stdin");
    };
    raw::check_files(&args.files.filename, args.files.recursive)?;
    if args.output.given() {
        bail!("--raw and --output are mutually exclusive");
    }
    raw::send(ctx, Method::PUT, raw::target(path)?, file).await
}

struct Replacing<'a> {
    ctx: &'a Context,
    args: &'a ReplaceArgs,
    directive: &'static str,
    dry_run: DryRun,
    report: Report<'a>,
}

impl Replacing<'_> {
    async fn found(&self) -> anyhow::Result<Vec<anyhow::Result<Info>>> {
        let (namespace, explicit) = self.ctx.namespace()?;
        let plan = Builder::new(self.ctx)
            .namespace(namespace)
            .default_namespace()
            .filenames(explicit, &self.args.files.options())
            .subresource(text(&self.args.subresource))
            .validator(validator(self.directive))
            .continue_on_error()
            .flatten()
            .plan()
            .await?;
        Ok(plan.results().await)
    }

    /// Puts the objects in place of what is there.
    async fn in_place(&self) -> anyhow::Result<()> {
        let mut write = self.dry_run.write(&self.args.field_manager);
        self.directive.clone_into(&mut write.field_validation);
        let mut printer = self.report.printer("replaced")?;
        let mut errors = Vec::new();
        for info in self.found().await? {
            let done = async {
                let mut info = info?;
                let mut object = info.object.take().unwrap_or_default();
                last_applied::update(self.args.save_config, &mut object);
                if self.dry_run != DryRun::Client {
                    text(&self.args.subresource).clone_into(&mut info.subresource);
                    let replaced = write::replace(self.ctx.client().await?, &info, object, &write).await;
                    object = replaced.map_err(|error| with_source("replacing", &info.source, error))?;
                }
                printer.print(object)
            };
            errors.extend(done.await.err());
        }
        Many::collect(errors)
    }

    /// Deletes what is there and creates the objects.
    async fn anew(&self, propagation: &'static str) -> anyhow::Result<()> {
        let found = self.found().await?;
        let (mut infos, mut errors) = (Vec::new(), Vec::new());
        for info in found {
            match info {
                Ok(info) => infos.push(info),
                Err(error) => errors.push(error),
            }
        }
        Many::collect(errors)?;
        let timeout = Duration::try_from(self.args.timeout).unwrap_or_default();
        let deletion = Deletion {
            propagation,
            // A delete without grace is one with hardly any, that is waited for.
            grace_period: if self.args.grace_period == 0 { 1 } else { self.args.grace_period },
            ignore_not_found: true,
            names_only: text(&self.args.output.output) == "name",
            wait: true,
            timeout: if timeout.is_zero() { PATIENCE } else { timeout },
            ..Deletion::default()
        };
        deletion.run(self.ctx, infos.iter().cloned().map(Ok).collect()).await?;
        let mut write = self.dry_run.write(&self.args.field_manager);
        self.directive.clone_into(&mut write.field_validation);
        let mut printer = self.report.printer("replaced")?;
        let mut errors = Vec::new();
        let count = infos.len();
        for mut info in infos {
            let done = async {
                let mut object = info.object.take().unwrap_or_default();
                last_applied::update(self.args.save_config, &mut object);
                printer.print(write::create(self.ctx.client().await?, &info, object, &write).await?)
            };
            errors.extend(done.await.err());
        }
        if errors.is_empty() && count == 0 {
            bail!("no objects passed to replace");
        }
        Many::collect(errors)
    }
}
