//! What mutating policies change.

use super::{Admission, Inside, Outcome, Policy, Review, Scope, conditions_hold, scale};
use crate::backend::registry::policies::Mutation;
use crate::backend::registry::{Cluster, Plugin};
use crate::object::cel::Value;
use crate::object::schema::{self, Merging, Shape};
use crate::object::status::StatusCause;
use crate::object::{Meta, Object, Status, patch};

impl Inside<'_, '_> {
    /// Lets the mutating policies change an object, one after the other, each seeing what those before
    /// it did; those that want to (`IfNeeded`) once more where a later one changed something. Whether
    /// anything changed.
    pub(in crate::backend::api) fn mutate_by_policies(
        &self,
        admission: &Admission<'_>,
        object: &mut Object,
    ) -> Result<bool, Status> {
        if !self.admits(Plugin::MutatingAdmissionPolicy) {
            return Ok(false);
        }
        if admission.is_scaled() {
            if self.bound("mutatingadmission").is_empty() {
                return Ok(false);
            }
            let mut shown = scale::of(admission.resource, object);
            let old = admission.old.map(|old| scale::of(admission.resource, old));
            let changed = self.mutate_by_policies(&admission.of_scale(None, old.as_ref()), &mut shown)?;
            if changed {
                *object = scale::onto(admission.resource, object, &shown)?;
            }
            return Ok(changed);
        }
        let bound = self.concerned("mutatingadmission", &Admission { object: Some(object), ..*admission });
        if bound.is_empty() {
            return Ok(false);
        }
        let original = object.clone();
        for round in 0..2 {
            let before = object.clone();
            for bound in &bound {
                if round > 0 && bound.policy.str_at(&["spec", "reinvocationPolicy"]) != "IfNeeded" {
                    continue;
                }
                let mut changed = object.clone();
                let seen = object.clone();
                let admission = Admission { object: Some(&seen), ..*admission };
                let outcomes = self.review(bound, &admission, |policy, review, params| {
                    vec![mutate(policy, review, params, &mut changed)]
                });
                if let Some(Outcome::Refused(message, _)) =
                    outcomes.into_iter().find(|outcome| matches!(outcome, Outcome::Refused(..)))
                {
                    let (policy, binding) = (bound.policy.name(), bound.binding.name());
                    let message = format!("policy '{policy}' with binding '{binding}' denied request: {message}");
                    let key = admission.resource.group_resource();
                    let mut status = Status::forbidden(key, object.name(), "");
                    let cause = StatusCause { message: message.clone(), ..StatusCause::default() };
                    status.details.get_or_insert_default().causes.push(cause);
                    status.message = message;
                    return Err(status);
                }
                *object = changed;
            }
            if *object == before {
                break;
            }
        }
        Ok(*object != original)
    }
}

fn mutate(policy: &Policy, review: &Review<'_>, params: &Object, object: &mut Object) -> Outcome {
    match changed(policy, review, params, object) {
        Ok(Some(new)) => {
            *object = new;
            Outcome::Passed
        }
        Ok(None) => Outcome::Passed,
        Err(why) if policy.fails => Outcome::Refused(why, String::new()),
        Err(_) => Outcome::Passed,
    }
}

fn changed(policy: &Policy, review: &Review<'_>, params: &Object, object: &Object) -> Result<Option<Object>, String> {
    {
        let scope = Scope::new(policy, review, params);
        if !conditions_hold(policy, &scope)? {
            return Ok(None);
        }
    }
    let mut current = object.clone();
    for (kind, unit) in &policy.mutations {
        // Each change is seen by the next.
        let seen = current.clone();
        let review = Review { object: &seen, authorizer: review.authorizer.clone(), ..*review };
        let scope = Scope::new(policy, &review, params);
        let value = scope.eval(unit)?;
        match kind {
            Mutation::ApplyConfiguration => {
                let part = json_of(&value).ok_or("the configuration has a value that JSON does not know")?;
                for field in ["apiVersion", "kind"] {
                    if part.get(field).is_some() {
                        return Err(format!("invalid ApplyConfiguration: may not mutate {field}"));
                    }
                }
                if part.at(&["metadata"]).and_then(Object::as_object).is_some_and(|metadata| {
                    metadata
                        .keys()
                        .any(|name| matches!(name.as_str(), "name" | "namespace" | "uid" | "resourceVersion"))
                }) {
                    return Err("invalid ApplyConfiguration: may not mutate the object's identity".into());
                }
                let of = schema::of_object(&current).map(|of| Shape::Object(of.name()));
                merge(of.as_ref(), None, &mut current, part);
            }
            Mutation::JsonPatch => {
                let operations = json_of(&value).ok_or("the patch has a value that JSON does not know")?;
                let operations = operations.as_array().cloned().unwrap_or_default();
                patch::json::apply_operations(&mut current, &operations)
                    .map_err(|why| format!("JSON Patch: {}", patch_error(&why.to_string())))?;
            }
        }
    }
    Ok(Some(current))
}

/// What the server says of a patch that does not fit; it leaves its own words before it out.
fn patch_error(why: &str) -> &str {
    why.split_once("the server rejected our request due to an error in our request: ").map_or(why, |(_, why)| why)
}

fn json_of(value: &Value<'_>) -> Option<Object> {
    value.to_json()
}

/// Lays a part of an object onto it, as server-side apply does: maps and lists with keys are merged, all
/// else is replaced.
fn merge(shape: Option<&Shape>, field: Option<&schema::Field>, target: &mut Object, part: Object) {
    match (target, part) {
        (Object::Object(target), Object::Object(part)) => {
            let of = shape.and_then(Shape::object);
            for (name, value) in part {
                let known = of.and_then(|of| of.field(&name));
                let inner = known.map(|field| &field.shape).or_else(|| shape.and_then(Shape::element));
                match target.get_mut(&name) {
                    Some(target) => merge(inner, known, target, value),
                    None => drop(target.insert(name, value)),
                }
            }
        }
        (Object::Array(target), Object::Array(part)) if field.is_some_and(|field| field.merging == Merging::Map) => {
            let keys = field.map(|field| field.list_keys.as_slice()).unwrap_or_default();
            let element = shape.and_then(Shape::element);
            for item in part {
                let same = |old: &Object| keys.iter().all(|key| old.get(*key) == item.get(*key));
                match target.iter().position(same).and_then(|at| target.get_mut(at)) {
                    Some(old) => merge(element, None, old, item),
                    None => target.push(item),
                }
            }
        }
        (Object::Array(target), Object::Array(part)) if field.is_some_and(|field| field.merging == Merging::Set) => {
            for item in part {
                if !target.contains(&item) {
                    target.push(item);
                }
            }
        }
        (target, part) => *target = part,
    }
}
