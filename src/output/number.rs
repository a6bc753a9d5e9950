//! Numbers and values as Go prints them: `strconv`, `fmt` and `encoding/json` decide the text that
//! scripts see.

use serde_json::{Number, Value};

/// A JSON number as Kubernetes clients hold it: an `int64` where it fits, else a `float64`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Num {
    /// A whole number that fits 64 bits with a sign.
    Int(i64),
    /// Everything else.
    Float(f64),
}

impl Num {
    /// Reads a JSON number. Whole numbers beyond `i64` become floats, as on decoding in Go.
    pub fn of(number: &Number) -> Self {
        number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or(0.0)), Self::Int)
    }
}

/// Decimal digits (no leading zero, no point) and the power of ten of the first digit.
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn exponent_form(digits: &str, exponent: i32, min_exponent_digits: usize) -> String {
    let (first, rest) = digits.split_at(1.min(digits.len()));
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:0min_exponent_digits$}", exponent.unsigned_abs())
}

/// Go's `strconv.FormatFloat(value, 'g', -1, 64)`, which `fmt.Print` uses: the fewest digits that
/// read back the same, with an exponent below `1e-4` and from `1e+06` on.
pub fn go_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let (digits, exponent) = shortest(value);
    let sign = if value < 0.0 { "-" } else { "" };
    if !(-4..6).contains(&exponent) {
        format!("{sign}{}", exponent_form(&digits, exponent, 2))
    } else {
        format!("{value}")
    }
}

/// The float as go-yaml writes it.
pub fn yaml_float(value: f64) -> String {
    match go_float(value).as_str() {
        "+Inf" => ".inf".to_owned(),
        "-Inf" => "-.inf".to_owned(),
        "NaN" => ".nan".to_owned(),
        text => text.to_owned(),
    }
}

/// The float as `encoding/json` writes it: with an exponent below `1e-6` and from `1e21` on, the
/// exponent without a leading zero.
pub fn json_float(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let size = value.abs();
    if (1e-6..1e21).contains(&size) {
        return format!("{value}");
    }
    let (digits, exponent) = shortest(value);
    format!("{}{}", if value < 0.0 { "-" } else { "" }, exponent_form(&digits, exponent, 1))
}

/// Writes a value as Go's `fmt.Print` does: `map[a:1 b:[2 3]]`, `<nil>`, strings as they are.
pub fn go_print(value: &Value) -> String {
    let mut out = String::new();
    print_into(&mut out, value);
    out
}

fn print_into(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&go_number(number)),
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                print_into(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push_str("map[");
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                print_into(out, item);
            }
            out.push(']');
        }
    }
}

/// A number as Go's `fmt.Print` writes it.
pub fn go_number(number: &Number) -> String {
    match Num::of(number) {
        Num::Int(whole) => whole.to_string(),
        Num::Float(float) => go_float(float),
    }
}

/// Writes a value in Go syntax, as `%#v` does for decoded JSON:
/// `map[string]interface {}{"a":1}`.
pub fn go_syntax(value: &Value) -> String {
    let mut out = String::new();
    syntax_into(&mut out, value);
    out
}

fn syntax_into(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("interface {}(nil)"),
        Value::String(text) => go_quote_into(out, text),
        Value::Array(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                syntax_into(out, item);
            }
            out.push('}');
        }
        Value::Object(map) => {
            out.push_str("map[string]interface {}{");
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                go_quote_into(out, key);
                out.push(':');
                syntax_into(out, item);
            }
            out.push('}');
        }
        Value::Bool(_) | Value::Number(_) => print_into(out, value),
    }
}

/// A string in double quotes as Go's `strconv.Quote` (`%q`) writes it.
pub fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    go_quote_into(&mut out, text);
    out
}

fn go_quote_into(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\x0b' => out.push_str("\\v"),
            c if is_printable(c) => out.push(c),
            // Writing to a string cannot fail.
            c if c < ' ' || c == '\x7f' => drop(write!(out, "\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x10000 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // The standard library escapes what is not printable. Combining marks, which are printable, it
    // escapes only where they come first, so they are asked for behind a letter.
    let mut text = [b'a'; 5];
    let length = c.encode_utf8(&mut text[1..]).len();
    std::str::from_utf8(&text[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn floats_as_go_prints_them() {
        for (value, go, json) in [
            (2.0, "2", "2"),
            (100_000.5, "100000.5", "100000.5"),
            (1_234_567.5, "1.2345675e+06", "1234567.5"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "0.00001"),
            (0.000_001, "1e-06", "0.000001"),
            (1e-7, "1e-07", "1e-7"),
            (-0.0, "-0", "-0"),
            (-2.5e-12, "-2.5e-12", "-2.5e-12"),
            (9_223_372_036_854_775_808.0, "9.223372036854776e+18", "9223372036854776000"),
        ] {
            assert_eq!(go_float(value), go);
            assert_eq!(json_float(value), json);
        }
        assert_eq!(yaml_float(f64::NEG_INFINITY), "-.inf");
    }

    #[test]
    fn values_as_go_prints_them() {
        let value = json!({"b": [1, "x", null], "a": {"k": 1.5, "t": true}});
        assert_eq!(go_print(&value), "map[a:map[k:1.5 t:true] b:[1 x <nil>]]");
        assert_eq!(
            go_syntax(&value),
            r#"map[string]interface {}{"a":map[string]interface {}{"k":1.5, "t":true}, "b":[]interface {}{1, "x", interface {}(nil)}}"#
        );
    }

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(
            go_quote("a\"b\\\n\u{1}\u{a0}é\u{301}\u{1f600}\u{e0001}"),
            "\"a\\\"b\\\\\\n\\x01\\u00a0é\u{301}\u{1f600}\\U000e0001\""
        );
    }
}
