//! Conversions between types.

use jiff::{SignedDuration, Timestamp};

use super::operators::{int_overflow, uint_overflow};
use super::{Function, function, mismatch};
use crate::object::cel::Budget;
use crate::object::cel::convert;
use crate::object::cel::fault::EvalError;
use crate::object::cel::value::{Eval, Text, Value};

pub(super) static TABLE: &[Function] =
    &[
        function("type", &["(A) -> type(A)"], |_, args| match args {
            [value] => Ok(Value::Type(value.of())),
            _ => mismatch(),
        }),
        function("dyn", &["(A) -> dyn"], |_, args| args.first().cloned().map_or_else(mismatch, Ok)),
        function("bool", &["(bool) -> bool", "(string) -> bool"], |_, args| match args {
            [Value::Bool(value)] => Ok(Value::Bool(*value)),
            [Value::String(text)] => match &**text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
                _ => Err(failed("string", "bool")),
            },
            _ => mismatch(),
        }),
        function("bytes", &["(bytes) -> bytes", "(string) -> bytes"], |budget, args| match args {
            [Value::Bytes(bytes)] => Ok(Value::Bytes(bytes.clone())),
            [Value::String(text)] => {
                budget.traverse(text.len())?;
                Ok(Value::Bytes(text.as_bytes().into()))
            }
            _ => mismatch(),
        }),
        function(
            "double",
            &["(double) -> double", "(int) -> double", "(string) -> double", "(uint) -> double"],
            |_, args| match args {
                [Value::Double(value)] => Ok(Value::Double(*value)),
                [Value::Int(value)] => Ok(Value::Double(*value as f64)),
                [Value::Uint(value)] => Ok(Value::Double(*value as f64)),
                [Value::String(text)] => text.parse().map(Value::Double).map_err(|_| failed("string", "double")),
                _ => mismatch(),
            },
        ),
        function(
            "int",
            &[
                "(int) -> int",
                "(double) -> int",
                "(duration) -> int",
                "(string) -> int",
                "(timestamp) -> int",
                "(uint) -> int",
            ],
            |_, args| match args {
                [Value::Int(value)] => Ok(Value::Int(*value)),
                [Value::Uint(value)] => i64::try_from(*value).map(Value::Int).map_err(|_| int_overflow()),
                [Value::Double(value)] if *value > -9.223_372_036_854_775e18 && *value < 9.223_372_036_854_775e18 => {
                    Ok(Value::Int(*value as i64))
                }
                [Value::Double(_)] => Err(int_overflow()),
                [Value::Duration(value)] => Ok(Value::Int(i64::try_from(value.as_nanos()).unwrap_or(i64::MAX))),
                [Value::Timestamp(at)] => Ok(Value::Int(at.as_second())),
                [Value::String(text)] => text.parse().map(Value::Int).map_err(|_| failed("string", "int")),
                _ => mismatch(),
            },
        ),
        function("uint", &["(uint) -> uint", "(double) -> uint", "(int) -> uint", "(string) -> uint"], |_, args| {
            match args {
                [Value::Uint(value)] => Ok(Value::Uint(*value)),
                [Value::Int(value)] => u64::try_from(*value).map(Value::Uint).map_err(|_| uint_overflow()),
                [Value::Double(value)] if *value >= 0.0 && *value < 1.844_674_407_370_955e19 => {
                    Ok(Value::Uint(*value as u64))
                }
                [Value::Double(_)] => Err(uint_overflow()),
                [Value::String(text)] => text.parse().map(Value::Uint).map_err(|_| failed("string", "uint")),
                _ => mismatch(),
            }
        }),
        function(
            "string",
            &[
                "(string) -> string",
                "(bool) -> string",
                "(bytes) -> string",
                "(double) -> string",
                "(duration) -> string",
                "(int) -> string",
                "(timestamp) -> string",
                "(uint) -> string",
                "(net.IP) -> string",
                "(net.CIDR) -> string",
            ],
            string,
        ),
        function("duration", &["(duration) -> duration", "(int) -> duration", "(string) -> duration"], |_, args| {
            match args {
                [Value::Duration(value)] => Ok(Value::Duration(*value)),
                [Value::Int(nanos)] => Ok(Value::Duration(SignedDuration::from_nanos(*nanos))),
                [Value::String(text)] => convert::duration(text)
                    .map(Value::Duration)
                    .ok_or_else(|| failed("string", "google.protobuf.Duration")),
                _ => mismatch(),
            }
        }),
        function(
            "timestamp",
            &["(timestamp) -> timestamp", "(int) -> timestamp", "(string) -> timestamp"],
            |_, args| match args {
                [Value::Timestamp(at)] => Ok(Value::Timestamp(*at)),
                [Value::Int(seconds)] => {
                    let at = Timestamp::from_second(*seconds).ok().and_then(convert::in_range);
                    at.map(Value::Timestamp).ok_or_else(|| EvalError::other("timestamp overflow"))
                }
                [Value::String(text)] => match crate::object::time::parse_rfc3339(text) {
                    Some(at) => convert::in_range(at)
                        .map(Value::Timestamp)
                        .ok_or_else(|| EvalError::other("timestamp overflow")),
                    None => Err(failed("string", "google.protobuf.Timestamp")),
                },
                _ => mismatch(),
            },
        ),
    ];

fn failed(from: &str, to: &str) -> EvalError {
    EvalError::other(format!("type conversion error from '{from}' to '{to}'"))
}

fn string<'v>(budget: &mut Budget, args: &[Value<'v>]) -> Eval<'v> {
    let [value] = args else { return mismatch() };
    budget.traverse(value.size().unwrap_or(0))?;
    match value {
        Value::String(text) => Ok(Value::String(text.clone())),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::String(Text::Shared(text.into()))),
            Err(_) => Err(EvalError::other("invalid UTF-8 in bytes, cannot convert to string")),
        },
        Value::Type(_) => mismatch(),
        value => convert::text(value).map_or_else(mismatch, |text| Ok(text.into())),
    }
}
