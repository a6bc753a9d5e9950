//! `set selector`: the pods behind a Service.

use anyhow::{anyhow, bail};
use serde_json::json;

use crate::error::Many;
use crate::object::labels::Selector;
use crate::object::{Meta, Object};
use crate::ops::change::{self, DryRun, DryRunArgs, FileArgs, OutputArgs};
use crate::ops::context::Context;
use crate::ops::patches::Difference;
use crate::ops::resources::Info;

/// Replace the selector of a Service.
///
/// The new selector takes the place of the old one. Only equalities are possible, and only Services have such a selector.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Let a Service find other pods\nkctl set selector service web 'app=web,tier=front'\n\n# Print what a file becomes, without a server\nkctl set selector -f service.yaml 'app=web' --local -o yaml"
)]
pub struct SelectorArgs {
    /// All objects of the given types in the namespace.
    #[arg(long)]
    pub all: bool,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-set")]
    pub field_manager: String,
    /// File, folder or URL that names the objects.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// If true, ask no server: change what the files hold and print it.
    #[arg(long)]
    pub local: bool,
    /// Process folders given with -f down to the last one.
    #[arg(long, short = 'R', action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub recursive: bool,
    /// Only if this is the present version of the object. For a single object only.
    #[arg(long)]
    pub resource_version: Option<String>,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Types, names, and the selector.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `set selector`.
///
/// # Errors
/// Selectors that a Service cannot have, and what the server refuses.
pub async fn run(ctx: &Context, args: SelectorArgs) -> anyhow::Result<()> {
    let dry_run = args.dry_run.read(ctx)?;
    let selector = match args.args.last() {
        None => None,
        Some(text) => Some(
            Selector::parse(text)
                .and_then(|selector| selector.to_object())
                .map_err(|error| anyhow!("couldn't parse the selector string \"{text}\": {error}"))?,
        ),
    };
    let report = change::Report::new(ctx, &args.output, dry_run)?;
    let Some(selector) = selector else { bail!("one selector is required") };
    let resources = args.args.split_last().map(|(_, rest)| rest).unwrap_or_default();
    let files = FileArgs { filename: args.filename.clone(), recursive: args.recursive, ..FileArgs::default() };
    let mut builder = change::builder(ctx, &files)?.local(args.local);
    if args.local {
        if !resources.is_empty() {
            bail!(super::LOCAL_NEEDS_FILES);
        }
    } else {
        builder = builder.types_or_names(args.all, resources).latest();
    }
    let (infos, result) = builder.plan().await?.infos().await;
    let mut errors = change::errors_of(result);
    let mut printer = report.printer("selector updated")?;
    for info in infos {
        let changed = async {
            let (before, mut after) = change(&info, &selector, args.resource_version.as_deref().unwrap_or_default())?;
            ctx.record(&mut after);
            if args.local || dry_run == DryRun::Client {
                return printer.print(after);
            }
            let difference = Difference::between(&before, &after)?.unwrap_or_else(Difference::nothing);
            let object = difference.send(ctx, &info, &dry_run.write(&args.field_manager)).await?;
            printer.print(object)
        };
        errors.extend(changed.await.err());
    }
    Many::collect(errors)
}

/// The object before and after; a version that it must have is part of the difference.
fn change(info: &Info, selector: &Object, resource_version: &str) -> anyhow::Result<(Object, Object)> {
    let mut before = crate::ops::typed::typed(info.object.clone().unwrap_or_default());
    if !resource_version.is_empty() {
        before.remove_at(&["metadata", "resourceVersion"]);
    }
    let mut after = before.clone();
    if !resource_version.is_empty() {
        after.set_at(&["metadata", "resourceVersion"], resource_version);
    }
    if after.gvk().to_string() != "/v1, Kind=Service" {
        bail!("setting a selector is only supported for Services");
    }
    let expressions = selector.list_at(&["matchExpressions"]);
    if !expressions.is_empty() {
        let shown: Vec<String> = expressions.iter().map(go_expression).collect();
        bail!("match expression [{}] not supported on this object", shown.join(" "));
    }
    after.set_at(&["spec", "selector"], selector.get("matchLabels").cloned().unwrap_or_else(|| json!({})));
    Ok((before, crate::ops::typed::typed(after)))
}

/// A requirement as Go's `%v` shows it.
fn go_expression(expression: &Object) -> String {
    let values: Vec<&str> = expression.list_at(&["values"]).iter().filter_map(Object::as_str).collect();
    format!("{{{} {} [{}]}}", expression.str_at(&["key"]), expression.str_at(&["operator"]), values.join(" "))
}
