//! `create`: objects from manifests, or from flags by one of the generators.

mod data;
mod new;
mod rules;

pub mod binding;
pub mod configmap;
pub mod cronjob;
pub mod deployment;
pub mod ingress;
pub mod job;
pub mod namespace;
pub mod poddisruptionbudget;
pub mod priorityclass;
pub mod quota;
pub mod role;
pub mod secret;
pub mod service;
pub mod serviceaccount;
pub mod token;

use http::Method;

use crate::client::request::WriteParams;
use crate::error::{Many, UsageError};
use crate::object::Object;
use crate::ops::change::{DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::edit::{Editing, Form, Mode};
use crate::ops::resources::{Builder, Info};
use crate::ops::validation::{ValidateArgs, validator};
use crate::ops::write::{self, with_source};
use crate::ops::{last_applied, raw};

/// Create objects from files or from standard input.
///
/// JSON and YAML are understood. Each object must not exist yet.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Create the pod that pod.json describes\nkctl create -f ./pod.json\n\n# Create what comes on standard input\ncat pod.json | kctl create -f -"
)]
pub struct CreateArgs {
    /// Edit the objects before they are created.
    #[arg(long)]
    pub edit: bool,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-create")]
    pub field_manager: String,
    /// Path to post the file to as it is, with the credentials of the kubeconfig.
    #[arg(long)]
    pub raw: Option<String>,
    /// If true, keep the objects' configuration in their annotation, so that they can be changed with apply later.
    #[arg(long)]
    pub save_config: bool,
    /// Narrow the objects by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// Only with --edit=true: end lines as Windows does.
    #[arg(long)]
    pub windows_line_endings: bool,
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
    /// None are taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `create`.
///
/// # Errors
/// Wrong flags, manifests that cannot be read, and what the server refuses.
pub async fn run(ctx: &Context, args: CreateArgs) -> anyhow::Result<()> {
    if !args.args.is_empty() {
        let message = format!("Unexpected args: [{}]", args.args.join(" "));
        return Err(UsageError { command: "create".to_owned(), message }.into());
    }
    let dry_run = args.dry_run.read(ctx)?;
    let directive = args.validate.directive()?;
    let report = Report::new(ctx, &args.output, dry_run)?.sorted_keys();
    args.files.options().require()?;
    let path = args.raw.as_deref().unwrap_or_default();
    if !path.is_empty() {
        return post(ctx, &args, path).await;
    }
    let (namespace, explicit) = ctx.namespace()?;
    let plan = Builder::new(ctx)
        .namespace(namespace)
        .default_namespace()
        .filenames(explicit, &args.files.options())
        .labels(args.selector.as_deref().unwrap_or_default())
        .validator(validator(directive))
        .continue_on_error()
        .flatten()
        .plan()
        .await?;
    let mut write = dry_run.write(&args.field_manager);
    directive.clone_into(&mut write.field_validation);
    if args.edit {
        return edited(ctx, &args, report, write, plan.results().await).await;
    }
    let mut printer = report.printer("created")?;
    let mut errors = Vec::new();
    let mut count = 0;
    for info in plan.results().await {
        let done = async {
            let mut info = info?;
            let mut object = info.object.take().unwrap_or_default();
            last_applied::update(args.save_config, &mut object);
            ctx.record(&mut object);
            if dry_run != DryRun::Client {
                object = create(ctx, &info, object, &write).await?;
            }
            count += 1;
            printer.print(object)
        };
        errors.extend(done.await.err());
    }
    if errors.is_empty() && count == 0 {
        anyhow::bail!("no objects passed to create");
    }
    Many::collect(errors)
}

async fn create(ctx: &Context, info: &Info, object: Object, params: &WriteParams) -> anyhow::Result<Object> {
    let client = ctx.client().await?;
    write::create(client, info, object, params).await.map_err(|error| with_source("creating", &info.source, error))
}

/// `--edit`: each object goes through the editor first.
async fn edited(
    ctx: &Context,
    args: &CreateArgs,
    report: Report<'_>,
    write: WriteParams,
    found: Vec<anyhow::Result<Info>>,
) -> anyhow::Result<()> {
    let form = if args.output.output.as_deref() == Some("json") { Form::Json } else { Form::Yaml };
    let editing = Editing {
        ctx,
        mode: Mode::Create,
        form,
        windows_lines: args.windows_line_endings,
        write,
        save_config: args.save_config,
        output_patch: false,
        subresource: String::new(),
        report,
    };
    for info in found {
        editing.run(&[info?]).await?;
    }
    Ok(())
}

/// `--raw`.
async fn post(ctx: &Context, args: &CreateArgs, path: &str) -> anyhow::Result<()> {
    if args.edit {
        anyhow::bail!("--raw and --edit are mutually exclusive");
    }
    let [file] = args.files.filename.as_slice() else {
        anyhow::bail!("--raw can only use a single local file or stdin");
    };
    raw::check_files(&args.files.filename, args.files.recursive)?;
    if args.selector.as_deref().is_some_and(|selector| !selector.is_empty()) {
        anyhow::bail!("--raw and --selector (-l) are mutually exclusive");
    }
    if args.output.given() {
        anyhow::bail!("--raw and --output are mutually exclusive");
    }
    raw::send(ctx, Method::POST, raw::target(path)?, file).await
}
