//! Creating objects.

use serde_json::json;

use super::access::escalation;
use super::catalog::DEFINITIONS;
use super::policies::Admission;
use super::transaction::Inside;
use super::webhooks::Write;
use super::{Api, WriteOptions, Written};
use super::{random, size, token};
use crate::backend::registry::strategies::{admission, quota};
use crate::backend::registry::{Cluster, FieldError, Plugin, custom, managed, strategy_of};
use crate::object::builtin::Resource;
use crate::object::status::StatusCause;
use crate::object::{Meta, Object, Status, time};

/// The longest start of a generated name: 63 characters less the random ones.
const LONGEST_BASE: usize = 58;
/// How often a generated name that is taken is replaced by another.
const NAME_ATTEMPTS: usize = 8;

impl Api {
    /// Creates an object of a resource (in its storage version) where its metadata says.
    pub fn create_with(
        &self,
        resource: &'static Resource,
        mut object: Object,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        if resource.group_resource() == "secrets" {
            token::fill(self, &mut object)?;
        }
        self.write(|inside| inside.create(resource, object, options))
    }

    /// Creates several objects (each with its resource's name), all or none. Those that are there
    /// already stay as they are. Subresources are taken as given too.
    pub fn create_all(&self, objects: Vec<(&str, Object)>, options: &WriteOptions) -> Result<(), Status> {
        self.write(|inside| {
            for (name, object) in objects {
                let resource = inside.known(name)?;
                if inside.transaction.exists(name, object.namespace(), object.name())? {
                    continue;
                }
                let status = object.at(&["status"]).cloned();
                let mut created = inside.create(resource, object, options)?.object;
                if let Some(status) = status
                    && created.at(&["status"]) != Some(&status)
                {
                    created.set_at(&["status"], status);
                    inside.transaction.update(name, &mut created, None)?;
                }
            }
            Ok(())
        })
    }
}

impl Inside<'_, '_> {
    pub(super) fn create(
        &mut self,
        resource: &'static Resource,
        mut object: Object,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        let key = resource.group_resource();
        let strategy = strategy_of(resource);
        let custom = custom::of(resource);
        object.set_at(&["apiVersion"], resource.group_version().to_string());
        object.set_at(&["kind"], resource.kind);
        self.check_namespace(resource, &mut object)?;
        if !object.resource_version().is_empty() {
            return Err(Status::failure(500, "", "resourceVersion should not be set on objects to be created"));
        }
        strategy.default(&mut object);
        if let Some(custom) = options.version.or(custom) {
            custom.default(&mut object);
        }
        let policed = Admission { resource, operation: "CREATE", object: None, old: None, options, part: None };
        if self.mutate_by_policies(&policed, &mut object)? {
            strategy.default(&mut object);
        }
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
            object.remove_at(&["metadata", field]);
        }
        if !options.manager.as_ref().is_some_and(|manager| manager.applies) {
            object.remove_at(&["metadata", "managedFields"]);
        }
        if let Some(manager) = options.manager.as_ref().filter(|manager| !manager.applies) {
            let written = options.version.map_or(resource, |custom| &custom.resource);
            managed::update(written, None, &mut object, manager, self.now);
        }
        let place = (object.namespace().to_owned(), object.name().to_owned());
        let asked = self.write_for_webhooks(resource, "CREATE", options, "", (&place.0, &place.1));
        if let Some(write) = &asked {
            if key == "pods" {
                admission::complete_pod(&mut object, self)?;
            }
            self.mutate_by_webhooks(write, &mut object)?;
        }
        object.set_at(&["metadata", "creationTimestamp"], time::rfc3339(self.now));
        object.set_at(&["metadata", "uid"], random::uuid(self.rng.get_mut()));
        let base = object.str_at(&["metadata", "generateName"]).to_owned();
        let generated = object.name().is_empty() && !base.is_empty();
        if generated {
            self.generate_name(key, &base, &mut object)?;
        }
        strategy.prepare_for_create(&mut object, self)?;
        if key == DEFINITIONS {
            self.establish(&mut object);
        }
        let mut warnings = Vec::new();
        if let Some(user) = &options.user {
            escalation::check(self, user, key, &object, None)?;
        }
        let mut errors = strategy.validate(&object);
        errors.extend(strategy.validate_create(&object));
        if let Some(custom) = options.version.or(custom) {
            errors.extend(custom.validate(&object, None, &mut warnings));
        }
        if object.name().is_empty() && errors.is_empty() {
            errors.push(FieldError::required("metadata.name", "name or generateName is required"));
        }
        if !errors.is_empty() {
            return Err(Status::invalid(&resource.gvk().group_kind(), object.name(), &errors));
        }
        warnings.extend(strategy.warnings(&object, None));
        warnings.extend(self.pod_security_warning(key, &object, None));
        warnings.extend(self.validate_by_policies(&Admission { object: Some(&object), ..policed })?);
        if let Some(write) = asked {
            self.validate_by_webhooks(&Write { object: Some(&object), ..write })?;
        }
        if self.admits(Plugin::ResourceQuota) {
            quota::check(key, &object, None, self)?;
        }
        if self.transaction.exists(key, object.namespace(), object.name())? {
            let mut status = Status::already_exists(key, object.name());
            if generated {
                status.message.push_str(", the server was not able to generate a unique name for the object");
            }
            return Err(status);
        }
        if !options.dry_run {
            if let Some(manager) = &options.manager {
                size::limit(&mut object, manager.applies)?;
            }
            self.transaction.create(key, &mut object)?;
        }
        Ok(Written { object, warnings })
    }

    /// Creates an object with a name that the cluster made itself, so that nothing is wrong with it.
    pub(super) fn create_own(&mut self, resource: &'static Resource, mut object: Object) -> Result<(), Status> {
        let strategy = strategy_of(resource);
        object.set_at(&["apiVersion"], resource.group_version().to_string());
        object.set_at(&["kind"], resource.kind);
        self.check_namespace(resource, &mut object)?;
        strategy.default(&mut object);
        object.set_at(&["metadata", "creationTimestamp"], time::rfc3339(self.now));
        object.set_at(&["metadata", "uid"], random::uuid(self.rng.get_mut()));
        strategy.prepare_for_create(&mut object, self)?;
        if self.admits(Plugin::ResourceQuota) {
            quota::check(resource.group_resource(), &object, None, self)?;
        }
        self.transaction.create(resource.group_resource(), &mut object)?;
        Ok(())
    }

    fn generate_name(&mut self, key: &str, base: &str, object: &mut Object) -> Result<(), Status> {
        let base: String = base.chars().take(LONGEST_BASE).collect();
        for _ in 0..NAME_ATTEMPTS {
            let name = format!("{base}{}", random::suffix(self.rng.get_mut(), 5));
            let taken = self.transaction.exists(key, object.namespace(), &name)?;
            object.set_at(&["metadata", "name"], name);
            if !taken {
                break;
            }
        }
        Ok(())
    }

    /// Objects come into being only in namespaces that are there and stay.
    fn check_namespace(&self, resource: &Resource, object: &mut Object) -> Result<(), Status> {
        let key = resource.group_resource();
        if !resource.namespaced {
            object.remove_at(&["metadata", "namespace"]);
            return Ok(());
        }
        let namespace = object.namespace().to_owned();
        let Some((found, _)) = self.transaction.object("namespaces", "", &namespace)? else {
            return Err(Status::not_found("namespaces", &namespace));
        };
        if found.deletion_timestamp().is_none() && found.str_at(&["status", "phase"]) != "Terminating" {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let mut status = Status::forbidden(key, object.name(), &why);
        status.details.get_or_insert_default().causes.push(StatusCause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {namespace} is being terminated"),
            field: "metadata.namespace".into(),
        });
        Err(status)
    }
}

/// A binding's effect on a pod: it is on that node now.
pub(super) fn bind(pod: &mut Object, node: &str, now: crate::object::Timestamp) {
    pod.set_at(&["spec", "nodeName"], node);
    let conditions = pod.at_mut(&["status", "conditions"]);
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    if let Some(conditions) = conditions.as_array_mut() {
        let scheduled = |condition: &Object| condition.str_at(&["type"]) == "PodScheduled";
        match conditions.iter_mut().find(|condition| scheduled(condition)) {
            Some(condition) if condition.str_at(&["status"]) == "True" => {}
            Some(condition) => *condition = scheduled_condition(now),
            None => conditions.push(scheduled_condition(now)),
        }
    }
}

fn scheduled_condition(now: crate::object::Timestamp) -> Object {
    json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": time::rfc3339(now)})
}
