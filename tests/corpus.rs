//! Recorded command lines of kubectl 1.36.2, run with the real program on the cluster they were
//! recorded on, and compared byte for byte.
//!
//! `data/golden/cases.jsonl` holds one case a line: arguments, standard input, files, variables, the
//! time, and what was printed (help pages are not among them: ours are in our own words).
//! `data/golden/known-failures.txt` lists the cases that are not right yet, each with the reason. A
//! case that fails without being listed is an error, and so is one that is listed and passes. With
//! `KCTL_BLESS=1` those that pass are taken off the list; none is ever added.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]
#![allow(clippy::disallowed_methods, reason = "tests read their switches from the environment")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use regex_lite::Regex;
use serde::Deserialize;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden");
/// A command that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many different lines are shown of a case that fails.
const SHOWN: usize = 3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(rename = "category")]
    _category: String,
    args: Vec<String>,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    now: String,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    code: i32,
    #[serde(default)]
    normalise: Vec<(String, String)>,
}

/// A folder with a cluster of its own, for one thread.
struct Place {
    root: PathBuf,
}

impl Place {
    fn new(root: PathBuf) -> Self {
        for name in ["state", "home", "streams"] {
            fs::create_dir_all(root.join(name)).expect("a folder");
        }
        Self { root }
    }

    /// A copy of the cluster, at another place.
    fn copy(&self, root: PathBuf) -> Self {
        let copy = Self::new(root);
        for entry in fs::read_dir(self.root.join("state")).expect("a state folder").flatten() {
            fs::copy(entry.path(), copy.root.join("state").join(entry.file_name())).expect("a copy");
        }
        copy
    }

    /// The program with nothing of the outer environment.
    fn command(&self, now: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kctl"));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.root.join("home"))
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("KCTL_COMPAT", "kubectl")
            .env("KCTL_OFFLINE", "1")
            .env("KCTL_OFFLINE_DIR", self.root.join("state"))
            .env("KCTL_NOW", now);
        command
    }

    fn import(&self, file: &str) {
        let mut command = self.command("2026-11-24T00:07:00Z");
        command.args(["offline", "import", file, "--paused"]).stdout(Stdio::null());
        assert!(command.status().expect("the program").success(), "the cluster was not imported");
    }

    /// Runs a case; what is different, if anything is.
    fn run(&self, case: &Case) -> Option<String> {
        let work = self.root.join("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).expect("a folder");
        for (name, content) in &case.files {
            let path = work.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, content).expect("a file");
        }
        let streams = self.root.join("streams");
        let (input, out, err) = (streams.join("in"), streams.join("out"), streams.join("err"));
        fs::write(&input, &case.stdin).expect("a file");
        let mut command = self.command(&case.now);
        let mut child = command
            .envs(&case.env)
            .args(&case.args)
            .current_dir(&work)
            .stdin(File::open(&input).expect("a file"))
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&err).expect("a file"))
            .spawn()
            .expect("the program");
        let started = Instant::now();
        let code = loop {
            match child.try_wait().expect("a child") {
                Some(status) => break status.code().unwrap_or(-1),
                None if started.elapsed() > PATIENCE => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Some("did not end\n".to_owned());
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let mut differences = String::new();
        for (name, want, got) in [("stdout", &case.stdout, &out), ("stderr", &case.stderr, &err)] {
            let got = String::from_utf8_lossy(&fs::read(got).expect("a file")).into_owned();
            let got = [&work, &self.root.join("home")]
                .iter()
                .fold(got, |got, folder| got.replace(&*folder.to_string_lossy(), "<folder>"));
            let got = normalised(&got, &case.normalise);
            differ(&mut differences, name, &normalised(want, &case.normalise), &got);
        }
        if code != case.code {
            let _ = writeln!(differences, "  exit code: want {}, got {code}", case.code);
        }
        (!differences.is_empty()).then_some(differences)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The text with a case's own substitutions.
fn normalised(text: &str, substitutions: &[(String, String)]) -> String {
    substitutions.iter().fold(text.to_owned(), |text, (pattern, with)| {
        let pattern = Regex::new(&format!("(?m){pattern}")).expect("a pattern");
        pattern.replace_all(&text, with.replace("\\1", "${1}")).into_owned()
    })
}

/// Adds the first lines that are different.
fn differ(into: &mut String, name: &str, want: &str, got: &str) {
    let (want, got): (Vec<_>, Vec<_>) = (want.split('\n').collect(), got.split('\n').collect());
    let lines = 0..want.len().max(got.len());
    for line in lines.filter(|line| want.get(*line) != got.get(*line)).take(SHOWN) {
        let show = |lines: &[&str]| lines.get(line).map_or("no line".to_owned(), |line| format!("{line:?}"));
        let _ = writeln!(into, "  {name}, line {}\n    want {}\n    got  {}", line + 1, show(&want), show(&got));
    }
}

/// The list of known failures: an id and a reason a line.
fn known() -> BTreeMap<String, String> {
    let text = fs::read_to_string(Path::new(DATA).join("known-failures.txt")).expect("the list");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (id, reason) = line.split_once(' ').unwrap_or_else(|| panic!("a case without a reason: {line}"));
            (id.to_owned(), reason.trim().to_owned())
        })
        .collect()
}

/// Takes cases off the list.
fn strike(ids: &[&str]) {
    let path = Path::new(DATA).join("known-failures.txt");
    let text = fs::read_to_string(&path).expect("the list");
    let kept = text.lines().filter(|line| !ids.contains(&line.split(' ').next().unwrap_or_default()));
    fs::write(path, kept.fold(String::new(), |text, line| text + line + "\n")).expect("the list");
}

#[test]
fn recorded_command_lines_print_what_kubectl_printed() {
    let text = fs::read_to_string(Path::new(DATA).join("cases.jsonl")).expect("the cases");
    let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    assert!(cases.len() > 1000, "cases are missing");

    let root = std::env::temp_dir().join(format!("kctl-corpus-{}", std::process::id()));
    let original = Place::new(root.join("original"));
    original.import(&format!("{DATA}/cluster.json"));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let places: Vec<Place> = (0..threads).map(|number| original.copy(root.join(format!("golden.{number}")))).collect();
    let mut failures: BTreeMap<&str, String> = std::thread::scope(|scope| {
        let cases = &cases;
        let workers: Vec<_> = (places.iter().enumerate())
            .map(|(first, place)| {
                scope.spawn(move || {
                    let own = cases.iter().skip(first).step_by(threads);
                    own.filter_map(|case| Some((case.id.as_str(), place.run(case)?))).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    drop((original, places));
    let _ = fs::remove_dir(&root);

    let known = known();
    for id in known.keys() {
        assert!(cases.iter().any(|case| case.id == *id), "{id} is on the list, but there is no such case");
    }
    let passing: Vec<&str> = known.keys().map(String::as_str).filter(|id| failures.remove(id).is_none()).collect();
    let mut report = String::new();
    for case in &cases {
        if let Some(differences) = failures.get(case.id.as_str()) {
            let _ = writeln!(report, "{}: {}\n{differences}", case.id, case.args.join(" "));
        }
    }
    if std::env::var_os("KCTL_BLESS").is_some_and(|value| value == "1") {
        strike(&passing);
    } else if !passing.is_empty() {
        let _ = writeln!(report, "These pass now, take them off the list (KCTL_BLESS=1): {}", passing.join(" "));
    }
    assert!(report.is_empty(), "{} cases fail that are not known to\n{report}", failures.len());
}
