//! `debug`: a container, or a pod, to look into another pod or a node.

mod attached;
mod custom;
mod generate;
mod profile;

#[cfg(test)]
mod tests;

use std::io::Write as _;

use anyhow::{anyhow, bail};

use crate::client::request::{Call, DeleteParams, Endpoint, PatchType, WriteParams};
use crate::object::patch::strategic;
use crate::object::schema;
use crate::object::{Meta, Object, Status, builtin, names};
use crate::ops::attach::DETACH_KEYS;
use crate::ops::change;
use crate::ops::context::Context;
use crate::ops::manifests::FilenameOptions;
use crate::ops::pair::{Pair, unique};
use crate::ops::pods;
use crate::ops::resources::{Builder, Info};
use crate::ops::typed::typed;
use profile::{Keep, Profile};

/// Look into a pod or a node from a container made for it.
///
/// What is made depends on what is named. Of a pod: a container more in the running pod, which shares its network and, with --target, a container's processes; or with --copy-to a copy of the pod, with a container more or with other images and another command. Of a node: a pod there that has the node's namespaces, with the node's root folder at /host.
///
/// A pod that runs as a user other than root keeps some profiles from granting what they promise.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(
    after_help = "# Add a container to the pod web and work in its shell\nkctl debug web -it --image=busybox\n\n# The same, of the pod that a file describes\nkctl debug -f pod.yaml -it --image=busybox\n\n# Add a container called debugger from an image of your own\nkctl debug --image=registry.example.org/tools -c debugger web\n\n# Copy the pod, with a container more, and work in that\nkctl debug web -it --image=busybox --copy-to=web-debug\n\n# Copy the pod and run a shell instead of the command of its container app\nkctl debug web -it --copy-to=web-debug --container=app -- sh\n\n# Copy the pod with another image for all its containers\nkctl debug web --copy-to=web-debug --set-image=*=busybox\n\n# Copy the pod with a container more and other images\nkctl debug web -it --copy-to=web-debug --image=debian --set-image=app=app:debug,sidecar=sidecar:debug\n\n# Work on a node: in its namespaces, with its files below /host\nkctl debug node/worker -it --image=busybox"
)]
pub struct DebugArgs {
    /// If true, what follows -- are arguments of the image's own command, and not a command.
    #[arg(long)]
    pub arguments_only: bool,
    /// If true, wait until the container runs and connect to it as "kctl attach" does. False by default, true with --stdin.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "=false")]
    pub attach: Option<bool>,
    /// The name of the container.
    #[arg(long, short)]
    pub container: Option<String>,
    /// Make a copy of the pod under this name and look into that.
    #[arg(long)]
    pub copy_to: Option<String>,
    /// File with parts of a container, JSON or YAML, that are laid over what the profile makes.
    #[arg(long)]
    pub custom: Option<String>,
    /// The keys that leave the process without ending it.
    #[arg(long, default_value = DETACH_KEYS)]
    pub detach_keys: String,
    /// Environment variables of the container, NAME=VALUE.
    #[arg(long)]
    pub env: Vec<Pair>,
    /// File, folder or URL that names the object.
    #[arg(long, short, value_delimiter = ',')]
    pub filename: Vec<String>,
    /// The image of the container.
    #[arg(long)]
    pub image: Option<String>,
    /// When to pull the image: Always, IfNotPresent or Never. Left to the server without it.
    #[arg(long)]
    pub image_pull_policy: Option<String>,
    /// With --copy-to: keep the pod's annotations.
    #[arg(long)]
    pub keep_annotations: bool,
    /// With --copy-to: keep the pod's init containers.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub keep_init_containers: bool,
    /// With --copy-to: keep the pod's labels.
    #[arg(long)]
    pub keep_labels: bool,
    /// With --copy-to: keep the liveness probes.
    #[arg(long)]
    pub keep_liveness: bool,
    /// With --copy-to: keep the readiness probes.
    #[arg(long)]
    pub keep_readiness: bool,
    /// With --copy-to: keep the startup probes.
    #[arg(long)]
    pub keep_startup: bool,
    /// What the container may do: general, baseline, restricted, netadmin or sysadmin.
    #[arg(long, default_value = "general")]
    pub profile: String,
    /// Print nothing but what the process writes.
    #[arg(long, short)]
    pub quiet: bool,
    /// With --copy-to: delete the original.
    #[arg(long)]
    pub replace: bool,
    /// With --copy-to: put the copy on the original's node.
    #[arg(long)]
    pub same_node: bool,
    /// With --copy-to: other images for containers, CONTAINER=IMAGE; * stands for all.
    #[arg(long)]
    pub set_image: Vec<Pair>,
    /// With --copy-to: whether the containers of the copy see each other's processes.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "=true")]
    pub share_processes: Option<bool>,
    /// Keep the container's standard input open, even if nothing is connected.
    #[arg(long, short = 'i')]
    pub stdin: bool,
    /// The container of the running pod whose processes are to be seen.
    #[arg(long)]
    pub target: Option<String>,
    /// Give the container a terminal.
    #[arg(long, short)]
    pub tty: bool,
    /// Pods, or TYPE/NAME.
    #[arg(hide = true)]
    pub args: Vec<String>,
    /// The command, or its arguments.
    #[arg(last = true, hide = true)]
    pub words: Vec<String>,
}

impl DebugArgs {
    fn container(&self) -> &str {
        self.container.as_deref().unwrap_or_default()
    }

    fn copy_to(&self) -> &str {
        self.copy_to.as_deref().unwrap_or_default()
    }

    fn image(&self) -> &str {
        self.image.as_deref().unwrap_or_default()
    }

    fn pull_policy(&self) -> &str {
        self.image_pull_policy.as_deref().unwrap_or_default()
    }

    fn target(&self) -> &str {
        self.target.as_deref().unwrap_or_default()
    }

    fn attaches(&self) -> bool {
        self.attach.unwrap_or(self.stdin)
    }

    fn keep(&self) -> Keep {
        Keep {
            labels: self.keep_labels,
            annotations: self.keep_annotations,
            liveness: self.keep_liveness,
            readiness: self.keep_readiness,
            startup: self.keep_startup,
            init_containers: self.keep_init_containers,
        }
    }

    /// Refuses flags that do not go together, in kubectl's order and words.
    fn check(&self, ctx: &Context, custom: Option<&Object>) -> anyhow::Result<()> {
        if self.attach == Some(true) && self.image().is_empty() && self.container().is_empty() {
            bail!("you must specify --container or create a new container using --image in order to attach.");
        }
        if self.copy_to().is_empty() {
            for (given, flag) in
                [(self.replace, "replace"), (self.same_node, "same-node"), (!self.set_image.is_empty(), "set-image")]
            {
                if given {
                    bail!("--{flag} may only be used with --copy-to.");
                }
            }
            if self.image().is_empty() {
                bail!("you must specify --image when not using --copy-to.");
            }
        } else if self.image().is_empty() {
            if self.set_image.is_empty() && self.words.is_empty() {
                bail!("you must specify --image, --set-image or command arguments.");
            }
            if !self.words.is_empty() && self.container().is_empty() {
                bail!("you must specify an existing container or a new image when specifying args.");
            }
        }
        if !self.image().is_empty() && !names::is_image_reference(self.image()) {
            bail!("invalid image name {:?}: invalid reference format", self.image());
        }
        if self.args.is_empty() && self.filename.is_empty() {
            bail!("NAME or filename is required for debug");
        }
        if !matches!(self.pull_policy(), "" | "Always" | "IfNotPresent" | "Never") {
            bail!("invalid image pull policy: {}", self.pull_policy());
        }
        for Pair { key, value } in unique(&self.set_image) {
            if !names::is_image_reference(value) {
                bail!("invalid image name {value:?} for container {key:?}: invalid reference format");
            }
        }
        if !self.target().is_empty() {
            if !self.copy_to().is_empty() {
                bail!("--target is incompatible with --copy-to. Use --share-processes instead.");
            }
            if !self.quiet {
                let target = self.target();
                let mut out = ctx.streams.out();
                writeln!(
                    out,
                    "Targeting container {target:?}. If you don't see processes from this container it may be because the container runtime doesn't support this feature."
                )?;
                out.flush()?;
            }
        }
        if self.tty && !self.stdin {
            bail!("-i/--stdin is required for containers with -t/--tty=true");
        }
        if let Some(custom) = custom {
            custom::check(custom)?;
        }
        if self.profile == profile::LEGACY {
            ctx.streams.say("--profile=legacy is deprecated and planned to be removed in v1.39. It is recommended to specify other profile, for example \"--profile=general\".");
        }
        Ok(())
    }
}

/// Runs `debug`.
///
/// # Errors
/// Flags that do not go together, what cannot be debugged, and what the server refuses.
pub async fn run(ctx: &Context, args: DebugArgs) -> anyhow::Result<()> {
    let (namespace, explicit) = ctx.namespace()?;
    let profile = Profile::named(&args.profile)?;
    let custom = match args.custom.as_deref() {
        None | Some("") => None,
        Some(file) => custom::read(file)?,
    };
    args.check(ctx, custom.as_ref())?;
    let files = FilenameOptions { filenames: args.filename.clone(), ..FilenameOptions::default() };
    let plan = Builder::new(ctx)
        .filenames(explicit, &files)
        .namespace(namespace.clone())
        .default_namespace()
        .names_of("pods", &args.args)
        .plan()
        .await?;
    let debug = Debug { ctx, args: &args, namespace: &namespace, profile, custom };
    for info in plan.results().await {
        debug.one(&info?).await?;
    }
    Ok(())
}

/// What is to be done.
struct Debug<'a> {
    ctx: &'a Context,
    args: &'a DebugArgs,
    namespace: &'a str,
    profile: &'static Profile,
    custom: Option<Object>,
}

impl Debug<'_> {
    async fn one(&self, info: &Info) -> anyhow::Result<()> {
        let object = info.object();
        let kind = object.gvk();
        let (pod, container) = match (kind.group.as_str(), kind.kind.as_str()) {
            ("", "Node") => {
                let pod = self.node_pod(&object)?;
                let pod = change::create(self.ctx, &pod, self.namespace, &WriteParams::default()).await?;
                let first = pod.list_at(&["spec", "containers"]).first();
                let container = first.map(|first| first.str_at(&["name"]).to_owned()).unwrap_or_default();
                (pod, container)
            }
            ("", "Pod") if self.args.copy_to().is_empty() => self.add(&object, info).await?,
            ("", "Pod") => self.add_copy(&object).await?,
            _ if builtin::by_gvk(&kind).is_none() && kind.kind != "List" => bail!(
                "no kind {:?} is registered for version {:?} in scheme \"k8s.io/kubectl/pkg/scheme/scheme.go:28\"",
                kind.kind,
                kind.api_version()
            ),
            _ => bail!("\"{}/{}, Kind={}\" not supported by debug", kind.group, kind.version, kind.kind),
        };
        if self.args.attaches() && !container.is_empty() {
            return attached::follow(self.ctx, self.args, &pod, &container).await;
        }
        Ok(())
    }

    /// Adds a container to the running pod.
    async fn add(&self, pod: &Object, info: &Info) -> anyhow::Result<(Object, String)> {
        let pod = typed(pod.clone());
        let (changed, name) = self.with_ephemeral(&pod)?;
        self.warn_of_user(&changed, "ephemeralContainers", &name);
        let of = schema::of_object(&pod).ok_or_else(|| anyhow!("no schema for pods"))?;
        let patch = strategic::create_two_way(&pod, &changed, of)
            .map_err(|error| anyhow!("error creating patch to add debug container: {error}"))?;
        let endpoint = Endpoint::object(&pods::resource(), info.namespace.as_str(), info.name.as_str());
        let endpoint = endpoint.subresource("ephemeralcontainers");
        let call = Call::patch(&endpoint, PatchType::Strategic, patch.to_string(), &WriteParams::default());
        match self.ctx.client().await?.json(call).await {
            Ok(pod) => Ok((pod, name)),
            Err(error) => match error.downcast_ref::<Status>() {
                // A missing pod is named; a missing subresource is not.
                Some(status) if status.is_not_found() && !names_object(status) => {
                    let said = error.to_string();
                    Err(anyhow!("ephemeral containers are disabled for this cluster (error from server: {said:?})"))
                }
                _ => Err(error),
            },
        }
    }

    /// Makes a copy of the pod, and deletes the pod where it is to be replaced.
    async fn add_copy(&self, pod: &Object) -> anyhow::Result<(Object, String)> {
        let (copy, name) = self.copy(pod)?;
        self.warn_of_user(&copy, "containers", &name);
        let created = change::create(self.ctx, &copy, copy.namespace(), &WriteParams::default()).await?;
        if self.args.replace {
            let endpoint = Endpoint::object(&pods::resource(), pod.namespace(), pod.name());
            let params = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
            self.ctx.client().await?.bytes(Call::delete(&endpoint, &params)).await?;
        }
        Ok((created, name))
    }

    /// Says so where the pod's user keeps the container from what the profile grants.
    fn warn_of_user(&self, pod: &Object, list: &str, container: &str) {
        const USER: [&str; 2] = ["securityContext", "runAsUser"];
        let user = pod.at(&["spec"]).and_then(|spec| spec.int_at(&USER));
        let mut containers = pod.list_at(&["spec", list]).iter();
        let Some(container) = containers.find(|one| one.str_at(&["name"]) == container) else { return };
        let is_powerful = container.bool_at(&["securityContext", "privileged"])
            || !container.list_at(&["securityContext", "capabilities", "add"]).is_empty();
        if is_powerful && user.is_some_and(|user| user != 0) && container.int_at(&USER) != Some(0) {
            self.ctx.streams.say("Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug profile may not work. Please consider using \"--custom\" with a custom profile that specifies \"securityContext.runAsUser: 0\".");
        }
    }
}

fn names_object(status: &Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}
