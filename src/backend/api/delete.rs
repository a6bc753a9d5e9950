//! Deleting objects: at once, after a grace period, or when the last finalizer is gone.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::catalog::DEFINITIONS;
use super::policies::{Admission, Named};
use super::transaction::Inside;
use super::update::is_finished;
use super::webhooks::Write;
use super::{Api, WriteOptions};
use crate::backend::registry::strategy_of;
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status, Timestamp, time};

/// Seconds of grace of a pod that says nothing about it.
const POD_GRACE: i64 = 30;
/// Namespaces without which there is no cluster.
const IMMORTAL: &[&str] = &["default", "kube-public", "kube-system"];

/// How to delete (`metav1.DeleteOptions`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    /// Delete only the object with this UID, where it is not empty.
    pub uid: String,
    /// Delete only this state of the object, where it is not empty.
    pub resource_version: String,
    /// Seconds of grace; `None` leaves it to the object.
    pub grace_period_seconds: Option<i64>,
    /// `Background`, `Foreground` or `Orphan`; empty is the resource's default.
    pub propagation: String,
    /// Do everything but delete.
    pub dry_run: bool,
    /// Who asks; none for the cluster itself.
    pub user: Option<super::access::User>,
}

/// What a delete led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Deleted {
    /// The object is gone; this is what it was.
    Gone(Object),
    /// The object is marked and goes later; this is what it is now.
    Marked(Object),
}

impl Deleted {
    /// The object.
    pub fn object(&self) -> &Object {
        match self {
            Self::Gone(object) | Self::Marked(object) => object,
        }
    }
}

impl Api {
    /// Deletes an object, or marks it as being deleted.
    pub fn delete_with(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        self.delete_warned(resource, namespace, name, options).map(|(deleted, _)| deleted)
    }

    /// The same, with texts for `Warning` headers.
    pub(super) fn delete_warned(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(Deleted, Vec<String>), Status> {
        self.write(|inside| {
            let deleted = inside.delete(resource, namespace, name, options)?;
            Ok((deleted, inside.warnings.take()))
        })
    }

    /// Evicts a pod: deletes it, if its disruption budgets allow one less.
    pub(super) fn evict(&self, namespace: &str, name: &str, options: &DeleteOptions) -> Result<(), Status> {
        self.write(|inside| {
            let (pod, _) = inside.find("pods", namespace, name)?;
            let pods = inside.known("pods")?;
            let write = WriteOptions { dry_run: options.dry_run, ..WriteOptions::default() };
            let mut eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": name, "namespace": namespace}});
            let part = Named { subresource: "eviction", namespace, name };
            inside.pass(pods, "CREATE", part, &write, &mut eviction)?;
            inside.check_budgets(&pod, options)?;
            inside.delete(inside.known("pods")?, namespace, name, options).map(drop)
        })
    }
}

impl Inside<'_, '_> {
    pub(super) fn delete(
        &mut self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        let key = resource.group_resource();
        let (old, revision) = self.find(key, namespace, name)?;
        check_preconditions(resource, &old, options)?;
        if key == "namespaces" && IMMORTAL.contains(&name) {
            return Err(Status::forbidden(key, name, "this namespace may not be deleted"));
        }
        let write = WriteOptions { dry_run: options.dry_run, user: options.user.clone(), ..WriteOptions::default() };
        let admission =
            Admission { resource, operation: "DELETE", object: None, old: Some(&old), options: &write, part: None };
        let found = self.validate_by_policies(&admission)?;
        self.warnings.borrow_mut().extend(found);
        if let Some(asked) = self.write_for_webhooks(resource, "DELETE", &write, "", (namespace, name)) {
            let mut asked = Write { old: Some(&old), ..asked };
            asked.asker.options = self.shown_options(resource, &old, options);
            self.mutate_by_webhooks(&asked, &mut Object::clone(&old))?;
            self.validate_by_webhooks(&asked)?;
        }
        let mut object = Object::clone(&old);
        set_propagation(key, &mut object, options);
        if key == DEFINITIONS && !options.dry_run && self.delete_instances(&old)? {
            self.hold(&mut object);
        }
        match self.grace(resource, &object, options) {
            Grace::Pending => return Ok(Deleted::Marked(Arc::unwrap_or_clone(old))),
            Grace::Seconds(seconds) => mark(&mut object, self.now, seconds),
            Grace::None => {
                // Marked only where something still holds it; else it goes with the metadata it has.
                let held = !object.list_at(&["metadata", "finalizers"]).is_empty()
                    || (key == "namespaces" && !object.list_at(&["spec", "finalizers"]).is_empty());
                if !held {
                    if !options.dry_run {
                        self.forget_events(key, name)?;
                        self.transaction.delete(key, namespace, name, Some(revision))?;
                    }
                    return Ok(Deleted::Gone(Arc::unwrap_or_clone(old)));
                }
                mark(&mut object, self.now, 0);
                if key == "namespaces" {
                    object.remove_at(&["metadata", "deletionGracePeriodSeconds"]);
                    object.set_at(&["status", "phase"], "Terminating");
                }
            }
        }
        debug_assert!(!is_finished(key, &object), "an object without finalizers or grace is gone at once");
        if object != *old && !options.dry_run {
            self.transaction.update(key, &mut object, Some(revision))?;
        }
        Ok(Deleted::Marked(object))
    }

    /// A namespace takes its events along. No controller looks at events, so that none does this.
    pub(super) fn forget_events(&mut self, key: &str, namespace: &str) -> Result<(), Status> {
        if key != "namespaces" {
            return Ok(());
        }
        for event in self.transaction.list("events", Some(namespace))? {
            self.transaction.delete("events", namespace, event.name(), None)?;
        }
        Ok(())
    }

    /// The options as webhooks see them: with the grace that an object has by itself.
    fn shown_options(&self, resource: &Resource, object: &Object, options: &DeleteOptions) -> Object {
        let mut shown = json!({});
        let own = || if resource.group_resource() == "pods" { self.usual_grace(resource, object) } else { None };
        if let Some(seconds) = options.grace_period_seconds.or_else(own) {
            shown.set_at(&["gracePeriodSeconds"], seconds);
        }
        let preconditions = [("uid", &options.uid), ("resourceVersion", &options.resource_version)];
        for (field, value) in preconditions.into_iter().filter(|(_, value)| !value.is_empty()) {
            shown.set_at(&["preconditions", field], value.as_str());
        }
        if !options.propagation.is_empty() {
            shown.set_at(&["propagationPolicy"], options.propagation.as_str());
        }
        shown
    }

    /// Seconds of grace where nobody asks for others; none for what goes at once.
    fn usual_grace(&self, resource: &Resource, object: &Object) -> Option<i64> {
        let own = strategy_of(resource).default_grace_period(object);
        if resource.group_resource() != "pods" {
            return own;
        }
        Some(own.or(object.int_at(&["spec", "terminationGracePeriodSeconds"])).unwrap_or(POD_GRACE))
    }

    fn grace(&self, resource: &Resource, object: &Object, options: &DeleteOptions) -> Grace {
        let key = resource.group_resource();
        let asked = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
        let default = self.usual_grace(resource, object);
        let Some(default) = default else { return Grace::None };
        let ended = matches!(object.str_at(&["status", "phase"]), "Succeeded" | "Failed");
        let unscheduled = key == "pods" && object.str_at(&["spec", "nodeName"]).is_empty();
        if object.deletion_timestamp().is_some() {
            let current = object.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
            return match asked {
                _ if current == 0 => Grace::None,
                Some(0) => Grace::None,
                Some(asked) if asked < current => Grace::Seconds(asked),
                _ => Grace::Pending,
            };
        }
        match asked.unwrap_or(default) {
            _ if ended || unscheduled => Grace::None,
            seconds if seconds <= 0 => Grace::None,
            seconds => Grace::Seconds(seconds),
        }
    }
}

enum Grace {
    /// Goes now, unless finalizers hold it.
    None,
    /// Goes later, by the hand of whoever stops it.
    Seconds(i64),
    /// Is on its way already.
    Pending,
}

/// Marks an object as being deleted, or brings the end of one that is marked closer.
fn mark(object: &mut Object, now: Timestamp, grace: i64) {
    let path = ["metadata", "deletionGracePeriodSeconds"];
    let (at, grace) = match object.deletion_timestamp() {
        Some(at) if grace > 0 => {
            let before = object.int_at(&path).unwrap_or(0);
            let moved = at.saturating_add(SignedDuration::from_secs(grace - before)).unwrap_or(at);
            // An end that is already over leaves one second to end properly.
            if moved < now { (now, 1) } else { (moved, grace) }
        }
        Some(at) => (at, grace),
        None => {
            if object.generation() > 0 {
                object.set_at(&["metadata", "generation"], object.generation() + 1);
            }
            (now.saturating_add(SignedDuration::from_secs(grace)).unwrap_or(now), grace)
        }
    };
    object.set_at(&["metadata", "deletionTimestamp"], time::rfc3339(at));
    object.set_at(&path, grace);
}

fn check_preconditions(resource: &Resource, object: &Object, options: &DeleteOptions) -> Result<(), Status> {
    let subject = resource.gvk().group_kind().to_string();
    let refuse = |why: String| Err(Status::conflict(&subject, object.name(), &why));
    if !options.uid.is_empty() && options.uid != object.uid() {
        return refuse(format!(
            "the UID in the precondition ({}) does not match the UID in record ({}). The object might have been deleted and then recreated",
            options.uid,
            object.uid()
        ));
    }
    if !options.resource_version.is_empty() && options.resource_version != object.resource_version() {
        return refuse(format!(
            "the ResourceVersion in the precondition ({}) does not match the ResourceVersion in record ({}). The object might have been modified",
            options.resource_version,
            object.resource_version()
        ));
    }
    Ok(())
}

/// Says by finalizers what the garbage collector is to do with the object's dependents.
fn set_propagation(key: &str, object: &mut Object, options: &DeleteOptions) {
    let default = if matches!(key, "jobs.batch" | "replicationcontrollers") { "Orphan" } else { "" };
    let (orphan, foreground) = match options.propagation.as_str() {
        "Orphan" => (true, false),
        "Foreground" => (false, true),
        "Background" => (false, false),
        _ => {
            let has = |finalizer: &str| object.list_at(&["metadata", "finalizers"]).iter().any(|f| f == finalizer);
            let (orphan, foreground) = (has("orphan"), has("foregroundDeletion"));
            (orphan || (default == "Orphan" && !foreground), foreground)
        }
    };
    let mut finalizers: Vec<Object> = object.list_at(&["metadata", "finalizers"]).to_vec();
    for (name, wanted) in [("orphan", orphan), ("foregroundDeletion", foreground)] {
        let there = finalizers.iter().any(|finalizer| finalizer == name);
        if wanted && !there {
            finalizers.push(name.into());
        } else if there && !wanted {
            finalizers.retain(|finalizer| finalizer != name);
        }
    }
    if finalizers.is_empty() {
        object.remove_at(&["metadata", "finalizers"]);
    } else {
        object.set_at(&["metadata", "finalizers"], finalizers);
    }
}
