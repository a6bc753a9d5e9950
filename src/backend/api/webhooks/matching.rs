//! Which webhooks are asked about a write (`…/webhook/generic`, `…/webhook/predicates`).

use serde_json::json;

use super::admit::Write;
use super::hooks::Hook;
use crate::backend::api::policies::authorizer;
use crate::backend::api::transaction::Inside;
use crate::backend::registry::policies::{Policy, Review, Scope};
use crate::backend::registry::{Cluster, custom, storage_of};
use crate::object::builtin::{self, Resource};
use crate::object::cel::Value;
use crate::object::labels::Selector;
use crate::object::{Meta, Object, Status};

static NOTHING: Object = Object::Null;

impl Inside<'_, '_> {
    /// The version of the resource in which a webhook is to see a write; none where it is not asked.
    pub(super) fn invocation(&self, hook: &Hook, write: &Write<'_>) -> Result<Option<&'static Resource>, Status> {
        let namespaces = self.is_in_namespace(hook, write);
        if matches!(namespaces, Ok(false)) || !is_selected(hook, write) {
            return Ok(None);
        }
        let rules = hook.spec.list_at(&["rules"]);
        let mut found = rules.iter().any(|rule| matches(rule, write, write.requested)).then_some(write.requested);
        if found.is_none() && hook.spec.str_at(&["matchPolicy"]) != "Exact" {
            let others = equivalents(write.requested);
            found = rules.iter().find_map(|rule| others.iter().copied().find(|other| matches(rule, write, other)));
        }
        let Some(resource) = found else { return Ok(None) };
        namespaces?;
        Ok(self.conditions_hold(hook, write, resource)?.then_some(resource))
    }

    fn is_in_namespace(&self, hook: &Hook, write: &Write<'_>) -> Result<bool, Status> {
        let given = hook.spec.at(&["namespaceSelector"]);
        let selector = Selector::from_object(given).map_err(|why| Status::internal(why.to_string()))?;
        if selector.is_everything() || given.is_none_or(Object::is_null) {
            return Ok(true);
        }
        if write.is_about_namespace() && write.subresource.is_empty() && write.operation != "DELETE" {
            return Ok(write.object.is_some_and(|own| selector.matches(own)));
        }
        let name = if write.is_about_namespace() { write.name } else { write.namespace };
        // What is in no namespace is not kept out by one.
        if name.is_empty() {
            return Ok(true);
        }
        let namespace = self.get("namespaces", "", name).ok_or_else(|| Status::not_found("namespaces", name))?;
        Ok(selector.matches(&namespace))
    }

    fn conditions_hold(&self, hook: &Hook, write: &Write<'_>, resource: &'static Resource) -> Result<bool, Status> {
        let conditions = hook.spec.list_at(&["matchConditions"]);
        if conditions.is_empty() {
            return Ok(true);
        }
        let (uid, version) = &hook.version;
        // Read once for each state of a configuration, as the conditions of policies are.
        let policy = Policy::of(&json!({
            "metadata": {"name": hook.name(), "uid": format!("{uid}/{}", hook.id), "resourceVersion": version},
            "spec": {"failurePolicy": hook.spec.str_at(&["failurePolicy"]), "matchConditions": conditions},
        }));
        let request = write.request(resource);
        let object = write.shown(self.session, resource, write.object)?;
        let old = write.shown(self.session, resource, write.old)?;
        let namespace = self.get("namespaces", "", write.namespace).unwrap_or_default();
        let asks = conditions.iter().any(|condition| condition.str_at(&["expression"]).contains("authorizer"));
        let review = Review {
            object: object.as_ref().unwrap_or(&NOTHING),
            old: old.as_ref().unwrap_or(&NOTHING),
            request: &request,
            namespace: &namespace,
            authorizer: asks.then(|| authorizer::of(self, request.at(&["userInfo"]).unwrap_or(&NOTHING))),
        };
        let scope = Scope::new(&policy, &review, &NOTHING);
        let mut wrong = Vec::new();
        for (_, condition) in &policy.conditions {
            match scope.eval(condition) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => return Ok(false),
                Err(why) => wrong.push(why),
            }
        }
        match wrong.as_slice() {
            [] => Ok(true),
            _ if hook.ignores_failures() => Ok(false),
            [why] => Err(Status::forbidden(write.requested.group_resource(), write.name, why)),
            all => {
                let why = format!("[{}]", all.join(", "));
                Err(Status::forbidden(write.requested.group_resource(), write.name, &why))
            }
        }
    }
}

fn is_selected(hook: &Hook, write: &Write<'_>) -> bool {
    let given = hook.spec.at(&["objectSelector"]);
    let Ok(selector) = Selector::from_object(given) else { return false };
    selector.is_everything()
        || given.is_none_or(Object::is_null)
        || [write.object, write.old].into_iter().flatten().any(|object| selector.matches(object))
}

fn matches(rule: &Object, write: &Write<'_>, resource: &Resource) -> bool {
    let has = |field: &str, wanted: &str| rule.list_at(&[field]).iter().any(|given| given == "*" || given == wanted);
    let names = |given: &str| {
        let (name, part) = given.split_once('/').unwrap_or((given, ""));
        (name == "*" || name == resource.plural) && (part == "*" || part == write.subresource)
    };
    let scope = match rule.str_at(&["scope"]) {
        "Namespaced" => resource.namespaced,
        "Cluster" => !resource.namespaced,
        _ => true,
    };
    scope
        && has("operations", write.operation)
        && has("apiGroups", resource.group)
        && has("apiVersions", resource.version)
        && rule.list_at(&["resources"]).iter().filter_map(Object::as_str).any(names)
}

/// Other resources that show the same objects.
fn equivalents(resource: &'static Resource) -> Vec<&'static Resource> {
    let storage = storage_of(resource);
    let same = |other: &&'static Resource| !std::ptr::eq(*other, resource) && std::ptr::eq(storage_of(other), storage);
    if custom::of(resource).is_some() {
        return custom::versions_of(resource).filter(same).collect();
    }
    builtin::resources().iter().filter(same).collect()
}
