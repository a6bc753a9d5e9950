//! Admission policies: their expressions, read once, and what those are evaluated over
//! (`apiserver/pkg/admission/plugin/policy`, `…/plugin/cel`).

pub mod check;
mod environment;
pub mod hooks;
pub mod typing;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use environment::Variables;
pub use environment::{Review, Scope};

use crate::object::cel::{Program, Type};
use crate::object::{Meta, Object};

/// Policies that are kept read.
const MOST_KEPT: usize = 256;

/// A policy, validating or mutating.
#[derive(Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Whether errors refuse a request (`failurePolicy: Fail`).
    pub fails: bool,
    /// Conditions under which it is about a request, by their names.
    pub conditions: Vec<(String, Unit)>,
    /// What must hold.
    pub validations: Vec<Validation>,
    /// What an audit would note, by key.
    pub annotations: Vec<(String, Unit)>,
    /// What it changes.
    pub mutations: Vec<(Mutation, Unit)>,
    variables: Vec<(String, Unit)>,
}

/// An expression.
#[derive(Debug)]
pub struct Unit {
    /// Its text.
    pub text: String,
    /// Its program, or what is wrong with it.
    pub program: Result<Program, String>,
}

/// What must hold, and what is said where it does not.
#[derive(Debug)]
pub struct Validation {
    /// What must hold.
    pub unit: Unit,
    /// What is said; may be empty.
    pub message: String,
    /// Makes what is said.
    pub message_unit: Option<Unit>,
    /// The status's reason; empty for `Invalid`.
    pub reason: String,
}

/// How a policy changes objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// By a part of an object that is merged into it.
    ApplyConfiguration,
    /// By a JSON patch.
    JsonPatch,
}

/// What an expression must evaluate to.
#[derive(Clone, Copy)]
enum Wanted {
    Bool,
    Text,
    TextOrNull,
    Any,
    Object,
    Patch,
}

impl Wanted {
    fn takes(self, of: &Type) -> bool {
        match (self, of) {
            (Self::Any, _)
            | (Self::Bool, Type::Bool)
            | (Self::Text, Type::String)
            | (Self::TextOrNull, Type::String | Type::Null) => true,
            (Self::Object, Type::Object(of)) => of.name() == "Object",
            (Self::Patch, Type::List(of)) => matches!(&of.item, Type::Object(of) if of.name() == "JSONPatch"),
            _ => false,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Text => "string",
            Self::TextOrNull => "one of [string null_type]",
            Self::Any => "any",
            Self::Object => "Object",
            Self::Patch => "list(JSONPatch)",
        }
    }
}

impl Unit {
    fn read(text: &str, variables: &Variables, authorizer: bool, wanted: Wanted) -> Self {
        let env = variables.env(authorizer, matches!(wanted, Wanted::Object | Wanted::Patch));
        let program = match Program::compile(&env, text) {
            Err(why) => Err(format!("compilation failed: {why}")),
            Ok(program) if wanted.takes(program.result()) => Ok(program),
            Ok(program) => Err(format!("must evaluate to {} but got {}", wanted.words(), program.result())),
        };
        Self { text: text.to_owned(), program }
    }
}

static READ: OnceLock<RwLock<HashMap<String, Arc<Policy>>>> = OnceLock::new();

impl Policy {
    /// A policy object's expressions, read; those of an object that was seen before are not read again.
    pub fn of(object: &Object) -> Arc<Self> {
        let known = READ.get_or_init(RwLock::default);
        let key = format!("{}/{}", object.uid(), object.resource_version());
        if let Some(found) = known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return found.clone();
        }
        let read = Arc::new(Self::read(object));
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KEPT {
            known.clear();
        }
        known.insert(key, read.clone());
        read
    }

    fn read(object: &Object) -> Self {
        let spec = object.at(&["spec"]).cloned().unwrap_or_default();
        let mut variables = Variables::new(&spec);
        let plain = Variables::plain(&spec);
        let text = |object: &Object, field: &str| object.str_at(&[field]).trim().to_owned();
        let condition = |one: &Object| {
            let unit = Unit::read(&text(one, "expression"), &plain, true, Wanted::Bool);
            (one.str_at(&["name"]).to_owned(), unit)
        };
        let conditions = spec.list_at(&["matchConditions"]).iter().map(condition).collect();
        let mut read = Vec::new();
        for variable in spec.list_at(&["variables"]) {
            let name = variable.str_at(&["name"]);
            let unit = Unit::read(&text(variable, "expression"), &variables, true, Wanted::Any);
            if let Ok(program) = &unit.program {
                variables.add(name, program.result().clone());
            }
            read.push((name.to_owned(), unit));
        }
        let validation = |one: &Object| Validation {
            unit: Unit::read(&text(one, "expression"), &variables, true, Wanted::Bool),
            message: text(one, "message"),
            message_unit: match text(one, "messageExpression").as_str() {
                "" => None,
                text => Some(Unit::read(text, &variables, false, Wanted::Text)),
            },
            reason: one.str_at(&["reason"]).to_owned(),
        };
        let annotation = |one: &Object| {
            let unit = Unit::read(&text(one, "valueExpression"), &variables, true, Wanted::TextOrNull);
            (one.str_at(&["key"]).to_owned(), unit)
        };
        let mutation = |one: &Object| {
            let (kind, field, wanted) = match one.str_at(&["patchType"]) {
                "JSONPatch" => (Mutation::JsonPatch, "jsonPatch", Wanted::Patch),
                _ => (Mutation::ApplyConfiguration, "applyConfiguration", Wanted::Object),
            };
            (kind, Unit::read(one.str_at(&[field, "expression"]).trim(), &variables, true, wanted))
        };
        Self {
            name: object.name().to_owned(),
            fails: spec.str_at(&["failurePolicy"]) != "Ignore",
            conditions,
            validations: spec.list_at(&["validations"]).iter().map(validation).collect(),
            annotations: spec.list_at(&["auditAnnotations"]).iter().map(annotation).collect(),
            mutations: spec.list_at(&["mutations"]).iter().map(mutation).collect(),
            variables: read,
        }
    }
}
