//! Cron schedules: five fields, the names of months and days, `@daily` and its like, `@every 1h`.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use crate::object::Timestamp;

/// A schedule that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// By the clock; a bit for each value that matches.
    Fields {
        /// 0–59.
        minutes: u64,
        /// 0–23.
        hours: u64,
        /// 1–31.
        days: u64,
        /// 1–12.
        months: u64,
        /// 0–6, Sunday first.
        weekdays: u64,
        /// Whether both days are given: then either is enough.
        either_day: bool,
    },
    /// So often.
    Every(SignedDuration),
}

/// What is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError(String);

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ScheduleError {}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const SHORT: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The range of a field and the names of its values.
struct Field {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

impl Schedule {
    /// Reads a schedule.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let fail = |message: String| Err(ScheduleError(message));
        if let Some(period) = text.strip_prefix("@every ") {
            return match period.trim().parse::<SignedDuration>() {
                Ok(period) if period >= SignedDuration::from_secs(1) => Ok(Self::Every(period)),
                _ => fail(format!("failed to parse duration {text}")),
            };
        }
        let text = match SHORT.iter().find(|(name, _)| *name == text) {
            Some((_, fields)) => fields,
            None if text.starts_with('@') => return fail(format!("unrecognized descriptor: {text}")),
            None => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return fail(format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")));
        };
        let star = |field: &str| field.starts_with('*') || field.starts_with('?');
        Ok(Self::Fields {
            minutes: bits(minute, &Field { least: 0, most: 59, names: &[] })?,
            hours: bits(hour, &Field { least: 0, most: 23, names: &[] })?,
            days: bits(day, &Field { least: 1, most: 31, names: &[] })?,
            months: bits(month, &Field { least: 1, most: 12, names: MONTHS })?,
            weekdays: bits(weekday, &Field { least: 0, most: 6, names: WEEKDAYS })?,
            either_day: !star(day) && !star(weekday),
        })
    }

    /// The first moment after `after`; `None` if there is none within some years.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let Self::Fields { minutes, hours, .. } = self else {
            let Self::Every(period) = self else { return None };
            let whole = Timestamp::from_second(after.as_second()).ok()?;
            return whole.checked_add(*period).ok();
        };
        let start = zone.to_datetime(after);
        let mut date = start.date();
        for _ in 0..366 * 5 {
            if self.has(date) {
                for hour in (0..24).filter(|hour| hours >> hour & 1 == 1) {
                    for minute in (0..60).filter(|minute| minutes >> minute & 1 == 1) {
                        let time = Time::new(hour, minute, 0, 0).ok()?;
                        let moment = zone.to_timestamp(DateTime::from_parts(date, time)).ok()?;
                        if moment > after {
                            return Some(moment);
                        }
                    }
                }
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    fn has(&self, date: Date) -> bool {
        let Self::Fields { days, months, weekdays, either_day, .. } = self else { return true };
        let day = days >> date.day() & 1 == 1;
        let weekday = weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        months >> date.month() & 1 == 1 && if *either_day { day || weekday } else { day && weekday }
    }
}

fn bits(text: &str, field: &Field) -> Result<u64, ScheduleError> {
    text.split(',').try_fold(0, |bits, part| Ok(bits | range(part, field)?))
}

fn range(text: &str, field: &Field) -> Result<u64, ScheduleError> {
    let fail = |message: String| Err(ScheduleError(message));
    let (span, step) = match text.split_once('/') {
        Some((span, step)) => match step.parse::<u32>() {
            Ok(step) if step > 0 => (span, Some(step)),
            Ok(_) => return fail(format!("step of range should be a positive number: {text}")),
            Err(_) => {
                return fail(format!(
                    "failed to parse int from {step}: strconv.Atoi: parsing \"{step}\": invalid syntax"
                ));
            }
        },
        None => (text, None),
    };
    let (start, end) = match span.split_once('-') {
        _ if span == "*" || span == "?" => (field.least, field.most),
        Some((start, end)) => (value(start, field)?, value(end, field)?),
        None => {
            let start = value(span, field)?;
            (start, if step.is_some() { field.most } else { start })
        }
    };
    if start < field.least {
        return fail(format!("beginning of range ({start}) below minimum ({}): {text}", field.least));
    }
    if end > field.most {
        return fail(format!("end of range ({end}) above maximum ({}): {text}", field.most));
    }
    if start > end {
        return fail(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    let values = (start..=end).step_by(step.unwrap_or(1) as usize);
    Ok(values.fold(0, |bits, value| bits | 1 << value))
}

fn value(text: &str, field: &Field) -> Result<u32, ScheduleError> {
    if let Some(place) = field.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(place as u32 + field.least);
    }
    match text.parse::<u32>() {
        Ok(number) => Ok(number),
        Err(_) => Err(ScheduleError(format!(
            "failed to parse int from {text}: strconv.Atoi: parsing \"{text}\": invalid syntax"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::time::{parse_rfc3339, rfc3339};
    use proptest::prelude::*;

    #[test]
    fn next_moments() {
        // 2026-03-01 is a Sunday.
        for (schedule, want) in [
            ("* * * * *", "2026-03-01T12:01:00Z"),
            ("*/5 * * * *", "2026-03-01T12:05:00Z"),
            ("30 14 * * *", "2026-03-01T14:30:00Z"),
            ("0 0 * * *", "2026-03-02T00:00:00Z"),
            ("0 9 * * mon-fri", "2026-03-02T09:00:00Z"),
            ("0 0 15 * *", "2026-03-15T00:00:00Z"),
            ("0 0 15 * MON", "2026-03-02T00:00:00Z"),
            ("0 0 1 JAN *", "2027-01-01T00:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("10-20/5,50 12 * * *", "2026-03-01T12:10:00Z"),
            ("@hourly", "2026-03-01T13:00:00Z"),
            ("@every 90s", "2026-03-01T12:01:40Z"),
        ] {
            let now = parse_rfc3339("2026-03-01T12:00:10Z").expect("a time");
            let schedule = Schedule::parse(schedule).unwrap_or_else(|error| panic!("{schedule}: {error}"));
            assert_eq!(schedule.next(now, &TimeZone::UTC).map(rfc3339).as_deref(), Some(want), "{schedule:?}");
        }
        let never = Schedule::parse("0 0 31 2 *").expect("reads");
        assert_eq!(never.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC), None);
    }

    #[test]
    fn in_another_zone() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let now = parse_rfc3339("2026-07-01T12:00:00Z").expect("a time");
        let schedule = Schedule::parse("0 8 * * *").expect("reads");
        assert_eq!(schedule.next(now, &zone).map(rfc3339).as_deref(), Some("2026-07-02T06:00:00Z"));
    }

    #[test]
    fn what_is_wrong() {
        for (schedule, want) in [
            ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
            ("60 * * * *", "end of range (60) above maximum (59): 60"),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
            ("*/0 * * * *", "step of range should be a positive number: */0"),
            ("@often", "unrecognized descriptor: @often"),
        ] {
            assert_eq!(Schedule::parse(schedule).map_err(|error| error.to_string()), Err(want.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9*/,@a-z -]{0,24}") {
            if let Ok(schedule) = Schedule::parse(&text) {
                let next = schedule.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
                prop_assert!(next.is_none_or(|next| next > Timestamp::UNIX_EPOCH));
            }
        }
    }
}
