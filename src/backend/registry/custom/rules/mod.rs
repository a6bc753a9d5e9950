//! Rules in CEL (`x-kubernetes-validations`): checked when a definition is written, evaluated when its
//! objects are.

mod check;
mod evaluate;
mod path;
pub mod types;

pub use check::{check, shares_schema};
pub use evaluate::Outcome;

use crate::object::cel::{Env, Program, Type};
use crate::object::{Meta, Object};

/// The schema's field with the rules.
const FIELD: &str = "x-kubernetes-validations";

/// The rules of a schema and of all below it that have any.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// The schema's `type`.
    kind: String,
    of: Option<Type>,
    items: Option<Box<Rules>>,
    /// The fields by which elements of a list are told apart.
    keys: Vec<String>,
    properties: Vec<(String, Rules)>,
    values: Option<Box<Rules>>,
    all_of: Vec<Rules>,
}

/// One rule.
#[derive(Debug)]
struct Rule {
    program: Result<Program, String>,
    uses_old: bool,
    optional_old: bool,
    rule: String,
    message: String,
    message_expression: Option<Program>,
    /// The field that is at fault, below the one with the rule.
    path: String,
    reason: String,
}

/// The environment of a rule over values of a type.
fn env(of: &Type, optional_old: bool) -> Env {
    let old = if optional_old { Type::optional(of.clone()) } else { of.clone() };
    Env::new().with("self", of.clone()).with("oldSelf", old)
}

/// Reads a rule's program; the error is what a definition's status says of it.
fn compile(of: &Type, rule: &Object) -> Result<Program, String> {
    let env = env(of, rule.bool_at(&["optionalOldSelf"]));
    let program = Program::compile(&env, rule.str_at(&["rule"])).map_err(|why| format!("compilation failed: {why}"))?;
    match program.result() {
        Type::Bool => Ok(program),
        _ => Err("cel expression must evaluate to a bool".into()),
    }
}

/// Reads a message's program.
fn compile_message(of: &Type, rule: &Object) -> Result<Program, String> {
    let env = env(of, rule.bool_at(&["optionalOldSelf"]));
    let program = Program::compile(&env, rule.str_at(&["messageExpression"]))
        .map_err(|why| format!("messageExpression compilation failed: {why}"))?;
    match program.result() {
        Type::String => Ok(program),
        _ => Err("messageExpression must evaluate to a string".into()),
    }
}

impl Rules {
    /// The rules of a custom resource's schema; `None` where there are none.
    pub fn of(schema: &Object) -> Option<Self> {
        if !has_rules(schema) {
            return None;
        }
        let of = types::declared(schema, true, "selfType");
        Self::read(schema, schema, of)
    }

    /// `rules` is where the rules stand, `schema` what describes the values: within `allOf` they differ.
    fn read(rules: &Object, schema: &Object, of: Option<Type>) -> Option<Self> {
        let mut read = Self { kind: schema.str_at(&["type"]).to_owned(), of: of.clone(), ..Self::default() };
        if let Some(of) = &of {
            read.rules = rules.list_at(&[FIELD]).iter().filter_map(|rule| Rule::read(of, rule, schema)).collect();
        }
        let embedded = |schema: &Object| schema.bool_at(&["x-kubernetes-embedded-resource"]);
        let item = |of: &Option<Type>| match of {
            Some(Type::List(of)) => Some(of.item.clone()),
            Some(Type::Map(of)) => Some(of.1.clone()),
            _ => None,
        };
        if let (Some(inner), Some(own)) = (rules.get("items"), schema.get("items")) {
            read.items = Self::read(inner, own, item(&of)).map(Box::new);
        }
        for (name, inner) in rules.get("properties").and_then(Object::as_object).into_iter().flatten() {
            let Some(own) = schema.at(&["properties", name]) else { continue };
            let field = match (types::spelled(name), &of) {
                (Some(name), Some(Type::Object(known))) => known.field(&name).map(|field| field.of),
                (Some(_), _) => None,
                (None, _) => types::declared(own, embedded(own), "selfType"),
            };
            // What has no type is not looked at.
            if field.is_some()
                && let Some(inner) = Self::read(inner, own, field)
            {
                read.properties.push((name.to_string(), inner));
            }
        }
        let values = |schema: &'_ Object| schema.get("additionalProperties").filter(|inner| inner.is_object()).cloned();
        if let (Some(inner), Some(own)) = (values(rules), values(schema)) {
            read.values = Self::read(&inner, &own, item(&of)).map(Box::new);
        }
        let all_of = rules.list_at(&["allOf"]).iter();
        read.all_of = all_of.filter_map(|inner| Self::read(inner, schema, of.clone())).collect();
        if schema.str_at(&["x-kubernetes-list-type"]) == "map" {
            let keys = schema.list_at(&["x-kubernetes-list-map-keys"]).iter();
            read.keys = keys.filter_map(Object::as_str).map(str::to_owned).collect();
        }
        let any = !read.rules.is_empty()
            || read.items.is_some()
            || !read.properties.is_empty()
            || read.values.is_some()
            || !read.all_of.is_empty();
        any.then_some(read)
    }
}

impl Rule {
    fn read(of: &Type, rule: &Object, schema: &Object) -> Option<Self> {
        let text = rule.str_at(&["rule"]);
        if text.trim().is_empty() {
            return None;
        }
        let program = compile(of, rule);
        let path = rule.str_at(&["fieldPath"]);
        Some(Self {
            uses_old: program.as_ref().is_ok_and(|program| program.mentions("oldSelf")),
            program,
            optional_old: rule.bool_at(&["optionalOldSelf"]),
            rule: text.trim().to_owned(),
            message: rule.str_at(&["message"]).trim().to_owned(),
            message_expression: match rule.str_at(&["messageExpression"]) {
                "" => None,
                _ => compile_message(of, rule).ok(),
            },
            path: if path.is_empty() { String::new() } else { path::normalized(path, schema).unwrap_or_default() },
            reason: rule.str_at(&["reason"]).to_owned(),
        })
    }

    /// How the rule is named in messages.
    fn name(&self) -> &str {
        if self.message.is_empty() { &self.rule } else { &self.message }
    }
}

fn has_rules(schema: &Object) -> bool {
    match schema {
        Object::Object(fields) => {
            fields.get(FIELD).is_some_and(|rules| rules.as_array().is_some_and(|rules| !rules.is_empty()))
                || fields.values().any(has_rules)
        }
        Object::Array(items) => items.iter().any(has_rules),
        _ => false,
    }
}
