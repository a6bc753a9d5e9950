//! `exec`: a command in a container.

use anyhow::bail;
use jiff::SignedDuration;

use crate::client::request::{Call, Endpoint};
use crate::error::UsageError;
use crate::object::Meta;
use crate::ops::context::Context;
use crate::ops::manifests::FilenameOptions;
use crate::ops::pods;
use crate::ops::remote::{self, Session};
use crate::ops::resources::Builder;

/// Run a command in a container, and end with its exit code.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Run date in the first container of the pod web\nkctl exec web -- date\n\n# Run it in the container ruby\nkctl exec web -c ruby -- date\n\n# Work in a shell, in this terminal\nkctl exec web -c ruby -i -t -- bash -il\n\n# List a folder. What follows -- is the command with its flags, word for word and not as one text\nkctl exec web -i -t -- ls -t /usr\n\n# Run date in the first pod of a deployment, and of a service\nkctl exec deploy/web -- date\nkctl exec svc/web -- date"
)]
pub struct ExecArgs {
    /// The container. Without a name it is the one that the annotation kubectl.kubernetes.io/default-container of the pod names, or the first.
    #[arg(long, short)]
    pub container: Option<String>,
    /// Keys that leave the session with -i -t, such as ctrl-p,ctrl-q. None without it: then all keys are the command's.
    #[arg(long, default_value = "")]
    pub detach_keys: String,
    /// File, folder or URL that names the object.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// How long (a length of time such as 5s, 2m or 3h, more than zero) to wait until a pod runs.
    #[arg(long, default_value = "1m0s")]
    pub pod_running_timeout: SignedDuration,
    /// Print nothing but the command's output.
    #[arg(long, short)]
    pub quiet: bool,
    /// Pass standard input to the command.
    #[arg(long, short = 'i')]
    pub stdin: bool,
    /// Give the command this terminal.
    #[arg(long, short)]
    pub tty: bool,
    /// The pod, or TYPE/NAME.
    #[arg(hide = true)]
    pub args: Vec<String>,
    /// The command.
    #[arg(hide = true, last = true)]
    pub command: Vec<String>,
}

/// Runs `exec`.
///
/// # Errors
/// Wrong use, a pod that has ended, what the server refuses, and the command's own exit code.
pub async fn run(ctx: &Context, args: ExecArgs) -> anyhow::Result<()> {
    let wrong = |message: String| UsageError { command: "exec".to_owned(), message };
    if args.command.is_empty() && (args.args.len() > 1 || !args.args.is_empty() && !args.filename.is_empty()) {
        let program = "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead";
        return Err(wrong(program.to_owned()).into());
    }
    let (namespace, explicit) = ctx.namespace()?;
    let limit = pods::running_timeout(args.pod_running_timeout).map_err(|error| wrong(error.to_string()))?;
    let resource = args.args.first().filter(|name| !name.is_empty());
    if resource.is_none() && args.filename.is_empty() {
        bail!("pod, type/name or --filename must be specified");
    }
    if args.command.is_empty() {
        bail!("you must specify at least one command for the container");
    }
    let files = FilenameOptions { filenames: args.filename.clone(), ..FilenameOptions::default() };
    let mut builder = Builder::new(ctx).namespace(namespace).default_namespace().filenames(explicit, &files);
    if let Some(resource) = resource {
        builder = builder.names_of("pods", std::slice::from_ref(resource));
    }
    let (infos, result) = builder.plan().await?.infos().await;
    result?;
    let object = pods::only(infos, "cannot exec into multiple objects at a time")?;
    let pod = pods::attachable(ctx.client().await?, &object, limit).await?;
    let phase = pod.str_at(&["status", "phase"]);
    if matches!(phase, "Succeeded" | "Failed") {
        bail!("cannot exec into a container in a completed pod; current phase is {phase}");
    }
    let container = match args.container.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => pods::named_container(&pod, name)?,
        None => pods::container_or_default(ctx, &pod, "", args.quiet)?,
    };
    let raw = remote::is_raw(ctx, args.stdin, args.tty, args.quiet);
    let detach = remote::detach_keys(&args.detach_keys, raw)?;
    let session = Session { stdin: args.stdin, raw, detach, ..Session::default() };
    let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name()).subresource("exec");
    let call = Call::get(&endpoint).query("container", container.str_at(&["name"]));
    let call = args.command.iter().fold(call, |call, word| call.query("command", word.as_str()));
    remote::run(ctx, remote::with_streams(call, &session, !raw), session).await
}
