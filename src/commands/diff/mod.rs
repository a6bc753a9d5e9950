//! `diff`: what applying files would change.

mod compare;
mod mask;

use std::collections::{BTreeSet, HashSet};

use anyhow::bail;
use futures_util::stream::{self, StreamExt};

use crate::client::Client;
use crate::client::request::{Call, Endpoint, PatchType, WriteParams};
use crate::error::UsageError;
use crate::object::{GroupVersionKind, Meta, Object, Status};
use crate::ops::apply::patcher::Change;
use crate::ops::apply::prune::{self, Pruning};
use crate::ops::apply::{deleting_warning, server_side};
use crate::ops::change::{FileArgs, warn_as_klog};
use crate::ops::context::Context;
use crate::ops::last_applied;
use crate::ops::resources::{Builder, Info};
use crate::ops::write::{self, with_source};

use compare::{Pair, compare};

/// Show what applying files would change: objects as they are now, compared with what they would become.
///
/// Objects are shown as YAML. The differences are those of "diff -u -N", unless KUBECTL_EXTERNAL_DIFF names another program, which is given two folders to compare; arguments of letters, digits, '-' and '=' may follow its name, as in KUBECTL_EXTERNAL_DIFF="colordiff -N -u".
///
/// The exit code is 0 where nothing would change, 1 where something would, and above 1 if something goes wrong. Another program should keep to that.
#[derive(clap::Args, Clone, Debug)]
#[command(
    after_help = "# What would applying pod.json change?\nkctl diff -f pod.json\n\n# The same for what comes on standard input\ncat service.yaml | kctl diff -f -"
)]
pub struct DiffArgs {
    /// How many objects are compared at a time. Several are in any case.
    #[arg(long, default_value_t = 1)]
    pub concurrency: i64,
    /// The name under which the fields would be owned.
    #[arg(long, value_name = "=kubectl-client-side-apply")]
    pub field_manager: Option<String>,
    /// If true, take fields that others own. Only with --server-side.
    #[arg(long)]
    pub force_conflicts: bool,
    /// Show objects too that apply --prune would delete.
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
    /// If true, compare managedFields too.
    #[arg(long)]
    pub show_managed_fields: bool,
    /// If true, show what is in secrets.
    #[arg(long)]
    pub show_secrets: bool,
    /// Manifests.
    #[command(flatten)]
    pub files: FileArgs,
    /// None are taken.
    #[arg(hide = true)]
    pub args: Vec<String>,
}

/// How often it is tried again with an object that changes in between.
const TRIES: usize = 4;
/// Objects compared at a time, at least.
const PARALLEL: usize = 8;

/// Runs `diff`.
///
/// # Errors
/// Exit code 1 where something would change; files that cannot be read, what the server refuses, and another
/// program that fails.
pub async fn run(ctx: &Context, args: DiffArgs) -> anyhow::Result<()> {
    if !args.args.is_empty() {
        let message = format!("Unexpected args: [{}]", args.args.join(" "));
        return Err(UsageError { command: "diff".to_owned(), message }.into());
    }
    args.files.options().require()?;
    if args.force_conflicts && !args.server_side {
        bail!("--force-conflicts only works with --server-side");
    }
    let default = if args.server_side { server_side::FIELD_MANAGER } else { "kubectl-client-side-apply" };
    let (namespace, explicit) = ctx.namespace()?;
    let selector = args.selector.as_deref().unwrap_or_default();
    let prune_types = match args.prune {
        true => prune::types(ctx.client().await?, &args.prune_allowlist).await?,
        false => Vec::new(),
    };
    let plan = Builder::new(ctx)
        .namespace(namespace)
        .default_namespace()
        .filenames(explicit, &args.files.options())
        .labels(selector)
        .flatten()
        .plan()
        .await?;
    let infos: Vec<Info> = plan.results().await.into_iter().collect::<anyhow::Result<_>>()?;
    let client = ctx.client().await?;
    let differ = Differ {
        ctx,
        client,
        args: &args,
        write: WriteParams {
            dry_run: true,
            field_manager: args.field_manager.as_deref().unwrap_or(default).to_owned(),
            ..WriteParams::default()
        },
    };
    let at_once = usize::try_from(args.concurrency).unwrap_or(1).max(PARALLEL);
    let mut pairs = Vec::new();
    let (mut namespaces, mut seen) = (BTreeSet::new(), HashSet::new());
    let mut found = stream::iter(&infos).map(|info| differ.one(info)).buffered(at_once);
    while let Some(states) = found.next().await {
        let States { info, live, merged } = states?;
        if info.namespaced() {
            namespaces.insert(info.namespace.clone());
        }
        if let Some(live) = &live {
            seen.insert(live.uid().to_owned());
            if let Some(warning) = deleting_warning(live) {
                ctx.streams.say(warning);
            }
        }
        let kind = info.mapping.as_ref().map(|mapping| &mapping.kind);
        pairs.push(differ.pair(file_name(kind, &info.namespace, &info.name), live, merged)?);
    }
    if args.prune {
        if args.prune_allowlist.is_empty() {
            warn_as_klog(ctx, "prune.go", 71, prune::DEPRECATED);
        }
        let namespaces: Vec<String> = namespaces.into_iter().collect();
        let pruning = Pruning {
            client,
            types: &prune_types,
            namespaces: &namespaces,
            labels: selector,
            applied: &seen,
            delete: None,
        };
        let pruned = pruning.run(|object| {
            let name = file_name(Some(&object.gvk()), object.namespace(), object.name());
            pairs.push(Pair { name, live: Some(crate::output::yaml::to_string(&object)?), merged: None });
            Ok(())
        });
        if let Err(error) = pruned.await {
            warn_as_klog(ctx, "diff.go", 704, &format!("pruning failed and could not be evaluated err: {error:#}"));
        }
    }
    compare(ctx, pairs)
}

/// `apps.v1.Deployment.default.web`: the name of the file in which a program finds the object.
fn file_name(kind: Option<&GroupVersionKind>, namespace: &str, name: &str) -> String {
    let kind = kind.cloned().unwrap_or_default();
    let group = if kind.group.is_empty() { String::new() } else { format!("{}.", kind.group) };
    format!("{group}{}.{}.{namespace}.{name}", kind.version, kind.kind)
}

/// An object as it is, if it is there, and as it would become.
struct States<'a> {
    info: &'a Info,
    live: Option<Object>,
    merged: Object,
}

struct Differ<'a> {
    ctx: &'a Context,
    client: &'a Client,
    args: &'a DiffArgs,
    write: WriteParams,
}

impl Differ<'_> {
    /// Asks for both states of an object, again where it changes in between.
    async fn one<'b>(&self, info: &'b Info) -> anyhow::Result<States<'b>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let live = info.live(self.client).await?;
            let last = tries == TRIES;
            if last {
                let kind = live.as_ref().map(|live| live.gvk().to_string()).unwrap_or_default();
                let text = format!("Object ({kind}: {}) keeps changing, diffing without lock", info.name);
                warn_as_klog(self.ctx, "diff.go", 668, &text);
            }
            match self.merged(info, live.as_ref(), !last).await {
                Ok(merged) => return Ok(States { info, live, merged }),
                Err(error) if !last && error.downcast_ref::<Status>().is_some_and(Status::is_conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What the server says that the object would become. With `lock` it must not have changed since.
    async fn merged(&self, info: &Info, live: Option<&Object>, lock: bool) -> anyhow::Result<Object> {
        if self.args.server_side {
            let write = WriteParams { force: Some(self.args.force_conflicts), ..self.write.clone() };
            let body = last_applied::encode(&info.object());
            return write::patch(self.client, info, PatchType::Apply, body, &write).await;
        }
        let Some(live) = live else {
            let mut object = info.object().into_owned();
            object.remove_at(&["metadata", "resourceVersion"]);
            let collection = Endpoint { name: String::new(), ..info.endpoint() };
            return self.client.json(Call::create(&collection, &object, &self.write)).await;
        };
        let mut modified = info.object().into_owned();
        let annotations = modified.at_mut(&["metadata", "annotations"]);
        match annotations.as_object_mut() {
            Some(annotations) => drop(annotations.remove(last_applied::ANNOTATION)),
            None => *annotations = Object::Object(serde_json::Map::new()),
        }
        let mut change = Change::between(info, &modified, live, true)?;
        if change.is_empty() {
            return Ok(live.clone());
        }
        if lock {
            change.patch.set_at(&["metadata", "resourceVersion"], live.resource_version());
        }
        let patch = crate::output::json::compact(&change.patch);
        let sent = write::patch(self.client, info, change.kind, patch, &self.write).await;
        sent.map_err(|error| with_source("patching", &info.source, error))
    }

    /// Both states as they are compared.
    fn pair(&self, name: String, mut live: Option<Object>, mut merged: Object) -> anyhow::Result<Pair> {
        if !self.args.show_managed_fields {
            for object in live.iter_mut().chain([&mut merged]) {
                object.remove_at(&["metadata", "managedFields"]);
            }
        }
        let kind = merged.gvk();
        let masked = !self.args.show_secrets && (kind.version.as_str(), kind.kind.as_str()) == ("v1", "Secret");
        if masked {
            mask::mask(live.as_mut(), &mut merged);
        }
        let yaml = |object: &Object| crate::output::yaml::to_string(object);
        let live = match &live {
            Some(live) => yaml(live)?,
            // What is masked is written even where it is nothing, as in kubectl.
            None if masked => "null\n".to_owned(),
            None => String::new(),
        };
        Ok(Pair { name, live: Some(live), merged: Some(yaml(&merged)?) })
    }
}
