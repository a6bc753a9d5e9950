//! Values to and from text: durations, timestamps, numbers.

use jiff::{SignedDuration, Timestamp};

use super::value::Value;
use crate::object::number;

/// Nanoseconds of Go's units of time.
const UNITS: &[(&str, f64)] =
    &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
/// The first and last second of the years 1 and 9999.
const YEARS: (i64, i64) = (-62_135_596_800, 253_402_300_799);

/// Reads a duration as Go writes it: `1h30m`, `-1.5s`, `0`.
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (whole, after) = rest.split_at_checked(digits(rest))?;
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at_checked(digits(after))?,
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(*nanos as i128)?)?;
        if !fraction.is_empty() {
            let fraction: f64 = format!("0.{fraction}").parse().ok()?;
            total = total.checked_add((fraction * nanos).round() as i128)?;
        }
        rest = after;
    }
    let total = i64::try_from(if negative { -total } else { total }).ok()?;
    Some(SignedDuration::from_nanos(total))
}

/// A duration in seconds: `5405s`, `1.5s`.
pub(super) fn duration_text(value: SignedDuration) -> String {
    format!("{}s", value.as_secs_f64())
}

/// Reads an RFC 3339 time, or a date alone, as the data has it.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    crate::object::time::parse_rfc3339(text).or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })
}

/// A moment within the years that timestamps may have.
pub(super) fn in_range(at: Timestamp) -> Option<Timestamp> {
    (YEARS.0..=YEARS.1).contains(&at.as_second()).then_some(at)
}

/// A moment in RFC 3339, in UTC, with no more digits of a second than it has.
pub(super) fn timestamp_text(at: Timestamp) -> String {
    at.to_string()
}

/// A double with as many digits as it needs, and never an exponent.
pub(super) fn plain(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        format!("{value}")
    }
}

/// The text of a value, as `string()` gives it; `None` for what has none.
pub(super) fn text(value: &Value<'_>) -> Option<String> {
    Some(match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => number::go_float(*value),
        Value::String(text) => (**text).to_owned(),
        Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).ok()?,
        Value::Duration(value) => duration_text(*value),
        Value::Timestamp(value) => timestamp_text(*value),
        Value::Type(of) => of.name(),
        Value::Opaque(value) => value.text()?,
        _ => return None,
    })
}
