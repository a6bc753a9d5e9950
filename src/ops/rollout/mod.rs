//! Rollouts of workloads: how far they are, their history, and going back in it.
//!
//! What is different for each kind is in its file; a [`Workload`] leads there.

mod controller_revisions;
mod daemonset;
mod deployment;
mod statefulset;

use serde_json::Map;

use crate::client::Client;
use crate::client::discovery::Mapping;
use crate::client::paging;
use crate::client::request::{Call, Endpoint, ListParams, PatchType};
use crate::object::labels::Selector;
use crate::object::{GroupVersionResource, Meta, Object, schema};
use crate::ops::context::Program;

/// Says why a revision came to be.
pub use super::context::CHANGE_CAUSE;

/// The kinds that have rollouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Deployments, whose revisions are replica sets.
    Deployment,
    /// Daemon sets, whose revisions are controller revisions.
    DaemonSet,
    /// Stateful sets, whose revisions are controller revisions.
    StatefulSet,
}

/// One revision of a workload.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Its number.
    pub number: i64,
    /// Why it came to be; empty where nobody said.
    pub change_cause: String,
    /// The pod template, with its change cause among the annotations where it is a replica set's.
    pub template: Object,
    /// What stands for the revision: a replica set, or the workload as it was.
    pub object: Object,
    /// The object that keeps it: a replica set, or a controller revision.
    pub record: Object,
}

/// What going back came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    /// There is nothing to change.
    Skipped,
    /// This patch does it.
    Patch(PatchType, Object),
}

impl Workload {
    /// The workload of a resource; none for other resources.
    pub fn of(mapping: &Mapping) -> Option<Self> {
        match (mapping.kind.group.as_str(), mapping.kind.kind.as_str()) {
            ("apps" | "extensions", "Deployment") => Some(Self::Deployment),
            ("apps" | "extensions", "DaemonSet") => Some(Self::DaemonSet),
            ("apps", "StatefulSet") => Some(Self::StatefulSet),
            _ => None,
        }
    }

    /// How far a rollout is: a line that says so, and whether it is complete. `revision` is the one that
    /// is expected to be rolled out; 0 for any.
    ///
    /// # Errors
    /// Another revision, a rollout that failed, a kind of rollout that nothing can be said about.
    pub fn status(self, object: &Object, revision: i64) -> anyhow::Result<(String, bool)> {
        match self {
            Self::Deployment => deployment::status(object, revision),
            Self::DaemonSet => daemonset::status(object),
            Self::StatefulSet => statefulset::status(object),
        }
    }

    /// All revisions, by number.
    pub async fn history(self, client: &Client, object: &Object) -> anyhow::Result<Vec<Revision>> {
        let mut revisions = match self {
            Self::Deployment => deployment::history(client, object).await?,
            Self::DaemonSet => controller_revisions::history(client, object, "DaemonSet").await?,
            Self::StatefulSet => controller_revisions::history(client, object, "StatefulSet").await?,
        };
        revisions.sort_by_key(|revision| revision.number);
        Ok(revisions)
    }

    /// The revision to go back to: that of a number, or for 0 the one before the present.
    ///
    /// # Errors
    /// No such revision.
    pub fn target<'a>(self, object: &Object, revisions: &'a [Revision], to: i64) -> anyhow::Result<&'a Revision> {
        let found = if to == 0 {
            revisions.len().checked_sub(2).and_then(|at| revisions.get(at))
        } else {
            revisions.iter().find(|revision| revision.number == to)
        };
        found.ok_or_else(|| match self {
            Self::Deployment if to == 0 => {
                anyhow::anyhow!("no rollout history found for deployment {:?}", object.name())
            }
            _ if to == 0 => anyhow::anyhow!("no last revision to roll back to"),
            _ => anyhow::anyhow!("unable to find specified revision {to} in history"),
        })
    }

    /// What has to be done to go back to a revision. `program` is the name that messages use.
    ///
    /// # Errors
    /// A deployment that is paused.
    pub fn undo(self, object: &Object, revision: &Revision, program: Program) -> anyhow::Result<Undo> {
        match self {
            Self::Deployment => deployment::undo(object, revision, program),
            Self::DaemonSet | Self::StatefulSet => Ok(controller_revisions::undo(object, revision)),
        }
    }
}

/// The objects of another type that a workload owns and selects.
async fn owned(client: &Client, owner: &Object, resource: &str) -> anyhow::Result<Vec<Object>> {
    let selector = Selector::from_object(owner.at(&["spec", "selector"]))?;
    if selector.is_nothing() {
        return Ok(Vec::new());
    }
    let resource = GroupVersionResource::new("apps", "v1", resource);
    let params = ListParams { labels: selector.to_string(), ..ListParams::default() };
    let list = client.json(Call::list(&Endpoint::collection(&resource, owner.namespace()), &params)).await?;
    let mut items = paging::take_items(list);
    items.retain(|item| item.controller_ref().is_some_and(|controller| controller.str_at(&["uid"]) == owner.uid()));
    Ok(items)
}

/// A pod template in the form of its type, so that templates can be compared.
fn normal_template(template: &Object) -> Object {
    let mut template = template.clone();
    if let Some(of) = schema::named("core.v1.PodTemplateSpec") {
        schema::normalize(of, &mut template);
    }
    template
}

/// An empty map.
fn empty() -> Object {
    Object::Object(Map::new())
}
