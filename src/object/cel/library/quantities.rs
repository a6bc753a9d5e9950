//! Amounts, as resources have them.

use super::Opaque;
use crate::object::cel::fault::EvalError;
use crate::object::cel::functions::mismatch;
use crate::object::cel::value::{Eval, Value};
use crate::object::quantity::Quantity;

pub(super) fn parse(text: &str) -> Result<Quantity, EvalError> {
    // Whatever is wrong, API servers say it with the form alone.
    Quantity::parse(text).map_err(|_| EvalError::other(crate::object::quantity::QuantityError::Format.to_string()))
}

/// The amount, if it is a whole number of 64 bits.
pub(super) fn integer(of: Quantity) -> Option<i64> {
    (of.is_whole() && of.as_f64().abs() < 9.3e18).then(|| of.value())
}

/// Two amounts, or an amount and a number, as one.
pub(super) fn combined<'v>(args: &[Value<'v>], how: fn(Quantity, Quantity) -> Quantity) -> Eval<'v> {
    match args {
        [Value::Opaque(Opaque::Quantity(a)), Value::Opaque(Opaque::Quantity(b))] => {
            Ok(Opaque::Quantity(how(*a, *b)).into())
        }
        [Value::Opaque(Opaque::Quantity(a)), Value::Int(b)] => {
            Ok(Opaque::Quantity(how(*a, Quantity::from_int(*b, a.notation()))).into())
        }
        _ => mismatch(),
    }
}
