//! Who manages which fields (`metadata.managedFields`), and server-side apply.
//!
//! Every entry is one manager's set of fields. Who writes fields owns them from then on; who applies
//! owns what is in the applied object, and what is no longer in it goes unless another owns it. A field
//! that another owns is not changed by applying unless it is forced.

mod node;
mod set;
mod tree;
mod typed;

use serde_json::json;

use node::Node;
use set::Set;
use tree::Diff;

use crate::object::builtin::Resource;
use crate::object::status::StatusCause;
use crate::object::{GroupVersionKind, Meta, Object, Status, Timestamp, schema, time};

/// Stands for whoever wrote an object before anyone's fields were kept.
const BEFORE: &str = "before-first-apply";
/// Who applied in the client before applying in the server.
const KUBECTL: &str = "kubectl";
/// Where kubectl keeps what it applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// In which version a scale is written.
const SCALE_VERSION: &str = "autoscaling/v1";
/// Metadata that nobody manages.
const NOT_MANAGED: &[&str] =
    &["name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion"];

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// The name it gives itself.
    pub name: String,
    /// `status`, …; empty for the object itself.
    pub subresource: String,
    /// Whether it applies rather than updates.
    pub applies: bool,
}

impl Manager {
    /// Whether it writes the scale, whose one field has no time.
    fn is_scale(&self) -> bool {
        self.subresource == "scale"
    }

    fn time(&self, now: Timestamp) -> String {
        if self.is_scale() { String::new() } else { time::rfc3339(now) }
    }
}

/// One manager's fields.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    manager: Manager,
    api_version: String,
    time: String,
    set: Set,
}

impl Entry {
    fn read(entry: &Object) -> Self {
        let text = |field: &str| entry.str_at(&[field]).to_owned();
        Self {
            manager: Manager {
                name: text("manager"),
                subresource: text("subresource"),
                applies: entry.str_at(&["operation"]) == "Apply",
            },
            api_version: text("apiVersion"),
            time: text("time"),
            set: entry.get("fieldsV1").map(Set::read).unwrap_or_default(),
        }
    }

    fn write(&self) -> Object {
        let mut entry = json!({
            "manager": self.manager.name,
            "operation": self.operation(),
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.set.write(),
        });
        if !self.time.is_empty() {
            entry.set_at(&["time"], self.time.as_str());
        }
        if !self.manager.subresource.is_empty() {
            entry.set_at(&["subresource"], self.manager.subresource.as_str());
        }
        entry
    }

    fn operation(&self) -> &'static str {
        if self.manager.applies { "Apply" } else { "Update" }
    }

    /// Whether it is this manager's; those that apply are the same in all versions.
    fn is(&self, manager: &Manager, api_version: &str) -> bool {
        self.manager == *manager && (manager.applies || self.api_version == api_version)
    }

    /// The manager as messages show it, to one who applies the scale as one of the scale.
    fn shown(&self, to: &Manager) -> String {
        let mut text = format!("\"{}\"", self.manager.name);
        if !self.manager.subresource.is_empty() {
            text.push_str(&format!(" with subresource \"{}\"", self.manager.subresource));
        }
        if !self.manager.applies {
            let version = if to.is_scale() { SCALE_VERSION } else { &self.api_version };
            text.push_str(&format!(" using {version}"));
        }
        text
    }
}

/// Keeps the books of an ordinary write: `new` is what `old` (absent on create) became.
pub fn update(resource: &Resource, old: Option<&Object>, new: &mut Object, manager: &Manager, now: Timestamp) {
    let node = Node::of(resource);
    let api_version = resource.group_version().to_string();
    let mut entries = old.map_or_else(Vec::new, read);
    let start = empty(resource);
    let diff = tree::compare(node, Some(old.unwrap_or(&start)), Some(new));
    let own = |set| within(set, resource, manager);
    let diff = Diff { added: own(diff.added), modified: own(diff.modified), removed: own(diff.removed) };
    if !diff.is_empty() {
        let touched = diff.added.clone().union(&diff.modified);
        let own = entries.iter().position(|entry| entry.is(manager, &api_version));
        for (at, entry) in entries.iter_mut().enumerate() {
            if Some(at) != own {
                entry.set = entry.set.difference(&touched);
            }
            entry.set = entry.set.difference(&diff.removed);
        }
        match own.and_then(|at| entries.get_mut(at)) {
            Some(entry) => {
                let set = entry.set.clone().union(&touched);
                entry.set = set;
                entry.time = manager.time(now);
            }
            None => {
                entries.push(Entry { manager: manager.clone(), api_version, time: manager.time(now), set: touched })
            }
        }
    }
    write(new, entries);
}

/// Lays what a manager applies over an object (absent where there is none yet). The result has its
/// `managedFields`.
///
/// # Errors
/// 409 where another manager owns a field that would change, unless it is forced.
pub fn apply(
    resource: &Resource,
    old: Option<&Object>,
    applied: &Object,
    manager: &Manager,
    force: bool,
    now: Timestamp,
) -> Result<Object, Status> {
    let node = Node::of(resource);
    let api_version = resource.group_version().to_string();
    let start = empty(resource);
    let live = old.unwrap_or(&start);
    let mut entries = old.map_or_else(Vec::new, read);
    if old.is_some() && entries.is_empty() {
        let before = Manager { name: BEFORE.into(), subresource: String::new(), applies: false };
        let set = tree::compare(node, Some(&start), Some(live)).added.difference(&not_managed());
        entries.push(Entry { manager: before, api_version: api_version.clone(), time: time::rfc3339(now), set });
    }
    let part = own_part(applied, resource, manager);
    let merged = tree::merge(node, live, &part);
    let set = within(tree::fields(node, &part), resource, manager);
    let last = entries.iter().position(|entry| entry.is(manager, &api_version));
    let last = last.map(|at| entries.remove(at));
    let new = match &last {
        Some(last) => {
            let owned = entries.iter().fold(set.clone(), |owned, entry| owned.union(&entry.set));
            prune(node, merged, &last.set, &owned)
        }
        None => merged,
    };
    let diff = tree::compare(node, Some(live), Some(&new));
    let touched = diff.added.union(&diff.modified);
    if !force {
        let taken_over = if manager.name == KUBECTL { applied_by_client(node, resource, live) } else { Set::default() };
        let conflicts: Vec<(String, String)> = entries
            .iter()
            .flat_map(|entry| {
                let paths = entry.set.intersection(&touched).difference(&taken_over).paths();
                let shown = entry.shown(manager);
                paths.into_iter().map(move |path| (shown.clone(), path))
            })
            .collect();
        if !conflicts.is_empty() {
            return Err(conflict(&conflicts));
        }
    }
    for entry in &mut entries {
        entry.set = entry.set.difference(&touched).difference(&diff.removed);
    }
    let moment = match &last {
        Some(last) if last.set == set && last.api_version == api_version => last.time.clone(),
        _ => manager.time(now),
    };
    entries.push(Entry { manager: manager.clone(), api_version, time: moment, set });
    let mut new = new;
    if manager.name == KUBECTL && live.annotation(LAST_APPLIED).is_some_and(|text| !text.is_empty()) {
        // Whoever applies in the client next time finds there what was applied last.
        new.set_at(&["metadata", "annotations", LAST_APPLIED], last_applied(applied));
    }
    write(&mut new, entries);
    Ok(new)
}

/// What was applied, as kubectl keeps it in an annotation.
fn last_applied(applied: &Object) -> String {
    let mut applied = applied.clone();
    if let Some(annotations) = applied.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"))
        && let Some(annotations) = annotations.as_object_mut()
    {
        annotations.remove(LAST_APPLIED);
    }
    let text = applied.to_string();
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    format!("{text}\n")
}

/// What was applied by kubectl before the server did it, and still is as it was: kubectl may take it over.
fn applied_by_client(node: Node, resource: &Resource, live: &Object) -> Set {
    let text = live.annotation(LAST_APPLIED).unwrap_or_default();
    let Ok(last) = serde_json::from_str::<Object>(text) else { return Set::default() };
    if last.api_version() != resource.group_version().to_string() {
        return Set::default();
    }
    let diff = tree::compare(node, Some(&last), Some(live));
    tree::fields(node, &last).difference(&diff.modified).difference(&diff.added).difference(&diff.removed)
}

/// Removes what was applied before and nobody owns any longer.
fn prune(node: Node, merged: Object, last: &Set, owned: &Set) -> Object {
    let rest = tree::remove(node, &merged, last);
    let before = tree::fields(node, &merged).with_parents();
    let after = tree::fields(node, &rest).with_parents();
    let gone = before.difference(&after).difference(&owned.with_parents()).intersection(&last.with_parents());
    tree::remove(node, &merged, &gone)
}

fn conflict(conflicts: &[(String, String)]) -> Status {
    let text = match conflicts {
        [(manager, path)] => format!("Apply failed with 1 conflict: conflict with {manager}: {path}"),
        several => {
            let mut managers: Vec<&str> = several.iter().map(|(manager, _)| manager.as_str()).collect();
            managers.sort_unstable();
            managers.dedup();
            let mut lines = Vec::new();
            for manager in managers {
                lines.push(format!("conflicts with {manager}:"));
                let paths = several.iter().filter(|(other, _)| other == manager);
                lines.extend(paths.map(|(_, path)| format!("- {path}")));
            }
            format!("Apply failed with {} conflicts: {}", several.len(), lines.join("\n"))
        }
    };
    let mut status = Status::failure(409, "Conflict", text);
    status.details.get_or_insert_default().causes = conflicts
        .iter()
        .map(|(manager, path)| StatusCause {
            reason: "FieldManagerConflict".into(),
            message: format!("conflict with {manager}"),
            field: path.clone(),
        })
        .collect();
    status
}

/// An object before anything was written to it.
fn empty(resource: &Resource) -> Object {
    let mut object = json!({"apiVersion": resource.group_version().to_string(), "kind": resource.kind});
    match schema::of(&resource.gvk()) {
        Some(of) => schema::normalize(of, &mut object),
        None => object.set_at(&["metadata"], json!({})),
    }
    object
}

/// What nobody manages: the type and the identity.
fn not_managed() -> Set {
    let mut set = Set::default();
    for field in ["apiVersion", "kind"] {
        set.put(format!("f:{field}"), Set::leaf());
    }
    let mut metadata = Set::leaf();
    for field in NOT_MANAGED {
        metadata.put(format!("f:{field}"), Set::leaf());
    }
    set.put("f:metadata".into(), metadata);
    set
}

/// The part of a set that a manager can own by writing to the object or to one of its parts.
fn within(mut set: Set, resource: &Resource, manager: &Manager) -> Set {
    match manager.subresource.as_str() {
        "" if resource.subresource("status").is_some() => {
            set.children.remove("f:status");
        }
        "status" => set.children.retain(|step, _| matches!(step.as_str(), "f:status" | "f:metadata")),
        _ => {}
    }
    set.difference(&not_managed())
}

/// The part of what is applied that counts there: the status does not for the object, the spec and the
/// labels do not for the status.
fn own_part(applied: &Object, resource: &Resource, manager: &Manager) -> Object {
    let mut part = applied.clone();
    match manager.subresource.as_str() {
        "" if resource.subresource("status").is_some() => drop(part.remove_at(&["status"])),
        "status" => {
            part.remove_at(&["spec"]);
            part.remove_at(&["metadata", "labels"]);
        }
        _ => {}
    }
    part
}

/// What is wrong with what is to be applied, of which there is a type or a schema. `kind` is the kind of it
/// where it is not the resource's own.
///
/// # Errors
/// 500, in the words of the real server.
pub fn check(resource: &Resource, kind: Option<&GroupVersionKind>, applied: &Object) -> Result<(), Status> {
    let node = match kind {
        Some(kind) => schema::of(kind).map_or(Node::Deduced, Node::Type),
        None => Node::of(resource),
    };
    let text = match typed::faults(node, applied).as_slice() {
        [] => return Ok(()),
        [only] => only.clone(),
        several => format!("errors:\n  {}", several.join("\n  ")),
    };
    let (namespace, name) = (applied.namespace(), applied.name());
    let text = format!("failed to create typed patch object ({namespace}/{name}; {}): {text}", applied.gvk());
    Err(Status::failure(500, "", text))
}

fn read(object: &Object) -> Vec<Entry> {
    object.list_at(&["metadata", "managedFields"]).iter().map(Entry::read).collect()
}

fn write(object: &mut Object, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.set.is_empty());
    if entries.is_empty() {
        object.remove_at(&["metadata", "managedFields"]);
        return;
    }
    entries.sort_by(|a, b| {
        let key = |entry: &Entry| {
            (entry.operation(), entry.time.clone(), entry.manager.name.clone(), entry.manager.subresource.clone())
        };
        key(a).cmp(&key(b))
    });
    let entries: Vec<Object> = entries.iter().map(Entry::write).collect();
    object.set_at(&["metadata", "managedFields"], entries);
}

#[cfg(test)]
mod tests;
