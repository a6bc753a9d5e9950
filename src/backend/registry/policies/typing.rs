//! What is wrong with a policy for the types that it is about: `status.typeChecking`
//! (`…/policy/validating/typechecking.go`). It warns and refuses nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::environment::Variables;
use crate::backend::registry::custom::rules::types::spelled;
use crate::object::cel::{Field, Fields, Program, Type};
use crate::object::schema::{self, Shape};
use crate::object::{GroupVersionKind, Meta, Object, builtin};

/// The most types that are looked at.
const MOST_TYPES: usize = 10;

/// A built-in type.
#[derive(Debug)]
struct Builtin(&'static schema::Type);

impl Fields for Builtin {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn field(&self, name: &str) -> Option<Field<'_>> {
        let own = self.0.fields().iter().find(|field| spelled(field.name).is_some_and(|spelled| spelled == name))?;
        Some(Field { name: Cow::Borrowed(own.name), of: declared(&own.shape) })
    }
}

fn declared(shape: &Shape) -> Type {
    match shape {
        Shape::String => Type::String,
        Shape::Int32 | Shape::Int64 => Type::Int,
        Shape::Double => Type::Double,
        Shape::Bool => Type::Bool,
        Shape::Bytes => Type::Bytes,
        Shape::Time | Shape::MicroTime => Type::Timestamp,
        Shape::List(item) => Type::list(declared(item)),
        Shape::Map(value) => Type::map(Type::String, declared(value)),
        shape => shape.object().map_or(Type::Dyn, |of| Type::Object(Arc::new(Builtin(of)))),
    }
}

/// The status of a validating policy of a generation.
pub fn status(policy: &Object, generation: i64) -> Object {
    let mut warnings = Vec::new();
    let kinds = kinds(policy);
    for (index, validation) in policy.list_at(&["spec", "validations"]).iter().enumerate() {
        for field in ["expression", "messageExpression"] {
            let text = validation.str_at(&[field]);
            let said: Vec<String> = kinds.iter().filter_map(|kind| complaint(policy, kind, text)).collect();
            if !said.is_empty() {
                warnings.push(json!({
                    "fieldRef": format!("spec.validations[{index}].{field}"), "warning": said.join("\n"),
                }));
            }
        }
    }
    let mut checking = json!({});
    if !warnings.is_empty() {
        checking["expressionWarnings"] = warnings.into();
    }
    json!({"observedGeneration": generation, "typeChecking": checking})
}

fn complaint(policy: &Object, kind: &GroupVersionKind, text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return None;
    }
    let object = Type::Object(Arc::new(Builtin(schema::of(kind)?)));
    let spec = policy.at(&["spec"])?;
    let mut variables = Variables::new(spec);
    let typed = |variables: &Variables| {
        variables.env(true, false).with("object", object.clone()).with("oldObject", object.clone())
    };
    for variable in spec.list_at(&["variables"]) {
        if let Ok(program) = Program::compile(&typed(&variables), variable.str_at(&["expression"])) {
            variables.add(variable.str_at(&["name"]), program.result().clone());
        }
    }
    let why = Program::compile(&typed(&variables), text).err()?;
    Some(format!("{}, Kind={}: compilation failed: {why}\n", kind.group_version(), kind.kind))
}

/// The built-in types that a policy names, without wildcards.
fn kinds(policy: &Object) -> Vec<GroupVersionKind> {
    let mut found: BTreeSet<(String, String, String)> = BTreeSet::new();
    for rule in policy.list_at(&["spec", "matchConstraints", "resourceRules"]) {
        let texts = |field: &str| -> Vec<&str> {
            let all: Vec<&str> = rule.list_at(&[field]).iter().filter_map(Object::as_str).collect();
            if all.contains(&"*") { Vec::new() } else { all }
        };
        for group in texts("apiGroups") {
            for version in texts("apiVersions") {
                for resource in texts("resources") {
                    if let Some(found_one) = builtin::by_path(group, version, resource) {
                        let gvk = found_one.gvk();
                        found.insert((gvk.group, gvk.version, gvk.kind));
                    }
                }
            }
        }
    }
    let kinds = found.into_iter().take(MOST_TYPES);
    kinds.map(|(group, version, kind)| GroupVersionKind { group, version, kind }).collect()
}
