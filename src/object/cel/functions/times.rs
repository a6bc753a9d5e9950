//! Parts of timestamps and durations.

use jiff::Zoned;
use jiff::tz::{Offset, TimeZone};

use super::{Function, function, mismatch};
use crate::object::cel::fault::EvalError;
use crate::object::cel::value::{Eval, Value};

const OF_TIME: &[&str] = &["timestamp.() -> int", "timestamp.(string) -> int"];
const OF_BOTH: &[&str] = &["timestamp.() -> int", "timestamp.(string) -> int", "duration.() -> int"];

pub(super) static TABLE: &[Function] = &[
    function("getFullYear", OF_TIME, |_, args| part(args, |at| at.year().into(), |_| None)),
    function("getMonth", OF_TIME, |_, args| part(args, |at| i64::from(at.month()) - 1, |_| None)),
    function("getDate", OF_TIME, |_, args| part(args, |at| at.day().into(), |_| None)),
    function("getDayOfMonth", OF_TIME, |_, args| part(args, |at| i64::from(at.day()) - 1, |_| None)),
    function("getDayOfWeek", OF_TIME, |_, args| part(args, |at| at.weekday().to_sunday_zero_offset().into(), |_| None)),
    function("getDayOfYear", OF_TIME, |_, args| part(args, |at| i64::from(at.day_of_year()) - 1, |_| None)),
    function("getHours", OF_BOTH, |_, args| part(args, |at| at.hour().into(), |of| Some(of.as_secs() / 3600))),
    function("getMinutes", OF_BOTH, |_, args| part(args, |at| at.minute().into(), |of| Some(of.as_secs() / 60))),
    function("getSeconds", OF_BOTH, |_, args| part(args, |at| at.second().into(), |of| Some(of.as_secs()))),
    function("getMilliseconds", OF_BOTH, |_, args| {
        part(args, |at| at.millisecond().into(), |of| i64::try_from(of.as_millis()).ok())
    }),
];

fn part<'v>(
    args: &[Value<'v>],
    of_time: fn(&Zoned) -> i64,
    of_duration: fn(&jiff::SignedDuration) -> Option<i64>,
) -> Eval<'v> {
    match args {
        [Value::Timestamp(at)] => Ok(Value::Int(of_time(&at.to_zoned(TimeZone::UTC)))),
        [Value::Timestamp(at), Value::String(zone)] => Ok(Value::Int(of_time(&at.to_zoned(time_zone(zone)?)))),
        [Value::Duration(of)] => of_duration(of).map_or_else(mismatch, |part| Ok(Value::Int(part))),
        _ => mismatch(),
    }
}

/// A zone by its name, or by its distance from UTC: `-08:00`.
fn time_zone(name: &str) -> Result<TimeZone, EvalError> {
    let unknown = || EvalError::other(format!("unknown time zone {name}"));
    if matches!(name, "" | "UTC") {
        return Ok(TimeZone::UTC);
    }
    if let Some((hours, minutes)) = name.split_once(':') {
        let number = |text: &str| text.parse::<i32>().map_err(|_| unknown());
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let minutes = if name.starts_with('-') { -minutes } else { minutes };
        let seconds = hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60));
        return Offset::from_seconds(seconds).map(TimeZone::fixed).map_err(|_| unknown());
    }
    TimeZone::get(name).map_err(|_| unknown())
}
