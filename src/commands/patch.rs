//! `patch`: some fields of objects.

use std::path::Path;

use anyhow::{anyhow, bail};

use crate::client::request::PatchType;
use crate::error::Many;
use crate::object::patch::{json, merge, strategic};
use crate::object::{Meta, Object, Status, schema, yaml};
use crate::ops::change::{self, DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::manifests::read_file;
use crate::ops::resources::Info;
use crate::ops::write;

/// Change some fields of an object with a strategic merge patch, a JSON merge patch, or a JSON patch.
///
/// JSON and YAML are understood. Types of extensions know no strategic merge patch.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Change a node with a strategic merge patch in JSON\nkctl patch node worker-1 -p '{\"spec\":{\"unschedulable\":true}}'\n\n# The same in YAML\nkctl patch node worker-1 -p $'spec:\\n unschedulable: true'\n\n# Change what a file describes\nkctl patch -f node.json -p '{\"spec\":{\"unschedulable\":true}}'\n\n# Change a container's image; spec.containers[*].name says which one\nkctl patch pod web -p '{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"new image\"}]}}'\n\n# Change it with a JSON patch by position\nkctl patch pod web --type='json' -p='[{\"op\": \"replace\", \"path\": \"/spec/containers/0/image\", \"value\":\"new image\"}]'\n\n# Change the scale of a deployment\nkctl patch deployment web --subresource='scale' --type='merge' -p '{\"spec\":{\"replicas\":2}}'"
)]
pub struct PatchArgs {
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-patch")]
    pub field_manager: String,
    /// If true, change the content of the file instead of the object on the server.
    #[arg(long)]
    pub local: bool,
    /// The patch.
    #[arg(long, short)]
    pub patch: Option<String>,
    /// A file with the patch.
    #[arg(long)]
    pub patch_file: Option<String>,
    /// Change this subresource of the objects.
    #[arg(long)]
    pub subresource: Option<String>,
    /// How the patch is meant; one of [json merge strategic]
    #[arg(long = "type", default_value = "strategic")]
    pub kind: String,
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

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

/// Runs `patch`.
///
/// # Errors
/// Flags that do not go together, patches that cannot be read or do not fit, and what the server refuses.
pub async fn run(ctx: &Context, args: PatchArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    let kind = validate(&args, dry_run)?;
    let patch = read(&args)?;
    // What is said does not tell a dry run.
    let changes = !args.local && dry_run != DryRun::Client;
    let report = Report::lenient(ctx, &args.output, DryRun::None, changes)?.sorted_keys();
    let plan = change::builder(ctx, &args.files)?
        .local(args.local)
        .subresource(text(&args.subresource))
        .types_or_names(false, &args.args)
        .plan()
        .await?;
    let mut errors = Vec::new();
    let mut count = 0;
    for info in plan.results().await {
        let done = async {
            let info = info?;
            count += 1;
            let before = info.object();
            let mut after = match args.local || dry_run == DryRun::Client {
                true => locally(kind, before.clone().into_owned(), &patch)?,
                false => send(ctx, &info, kind, &patch, &args, dry_run).await?,
            };
            let operation = if *before == after { "patched (no change)" } else { "patched" };
            if ctx.change_cause.is_some() && !args.local && dry_run != DryRun::Client {
                let mut recorded = after.clone();
                ctx.record(&mut recorded);
                let note = merge::diff(&after, &recorded).to_string();
                // The patch is made; the note may fail.
                if let Ok(object) = send(ctx, &info, PatchType::Merge, &note, &args, dry_run).await {
                    after = object;
                }
            }
            report.print(operation, after)
        };
        errors.extend(done.await.err());
    }
    if errors.is_empty() && count == 0 {
        bail!("no objects passed to patch");
    }
    Many::collect(errors)
}

fn validate(args: &PatchArgs, dry_run: DryRun) -> anyhow::Result<PatchType> {
    match (text(&args.patch).is_empty(), text(&args.patch_file).is_empty()) {
        (false, false) => bail!("cannot specify --patch and --patch-file together"),
        (true, true) => bail!("must specify --patch or --patch-file containing the contents of the patch"),
        _ => {}
    }
    if args.local && !args.args.is_empty() {
        bail!("cannot specify --local and server resources");
    }
    if args.local && dry_run == DryRun::Server {
        bail!("cannot specify --local and --dry-run=server - did you mean --dry-run=client?");
    }
    match args.kind.to_lowercase().as_str() {
        "json" => Ok(PatchType::Json),
        "merge" => Ok(PatchType::Merge),
        "strategic" | "" => Ok(PatchType::Strategic),
        _ => bail!("--type must be one of [json merge strategic], not {:?}", args.kind),
    }
}

/// The patch as JSON.
fn read(args: &PatchArgs) -> anyhow::Result<String> {
    let patch = match text(&args.patch_file) {
        "" => text(&args.patch).as_bytes().to_vec(),
        file => read_file(Path::new(file)).map_err(|error| anyhow!("unable to read patch file: {error}"))?,
    };
    if patch.trim_ascii_start().starts_with(b"{") {
        // What looks like JSON is sent as it is, right or wrong.
        return Ok(String::from_utf8_lossy(&patch).into_owned());
    }
    match yaml::parse(&patch) {
        Ok(value) => Ok(value.to_string()),
        Err(error) => bail!("unable to parse {:?}: {error}", text(&args.patch)),
    }
}

async fn send(
    ctx: &Context,
    info: &Info,
    kind: PatchType,
    patch: &str,
    args: &PatchArgs,
    dry_run: DryRun,
) -> anyhow::Result<Object> {
    let write = dry_run.write(&args.field_manager);
    let sent = write::patch(ctx.client().await?, info, kind, patch.to_owned(), &write).await;
    sent.map_err(|error| match error.downcast_ref::<Status>() {
        Some(status) if status.code == 415 => {
            let of = info.mapping.as_ref().map(|mapping| mapping.kind.to_string()).unwrap_or_default();
            anyhow!("{} is not supported by {of}: {error}", kind.media_type())
        }
        _ => error,
    })
}

/// The object with the patch made to it here.
fn locally(kind: PatchType, mut object: Object, patch: &str) -> anyhow::Result<Object> {
    match kind {
        PatchType::Json => {
            json::apply_locally(&mut object, patch.as_bytes()).map_err(missing_field)?;
        }
        PatchType::Strategic => {
            let gvk = object.gvk();
            let Some(of) = schema::of(&gvk) else {
                bail!("strategic merge patch is not supported for {gvk} locally, try --type merge");
            };
            let patch = serde_json::from_str(patch).map_err(|_| anyhow!("invalid JSON document"))?;
            object = strategic::apply(object, patch, of)?;
        }
        PatchType::Merge | PatchType::Apply => {
            let patch: Object = serde_json::from_str(patch).map_err(|_| anyhow!("Invalid JSON Patch"))?;
            if !patch.is_object() && !patch.is_array() {
                bail!("Invalid JSON Patch");
            }
            merge::apply(&mut object, &patch);
        }
    }
    if object.is_array() {
        bail!("json: cannot unmarshal array into Go value of type unstructured.detector");
    }
    if object.kind().is_empty() {
        bail!("Object 'Kind' is missing in '{object}'");
    }
    Ok(object)
}

/// As kubectl words that there is nothing at a path.
fn missing_field(error: crate::object::patch::PatchError) -> anyhow::Error {
    let text = error.to_string();
    match text.split_once("doc is missing key: ") {
        Some((_, key)) => anyhow!("Object to be patched is missing field ({key})"),
        None => anyhow!(text),
    }
}
