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

/// Whether `index` would find something. A key whose value is null is there.
fn exists(args: &[Value<'_>]) -> bool {
    let Some((item, indexes)) = args.split_first() else { return false };
    let mut item = item.clone();
    for index in indexes {
        let at = index.integer().and_then(|index| usize::try_from(index).ok());
        item = match (item.concrete(), at, index) {
            (Value::Map(map), _, Value::Text(key)) => {
                match std::str::from_utf8(key.bytes()).ok().and_then(|key| map.get(key)) {
                    Some(element) => Value::Element(element),
                    None => return false,
                }
            }
            (Value::Map(map), _, Value::Nothing) => match map.get("") {
                Some(element) => Value::Element(element),
                None => return false,
            },
            (Value::Slice(slice), Some(at), _) if at < slice.len() => Value::Element(slice.get(at)),
            (Value::Text(text), Some(at), _) => match text.bytes().get(at) {
                Some(byte) => Value::Byte(*byte),
                None => return false,
            },
            _ => return false,
        };
    }
    true
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
        let place = places.get(first_fault(&encoded)).copied().unwrap_or(text.bytes().len());
        format!("base64 decode failed: illegal base64 data at input byte {place}")
    })
}

/// Where Go's decoder stops: at the first byte that is no digit, or at what breaks the padding.
fn first_fault(encoded: &[u8]) -> usize {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(stop) = encoded.iter().position(|byte| !is_digit(byte)) else {
        // All digits, but not a multiple of four: the group that is cut short.
        return encoded.len() / 4 * 4;
    };
    if encoded.get(stop) != Some(&b'=') {
        return stop;
    }
    match stop % 4 {
        // Too early to pad.
        0 | 1 => stop,
        2 => match encoded.get(stop + 1) {
            Some(b'=') => stop + 2,
            Some(_) => stop + 1,
            None => encoded.len(),
        },
        _ => stop + 1,
    }
}
