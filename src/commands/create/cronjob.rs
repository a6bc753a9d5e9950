//! `create cronjob`.

use serde_json::json;

use super::new::{Creation, NewArgs, name};
use crate::object::Meta;
use crate::ops::context::Context;

/// Create a CronJob with the given name.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Every minute\nkctl create cronjob task --image=busybox --schedule=\"*/1 * * * *\"\n\n# With a command\nkctl create cronjob task --image=busybox --schedule=\"*/1 * * * *\" -- date"
)]
pub struct CronJobArgs {
    /// The image to run.
    #[arg(long, required = true)]
    image: Option<String>,
    /// What becomes of containers that end: OnFailure or Never.
    #[arg(long)]
    restart: Option<String>,
    /// When to run, in the form of cron.
    #[arg(long, required = true)]
    schedule: Option<String>,
    #[command(flatten)]
    new: NewArgs,
    #[arg(hide = true)]
    args: Vec<String>,
    #[arg(hide = true, last = true)]
    command: Vec<String>,
}

/// Runs `create cronjob`.
///
/// # Errors
/// Wrong flags, and what the server refuses.
pub async fn run(ctx: &Context, args: CronJobArgs) -> anyhow::Result<()> {
    let name = name("cronjob", &args.args)?;
    let creation = Creation::new(ctx, &args.new)?;
    let restart = args.restart.as_deref().filter(|restart| !restart.is_empty()).unwrap_or("OnFailure");
    let container = json!({"name": name, "image": args.image.unwrap_or_default(), "command": args.command});
    let mut object = creation.namespaced("batch/v1", "CronJob", name);
    object.set_at(
        &["spec"],
        json!({
            "schedule": args.schedule.unwrap_or_default(),
            "jobTemplate": {
                "metadata": {"name": name},
                "spec": {"template": {"spec": {"containers": [container], "restartPolicy": restart}}},
            },
        }),
    );
    creation.finish(object, "failed to create cronjob:").await
}
