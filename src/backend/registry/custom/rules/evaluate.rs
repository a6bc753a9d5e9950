//! Objects against rules (`apiextensions/apiserver/schema/cel/validation.go`).

use super::{Rule, Rules};
use crate::backend::registry::field_error::{FieldError, FieldErrorKind, FieldErrors};
use crate::object::Object;
use crate::object::cel::{Budget, EvalError, Named, Program, Value};

/// What one rule may cost, and all rules of one object together.
const COST_OF_ONE: u64 = 1_000_000;
const COST_OF_ALL: u64 = 10_000_000;
/// The longest message that an expression may make, in bytes.
const LONGEST_MESSAGE: usize = 5 * 1024;

/// What came of the rules.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Why the object is refused.
    pub errors: FieldErrors,
    /// Faults that were there before: they are spoken of and let pass.
    pub warnings: Vec<String>,
}

/// A value and what it was.
#[derive(Clone, Copy)]
struct Place<'v> {
    new: &'v Object,
    /// For rules about changes.
    old: Option<&'v Object>,
    /// Whether the nearest value whose former state is known is what it was.
    unchanged: bool,
    /// The former state of this very value, where it is known.
    former: Option<&'v Object>,
}

/// The rules cost too much: no more of them are run.
struct Stop;

impl Rules {
    /// Evaluates all rules over an object; `old` is what it was, if it was.
    pub fn evaluate(&self, object: &Object, old: Option<&Object>) -> Outcome {
        let mut run = Run { outcome: Outcome::default(), path: String::new(), left: COST_OF_ALL };
        let unchanged = old.is_some_and(|old| old == object);
        let _ = run.value(self, Place { new: object, old, unchanged, former: old });
        run.outcome
    }
}

struct Run {
    outcome: Outcome,
    path: String,
    left: u64,
}

impl Run {
    fn value(&mut self, rules: &Rules, place: Place<'_>) -> Result<(), Stop> {
        if place.new.is_null() {
            return Ok(());
        }
        for rule in &rules.rules {
            self.rule(rule, rules, place)?;
        }
        for inner in &rules.all_of {
            self.value(inner, place)?;
        }
        match place.new {
            Object::Array(items) => {
                let Some(inner) = &rules.items else { return Ok(()) };
                for (index, item) in items.iter().enumerate() {
                    let same = |list: Option<&'_ Object>| {
                        let of = |item: &Object| {
                            rules.keys.iter().map(|key| item.get(key).cloned().unwrap_or_default()).collect::<Vec<_>>()
                        };
                        if rules.keys.is_empty() {
                            return None;
                        }
                        let wanted = of(item);
                        list.and_then(Object::as_array).and_then(|list| list.iter().position(|old| of(old) == wanted))
                    };
                    let find = |list: Option<&'_ Object>| same(list);
                    let old = find(place.old).and_then(|at| place.old?.get(at));
                    let former = find(place.former).and_then(|at| place.former?.get(at));
                    self.inside(&format!("[{index}]"), inner, place.below(item, old, former))?;
                }
            }
            Object::Object(fields) => {
                let below = |name: &str, value| {
                    place.below(
                        value,
                        place.old.and_then(|old| old.get(name)),
                        place.former.and_then(|old| old.get(name)),
                    )
                };
                if let Some(inner) = &rules.values {
                    for (name, value) in fields {
                        self.inside(&format!("[{name}]"), inner, below(name, value))?;
                    }
                }
                for (name, inner) in &rules.properties {
                    if let Some(value) = fields.get(name) {
                        let dot = if self.path.is_empty() { "" } else { "." };
                        self.inside(&format!("{dot}{name}"), inner, below(name, value))?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn inside(&mut self, step: &str, rules: &Rules, place: Place<'_>) -> Result<(), Stop> {
        let length = self.path.len();
        self.path.push_str(step);
        let result = self.value(rules, place);
        self.path.truncate(length);
        result
    }

    fn field(&self) -> String {
        if self.path.is_empty() { "<nil>".to_owned() } else { self.path.clone() }
    }

    fn refuse(&mut self, kind: &str, why: String) {
        let error = FieldError::invalid(self.field(), kind, why);
        self.outcome.errors.push(error);
    }

    fn evaluate<'v>(&mut self, program: &'v Program, variables: &Named<'v>) -> Result<Value<'v>, EvalError> {
        let granted = COST_OF_ONE.min(self.left);
        let mut budget = Budget::new(granted);
        let result = program.eval(variables, &mut budget);
        self.left -= granted - budget.left();
        result
    }

    fn rule(&mut self, rule: &Rule, rules: &Rules, place: Place<'_>) -> Result<(), Stop> {
        let kind = rules.kind.as_str();
        let Some(of) = &rules.of else { return Ok(()) };
        let program = match &rule.program {
            Ok(program) => program,
            Err(why) => {
                self.refuse(kind, format!("rule compile error: {why}"));
                return Ok(());
            }
        };
        let old = place.old.filter(|old| !old.is_null());
        // Rules about changes need something that changed.
        if rule.uses_old && old.is_none() && !rule.optional_old {
            return Ok(());
        }
        let mut variables = Named(vec![("self", Value::of_json(place.new, of))]);
        let old = old.map(|old| Value::of_json(old, of));
        match (rule.optional_old, old) {
            (true, old) => variables.0.push(("oldSelf", Value::Optional(old.map(Into::into)))),
            (false, Some(old)) => variables.0.push(("oldSelf", old)),
            (false, None) => {}
        }
        if self.left == 0 {
            let why = "validation failed due to running out of cost budget, no further validation rules will be run";
            self.refuse(kind, why.into());
            return Err(Stop);
        }
        match self.evaluate(program, &variables) {
            Ok(Value::Bool(true)) => Ok(()),
            Ok(_) => self.fails(rule, rules, place, &variables),
            Err(why @ EvalError::NoSuchOverload(_)) => {
                let words = "call arguments did not match a supported operator, function or macro signature for rule";
                self.refuse(kind, format!("'{why}': {words}: {}", rule.name()));
                Ok(())
            }
            Err(why @ EvalError::CostLimit) => {
                let words = "no further validation rules will be run due to call cost exceeds limit for rule";
                self.refuse(kind, format!("'{why}': {words}: {}", rule.name()));
                Err(Stop)
            }
            Err(why) => {
                self.refuse(kind, format!("{why} evaluating rule: {}", rule.name()));
                Ok(())
            }
        }
    }

    fn fails<'v>(
        &mut self,
        rule: &'v Rule,
        rules: &Rules,
        place: Place<'v>,
        variables: &Named<'v>,
    ) -> Result<(), Stop> {
        let mut detail = match rule.message.as_str() {
            "" => format!("failed rule: {}", rule.rule),
            message => message.to_owned(),
        };
        if let Some(program) = &rule.message_expression {
            match self.evaluate(program, variables) {
                Ok(value) => {
                    let text = value.as_str().unwrap_or("").trim();
                    if !text.is_empty() && text.len() <= LONGEST_MESSAGE && !text.contains('\n') {
                        detail = text.to_owned();
                    }
                }
                Err(EvalError::CostLimit) => {
                    let why = "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run";
                    self.refuse(&rules.kind, why.into());
                    return Err(Stop);
                }
                Err(_) => {}
            }
        }
        let mut field = self.field();
        if !rule.path.is_empty() {
            let dot = if self.path.is_empty() || rule.path.starts_with('[') { "" } else { "." };
            field = format!("{}{dot}{}", self.path, rule.path);
        }
        let error = match rule.reason.as_str() {
            "FieldValueForbidden" => FieldError::forbidden(field, detail),
            "FieldValueRequired" => FieldError::required(field, detail),
            reason => {
                let kind = match reason {
                    "FieldValueDuplicate" => FieldErrorKind::Duplicate,
                    _ => FieldErrorKind::Invalid,
                };
                let error = FieldError::new(kind, field, place.new.clone(), detail);
                if matches!(rules.kind.as_str(), "object" | "array") { error.without_value() } else { error }
            }
        };
        if !rule.uses_old && place.unchanged {
            self.outcome.warnings.push(error.to_string());
        } else {
            self.outcome.errors.push(error);
        }
        Ok(())
    }
}

impl<'v> Place<'v> {
    fn below(self, new: &'v Object, old: Option<&'v Object>, former: Option<&'v Object>) -> Self {
        // Where the former state is not known, that of the nearest value above decides.
        let unchanged = match (self.former, former) {
            (Some(_), Some(former)) => former == new,
            _ => self.unchanged,
        };
        Self { new, old, unchanged, former }
    }
}
