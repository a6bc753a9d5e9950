//! Numbers as Go writes them: `strconv`, `encoding/json` and go-yaml decide the text that scripts
//! see.

use serde_json::Number;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
