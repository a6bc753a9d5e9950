//! Changing objects.

use std::sync::Arc;

use serde_json::json;

use super::access::escalation;
use super::approval;
use super::catalog::DEFINITIONS;
use super::policies::{Admission, Named};
use super::size;
use super::transaction::Inside;
use super::webhooks::Write;
use super::{Api, WriteOptions, Written};
use crate::backend::registry::strategies::pod::qos_class;
use crate::backend::registry::strategies::{admission, quota};
use crate::backend::registry::validation::{Faults, ephemeral};
use crate::backend::registry::{Cluster, FieldError, FieldErrors, Plugin, custom, managed, strategy_of};
use crate::object::builtin::{self, Resource};
use crate::object::{Meta, Object, Status};

/// Metadata that clients cannot change.
const SYSTEM_METADATA: &[&str] =
    &["creationTimestamp", "uid", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"];

/// Metadata that may come with a status.
const REPORTED_METADATA: [&str; 2] = ["annotations", "finalizers"];

/// Which part of an object a write is about; the rest stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everything but what belongs to subresources.
    Whole,
    /// `status`, and the annotations and finalizers.
    Status,
    /// A certificate signing request's `status.conditions`.
    Approval,
    /// A namespace's `spec.finalizers`.
    Finalize,
    /// A pod's `spec.ephemeralContainers`.
    EphemeralContainers,
    /// The resources of a pod's containers.
    Resize,
}

impl Part {
    /// The part behind a subresource that is written as a whole object.
    pub fn of_subresource(name: &str) -> Option<Self> {
        Some(match name {
            "" => Self::Whole,
            "status" => Self::Status,
            "approval" => Self::Approval,
            "finalize" => Self::Finalize,
            "ephemeralcontainers" => Self::EphemeralContainers,
            "resize" => Self::Resize,
            _ => return None,
        })
    }

    /// The subresource behind a part.
    fn subresource(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Status => "status",
            Self::Approval => "approval",
            Self::Finalize => "finalize",
            Self::EphemeralContainers => "ephemeralcontainers",
            Self::Resize => "resize",
        }
    }

    /// The old object with this part of the new one.
    fn take(self, mut new: Object, old: &Object) -> Object {
        let path: &[&str] = match self {
            Self::Whole => return new,
            Self::Status => &["status"],
            Self::Approval => &["status", "conditions"],
            Self::Finalize => &["spec", "finalizers"],
            Self::EphemeralContainers => &["spec", "ephemeralContainers"],
            Self::Resize => return resized(new, old),
        };
        let mut result = old.clone();
        match new.remove_at(path) {
            Some(value) => result.set_at(path, value),
            None => drop(result.remove_at(path)),
        }
        if self == Self::Status {
            // Whoever reports a status may annotate, or let go of, the object with the same write.
            for field in REPORTED_METADATA {
                match new.remove_at(&["metadata", field]) {
                    Some(value) => result.set_at(&["metadata", field], value),
                    None => drop(result.remove_at(&["metadata", field])),
                }
            }
        }
        result
    }
}

impl Api {
    /// Replaces a part of an object. A `resourceVersion` or UID in it must be the current one.
    pub fn update_with(
        &self,
        resource: &'static Resource,
        part: Part,
        object: Object,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.write(|inside| {
            let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
            inside.change(resource, &namespace, &name, part, options, |_| Ok(object))
        })
    }

    /// Changes a part of an object by what `edit` makes of it.
    pub fn change_with(
        &self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        part: Part,
        options: &WriteOptions,
        edit: impl FnOnce(&Object) -> Result<Object, Status>,
    ) -> Result<Written, Status> {
        self.write(|inside| inside.change(resource, namespace, name, part, options, edit))
    }

    /// Puts a pod on a node.
    pub fn bind(&self, namespace: &str, pod: &str, node: &str) -> Result<(), Status> {
        self.bind_with(namespace, pod, node, &[], &WriteOptions::default())
    }

    /// Puts a pod on a node and gives it annotations.
    pub(super) fn bind_with(
        &self,
        namespace: &str,
        name: &str,
        node: &str,
        annotations: &[(&str, &str)],
        options: &WriteOptions,
    ) -> Result<(), Status> {
        self.write(|inside| {
            let (pod, revision) = inside.find("pods", namespace, name)?;
            let refuse = |why: String| Err(Status::conflict("pods/binding", name, &why));
            if pod.deletion_timestamp().is_some() {
                return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
            }
            let current = pod.str_at(&["spec", "nodeName"]);
            if !current.is_empty() {
                return refuse(format!("pod {name} is already assigned to node \"{current}\""));
            }
            let pods = inside.known("pods")?;
            if !inside.is_admitted_by_itself() {
                let target = json!({"kind": "Node", "name": node});
                let mut binding = json!({"apiVersion": "v1", "kind": "Binding", "target": target,
                    "metadata": {"name": name, "namespace": namespace}});
                let part = Named { subresource: "binding", namespace, name };
                inside.pass(pods, "CREATE", part, options, &mut binding)?;
            }
            let mut pod = Arc::unwrap_or_clone(pod);
            super::create::bind(&mut pod, node, inside.now);
            admission::topology_labels(&mut pod, inside);
            for (key, value) in annotations {
                pod.set_at(&["metadata", "annotations", key], *value);
            }
            if !options.dry_run {
                inside.transaction.update("pods", &mut pod, Some(revision))?;
            }
            Ok(())
        })
    }
}

impl Inside<'_, '_> {
    pub(super) fn change(
        &mut self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        part: Part,
        options: &WriteOptions,
        edit: impl FnOnce(&Object) -> Result<Object, Status>,
    ) -> Result<Written, Status> {
        let key = resource.group_resource();
        let strategy = strategy_of(resource);
        let (old, revision) = self.find(key, namespace, name)?;
        let new = edit(&old)?;
        check_identity(key, &new, &old)?;
        if part == Part::Status && self.is_own_report(resource, &old, options) {
            return self.report(resource, new, old, revision);
        }
        let applied_fields = new.at(&["metadata", "managedFields"]).cloned();
        let given_fields = applied_fields.clone().filter(|given| Some(given) != old.at(&["metadata", "managedFields"]));
        let mut new = part.take(new, &old);
        new.set_at(&["apiVersion"], resource.group_version().to_string());
        new.set_at(&["kind"], resource.kind);
        new.set_at(&["metadata", "name"], name);
        if resource.namespaced {
            new.set_at(&["metadata", "namespace"], namespace);
        }
        new.set_at(&["metadata", "resourceVersion"], old.resource_version());
        let applies = options.manager.as_ref().is_some_and(|manager| manager.applies);
        let applied = applied_fields.filter(|_| applies);
        for field in SYSTEM_METADATA.iter().chain(&["generation"]) {
            match old.at(&["metadata", field]) {
                Some(value) => new.set_at(&["metadata", field], value.clone()),
                None => drop(new.remove_at(&["metadata", field])),
            }
        }
        let policed = Admission { resource, operation: "UPDATE", object: None, old: Some(&old), options, part: None };
        if self.mutate_by_policies(&policed, &mut new)? {
            new = part.take(new, &old);
        }
        let mut errors = FieldErrors::new();
        let mut warnings = Vec::new();
        if matches!(part, Part::Whole | Part::EphemeralContainers | Part::Resize) {
            strategy.default(&mut new);
        }
        match (&options.manager, applied) {
            (_, Some(applied)) => new.set_at(&["metadata", "managedFields"], applied),
            (Some(manager), None) if !applies => {
                let before = given_fields.and_then(|given| with_managed_fields(&old, given));
                let written = options.version.map_or(resource, |custom| &custom.resource);
                managed::update(written, Some(before.as_ref().unwrap_or(&old)), &mut new, manager, self.now);
            }
            _ => {}
        }
        let asked = self.write_for_webhooks(resource, "UPDATE", options, part.subresource(), (namespace, name));
        let asked = asked.map(|write| Write { old: Some(&old), ..write });
        if let Some(write) = &asked
            && self.mutate_by_webhooks(write, &mut new)?
        {
            new = part.take(new, &old);
        }
        match part {
            Part::Whole => {
                if let Some(user) = &options.user {
                    escalation::check(self, user, key, &new, Some(&old))?;
                }
                strategy.prepare_for_update(&mut new, &old, self)?;
                errors = strategy.validate(&new);
                errors.extend(strategy.validate_update(&new, &old));
                if key == DEFINITIONS {
                    self.establish(&mut new);
                }
            }
            Part::Status | Part::Approval => {
                strategy.prepare_for_status_update(&mut new, &old);
                if key == approval::REQUESTS {
                    approval::date(&mut new, &old, self.now);
                }
            }
            Part::Finalize => {}
            Part::EphemeralContainers | Part::Resize => {
                strategy.default(&mut new);
                errors = strategy.validate(&new);
                if part == Part::EphemeralContainers {
                    let mut faults = Faults::default();
                    ephemeral::update(&new, &old, &mut faults);
                    errors.append(&mut faults.0);
                } else if qos_class(&new) != qos_class(&old) {
                    let why = "Pod QOS Class may not change as a result of resizing";
                    errors.push(FieldError::invalid("spec", qos_class(&old), why));
                }
                if new.at(&["spec"]) != old.at(&["spec"]) && old.generation() > 0 {
                    new.set_at(&["metadata", "generation"], old.generation() + 1);
                }
            }
        }
        if let Some(custom) = options.version.or(custom::of(resource)) {
            custom.default(&mut new);
            errors.extend(custom.validate(&new, Some(&old), &mut warnings));
        }
        if !errors.is_empty() {
            return Err(Status::invalid(&resource.gvk().group_kind(), name, &errors));
        }
        warnings.extend(strategy.warnings(&new, Some(&old)));
        warnings.extend(self.pod_security_warning(key, &new, Some(&old)));
        warnings.extend(self.validate_by_policies(&Admission { object: Some(&new), ..policed })?);
        if let Some(write) = asked {
            self.validate_by_webhooks(&Write { object: Some(&new), ..write })?;
        }
        if matches!(part, Part::Whole | Part::Resize) && self.admits(Plugin::ResourceQuota) {
            quota::check(key, &new, Some(&old), self)?;
        }
        if options.dry_run {
            return Ok(Written { object: new, warnings });
        }
        if is_finished(key, &new) {
            self.forget_events(key, name)?;
            self.transaction.delete(key, namespace, name, Some(revision))?;
            self.release_definition(resource)?;
        } else if new != *old {
            if let Some(manager) = &options.manager {
                size::limit(&mut new, manager.applies)?;
            }
            self.transaction.update(key, &mut new, Some(revision))?;
        }
        Ok(Written { object: new, warnings })
    }
}

impl Inside<'_, '_> {
    /// Whether the status of an object is written by the cluster itself, and nobody else has a say in it.
    fn is_own_report(&self, resource: &'static Resource, old: &Object, options: &WriteOptions) -> bool {
        let WriteOptions { dry_run, version, manager, user } = options;
        !dry_run
            && version.is_none()
            && manager.is_none()
            && user.is_none()
            && old.deletion_timestamp().is_none()
            && resource.group_resource() != approval::REQUESTS
            && custom::of(resource).is_none()
            && self.is_admitted_by_itself()
    }

    /// Writes such a status: nothing but that and what may come with it is looked at.
    fn report(
        &mut self,
        resource: &'static Resource,
        mut new: Object,
        old: Arc<Object>,
        revision: u64,
    ) -> Result<Written, Status> {
        let mut part =
            json!({"apiVersion": resource.group_version().to_string(), "kind": resource.kind, "metadata": {}});
        if let Some(status) = new.remove_at(&["status"]) {
            part.set_at(&["status"], status);
        }
        for field in REPORTED_METADATA {
            if let Some(value) = new.remove_at(&["metadata", field]) {
                part.set_at(&["metadata", field], value);
            }
        }
        strategy_of(resource).prepare_for_status_update(&mut part, &old);
        let is_same =
            REPORTED_METADATA.iter().map(|field| ["metadata", field]).all(|path| part.at(&path) == old.at(&path))
                && part.at(&["status"]) == old.at(&["status"]);
        if is_same {
            return Ok(Written { object: Arc::unwrap_or_clone(old), warnings: Vec::new() });
        }
        let rest = old.as_object().into_iter().flatten().filter(|(field, _)| *field != "status");
        let mut object = Object::Object(rest.map(|(field, value)| (field.clone(), value.clone())).collect());
        if let Some(status) = part.remove_at(&["status"]) {
            object.set_at(&["status"], status);
        }
        for field in REPORTED_METADATA {
            match part.remove_at(&["metadata", field]) {
                Some(value) => object.set_at(&["metadata", field], value),
                None => drop(object.remove_at(&["metadata", field])),
            }
        }
        self.transaction.replace(resource.group_resource(), &mut object, (old, revision))?;
        Ok(Written { object, warnings: Vec::new() })
    }
}

/// An object with the books that a client gives it: its own entries, or none (`[{}]`). None where what is
/// given has no entries: then the books stay.
fn with_managed_fields(old: &Object, given: Object) -> Option<Object> {
    let entries = given.as_array()?;
    let mut object = old.clone();
    if entries.len() == 1 && entries.iter().all(|entry| *entry == serde_json::json!({})) {
        object.remove_at(&["metadata", "managedFields"]);
        return Some(object);
    }
    let is_entry = |entry: &Object| entry.get("fieldsV1").is_some_and(Object::is_object);
    if entries.is_empty() || !entries.iter().all(is_entry) {
        return None;
    }
    object.set_at(&["metadata", "managedFields"], given);
    Some(object)
}

/// Whether nothing holds an object any longer that is being deleted.
pub(super) fn is_finished(key: &str, object: &Object) -> bool {
    object.deletion_timestamp().is_some()
        && object.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0) == 0
        && object.list_at(&["metadata", "finalizers"]).is_empty()
        && (key != "namespaces" || object.list_at(&["spec", "finalizers"]).is_empty())
}

/// A write says which object it is about, and may say which state of it.
/// Where the real server keeps a resource, as its errors tell it.
fn registry_path(key: &str) -> String {
    let (plural, group) = key.split_once('.').unwrap_or((key, ""));
    match (plural, group) {
        ("replicationcontrollers", "") => "controllers".to_owned(),
        ("endpoints", "") => "services/endpoints".to_owned(),
        ("nodes", "") => "minions".to_owned(),
        ("services", "") => "services/specs".to_owned(),
        ("ingresses", _) => "ingress".to_owned(),
        (_, "apiextensions.k8s.io" | "apiregistration.k8s.io") => format!("{group}/{plural}"),
        _ if builtin::by_group_resource(key).is_some() => plural.to_owned(),
        _ => format!("{group}/{plural}"),
    }
}

/// What keeps a text from being a revision.
fn unreadable(version: &str) -> Option<String> {
    let digits = version.bytes().all(|byte| byte.is_ascii_digit());
    (!digits).then(|| format!("strconv.ParseUint: parsing {version:?}: invalid syntax"))
}

fn check_identity(key: &str, new: &Object, old: &Object) -> Result<(), Status> {
    let name = old.name();
    if !new.uid().is_empty() && new.uid() != old.uid() {
        let place = if old.namespace().is_empty() { String::new() } else { format!("{}/", old.namespace()) };
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{place}{name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {}, UID in object meta: {}",
            registry_path(key),
            new.uid(),
            old.uid()
        );
        return Err(Status::conflict(key, name, &why));
    }
    let version = new.resource_version();
    if let Some(why) = unreadable(version) {
        return Err(Status::failure(500, "", why));
    }
    if !version.is_empty() && version != "0" && version != old.resource_version() {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Status::conflict(key, name, why));
    }
    Ok(())
}

/// The old pod with the resources that the new one's containers ask for.
fn resized(mut new: Object, old: &Object) -> Object {
    let mut result = old.clone();
    for list in ["containers", "initContainers"] {
        let Some(containers) = result.at_mut(&["spec"]).get_mut(list).and_then(Object::as_array_mut) else { continue };
        let Some(wanted) = new.at_mut(&["spec"]).get_mut(list).and_then(Object::as_array_mut) else { continue };
        for container in containers {
            let Some(wanted) = wanted.iter_mut().find(|wanted| wanted.get("name") == container.get("name")) else {
                continue;
            };
            for field in ["resources", "resizePolicy"] {
                if let Some(value) = wanted.remove_at(&[field]) {
                    container.set_at(&[field], value);
                }
            }
        }
    }
    result
}
