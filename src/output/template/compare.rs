//! `eq`, `ne`, `lt`, `le`, `gt` and `ge`: values of one basic kind compare, others are an error.

use std::cmp::Ordering;

use super::printf;
use super::value::Value;

/// The kinds that compare with each other; signed and unsigned integers do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Complex,
    Integer,
    Float,
    Text,
}

fn kind(value: &Value<'_>) -> Option<Kind> {
    Some(match value {
        Value::Bool(_) => Kind::Bool,
        Value::Complex(..) => Kind::Complex,
        Value::Int(_) | Value::Int64(_) | Value::Byte(_) => Kind::Integer,
        Value::Float(_) => Kind::Float,
        Value::Text(_) => Kind::Text,
        Value::Nothing | Value::Element(_) | Value::Map(_) | Value::Slice(_) => return None,
    })
}

fn incompatible(left: &Value<'_>, right: &Value<'_>) -> String {
    format!("incompatible types for comparison: {} and {}", left.type_name(), right.type_name())
}

/// Whether two values are equal. Nil equals nil and nothing else; maps and slices only compare with
/// nil.
fn equal(left: &Value<'_>, right: &Value<'_>) -> Result<bool, String> {
    if kind(left) != kind(right) {
        if left.is_nil() || right.is_nil() {
            return Ok(false);
        }
        return Err(incompatible(left, right));
    }
    Ok(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Complex(real, imaginary), Value::Complex(other, part)) => real == other && imaginary == part,
        (Value::Float(left), Value::Float(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => left.bytes() == right.bytes(),
        (Value::Nothing, other) | (other, Value::Nothing) => other.is_nil(),
        (Value::Map(_), Value::Map(_)) | (Value::Slice(_), Value::Slice(_)) => {
            return Err(format!("non-comparable type {}: {}", shown("%s", right), right.type_name()));
        }
        (Value::Map(_) | Value::Slice(_), _) => {
            return Err(format!(
                "non-comparable types {}: {}, {}: {}",
                shown("%s", left),
                left.type_name(),
                right.type_name(),
                shown("%v", right)
            ));
        }
        _ => left.integer() == right.integer(),
    })
}

fn shown(format: &str, value: &Value<'_>) -> String {
    String::from_utf8_lossy(&printf::printf(format.as_bytes(), std::slice::from_ref(value))).into_owned()
}

fn less(left: &Value<'_>, right: &Value<'_>) -> Result<bool, String> {
    let (Some(kind_left), Some(kind_right)) = (kind(left), kind(right)) else {
        return Err("invalid type for comparison".to_owned());
    };
    if kind_left != kind_right {
        return Err(incompatible(left, right));
    }
    let order = match (left, right) {
        (Value::Bool(_) | Value::Complex(..), _) => return Err("invalid type for comparison".to_owned()),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Text(left), Value::Text(right)) => Some(left.bytes().cmp(right.bytes())),
        _ => left.integer().partial_cmp(&right.integer()),
    };
    Ok(order == Some(Ordering::Less))
}

fn pair<'a>(args: &[Value<'a>]) -> (Value<'a>, Value<'a>) {
    let mut args = args.iter().map(|arg| arg.clone().concrete());
    (args.next().unwrap_or(Value::Nothing), args.next().unwrap_or(Value::Nothing))
}

pub(super) fn eq<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let Some((first, others)) = args.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Err("missing argument for comparison".to_owned());
    };
    let first = first.clone().concrete();
    for other in others {
        if equal(&first, &other.clone().concrete())? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn ne<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let (left, right) = pair(args);
    Ok(Value::Bool(!equal(&left, &right)?))
}

pub(super) fn lt<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let (left, right) = pair(args);
    Ok(Value::Bool(less(&left, &right)?))
}

pub(super) fn le<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let (left, right) = pair(args);
    Ok(Value::Bool(less(&left, &right)? || equal(&left, &right)?))
}

pub(super) fn gt<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let (left, right) = pair(args);
    Ok(Value::Bool(!less(&left, &right)? && !equal(&left, &right)?))
}

pub(super) fn ge<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let (left, right) = pair(args);
    Ok(Value::Bool(!less(&left, &right)?))
}
