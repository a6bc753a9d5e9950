//! `edit`: objects in the user's editor.

use crate::error::Many;
use crate::ops::change::{DryRun, FileArgs, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::edit::{Editing, Form, Mode};
use crate::ops::resources::{Builder, Info};
use crate::ops::validation::ValidateArgs;

/// Change objects in your editor.
///
/// The editor is the one that the variables KUBE_EDITOR or EDITOR name, else vi (Notepad on Windows). Several objects are edited as one file, as a list. They are shown in YAML unless you say -o json, in the version of the API that you name them with (deployments.v1.apps).
///
/// If the server finds what you saved wrong, the file is opened again and says why. If somebody else changed the object in the meantime, or something else goes wrong, your changes are kept in a file and nothing is lost.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# The service registry\nkctl edit svc/registry\n\n# In another editor\nKUBE_EDITOR=\"nano\" kctl edit svc/registry\n\n# A job, as JSON, in version v1 of its group\nkctl edit job.v1.batch/task -o json\n\n# A deployment, and keep what it has become for apply\nkctl edit deployment/web -o yaml --save-config\n\n# The status of a deployment\nkctl edit deployment web --subresource='status'"
)]
pub struct EditArgs {
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-edit")]
    pub field_manager: String,
    /// Print the patch that is sent.
    #[arg(long)]
    pub output_patch: bool,
    /// If true, keep the objects' configuration in their annotation, so that they can be changed with apply later.
    #[arg(long)]
    pub save_config: bool,
    /// Edit this subresource of the objects.
    #[arg(long)]
    pub subresource: Option<String>,
    /// End lines as Windows does.
    #[arg(long)]
    pub windows_line_endings: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// How unknown fields are taken.
    #[command(flatten)]
    pub validate: ValidateArgs,
    /// Types and names.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `edit`.
///
/// # Errors
/// Objects that are not there, an editor that fails, and what the server refuses for good.
pub async fn run(ctx: &Context, args: EditArgs) -> anyhow::Result<()> {
    let (namespace, explicit) = ctx.namespace()?;
    let subresource = args.subresource.clone().unwrap_or_default();
    let report = Report::new(ctx, &args.output, DryRun::None)?.sorted_keys();
    let mut write = DryRun::None.write(&args.field_manager);
    args.validate.directive()?.clone_into(&mut write.field_validation);
    let plan = Builder::new(ctx)
        .namespace(namespace)
        .default_namespace()
        .filenames(explicit, &args.files.options())
        .types_or_names(true, &args.args)
        .subresource(&subresource)
        .latest()
        .continue_on_error()
        .flatten()
        .plan()
        .await?;
    let infos = all(plan.results().await)?;
    if infos.is_empty() {
        anyhow::bail!("edit cancelled, no objects found");
    }
    let editing = Editing {
        ctx,
        mode: Mode::Change,
        form: form(&args.output),
        windows_lines: args.windows_line_endings,
        write,
        save_config: args.save_config,
        output_patch: args.output_patch,
        subresource,
        report,
    };
    editing.run(&infos).await
}

/// How the objects are shown: as they are printed in the end, where that can be edited.
fn form(output: &OutputArgs) -> Form {
    if output.output.as_deref() == Some("json") { Form::Json } else { Form::Yaml }
}

/// All objects, or all errors.
fn all(results: Vec<anyhow::Result<Info>>) -> anyhow::Result<Vec<Info>> {
    let (mut infos, mut errors) = (Vec::new(), Vec::new());
    for info in results {
        match info {
            Ok(info) => infos.push(info),
            Err(error) => errors.push(error),
        }
    }
    Many::collect(errors)?;
    Ok(infos)
}
