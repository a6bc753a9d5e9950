//! Values that may be absent.

use std::sync::Arc;

use super::{Function, function, mismatch};
use crate::object::cel::fault::EvalError;
use crate::object::cel::value::{Eval, Value};

pub(super) static TABLE: &[Function] = &[
    function("optional.none", &["() -> optional_type(V)"], |_, _| Ok(Value::Optional(None))),
    function("optional.of", &["(V) -> optional_type(V)"], |_, args| match args {
        [value] => Ok(Value::some(value.clone())),
        _ => mismatch(),
    }),
    function("optional.ofNonZeroValue", &["(V) -> optional_type(V)"], |_, args| match args {
        [value] if is_zero(value) => Ok(Value::Optional(None)),
        [value] => Ok(Value::some(value.clone())),
        _ => mismatch(),
    }),
    function("hasValue", &["optional_type(V).() -> bool"], |_, args| match args {
        [Value::Optional(value)] => Ok(Value::Bool(value.is_some())),
        _ => mismatch(),
    }),
    function("value", &["optional_type(V).() -> V"], |_, args| match args {
        [Value::Optional(Some(value))] => Ok((**value).clone()),
        [Value::Optional(None)] => Err(EvalError::other("optional.none() dereference")),
        _ => mismatch(),
    }),
    function("or", &["optional_type(V).(optional_type(V)) -> optional_type(V)"], |_, _| mismatch()),
    function("orValue", &["optional_type(V).(V) -> V"], |_, _| mismatch()),
    function("optional.unwrap", &["(list(optional_type(V))) -> list(V)"], |_, args| unwrap(args)),
    function("unwrapOpt", &["list(optional_type(V)).() -> list(V)"], |_, args| unwrap(args)),
    function("first", &["list(V).() -> optional_type(V)"], |_, args| match args {
        [list] if list.items().is_some() => Ok(Value::Optional(list.item(0).map(Arc::new))),
        _ => mismatch(),
    }),
    function("last", &["list(V).() -> optional_type(V)"], |_, args| match args {
        [list] if list.items().is_some() => {
            let last = list.size().and_then(|size| size.checked_sub(1));
            Ok(Value::Optional(last.and_then(|last| list.item(last)).map(Arc::new)))
        }
        _ => mismatch(),
    }),
];

fn unwrap<'v>(args: &[Value<'v>]) -> Eval<'v> {
    let Some(items) = args.first().and_then(Value::items) else { return mismatch() };
    let mut found = Vec::new();
    for item in items {
        match item {
            Value::Optional(Some(value)) => found.push((*value).clone()),
            Value::Optional(None) => {}
            _ => return Err(EvalError::other("value is not optional")),
        }
    }
    Ok(Value::list(found))
}

fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Int(value) => *value == 0,
        Value::Uint(value) => *value == 0,
        Value::Double(value) => *value == 0.0,
        Value::Duration(value) => value.is_zero(),
        Value::Timestamp(at) => at.as_second() == -62_135_596_800 && at.subsec_nanosecond() == 0,
        Value::Optional(value) => value.is_none(),
        value => value.size() == Some(0),
    }
}
