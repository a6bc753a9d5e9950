//! The functions that kubectl adds to Go's.

use super::funcs::{Function, Param};
use super::value::Value;
use crate::go::base64;

/// `exists` and `base64decode`.
pub const FUNCTIONS: &[Function] = &[
    Function::new("exists", &[Param::Any], Some(Param::Any), |args| Ok(Value::Bool(exists(args)))),
    Function::new("base64decode", &[Param::Text], None, base64decode),
];

/// Whether `index` would find something that is not null.
fn exists(args: &[Value<'_>]) -> bool {
    let Some((item, indexes)) = args.split_first() else { return false };
    let mut item = item.clone();
    for index in indexes {
        let at = index.integer().and_then(|index| usize::try_from(index).ok());
        item = match (item.concrete(), at, index) {
            (Value::Map(map), _, Value::Text(key)) => {
                let found = std::str::from_utf8(key.bytes()).ok().and_then(|key| map.get(key));
                found.map_or_else(Value::null, Value::Element)
            }
            (Value::Map(map), _, Value::Nothing) => map.get("").map_or_else(Value::null, Value::Element),
            (Value::Slice(slice), Some(at), _) if at < slice.len() => Value::Element(slice.get(at)),
            (Value::Text(text), Some(at), _) => match text.bytes().get(at) {
                Some(byte) => Value::Byte(*byte),
                None => return false,
            },
            _ => return false,
        };
    }
    // Nil on its own, without anything to look up, passes for something in Go.
    !matches!(item, Value::Element(element) if element.is_null())
}

fn base64decode<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let Some(Value::Text(text)) = args.first() else { return Err("base64 decode failed".to_owned()) };
    base64::decode(text.bytes()).map(Value::text).map_err(|error| format!("base64 decode failed: {error}"))
}
