//! The values of number constants, in Go's syntax.

use super::lex::Kind;
use crate::go::quote::{CharFault, quote, unquote_char};

/// What a constant is where nothing asks for a type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constant {
    /// `int`.
    Int(i64),
    /// `float64`.
    Float(f64),
    /// `complex128`.
    Complex(f64, f64),
    /// An integer that only fits `uint64`: an error when it is used.
    Overflow,
}

/// Reads a constant; the error is the parser's words for it.
pub(super) fn constant(text: &str, kind: Kind) -> Result<Constant, String> {
    match kind {
        Kind::CharConstant => {
            return match unquote_char(text) {
                Ok(code) => Ok(Constant::Int(code)),
                Err(CharFault::Syntax) => Err("invalid syntax".to_owned()),
                Err(CharFault::Malformed) => Err(format!("malformed character constant: {text}")),
            };
        }
        Kind::Complex => {
            let split = text.rfind(['+', '-']).unwrap_or(0);
            let (real, imaginary) = text.split_at(split);
            let imaginary = imaginary.strip_suffix('i').unwrap_or(imaginary);
            return Ok(Constant::Complex(complex_part(real)?, complex_part(imaginary)?));
        }
        _ => {}
    }
    if let Some(imaginary) = text.strip_suffix('i').and_then(float) {
        return Ok(Constant::Complex(0.0, imaginary));
    }
    match integer(text) {
        Some(value) => match i64::try_from(value) {
            Ok(value) => Ok(Constant::Int(value)),
            Err(_) => Ok(Constant::Overflow),
        },
        None => match float(text) {
            None => Err(format!("illegal number syntax: {}", quote(text))),
            Some(_) if !text.contains(['.', 'e', 'E', 'p', 'P']) => Err(format!("integer overflow: {}", quote(text))),
            Some(value) => Ok(Constant::Float(value)),
        },
    }
}

/// One half of a complex constant; only these are read by Go's scanner, which has words of its own.
fn complex_part(text: &str) -> Result<f64, String> {
    if text.contains(['o', 'O', 'b', 'B']) && !text.contains(['x', 'X']) {
        return Err("syntax error scanning complex number".to_owned());
    }
    float(text).ok_or_else(|| {
        let fault = match text.parse::<f64>() {
            Ok(value) if value.is_infinite() => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.ParseFloat: parsing {}: {fault}", quote(text))
    })
}

/// An integer that fits `int64`, or, without a sign, `uint64`; prefixes set the base.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = if let Some(body) = lower.strip_prefix("0x") {
        (16, body)
    } else if let Some(body) = lower.strip_prefix("0o") {
        (8, body)
    } else if let Some(body) = lower.strip_prefix("0b") {
        (2, body)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..)?)
    } else {
        (10, lower.as_str())
    };
    if !underscores_fit(&lower) {
        return None;
    }
    let value = i128::from_str_radix(&body.replace('_', ""), radix).ok().filter(|_| !body.starts_with(['+', '-']))?;
    let value = sign * value;
    let unsigned = digits.len() == text.len() && value <= i128::from(u64::MAX);
    (unsigned || i64::try_from(value).is_ok()).then_some(value)
}

/// Whether underscores stand only between digits, or between a base prefix and a digit.
fn underscores_fit(lower: &str) -> bool {
    if !lower.contains('_') {
        return true;
    }
    let body = lower.trim_start_matches(['+', '-']);
    let (mut last, body, hex) = match body.get(..2) {
        Some("0x") => ('0', body.get(2..).unwrap_or_default(), true),
        Some("0b" | "0o") => ('0', body.get(2..).unwrap_or_default(), false),
        _ => ('^', body, false),
    };
    for c in body.chars() {
        let class = match c {
            '0'..='9' => '0',
            'a'..='f' if hex => '0',
            '_' => '_',
            _ => '!',
        };
        let digit_needed = class == '_' && last != '0' || class != '0' && last == '_';
        if digit_needed {
            return false;
        }
        last = class;
    }
    last != '_'
}

/// A floating-point number, decimal or hexadecimal; nothing if it is malformed or too large.
fn float(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    if !underscores_fit(&lower) {
        return None;
    }
    let plain = lower.replace('_', "");
    let unsigned = plain.trim_start_matches(['+', '-']);
    let value = match unsigned.strip_prefix("0x") {
        Some(hex) => hexadecimal(hex)? * if plain.starts_with('-') { -1.0 } else { 1.0 },
        None => {
            if !unsigned.contains(|c: char| c.is_ascii_digit()) {
                return None;
            }
            plain.parse().ok()?
        }
    };
    value.is_finite().then_some(value)
}

/// `1.8p3`: hexadecimal digits and a binary exponent, which must be there.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.len() + fraction.len() == 0 {
        return None;
    }
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // No exponent of that size can be made up for by digits.
    let size = digits.parse().unwrap_or(i32::MAX).min(1 << 24);
    let mut exponent = if exponent.starts_with('-') { -size } else { size };
    let mut value: u64 = 0;
    let mut sticky = 0;
    for (index, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        let in_fraction = index >= whole.len();
        if value >> 58 == 0 {
            value = value * 16 + digit;
            exponent -= if in_fraction { 4 } else { 0 };
        } else {
            // Beyond what a float64 holds: keep only whether anything was there, for rounding.
            sticky |= u64::from(digit != 0);
            exponent += if in_fraction { 0 } else { 4 };
        }
    }
    // The conversion to float rounds once; scaling by powers of two is then exact, but for
    // subnormal results.
    let mut value = (value | sticky) as f64;
    while exponent != 0 && value != 0.0 && value.is_finite() {
        let step = exponent.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        exponent -= step;
    }
    Some(value)
}
