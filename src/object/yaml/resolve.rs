//! What a plain scalar means: the YAML 1.1 rules of go-yaml v2, which kubectl reads manifests with.
//! They are wider than today's YAML: `yes` is true, `010` is eight, `1_000` is a thousand.

/// What a scalar means.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true`, `yes`, `off`, …
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond the signed ones.
    Unsigned(u64),
    /// A number with a point or an exponent, an infinity or not a number.
    Float(f64),
    /// A date or a date and time; it stays the text that it is.
    Timestamp,
    /// Text.
    Text,
}

/// Resolves a plain scalar without a tag.
pub fn resolve(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else { return Scalar::Null };
    match first {
        b'0'..=b'9' | b'+' | b'-' => named(text).unwrap_or_else(|| number(text)),
        b'.' => named(text).or_else(|| point_float(text)).unwrap_or(Scalar::Text),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            named(text).unwrap_or(Scalar::Text)
        }
        _ => Scalar::Text,
    }
}

/// Whether a string must be quoted so that it reads back as a string.
pub fn needs_quotes(text: &str) -> bool {
    resolve(text) != Scalar::Text || is_base60(text)
}

fn named(text: &str) -> Option<Scalar> {
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(text: &str) -> Scalar {
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let plain: std::borrow::Cow<'_, str> = if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    integer(&plain).or_else(|| float(&plain)).unwrap_or(Scalar::Text)
}

/// A whole number in Go's notation: `0x1f`, `0o17`, `017`, `0b1`, `-5`.
fn integer(text: &str) -> Option<Scalar> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = unsigned.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &unsigned[2..]),
        Some("0o") => (8, &unsigned[2..]),
        Some("0b") => (2, &unsigned[2..]),
        _ if unsigned.len() > 1 && unsigned.starts_with('0') => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if !digits.bytes().all(|digit| char::from(digit).is_digit(radix)) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    match i64::try_from(value) {
        Ok(value) => Some(Scalar::Int(if negative { -value } else { value })),
        Err(_) if negative => (value == i64::MIN.unsigned_abs()).then_some(Scalar::Int(i64::MIN)),
        // An unsigned number takes no sign at all.
        Err(_) => (!text.starts_with('+')).then_some(Scalar::Unsigned(value)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, finite.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if !(mantissa_fits && exponent_fits) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Scalar::Float)
}

/// A float that begins with its point. Underscores may stand between digits.
fn point_float(text: &str) -> Option<Scalar> {
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(at.checked_add(1))
    };
    if bytes.iter().enumerate().any(|(at, byte)| *byte == b'_' && !between_digits(at)) {
        return None;
    }
    float(&text.replace('_', ""))
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`: a number to base 60 for other readers.
fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (places, fraction) = unsigned.split_once('.').map_or((unsigned, ""), |(places, fraction)| (places, fraction));
    let mut places = places.split(':');
    let whole = places.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !whole.starts_with(|c: char| c.is_ascii_digit()) || !digits(whole) || !digits(fraction) {
        return false;
    }
    let mut count = 0;
    for place in places {
        let fits = match place.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
            _ => false,
        };
        if !fits {
            return false;
        }
        count += 1;
    }
    count > 0
}

/// Whether a text is a date (`2026-1-2`), or a date and time in the forms that go-yaml knows.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes.get(4) != Some(&b'-') || !bytes.iter().take(4).all(u8::is_ascii_digit) {
        return false;
    }
    let mut rest = Cursor(&bytes[5..]);
    let year = bytes.iter().take(4).fold(0u32, |year, digit| year * 10 + u32::from(digit - b'0'));
    if rest.date(year).is_none() {
        return false;
    }
    match rest.0.first() {
        None => true,
        Some(b'T' | b't') => {
            rest.0 = &rest.0[1..];
            rest.clock().is_some() && rest.zone().is_some() && rest.0.is_empty()
        }
        Some(b' ') => {
            while let [b' ', after @ ..] = rest.0 {
                rest.0 = after;
            }
            rest.clock().is_some() && rest.0.is_empty()
        }
        Some(_) => false,
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// One or two digits.
    fn short(&mut self) -> Option<u32> {
        let (value, rest) = match self.0 {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
                (u32::from(tens - b'0') * 10 + u32::from(ones - b'0'), rest)
            }
            [ones @ b'0'..=b'9', rest @ ..] => (u32::from(ones - b'0'), rest),
            _ => return None,
        };
        self.0 = rest;
        Some(value)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn date(&mut self, year: u32) -> Option<()> {
        let month = self.short()?;
        self.expect(b'-')?;
        let day = self.short()?;
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=days).contains(&day).then_some(())
    }

    fn clock(&mut self) -> Option<()> {
        let hour = self.short()?;
        self.expect(b':')?;
        let minute = self.short()?;
        self.expect(b':')?;
        let second = self.short()?;
        if let [b'.' | b',', b'0'..=b'9', ..] = self.0 {
            self.0 = &self.0[1..];
            while let [b'0'..=b'9', rest @ ..] = self.0 {
                self.0 = rest;
            }
        }
        (hour < 24 && minute < 60 && second < 60).then_some(())
    }

    fn zone(&mut self) -> Option<()> {
        match self.0 {
            [b'Z', rest @ ..] => {
                self.0 = rest;
                Some(())
            }
            [b'+' | b'-', h1, h2, b':', m1, m2, rest @ ..] if [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()) => {
                let (hours, minutes) = ((h1 - b'0') * 10 + (h2 - b'0'), (m1 - b'0') * 10 + (m2 - b'0'));
                self.0 = rest;
                (hours <= 24 && minutes < 60).then_some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_as_yaml_1_1() {
        use Scalar::*;
        for (text, want) in [
            ("", Null),
            ("~", Null),
            ("NULL", Null),
            ("nULL", Text),
            ("y", Bool(true)),
            ("OFF", Bool(false)),
            ("yEs", Text),
            ("010", Int(8)),
            ("0o17", Int(15)),
            ("08", Float(8.0)),
            ("0x1F", Int(31)),
            ("0x", Text),
            ("-0b11", Int(-3)),
            ("1_000", Int(1000)),
            ("1_000.5", Float(1000.5)),
            ("9223372036854775807", Int(i64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("9223372036854775808", Unsigned(1 << 63)),
            ("99999999999999999999", Float(1e20)),
            ("1e3", Float(1000.0)),
            ("1e", Text),
            (".5", Float(0.5)),
            (".", Text),
            ("+", Text),
            ("-", Text),
            ("1e999", Text),
            ("<<", Text),
            ("<", Text),
            ("2026-01-02", Timestamp),
            ("2026-1-2", Timestamp),
            ("2026-02-30", Text),
            ("2024-02-29", Timestamp),
            ("2026-01-02T03:04:05Z", Timestamp),
            ("2026-01-02t3:4:5.123+01:00", Timestamp),
            ("2026-01-02T03:04:05", Text),
            ("2026-01-02 03:04:05", Timestamp),
            ("2026-01-02 03:04:60", Text),
            ("1.2.3", Text),
            ("v1", Text),
        ] {
            assert_eq!(resolve(text), want, "{text}");
        }
        assert!(needs_quotes("12:30") && needs_quotes("1:2.5") && !needs_quotes("12:60") && !needs_quotes("a:1"));
    }
}
