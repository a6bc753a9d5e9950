//! What `-v` shows: lines in the form of klog, kubectl's log. Nothing secret is among them, at any level.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::object::clock::Clock;
use crate::object::time;

/// Where lines go.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// How much is logged: in general (`-v`), and for single files (`--vmodule`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verbosity {
    /// From 0 to 10.
    pub level: u8,
    /// Patterns of client-go's file names without their endings (`*` and `?` stand for anything), each
    /// with its level. The first that fits counts.
    pub files: Vec<(String, u8)>,
}

impl Verbosity {
    /// The level for a file (`round_trippers`).
    pub fn of(&self, file: &str) -> u8 {
        let own = self.files.iter().find(|(pattern, _)| fits(pattern.as_bytes(), file.as_bytes()));
        own.map_or(self.level, |(_, level)| (*level).max(self.level))
    }
}

/// Whether a pattern with `*` and `?` stands for a name. Goes back to the last `*` only.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(c) if *c == b'?' || Some(c) == name.get(from) => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((before, taken)) => {
                    star = Some((before, taken + 1));
                    (at, from) = (before + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}

/// A log of one process.
#[derive(Clone)]
pub struct Log {
    verbosity: Verbosity,
    clock: Clock,
    sink: Sink,
}

/// A value in a line.
pub enum Value<'a> {
    /// Text, which is quoted, or set on lines of its own where it has several.
    Text(&'a str),
    /// A number.
    Number(u128),
}

impl Log {
    /// A log of this much.
    pub fn new(verbosity: Verbosity, clock: Clock, sink: Sink) -> Self {
        Self { verbosity, clock, sink }
    }

    /// The level for a file (`round_trippers`).
    pub fn level(&self, file: &str) -> u8 {
        self.verbosity.of(file)
    }

    /// Logs plain text. `place` is the file with its line (`loader.go:407`).
    pub fn plain(&self, place: &str, text: &str) {
        let now = time::rfc3339_micro(self.clock.now());
        let part = |range: std::ops::Range<usize>| now.get(range).unwrap_or_default();
        let (month, day, clock) = (part(5..7), part(8..10), part(11..26));
        (self.sink)(&format!("I{month}{day} {clock} {:>7} {place}] {text}", std::process::id()));
    }

    /// Logs a message with named values.
    pub fn say(&self, place: &str, message: &str, values: &[(&str, Value<'_>)]) {
        let mut text = format!("{message:?}");
        for (name, value) in values {
            let _ = match value {
                Value::Number(number) => write!(text, " {name}={number}"),
                Value::Text(value) if value.contains('\n') => {
                    let lines = value.strip_suffix('\n').unwrap_or(value).replace('\n', "\n\t");
                    write!(text, " {name}=<\n\t{}\n >", printable(&lines))
                }
                Value::Text(value) => write!(text, " {name}={:?}", value),
            };
        }
        self.plain(place, &text);
    }
}

/// Text without what would steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

/// A body as it is logged: text, or a dump where it is none; cut to what the level allows.
pub fn body_text(body: &[u8], total: usize, level: u8) -> String {
    let (mut text, whole) = if body.iter().any(|byte| *byte < 0x0a) {
        // A dump has 79 characters a line of 16 bytes.
        (dump(body), total.div_ceil(16).saturating_mul(79))
    } else {
        (String::from_utf8_lossy(body).into_owned(), total)
    };
    let most = limit(level);
    if whole > most {
        let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        let _ = write!(text, " [truncated {} chars]", whole - most);
    }
    text
}

/// How many bytes of a body a level shows.
pub fn limit(level: u8) -> usize {
    match level {
        0..=7 => 0,
        8 => 1024,
        9 => 10240,
        _ => usize::MAX,
    }
}

/// Bytes in lines of sixteen, in hexadecimal and as text (`hexdump -C`).
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (row, line) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:08x} ", row * 16);
        for at in 0..16 {
            if at == 8 {
                text.push(' ');
            }
            let _ = match line.get(at) {
                Some(byte) => write!(text, " {byte:02x}"),
                None => write!(text, "   "),
            };
        }
        text.push_str("  |");
        text.extend(line.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }));
        text.push_str("|\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Timestamp;
    use proptest::prelude::*;
    use std::sync::Mutex;

    #[test]
    fn writes_as_klog_does() {
        let heard = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&heard);
        let clock = Clock::manual("2026-11-24T09:00:10.668740Z".parse::<Timestamp>().expect("a time"));
        let log = Log::new(
            Verbosity::default(),
            clock,
            Arc::new(move |line: &str| sink.lock().expect("no panic").push_str(line)),
        );
        let values = [
            ("url", Value::Text("a\"b")),
            ("headers", Value::Text("A: b\nC: d\n")),
            ("milliseconds", Value::Number(3)),
        ];
        log.say("x.go:1", "Response", &values);
        let want = format!(
            "I1124 09:00:10.668740 {:>7} x.go:1] \"Response\" url=\"a\\\"b\" headers=<\n\tA: b\n\tC: d\n > milliseconds=3",
            std::process::id()
        );
        assert_eq!(*heard.lock().expect("no panic"), want);
    }

    #[test]
    fn cuts_bodies() {
        assert_eq!(body_text(b"abc", 3, 8), "abc");
        let long = "x".repeat(2000);
        assert!(body_text(long.as_bytes(), 2000, 8).ends_with("x [truncated 976 chars]"));
        assert_eq!(body_text(long.as_bytes(), 2000, 9), long);
        assert_eq!(
            body_text(b"k8s\x00a", 5, 8),
            "00000000  6b 38 73 00 61                                    |k8s.a|\n"
        );
    }

    #[test]
    fn knows_files_by_patterns() {
        let verbosity = Verbosity { level: 1, files: vec![("round_*".into(), 6), ("re?uest".into(), 8)] };
        for (file, want) in [("round_trippers", 6), ("request", 8), ("requests", 1), ("loader", 1)] {
            assert_eq!(verbosity.of(file), want, "{file}");
        }
        assert!(fits(b"*a*b", b"xaxxb") && !fits(b"*a*b", b"xaxxc") && fits(b"", b"") && fits(b"*", b""));
    }

    proptest! {
        #[test]
        fn never_panics(body in prop::collection::vec(any::<u8>(), 0..80), more in 0_usize..9000, level in 0_u8..12) {
            let _ = body_text(&body, body.len() + more, level);
        }
    }
}
