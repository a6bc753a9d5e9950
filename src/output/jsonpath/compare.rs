//! The operators of filters, by the rules of Go's templates: only values of the same basic kind
//! compare, and whole numbers are another kind than floats.

use std::cmp::Ordering;

use serde_json::Value;

use super::Error;
use crate::output::number::Num;

enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

fn basic(value: &Value) -> Result<Basic<'_>, Error> {
    match value {
        Value::Bool(flag) => Ok(Basic::Bool(*flag)),
        Value::String(text) => Ok(Basic::Text(text)),
        Value::Number(number) => Ok(match Num::of(number) {
            Num::Int(whole) => Basic::Int(whole),
            Num::Float(float) => Basic::Float(float),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Error::new("invalid type for comparison")),
    }
}

fn order(left: &Basic<'_>, right: &Basic<'_>) -> Result<Option<Ordering>, Error> {
    match (left, right) {
        (Basic::Int(left), Basic::Int(right)) => Ok(Some(left.cmp(right))),
        (Basic::Float(left), Basic::Float(right)) => Ok(left.partial_cmp(right)),
        (Basic::Text(left), Basic::Text(right)) => Ok(Some(left.cmp(right))),
        (Basic::Bool(left), Basic::Bool(right)) => Ok(Some(left.cmp(right))),
        _ => Err(Error::new("incompatible types for comparison")),
    }
}

/// Whether `left operator right` holds.
pub(super) fn holds(left: &Value, operator: &str, right: &Value) -> Result<bool, Error> {
    let wants: fn(Option<Ordering>) -> bool = match operator {
        "==" => |order| order == Some(Ordering::Equal),
        "!=" => |order| order != Some(Ordering::Equal),
        "<" => |order| order == Some(Ordering::Less),
        "<=" => |order| matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">" => |order| !matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">=" => |order| order != Some(Ordering::Less),
        _ => return Err(Error::new(format!("unrecognized filter operator {operator}"))),
    };
    let (left, right) = (basic(left)?, basic(right)?);
    let order = order(&left, &right)?;
    if matches!(left, Basic::Bool(_)) && !matches!(operator, "==" | "!=") {
        return Err(Error::new("invalid type for comparison"));
    }
    Ok(wants(order))
}
