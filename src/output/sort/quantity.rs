//! Comparing strings that are quantities: `1500m` is more than `1`, `1Gi` more than `1G`.

use std::cmp::Ordering;

/// Compares two quantities, `None` where either is none.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(nanos(a)?.cmp(&nanos(b)?))
}

/// A quantity in billionths, rounded away from zero and cut to what Kubernetes can hold.
fn nanos(text: &str) -> Option<i128> {
    const LIMIT: i128 = i64::MAX as i128 * 1_000_000_000;
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (base, exponent) = scale(suffix)?;
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    // value = digits * factor * 10^power
    let mut power = i64::try_from(fraction.len()).ok().map(|length| 9 - length)?;
    let mut factor: i128 = 1;
    if base == 10 {
        power += i64::from(exponent);
    } else {
        factor = 1i128.checked_shl(u32::try_from(exponent).ok()?)?;
    }
    let value = if digits.is_empty() {
        0
    } else if digits.len() > 38 {
        // More digits than fit: only the size decides, which is beyond the limit or next to nothing.
        if i64::try_from(digits.len()).ok()? + power > 29 { LIMIT } else { 1 }
    } else {
        let value: i128 = digits.parse().ok()?;
        let ten = |power: i64| u32::try_from(power).ok().and_then(|power| 10i128.checked_pow(power));
        if power >= 0 {
            let scaled = ten(power).and_then(|scale| value.checked_mul(scale)?.checked_mul(factor));
            scaled.unwrap_or(LIMIT)
        } else {
            let value = value.checked_mul(factor).unwrap_or(LIMIT);
            ten(-power).map_or(1, |scale| value / scale + i128::from(value % scale != 0))
        }
    };
    let value = value.min(LIMIT);
    Some(if negative { -value } else { value })
}

/// The base and the exponent that a suffix stands for.
fn scale(suffix: &str) -> Option<(u8, i32)> {
    Some(match suffix {
        "" => (10, 0),
        "n" => (10, -9),
        "u" => (10, -6),
        "m" => (10, -3),
        "k" => (10, 3),
        "M" => (10, 6),
        "G" => (10, 9),
        "T" => (10, 12),
        "P" => (10, 15),
        "E" => (10, 18),
        "Ki" => (2, 10),
        "Mi" => (2, 20),
        "Gi" => (2, 30),
        "Ti" => (2, 40),
        "Pi" => (2, 50),
        "Ei" => (2, 60),
        _ => (10, suffix.strip_prefix(['e', 'E']).filter(|rest| rest.len() < 6)?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares() {
        use Ordering::*;
        for (a, b, want) in [
            ("1", "1.0", Some(Equal)),
            ("1500m", "1", Some(Greater)),
            ("1Gi", "1G", Some(Greater)),
            ("-1", "0", Some(Less)),
            ("1e3", "1k", Some(Equal)),
            ("0.5n", "1n", Some(Equal)),
            ("9E", "99999E", Some(Less)),
            (".5", "500m", Some(Equal)),
            ("1x", "1", None),
            ("", "1", None),
            (".", "1", None),
            ("a", "b", None),
        ] {
            assert_eq!(compare(a, b), want, "{a} {b}");
        }
    }
}
