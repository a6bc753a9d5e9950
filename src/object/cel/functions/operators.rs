//! Operators: arithmetic, comparison, indexing, membership.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Function, function, mismatch};
use crate::object::cel::Budget;
use crate::object::cel::convert;
use crate::object::cel::fault::EvalError;
use crate::object::cel::types::Identity;
use crate::object::cel::value::{Eval, Text, Value};

const ORDERED: &[&str] = &[
    "(bool, bool) -> bool",
    "(int, int) -> bool",
    "(int, double) -> bool",
    "(int, uint) -> bool",
    "(uint, uint) -> bool",
    "(uint, double) -> bool",
    "(uint, int) -> bool",
    "(double, double) -> bool",
    "(double, int) -> bool",
    "(double, uint) -> bool",
    "(string, string) -> bool",
    "(bytes, bytes) -> bool",
    "(timestamp, timestamp) -> bool",
    "(duration, duration) -> bool",
];
const IN: &[&str] = &["(A, list(A)) -> bool", "(A, map(A, B)) -> bool"];
const EQUALITY: &[&str] = &["(A, A) -> bool"];
const LOGIC: &[&str] = &["(bool, bool) -> bool"];

pub(super) static TABLE: &[Function] = &[
    function("_&&_", LOGIC, |_, _| mismatch()),
    function("_||_", LOGIC, |_, _| mismatch()),
    function("_?_:_", &["(bool, A, A) -> A"], |_, _| mismatch()),
    function("@not_strictly_false", &["(bool) -> bool"], |_, _| mismatch()),
    function("!_", &["(bool) -> bool"], |_, args| match args {
        [Value::Bool(value)] => Ok(Value::Bool(!value)),
        _ => mismatch(),
    }),
    function("-_", &["(double) -> double", "(int) -> int"], |_, args| match args {
        [Value::Int(value)] => value.checked_neg().map(Value::Int).ok_or_else(int_overflow),
        [Value::Double(value)] => Ok(Value::Double(-value)),
        _ => mismatch(),
    }),
    function("_==_", EQUALITY, |budget, args| equality(budget, args, true)),
    function("_!=_", EQUALITY, |budget, args| equality(budget, args, false)),
    function("_<_", ORDERED, |budget, args| order(budget, args, |order| order == Ordering::Less)),
    function("_<=_", ORDERED, |budget, args| order(budget, args, |order| order != Ordering::Greater)),
    function("_>_", ORDERED, |budget, args| order(budget, args, |order| order == Ordering::Greater)),
    function("_>=_", ORDERED, |budget, args| order(budget, args, |order| order != Ordering::Less)),
    function(
        "_+_",
        &[
            "(bytes, bytes) -> bytes",
            "(double, double) -> double",
            "(duration, duration) -> duration",
            "(duration, timestamp) -> timestamp",
            "(timestamp, duration) -> timestamp",
            "(int, int) -> int",
            "(list(A), list(A)) -> list(A)",
            "(string, string) -> string",
            "(uint, uint) -> uint",
        ],
        add,
    ),
    function(
        "_-_",
        &[
            "(double, double) -> double",
            "(duration, duration) -> duration",
            "(int, int) -> int",
            "(timestamp, duration) -> timestamp",
            "(timestamp, timestamp) -> duration",
            "(uint, uint) -> uint",
        ],
        subtract,
    ),
    function(
        "_*_",
        &["(double, double) -> double", "(int, int) -> int", "(uint, uint) -> uint"],
        |_, args| match args {
            [Value::Int(a), Value::Int(b)] => a.checked_mul(*b).map(Value::Int).ok_or_else(int_overflow),
            [Value::Uint(a), Value::Uint(b)] => a.checked_mul(*b).map(Value::Uint).ok_or_else(uint_overflow),
            [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a * b)),
            _ => mismatch(),
        },
    ),
    function(
        "_/_",
        &["(double, double) -> double", "(int, int) -> int", "(uint, uint) -> uint"],
        |_, args| match args {
            [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => {
                Err(EvalError::other("division by zero"))
            }
            [Value::Int(a), Value::Int(b)] => a.checked_div(*b).map(Value::Int).ok_or_else(int_overflow),
            [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(a / b)),
            [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a / b)),
            _ => mismatch(),
        },
    ),
    function("_%_", &["(int, int) -> int", "(uint, uint) -> uint"], |_, args| match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => Err(EvalError::other("modulus by zero")),
        [Value::Int(a), Value::Int(b)] => a.checked_rem(*b).map(Value::Int).ok_or_else(int_overflow),
        [Value::Uint(a), Value::Uint(b)] => Ok(Value::Uint(a % b)),
        _ => mismatch(),
    }),
    function("@in", IN, contains),
    function(
        "_[_]",
        &[
            "(list(A), int) -> A",
            "(map(A, B), A) -> B",
            "(optional_type(list(V)), int) -> optional_type(V)",
            "(optional_type(map(K, V)), K) -> optional_type(V)",
        ],
        |_, args| match args {
            [Value::Optional(value), key] => optional_index(value.as_deref(), key),
            [value, key] => index(value, key),
            _ => mismatch(),
        },
    ),
    function(
        "_[?_]",
        &[
            "(list(V), int) -> optional_type(V)",
            "(optional_type(list(V)), int) -> optional_type(V)",
            "(map(K, V), K) -> optional_type(V)",
            "(optional_type(map(K, V)), K) -> optional_type(V)",
        ],
        |_, args| match args {
            [Value::Optional(value), key] => optional_index(value.as_deref(), key),
            [value, key] => optional_index(Some(value), key),
            _ => mismatch(),
        },
    ),
    function("_?._", &["(dyn, string) -> optional_type(V)"], |_, args| match args {
        [Value::Optional(value), key] => optional_index(value.as_deref(), key),
        [value, key] => optional_index(Some(value), key),
        _ => mismatch(),
    }),
    function("cel.@mapInsert", &["(map(K, V), K, V) -> map(K, V)", "(map(K, V), map(K, V)) -> map(K, V)"], |_, _| {
        mismatch()
    }),
];

pub(super) fn int_overflow() -> EvalError {
    EvalError::other("integer overflow")
}

pub(super) fn uint_overflow() -> EvalError {
    EvalError::other("unsigned integer overflow")
}

fn equality<'v>(budget: &mut Budget, args: &[Value<'v>], wanted: bool) -> Eval<'v> {
    match args {
        [a, b] => Ok(Value::Bool(a.equals(b, budget)? == wanted)),
        _ => mismatch(),
    }
}

fn order<'v>(budget: &mut Budget, args: &[Value<'v>], holds: fn(Ordering) -> bool) -> Eval<'v> {
    let [a, b] = args else { return mismatch() };
    if let (Value::String(a), Value::String(b)) = (a, b) {
        budget.traverse(a.len().min(b.len()))?;
    }
    match a.compare(b) {
        Some(Some(order)) => Ok(Value::Bool(holds(order))),
        Some(None) => Err(EvalError::other("NaN values cannot be ordered")),
        None => mismatch(),
    }
}

fn moment<'v>(at: Result<Timestamp, jiff::Error>) -> Eval<'v> {
    let at = at.ok().and_then(convert::in_range);
    at.map(Value::Timestamp).ok_or_else(|| EvalError::other("timestamp overflow"))
}

fn length<'v>(nanos: Option<i128>) -> Eval<'v> {
    match nanos.and_then(|nanos| i64::try_from(nanos).ok()) {
        Some(nanos) => Ok(Value::Duration(SignedDuration::from_nanos(nanos))),
        None => Err(EvalError::other("duration overflow")),
    }
}

fn add<'v>(budget: &mut Budget, args: &[Value<'v>]) -> Eval<'v> {
    match args {
        [Value::Int(a), Value::Int(b)] => a.checked_add(*b).map(Value::Int).ok_or_else(int_overflow),
        [Value::Uint(a), Value::Uint(b)] => a.checked_add(*b).map(Value::Uint).ok_or_else(uint_overflow),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a + b)),
        [Value::String(a), Value::String(b)] => {
            budget.traverse(a.len() + b.len())?;
            Ok(Value::String(Text::Shared([&**a, &**b].concat().into())))
        }
        [Value::Bytes(a), Value::Bytes(b)] => {
            budget.traverse(a.len() + b.len())?;
            Ok(Value::Bytes([&**a, &**b].concat().into()))
        }
        [Value::Duration(a), Value::Duration(b)] => length(a.as_nanos().checked_add(b.as_nanos())),
        [Value::Timestamp(at), Value::Duration(by)] | [Value::Duration(by), Value::Timestamp(at)] => {
            moment(at.checked_add(*by))
        }
        [a, b] => {
            let (Some(of_a), Some(of_b)) = (a.items(), b.items()) else { return mismatch() };
            budget.charge((a.size().unwrap_or(0) + b.size().unwrap_or(0)) as u64 / 10)?;
            let mut joined: Vec<Value<'v>> = of_a.collect();
            match a.identity() {
                Identity::Place => joined.extend(of_b),
                identity => merge(budget, &mut joined, of_b, identity)?,
            }
            Ok(Value::List(Arc::new(joined)))
        }
        _ => mismatch(),
    }
}

/// Adds to a list whose elements are told apart: what is there already is replaced where it stands.
fn merge<'v>(
    budget: &mut Budget,
    joined: &mut Vec<Value<'v>>,
    with: impl Iterator<Item = Value<'v>>,
    identity: &Identity,
) -> Result<(), EvalError> {
    for item in with {
        let mut place = None;
        for (at, known) in joined.iter().enumerate() {
            let same = match identity {
                Identity::Keys(keys) => {
                    let mut same = true;
                    for key in keys.iter() {
                        same = same
                            && match (known.field(key), item.field(key)) {
                                (Some(a), Some(b)) => a.equals(&b, budget)?,
                                (a, b) => a.is_none() && b.is_none(),
                            };
                    }
                    same
                }
                _ => known.equals(&item, budget)?,
            };
            if same {
                place = Some(at);
                break;
            }
        }
        match place.and_then(|at| joined.get_mut(at)) {
            Some(known) => *known = item,
            None => joined.push(item),
        }
    }
    Ok(())
}

fn subtract<'v>(_: &mut Budget, args: &[Value<'v>]) -> Eval<'v> {
    match args {
        [Value::Int(a), Value::Int(b)] => a.checked_sub(*b).map(Value::Int).ok_or_else(int_overflow),
        [Value::Uint(a), Value::Uint(b)] => a.checked_sub(*b).map(Value::Uint).ok_or_else(uint_overflow),
        [Value::Double(a), Value::Double(b)] => Ok(Value::Double(a - b)),
        [Value::Duration(a), Value::Duration(b)] => length(a.as_nanos().checked_sub(b.as_nanos())),
        [Value::Timestamp(at), Value::Duration(by)] => moment(at.checked_sub(*by)),
        [Value::Timestamp(a), Value::Timestamp(b)] => length(a.as_nanosecond().checked_sub(b.as_nanosecond())),
        _ => mismatch(),
    }
}

fn contains<'v>(budget: &mut Budget, args: &[Value<'v>]) -> Eval<'v> {
    let [needle, range] = args else { return mismatch() };
    if let Some(items) = range.items() {
        for item in items {
            if item.equals(needle, budget)? {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    if range.is_map() {
        return Ok(Value::Bool(range.get(needle).is_some()));
    }
    mismatch()
}

fn place(key: &Value<'_>) -> Result<Option<usize>, EvalError> {
    Ok(match key {
        Value::Int(at) => usize::try_from(*at).ok(),
        Value::Uint(at) => usize::try_from(*at).ok(),
        Value::Double(at) if at.fract() == 0.0 && *at >= 0.0 && *at < 9.0e15 => Some(*at as usize),
        Value::Double(at) => {
            let at = crate::object::number::go_float(*at);
            return Err(EvalError::other(format!("unsupported index value {at} in list")));
        }
        key => return Err(EvalError::other(format!("unsupported index type '{}' in list", key.of().name()))),
    })
}

fn index<'v>(value: &Value<'v>, key: &Value<'v>) -> Eval<'v> {
    if value.items().is_some() {
        let shown = || convert::text(key).unwrap_or_default();
        let found = place(key)?.and_then(|at| value.item(at));
        return found.ok_or_else(|| EvalError::other(format!("index out of bounds: {}", shown())));
    }
    if value.is_map() {
        return value.get(key).ok_or_else(|| EvalError::no_such_key(convert::text(key).unwrap_or_default()));
    }
    mismatch()
}

fn optional_index<'v>(value: Option<&Value<'v>>, key: &Value<'v>) -> Eval<'v> {
    let Some(value) = value else { return Ok(Value::Optional(None)) };
    let found = if value.items().is_some() { place(key)?.and_then(|at| value.item(at)) } else { value.get(key) };
    Ok(Value::Optional(found.map(Arc::new)))
}
