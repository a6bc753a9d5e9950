//! Lists and sets.

use std::cmp::Ordering;

use super::operators::{int_overflow, uint_overflow};
use super::{Function, function, mismatch};
use crate::object::cel::Budget;
use crate::object::cel::fault::EvalError;
use crate::object::cel::value::{Eval, Value};

const SORTED: &[&str] = &[
    "list(int).() -> bool",
    "list(uint).() -> bool",
    "list(double).() -> bool",
    "list(bool).() -> bool",
    "list(duration).() -> bool",
    "list(timestamp).() -> bool",
    "list(string).() -> bool",
    "list(bytes).() -> bool",
];
const EXTREME: &[&str] = &[
    "list(int).() -> int",
    "list(uint).() -> uint",
    "list(double).() -> double",
    "list(bool).() -> bool",
    "list(duration).() -> duration",
    "list(timestamp).() -> timestamp",
    "list(string).() -> string",
    "list(bytes).() -> bytes",
];
const SORT: &[&str] = &[
    "list(int).() -> list(int)",
    "list(uint).() -> list(uint)",
    "list(double).() -> list(double)",
    "list(bool).() -> list(bool)",
    "list(duration).() -> list(duration)",
    "list(timestamp).() -> list(timestamp)",
    "list(string).() -> list(string)",
    "list(bytes).() -> list(bytes)",
];
const SORT_BY: &[&str] = &[
    "list(T).(list(int)) -> list(T)",
    "list(T).(list(uint)) -> list(T)",
    "list(T).(list(double)) -> list(T)",
    "list(T).(list(bool)) -> list(T)",
    "list(T).(list(duration)) -> list(T)",
    "list(T).(list(timestamp)) -> list(T)",
    "list(T).(list(string)) -> list(T)",
    "list(T).(list(bytes)) -> list(T)",
];
const SETS: &[&str] = &["(list(T), list(T)) -> bool"];

pub(super) static TABLE: &[Function] = &[
    function("isSorted", SORTED, |budget, args| {
        let items = elements(budget, args.first())?;
        for pair in items.windows(2) {
            if let [a, b] = pair
                && compare(a, b)? == Ordering::Greater
            {
                return Ok(Value::Bool(false));
            }
        }
        Ok(Value::Bool(true))
    }),
    function(
        "sum",
        &["list(int).() -> int", "list(uint).() -> uint", "list(double).() -> double", "list(duration).() -> duration"],
        sum,
    ),
    function("min", EXTREME, |budget, args| extreme(budget, args, "min", Ordering::Less)),
    function("max", EXTREME, |budget, args| extreme(budget, args, "max", Ordering::Greater)),
    function("sort", SORT, |budget, args| {
        let items = elements(budget, args.first())?;
        sort_by(items.clone(), items)
    }),
    function("@sortByAssociatedKeys", SORT_BY, |budget, args| {
        let (items, keys) = (elements(budget, args.first())?, elements(budget, args.get(1))?);
        sort_by(items, keys)
    }),
    function("slice", &["list(T).(int, int) -> list(T)"], |budget, args| match args {
        [list, Value::Int(start), Value::Int(end)] => {
            let items = elements(budget, Some(list))?;
            let wrong = |why: &str| Err(EvalError::other(format!("cannot slice({start}, {end}), {why}")));
            let (Ok(from), Ok(to)) = (usize::try_from(*start), usize::try_from(*end)) else {
                return wrong("negative indexes not supported");
            };
            if from > to {
                return wrong("start index must be less than or equal to end index");
            }
            match items.get(from..to) {
                Some(part) => Ok(Value::list(part.to_vec())),
                None => wrong(&format!("list is length {}", items.len())),
            }
        }
        _ => mismatch(),
    }),
    function("reverse", &["list(T).() -> list(T)"], |budget, args| {
        let mut items = elements(budget, args.first())?;
        items.reverse();
        Ok(Value::list(items))
    }),
    function("distinct", &["list(T).() -> list(T)"], |budget, args| {
        let mut found: Vec<Value<'_>> = Vec::new();
        for item in elements(budget, args.first())? {
            if !holds(budget, &found, &item)? {
                found.push(item);
            }
        }
        Ok(Value::list(found))
    }),
    function("flatten", &["list(list(T)).() -> list(T)", "list(dyn).(int) -> list(dyn)"], |budget, args| {
        let depth = match args {
            [_] => 1,
            [_, Value::Int(depth)] if *depth >= 0 => *depth,
            _ => return Err(EvalError::other("level must be non-negative")),
        };
        let mut flat = elements(budget, args.first())?;
        for _ in 0..depth {
            if !flat.iter().any(|item| item.items().is_some()) {
                break;
            }
            let mut next = Vec::with_capacity(flat.len());
            for item in flat {
                match item.items() {
                    Some(inner) => {
                        budget.charge(item.size().unwrap_or(0) as u64)?;
                        next.extend(inner);
                    }
                    None => next.push(item),
                }
            }
            flat = next;
        }
        Ok(Value::list(flat))
    }),
    function("lists.range", &["(int) -> list(int)"], |budget, args| match args {
        [Value::Int(count)] => {
            let count = (*count).max(0);
            budget.charge(count as u64)?;
            Ok(Value::list((0..count).map(Value::Int).collect()))
        }
        _ => mismatch(),
    }),
    function("sets.contains", SETS, |budget, args| {
        let (a, b) = (elements(budget, args.first())?, elements(budget, args.get(1))?);
        Ok(Value::Bool(includes(budget, &a, &b)?))
    }),
    function("sets.equivalent", SETS, |budget, args| {
        let (a, b) = (elements(budget, args.first())?, elements(budget, args.get(1))?);
        Ok(Value::Bool(includes(budget, &a, &b)? && includes(budget, &b, &a)?))
    }),
    function("sets.intersects", SETS, |budget, args| {
        let (a, b) = (elements(budget, args.first())?, elements(budget, args.get(1))?);
        for item in &b {
            if holds(budget, &a, item)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
];

fn elements<'v>(budget: &mut Budget, list: Option<&Value<'v>>) -> Result<Vec<Value<'v>>, EvalError> {
    let list = list.ok_or_else(EvalError::overload)?;
    let items = list.items().ok_or_else(EvalError::overload)?;
    budget.charge(list.size().unwrap_or(0) as u64)?;
    Ok(items.collect())
}

fn holds(budget: &mut Budget, items: &[Value<'_>], item: &Value<'_>) -> Result<bool, EvalError> {
    for known in items {
        if known.equals(item, budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn includes(budget: &mut Budget, items: &[Value<'_>], others: &[Value<'_>]) -> Result<bool, EvalError> {
    for other in others {
        if !holds(budget, items, other)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare(a: &Value<'_>, b: &Value<'_>) -> Result<Ordering, EvalError> {
    match a.compare(b) {
        Some(Some(order)) => Ok(order),
        Some(None) => Err(EvalError::other("NaN values cannot be ordered")),
        None => Err(EvalError::overload()),
    }
}

fn extreme<'v>(budget: &mut Budget, args: &[Value<'v>], name: &str, wanted: Ordering) -> Eval<'v> {
    let mut best: Option<Value<'v>> = None;
    for item in elements(budget, args.first())? {
        let better = match &best {
            Some(best) => compare(&item, best)? == wanted,
            None => true,
        };
        if better {
            best = Some(item);
        }
    }
    best.ok_or_else(|| EvalError::other(format!("{name} called on empty list")))
}

fn sum<'v>(budget: &mut Budget, args: &[Value<'v>]) -> Eval<'v> {
    let mut total: Option<Value<'v>> = None;
    for item in elements(budget, args.first())? {
        total = Some(match (total, &item) {
            (None, Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_)) => item,
            (Some(Value::Int(a)), Value::Int(b)) => Value::Int(a.checked_add(*b).ok_or_else(int_overflow)?),
            (Some(Value::Uint(a)), Value::Uint(b)) => Value::Uint(a.checked_add(*b).ok_or_else(uint_overflow)?),
            (Some(Value::Double(a)), Value::Double(b)) => Value::Double(a + b),
            (Some(Value::Duration(a)), Value::Duration(b)) => {
                Value::Duration(a.checked_add(*b).ok_or_else(|| EvalError::other("duration overflow"))?)
            }
            _ => return mismatch(),
        });
    }
    Ok(total.unwrap_or(Value::Int(0)))
}

fn sort_by<'v>(items: Vec<Value<'v>>, keys: Vec<Value<'v>>) -> Eval<'v> {
    let mut wrong = None;
    if let Some(first) = keys.first() {
        if first.compare(first).is_none() {
            return Err(EvalError::other("list elements must be comparable"));
        }
        if keys.iter().any(|key| !key.of().same(&first.of())) {
            return Err(EvalError::other("list elements must have the same type"));
        }
    }
    let mut both: Vec<(Value<'v>, Value<'v>)> = keys.into_iter().zip(items).collect();
    both.sort_by(|(a, _), (b, _)| {
        compare(a, b).unwrap_or_else(|why| {
            wrong = Some(why);
            Ordering::Equal
        })
    });
    match wrong {
        Some(why) => Err(why),
        None => Ok(Value::list(both.into_iter().map(|(_, item)| item).collect())),
    }
}

/// Where a list holds a value, from the start or from the end; -1 where it does not.
pub(super) fn index_of<'v>(budget: &mut Budget, args: &[Value<'v>], last: bool) -> Eval<'v> {
    let [list, wanted] = args else { return mismatch() };
    let mut found = -1;
    for (at, item) in elements(budget, Some(list))?.iter().enumerate() {
        if item.equals(wanted, budget)? {
            found = i64::try_from(at).unwrap_or(i64::MAX);
            if !last {
                break;
            }
        }
    }
    Ok(Value::Int(found))
}
