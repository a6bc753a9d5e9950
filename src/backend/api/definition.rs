//! What happens around `CustomResourceDefinition`s: names are accepted at once, and their objects go
//! before they do.

use serde_json::json;

use super::catalog::DEFINITIONS;
use super::transaction::Inside;
use super::update::is_finished;
use crate::backend::registry::Cluster;
use crate::backend::registry::custom::{self, Definition};
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, time};

/// Holds a definition until its objects are gone.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Names that must be a definition's own within its group: where they stand, the reason if they are not.
const NAMES: &[(&[&str], &str)] = &[
    (&["plural", "singular"], "PluralConflict"),
    (&["singular", "plural"], "SingularConflict"),
    (&["kind", "listKind"], "KindConflict"),
    (&["listKind", "kind"], "ListKindConflict"),
];

impl Inside<'_, '_> {
    /// Brings a definition's status up to its spec.
    pub(super) fn establish(&self, definition: &mut Object) {
        let names = definition.at(&["spec", "names"]).cloned().unwrap_or_default();
        let conflict = self.conflict(definition);
        let now = time::rfc3339(self.now);
        let (accepted, reason, message) = match &conflict {
            Some((reason, message)) => ("False", *reason, message.as_str()),
            None => ("True", "NoConflicts", "no conflicts found"),
        };
        condition(
            definition,
            json!({"type": "NamesAccepted", "status": accepted, "reason": reason, "message": message}),
            &now,
        );
        if conflict.is_none() {
            definition.set_at(&["status", "acceptedNames"], names);
            let (reason, message) = ("InitialNamesAccepted", "the initial names have been accepted");
            condition(
                definition,
                json!({"type": "Established", "status": "True", "reason": reason, "message": message}),
                &now,
            );
        } else if definition.at(&["status", "acceptedNames"]).is_none() {
            definition.set_at(&["status", "acceptedNames"], json!({"plural": "", "kind": ""}));
            let (reason, message) = ("NotAccepted", "not all names are accepted");
            condition(
                definition,
                json!({"type": "Established", "status": "False", "reason": reason, "message": message}),
                &now,
            );
        }
        let mut stored = definition.list_at(&["status", "storedVersions"]).to_vec();
        let versions = definition.list_at(&["spec", "versions"]);
        if let Some(version) = versions.iter().find(|version| version.bool_at(&["storage"])) {
            let name = version.str_at(&["name"]).into();
            if !stored.contains(&name) {
                stored.push(name);
            }
        }
        definition.set_at(&["status", "storedVersions"], stored);
    }

    /// The first name that another definition of the group has.
    fn conflict(&self, definition: &Object) -> Option<(&'static str, String)> {
        let group = definition.str_at(&["spec", "group"]);
        let others = self.list(DEFINITIONS, None);
        let others = others
            .iter()
            .filter(|other| other.str_at(&["spec", "group"]) == group && other.name() != definition.name());
        let names: Vec<&Object> = others.filter_map(|other| other.at(&["status", "acceptedNames"])).collect();
        let used = |name: &str, fields: &[&str]| {
            !name.is_empty()
                && names.iter().any(|names| {
                    fields.iter().any(|field| names.str_at(&[field]) == name)
                        || names.list_at(&["shortNames"]).iter().any(|short| short == name)
                })
        };
        let in_use = |name: &str| format!("\"{name}\" is already in use");
        for (fields, reason) in NAMES {
            let name = fields.first().map_or("", |field| definition.str_at(&["spec", "names", field]));
            if used(name, fields) {
                return Some((reason, in_use(name)));
            }
        }
        let short = definition.list_at(&["spec", "names", "shortNames"]).iter().filter_map(Object::as_str);
        let mut short = short.filter(|name| used(name, &["plural", "singular"]));
        short.next().map(|name| ("ShortNamesConflict", in_use(name)))
    }

    /// Deletes a definition's objects. Whether any is still there, held by its finalizers.
    pub(super) fn delete_instances(&mut self, definition: &Object) -> Result<bool, Status> {
        let Some(defined) = Definition::of(definition) else { return Ok(false) };
        let resource = &defined.storage().resource;
        let mut held = false;
        for object in self.list(resource.group_resource(), None) {
            let options = super::DeleteOptions::default();
            let deleted = self.delete(resource, object.namespace(), object.name(), &options)?;
            held |= matches!(deleted, super::Deleted::Marked(_));
        }
        Ok(held)
    }

    /// Marks a definition whose objects are on their way.
    pub(super) fn hold(&self, definition: &mut Object) {
        let mut finalizers = definition.list_at(&["metadata", "finalizers"]).to_vec();
        if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
            finalizers.push(CLEANUP.into());
        }
        definition.set_at(&["metadata", "finalizers"], finalizers);
        let (reason, message) = ("InstanceDeletionInProgress", "CustomResource deletion is in progress");
        let now = time::rfc3339(self.now);
        condition(
            definition,
            json!({"type": "Terminating", "status": "True", "reason": reason, "message": message}),
            &now,
        );
    }

    /// After an object went: lets its definition go if that waited for it alone.
    pub(super) fn release_definition(&mut self, resource: &Resource) -> Result<(), Status> {
        let key = resource.group_resource();
        if custom::of(resource).is_none() || !self.list(key, None).is_empty() {
            return Ok(());
        }
        let Some(stored) = self.transaction.get(DEFINITIONS, "", key)? else { return Ok(()) };
        let mut definition = stored.parse()?;
        if definition.deletion_timestamp().is_none() {
            return Ok(());
        }
        let mut finalizers = definition.list_at(&["metadata", "finalizers"]).to_vec();
        finalizers.retain(|finalizer| finalizer != CLEANUP);
        definition.set_at(&["metadata", "finalizers"], finalizers);
        if is_finished(DEFINITIONS, &definition) {
            self.transaction.delete(DEFINITIONS, "", key, None)?;
        } else {
            self.transaction.update(DEFINITIONS, &mut definition, None)?;
        }
        Ok(())
    }
}

/// Sets a condition; the time is kept where the status stays the same.
fn condition(definition: &mut Object, mut condition: Object, now: &str) {
    let kind = condition.str_at(&["type"]).to_owned();
    let conditions = definition.at_mut(&["status", "conditions"]);
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else { return };
    let found = conditions.iter().position(|old| old.str_at(&["type"]) == kind);
    let old = found.and_then(|at| conditions.get(at));
    let since = old.filter(|old| old.str_at(&["status"]) == condition.str_at(&["status"]));
    let since = since.map_or(now, |old| old.str_at(&["lastTransitionTime"])).to_owned();
    condition.set_at(&["lastTransitionTime"], since);
    match found.and_then(|at| conditions.get_mut(at)) {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
}
