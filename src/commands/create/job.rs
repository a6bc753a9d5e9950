//! `create job`.

use anyhow::bail;
use serde_json::json;

use super::new::{Creation, NewArgs, name};
use crate::object::{Meta, Object};
use crate::ops::context::Context;
use crate::ops::pods::go_type;
use crate::ops::resources::Builder;
use crate::ops::typed::typed;

/// Create a Job with the given name, from an image or from a CronJob.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Run an image once\nkctl create job task --image=busybox\n\n# With a command\nkctl create job task --image=busybox -- date\n\n# What a CronJob would run, now\nkctl create job test --from=cronjob/nightly"
)]
pub struct JobArgs {
    /// What the Job is made from, a CronJob (cronjob/name).
    #[arg(long)]
    from: Option<String>,
    /// The image to run.
    #[arg(long)]
    image: Option<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
    #[arg(hide = true, last = true)]
    command: Vec<String>,
}

/// Runs `create job`.
///
/// # Errors
/// Flags that do not go together, a CronJob that is not there, and what the server refuses.
pub async fn run(ctx: &Context, args: JobArgs) -> anyhow::Result<()> {
    let name = name("job", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let image = args.image.as_deref().unwrap_or_default();
    let from = args.from.as_deref().unwrap_or_default();
    if image.is_empty() == from.is_empty() {
        bail!("either --image or --from must be specified");
    }
    if !args.command.is_empty() && !from.is_empty() {
        bail!("cannot specify --from and command");
    }
    let mut job = creation.namespaced("batch/v1", "Job", name);
    if from.is_empty() {
        let container = json!({"name": name, "image": image, "command": args.command});
        job.set_at(&["spec"], json!({"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}));
    } else {
        instantiate(&mut job, &source(&creation, from).await?);
    }
    creation.finish(job, "failed to create job:").await
}

/// The CronJob that `--from` names.
async fn source(creation: &Creation<'_>, from: &str) -> anyhow::Result<Object> {
    let plan = Builder::new(creation.ctx)
        .namespace(creation.namespace.clone())
        .default_namespace()
        .types_or_names(false, &[from.to_owned()])
        .flatten()
        .latest()
        .plan()
        .await?;
    let (infos, result) = plan.infos().await;
    result?;
    let [info] = infos.as_slice() else { bail!("from must be an existing cronjob") };
    let object = typed(info.object().into_owned());
    if object.api_version() != "batch/v1" || object.kind() != "CronJob" {
        bail!("unknown object type {}", go_type(&object));
    }
    Ok(object)
}

/// Makes a Job what its CronJob says, and the CronJob its owner.
fn instantiate(job: &mut Object, cron_job: &Object) {
    let template = ["spec", "jobTemplate"];
    let of_template = |path: &[&str]| cron_job.at(&[&template, path].concat()).cloned().unwrap_or_default();
    job.set_at(&["metadata", "annotations"], of_template(&["metadata", "annotations"]));
    let marker = ["metadata", "annotations", "cronjob.kubernetes.io/instantiate"];
    if job.at(&marker).is_none() {
        job.set_at(&marker, "manual");
    }
    job.set_at(&["metadata", "labels"], of_template(&["metadata", "labels"]));
    job.set_at(
        &["metadata", "ownerReferences"],
        json!([{
            "apiVersion": "batch/v1", "kind": "CronJob", "name": cron_job.name(), "uid": cron_job.uid(),
            "controller": true,
        }]),
    );
    job.set_at(&["spec"], of_template(&["spec"]));
}
