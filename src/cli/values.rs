//! Values of flags as Go's `strconv`, `time` and `encoding/csv` read them, with their words for
//! what is wrong.

pub use crate::go::duration::parse as parse_duration;
use crate::go::quote::quote;

/// `strconv.ParseBool`.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

/// `strconv.ParseInt` with base 0: decimal, or with a prefix `0x`, `0o`, `0b`, `0`; `_` may separate
/// digits of a number with a prefix.
pub fn parse_int(text: &str, bits: u32) -> Result<i64, String> {
    let fail = |why: &str| Err(format!("strconv.ParseInt: parsing {}: {why}", quote(text)));
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match parse_digits(digits) {
        Ok(value) => i128::from(value) * if negative { -1 } else { 1 },
        Err(Digits::Syntax) => return fail("invalid syntax"),
        Err(Digits::Range) => return fail("value out of range"),
    };
    let limit = 1i128 << (bits.clamp(1, 64) - 1);
    if value < -limit || value >= limit {
        return fail("value out of range");
    }
    i64::try_from(value).or_else(|_| fail("value out of range"))
}

/// `strconv.ParseUint` with base 0.
pub fn parse_uint(text: &str, bits: u32) -> Result<u64, String> {
    let fail = |why: &str| Err(format!("strconv.ParseUint: parsing {}: {why}", quote(text)));
    match parse_digits(text) {
        Ok(value) if bits >= 64 || value >> bits == 0 => Ok(value),
        Ok(_) | Err(Digits::Range) => fail("value out of range"),
        Err(Digits::Syntax) => fail("invalid syntax"),
    }
}

/// `strconv.ParseFloat`, as far as Rust and Go agree.
pub fn parse_float(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(text)))
}

enum Digits {
    Syntax,
    Range,
}

fn parse_digits(text: &str) -> Result<u64, Digits> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits, prefixed) = if let Some(rest) = lower.strip_prefix("0x") {
        (16, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (2, rest, true)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (8, rest, true)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, lower.get(1..).unwrap_or_default(), true)
    } else {
        (10, lower.as_str(), false)
    };
    if digits.is_empty() || digits.ends_with('_') || digits.contains("__") || (digits.contains('_') && !prefixed) {
        return Err(Digits::Syntax);
    }
    let mut value: u64 = 0;
    let mut overflow = false;
    for c in digits.chars().filter(|c| *c != '_') {
        let digit = c.to_digit(radix).ok_or(Digits::Syntax)?;
        match value.checked_mul(u64::from(radix)).and_then(|v| v.checked_add(u64::from(digit))) {
            Some(next) => value = next,
            None => overflow = true,
        }
    }
    if overflow { Err(Digits::Range) } else { Ok(value) }
}

/// The elements of one value of a list flag: a single CSV record, as pflag's `StringSlice` reads it.
pub fn parse_csv(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    if text.is_empty() {
        return Ok(fields);
    }
    let mut rest = text;
    loop {
        let field = if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut tail = quoted;
            loop {
                let Some(end) = tail.find('"') else {
                    return Err(at(text, text.len(), "extraneous or missing \" in quoted-field"));
                };
                let (part, after) = tail.split_at(end);
                field.push_str(part);
                let after = after.get(1..).unwrap_or_default();
                if let Some(more) = after.strip_prefix('"') {
                    field.push('"');
                    tail = more;
                    continue;
                }
                tail = after;
                break;
            }
            if !tail.is_empty() && !tail.starts_with(',') {
                let column = text.len() - tail.len();
                return Err(at(text, column - 1, "extraneous or missing \" in quoted-field"));
            }
            rest = tail;
            field
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (field, tail) = rest.split_at(end);
            if let Some(found) = field.find('"') {
                return Err(at(text, text.len() - rest.len() + found, "bare \" in non-quoted-field"));
            }
            rest = tail;
            field.to_owned()
        };
        fields.push(field);
        match rest.strip_prefix(',') {
            Some(tail) => rest = tail,
            None => return Ok(fields),
        }
    }
}

/// The pairs in one value of a flag of `KEY=VALUE`, as pflag's `StringToString` reads it: where there is
/// but one `=`, commas belong to the value.
pub fn parse_pairs(text: &str) -> Result<Vec<String>, String> {
    let pairs = match text.matches('=').count() {
        0 | 1 => vec![text.trim_matches('"').to_owned()],
        _ => parse_csv(text)?,
    };
    match pairs.iter().find(|pair| !pair.contains('=')) {
        Some(_) if !text.contains('=') => Err(format!("{text} must be formatted as key=value")),
        Some(pair) => Err(format!("{pair} must be formatted as key=value")),
        None => Ok(pairs),
    }
}

fn at(_text: &str, column: usize, why: &str) -> String {
    format!("parse error on line 1, column {}: {why}", column + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn reads_integers_as_go_does() {
        for (text, bits, want) in [
            ("5", 64, Ok(5)),
            ("-5", 32, Ok(-5)),
            ("+5", 32, Ok(5)),
            ("0x1F", 64, Ok(31)),
            ("017", 64, Ok(15)),
            ("0b11", 64, Ok(3)),
            ("0x1_0", 64, Ok(16)),
            ("9223372036854775807", 64, Ok(i64::MAX)),
            ("-9223372036854775808", 64, Ok(i64::MIN)),
            ("x", 64, Err("strconv.ParseInt: parsing \"x\": invalid syntax")),
            ("", 64, Err("strconv.ParseInt: parsing \"\": invalid syntax")),
            ("1_0", 64, Err("strconv.ParseInt: parsing \"1_0\": invalid syntax")),
            ("1.5", 64, Err("strconv.ParseInt: parsing \"1.5\": invalid syntax")),
            ("2147483648", 32, Err("strconv.ParseInt: parsing \"2147483648\": value out of range")),
            ("9223372036854775808", 64, Err("strconv.ParseInt: parsing \"9223372036854775808\": value out of range")),
            ("99999999999999999999", 64, Err("strconv.ParseInt: parsing \"99999999999999999999\": value out of range")),
        ] {
            assert_eq!(parse_int(text, bits), want.map_err(str::to_owned), "{text}");
        }
        assert_eq!(parse_uint("65536", 16), Err("strconv.ParseUint: parsing \"65536\": value out of range".into()));
        assert_eq!(parse_uint("80", 16), Ok(80));
    }

    #[test]
    fn reads_durations_as_go_does() {
        for (text, want) in [
            ("0", Ok(0)),
            ("5s", Ok(5_000_000_000)),
            ("1m0s", Ok(60_000_000_000)),
            ("1.5h", Ok(5_400_000_000_000)),
            (".5s", Ok(500_000_000)),
            ("-1ms", Ok(-1_000_000)),
            ("1h15m30.918s", Ok(4_530_918_000_000)),
            ("", Err("time: invalid duration \"\"")),
            ("bad", Err("time: invalid duration \"bad\"")),
            ("5", Err("time: missing unit in duration \"5\"")),
            ("5x", Err("time: unknown unit \"x\" in duration \"5x\"")),
            ("3d", Err("time: unknown unit \"d\" in duration \"3d\"")),
            ("1.2.3s", Err("time: invalid duration \"1.2.3s\"")),
            ("9999999999h", Err("time: invalid duration \"9999999999h\"")),
        ] {
            let want = want.map(SignedDuration::from_nanos).map_err(str::to_owned);
            assert_eq!(parse_duration(text), want, "{text}");
        }
    }

    #[test]
    fn splits_lists_at_commas_that_are_not_quoted() {
        for (text, want) in [
            ("", Ok(vec![])),
            ("a", Ok(vec!["a"])),
            ("a,b", Ok(vec!["a", "b"])),
            ("a,,b,", Ok(vec!["a", "", "b", ""])),
            ("\"a,b\",c", Ok(vec!["a,b", "c"])),
            ("\"say \"\"hi\"\"\"", Ok(vec!["say \"hi\""])),
            ("a\"b", Err("parse error on line 1, column 2: bare \" in non-quoted-field")),
            ("\"a", Err("parse error on line 1, column 3: extraneous or missing \" in quoted-field")),
            ("\"a\"b", Err("parse error on line 1, column 3: extraneous or missing \" in quoted-field")),
        ] {
            let want = want.map(|v| v.into_iter().map(str::to_owned).collect()).map_err(str::to_owned);
            assert_eq!(parse_csv(text), want, "{text}");
        }
    }

    #[test]
    fn reads_pairs() {
        for (text, want) in [
            ("a=b", Ok(vec!["a=b"])),
            ("a=b,c", Ok(vec!["a=b,c"])),
            ("a=b,c=d", Ok(vec!["a=b", "c=d"])),
            ("\"a=b,c\"", Ok(vec!["a=b,c"])),
            ("a=b,\"c=d,e\"", Ok(vec!["a=b", "c=d,e"])),
            ("a=b=c,d", Err("d must be formatted as key=value")),
            ("a", Err("a must be formatted as key=value")),
            ("", Err(" must be formatted as key=value")),
        ] {
            let want = want.map(|v| v.into_iter().map(str::to_owned).collect()).map_err(str::to_owned);
            assert_eq!(parse_pairs(text), want, "{text}");
        }
    }

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quote("a\"b\\c\n\u{1}é"), "\"a\\\"b\\\\c\\n\\x01é\"");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,24}", bits in 1u32..=64) {
            let _ = (parse_int(&text, bits), parse_uint(&text, bits), parse_duration(&text), parse_csv(&text), parse_pairs(&text), quote(&text));
        }

        #[test]
        fn durations_of_number_and_unit(number in "[0-9.]{0,25}", unit in "(ns|us|µs|ms|s|m|h|d)") {
            let _ = parse_duration(&format!("{number}{unit}"));
        }

        #[test]
        fn integers_read_back(value: i64) {
            prop_assert_eq!(parse_int(&value.to_string(), 64), Ok(value));
        }

        #[test]
        fn quoted_lists_read_back(fields in prop::collection::vec("[a-z,\" ]{0,6}", 1..5)) {
            let text = fields.iter().map(|f| format!("\"{}\"", f.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
            prop_assert_eq!(parse_csv(&text), Ok(fields));
        }
    }
}
