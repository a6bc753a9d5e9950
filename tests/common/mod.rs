//! Transcripts: shell sessions kept as text files, run with the real program in a sealed
//! environment.
//!
//! ```text
//! # a comment
//! $ cat > web.yaml <<EOF
//! kind: Pod
//! EOF
//! $ kctl apply -f web.yaml
//! pod/web created
//! @ +30s
//! $ kctl get pod nosuch
//! ! Error from server (NotFound): pods "nosuch" not found
//! ? 1
//! ```
//!
//! `$` runs a command: `kctl` or `kubectl` (kctl called by that name), after any `NAME=value`; `cat >
//! FILE`, `cat FILE` and `mkdir DIR`; each may read lines up to a word with `<<WORD`. Lines below it are
//! standard output, `! ` standard error, `? ` the exit code unless it is 0. `@ +30s` moves the clock
//! (units s, m, h, d). Empty lines count for nothing: an empty line of output is `\`, a line that would
//! be taken for something else has a `\` before it, and `\c` says that the last line did not end.
//! With `KCTL_BLESS=1` the files are rewritten with what was printed.

#![allow(dead_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "tests read their switches from the environment")]

pub mod home;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use regex_lite::Regex;

/// The time at which every transcript begins.
pub const START: &str = "2026-01-02T03:04:05Z";
/// A command that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What differs from run to run, and what stands for it. The sandbox's folder is `<dir>`.
const MASKS: &[(&str, &str)] = &[
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uid>"),
    (r"\b(127\.0\.0\.1|localhost):\d{4,5}\b", "<address>"),
    (r"\S*/(LIVE|MERGED)-\d+/", "<tmp>/$1/"),
    (r"[^\s\x22]*/(kctl|kubectl)-edit-\d+", "<tmp>/$1-edit"),
    (r"\b(linux|darwin|windows)/(amd64|arm64|386)\b", "<platform>"),
    (concat!(r"\bv", env!("CARGO_PKG_VERSION"), r"\b"), "<version>"),
];

/// Whether expectations are to be rewritten.
pub fn blessing() -> bool {
    std::env::var_os("KCTL_BLESS").is_some_and(|value| value == "1")
}

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code; -1 where there was none.
    pub code: i32,
}

/// A folder of its own with a home, a state folder for the bundled cluster, and a fixed clock.
pub struct Sandbox {
    root: PathBuf,
    now: jiff::Timestamp,
    variables: BTreeMap<String, String>,
}

impl Sandbox {
    /// A new, empty sandbox.
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let unique = format!("kctl-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(unique);
        let sandbox = Self { root, now: START.parse().expect("a time"), variables: BTreeMap::new() };
        for dir in [sandbox.home(), sandbox.work(), sandbox.bin()] {
            std::fs::create_dir_all(dir).expect("a folder of its own");
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kctl"), sandbox.bin().join("kubectl")).expect("a link");
        #[cfg(unix)]
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kctl"), sandbox.bin().join("kctl")).expect("a link");
        sandbox
    }

    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// The folder in which commands run.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// A folder on the PATH with `kctl` and `kubectl`.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// Sets a variable for the commands that follow.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Moves the clock: `+30s`, `+2h`.
    pub fn advance(&mut self, by: &str) {
        let (number, unit) = by.trim_start_matches('+').split_at(by.trim_start_matches('+').len() - 1);
        let scale = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86400,
            _ => panic!("no such unit of time: {by}"),
        };
        let seconds = number.parse::<i64>().unwrap_or_else(|_| panic!("no such time: {by}")) * scale;
        self.now += jiff::SignedDuration::from_secs(seconds);
    }

    /// The command, ready to run: nothing of the outer environment reaches it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin().join(program));
        let path = std::env::join_paths([self.bin(), "/usr/local/bin".into(), "/usr/bin".into(), "/bin".into()]);
        command
            .env_clear()
            .env("PATH", path.expect("a PATH"))
            .env("HOME", self.home())
            .env("KCTL_OFFLINE", "1")
            .env("KCTL_OFFLINE_DIR", self.root.join("state"))
            .env("KCTL_NOW", self.now.to_string())
            .env("KCTL_SEED", "1")
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("COLUMNS", "80")
            .envs(&self.variables)
            .current_dir(self.work());
        command
    }

    /// Runs a program with arguments and standard input.
    pub fn run(&self, program: &str, args: &[&str], input: &str) -> Outcome {
        let mut command = self.command(program);
        command.args(args);
        self.finish(command, input)
    }

    /// Runs a prepared command.
    pub fn finish(&self, command: Command, input: &str) -> Outcome {
        let Outcome { stdout, stderr, code } = finish(command, input);
        Outcome { stdout: self.mask(&stdout), stderr: self.mask(&stderr), code }
    }

    fn mask(&self, text: &str) -> String {
        let text = text.replace(&*self.root.to_string_lossy(), "<dir>");
        MASKS.iter().fold(text, |text, (pattern, with)| {
            Regex::new(pattern).expect("a pattern").replace_all(&text, *with).into_owned()
        })
    }
}

/// Runs a prepared command with standard input, to its end.
pub fn finish(mut command: Command, input: &str) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (mut to, out, err) =
        (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let input = input.as_bytes().to_vec();
    let writer = std::thread::spawn(move || {
        let _ = to.write_all(&input);
    });
    let read = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = from.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let mut take = Vec::new();
    take.push(read(Box::new(out)));
    take.push(read(Box::new(err)));
    let started = Instant::now();
    let code = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break status.code().unwrap_or(-1),
            None if started.elapsed() > PATIENCE => {
                let _ = child.kill();
                panic!("{command:?} did not end");
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let _ = writer.join();
    let stderr = take.pop().expect("two").join().expect("read");
    let stdout = take.pop().expect("two").join().expect("read");
    Outcome { stdout, stderr, code }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

/// One piece of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// A comment or an empty line, kept as it is.
    Text(String),
    /// The clock moves.
    Advance(String),
    /// A command, the lines it reads, and what is expected of it.
    Step { line: String, input: Vec<String>, want: Outcome },
}

fn parse(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            pieces.push(Piece::Text(line.to_owned()));
        } else if let Some(by) = line.strip_prefix("@ ") {
            pieces.push(Piece::Advance(by.to_owned()));
        } else if let Some(line) = line.strip_prefix("$ ") {
            let mut input = Vec::new();
            if let Some((_, word)) = line.split_once("<<") {
                let end = word.trim().trim_matches(['\'', '"']);
                input.extend(lines.by_ref().take_while(|line| *line != end).map(str::to_owned));
            }
            pieces.push(Piece::Step { line: line.to_owned(), input, want: Outcome::default() });
        } else {
            let Some(Piece::Step { want, .. }) =
                pieces.iter_mut().rev().find(|piece| matches!(piece, Piece::Step { .. }))
            else {
                panic!("output without a command: {line}");
            };
            if let Some(code) = line.strip_prefix("? ") {
                want.code = code.trim().parse().expect("an exit code");
            } else if let Some(line) = line.strip_prefix('!') {
                read_line(&mut want.stderr, line.strip_prefix(' ').unwrap_or(line));
            } else {
                read_line(&mut want.stdout, line);
            }
        }
    }
    pieces
}

fn read_line(into: &mut String, line: &str) {
    if line == "\\c" {
        into.truncate(into.trim_end_matches('\n').len());
        return;
    }
    into.push_str(line.strip_prefix('\\').unwrap_or(line));
    into.push('\n');
}

fn write_lines(into: &mut String, text: &str, before: &str) {
    for line in text.lines() {
        let taken = ["$ ", "! ", "!", "? ", "@ ", "#", "\\"].iter().any(|start| line.starts_with(start));
        let escape =
            if line.is_empty() || (taken && (before.is_empty() || line.starts_with('\\'))) { "\\" } else { "" };
        let _ = writeln!(into, "{before}{escape}{line}");
    }
    if !text.is_empty() && !text.ends_with('\n') {
        let _ = writeln!(into, "{before}\\c");
    }
}

/// The transcript with these outcomes, one a step.
fn render(pieces: &[Piece], outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let mut outcomes = outcomes.iter();
    for piece in pieces {
        match piece {
            Piece::Text(line) => {
                let _ = writeln!(text, "{line}");
            }
            Piece::Advance(by) => {
                let _ = writeln!(text, "@ {by}");
            }
            Piece::Step { line, input, .. } => {
                let _ = writeln!(text, "$ {line}");
                if let Some((_, word)) = line.split_once("<<") {
                    input.iter().for_each(|line| text.extend([line, "\n"]));
                    let _ = writeln!(text, "{}", word.trim().trim_matches(['\'', '"']));
                }
                let outcome = outcomes.next().expect("an outcome a step");
                write_lines(&mut text, &outcome.stdout, "");
                write_lines(&mut text, &outcome.stderr, "! ");
                if outcome.code != 0 {
                    let _ = writeln!(text, "? {}", outcome.code);
                }
            }
        }
    }
    text
}

/// Splits a command line as a shell does, as far as quotes and backslashes go.
pub fn split(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => word.get_or_insert_default().push(c),
                Some(c) => word.get_or_insert_default().extend(['\\', c]),
                None => {}
            },
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn step(sandbox: &Sandbox, line: &str, input: &[String]) -> Outcome {
    let input: String = input.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let line = line.split_once("<<").map_or(line, |(line, _)| line);
    let words = split(line);
    let variables = words.iter().take_while(|word| is_assignment(word)).count();
    let (variables, words) = words.split_at(variables);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cat", ">", file] => {
            std::fs::write(sandbox.work().join(file), input).unwrap_or_else(|error| panic!("{line}: {error}"));
            Outcome::default()
        }
        ["cat", file] => {
            let text =
                std::fs::read_to_string(sandbox.work().join(file)).unwrap_or_else(|error| panic!("{line}: {error}"));
            Outcome { stdout: sandbox.mask(&text), ..Outcome::default() }
        }
        ["mkdir", dir] => {
            std::fs::create_dir_all(sandbox.work().join(dir)).unwrap_or_else(|error| panic!("{line}: {error}"));
            Outcome::default()
        }
        [program @ ("kctl" | "kubectl"), args @ ..] => {
            let mut command = sandbox.command(program);
            command.args(args).envs(variables.iter().filter_map(|word| word.split_once('=')));
            sandbox.finish(command, &input)
        }
        _ => panic!("transcripts cannot run: {line}"),
    }
}

/// Whether a word sets a variable: `NAME=value`.
pub fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit())
    })
}

/// Runs a transcript; `Err` says how what was printed differs. When blessing, the file is rewritten
/// instead.
pub fn transcript(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let pieces = parse(&text);
    let mut sandbox = Sandbox::new();
    let mut outcomes = Vec::new();
    let mut report = String::new();
    for piece in &pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Advance(by) => sandbox.advance(by),
            Piece::Step { line, input, want } => {
                let got = step(&sandbox, line, input);
                if got != *want {
                    let _ = writeln!(report, "{}: $ {line}\n{}", file.display(), difference(want, &got));
                }
                outcomes.push(got);
            }
        }
    }
    if outcomes.is_empty() {
        return Err(format!("{}: no command", file.display()));
    }
    if blessing() {
        let new = render(&pieces, &outcomes);
        if new != text {
            std::fs::write(file, new).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        return Ok(());
    }
    if report.is_empty() { Ok(()) } else { Err(report) }
}

fn difference(want: &Outcome, got: &Outcome) -> String {
    let mut text = String::new();
    for (name, want, got) in [("stdout", &want.stdout, &got.stdout), ("stderr", &want.stderr, &got.stderr)] {
        if want != got {
            let _ = writeln!(text, "  {name}, wanted:\n{}  {name}, got:\n{}", indent(want), indent(got));
        }
    }
    if want.code != got.code {
        let _ = writeln!(text, "  exit code: wanted {}, got {}", want.code, got.code);
    }
    text
}

fn indent(text: &str) -> String {
    text.lines().fold(String::new(), |all, line| all + "    | " + line + "\n")
}

/// Every file below a folder, in order.
pub fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a generated file with the one in the repository, which is rewritten when blessing.
pub fn check_generated(path: &str, text: &str) -> Result<(), String> {
    let file = repository(path);
    let old = std::fs::read_to_string(&file).unwrap_or_default();
    if old == text {
        return Ok(());
    }
    if blessing() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        return std::fs::write(&file, text).map_err(|error| error.to_string());
    }
    Err(format!("{path} is not what the program makes: run the tests with KCTL_BLESS=1"))
}
