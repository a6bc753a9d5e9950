//! `--request-timeout`.

use std::time::Duration;

/// `--request-timeout`: seconds, or a Go duration. Zero is no limit.
pub fn parse_timeout(text: &str) -> anyhow::Result<Option<Duration>> {
    let refused = || {
        anyhow::anyhow!(
            "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)"
        )
    };
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds as f64,
        Err(_) => go_seconds(text).ok_or_else(refused)?,
    };
    Ok(Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero()))
}

/// A Go duration (`1h30m`, `1.5s`, `300ms`) in seconds.
fn go_seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 8] =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_timeouts() {
        for (text, want) in [("0", None), ("5", Some(5.0)), ("1m30s", Some(90.0)), ("1.5s", Some(1.5)), ("-1s", None)] {
            assert_eq!(parse_timeout(text).expect("a timeout"), want.map(Duration::from_secs_f64), "{text}");
        }
        for text in ["", "x", "5x", "s"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
