//! `apply edit-last-applied`.

use crate::object::{Meta, Object};
use crate::ops::change::{DryRun, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::edit::{Editing, Form, Mode};
use crate::ops::last_applied;
use crate::ops::resources::{Builder, Info};
use crate::ops::validation::ValidateArgs;

/// Change in your editor what was applied last.
///
/// The editor is the one that the variables KUBE_EDITOR or EDITOR name, else vi (Notepad on Windows). Only the annotation changes, nothing else of the object.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# By type and name, in YAML\nkctl apply edit-last-applied deployment/nginx\n\n# By file, in JSON\nkctl apply edit-last-applied -f deploy.yaml -o json"
)]
pub struct EditArgs {
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-client-side-apply")]
    field_manager: String,
    /// End lines as Windows does.
    #[arg(long)]
    windows_line_endings: bool,
    #[command(flatten)]
    files: FileArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    validate: ValidateArgs,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `apply edit-last-applied`.
///
/// # Errors
/// Objects that are not there or have no annotation, an editor that fails, and what the server refuses.
pub async fn run(ctx: &Context, args: EditArgs) -> anyhow::Result<()> {
    let (namespace, explicit) = ctx.namespace()?;
    let report = Report::new(ctx, &args.output, DryRun::None)?.sorted_keys();
    let mut write = DryRun::None.write(&args.field_manager);
    args.validate.directive()?.clone_into(&mut write.field_validation);
    let plan = Builder::new(ctx)
        .namespace(namespace)
        .default_namespace()
        .filenames(explicit, &args.files.options())
        .types_or_names(true, &args.args)
        .latest()
        .flatten()
        .plan()
        .await?;
    let mut infos = Vec::new();
    for info in plan.results().await {
        let info = info?;
        let Some(text) = last_applied::original(&info.object()).map(str::to_owned) else { continue };
        let object: Object = serde_json::from_str(&text)?;
        infos.push(Info { name: object.name().to_owned(), object: Some(object), ..info });
    }
    if infos.is_empty() {
        let program = ctx.program;
        anyhow::bail!(
            "no last-applied-configuration annotation found on resources, to create the annotation, use command `{program} apply set-last-applied --create-annotation`"
        );
    }
    let form = if args.output.output.as_deref() == Some("json") { Form::Json } else { Form::Yaml };
    let editing = Editing {
        ctx,
        mode: Mode::Applied,
        form,
        windows_lines: args.windows_line_endings,
        write,
        save_config: false,
        output_patch: false,
        subresource: String::new(),
        report,
    };
    editing.run(&infos).await
}
