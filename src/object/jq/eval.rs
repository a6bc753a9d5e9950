//! A tree and data to values.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Comparison, Expr, Function, MAX_VALUES};
use crate::object::Object;

/// A value: part of the data, or made on the way.
pub(super) type Item<'v> = Cow<'v, Object>;
type Values<'v> = Result<Vec<Item<'v>>, String>;

/// The values of an expression. It is as deep as the parser lets it be.
pub(super) fn eval<'v>(expr: &Expr, input: &Item<'v>) -> Values<'v> {
    let owned = |value: Object| Ok(vec![Item::Owned(value)]);
    match expr {
        Expr::Identity => Ok(vec![input.clone()]),
        Expr::Literal(value) => owned(value.clone()),
        Expr::Field(of, name) => each(eval(of, input)?, |item| field(item, name).map(|value| vec![value])),
        Expr::At(of, index) => each(eval(of, input)?, |item| at(item, *index).map(|value| vec![value])),
        Expr::Each(of) => each(eval(of, input)?, elements),
        Expr::Try(inner) => Ok(eval(inner, input).unwrap_or_default()),
        Expr::Pipe(left, right) => each(eval(left, input)?, |item| eval(right, &item)),
        Expr::Comma(left, right) => {
            let mut values = eval(left, input)?;
            values.extend(eval(right, input)?);
            bounded(values)
        }
        Expr::Alternative(left, right) => {
            let mut values = eval(left, input).unwrap_or_default();
            values.retain(|value| truth(value));
            if values.is_empty() { eval(right, input) } else { Ok(values) }
        }
        Expr::And(left, right) => each(eval(left, input)?, |item| {
            if truth(&item) { truths(eval(right, input)?) } else { owned(Object::Bool(false)) }
        }),
        Expr::Or(left, right) => {
            each(
                eval(left, input)?,
                |item| {
                    if truth(&item) { owned(Object::Bool(true)) } else { truths(eval(right, input)?) }
                },
            )
        }
        Expr::Compare(left, comparison, right) => {
            let left = eval(left, input)?;
            each(eval(right, input)?, |right| {
                Ok(left.iter().map(|left| Item::Owned(Object::Bool(holds(left, *comparison, &right)))).collect())
            })
        }
        Expr::Call(function, argument) => call(*function, argument.as_deref(), input),
    }
}

fn each<'v>(values: Vec<Item<'v>>, then: impl Fn(Item<'v>) -> Values<'v>) -> Values<'v> {
    let mut all = Vec::with_capacity(values.len());
    for value in values {
        all.extend(then(value)?);
        if all.len() > MAX_VALUES {
            return Err("too many values".to_owned());
        }
    }
    Ok(all)
}

fn bounded(values: Vec<Item<'_>>) -> Values<'_> {
    if values.len() > MAX_VALUES { Err("too many values".to_owned()) } else { Ok(values) }
}

fn truth(value: &Object) -> bool {
    !matches!(value, Object::Null | Object::Bool(false))
}

fn truths(values: Vec<Item<'_>>) -> Values<'_> {
    Ok(values.into_iter().map(|value| Item::Owned(Object::Bool(truth(&value)))).collect())
}

fn kind(value: &Object) -> &'static str {
    match value {
        Object::Null => "null",
        Object::Bool(_) => "boolean",
        Object::Number(_) => "number",
        Object::String(_) => "string",
        Object::Array(_) => "array",
        Object::Object(_) => "object",
    }
}

fn field<'v>(item: Item<'v>, name: &str) -> Result<Item<'v>, String> {
    match item {
        Cow::Borrowed(Object::Object(map)) => Ok(map.get(name).map_or(Item::Owned(Object::Null), Cow::Borrowed)),
        Cow::Owned(Object::Object(mut map)) => Ok(Item::Owned(map.remove(name).unwrap_or_default())),
        item if item.is_null() => Ok(Item::Owned(Object::Null)),
        item => Err(format!("expected an object but got: {}", kind(&item))),
    }
}

fn at(item: Item<'_>, index: i64) -> Result<Item<'_>, String> {
    let place = |length: usize| {
        let back = if index < 0 { i64::try_from(length).unwrap_or(i64::MAX) } else { 0 };
        usize::try_from(index.saturating_add(back)).ok()
    };
    match item {
        Cow::Borrowed(Object::Array(list)) => {
            let value = place(list.len()).and_then(|place| list.get(place));
            Ok(value.map_or(Item::Owned(Object::Null), Cow::Borrowed))
        }
        Cow::Owned(Object::Array(list)) => {
            let place = place(list.len());
            Ok(Item::Owned(place.and_then(|place| list.into_iter().nth(place)).unwrap_or_default()))
        }
        item if item.is_null() => Ok(Item::Owned(Object::Null)),
        item => Err(format!("expected an array but got: {}", kind(&item))),
    }
}

fn elements(item: Item<'_>) -> Values<'_> {
    match item {
        Cow::Borrowed(Object::Array(list)) => Ok(list.iter().map(Cow::Borrowed).collect()),
        Cow::Borrowed(Object::Object(map)) => Ok(map.values().map(Cow::Borrowed).collect()),
        Cow::Owned(Object::Array(list)) => Ok(list.into_iter().map(Cow::Owned).collect()),
        Cow::Owned(Object::Object(map)) => Ok(map.into_iter().map(|(_, value)| Cow::Owned(value)).collect()),
        item => Err(format!("cannot iterate over: {}", kind(&item))),
    }
}

fn holds(left: &Object, comparison: Comparison, right: &Object) -> bool {
    let order = order(left, right);
    match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::Unequal => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    }
}

/// The order of values: null, false, true, numbers, strings, arrays, objects.
fn order(left: &Object, right: &Object) -> Ordering {
    let rank = |value: &Object| match value {
        Object::Null => 0,
        Object::Bool(false) => 1,
        Object::Bool(true) => 2,
        Object::Number(_) => 3,
        Object::String(_) => 4,
        Object::Array(_) => 5,
        Object::Object(_) => 6,
    };
    match (left, right) {
        (Object::Number(left), Object::Number(right)) => {
            left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Object::String(left), Object::String(right)) => left.cmp(right),
        (Object::Array(_), Object::Array(_)) | (Object::Object(_), Object::Object(_)) if left == right => {
            Ordering::Equal
        }
        (Object::Array(left), Object::Array(right)) => left.len().cmp(&right.len()).then(Ordering::Less),
        (Object::Object(left), Object::Object(right)) => left.len().cmp(&right.len()).then(Ordering::Less),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn call<'v>(function: Function, argument: Option<&Expr>, input: &Item<'v>) -> Values<'v> {
    let argument_of = |item: &Item<'v>| argument.map_or_else(|| Ok(vec![item.clone()]), |expr| eval(expr, item));
    let boolean = |value: bool| Ok(vec![Item::Owned(Object::Bool(value))]);
    match function {
        Function::Empty => Ok(Vec::new()),
        Function::Select => {
            let kept = argument_of(input)?.iter().filter(|value| truth(value)).count();
            Ok(vec![input.clone(); kept])
        }
        Function::Map => {
            let values = each(elements(input.clone())?, |item| argument_of(&item))?;
            Ok(vec![Item::Owned(Object::Array(values.into_iter().map(Cow::into_owned).collect()))])
        }
        Function::Not => boolean(!truth(input)),
        Function::Any => boolean(each(elements(input.clone())?, |item| argument_of(&item))?.iter().any(|it| truth(it))),
        Function::All => boolean(each(elements(input.clone())?, |item| argument_of(&item))?.iter().all(|it| truth(it))),
        Function::First | Function::Last => {
            // With an argument they are about its values, without about the elements of a list.
            let mut values = if argument.is_some() { argument_of(input)? } else { elements(input.clone())? };
            if function == Function::First {
                values.truncate(1);
            } else if values.len() > 1 {
                values.drain(..values.len() - 1);
            }
            if values.is_empty() && argument.is_none() {
                values.push(Item::Owned(Object::Null));
            }
            Ok(values)
        }
        Function::Length => {
            let length = match input.as_ref() {
                Object::Null => 0,
                Object::String(text) => text.chars().count(),
                Object::Array(list) => list.len(),
                Object::Object(map) => map.len(),
                other => return Err(format!("{} has no length", kind(other))),
            };
            Ok(vec![Item::Owned(Object::from(length))])
        }
        Function::Keys => match input.as_ref() {
            Object::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort();
                Ok(vec![Item::Owned(Object::from(keys.into_iter().cloned().collect::<Vec<_>>()))])
            }
            other => Err(format!("{} has no keys", kind(other))),
        },
        Function::ToString => {
            let text = input.as_str().map_or_else(|| input.to_string(), str::to_owned);
            Ok(vec![Item::Owned(Object::String(text))])
        }
        Function::ToNumber => match input.as_ref() {
            Object::Number(_) => Ok(vec![input.clone()]),
            Object::String(text) => match text.trim().parse::<serde_json::Number>() {
                Ok(number) => Ok(vec![Item::Owned(Object::Number(number))]),
                Err(_) => Err(format!("not a number: {text:?}")),
            },
            other => Err(format!("{} is no number", kind(other))),
        },
        Function::Has => each(argument_of(input)?, |key| match (input.as_ref(), key.as_ref()) {
            (Object::Object(map), Object::String(key)) => boolean(map.contains_key(key)),
            (Object::Array(list), Object::Number(index)) => {
                boolean(index.as_u64().is_some_and(|index| index < list.len() as u64))
            }
            (value, _) => Err(format!("{} cannot have that", kind(value))),
        }),
        Function::StartsWith | Function::EndsWith => each(argument_of(input)?, |part| {
            let (Some(text), Some(part)) = (input.as_str(), part.as_str()) else {
                return Err("strings are needed".to_owned());
            };
            boolean(if function == Function::StartsWith { text.starts_with(part) } else { text.ends_with(part) })
        }),
    }
}
