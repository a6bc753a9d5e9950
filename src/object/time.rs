//! Times on the wire and ages on the screen.

use jiff::fmt::strtime;

/// A moment in UTC.
pub type Timestamp = jiff::Timestamp;

/// Reads an RFC 3339 time (`metav1.Time`, `MicroTime`).
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    text.parse().ok()
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
    fn writes_whole_and_micro_seconds() {
        let time = parse_rfc3339("2026-01-02T03:04:05.678901234Z").expect("a time");
        assert_eq!(rfc3339(time), "2026-01-02T03:04:05Z");
        assert_eq!(rfc3339_micro(time), "2026-01-02T03:04:05.678901Z");
    }
}
