//! `apply`: objects as files declare them.

pub mod edit;
pub mod last_applied;
mod options;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

use futures_util::stream::{self, FuturesOrdered, StreamExt};
use serde_json::json;

pub use options::ApplyArgs;
use options::Settings;

use crate::client::Client;
use crate::error::Many;
use crate::object::{Meta, Object};
use crate::ops::apply::applyset::ApplySet;
use crate::ops::apply::patcher::{Change, Patcher};
use crate::ops::apply::prune::{self, Pruning};
use crate::ops::apply::{deleting_warning, describe, migration, prune_nulls, server_side};
use crate::ops::change::{DryRun, warn_as_klog};
use crate::ops::context::Context;
use crate::ops::last_applied as annotation;
use crate::ops::resources::{Builder, Info};
use crate::ops::validation::validator;
use crate::ops::write::{self, with_source};

/// Objects that are fetched, and written, at one time.
const PARALLEL: usize = 16;

/// Runs `apply`.
///
/// # Errors
/// Flags that do not go together, manifests that cannot be read, and what the server refuses.
pub async fn run(ctx: &Context, args: ApplyArgs) -> anyhow::Result<()> {
    let mut settings = Settings::read(ctx, &args).await?;
    let mut set = settings.set.take();
    let plan = Builder::new(ctx)
        .namespace(settings.namespace.clone())
        .default_namespace()
        .filenames(settings.explicit_namespace, &args.files.options())
        .labels(args.selector.as_deref().unwrap_or_default())
        .validator(validator(settings.directive))
        .continue_on_error()
        .flatten()
        .plan()
        .await?;
    let client = ctx.client().await?;
    let applying = Applying { ctx, client, settings: &settings, applied: RefCell::default() };
    let mut errors = Vec::new();
    let mut infos = Vec::new();
    for info in plan.results().await {
        match info {
            Ok(info) => infos.push(info),
            Err(error) => errors.push(error),
        }
    }
    if infos.is_empty() && errors.is_empty() {
        anyhow::bail!("no objects passed to apply");
    }
    if let Some(set) = &mut set {
        if let Err(error) = set.label(&mut infos) {
            infos.clear();
            errors.push(error);
        }
        let send = settings.dry_run != DryRun::Client;
        set.begin(ctx, &infos, &settings.write, send).await?;
    }
    if ctx.change_cause.is_some() {
        infos.iter_mut().filter_map(|info| info.object.as_mut()).for_each(|object| ctx.record(object));
    }
    let mut namespaces = BTreeSet::new();
    if settings.explicit_namespace {
        namespaces.insert(settings.namespace.clone());
    }
    namespaces.extend(infos.iter().filter(|info| info.namespaced()).map(|info| info.namespace.clone()));
    let objects = applying.all(infos, &mut errors).await?;
    Many::collect(errors)?;
    if settings.prints_objects {
        print_all(&settings, objects)?;
    }
    if args.prune {
        let namespaces: Vec<String> = namespaces.into_iter().collect();
        match &set {
            Some(set) => applying.prune_set(set).await?,
            None => applying.prune(&args, &namespaces).await?,
        }
    }
    Ok(())
}

/// Prints one object as itself, several as a list.
fn print_all(settings: &Settings<'_>, mut objects: Vec<Object>) -> anyhow::Result<()> {
    let object = match objects.pop() {
        None => return Ok(()),
        Some(object) if objects.is_empty() => object,
        Some(last) => {
            objects.push(last);
            json!({"apiVersion": "v1", "kind": "List", "items": objects, "metadata": {}})
        }
    };
    settings.report.print("", object)
}

/// `apply` at work.
struct Applying<'a> {
    ctx: &'a Context,
    client: &'a Client,
    settings: &'a Settings<'a>,
    /// The UIDs of what was applied.
    applied: RefCell<HashSet<String>>,
}

/// What became of one object.
struct Outcome {
    /// Lines for the user, in order.
    said: Vec<String>,
    /// What was done, and the object as it is now.
    done: anyhow::Result<(&'static str, Object)>,
}

impl Applying<'_> {
    /// Applies all objects and returns them as they are then. Objects are looked up several at a time, and
    /// neighbours of one kind are written several at a time; others wait for those before them: one may be
    /// in another's namespace, or of a kind that another defines. All is said in order.
    async fn all(&self, infos: Vec<Info>, errors: &mut Vec<anyhow::Error>) -> anyhow::Result<Vec<Object>> {
        let mut objects = Vec::new();
        let mut take = |outcome: Outcome| {
            outcome.said.iter().for_each(|line| self.ctx.streams.say(line));
            match outcome.done.and_then(|(operation, object)| self.done(operation, object)) {
                Ok(object) => objects.push(object),
                Err(error) => errors.push(error),
            }
        };
        let found = stream::iter(infos).map(|info| self.look_up(info)).buffered(PARALLEL);
        let mut found = std::pin::pin!(found);
        let mut writes = FuturesOrdered::new();
        let (mut seen, mut kind) = (HashSet::new(), None);
        while let Some((info, mut present)) = found.next().await {
            let again = !seen.insert(info.endpoint().path());
            let own = info.mapping.as_ref().map(|mapping| mapping.kind.clone());
            let most = if again || own != kind { 0 } else { PARALLEL - 1 };
            while writes.len() > most {
                let Some(outcome) = writes.next().await else { break };
                take(outcome);
            }
            kind = own;
            if again && !self.settings.server_side {
                present = info.live(self.client).await;
            }
            writes.push_back(self.one(info, present));
        }
        while let Some(outcome) = writes.next().await {
            take(outcome);
        }
        Ok(objects)
    }

    /// The object as the server has it, where it is not for the server to look.
    async fn look_up(&self, info: Info) -> (Info, anyhow::Result<Option<Object>>) {
        let present = match self.settings.server_side || info.name.is_empty() {
            true => Ok(None),
            false => info.live(self.client).await,
        };
        (info, present)
    }

    /// Applies one object.
    async fn one(&self, info: Info, present: anyhow::Result<Option<Object>>) -> Outcome {
        let mut said = Vec::new();
        let done = self.write(info, present, &mut said).await;
        Outcome { said, done }
    }

    async fn write(
        &self,
        info: Info,
        present: anyhow::Result<Option<Object>>,
        said: &mut Vec<String>,
    ) -> anyhow::Result<(&'static str, Object)> {
        if info.name.is_empty() {
            let object = info.object();
            let generated = object.str_at(&["metadata", "generateName"]);
            if !generated.is_empty() {
                anyhow::bail!("from {generated}: cannot use generate name with apply");
            }
        }
        if self.settings.server_side {
            return Ok(("serverside-applied", self.server_side(info, said).await?));
        }
        let asked = |error| {
            let verb = format!("retrieving current configuration of:\n{}\nfrom server for:", describe(&info));
            with_source(&verb, &info.source, error)
        };
        match present.map_err(asked)? {
            None => Ok(("created", self.create(&info).await?)),
            Some(present) => self.change(&info, present, said).await,
        }
    }

    fn done(&self, operation: &str, object: Object) -> anyhow::Result<Object> {
        self.applied.borrow_mut().insert(object.uid().to_owned());
        if !self.settings.prints_objects {
            self.settings.report.print(operation, object.clone())?;
        }
        Ok(object)
    }

    async fn create(&self, info: &Info) -> anyhow::Result<Object> {
        let mut object = info.object().into_owned();
        annotation::record(&mut object);
        prune_nulls(&mut object);
        if self.settings.dry_run == DryRun::Client {
            return Ok(object);
        }
        write::create(self.client, info, object, &self.settings.write)
            .await
            .map_err(|error| with_source("creating", &info.source, error))
    }

    async fn change(
        &self,
        info: &Info,
        present: Object,
        said: &mut Vec<String>,
    ) -> anyhow::Result<(&'static str, Object)> {
        self.applied.borrow_mut().insert(present.uid().to_owned());
        if annotation::original(&present).is_none() {
            let (resource, annotation, program) = (info.object_name(), annotation::ANNOTATION, self.ctx.program);
            said.push(format!(
                "Warning: resource {resource} is missing the {annotation} annotation which is required by {program} apply. {program} apply should only be used on resources created declaratively by either {program} create --save-config or {program} apply. The missing annotation will be patched automatically."
            ));
        }
        let modified = annotation::modified(&info.object());
        let (patch, result) = if self.settings.dry_run == DryRun::Client {
            match Change::between(info, &modified, &present, self.settings.overwrite) {
                Ok(change) => (crate::output::json::compact(&change.patch), change.locally(info, present)),
                Err(error) => (String::new(), Err(error)),
            }
        } else {
            let applied = self.settings.patcher(self.client).apply(info, &modified, present).await;
            (applied.patch, applied.object)
        };
        let object = result.map_err(|error| {
            let verb = format!("applying patch:\n{patch}\nto:\n{}\nfor:", describe(info));
            with_source(&verb, &info.source, error)
        })?;
        said.extend(deleting_warning(&object));
        Ok((if patch == "{}" { "unchanged" } else { "configured" }, object))
    }

    async fn server_side(&self, info: Info, said: &mut Vec<String>) -> anyhow::Result<Object> {
        let params = &self.settings.write;
        let mut info = info;
        info.subresource.clone_from(&self.settings.subresource);
        let mut object = server_side::apply(self.client, &info, params).await?;
        if let Err((what, error)) = self.migrate(&info, &mut object).await {
            said.push(format!(
                "Warning: {what}. This is non-fatal and will be retried next time you apply. Error: {error:#}"
            ));
        }
        said.extend(deleting_warning(&object));
        Ok(object)
    }

    /// Lets the server's apply take over from the client's: the annotation is kept, and who owned fields by
    /// applying here owns them by applying there. Where that fails the object is applied all the same; what
    /// failed is returned.
    async fn migrate(&self, info: &Info, object: &mut Object) -> Result<(), (String, anyhow::Error)> {
        let params = &self.settings.write;
        let kept = server_side::keep_annotation(self.client, info, object, params).await;
        let kept = kept
            .map_err(|error| (format!("failed to migrate {} for Server-Side Apply", annotation::ANNOTATION), error))?;
        if let Some(kept) = kept {
            *object = kept;
        }
        let migrated = migration::migrate(self.client, info, object, params)
            .await
            .map_err(|error| ("server rejected managed fields migration to Server-Side Apply".to_owned(), error))?;
        if migrated {
            // Fields that are no longer declared can go now.
            *object = server_side::apply(self.client, info, params).await.map_err(|error| {
                ("failed to re-apply configuration after performing Server-Side Apply migration".to_owned(), error)
            })?;
        }
        Ok(())
    }

    async fn prune_set(&self, set: &ApplySet) -> anyhow::Result<()> {
        let applied = self.applied.take();
        let delete = (self.settings.dry_run != DryRun::Client).then(|| self.settings.deletion.params());
        let mut printer = self.settings.report.printer("pruned")?;
        set.prune(self.ctx, &applied, delete.as_ref(), &self.settings.write, |object| printer.print(object)).await
    }

    async fn prune(&self, args: &ApplyArgs, namespaces: &[String]) -> anyhow::Result<()> {
        if args.prune_allowlist.is_empty() {
            warn_as_klog(self.ctx, "prune.go", 71, prune::DEPRECATED);
        }
        let applied = self.applied.take();
        let pruning = Pruning {
            client: self.client,
            types: &self.settings.prune_types,
            namespaces,
            labels: args.selector.as_deref().unwrap_or_default(),
            applied: &applied,
            delete: (self.settings.dry_run != DryRun::Client).then(|| self.settings.deletion.params()),
        };
        let mut printer = self.settings.report.printer("pruned")?;
        pruning.run(|object| printer.print(object)).await
    }
}

impl<'a> Settings<'a> {
    fn patcher(&'a self, client: &'a Client) -> Patcher<'a> {
        Patcher {
            client,
            write: &self.write,
            overwrite: self.overwrite,
            force: self.force.then(|| self.deletion.params()),
            timeout: self.deletion.timeout,
        }
    }
}

/// A line of talk about wrong arguments.
fn unexpected(args: &[String]) -> anyhow::Error {
    let message = format!("Unexpected args: [{}]", args.join(" "));
    crate::error::UsageError { command: "apply".to_owned(), message }.into()
}
