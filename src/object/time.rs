//! Times on the wire and ages on the screen.

use jiff::fmt::strtime;

/// A moment in UTC.
pub type Timestamp = jiff::Timestamp;

/// Reads an RFC 3339 time (`metav1.Time`, `MicroTime`).
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// What Go's `time.Parse` says of a text that is no RFC 3339 time.
pub fn rfc3339_error(text: &str) -> String {
    /// The parts of the layout, and how many digits each takes; none for a mark that stands for itself.
    const PARTS: [(&str, usize); 12] = [
        ("2006", 4),
        ("-", 0),
        ("01", 2),
        ("-", 0),
        ("02", 2),
        ("T", 0),
        ("15", 2),
        (":", 0),
        ("04", 2),
        (":", 0),
        ("05", 2),
        ("Z07:00", 0),
    ];
    const RANGES: [(&str, u32, u32, &str); 5] = [
        ("01", 1, 12, "month"),
        ("02", 1, 31, "day"),
        ("15", 0, 23, "hour"),
        ("04", 0, 59, "minute"),
        ("05", 0, 59, "second"),
    ];
    let mut rest = text;
    for (part, digits) in PARTS {
        let cannot =
            || format!("parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {rest:?} as {part:?}");
        if part == "Z07:00" {
            let zone = rest.strip_prefix(['+', '-']).is_some_and(|zone| {
                let zone = zone.as_bytes();
                zone.len() >= 5
                    && zone
                        .iter()
                        .take(5)
                        .enumerate()
                        .all(|(at, c)| if at == 2 { *c == b':' } else { c.is_ascii_digit() })
            });
            let length = if rest.starts_with('Z') {
                1
            } else if zone {
                6
            } else {
                return cannot();
            };
            let extra = rest.get(length..).unwrap_or_default();
            return if extra.is_empty() {
                format!("parsing time {text:?}: day out of range")
            } else {
                format!("parsing time {text:?}: extra text: {extra:?}")
            };
        }
        let length = if digits == 0 { part.len() } else { digits };
        let Some((found, tail)) = rest.split_at_checked(length) else { return cannot() };
        if digits == 0 && found != part || digits > 0 && !found.bytes().all(|byte| byte.is_ascii_digit()) {
            return cannot();
        }
        if let Some((_, low, high, name)) = RANGES.iter().find(|(of, ..)| *of == part)
            && found.parse::<u32>().is_ok_and(|value| value < *low || value > *high)
        {
            return format!("parsing time {text:?}: {name} out of range");
        }
        rest = tail;
        if part == "05" && rest.starts_with(['.', ',']) {
            let end = rest.char_indices().skip(1).find(|(_, c)| !c.is_ascii_digit()).map_or(rest.len(), |(at, _)| at);
            rest = rest.get(if end > 1 { end } else { 0 }..).unwrap_or_default();
        }
    }
    String::new()
}

/// Writes a time as `metav1.Time` does: UTC, whole seconds.
pub fn rfc3339(time: Timestamp) -> String {
    format(time, "%Y-%m-%dT%H:%M:%SZ")
}

/// Writes a time as `metav1.MicroTime` does: UTC, six digits of a second.
pub fn rfc3339_micro(time: Timestamp) -> String {
    format(time, "%Y-%m-%dT%H:%M:%S%.6fZ")
}

fn format(time: Timestamp, pattern: &str) -> String {
    strtime::format(pattern, time).unwrap_or_else(|_| time.to_string())
}

/// The age that a table shows: `since` as seen from `now`, `<unknown>` for no time,
/// `<invalid>` where it lies more than a second ahead.
pub fn age(since: Option<Timestamp>, now: Timestamp) -> String {
    since.map_or_else(|| "<unknown>".to_owned(), |since| human_duration(now.as_second() - since.as_second()))
}

/// A duration of whole seconds in at most two units, as `k8s.io/apimachinery/pkg/util/duration`
/// shortens it: `5m10s`, `3h`, `2d4h`, `400d`, `3y20d`.
pub fn human_duration(seconds: i64) -> String {
    match seconds {
        ..=-2 => return "<invalid>".to_owned(),
        -1 => return "0s".to_owned(),
        _ => {}
    }
    let minutes = seconds / 60;
    let hours = seconds / 3600;
    let days = hours / 24;
    let two = |whole: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{rest}{small}") }
    };
    if seconds < 120 {
        format!("{seconds}s")
    } else if minutes < 10 {
        two(minutes, "m", seconds % 60, "s")
    } else if minutes < 180 {
        format!("{minutes}m")
    } else if hours < 8 {
        two(hours, "h", minutes % 60, "m")
    } else if hours < 48 {
        format!("{hours}h")
    } else if hours < 192 {
        two(days, "d", hours % 24, "h")
    } else if hours < 24 * 365 * 2 {
        format!("{days}d")
    } else if hours < 24 * 365 * 8 {
        two(days / 365, "y", days % 365, "d")
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_like_apimachinery() {
        for (seconds, want) in [
            (-5, "<invalid>"),
            (-1, "0s"),
            (119, "119s"),
            (120, "2m"),
            (130, "2m10s"),
            (600, "10m"),
            (10_799, "179m"),
            (10_800, "3h"),
            (11_100, "3h5m"),
            (28_800, "8h"),
            (172_800, "2d"),
            (180_000, "2d2h"),
            (691_200, "8d"),
            (63_072_000, "2y"),
            (63_158_400, "2y1d"),
            (252_288_000, "8y"),
        ] {
            assert_eq!(human_duration(seconds), want, "{seconds}");
        }
    }

    #[test]
    fn says_what_go_says_of_no_time() {
        const LAYOUT: &str = "2006-01-02T15:04:05Z07:00";
        for (text, want) in [
            ("x", format!("parsing time \"x\" as {LAYOUT:?}: cannot parse \"x\" as \"2006\"")),
            ("2026-01-02", format!("parsing time \"2026-01-02\" as {LAYOUT:?}: cannot parse \"\" as \"T\"")),
            ("2026-1-02", format!("parsing time \"2026-1-02\" as {LAYOUT:?}: cannot parse \"1-02\" as \"01\"")),
            (
                "2026-01-02T03:04:05",
                format!("parsing time \"2026-01-02T03:04:05\" as {LAYOUT:?}: cannot parse \"\" as \"Z07:00\""),
            ),
            ("2026-13-02T03:04:05Z", "parsing time \"2026-13-02T03:04:05Z\": month out of range".to_owned()),
            ("2026-02-30T03:04:05Z", "parsing time \"2026-02-30T03:04:05Z\": day out of range".to_owned()),
            ("2026-01-02T03:04:05Zx", "parsing time \"2026-01-02T03:04:05Zx\": extra text: \"x\"".to_owned()),
        ] {
            assert_eq!(rfc3339_error(text), want);
        }
    }

    #[test]
    fn writes_whole_and_micro_seconds() {
        let time = parse_rfc3339("2026-01-02T03:04:05.678901234Z").expect("a time");
        assert_eq!(rfc3339(time), "2026-01-02T03:04:05Z");
        assert_eq!(rfc3339_micro(time), "2026-01-02T03:04:05.678901Z");
    }
}
