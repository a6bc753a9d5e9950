//! Generated templates, given to kctl and to a real kubectl: what both print, say and return must be the same.
//!
//! ```text
//! KCTL_DIFFERENTIAL=2000 cargo test --test differential -- --nocapture
//! ```
//!
//! | variable | what it says |
//! | --- | --- |
//! | `KCTL_DIFFERENTIAL` | how many templates of each kind (default 40) |
//! | `KCTL_DIFFERENTIAL_SEED` | where to begin (default 1); case N of seed S is the first of seed S+N |
//! | `KUBECTL` | the kubectl to compare with, instead of the one on PATH |
//!
//! Both programs print one local object with `patch --local`, which needs no server. Without a kubectl
//! nothing is compared, and the test says so.
//!
//! Not generated, for kubectl's own output is not the same from run to run: addresses (`%p` of lists and
//! maps), and the order of a map's values in JSONPath's `*` and `..`, which Go shuffles; both are only
//! asked for where a map has one key. Integers are ranged over only from kubectl 1.34 on, whose Go can.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, speaks to people, and reads its switches from the environment"
)]

mod dice;
mod paths;
mod templates;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use dice::Dice;
use regex_lite::Regex;

/// The object that templates are executed on.
const OBJECT: &str = include_str!("object.json");
const USUAL: usize = 40;
/// From this minor version on, kubectl's template engine words its errors as the newest one does.
const SAME_WORDS: u32 = 35;

#[test]
fn templates_give_what_kubectl_gives() {
    compare("go-template", templates::template);
}

#[test]
fn paths_give_what_kubectl_gives() {
    compare("jsonpath", paths::path);
}

/// What a program did.
#[derive(PartialEq, Eq)]
struct Outcome {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

impl Outcome {
    /// Without what older engines do not say: the types that cannot be compared, and they count the lines
    /// of what they cannot parse in another way.
    fn in_older_words(self) -> Self {
        let types = Regex::new(r"(incompatible types for comparison): [a-z0-9\[\]{} ]+").expect("a pattern");
        let line = Regex::new(r"output:\d+: ").expect("a pattern");
        let older = |text: &str| line.replace_all(&types.replace_all(text, "$1"), "output: ").into_owned();
        Self { stdout: older(&self.stdout), stderr: older(&self.stderr), code: self.code }
    }
}

/// A kubectl, and the minor version of its release.
struct Kubectl {
    program: PathBuf,
    minor: u32,
}

fn compare(format: &str, generate: fn(&mut Dice) -> String) {
    let Some(kubectl) = kubectl() else {
        eprintln!("NOT RUN: {format} was compared with nothing, for there is no kubectl on PATH or in KUBECTL");
        return;
    };
    let number =
        |name: &str, usual: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (count, seed) = (number("KCTL_DIFFERENTIAL", USUAL), number("KCTL_DIFFERENTIAL_SEED", 1));
    let folder = std::env::temp_dir().join(format!("kctl-differential-{format}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let object = folder.join("object.json");
    std::fs::write(&object, OBJECT).expect("a file");

    let (next, worked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= count {
                        return;
                    }
                    let mut dice = Dice::new(seed + case, kubectl.minor);
                    let template = generate(&mut dice);
                    let lenient = dice.chance(70);
                    let run = |program: &Path| {
                        let outcome = run(program, &object, format, &template, lenient);
                        if kubectl.minor < SAME_WORDS { outcome.in_older_words() } else { outcome }
                    };
                    let (want, got) = (run(&kubectl.program), run(Path::new(env!("CARGO_BIN_EXE_kctl"))));
                    worked.fetch_add(usize::from(want.code == Some(0)), Ordering::Relaxed);
                    // Older engines fail in ways that newer ones do not.
                    let broken = kubectl.minor < SAME_WORDS && want.stderr.contains("caught panic");
                    if want != got && !broken {
                        let fault = format!(
                            "seed {}{}: {template:?}\n{}",
                            seed + case,
                            if lenient { "" } else { " --allow-missing-template-keys=false" },
                            difference(&want, &got)
                        );
                        faults.lock().expect("no panic").push(fault);
                    }
                }
            });
        }
    });
    let _ = std::fs::remove_dir_all(&folder);
    let faults = faults.into_inner().expect("no panic");
    println!(
        "{format}: {count} compared with kubectl 1.{}, {} of them without an error; {} differ",
        kubectl.minor,
        worked.into_inner(),
        faults.len()
    );
    assert!(faults.is_empty(), "{} of {count} differ:\n{}", faults.len(), faults.join("\n"));
}

fn kubectl() -> Option<Kubectl> {
    let named = std::env::var_os("KUBECTL").map(PathBuf::from);
    let program = named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
    })?;
    let output = Command::new(&program).args(["version", "--client", "-o", "json"]).output().ok()?;
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    // kctl may be installed under kubectl's name; compared with itself it would always agree.
    let is_go = version["clientVersion"]["compiler"] == "gc";
    let minor = version["clientVersion"]["minor"].as_str()?;
    let minor = minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
    is_go.then_some(Kubectl { program, minor })
}

fn run(program: &Path, object: &Path, format: &str, template: &str, lenient: bool) -> Outcome {
    let output = Command::new(program)
        .args(["patch", "--local", "--type=merge", "-p", "{}"])
        .arg("-f")
        .arg(object)
        .arg(format!("--allow-missing-template-keys={lenient}"))
        .arg(format!("-o={format}={template}"))
        .env_clear()
        .env("HOME", object.parent().unwrap_or(object))
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\n", "\n");
    Outcome { stdout: text(&output.stdout), stderr: text(&output.stderr), code: output.status.code() }
}

/// What is not the same, from where it is not.
fn difference(want: &Outcome, got: &Outcome) -> String {
    let mut text = String::new();
    for (name, want, got) in [("stdout", &want.stdout, &got.stdout), ("stderr", &want.stderr, &got.stderr)] {
        if want == got {
            continue;
        }
        let same = want.bytes().zip(got.bytes()).take_while(|(want, got)| want == got).count();
        let from = same.saturating_sub(60);
        let show = |text: &str| text.chars().skip(from).take(300).collect::<String>();
        text.push_str(&format!("  {name} kubectl: {:?}\n  {name} kctl:    {:?}\n", show(want), show(got)));
    }
    if want.code != got.code {
        text.push_str(&format!("  code kubectl: {:?}, kctl: {:?}\n", want.code, got.code));
    }
    text
}
