//! `run`: an image on the cluster, as a Deployment or as a single pod.

mod attached;
mod generate;

use anyhow::bail;
use jiff::SignedDuration;

use crate::error::UsageError;
use crate::object::{Meta, Object, names};
use crate::ops::change::{self, DryRun, DryRunArgs, ObjectPrinter, OutputArgs, Report};
use crate::ops::context::Context;
use crate::ops::last_applied;
use crate::ops::overrides::OverrideArgs;
use crate::ops::service::{NewService, parse_labels};
use generate::Wanted;

/// Run an image on the cluster.
///
/// Creates a Deployment, so that scale, expose, set image and rollout can go on from there. A single pod is created instead with --restart=Never or --restart=OnFailure, and where you want to talk to it (--stdin, --tty, --attach, --rm).
///
/// Called as kubectl, or with KCTL_COMPAT=kubectl, it always creates a pod, as kubectl does.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# Run an image with three replicas that listen on port 80\nkctl run web --image=nginx --replicas=3 --port=80\n\n# Put a Service in front of it as well\nkctl run web --image=nginx --port=80 --expose\n\n# Set environment variables and labels\nkctl run web --image=nginx --env=\"DNS_DOMAIN=cluster\" --env=\"POD_NAMESPACE=default\" --labels=\"app=web,tier=front\"\n\n# Only print what would be created\nkctl run web --image=nginx --dry-run=client -o yaml\n\n# Run a command in a single pod, which goes away when it ends\nkctl run -i -t --rm busybox --image=busybox --restart=Never -- sh\n\n# Give the container's arguments\nkctl run web --image=nginx -- <arg1> <arg2> ... <argN>\n\n# Replace the container's command as well\nkctl run web --image=nginx --command -- <cmd> <arg1> ... <argN>"
)]
pub struct RunArgs {
    /// Annotations of the pod, KEY=VALUE. May be given several times.
    #[arg(long, action = clap::ArgAction::Append)]
    pub annotations: Vec<String>,
    /// Wait until the pod runs and connect to it as "kctl attach" does. False by default, true with --stdin. With --restart=Never the exit code is that of the container's process.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "=false")]
    pub attach: Option<bool>,
    /// With --rm, what becomes of objects that belong to the pod. One of (background|orphan|foreground)
    #[arg(long, default_value = "background", num_args = 0..=1, require_equals = true, default_missing_value = "background")]
    pub cascade: String,
    /// If true, the arguments after -- replace the container's command, and not its arguments.
    #[arg(long)]
    pub command: bool,
    /// The keys that end the connection without ending the process.
    #[arg(long, default_value = "ctrl-p,ctrl-q")]
    pub detach_keys: String,
    /// Environment variables of the container, NAME=VALUE. May be given several times.
    #[arg(long, action = clap::ArgAction::Append)]
    pub env: Vec<String>,
    /// If true, create a Service for it as well. Needs --port.
    #[arg(long)]
    pub expose: bool,
    /// The name under which the fields are owned.
    #[arg(long, default_value = "kubectl-run")]
    pub field_manager: String,
    /// Has no effect.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// With --rm, delete at once and without waiting for the pod to end.
    #[arg(long)]
    pub force: bool,
    /// Has no effect: with --rm the pod gets the time to end that it asks for.
    #[arg(long, default_value_t = -1)]
    pub grace_period: i32,
    /// The image to run.
    #[arg(long, required = true)]
    pub image: Option<String>,
    /// When to pull the image: Always, IfNotPresent or Never. Left to the server without it.
    #[arg(long)]
    pub image_pull_policy: Option<String>,
    /// Has no effect.
    #[arg(long, short)]
    pub kustomize: Option<String>,
    /// Labels, KEY=VALUE separated by commas, instead of the one that names it.
    #[arg(long, short)]
    pub labels: Option<String>,
    /// If true, the container's standard input stays open after the first connection ends.
    #[arg(long)]
    pub leave_stdin_open: bool,
    /// How long to wait until the pod runs (1s, 2m, 3h), above zero.
    #[arg(long, default_value = "1m0s")]
    pub pod_running_timeout: SignedDuration,
    /// The port on which the container listens.
    #[arg(long)]
    pub port: Option<String>,
    /// If true, the container is privileged.
    #[arg(long)]
    pub privileged: bool,
    /// If true, do not say what to do at the prompt.
    #[arg(long, short)]
    pub quiet: bool,
    /// Has no effect.
    #[arg(long, short = 'R')]
    pub recursive: bool,
    /// How many replicas the Deployment has. Not for single pods.
    #[arg(long)]
    pub replicas: Option<i32>,
    /// When the container is started again: Always, OnFailure or Never. With the last two a single pod is created.
    #[arg(long, default_value = "Always")]
    pub restart: String,
    /// If true, delete the pod when it ends. Only with --attach or --stdin.
    #[arg(long)]
    pub rm: bool,
    /// If true, keep the new object in an annotation of its own, for a later apply.
    #[arg(long)]
    pub save_config: bool,
    /// Keep the container's standard input open, even if nothing is connected.
    #[arg(long, short = 'i')]
    pub stdin: bool,
    /// With --rm, how long to wait for the deletion. 0 means as long as the pod may take to end.
    #[arg(long, default_value = "0s")]
    pub timeout: SignedDuration,
    /// Give the container a terminal.
    #[arg(long, short)]
    pub tty: bool,
    /// With --rm, wait until the pod is gone.
    #[arg(long)]
    pub wait: bool,
    /// Overrides.
    #[command(flatten)]
    pub overriding: OverrideArgs,
    /// Whether anything is changed.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// What is printed.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The name.
    #[arg(hide = true)]
    pub args: Vec<String>,
    /// The command, or its arguments.
    #[arg(last = true, hide = true)]
    pub words: Vec<String>,
}

fn text(flag: &Option<String>) -> &str {
    flag.as_deref().unwrap_or_default()
}

impl RunArgs {
    fn attaches(&self) -> bool {
        self.attach.unwrap_or(self.stdin)
    }

    /// Whether kubectl's `run` is meant, or what kubectl's `run` does is asked for.
    fn is_single_pod(&self, ctx: &Context, restart: &str) -> bool {
        ctx.program.is_kubectl() || restart != "Always" || self.stdin || self.tty || self.rm || self.attaches()
    }
}

/// Runs `run`.
///
/// # Errors
/// Flags that do not go together, and what the server refuses.
pub async fn run(ctx: &Context, args: RunArgs) -> anyhow::Result<()> {
    if ctx.program.is_kubectl() && args.replicas.is_some() {
        bail!("unknown flag: --replicas\nSee 'kubectl run --help' for usage.");
    }
    let dry_run = args.dry_run.read(ctx)?;
    let report = Report::new(ctx, &args.output, dry_run)?;
    if !matches!(args.cascade.as_str(), "background" | "orphan" | "foreground" | "true" | "false") {
        bail!("invalid cascade value ({}). Must be \"background\", \"foreground\", or \"orphan\"", args.cascade);
    }
    let (name, restart) = check(&args, dry_run)?;
    let (namespace, explicit) = ctx.namespace()?;
    let wanted = Wanted::of(&args, name, restart)?;
    let creation = Creation { ctx, args: &args, dry_run, namespace: &namespace, explicit };
    if args.is_single_pod(ctx, restart) {
        if args.replicas.is_some() {
            bail!("--replicas is only for Deployments: a single pod is asked for");
        }
        creation.pod(&wanted, &report).await
    } else {
        creation.deployment(&wanted, &report).await
    }
}

/// Checks the flags in kubectl's order; the name and the restart policy.
fn check(args: &RunArgs, dry_run: DryRun) -> anyhow::Result<(&str, &'static str)> {
    let wrong = |message: String| anyhow::Error::from(UsageError { command: "run".to_owned(), message });
    let Some(name) = args.args.first() else { return Err(wrong("NAME is required for run".to_owned())) };
    if args.pod_running_timeout <= SignedDuration::ZERO {
        return Err(wrong("--pod-running-timeout must be higher than zero".to_owned()));
    }
    let image = text(&args.image);
    if image.is_empty() {
        bail!("--image is required");
    }
    if !names::is_image_reference(image) {
        bail!("Invalid image name {image:?}: invalid reference format");
    }
    if args.tty && !args.stdin {
        return Err(wrong("-i/--stdin is required for containers with -t/--tty=true".to_owned()));
    }
    if args.expose && text(&args.port).is_empty() {
        return Err(wrong("--port must be set when exposing a service".to_owned()));
    }
    let restart = match args.restart.as_str() {
        "" if args.stdin => "OnFailure",
        "" | "Always" => "Always",
        "OnFailure" => "OnFailure",
        "Never" => "Never",
        other => return Err(wrong(format!("invalid restart policy: {other}"))),
    };
    if args.rm && !args.attaches() {
        return Err(wrong("--rm should only be used for attached containers".to_owned()));
    }
    if args.attaches() && dry_run != DryRun::None {
        return Err(wrong(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)"
                .to_owned(),
        ));
    }
    let policy = text(&args.image_pull_policy);
    if !matches!(policy, "" | "Always" | "IfNotPresent" | "Never") {
        return Err(wrong(format!("invalid image pull policy: {policy}")));
    }
    Ok((name, restart))
}

/// How objects are created.
struct Creation<'a> {
    ctx: &'a Context,
    args: &'a RunArgs,
    dry_run: DryRun,
    namespace: &'a str,
    explicit: bool,
}

impl Creation<'_> {
    /// Creates an object, or only shows it.
    async fn create(&self, mut object: Object) -> anyhow::Result<Object> {
        self.ctx.record(&mut object);
        if self.dry_run == DryRun::Client {
            if self.explicit {
                object.set_at(&["metadata", "namespace"], self.namespace);
            }
            return Ok(object);
        }
        if self.args.save_config {
            last_applied::record_typed(&mut object);
        }
        change::create(self.ctx, &object, self.namespace, &self.dry_run.write(&self.args.field_manager)).await
    }

    /// A Service for pods with these labels.
    async fn service(&self, name: &str, selector: &str) -> anyhow::Result<Object> {
        let labels = text(&self.args.labels);
        let service = NewService {
            name: name.to_owned(),
            selector: parse_labels(selector)?,
            labels: if labels.is_empty() { Default::default() } else { parse_labels(labels)? },
            ports: text(&self.args.port).split(',').map(str::to_owned).collect(),
            ..NewService::default()
        };
        self.create(service.object()?).await
    }

    async fn deployment(&self, wanted: &Wanted<'_>, report: &Report<'_>) -> anyhow::Result<()> {
        let mut printer = report.printer("created")?;
        let deployment = self.args.overriding.apply(wanted.deployment(self.args.replicas.unwrap_or(1)))?;
        let deployment = self.create(deployment).await?;
        let service = match self.args.expose {
            true => Some(self.service(wanted.name, &wanted.selector("app")).await),
            false => None,
        };
        // The Service is said first, as with a pod.
        let failure = match service {
            Some(Ok(service)) => printer.print(service).err(),
            Some(Err(error)) => Some(error),
            None => None,
        };
        printer.print(deployment)?;
        failure.map_or(Ok(()), Err)
    }

    async fn pod(&self, wanted: &Wanted<'_>, report: &Report<'_>) -> anyhow::Result<()> {
        let mut printer = report.printer("created")?;
        let pod = self.args.overriding.apply(wanted.pod())?;
        let pod = self.create(pod).await?;
        let mut created = vec![pod.clone()];
        let mut failure = None;
        if self.args.expose {
            match self.exposed(wanted, report, &mut printer).await {
                Ok(service) => created.push(service),
                Err(error) => failure = Some(error),
            }
        }
        if self.args.attaches() {
            let result = attached::follow(self.ctx, self.args, wanted.restart, &pod).await;
            let removed = if self.args.rm { attached::remove(self.ctx, self.args, &created).await } else { Ok(()) };
            return result.map_err(|error| attached::said(self.ctx, error)).and(removed);
        }
        printer.print(pod)?;
        failure.map_or(Ok(()), Err)
    }

    /// The Service of a pod, printed: kubectl says it before the pod, and sets it apart where YAML is
    /// printed.
    async fn exposed(
        &self,
        wanted: &Wanted<'_>,
        report: &Report<'_>,
        printer: &mut ObjectPrinter<'_>,
    ) -> anyhow::Result<Object> {
        let service = self.service(wanted.name, &wanted.selector("run")).await?;
        printer.print(service.clone())?;
        if report.is_yaml() {
            self.ctx.streams.out().write_all(b"---\n")?;
        }
        Ok(service)
    }
}
