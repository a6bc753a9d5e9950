//! What webhooks are told: `AdmissionReview`s, and where they go.

use std::time::Duration;

use serde_json::json;

use super::admit::Write;
use super::hooks::Hook;
use super::service::call_to;
use super::{Asker, Question, Session, WebhookCall, convert};
use crate::backend::api::query::Query;
use crate::backend::api::random;
use crate::backend::api::transaction::Inside;
use crate::backend::api::{access::User, scale};
use crate::backend::registry::convert::between;
use crate::object::builtin::Resource;
use crate::object::{Meta, Object, Status};

/// The name of kubelets' users, before that of the node.
pub(super) const KUBELET: &str = "system:node";
/// Subresources with objects of their own, which come as they are.
const OWN_OBJECTS: &[&str] = &["attach", "binding", "eviction", "exec", "portforward", "proxy", "token"];

impl Write<'_> {
    /// An object of the write as it is in a version of the resource.
    pub(super) fn shown(
        &self,
        session: Option<&Session>,
        resource: &'static Resource,
        object: Option<&Object>,
    ) -> Result<Option<Object>, Status> {
        let Some(object) = object else { return Ok(None) };
        if OWN_OBJECTS.contains(&self.subresource) {
            return Ok(Some(object.clone()));
        }
        if self.subresource == "scale" {
            return Ok(Some(scale::of(self.resource, object)));
        }
        let way = if std::ptr::eq(self.resource, resource) { None } else { between(self.resource, resource) };
        Ok(Some(match way {
            Some(way) => convert(session, way, object)?,
            None => object.clone(),
        }))
    }

    /// `AdmissionRequest`, without the objects and the UID.
    pub(super) fn request(&self, resource: &'static Resource) -> Object {
        let kind = |resource: &Resource| match resource.subresource(self.subresource) {
            Some(part) => json!({"group": part.group, "version": part.version, "kind": part.kind}),
            None => json!({"group": resource.group, "version": resource.version, "kind": resource.kind}),
        };
        let plural = |of: &Resource| json!({"group": of.group, "version": of.version, "resource": of.plural});
        let mut request = json!({
            "kind": kind(resource), "resource": plural(resource),
            "requestKind": kind(self.requested), "requestResource": plural(self.requested),
            "operation": self.operation,
            "userInfo": self.user().to_object(),
            "dryRun": self.dry_run,
            "options": self.options(),
        });
        let namespace = if self.is_about_namespace() { self.name } else { self.namespace };
        for (field, value) in [
            ("subResource", self.subresource),
            ("requestSubResource", self.subresource),
            ("name", self.name),
            ("namespace", namespace),
        ] {
            if !value.is_empty() {
                request.set_at(&[field], value);
            }
        }
        request
    }

    /// Who writes. A kubelet is that of its node.
    fn user(&self) -> User {
        let mut user = self.asker.user.clone().unwrap_or_else(User::admin);
        if user.name == KUBELET {
            let pod = self.object.or(self.old);
            let node = pod.map_or("", |pod| pod.str_at(&["spec", "nodeName"]));
            user.name = format!("{KUBELET}:{}", if self.resource.plural == "nodes" { self.name } else { node });
        }
        user
    }

    /// The options of the operation; a connection has none.
    fn options(&self) -> Object {
        self.asker.options_of(self.operation, self.dry_run)
    }
}

impl Asker {
    /// The options of an operation; a connection has none.
    pub(in crate::backend::api) fn options_of(&self, operation: &str, dry_run: bool) -> Object {
        let kind = match operation {
            "CREATE" => "CreateOptions",
            "UPDATE" => "UpdateOptions",
            "DELETE" => "DeleteOptions",
            _ => return Object::Null,
        };
        let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
        if let Some(given) = self.options.as_object() {
            given.iter().for_each(|(field, value)| options.set_at(&[field], value.clone()));
        }
        if dry_run {
            options.set_at(&["dryRun"], json!(["All"]));
        }
        options
    }
}

/// The options of a request that writes, as they are in its query.
pub(super) fn operation_options(query: &Query) -> Object {
    let mut options = json!({});
    for field in ["fieldManager", "fieldValidation"] {
        match query.get(field) {
            "" => {}
            text => options.set_at(&[field], text),
        }
    }
    options
}

/// What a request asks of a container or a port: `PodExecOptions` and its like.
pub(in crate::backend::api) fn connect_options(kind: &str, query: &Query) -> Object {
    let mut options = json!({"kind": kind, "apiVersion": "v1"});
    for flag in ["stdin", "stdout", "stderr", "tty"] {
        if query.is_true(flag) {
            options.set_at(&[flag], true);
        }
    }
    for field in ["container", "path"] {
        match query.get(field) {
            "" => {}
            text => options.set_at(&[field], text),
        }
    }
    let command: Vec<&str> = query.all("command").collect();
    if !command.is_empty() {
        options.set_at(&["command"], command);
    }
    let ports: Vec<i64> = query.all("ports").filter_map(|port| port.parse().ok()).collect();
    if !ports.is_empty() {
        options.set_at(&["ports"], ports);
    }
    options
}

impl Inside<'_, '_> {
    /// What a webhook is to be asked about a write.
    ///
    /// # Errors
    /// It cannot be asked about a dry run.
    pub(super) fn question(
        &self,
        hook: &Hook,
        write: &Write<'_>,
        resource: &'static Resource,
    ) -> Result<Question, Status> {
        if write.dry_run && !matches!(hook.spec.str_at(&["sideEffects"]), "None" | "NoneOnDryRun") {
            let why = format!("admission webhook {:?} does not support dry run", hook.name());
            return Err(Status::bad_request(why));
        }
        let mut request = write.request(resource);
        for (field, object) in [("object", write.object), ("oldObject", write.old)] {
            request.set_at(&[field], write.shown(self.session, resource, object)?.unwrap_or_default());
        }
        let key = format!("{} {request}", hook.id);
        let uid = random::uuid(&mut fastrand::Rng::new());
        request.set_at(&["uid"], uid.as_str());
        Ok(Question { key, call: self.call(hook, request), uid, mutating: hook.mutating })
    }

    fn call(&self, hook: &Hook, request: Object) -> Result<WebhookCall, String> {
        let versions = hook.spec.list_at(&["admissionReviewVersions"]);
        let known = versions.iter().filter_map(Object::as_str).find(|version| matches!(*version, "v1" | "v1beta1"));
        let version = known.ok_or(
            "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)",
        )?;
        let review = json!({
            "kind": "AdmissionReview", "apiVersion": format!("admission.k8s.io/{version}"), "request": request,
        });
        let seconds = hook.spec.int_at(&["timeoutSeconds"]).and_then(|seconds| u64::try_from(seconds).ok());
        let config = hook.spec.at(&["clientConfig"]).unwrap_or(&Object::Null);
        call_to(self, config, &review, Duration::from_secs(seconds.unwrap_or(10)))
    }
}
