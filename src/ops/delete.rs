//! Deleting objects, and waiting until they are gone.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};

use super::change::DryRun;
use super::context::Context;
use super::interrupt::interruptible;
use super::resources::Info;
use super::write::with_source;
use crate::client::Client;
use crate::client::paging;
use crate::client::request::{Accept, Call, DeleteParams, Endpoint, ListParams, WatchParams};
use crate::client::watch::{Event, Watcher, is_expired};
use crate::error::Many;
use crate::object::{Meta, Object, Status, fields};

/// Requests under way at one time.
const PARALLEL: usize = 8;
/// How long a wait without an end lasts: a week.
const FOREVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How objects are deleted and what is said of it.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    /// `Background`, `Foreground` or `Orphan`.
    pub propagation: &'static str,
    /// Seconds of grace; below 0 for the kind's own.
    pub grace_period: i64,
    /// Whether anything is deleted.
    pub dry_run: DryRun,
    /// Whether it is no error that an object is not there.
    pub ignore_not_found: bool,
    /// Whether `TYPE/NAME` is all that is printed.
    pub names_only: bool,
    /// Whether to wait until the objects are gone.
    pub wait: bool,
    /// How long to wait; zero for a week.
    pub timeout: Duration,
    /// Whether to warn of objects that the given namespace has nothing to do with.
    pub warn_cluster_scope: bool,
}

/// An object whose deletion the server accepted.
struct Accepted {
    info: Info,
    uid: String,
    /// Whether the answer was that it is gone.
    gone: bool,
}

/// Objects of the same kind that follow each other. Kinds come one after the other, for the deletion of one
/// object can be that of others: a namespace takes what is in it along, a ReplicaSet replaces its pods.
fn runs(found: Vec<anyhow::Result<Info>>) -> Vec<Vec<anyhow::Result<Info>>> {
    let mut runs: Vec<Vec<anyhow::Result<Info>>> = Vec::new();
    let mut last = None;
    for info in found {
        let kind = info.as_ref().ok().and_then(|info| info.mapping.as_ref()).map(|mapping| mapping.kind.clone());
        match runs.last_mut() {
            Some(run) if kind.is_none() || kind == last => run.push(info),
            _ => runs.push(vec![info]),
        }
        last = kind.or(last);
    }
    runs
}

/// Reads `--cascade`; values of older days are warned about.
///
/// # Errors
/// A value that means nothing.
pub fn propagation(ctx: &Context, cascade: &str) -> anyhow::Result<&'static str> {
    let (propagation, new) = match cascade {
        "orphan" => return Ok("Orphan"),
        "foreground" => return Ok("Foreground"),
        "background" => return Ok("Background"),
        "1" | "t" | "T" | "TRUE" | "true" | "True" => ("Background", "background"),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => ("Orphan", "orphan"),
        _ => anyhow::bail!("invalid cascade value ({cascade}). Must be \"background\", \"foreground\", or \"orphan\""),
    };
    ctx.streams.say(format!(
        "warning: --cascade={cascade} is deprecated (boolean value) and can be replaced with --cascade={new}."
    ));
    Ok(propagation)
}

impl Deletion {
    /// What the server is asked.
    pub fn params(&self) -> DeleteParams {
        DeleteParams {
            grace_period_seconds: (self.grace_period >= 0).then_some(self.grace_period),
            propagation: self.propagation.to_owned(),
            dry_run: self.dry_run == DryRun::Server,
            ..DeleteParams::default()
        }
    }

    /// Deletes objects in order, several of a kind at a time, says so, and waits until they are gone where
    /// that is wanted.
    ///
    /// # Errors
    /// All that went wrong; then nothing is waited for.
    pub async fn run(&self, ctx: &Context, found: Vec<anyhow::Result<Info>>) -> anyhow::Result<()> {
        let client = ctx.client().await?;
        let mut errors = Vec::new();
        let mut accepted = Vec::new();
        let mut warn = self.warn_cluster_scope;
        let count = found.iter().filter(|info| info.is_ok()).count();
        for run in runs(found) {
            let answers = stream::iter(run).map(|info| self.send(client, info)).buffered(PARALLEL);
            let mut answers = std::pin::pin!(answers);
            while let Some(answer) = answers.next().await {
                match answer {
                    Ok(done) => {
                        if warn && !done.info.namespaced() {
                            ctx.streams.warn("deleting cluster-scoped resources, not scoped to the provided namespace");
                            warn = false;
                        }
                        self.print(ctx, &done.info)?;
                        accepted.push(done);
                    }
                    Err(error) if self.ignore_not_found && is_not_found(&error) => {}
                    Err(error) => errors.push(error),
                }
            }
        }
        Many::collect(errors)?;
        if count == 0 {
            writeln!(ctx.streams.out(), "No resources found")?;
            return Ok(());
        }
        if !self.wait || self.dry_run != DryRun::None {
            return Ok(());
        }
        ctx.streams.out().flush()?;
        match interruptible(until_gone(client, accepted, self.timeout)).await {
            // Whoever may not look may still delete.
            Err(error)
                if error
                    .downcast_ref::<Status>()
                    .is_some_and(|status| matches!(status.reason.as_str(), "Forbidden" | "MethodNotAllowed")) =>
            {
                Ok(())
            }
            result => result,
        }
    }

    async fn send(&self, client: &Client, info: anyhow::Result<Info>) -> anyhow::Result<Accepted> {
        let info = info?;
        if self.dry_run == DryRun::Client {
            return Ok(Accepted { info, uid: String::new(), gone: true });
        }
        let endpoint = info.endpoint();
        match client.json(Call::delete(&endpoint, &self.params())).await {
            Ok(answer) if answer.kind() == "Status" => {
                let uid = answer.str_at(&["details", "uid"]).to_owned();
                Ok(Accepted { info, uid, gone: true })
            }
            Ok(answer) => Ok(Accepted { info, uid: answer.uid().to_owned(), gone: false }),
            Err(error) => Err(with_source("deleting", &info.source, error)),
        }
    }

    fn print(&self, ctx: &Context, info: &Info) -> anyhow::Result<()> {
        let mut out = ctx.streams.out();
        let kind = info.mapping.as_ref().map(|mapping| mapping.kind.group_kind()).unwrap_or_default();
        let kind = kind.to_string().to_lowercase();
        if self.names_only {
            writeln!(out, "{kind}/{}", info.name)?;
            return Ok(());
        }
        let operation = if self.grace_period == 0 { "force deleted" } else { "deleted" };
        write!(out, "{kind} \"{}\" {operation}", info.name)?;
        if info.namespaced() {
            write!(out, " from {} namespace", info.namespace)?;
        }
        writeln!(out, "{}", self.dry_run.suffix())?;
        Ok(())
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Status>().is_some_and(Status::is_not_found)
}

/// Waits until objects are gone, by one watch for each type and namespace.
async fn until_gone(client: &Client, accepted: Vec<Accepted>, timeout: Duration) -> anyhow::Result<()> {
    let waiting: Vec<Accepted> = accepted.into_iter().filter(|done| !done.gone).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let mut groups: Vec<(Endpoint, HashMap<String, String>)> = Vec::new();
    for done in &waiting {
        let collection = Endpoint { name: String::new(), ..done.info.endpoint() };
        let at = groups.iter().position(|(known, _)| *known == collection).unwrap_or_else(|| {
            groups.push((collection, HashMap::new()));
            groups.len() - 1
        });
        if let Some((_, names)) = groups.get_mut(at) {
            names.insert(done.info.name.clone(), done.uid.clone());
        }
    }
    let left: Vec<_> = groups.into_iter().map(|(endpoint, names)| (endpoint, std::cell::RefCell::new(names))).collect();
    let all = try_join_all(left.iter().map(|(endpoint, names)| group_gone(client, endpoint, names)));
    let timeout = if timeout.is_zero() { FOREVER } else { timeout };
    if let Ok(result) = tokio::time::timeout(timeout, all).await {
        return result.map(|_| ());
    }
    let still: HashSet<(String, String, String)> = left
        .iter()
        .flat_map(|(endpoint, names)| {
            let (resource, namespace) = (endpoint.resource.resource.clone(), endpoint.namespace.clone());
            let names: Vec<String> = names.borrow().keys().cloned().collect();
            names.into_iter().map(move |name| (resource.clone(), namespace.clone(), name))
        })
        .collect();
    for done in &waiting {
        let endpoint = done.info.endpoint();
        let resource = endpoint.resource.resource;
        if still.contains(&(resource.clone(), endpoint.namespace, endpoint.name.clone())) {
            anyhow::bail!("timed out waiting for the condition on {resource}/{}", endpoint.name);
        }
    }
    Ok(())
}

/// Waits until none of the objects, by name and uid, is left in a collection.
async fn group_gone(
    client: &Client,
    endpoint: &Endpoint,
    names: &std::cell::RefCell<HashMap<String, String>>,
) -> anyhow::Result<()> {
    let only = {
        let names = names.borrow();
        names.keys().next().filter(|_| names.len() == 1).map(|name| format!("metadata.name={}", fields::escape(name)))
    };
    let fields = only.unwrap_or_default();
    loop {
        let params = ListParams { fields: fields.clone(), ..ListParams::default() };
        let list = client.json(Call::list(endpoint, &params).accept(Accept::PartialMetadataList)).await?;
        let resource_version = list.resource_version().to_owned();
        let present: HashMap<String, String> =
            paging::take_items(list).iter().map(|item| (item.name().to_owned(), item.uid().to_owned())).collect();
        names.borrow_mut().retain(|name, uid| present.get(name).is_some_and(|now| uid.is_empty() || now == uid));
        if names.borrow().is_empty() {
            return Ok(());
        }
        let params = WatchParams { fields: fields.clone(), resource_version, ..WatchParams::default() };
        let mut watcher = Watcher::new(client, endpoint.clone(), params).accept(Accept::PartialMetadata);
        loop {
            match watcher.next().await {
                Ok(event) => note(&event, &mut names.borrow_mut()),
                Err(error) if is_expired(&error) => break,
                Err(error) => return Err(error),
            }
            if names.borrow().is_empty() {
                return Ok(());
            }
        }
    }
}

/// An object is gone when it is deleted, and when another has its name.
fn note(event: &Event, names: &mut HashMap<String, String>) {
    let other = |object: &Object| names.get(object.name()).is_some_and(|uid| !uid.is_empty() && uid != object.uid());
    let gone = match event {
        Event::Deleted(object) => Some(object.name()),
        Event::Added(object) | Event::Modified(object) if other(object) => Some(object.name()),
        _ => None,
    };
    if let Some(name) = gone.map(str::to_owned) {
        names.remove(&name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::discovery::Mapping;
    use crate::object::{GroupVersionKind, GroupVersionResource};

    fn info(kind: &str, name: &str) -> anyhow::Result<Info> {
        let mapping = Mapping {
            resource: GroupVersionResource::new("", "v1", format!("{}s", kind.to_lowercase())),
            kind: GroupVersionKind::new("", "v1", kind),
            namespaced: kind != "Namespace",
        };
        Ok(Info {
            mapping: Some(mapping),
            namespace: String::new(),
            name: name.to_owned(),
            object: None,
            source: String::new(),
            subresource: String::new(),
        })
    }

    #[test]
    fn kinds_come_one_after_the_other() {
        let found = vec![
            info("Pod", "a"),
            Err(anyhow::anyhow!("no such kind")),
            info("Pod", "b"),
            info("Namespace", "n"),
            info("Pod", "c"),
        ];
        let runs = runs(found).into_iter();
        let names =
            |run: Vec<anyhow::Result<Info>>| run.into_iter().map(|i| i.map_or_else(|e| e.to_string(), |i| i.name));
        let runs: Vec<String> = runs.map(|run| names(run).collect::<Vec<_>>().join(",")).collect();
        assert_eq!(runs, ["a,no such kind,b", "n", "c"]);
    }
}
