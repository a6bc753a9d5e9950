//! `attach`: connects to a process that runs in a container.

use anyhow::{anyhow, bail};
use jiff::SignedDuration;

use crate::error::UsageError;
use crate::object::Meta;
use crate::ops::attach::{DETACH_KEYS, Wish, to_container};
use crate::ops::context::Context;
use crate::ops::pods;
use crate::ops::resources::Builder;

/// Connect to a process that runs in a container.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# See what the pod web writes. Without a name it is the container that the annotation kubectl.kubernetes.io/default-container names, or the first\nkctl attach web\n\n# See what its container ruby writes\nkctl attach web -c ruby\n\n# Work with bash, which runs in the container ruby, in this terminal\nkctl attach web -c ruby -i -t\n\n# See what the first pod of a replica set writes\nkctl attach rs/web"
)]
pub struct AttachArgs {
    /// The container. Without a name it is the one that the annotation kubectl.kubernetes.io/default-container of the pod names, or the first.
    #[arg(long, short)]
    pub container: Option<String>,
    /// The keys that leave the process without ending it.
    #[arg(long, default_value = DETACH_KEYS)]
    pub detach_keys: String,
    /// How long (a length of time such as 5s, 2m or 3h, more than zero) to wait until a pod runs.
    #[arg(long, default_value = "1m0s")]
    pub pod_running_timeout: SignedDuration,
    /// Print nothing but what the process writes.
    #[arg(long, short)]
    pub quiet: bool,
    /// Pass standard input to the process.
    #[arg(long, short = 'i')]
    pub stdin: bool,
    /// The process has a terminal; give it this one.
    #[arg(long, short)]
    pub tty: bool,
    /// The pod, TYPE/NAME, or TYPE NAME.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// Runs `attach`.
///
/// # Errors
/// Wrong use, a pod that has ended, what the server refuses, and the process's own exit code.
pub async fn run(ctx: &Context, args: AttachArgs) -> anyhow::Result<()> {
    let (namespace, _) = ctx.namespace()?;
    let limit = pods::running_timeout(args.pod_running_timeout)
        .map_err(|error| UsageError { command: "attach".to_owned(), message: error.to_string() })?;
    let builder = Builder::new(ctx).namespace(namespace).default_namespace();
    let builder = match args.args.as_slice() {
        [] => bail!("at least 1 argument is required for attach"),
        [pod] => builder.names_of("pods", std::slice::from_ref(pod)),
        [kind, name] => builder.names_of(kind, std::slice::from_ref(name)),
        more => bail!(
            "expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {}: [{}]",
            more.len(),
            more.join(" ")
        ),
    };
    let (infos, result) = builder.plan().await?.infos().await;
    result?;
    let object = pods::only(infos, "cannot attach to multiple objects at a time")?;
    let pod = pods::attachable(ctx.client().await?, &object, limit).await?;
    let phase = pod.str_at(&["status", "phase"]);
    if matches!(phase, "Succeeded" | "Failed") {
        bail!("cannot attach a container in a completed pod; current phase is {phase}");
    }
    let name = args.container.as_deref().unwrap_or_default();
    let container = pods::container_or_default(ctx, &pod, name, args.quiet)
        .map_err(|error| anyhow!("cannot attach to the container: {error}"))?;
    let wish = Wish { stdin: args.stdin, tty: args.tty, quiet: args.quiet, detach_keys: &args.detach_keys };
    to_container(ctx, &pod, container, &wish).await
}
