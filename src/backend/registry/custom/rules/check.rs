//! What is wrong with the rules of a definition
//! (`apiextensions/validation/validation.go`, `ValidateCustomResourceDefinitionOpenAPISchema`).

use super::{FIELD, compile, compile_message, has_rules, path, types};
use crate::backend::registry::field_error::{FieldError, FieldErrorKind, FieldErrors, go_json};
use crate::object::cel::Type;
use crate::object::{Meta, Object};

const REASONS: &[&str] = &["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Whether all versions have the same schema: it is that of the definition, and messages name it so.
pub fn shares_schema(versions: &[Object]) -> bool {
    let schema = |version: &Object| version.at(&["schema", "openAPIV3Schema"]).cloned();
    versions.first().is_some_and(|first| versions.iter().all(|other| schema(other) == schema(first)))
}

/// Checks the rules of all versions of a definition.
pub fn check(definition: &Object) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let versions = definition.list_at(&["spec", "versions"]);
    let shared = shares_schema(versions);
    for (index, version) in versions.iter().enumerate() {
        let Some(schema) = version.at(&["schema", "openAPIV3Schema"]).filter(|schema| has_rules(schema)) else {
            continue;
        };
        if shared && index > 0 {
            break;
        }
        let path = if shared {
            "spec.validation.openAPIV3Schema".to_owned()
        } else {
            format!("spec.versions[{index}].schema.openAPIV3Schema")
        };
        let mut check = Check::default();
        check.schema(schema, &path, types::declared(schema, true, "selfType"), None);
        errors.extend(check.of_schema);
        errors.extend(check.of_rules);
    }
    errors
}

#[derive(Default)]
struct Check {
    of_schema: FieldErrors,
    of_rules: FieldErrors,
}

impl Check {
    /// `loose` is the list above whose elements cannot be told apart, where there is one.
    fn schema(&mut self, schema: &Object, path: &str, of: Option<Type>, loose: Option<&str>) {
        let before = self.of_schema.len();
        let inner = match &of {
            Some(Type::List(of)) => Some(of.item.clone()),
            Some(Type::Map(of)) => Some(of.1.clone()),
            _ => None,
        };
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
            self.schema(values, &format!("{path}.additionalProperties"), inner.clone(), loose);
        }
        for (name, property) in schema.get("properties").and_then(Object::as_object).into_iter().flatten() {
            let field = match (&of, types::spelled(name)) {
                (Some(Type::Object(known)), Some(name)) => known.field(&name).map(|field| field.of),
                _ => types::declared(property, false, "selfType"),
            };
            self.schema(property, &format!("{path}.properties[{name}]"), field, loose);
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            let kept = schema.str_at(&["x-kubernetes-list-type"]) == "map";
            let loose = loose.or((!kept).then_some(path));
            self.schema(items, &format!("{path}.items"), inner, loose);
        }
        let rules = schema.list_at(&[FIELD]);
        for (index, rule) in rules.iter().enumerate() {
            self.form(rule, schema, &format!("{path}.{FIELD}[{index}]"));
        }
        // Rules over a schema that is at fault would be at fault for that.
        if self.of_schema.len() > before || rules.is_empty() {
            return;
        }
        let Some(of) = of else {
            let why = "internal error: failed to retrieve type information for x-kubernetes-validations";
            let field = format!("{path}.{FIELD}");
            self.of_rules.push(FieldError::new(FieldErrorKind::Internal, field, "", why));
            return;
        };
        for (index, rule) in rules.iter().enumerate() {
            self.rule(rule, &of, &format!("{path}.{FIELD}[{index}]"), loose);
        }
    }

    fn form(&mut self, rule: &Object, schema: &Object, path: &str) {
        let errors = &mut self.of_schema;
        let at = |field: &str| format!("{path}.{field}");
        let (text, message) = (rule.str_at(&["rule"]), rule.str_at(&["message"]));
        if text.trim().is_empty() {
            errors.push(FieldError::required(at("rule"), "rule is not specified"));
        } else if !message.is_empty() && message.trim().is_empty() {
            errors.push(FieldError::invalid(at("message"), message, "must be non-empty if specified"));
        } else if message.trim().contains('\n') {
            errors.push(FieldError::invalid(at("message"), message, "must not contain line breaks"));
        } else if text.trim().contains('\n') && message.trim().is_empty() {
            errors.push(FieldError::required(at("message"), "message must be specified if rule contains line breaks"));
        }
        let expression = rule.str_at(&["messageExpression"]);
        if !expression.is_empty() && expression.trim().is_empty() {
            errors.push(FieldError::required(
                at("messageExpression"),
                "messageExpression must be non-empty if specified",
            ));
        }
        if let Some(reason) = rule.at(&["reason"]).and_then(Object::as_str)
            && !REASONS.contains(&reason)
        {
            errors.push(FieldError::not_supported(at("reason"), reason, REASONS));
        }
        let field = rule.str_at(&["fieldPath"]);
        if field.is_empty() {
            return;
        }
        if field.trim().is_empty() {
            errors.push(FieldError::invalid(at("fieldPath"), field, "must be non-empty if specified"));
        }
        if field.contains('\n') {
            errors.push(FieldError::invalid(at("fieldPath"), field, "must not contain line breaks"));
        }
        if path::normalized(field, schema).is_err() {
            errors.push(FieldError::invalid(at("fieldPath"), field, "must be a valid path"));
        }
    }

    fn rule(&mut self, rule: &Object, of: &Type, path: &str, loose: Option<&str>) {
        let errors = &mut self.of_rules;
        let at = |field: &str| format!("{path}.{field}");
        let compiled = compile(of, rule);
        if let Err(why) = &compiled {
            errors.push(wrong(at("rule"), rule, why));
        } else if !rule.str_at(&["messageExpression"]).is_empty()
            && let Err(why) = compile_message(of, rule)
        {
            errors.push(wrong(at("messageExpression"), rule, &why));
        }
        if compiled.as_ref().is_ok_and(|program| program.mentions("oldSelf")) {
            if let Some(list) = loose {
                let why = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {list}");
                errors.push(FieldError::invalid(at("rule"), rule.str_at(&["rule"]), why));
            }
        } else if let Some(optional) = rule.at(&["optionalOldSelf"]).and_then(Object::as_bool) {
            let why = "may not be set if oldSelf is not used in rule";
            errors.push(FieldError::invalid(at("optionalOldSelf"), optional, why));
        }
    }
}

/// A fault of a rule, which the server shows whole: by the names that its fields have in the source.
fn wrong(field: String, rule: &Object, why: &str) -> FieldError {
    let text = |field: &str| Object::from(rule.str_at(&[field]));
    let any = |field: &str| rule.get(field).cloned().unwrap_or(Object::Null);
    let shown = [
        ("Rule", text("rule")),
        ("Message", text("message")),
        ("MessageExpression", text("messageExpression")),
        ("Reason", any("reason")),
        ("FieldPath", text("fieldPath")),
        ("OptionalOldSelf", any("optionalOldSelf")),
    ];
    let shown: Vec<String> = shown.iter().map(|(name, value)| format!("\"{name}\":{}", go_json(value))).collect();
    FieldError::invalid(field, Object::Null, format!("{{{}}}: {why}", shown.join(","))).without_value()
}
