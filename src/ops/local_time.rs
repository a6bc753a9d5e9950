//! The time zone in which times are shown.

use std::path::Path;

use jiff::tz::TimeZone;

use super::environment::Environment;

/// Where the system keeps its time zone.
const SYSTEM: &str = "/etc/localtime";

/// The zone that `TZ` names, or the system's. What cannot be found is UTC, as Go has it.
pub fn local_zone(env: &Environment) -> TimeZone {
    match env.iter().find(|(name, _)| *name == "TZ") {
        None => of_file(Path::new(SYSTEM)),
        Some((_, value)) => {
            let value = value.strip_prefix(':').unwrap_or(value);
            match value {
                "" | "UTC" => TimeZone::UTC,
                path if path.starts_with('/') => of_file(Path::new(path)),
                name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
            }
        }
    }
}

fn of_file(path: &Path) -> TimeZone {
    let read = || TimeZone::tzif("Local", &std::fs::read(path).ok()?).ok();
    read().unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_the_zone() {
        for (value, want) in [
            ("", "+00"),
            ("UTC", "+00"),
            ("Asia/Kolkata", "+05:30"),
            (":Asia/Kolkata", "+05:30"),
            ("No/Where", "+00"),
            ("/nonexistent", "+00"),
        ] {
            let zone = local_zone(&Environment::new([("TZ", value)]));
            assert_eq!(zone.to_offset(jiff::Timestamp::UNIX_EPOCH).to_string(), want, "{value}");
        }
    }
}
