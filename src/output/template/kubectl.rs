//! The functions that kubectl adds to Go's.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::funcs::{Function, Param};
use super::value::Value;

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

/// Standard base64 with padding; Go skips line breaks and does not look at left-over bits.
const STANDARD: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

fn base64decode<'a>(args: &[Value<'a>]) -> Result<Value<'a>, String> {
    let Some(Value::Text(text)) = args.first() else { return Err("base64 decode failed".to_owned()) };
    let mut places = Vec::new();
    let mut encoded = Vec::with_capacity(text.bytes().len());
    for (place, byte) in text.bytes().iter().enumerate() {
        if !matches!(byte, b'\r' | b'\n') {
            places.push(place);
            encoded.push(*byte);
        }
    }
    STANDARD.decode(&encoded).map(Value::text).map_err(|_| {
        let place = fault(&encoded, &places, text.bytes().len());
        format!("base64 decode failed: illegal base64 data at input byte {place}")
    })
}

/// Where Go's decoder finds fault: at the first byte that is no digit, or where the padding breaks.
/// `places` are those of the encoded bytes in the text, of which line breaks were taken out; `length`
/// is that of the text.
fn fault(encoded: &[u8], places: &[usize], length: usize) -> usize {
    let place = |index: usize| places.get(index).copied().unwrap_or(length);
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(stop) = encoded.iter().position(|byte| !is_digit(byte)) else {
        // All digits, of which the last ones make no whole group.
        return length - encoded.len() % 4;
    };
    match (encoded.get(stop), stop % 4, encoded.get(stop + 1)) {
        (Some(b'='), 2, None) => length,
        (Some(b'='), 2, Some(b'=')) => place(stop + 2),
        (Some(b'='), 2, Some(_)) => place(stop + 1).saturating_sub(1),
        (Some(b'='), 3, _) => place(stop + 1),
        _ => place(stop),
    }
}
