//! Admission by policies: what validating policies refuse and mutating ones change, in the order of the
//! API server (`apiserver/pkg/admission/plugin/policy`).

pub(super) mod authorizer;
mod matching;
mod mutate;

use serde_json::json;

use super::WriteOptions;
use super::access::User;
use super::scale;
use super::transaction::Inside;
use super::webhooks::{Asker, Session};
use crate::backend::registry::policies::{Policy, Review, Scope, Validation};
use crate::backend::registry::{Cluster, Plugin};
use crate::object::builtin::Resource;
use crate::object::cel::Value;
use crate::object::labels::Selector;
use crate::object::status::StatusCause;
use crate::object::{Meta, Object, Status};
use matching::Target;

const GROUP: &str = "admissionregistration.k8s.io";
/// The longest message that an expression may make, in bytes.
const LONGEST_MESSAGE: usize = 5 * 1024;
static NOTHING: Object = Object::Null;

/// A write that policies look at.
pub(super) struct Admission<'v> {
    pub resource: &'static Resource,
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub operation: &'static str,
    /// The new object; absent for a delete.
    pub object: Option<&'v Object>,
    /// The old object; absent for a create.
    pub old: Option<&'v Object>,
    pub options: &'v WriteOptions,
    /// What is written where it is no object of the resource's own kind: a binding, a scale, a connection.
    pub part: Option<Named<'v>>,
}

/// A subresource of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'v> {
    pub subresource: &'v str,
    pub namespace: &'v str,
    pub name: &'v str,
}

/// A policy and one of its bindings.
struct Bound {
    policy: Object,
    binding: Object,
}

/// What came of one policy under one binding.
enum Outcome {
    /// It is not about the request.
    Passed,
    /// The message and the status's reason.
    Refused(String, String),
}

impl Admission<'_> {
    fn subresource(&self) -> &str {
        match &self.part {
            Some(part) => part.subresource,
            None => self.options.manager.as_ref().map_or("", |manager| &manager.subresource),
        }
    }

    fn name(&self) -> &str {
        self.part.map_or_else(|| self.any().name(), |part| part.name)
    }

    fn namespace(&self) -> &str {
        self.part.map_or_else(|| self.any().namespace(), |part| part.namespace)
    }

    /// Whether what is written is shown as a scale, and is not yet.
    fn is_scaled(&self) -> bool {
        self.part.is_none() && self.subresource() == "scale"
    }

    /// The same about scales.
    fn of_scale<'w>(&'w self, object: Option<&'w Object>, old: Option<&'w Object>) -> Admission<'w> {
        let part = Named { subresource: "scale", namespace: self.namespace(), name: self.name() };
        Admission { object, old, part: Some(part), ..*self }
    }

    fn any(&self) -> &Object {
        self.object.or(self.old).unwrap_or(&NOTHING)
    }

    fn target(&self) -> Target<'_> {
        Target {
            resource: self.resource,
            subresource: self.subresource(),
            operation: self.operation,
            object: self.object,
            old: self.old,
            name: self.name(),
        }
    }

    /// The request, as expressions see it.
    fn request(&self, asker: Asker) -> Object {
        let resource = self.resource;
        let kind = match resource.subresource(self.subresource()) {
            Some(part) => json!({"group": part.group, "version": part.version, "kind": part.kind}),
            None => json!({"group": resource.group, "version": resource.version, "kind": resource.kind}),
        };
        let plural = json!({"group": resource.group, "version": resource.version, "resource": resource.plural});
        let dry_run = self.options.dry_run;
        let options = asker.options_of(self.operation, dry_run);
        let unnamed = asker.unnamed;
        let user = asker.user.or_else(|| self.options.user.clone()).unwrap_or_else(User::admin).to_object();
        // A namespace is in itself.
        let is_namespace = resource.group.is_empty() && resource.plural == "namespaces";
        let namespace = if is_namespace { self.name() } else { self.namespace() };
        let mut request = json!({
            "kind": kind, "resource": plural, "requestKind": kind, "requestResource": plural,
            "operation": self.operation, "userInfo": user, "dryRun": dry_run, "options": options,
        });
        let part = self.subresource();
        let name = if unnamed { "" } else { self.name() };
        for (field, value) in
            [("subResource", part), ("requestSubResource", part), ("name", name), ("namespace", namespace)]
        {
            if !value.is_empty() {
                request.set_at(&[field], value);
            }
        }
        request
    }
}

impl Inside<'_, '_> {
    /// The policies of one kind that are bound, in the order of their names.
    fn bound(&self, kind: &str) -> Vec<Bound> {
        let bindings = self.list(&format!("{kind}policybindings.{GROUP}"), None);
        let mut found: Vec<Bound> = bindings
            .into_iter()
            .filter_map(|binding| {
                let policy =
                    self.get(&format!("{kind}policies.{GROUP}"), "", binding.str_at(&["spec", "policyName"]))?;
                Some(Bound { policy, binding })
            })
            .collect();
        found.sort_by(|a, b| (a.policy.name(), a.binding.name()).cmp(&(b.policy.name(), b.binding.name())));
        found
    }

    /// Those of them that are about a write. Policies themselves are beyond the reach of policies, and
    /// so are questions.
    fn concerned(&self, kind: &str, admission: &Admission<'_>) -> Vec<Bound> {
        if admission.resource.group == GROUP {
            return Vec::new();
        }
        let mut bound = self.bound(kind);
        if bound.is_empty() {
            return bound;
        }
        let target = admission.target();
        let namespace = self.namespace_of(admission);
        bound.retain(|bound| {
            let constraints = bound.policy.at(&["spec", "matchConstraints"]).unwrap_or(&NOTHING);
            target.matches(constraints, &namespace)
                && bound
                    .binding
                    .at(&["spec", "matchResources"])
                    .is_none_or(|resources| resources.is_null() || target.matches(resources, &namespace))
        });
        bound
    }

    fn namespace_of(&self, admission: &Admission<'_>) -> Object {
        let namespace = admission.namespace();
        if namespace.is_empty() || !admission.resource.namespaced {
            return Object::Null;
        }
        self.get("namespaces", "", namespace).unwrap_or_default()
    }

    /// The objects that a binding gives its policy as parameters; null where there are none to give.
    fn params(&self, bound: &Bound, namespace: &str) -> Result<Vec<Object>, String> {
        let kind = bound.policy.at(&["spec", "paramKind"]).filter(|kind| kind.is_object());
        let reference = bound.binding.at(&["spec", "paramRef"]).filter(|reference| reference.is_object());
        let (Some(kind), Some(reference)) = (kind, reference) else { return Ok(vec![Object::Null]) };
        let (version, name) = (kind.str_at(&["apiVersion"]), kind.str_at(&["kind"]));
        let Some(resource) = self.resource_of(version, name) else {
            let gvk = json!({"apiVersion": version, "kind": name}).gvk();
            let shown = format!("{}, Kind={name}", gvk.group_version());
            return Err(format!("failed to find resource referenced by paramKind: '{shown}'"));
        };
        let own = reference.str_at(&["namespace"]);
        let namespace = match (resource.namespaced, own) {
            (false, "") => "",
            (false, _) => return Err("paramRef.namespace must not be provided for a cluster-scoped `paramKind`".into()),
            (true, "") if namespace.is_empty() => {
                return Err(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".into()
                );
            }
            (true, "") => namespace,
            (true, own) => own,
        };
        let key = resource.group_resource();
        let found: Vec<Object> = match reference.str_at(&["name"]) {
            "" => {
                let selector = Selector::from_object(reference.at(&["selector"])).map_err(|why| why.to_string())?;
                let all = self.list(key, Some(namespace));
                all.into_iter().filter(|object| selector.matches(object)).collect()
            }
            name => self.get(key, namespace, name).into_iter().collect(),
        };
        if found.is_empty() && reference.str_at(&["parameterNotFoundAction"]) == "Deny" {
            return Err("no params found for policy binding with `Deny` parameterNotFoundAction".into());
        }
        Ok(found)
    }

    /// Runs the policies of one kind over a write, one binding and one parameter after the other.
    fn review(
        &self,
        bound: &Bound,
        admission: &Admission<'_>,
        mut visit: impl FnMut(&Policy, &Review<'_>, &Object) -> Vec<Outcome>,
    ) -> Vec<Outcome> {
        let policy = Policy::of(&bound.policy);
        let params = match self.params(bound, admission.namespace()) {
            Ok(params) => params,
            Err(why) if policy.fails => {
                return vec![Outcome::Refused(format!("failed to configure binding: {why}"), String::new())];
            }
            Err(_) => return Vec::new(),
        };
        let request = admission.request(self.session.map(Session::asker).unwrap_or_default());
        let namespace = self.namespace_of(admission);
        let authorizer = bound.policy.at(&["spec"]).is_some_and(|spec| spec.to_string().contains("authorizer"));
        let review = Review {
            object: admission.object.unwrap_or(&NOTHING),
            old: admission.old.unwrap_or(&NOTHING),
            request: &request,
            namespace: &namespace,
            authorizer: authorizer.then(|| authorizer::of(self, request.at(&["userInfo"]).unwrap_or(&NOTHING))),
        };
        params.iter().flat_map(|params| visit(&policy, &review, params)).collect()
    }

    /// Lets the validating policies look at a write.
    pub(super) fn validate_by_policies(&self, admission: &Admission<'_>) -> Result<Vec<String>, Status> {
        let mut warnings = Vec::new();
        let mut refusal = None;
        if !self.admits(Plugin::ValidatingAdmissionPolicy) {
            return Ok(warnings);
        }
        if admission.is_scaled() {
            if self.bound("validatingadmission").is_empty() {
                return Ok(warnings);
            }
            let of = |object| scale::of(admission.resource, object);
            let (object, old) = (admission.object.map(of), admission.old.map(of));
            return self.validate_by_policies(&admission.of_scale(object.as_ref(), old.as_ref()));
        }
        for bound in self.concerned("validatingadmission", admission) {
            let outcomes = self.review(&bound, admission, validate);
            let actions = bound.binding.list_at(&["spec", "validationActions"]);
            let does = |action: &str| actions.iter().any(|given| given == action);
            let (policy, binding) = (bound.policy.name(), bound.binding.name());
            for outcome in outcomes {
                let Outcome::Refused(message, reason) = outcome else { continue };
                if does("Warn") {
                    warnings.push(format!(
                        "Validation failed for ValidatingAdmissionPolicy '{policy}' with binding '{binding}': {message}"
                    ));
                }
                // What could not be configured is refused whatever the actions.
                if (does("Deny") || message.starts_with("failed to configure")) && refusal.is_none() {
                    let message = format!(
                        "ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: {message}"
                    );
                    refusal = Some((message, reason));
                }
            }
        }
        match refusal {
            None => Ok(warnings),
            Some((message, reason)) => {
                let unnamed = self.session.is_some_and(|session| session.asker().unnamed);
                Err(refused(admission, if unnamed { "Unknown" } else { admission.name() }, &message, &reason))
            }
        }
    }

    fn resource_of(&self, version: &str, kind: &str) -> Option<&'static Resource> {
        let gvk = json!({"apiVersion": version, "kind": kind}).gvk();
        if let Some(found) = crate::object::builtin::by_gvk(&gvk) {
            return Some(crate::backend::registry::storage_of(found));
        }
        let definitions = self.list(super::catalog::DEFINITIONS, None);
        let named = definitions.iter().find(|definition| {
            definition.str_at(&["spec", "group"]) == gvk.group && definition.str_at(&["spec", "names", "kind"]) == kind
        })?;
        self.known(named.name()).ok()
    }
}

fn refused(admission: &Admission<'_>, name: &str, message: &str, reason: &str) -> Status {
    let mut status = Status::forbidden(admission.resource.group_resource(), name, message);
    (status.code, status.reason) = match reason {
        "Forbidden" => (403, "Forbidden".into()),
        "Unauthorized" => (401, "Unauthorized".into()),
        "RequestEntityTooLarge" => (413, "RequestEntityTooLarge".into()),
        _ => (422, "Invalid".into()),
    };
    let cause = StatusCause { message: message.to_owned(), ..StatusCause::default() };
    status.details.get_or_insert_default().causes.push(cause);
    status
}

/// Evaluates a validating policy.
fn validate(policy: &Policy, review: &Review<'_>, params: &Object) -> Vec<Outcome> {
    let scope = Scope::new(policy, review, params);
    let on_error = |why: String| if policy.fails { Outcome::Refused(why, String::new()) } else { Outcome::Passed };
    match conditions_hold(policy, &scope) {
        Ok(true) => {}
        Ok(false) => return Vec::new(),
        Err(why) => return vec![on_error(why)],
    }
    let mut outcomes = Vec::new();
    for validation in &policy.validations {
        outcomes.push(match scope.eval(&validation.unit) {
            Ok(Value::Bool(true)) => Outcome::Passed,
            Ok(_) => {
                let reason = if validation.reason.is_empty() { "Invalid" } else { &validation.reason };
                Outcome::Refused(message(validation, &scope), reason.to_owned())
            }
            Err(why) => on_error(why),
        });
    }
    for (_, annotation) in &policy.annotations {
        if let Err(why) = scope.eval(annotation) {
            outcomes.push(on_error(why));
        }
    }
    outcomes
}

/// Whether the conditions of a policy hold. One that does not hold decides, whatever is wrong with others.
fn conditions_hold<'v>(policy: &'v Policy, scope: &Scope<'v>) -> Result<bool, String> {
    let mut wrong = Vec::new();
    for (name, condition) in &policy.conditions {
        match scope.eval(condition) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => return Ok(false),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
    }
    if wrong.is_empty() { Ok(true) } else { Err(wrong.join(", ")) }
}

fn message<'v>(validation: &'v Validation, scope: &Scope<'v>) -> String {
    let made = validation.message_unit.as_ref().and_then(|unit| scope.eval(unit).ok());
    let made = made.as_ref().and_then(Value::as_str).unwrap_or("").trim();
    if !made.is_empty() && made.len() <= LONGEST_MESSAGE && !made.contains('\n') {
        return made.to_owned();
    }
    match validation.message.as_str() {
        "" => format!("failed expression: {}", validation.unit.text),
        message => message.to_owned(),
    }
}
