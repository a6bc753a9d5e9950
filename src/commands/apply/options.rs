//! The flags of `apply`, and what follows from them before anything is sent.

use anyhow::bail;
use jiff::SignedDuration;

use super::unexpected;
use crate::client::discovery::Mapping;
use crate::client::request::WriteParams;
use crate::ops::apply::applyset::ApplySet;
use crate::ops::apply::{prune, server_side};
use crate::ops::change::{DryRun, DryRunArgs, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::delete::{self, Deletion};
use crate::ops::validation::ValidateArgs;
use crate::output::format::Format;

/// Bring objects to the state that files declare.
///
/// Objects that do not exist are created. Of those that do, the fields that the files name are set, and those that an earlier apply named and the files no longer do are removed; everything else stays. To know what an earlier apply named, the objects keep it in an annotation, so create them with apply, or with create --save-config.
///
/// JSON and YAML are understood. With --server-side the server does all this, and keeps book of who owns which field.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Apply what pod.json declares\nkctl apply -f ./pod.json\n\n# Apply a folder with a kustomization\nkctl apply -k dir/\n\n# Apply what comes on standard input\ncat pod.json | kctl apply -f -\n\n# Apply all files that end in .json\nkctl apply -f '*.json'\n\n# Apply a file and delete what has its label and was applied before, but is not in it\nkctl apply --prune -f manifest.yaml -l app=web\n\n# Apply a file and delete all config maps that were applied before, but are not in it\nkctl apply --prune -f manifest.yaml --all --prune-allowlist=core/v1/ConfigMap"
)]
pub struct ApplyArgs {
    /// Prune all objects of the types, not only those of a label.
    #[arg(long)]
    pub all: bool,
    /// Must be "background", "orphan", or "foreground": what becomes of objects that belong to deleted ones, such as the pods of a replica set.
    #[arg(long, default_value = "background", num_args = 0..=1, require_equals = true, default_missing_value = "background")]
    pub cascade: String,
    /// The set that the objects belong to, as [RESOURCE][.GROUP]/NAME of its parent object, a Secret unless said otherwise. With --prune, members that are not among the files are deleted. On trial: needs KUBECTL_APPLYSET=true.
    #[arg(long, hide = true)]
    pub applyset: Option<String>,
    /// The name under which the fields are owned.
    #[arg(long, value_name = "=kubectl-client-side-apply")]
    pub field_manager: Option<String>,
    /// If true, delete and create anew what cannot be changed. Objects may be left in an inconsistent state, and data may be lost.
    #[arg(long)]
    pub force: bool,
    /// If true, take fields that others own. Only with --server-side.
    #[arg(long)]
    pub force_conflicts: bool,
    /// Seconds that a deleted object is given to end by itself. Below 0 the object's own.
    #[arg(long, default_value_t = -1)]
    pub grace_period: i64,
    /// If true, use the server's description of its types to find out how lists merge. The built-in types are known here, and merged by that.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub openapi_patch: bool,
    /// If true, a field that was changed on both sides becomes what the file says; else that is an error.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub overwrite: bool,
    /// Delete objects that an earlier apply or create --save-config made and that the files no longer name. With -l or --all.
    #[arg(long)]
    pub prune: bool,
    /// Types that --prune looks through instead of the usual ones, as <group/version/kind>.
    #[arg(long)]
    pub prune_allowlist: Vec<String>,
    /// Narrow the objects by labels: '=', '==', '!=', 'in' and 'notin' are understood (e.g. -l key1=value1,key2=value2,key3 in (value3)). All conditions must hold.
    #[arg(long, short = 'l')]
    pub selector: Option<String>,
    /// If true, the server finds out what changes.
    #[arg(long)]
    pub server_side: bool,
    /// Apply to this subresource. Only with --server-side.
    #[arg(long)]
    pub subresource: Option<String>,
    /// How long to wait before giving up on a delete (1s, 2m, 3h). 0 waits without end.
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
    /// None are taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// What is settled before anything is sent.
pub(super) struct Settings<'a> {
    pub(super) dry_run: DryRun,
    pub(super) server_side: bool,
    pub(super) subresource: String,
    pub(super) overwrite: bool,
    pub(super) force: bool,
    pub(super) deletion: Deletion,
    pub(super) directive: &'static str,
    pub(super) write: WriteParams,
    pub(super) report: Report<'a>,
    /// Whether objects are printed in the end, instead of a line for each.
    pub(super) prints_objects: bool,
    pub(super) prune_types: Vec<Mapping>,
    pub(super) set: Option<ApplySet>,
    pub(super) namespace: String,
    pub(super) explicit_namespace: bool,
}

impl<'a> Settings<'a> {
    pub(super) async fn read(ctx: &'a Context, args: &'a ApplyArgs) -> anyhow::Result<Self> {
        if !args.args.is_empty() {
            return Err(unexpected(&args.args));
        }
        let dry_run = args.dry_run.read(ctx)?;
        let deletion = Deletion {
            propagation: delete::propagation(ctx, &args.cascade)?,
            grace_period: args.grace_period,
            dry_run,
            timeout: args.timeout.try_into().unwrap_or_default(),
            ..Deletion::default()
        };
        args.files.options().require()?;
        let directive = args.validate.directive()?;
        let (namespace, explicit_namespace) = ctx.namespace()?;
        let set = match args.applyset.as_deref().filter(|text| !text.is_empty()) {
            Some(text) => {
                let namespace = if explicit_namespace { namespace.as_str() } else { "" };
                Some(ApplySet::parse(ctx.client().await?, text, namespace).await?)
            }
            None => None,
        };
        // A set knows its types.
        let prune_types = match args.prune && (set.is_none() || !args.prune_allowlist.is_empty()) {
            true => prune::types(ctx.client().await?, &args.prune_allowlist).await?,
            false => Vec::new(),
        };
        refuse(&together(args, dry_run))?;
        if let Some(set) = &set {
            if !args.prune {
                bail!("--applyset requires --prune");
            }
            set.validate(ctx.client().await?).await?;
        }
        refuse(&pruning(args))?;
        let default = if args.server_side { server_side::FIELD_MANAGER } else { "kubectl-client-side-apply" };
        let mut write = dry_run.write(args.field_manager.as_deref().unwrap_or(default));
        directive.clone_into(&mut write.field_validation);
        write.force = args.server_side.then_some(args.force_conflicts);
        let format = args.output.format(ctx)?;
        Ok(Self {
            dry_run,
            server_side: args.server_side,
            subresource: args.subresource.clone().unwrap_or_default(),
            overwrite: args.overwrite,
            force: args.force,
            deletion,
            directive,
            write,
            report: Report::new(ctx, &args.output, dry_run)?.sorted_keys(),
            prints_objects: !matches!(format, Format::Default | Format::Name),
            prune_types,
            set,
            namespace,
            explicit_namespace,
        })
    }
}

/// What is wrong, and how that is said.
type Fault = (bool, &'static str);

/// The first of these that holds is an error.
fn refuse(faults: &[Fault]) -> anyhow::Result<()> {
    match faults.iter().find(|(wrong, _)| *wrong) {
        Some((_, fault)) => bail!(*fault),
        None => Ok(()),
    }
}

fn selects(args: &ApplyArgs) -> bool {
    args.selector.as_deref().is_some_and(|selector| !selector.is_empty())
}

/// Flags that do not go together.
fn together(args: &ApplyArgs, dry_run: DryRun) -> [Fault; 5] {
    [
        (args.force_conflicts && !args.server_side, "--force-conflicts only works with --server-side"),
        (
            dry_run == DryRun::Client && args.server_side,
            "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)",
        ),
        (args.server_side && args.force, "--force cannot be used with --server-side"),
        (dry_run == DryRun::Server && args.force, "--dry-run=server cannot be used with --force"),
        (args.all && selects(args), "cannot set --all and --selector at the same time"),
    ]
}

/// Flags that do not go together with `--prune`, and `--subresource`.
fn pruning(args: &ApplyArgs) -> [Fault; 7] {
    let set = args.applyset.as_deref().is_some_and(|set| !set.is_empty());
    let by_labels = args.prune && !set;
    let by_set = args.prune && set;
    let subresource = args.subresource.as_deref().is_some_and(|subresource| !subresource.is_empty());
    [
        (args.prune && args.force, "--force cannot be used with --prune"),
        (by_set && args.all, "--all is incompatible with --applyset"),
        (by_set && selects(args), "--selector is incompatible with --applyset"),
        (by_set && !args.prune_allowlist.is_empty(), "--prune-allowlist is incompatible with --applyset"),
        (
            by_labels && !args.all && !selects(args),
            "all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did not mean to prune all resources, specify a label selector",
        ),
        (
            by_labels && args.server_side,
            "--prune is in alpha and doesn't currently work on objects created by server-side apply",
        ),
        (subresource && !args.server_side, "--subresource can only be specified for --server-side"),
    ]
}
