//! The text of a description while it is written.

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::object::{Timestamp, time};
use crate::output::tabwriter::{Settings, TabWriter};

/// One level of indentation.
const INDENT: &str = "  ";
/// What Go prints for a time that is not set.
const ZERO_TIME: &str = "Mon, 01 Jan 0001 00:00:00 +0000";

/// Text with tabs in, indented by levels of two spaces, aligned when it is [finished](Self::finish).
/// Characters that would steer a terminal are written visibly.
pub struct Description {
    text: String,
    /// Levels that are added to every write.
    nested: usize,
    now: Timestamp,
    zone: TimeZone,
}

impl Description {
    /// Nothing is written yet. Ages are counted to `now`, times shown in `zone`.
    pub fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self { text: String::new(), nested: 0, now, zone }
    }

    /// Writes the indentation and a text, without ending the line.
    pub(super) fn put(&mut self, level: usize, text: impl Display) {
        for _ in 0..self.nested + level {
            self.text.push_str(INDENT);
        }
        // Writing to a string fails only where a Display does, and then nothing is lost but its rest.
        let _ = write!(Visible(&mut self.text), "{text}");
    }

    /// Writes the indentation, a text and the end of the line.
    pub(super) fn line(&mut self, level: usize, text: impl Display) {
        self.put(level, text);
        self.text.push('\n');
    }

    /// Writes a line `NAME:<tab>VALUE`.
    pub(super) fn field(&mut self, level: usize, name: &str, value: impl Display) {
        self.line(level, format_args!("{name}:\t{value}"));
    }

    /// Writes a line `NAME:<tab>VALUE` unless the value is empty.
    pub(super) fn field_if(&mut self, level: usize, name: &str, value: &str) {
        if !value.is_empty() {
            self.field(level, name, value);
        }
    }

    /// Writes with so many levels added to each write, the parts of a line among them.
    pub(super) fn nest(&mut self, levels: usize, write: impl FnOnce(&mut Self)) {
        self.nested += levels;
        write(self);
        self.nested -= levels;
    }

    /// A time as `Mon, 02 Jan 2006 15:04:05 -0700`.
    pub(super) fn time(&self, time: Option<Timestamp>) -> String {
        self.format(time, "%a, %d %b %Y %H:%M:%S %z").unwrap_or_else(|| ZERO_TIME.to_owned())
    }

    /// A time as Go's own form has it: `2006-01-02 15:04:05 -0700 MST`.
    pub(super) fn go_time(&self, time: Option<Timestamp>) -> String {
        self.format(time, "%Y-%m-%d %H:%M:%S %z %Z").unwrap_or_else(|| "0001-01-01 00:00:00 +0000 UTC".to_owned())
    }

    fn format(&self, time: Option<Timestamp>, pattern: &str) -> Option<String> {
        strtime::format(pattern, &time?.to_zoned(self.zone.clone())).ok()
    }

    /// How long ago a time is, `<unknown>` for none.
    pub(super) fn since(&self, time: Option<Timestamp>) -> String {
        time.map_or_else(|| "<unknown>".to_owned(), |time| between(time, self.now))
    }

    /// The text as it was written, tabs in.
    pub fn unaligned(self) -> String {
        self.text
    }

    /// The text, aligned.
    pub fn finish(self) -> String {
        let mut writer = TabWriter::new(Vec::with_capacity(self.text.len() * 2), Settings::DESCRIBE);
        // Writing to memory does not fail.
        let _ = writer.write_all(self.text.as_bytes()).and_then(|()| writer.flush());
        String::from_utf8(writer.into_inner())
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

/// The time from one moment to another, in at most two units.
pub(super) fn between(from: Timestamp, to: Timestamp) -> String {
    time::human_duration(to.duration_since(from).as_secs())
}

/// Passes text on with control characters made visible: ESC and CR as kubectl shows them, the others
/// as `\x07`.
struct Visible<'a>(&'a mut String);

impl fmt::Write for Visible<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\t'))
        {
            let (before, after) = rest.split_at(at);
            self.0.push_str(before);
            match character {
                '\x1b' => self.0.push_str("^["),
                '\r' => self.0.push_str("\\r"),
                other => write!(self.0, "\\x{:02x}", u32::from(other))?,
            }
            rest = after.get(character.len_utf8()..).unwrap_or("");
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        Description::new(time::parse_rfc3339("2026-01-02T03:04:05Z").expect("a time"), TimeZone::UTC)
    }

    #[test]
    fn aligns_and_indents() {
        let mut d = description();
        d.field(0, "Name", "a");
        d.nest(1, |d| d.field(1, "Long name", "b"));
        d.field_if(0, "Absent", "");
        assert_eq!(d.finish(), "Name:           a\n    Long name:  b\n");
    }

    #[test]
    fn shows_control_characters() {
        let mut d = description();
        d.line(0, "a\x1b[31m\r\x07\u{9b}\x0b\x0c\tb\nc");
        assert_eq!(d.finish(), "a^[[31m\\r\\x07\\x9b\\x0b\\x0c  b\nc\n");
    }

    #[test]
    fn shows_times() {
        let time = time::parse_rfc3339("2026-11-23T21:21:43Z");
        let d = description();
        assert_eq!(d.time(time), "Mon, 23 Nov 2026 21:21:43 +0000");
        assert_eq!(d.time(None), ZERO_TIME);
        assert_eq!(d.go_time(time), "2026-11-23 21:21:43 +0000 UTC");
        let east = Description::new(Timestamp::UNIX_EPOCH, TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(east.time(time), "Mon, 23 Nov 2026 23:21:43 +0200");
        assert_eq!(d.since(time::parse_rfc3339("2026-01-02T03:02:00.5Z")), "2m4s");
        assert_eq!(d.since(None), "<unknown>");
    }
}
