//! `--profile`: where a command's time and memory went, in the format that `go tool pprof` reads.
//!
//! Samples are what the system accounts to each thread of the program (on Linux), and the steps of the
//! command. There is no sampling of stacks, which would need a signal handler.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::client::config::go_error;
use crate::object::clock::Clock;

/// What can be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Processor time of each thread.
    Cpu,
    /// Memory by what it holds.
    Heap,
    /// Threads.
    Threads,
    /// Time that threads waited.
    Waits,
    /// Time that the steps of the command took.
    Steps,
}

/// The names that kubectl has for them.
const KINDS: [(&str, Kind); 7] = [
    ("cpu", Kind::Cpu),
    ("heap", Kind::Heap),
    ("allocs", Kind::Heap),
    ("goroutine", Kind::Threads),
    ("threadcreate", Kind::Threads),
    ("block", Kind::Waits),
    ("mutex", Kind::Waits),
];

/// A recording under way.
pub struct Profile {
    kind: Kind,
    path: PathBuf,
    /// Where the file is made at once, as kubectl does for what runs along.
    file: Option<File>,
    begun: Instant,
    clock: Clock,
}

impl Profile {
    /// Begins a recording; none for the kind `none`.
    ///
    /// # Errors
    /// A kind that is not known, or a file that cannot be made; kubectl's words.
    pub fn begin(kind: &str, path: &str, clock: Clock) -> anyhow::Result<Option<Self>> {
        if kind == "none" {
            return Ok(None);
        }
        let known = KINDS.iter().find(|(name, _)| *name == kind).map(|(_, kind)| *kind);
        let known = known.or((kind == "trace").then_some(Kind::Steps));
        let kind = known.ok_or_else(|| anyhow::anyhow!("unknown profile '{kind}'"))?;
        let mut own = Self { kind, path: PathBuf::from(path), file: None, begun: Instant::now(), clock };
        if matches!(kind, Kind::Cpu | Kind::Steps) {
            own.file = Some(own.create()?);
        }
        Ok(Some(own))
    }

    fn create(&self) -> anyhow::Result<File> {
        File::create(&self.path).map_err(|error| anyhow::anyhow!(go_error("open", "open", &self.path, &error)))
    }

    /// Ends the recording and writes it. `started` is when the program did.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub fn end(mut self, started: Instant) -> anyhow::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        let took = nanoseconds(started.elapsed());
        let (unit, samples) = match self.kind {
            Kind::Cpu => (("cpu", "nanoseconds"), threads(cpu)),
            Kind::Heap => (("inuse_space", "bytes"), memory()),
            Kind::Threads => (("threads", "count"), threads(|_, name| vec![(vec![name.to_owned()], 1)])),
            Kind::Waits => (("delay", "nanoseconds"), threads(waits)),
            Kind::Steps => {
                let command = nanoseconds(self.begun.elapsed());
                let steps = [("start", took - command), ("command", command)];
                (("wall", "nanoseconds"), steps.map(|(step, took)| (vec![step.to_owned()], took)).to_vec())
            }
        };
        let now = i64::try_from(self.clock.now().as_nanosecond()).unwrap_or_default();
        let mut out = GzEncoder::new(file, Compression::default());
        out.write_all(&encoded(unit, &samples, now, took))?;
        out.finish()?;
        Ok(())
    }
}

fn nanoseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A stack of names, the innermost first, and how much was spent there.
type Sample = (Vec<String>, i64);

/// The samples of all threads; `of` takes a thread's folder in `/proc` and its name.
fn threads(of: impl Fn(&std::path::Path, &str) -> Vec<Sample>) -> Vec<Sample> {
    let folders = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let all = folders.flat_map(|folder| {
        let name = std::fs::read_to_string(folder.path().join("comm")).unwrap_or_default();
        of(&folder.path(), name.trim())
    });
    all.collect()
}

/// Processor time of a thread, by who spent it: ticks of which a second has a hundred.
fn cpu(folder: &std::path::Path, name: &str) -> Vec<Sample> {
    const TICK: i64 = 10_000_000;
    let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
    // Fields behind the name, which may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<i64>().ok()).unwrap_or_default() * TICK;
    [("user", ticks(11)), ("system", ticks(12))]
        .map(|(who, time)| (vec![who.to_owned(), name.to_owned()], time))
        .to_vec()
}

/// How long a thread was ready and had no processor.
fn waits(folder: &std::path::Path, name: &str) -> Vec<Sample> {
    let stat = std::fs::read_to_string(folder.join("schedstat")).unwrap_or_default();
    let time = stat.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or_default();
    vec![(vec!["waiting for a processor".to_owned(), name.to_owned()], time)]
}

/// Memory by what it holds.
fn memory() -> Vec<Sample> {
    const PARTS: [(&str, &str); 4] =
        [("RssAnon", "heap and stacks"), ("RssFile", "files"), ("RssShmem", "shared"), ("VmPTE", "page tables")];
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let sample = |(field, name): &(&str, &str)| {
        let line = status.lines().find_map(|line| line.strip_prefix(*field)?.strip_prefix(':'))?;
        let kilobytes: i64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some((vec![(*name).to_owned()], kilobytes * 1024))
    };
    PARTS.iter().filter_map(sample).collect()
}

/// A message of protobuf under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).unwrap_or_default());
    }

    fn number(&mut self, field: u64, value: i64) -> &mut Self {
        self.varint(field << 3);
        self.varint(value.cast_unsigned());
        self
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }
}

/// The profile as `profile.proto` of pprof defines it, not yet compressed.
fn encoded((kind, unit): (&str, &str), samples: &[Sample], now: i64, took: i64) -> Vec<u8> {
    let mut texts = vec![String::new()];
    let mut index = |text: &str| {
        let at = texts.iter().position(|known| known == text).unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        });
        i64::try_from(at).unwrap_or_default()
    };
    let mut profile = Message::default();
    let mut value_type = Message::default();
    value_type.number(1, index(kind)).number(2, index(unit));
    profile.bytes(1, &value_type.0);
    let mut functions: Vec<String> = Vec::new();
    for (stack, value) in samples {
        let mut sample = Message::default();
        for name in stack {
            let at = functions.iter().position(|known| known == name).unwrap_or_else(|| {
                functions.push(name.clone());
                functions.len() - 1
            });
            sample.number(1, i64::try_from(at + 1).unwrap_or_default());
        }
        sample.number(2, *value);
        profile.bytes(2, &sample.0);
    }
    for (id, name) in (1..).zip(&functions) {
        let (mut location, mut line, mut function) = (Message::default(), Message::default(), Message::default());
        line.number(1, id);
        location.number(1, id).bytes(4, &line.0);
        function.number(1, id).number(2, index(name));
        profile.bytes(4, &location.0).bytes(5, &function.0);
    }
    for text in &texts {
        profile.bytes(6, text.as_bytes());
    }
    profile.number(9, now).number(10, took);
    profile.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn records_what_can_be_recorded() {
        let folder = std::env::temp_dir().join(format!("kctl-profile-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("p").to_string_lossy().into_owned();
        for (kind, unit) in [("cpu", "cpu"), ("heap", "inuse_space"), ("goroutine", "threads"), ("trace", "wall")] {
            let profile = Profile::begin(kind, &path, Clock::System).expect("begun").expect("a profile");
            profile.end(Instant::now()).expect("written");
            let mut text = Vec::new();
            let file = File::open(&path).expect("a file");
            flate2::read::GzDecoder::new(file).read_to_end(&mut text).expect("gzip");
            assert!(text.windows(unit.len()).any(|part| part == unit.as_bytes()), "{kind}");
        }
        assert!(Profile::begin("none", &path, Clock::System).expect("nothing").is_none());
        let unknown = Profile::begin("x", &path, Clock::System).map(drop).expect_err("unknown");
        assert_eq!(unknown.to_string(), "unknown profile 'x'");
        std::fs::remove_dir_all(&folder).expect("removed");
    }

    #[test]
    fn encodes_as_pprof_reads() {
        let samples = [(vec!["a".to_owned(), "b".to_owned()], 300)];
        let want = [
            &b"\x0a\x04\x08\x01\x10\x02"[..],
            b"\x12\x07\x08\x01\x08\x02\x10\xac\x02",
            b"\x22\x06\x08\x01\x22\x02\x08\x01\x2a\x04\x08\x01\x10\x03",
            b"\x22\x06\x08\x02\x22\x02\x08\x02\x2a\x04\x08\x02\x10\x04",
            b"\x32\x00\x32\x03cpu\x32\x02ns\x32\x01a\x32\x01b",
            b"\x48\x05\x50\x06",
        ];
        assert_eq!(encoded(("cpu", "ns"), &samples, 5, 6), want.concat());
    }
}
