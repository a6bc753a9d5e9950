//! `apply view-last-applied` and `apply set-last-applied`.

use std::io::Write;

use serde_json::json;

use crate::client::request::{Call, PatchType};
use crate::error::UsageError;
use crate::object::patch::merge;
use crate::object::{Meta, Object, Status};
use crate::ops::apply::describe;
use crate::ops::change::{DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::last_applied;
use crate::ops::resources::{Builder, Info};
use crate::ops::write::{self, with_source};
use crate::output::yaml;

/// Show what was applied last, by type and name or by file.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# By type and name, in YAML\nkctl apply view-last-applied deployment/nginx\n\n# By file, in JSON\nkctl apply view-last-applied -f deploy.yaml -o json"
)]
pub struct ViewArgs {
    /// All objects of the given types in the namespace.
    #[arg(long)]
    all: bool,
    /// Output format. Must be one of (yaml, json)
    #[arg(long, short, default_value = "yaml")]
    output: String,
    /// Narrow by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    selector: Option<String>,
    #[command(flatten)]
    files: FileArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Record a file as what was applied last, as if it had been applied, without changing anything else of the object.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Record what a file declares\nkctl apply set-last-applied -f deploy.yaml\n\n# The same for each file of a folder\nkctl apply set-last-applied -f path/\n\n# Also of objects that have no annotation yet\nkctl apply set-last-applied -f deploy.yaml --create-annotation=true"
)]
pub struct SetArgs {
    /// Make the annotation where the object has none.
    #[arg(long)]
    create_annotation: bool,
    /// File, folder or URL with the objects.
    #[arg(long, short, value_delimiter = ',')]
    filename: Vec<String>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `apply view-last-applied`.
///
/// # Errors
/// Objects that are not there, and a format that is neither.
pub async fn view(ctx: &Context, args: ViewArgs) -> anyhow::Result<()> {
    let (namespace, explicit) = ctx.namespace()?;
    let plan = Builder::new(ctx)
        .namespace(namespace)
        .default_namespace()
        .filenames(explicit, &args.files.options())
        .types_or_names(explicit, &args.args)
        .select_all(args.all)
        .labels(args.selector.as_deref().unwrap_or_default())
        .latest()
        .flatten()
        .plan()
        .await?;
    let mut texts = Vec::new();
    for info in plan.results().await {
        // Objects without the annotation are passed over in silence.
        if let Some(text) = last_applied::original(&info?.object()) {
            texts.push(text.to_owned());
        }
    }
    for text in &texts {
        let value: Object = serde_json::from_str(text)?;
        match args.output.as_str() {
            "json" => write!(ctx.streams.out(), "{}", indented(&value))?,
            "yaml" => yaml::write(&mut **ctx.streams.out(), &value)?,
            other => {
                let message = format!("Unexpected -o output mode: {other}, the flag 'output' must be one of yaml|json");
                return Err(UsageError { command: "apply view-last-applied".to_owned(), message }.into());
            }
        }
    }
    Ok(())
}

/// JSON with two spaces of indentation.
fn indented(value: &Object) -> String {
    let text = crate::output::json::pretty(value);
    let mut narrow = String::with_capacity(text.len());
    for line in text.lines() {
        let body = line.trim_start_matches(' ');
        let spaces = line.len() - body.len();
        narrow.extend(std::iter::repeat_n(' ', spaces / 2));
        narrow.push_str(body);
        narrow.push('\n');
    }
    narrow
}

/// Runs `apply set-last-applied`.
///
/// # Errors
/// Objects that are not there or have no annotation, and what the server refuses.
pub async fn set(ctx: &Context, args: SetArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    let (namespace, explicit) = ctx.namespace()?;
    let report = Report::new(ctx, &args.output, dry_run)?.sorted_keys();
    let files = FileArgs { filename: args.filename.clone(), ..FileArgs::default() };
    let plan = Builder::new(ctx)
        .namespace(namespace)
        .default_namespace()
        .filenames(explicit, &files.options())
        .flatten()
        .plan()
        .await?;
    let client = ctx.client().await?;
    let mut changes: Vec<(Info, String)> = Vec::new();
    for info in plan.results().await {
        let mut info = info?;
        let manifest = info.object.take().unwrap_or_default();
        let present = client.json(Call::get(&info.endpoint())).await.map_err(|error| {
            if error.downcast_ref::<Status>().is_some_and(Status::is_not_found) {
                return error;
            }
            let verb = format!("retrieving current configuration of:\n{}\nfrom server for:", describe(&info));
            with_source(&verb, &info.source, error)
        })?;
        let original = last_applied::original(&present);
        if original.is_none() && !args.create_annotation {
            anyhow::bail!(
                "no last-applied-configuration annotation found on resource: {}, to create the annotation, run the command with --create-annotation",
                info.name
            );
        }
        let text = last_applied::encode(&manifest);
        if original.is_some_and(|original| original.trim_end() == text.trim_end()) {
            writeln!(ctx.streams.out(), "set-last-applied {}: no changes required.", info.name)?;
            continue;
        }
        let mut annotated = manifest.clone();
        annotated.set_at(&["metadata", "annotations", last_applied::ANNOTATION], text);
        let patch = merge::diff(&manifest, &annotated);
        info.object = Some(present);
        changes.push((info, json!(patch).to_string()));
    }
    let mut printer = report.printer("configured")?;
    for (mut info, patch) in changes {
        let object = match dry_run {
            DryRun::Client => info.object.take().unwrap_or_default(),
            _ => write::patch(client, &info, PatchType::Merge, patch, &dry_run.write("")).await?,
        };
        printer.print(object)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_by_two() {
        assert_eq!(indented(&json!({"a": {"b": " x"}})), "{\n  \"a\": {\n    \"b\": \" x\"\n  }\n}\n");
    }
}
