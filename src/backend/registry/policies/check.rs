//! What is wrong with a policy or a binding
//! (`pkg/apis/admissionregistration/validation/validation.go`).

use super::{Policy, Unit};
use crate::backend::registry::FieldError;
use crate::backend::registry::validation::{Faults, child, indexed, is_set, workload};
use crate::object::{Meta, Object, names};

/// The most audit annotations.
const MOST_ANNOTATIONS: usize = 20;
/// The longest expression of an audit annotation, in bytes.
const LONGEST_VALUE: usize = 5 * 1024;
/// The most conditions.
const MOST_CONDITIONS: usize = 64;

/// Faults of a `ValidatingAdmissionPolicy`.
pub fn validating(policy: &Object, faults: &mut Faults) {
    let read = Policy::read(policy);
    common(policy, &read, faults);
    let (validations, annotations) =
        (policy.list_at(&["spec", "validations"]), policy.list_at(&["spec", "auditAnnotations"]));
    if validations.is_empty() && annotations.is_empty() {
        for field in ["spec.validations", "spec.auditAnnotations"] {
            faults.required(field, "validations or auditAnnotations must contain at least one item");
        }
        return;
    }
    for ((path, validation), read) in indexed(policy, "", &["spec", "validations"]).zip(&read.validations) {
        expression(&read.unit, "expression is not specified", &child(&path, "expression"), faults);
        let (text, message) = (validation.str_at(&["expression"]).trim(), validation.str_at(&["message"]));
        if let Some(unit) = &read.message_unit {
            compiled(unit, &child(&path, "messageExpression"), faults);
        } else if !validation.str_at(&["messageExpression"]).is_empty() {
            let value = validation.str_at(&["messageExpression"]);
            faults.invalid(child(&path, "messageExpression"), value, "must be non-empty if specified");
        }
        if !message.is_empty() && message.trim().is_empty() {
            faults.invalid(child(&path, "message"), message, "message must be non-empty if specified");
        } else if message.trim().contains('\n') {
            faults.invalid(child(&path, "message"), message, "message must not contain line breaks");
        } else if text.contains('\n') && message.trim().is_empty() {
            faults.required(child(&path, "message"), "message must be specified if expression contains line breaks");
        }
        let reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"];
        if !read.reason.is_empty() && !reasons.contains(&read.reason.as_str()) {
            let shown: Vec<&str> = reasons.iter().copied().filter(|reason| *reason != "Unauthorized").collect();
            faults.not_supported(child(&path, "reason"), read.reason.as_str(), &shown);
        }
    }
    if annotations.len() > MOST_ANNOTATIONS {
        let why = format!("must not have more than {MOST_ANNOTATIONS} auditAnnotations");
        faults.invalid("spec.auditAnnotations", annotations.to_vec(), why);
    }
    let mut seen = Vec::new();
    for ((path, _), (key, unit)) in indexed(policy, "", &["spec", "auditAnnotations"]).zip(&read.annotations) {
        let full = format!("{}/{key}", policy.name());
        faults.complaints(&child(&path, "key"), &full, names::qualified_name(&full));
        if unit.text.len() > LONGEST_VALUE {
            let why = format!("must not exceed {LONGEST_VALUE} bytes in length");
            faults.required(child(&path, "valueExpression"), &why);
        } else {
            expression(unit, "valueExpression is not specified", &child(&path, "valueExpression"), faults);
        }
        if seen.contains(&key) {
            faults.duplicate(child(&path, "key"), key.as_str());
        }
        seen.push(key);
    }
}

/// Faults of a `MutatingAdmissionPolicy`.
pub fn mutating(policy: &Object, faults: &mut Faults) {
    let read = Policy::read(policy);
    common(policy, &read, faults);
    if policy.list_at(&["spec", "mutations"]).is_empty() {
        faults.required("spec.mutations", "mutations must contain at least one item");
    }
    for ((path, mutation), (_, unit)) in indexed(policy, "", &["spec", "mutations"]).zip(&read.mutations) {
        let patch = mutation.str_at(&["patchType"]);
        let fields = [("ApplyConfiguration", "applyConfiguration"), ("JSONPatch", "jsonPatch")];
        if !fields.iter().any(|(name, _)| *name == patch) {
            faults.one_of(child(&path, "patchType"), patch, &["ApplyConfiguration", "JSONPatch"]);
            continue;
        }
        for (name, field) in fields {
            let given = is_set(mutation.at(&[field]));
            if name == patch && !given {
                faults.required(child(&path, field), &format!("must be specified when patchType is {name}"));
            } else if name == patch {
                let path = child(&path, field);
                expression(unit, "expression is not specified", &child(&path, "expression"), faults);
            } else if given {
                let why = format!("must not be specified when patchType is {patch}");
                faults.invalid(child(&path, field), mutation.at(&[field]).cloned().unwrap_or_default(), why);
            }
        }
    }
    let reinvocation = policy.str_at(&["spec", "reinvocationPolicy"]);
    faults.one_of("spec.reinvocationPolicy", reinvocation, &["IfNeeded", "Never"]);
}

fn common(policy: &Object, read: &Policy, faults: &mut Faults) {
    faults.one_of("spec.failurePolicy", policy.str_at(&["spec", "failurePolicy"]), &["Fail", "Ignore"]);
    if let Some(kind) = policy.at(&["spec", "paramKind"]).filter(|kind| kind.is_object()) {
        param_kind(kind, faults);
    }
    match policy.at(&["spec", "matchConstraints"]).filter(|constraints| constraints.is_object()) {
        None => faults.required("spec.matchConstraints", ""),
        Some(constraints) => {
            match_resources(constraints, "spec.matchConstraints", faults);
            if constraints.list_at(&["resourceRules"]).is_empty() {
                faults.required("spec.matchConstraints.resourceRules", "");
            }
        }
    }
    match_conditions(policy.at(&["spec"]).unwrap_or(&Object::Null), read, "spec", faults);
    for ((path, _), (name, unit)) in indexed(policy, "", &["spec", "variables"]).zip(&read.variables) {
        if name.trim().is_empty() {
            faults.required(child(&path, "name"), "name is not specified");
        } else if !names::c_identifier(name).is_empty() {
            faults.invalid(child(&path, "name"), name.as_str(), "must be a valid CEL identifier");
        }
        expression(unit, "expression is not specified", &child(&path, "expression"), faults);
    }
}

/// Faults of the conditions of a policy or a webhook; `read` has them compiled.
pub(super) fn match_conditions(of: &Object, read: &Policy, base: &str, faults: &mut Faults) {
    let count = of.list_at(&["matchConditions"]).len();
    if count > MOST_CONDITIONS {
        faults.0.push(FieldError::too_many(child(base, "matchConditions"), count, MOST_CONDITIONS));
    }
    let mut seen = Vec::new();
    for ((path, _), (name, unit)) in indexed(of, base, &["matchConditions"]).zip(&read.conditions) {
        expression(unit, "", &child(&path, "expression"), faults);
        if name.is_empty() {
            faults.required(child(&path, "name"), "");
        } else {
            faults.complaints(&child(&path, "name"), name, names::qualified_name(name));
            if seen.contains(&name) {
                faults.duplicate(child(&path, "name"), name.as_str());
            }
            seen.push(name);
        }
    }
}

fn expression(unit: &Unit, missing: &str, field: &str, faults: &mut Faults) {
    if unit.text.is_empty() {
        faults.required(field, missing);
    } else {
        compiled(unit, field, faults);
    }
}

fn compiled(unit: &Unit, field: &str, faults: &mut Faults) {
    if let Err(why) = &unit.program {
        faults.invalid(field, unit.text.as_str(), why.as_str());
    }
}

fn param_kind(kind: &Object, faults: &mut Faults) {
    let version = kind.str_at(&["apiVersion"]);
    let field = "spec.paramKind.apiVersion";
    if version.is_empty() {
        faults.required(field, "");
    } else {
        let (group, name) = version.split_once('/').unwrap_or(("", version));
        if !group.is_empty() {
            faults.complaints(field, group, names::dns1123_subdomain(group));
        }
        if name.is_empty() {
            faults.invalid(field, version, "version must be specified");
        } else {
            faults.complaints(field, name, names::dns1035_label(name));
        }
    }
    let (field, kind) = ("spec.paramKind.kind", kind.str_at(&["kind"]));
    if kind.is_empty() {
        faults.required(field, "");
    } else {
        let complaints = names::dns1035_label(&kind.to_lowercase());
        if !complaints.is_empty() {
            let why = format!("may have mixed case, but should otherwise match: {}", complaints.join(","));
            faults.invalid(field, kind, why);
        }
    }
}

fn match_resources(resources: &Object, base: &str, faults: &mut Faults) {
    faults.one_of(child(base, "matchPolicy"), resources.str_at(&["matchPolicy"]), &["Equivalent", "Exact"]);
    for field in ["namespaceSelector", "objectSelector"] {
        match resources.at(&[field]) {
            None => faults.required(child(base, field), ""),
            selector => workload::selector(selector, &child(base, field), faults),
        }
    }
    for list in ["resourceRules", "excludeResourceRules"] {
        for (path, rule) in indexed(resources, base, &[list]) {
            named_rule(rule, &path, faults);
        }
    }
}

pub(super) fn named_rule(rule: &Object, path: &str, faults: &mut Faults) {
    let texts = |field: &str| -> Vec<&str> { rule.list_at(&[field]).iter().filter_map(Object::as_str).collect() };
    let value = |field: &str| rule.at(&[field]).cloned().unwrap_or_default();
    let mut seen = Vec::new();
    for (at, name) in texts("resourceNames").into_iter().enumerate() {
        let field = format!("{path}.resourceNames[{at}]");
        faults.complaints(&field, name, names::path_segment(name));
        if seen.contains(&name) {
            faults.duplicate(field, name);
        }
        seen.push(name);
    }
    let operations = texts("operations");
    if operations.is_empty() {
        faults.required(child(path, "operations"), "");
    }
    if operations.len() > 1 && operations.contains(&"*") {
        let why = "if '*' is present, must not specify other operations";
        faults.invalid(child(path, "operations"), value("operations"), why);
    }
    let known = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    for (at, operation) in operations.iter().enumerate() {
        if !known.contains(operation) {
            faults.not_supported(format!("{path}.operations[{at}]"), *operation, &known);
        }
    }
    for (field, words) in [("apiGroups", "API groups"), ("apiVersions", "API versions")] {
        let given = texts(field);
        if given.is_empty() {
            faults.required(child(path, field), "");
        }
        if given.len() > 1 && given.contains(&"*") {
            let why = format!("if '*' is present, must not specify other {words}");
            faults.invalid(child(path, field), value(field), why);
        }
        if field == "apiVersions" {
            for (at, _) in given.iter().enumerate().filter(|(_, version)| version.is_empty()) {
                faults.required(format!("{path}.{field}[{at}]"), "");
            }
        }
    }
    resources(&texts("resources"), &value("resources"), &child(path, "resources"), faults);
    if let Some(scope) = rule.at(&["scope"]).and_then(Object::as_str)
        && !matches!(scope, "*" | "Cluster" | "Namespaced")
    {
        faults.not_supported(child(path, "scope"), scope, &["*", "Cluster", "Namespaced"]);
    }
}

/// The resources of a rule; what is at odds with one before it is told where it stands.
fn resources(given: &[&str], value: &Object, field: &str, faults: &mut Faults) {
    if given.is_empty() {
        faults.required(field, "");
    }
    let (mut any_part_of, mut part_of_any) = (Vec::new(), Vec::new());
    let mut whole = false;
    for (at, resource) in given.iter().copied().enumerate() {
        let here = format!("{field}[{at}]");
        if resource.is_empty() {
            faults.required(here, "");
            continue;
        }
        let Some((name, part)) = resource.split_once('/') else {
            whole = resource != "*";
            continue;
        };
        if any_part_of.contains(&name) {
            let why = format!("if '{name}/*' is present, must not specify {resource}");
            faults.invalid(here.as_str(), resource, why);
        }
        if part_of_any.contains(&part) {
            faults.invalid(here, resource, format!("if '*/{part}' is present, must not specify {resource}"));
        }
        if part == "*" {
            any_part_of.push(name);
        }
        if name == "*" {
            part_of_any.push(part);
        }
    }
    if given.contains(&"*/*") && given.len() > 1 {
        faults.invalid(field, value.clone(), "if '*/*' is present, must not specify other resources");
    }
    if given.contains(&"*") && whole {
        let why = "if '*' is present, must not specify other resources without subresources";
        faults.invalid(field, value.clone(), why);
    }
}

/// Faults of a `ValidatingAdmissionPolicyBinding`.
pub fn validating_binding(binding: &Object, faults: &mut Faults) {
    any_binding(binding, faults);
    let given = binding.list_at(&["spec", "validationActions"]);
    let field = "spec.validationActions";
    if given.is_empty() {
        faults.required(field, "at least one validation action is required");
    }
    let mut seen: Vec<&str> = Vec::new();
    for (at, action) in given.iter().filter_map(Object::as_str).enumerate() {
        let here = format!("{field}[{at}]");
        if !matches!(action, "Audit" | "Deny" | "Warn") {
            faults.not_supported(here.as_str(), action, &["Audit", "Deny", "Warn"]);
        }
        if seen.contains(&action) {
            faults.duplicate(here, action);
        }
        seen.push(action);
    }
    if seen.contains(&"Deny") && seen.contains(&"Warn") {
        let why = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        faults.invalid(field, given.to_vec(), why);
    }
}

/// Faults of a `MutatingAdmissionPolicyBinding`, and those that all bindings may have.
pub fn any_binding(binding: &Object, faults: &mut Faults) {
    let policy = binding.str_at(&["spec", "policyName"]);
    if policy.is_empty() {
        faults.required("spec.policyName", "");
    } else {
        faults.complaints("spec.policyName", policy, names::dns1123_subdomain(policy));
    }
    if let Some(reference) = binding.at(&["spec", "paramRef"]).filter(|reference| reference.is_object()) {
        param_ref(reference, faults);
    }
    if let Some(resources) = binding.at(&["spec", "matchResources"]).filter(|resources| resources.is_object()) {
        match_resources(resources, "spec.matchResources", faults);
    }
}

fn param_ref(reference: &Object, faults: &mut Faults) {
    let name = reference.str_at(&["name"]);
    let selects = is_set(reference.at(&["selector"]));
    let exclusive = "name and selector are mutually exclusive";
    if !name.is_empty() {
        faults.complaints("spec.paramRef.name", name, names::path_segment(name));
        if selects {
            faults.forbidden("spec.paramRef.name", exclusive);
        }
    }
    if selects {
        workload::selector(reference.at(&["selector"]), "spec.paramRef.selector", faults);
        if !name.is_empty() {
            faults.forbidden("spec.paramRef.selector", exclusive);
        }
    }
    if name.is_empty() && !selects {
        faults.required("spec.paramRef", "one of name or selector must be specified");
    }
    let action = reference.str_at(&["parameterNotFoundAction"]);
    faults.one_of("spec.paramRef.parameterNotFoundAction", action, &["Deny", "Allow"]);
}
