//! How Go writes durations, and reads them.

use jiff::SignedDuration;

use super::quote::quote;

/// A duration as Go writes it: `1m30s`, `500ms`.
pub fn text(duration: SignedDuration) -> String {
    let nanos = duration.as_nanos().unsigned_abs();
    let sign = if duration.is_negative() { "-" } else { "" };
    let fraction = |value: u128, unit: u128, name: &str| {
        let (whole, rest) = (value / unit, value % unit);
        let digits = unit.ilog10() as usize;
        let rest = format!("{rest:0digits$}");
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() { format!("{whole}{name}") } else { format!("{whole}.{rest}{name}") }
    };
    const SECOND: u128 = 1_000_000_000;
    let text = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => fraction(nanos, 1_000, "µs"),
        1_000_000..SECOND => fraction(nanos, 1_000_000, "ms"),
        _ => {
            let (hours, minutes) = (nanos / (3600 * SECOND), nanos / (60 * SECOND) % 60);
            let seconds = fraction(nanos % (60 * SECOND), SECOND, "s");
            match (hours, minutes) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// Reads a duration as Go's `time.ParseDuration` does, with its words where it is none: `300ms`, `-1.5h`, `2h45m`; units `ns`, `us`, `µs`, `ms`, `s`, `m`, `h`.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 19 {
            return Err(invalid());
        }
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_end);
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "" => return Err(format!("time: missing unit in duration {}", quote(text))),
            _ => return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(text))),
        };
        total += whole.parse::<i128>().unwrap_or(0) * scale;
        // Digits beyond the nanosecond cannot count: fifteen are enough for hours.
        let fraction: String = fraction.chars().take(15).collect();
        if !fraction.is_empty() {
            let power = 10i128.pow(u32::try_from(fraction.len()).unwrap_or(15));
            total += fraction.parse::<i128>().unwrap_or(0) * scale / power;
        }
        if total > i128::from(i64::MAX) {
            return Err(invalid());
        }
        rest = after;
    }
    let nanos = i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())?;
    Ok(SignedDuration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_durations_as_go_does() {
        for (millis, want) in
            [(0, "0s"), (500, "500ms"), (1500, "1.5s"), (60_000, "1m0s"), (3_690_000, "1h1m30s"), (-1000, "-1s")]
        {
            assert_eq!(super::text(SignedDuration::from_millis(millis)), want);
        }
    }

    #[test]
    fn reads_durations_as_go_does() {
        for (text, millis) in
            [("0", 0), ("500ms", 500), ("1.5s", 1500), ("-1m", -60_000), ("1h1m30s", 3_690_000), (".5s", 500)]
        {
            assert_eq!(parse(text), Ok(SignedDuration::from_millis(millis)), "{text}");
        }
        for text in ["", "-", "1", "s", "1x", "1..2s", "1 s", "9999999999999h", "."] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
