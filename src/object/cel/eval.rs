//! Trees to values.

use std::sync::Arc;

use super::ast::{Added, Comprehension, Id, Kind};
use super::fault::EvalError;
use super::value::{Eval, Key, Value};
use super::{Budget, Program, Variables};

/// Evaluates a checked program.
pub(super) fn run<'v>(program: &'v Program, variables: &dyn Variables<'v>, budget: &mut Budget) -> Eval<'v> {
    let mut evaluator = Evaluator { program, variables, budget, scopes: Vec::new() };
    evaluator.eval(program.tree.root)
}

struct Evaluator<'v, 'a> {
    program: &'v Program,
    variables: &'a dyn Variables<'v>,
    budget: &'a mut Budget,
    /// Variables of comprehensions, the innermost last. An accumulator may hold an error, which a later
    /// step may make up for.
    scopes: Vec<(&'v str, Eval<'v>)>,
}

impl<'v> Evaluator<'v, '_> {
    fn eval(&mut self, id: Id) -> Eval<'v> {
        let program = self.program;
        match program.tree.kind(id) {
            Kind::Fault => Err(EvalError::other("an expression that cannot be evaluated")),
            Kind::Literal(literal) => Ok(Value::of_literal(literal)),
            Kind::Type(of) => Ok(Value::Type(of.clone())),
            Kind::Ident(name) => self.ident(name),
            Kind::Select { operand, field, test } => self.select(*operand, field, *test),
            Kind::Call { function, target, args } => match (function.as_str(), args.as_slice()) {
                ("_&&_", args) => self.logical(args, false),
                ("_||_", args) => self.logical(args, true),
                ("_?_:_", [condition, yes, no]) => self.conditional(*condition, *yes, *no),
                ("@not_strictly_false", [arg]) => self.not_strictly_false(*arg),
                ("or" | "orValue", [other]) if target.is_some() => self.or(target.unwrap_or(id), *other, function),
                _ => self.call(id, *target, args),
            },
            Kind::List(items) => self.list(items),
            Kind::Map(entries) => self.map(entries),
            Kind::Struct { name, fields } => self.structure(name, fields),
            Kind::Comprehension(fold) => self.comprehension(fold),
        }
    }

    fn ident(&mut self, name: &'v str) -> Eval<'v> {
        self.budget.charge(1)?;
        if let Some((_, value)) = self.scopes.iter().rev().find(|(known, _)| *known == name) {
            return value.clone();
        }
        match self.variables.get(name) {
            Some(value) => value,
            None => Err(EvalError::other(format!("no such attribute(s): {name}"))),
        }
    }

    fn select(&mut self, operand: Id, field: &'v str, test: bool) -> Eval<'v> {
        let value = self.eval(operand)?;
        self.budget.charge(1)?;
        if test {
            let value = match &value {
                Value::Optional(None) => return Ok(Value::Bool(false)),
                Value::Optional(Some(value)) => value,
                value => value,
            };
            return Ok(Value::Bool(value.field(field).is_some()));
        }
        if let Value::Optional(value) = value {
            return Ok(match value.and_then(|value| value.field(field)) {
                Some(value) => Value::some(value),
                None => Value::Optional(None),
            });
        }
        value.field(field).ok_or_else(|| EvalError::no_such_key(field))
    }

    /// `&&` stops at what is false, `||` at what is true, whatever came before. Errors count only where
    /// nothing decides.
    fn logical(&mut self, args: &[Id], decisive: bool) -> Eval<'v> {
        let mut error = None;
        for arg in args {
            let next = match self.eval(*arg) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(value)),
                Ok(Value::Bool(_)) => continue,
                Ok(_) => EvalError::overload(),
                Err(EvalError::CostLimit) => return Err(EvalError::CostLimit),
                Err(why) => why,
            };
            error.get_or_insert(next);
        }
        match error {
            Some(why) => Err(why),
            None => Ok(Value::Bool(!decisive)),
        }
    }

    fn conditional(&mut self, condition: Id, yes: Id, no: Id) -> Eval<'v> {
        match self.eval(condition)? {
            Value::Bool(true) => self.eval(yes),
            Value::Bool(false) => self.eval(no),
            _ => Err(EvalError::overload()),
        }
    }

    fn not_strictly_false(&mut self, arg: Id) -> Eval<'v> {
        match self.eval(arg) {
            Err(EvalError::CostLimit) => Err(EvalError::CostLimit),
            Ok(Value::Bool(false)) => Ok(Value::Bool(false)),
            _ => Ok(Value::Bool(true)),
        }
    }

    /// `a.or(b)` and `a.orValue(b)`: the second is evaluated only where the first has no value.
    fn or(&mut self, target: Id, other: Id, function: &str) -> Eval<'v> {
        match self.eval(target)? {
            Value::Optional(Some(value)) if function == "orValue" => Ok((*value).clone()),
            Value::Optional(None) => self.eval(other),
            value @ Value::Optional(_) => Ok(value),
            _ => Err(EvalError::overload()),
        }
    }

    fn call(&mut self, id: Id, target: Option<Id>, args: &[Id]) -> Eval<'v> {
        let function = self.program.functions.get(id).copied().flatten();
        let Some(function) = function else { return Err(EvalError::overload()) };
        let mut values = Vec::with_capacity(args.len() + 1);
        for arg in target.iter().chain(args) {
            values.push(self.eval(*arg)?);
        }
        self.budget.charge(1)?;
        (function.run)(self.budget, &values).map_err(|why| overload(why, function.name, &values))
    }

    fn list(&mut self, items: &[(Id, bool)]) -> Eval<'v> {
        self.budget.charge(10)?;
        let mut values = Vec::with_capacity(items.len());
        for (item, optional) in items {
            match self.eval(*item)? {
                Value::Optional(value) if *optional => values.extend(value.map(|value| (*value).clone())),
                value => values.push(value),
            }
        }
        Ok(Value::list(values))
    }

    fn map(&mut self, entries: &[(Id, Id, bool)]) -> Eval<'v> {
        self.budget.charge(30)?;
        let mut made = std::collections::BTreeMap::new();
        for (key, value, optional) in entries {
            let key = self.eval(*key)?;
            let Some(key) = key.key() else {
                return Err(EvalError::other(format!("unsupported key type: {}", key.of().name())));
            };
            let value = match self.eval(*value)? {
                Value::Optional(Some(value)) if *optional => (*value).clone(),
                Value::Optional(None) if *optional => continue,
                value => value,
            };
            made.insert(key, value);
        }
        Ok(Value::Map(Arc::new(made)))
    }

    fn structure(&mut self, name: &str, fields: &'v [(usize, String, Id, bool)]) -> Eval<'v> {
        self.budget.charge(40)?;
        let mut made = Vec::with_capacity(fields.len());
        for (_, field, value, optional) in fields {
            let value = match self.eval(*value)? {
                Value::Optional(Some(value)) if *optional => (*value).clone(),
                Value::Optional(None) if *optional => continue,
                value => value,
            };
            made.push((field.clone(), value));
        }
        Ok(Value::Struct(Arc::new((name.strip_prefix('.').unwrap_or(name).to_owned(), made))))
    }

    fn comprehension(&mut self, fold: &'v Comprehension) -> Eval<'v> {
        let range = self.eval(fold.range)?;
        let start = self.eval(fold.start);
        let depth = self.scopes.len();
        let result = self.fold(fold, &range, start);
        self.scopes.truncate(depth);
        result
    }

    fn fold(&mut self, fold: &'v Comprehension, range: &Value<'v>, start: Eval<'v>) -> Eval<'v> {
        // What is gathered stays out of the scope until it is whole: nothing but the step names it.
        let mut gathered = Gathered::of(fold, &start);
        self.scopes.push((&fold.accumulator, start));
        let accumulator = self.scopes.len() - 1;
        let mut step = |evaluator: &mut Self, first: Value<'v>, second: Option<Value<'v>>| {
            evaluator.budget.charge(1)?;
            evaluator.scopes.truncate(accumulator + 1);
            if fold.adds.is_none() && evaluator.eval(fold.condition)?.as_bool() == Some(false) {
                return Ok(false);
            }
            evaluator.scopes.push((&fold.variable, Ok(first)));
            if let Some(name) = &fold.second {
                evaluator.scopes.push((name, Ok(second.unwrap_or(Value::Null))));
            }
            match &mut gathered {
                Some(gathered) => evaluator.gather(fold, gathered)?,
                None => {
                    let next = evaluator.eval(fold.step);
                    if let Err(EvalError::CostLimit) = next {
                        return Err(EvalError::CostLimit);
                    }
                    if let Some((_, place)) = evaluator.scopes.get_mut(accumulator) {
                        *place = next;
                    }
                }
            }
            Ok(true)
        };
        let two = fold.second.is_some();
        if let Some(items) = range.items() {
            for (index, item) in items.enumerate() {
                let (first, second) =
                    if two { (Value::Int(i64::try_from(index).unwrap_or(i64::MAX)), Some(item)) } else { (item, None) };
                if !step(self, first, second)? {
                    break;
                }
            }
        } else if let Some(entries) = range.entries() {
            for (key, value) in entries {
                if !step(self, key.into(), Some(value))? {
                    break;
                }
            }
        } else {
            let name = range.of().name();
            let mut letters = name.chars();
            let first = letters.next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
            return Err(EvalError::other(format!("got 'types.{first}{}', expected iterable type", letters.as_str())));
        }
        self.scopes.truncate(accumulator + 1);
        if let Some(gathered) = gathered
            && let Some((_, place)) = self.scopes.get_mut(accumulator)
        {
            *place = Ok(gathered.whole());
        }
        self.eval(fold.result)
    }

    fn gather(&mut self, fold: &'v Comprehension, gathered: &mut Gathered<'v>) -> Result<(), EvalError> {
        let Some(adds) = fold.adds else { return Ok(()) };
        if let Some(filter) = adds.filter {
            match self.eval(filter)? {
                Value::Bool(true) => {}
                Value::Bool(false) => return Ok(()),
                _ => return Err(EvalError::overload()),
            }
        }
        match (adds.what, gathered) {
            (Added::Element(element), Gathered::List(list)) => {
                let element = self.eval(element)?;
                self.budget.charge(2)?;
                list.push(element);
            }
            (Added::Value(value), Gathered::Map(map)) => {
                let value = self.eval(value)?;
                let key = self.ident(&fold.variable)?;
                insert(map, &key, value)?;
            }
            (Added::Entries(entries), Gathered::Map(map)) => {
                let entries = self.eval(entries)?;
                for (key, value) in entries.entries().ok_or_else(EvalError::overload)? {
                    self.budget.charge(1)?;
                    insert(map, &key.into(), value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

enum Gathered<'v> {
    List(Vec<Value<'v>>),
    Map(std::collections::BTreeMap<Key<'v>, Value<'v>>),
}

impl<'v> Gathered<'v> {
    fn of(fold: &Comprehension, start: &Eval<'v>) -> Option<Self> {
        fold.adds?;
        match start {
            Ok(Value::List(_)) => Some(Self::List(Vec::new())),
            Ok(Value::Map(_)) => Some(Self::Map(std::collections::BTreeMap::new())),
            _ => None,
        }
    }

    fn whole(self) -> Value<'v> {
        match self {
            Self::List(list) => Value::list(list),
            Self::Map(map) => Value::Map(Arc::new(map)),
        }
    }
}

fn insert<'v>(
    map: &mut std::collections::BTreeMap<Key<'v>, Value<'v>>,
    key: &Value<'v>,
    value: Value<'v>,
) -> Result<(), EvalError> {
    let key = key.key().ok_or_else(EvalError::overload)?;
    if map.contains_key(&key) {
        let key = super::convert::text(&key.into()).unwrap_or_default();
        return Err(EvalError::other(format!("insert failed: key {key} already exists")));
    }
    map.insert(key, value);
    Ok(())
}

/// Names the operation that a value does not know at all.
fn overload(why: EvalError, name: &str, values: &[Value<'_>]) -> EvalError {
    if why != EvalError::overload() {
        return why;
    }
    match values {
        [Value::Null] => EvalError::NoSuchOverload(format!("no such overload: {name}(null_type)")),
        [first, _]
            if matches!(name, "_+_" | "_-_" | "_*_" | "_/_" | "_%_")
                && (first.is_map() || matches!(first, Value::Null | Value::Bool(_))) =>
        {
            EvalError::NoSuchOverload(format!("no such overload: {name}"))
        }
        _ => why,
    }
}
