//! What it costs to apply, compare and delete many manifests; see `benches/README.md`.

#![allow(clippy::disallowed_methods, reason = "the environment names the programs and the cluster")]

#[cfg(unix)]
#[path = "../common/measure.rs"]
#[allow(dead_code, reason = "this server does not count what it sends")]
mod measure;
#[path = "../common/served.rs"]
mod served;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use served::Served;

/// What is done one after another: a name for it, the words of the command, and the most seconds that
/// kctl may need for 1,000 manifests.
const STEPS: &[(&str, &[&str], f64)] = &[
    ("apply-new", &["apply"], 4.0),
    ("apply-unchanged", &["apply"], 2.0),
    ("diff", &["diff"], 2.0),
    ("delete", &["delete"], 3.0),
];
/// The most memory that kctl may need, in bytes.
const MEMORY: u64 = 60_000_000;
/// Where the objects are made.
const NAMESPACE: &str = "kctl-bench-manifests";

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let mut kctl = variable("KCTL_BENCH_KCTL").unwrap_or_else(|| env!("CARGO_BIN_EXE_kctl").into());
    let mut kubectl = variable("KCTL_BENCH_KUBECTL");
    let mut count = 1_000;
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--kctl" => kctl = value.into(),
            "--kubectl" => kubectl = Some(value.into()),
            "--manifests" => count = value.parse()?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    let home = std::env::temp_dir().join(format!("kctl-manifests-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let result = run(&home, &kctl, kubectl.as_deref(), count);
    std::fs::remove_dir_all(&home)?;
    result
}

/// So many config maps, one document each.
fn manifests(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-{number:04}\n  labels: {{bench: manifests}}\n\
             data:\n  number: \"{number}\"\n  text: |\n    one line\n    and another\n"
        );
    }
    text
}

fn run(home: &Path, kctl: &Path, kubectl: Option<&Path>, count: usize) -> Fallible<()> {
    let file = home.join("manifests.yaml");
    std::fs::write(&file, manifests(count))?;
    let (kubeconfig, _served) = match std::env::var_os("KUBECONFIG") {
        Some(path) => (PathBuf::from(path), None),
        None => {
            let path = home.join("kubeconfig");
            let served = Served::start(kctl, home, &path, 3)?;
            (path, Some(served))
        }
    };
    let command = |program: &Path| {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", home).env("KUBECONFIG", &kubeconfig).env("PATH", "/usr/bin:/bin");
        command
    };
    let quiet = |arguments: &[&str]| command(kctl).args(arguments).stdout(Stdio::null()).status();
    quiet(&["create", "namespace", NAMESPACE])?;
    let mut out = io::stdout();
    writeln!(out, "{:<16} {:<8} {:>9} {:>9} {:>10}", "STEP", "PROGRAM", "WALL", "CPU", "MEMORY")?;
    let mut over = Vec::new();
    for (name, program) in [("kctl", Some(kctl)), ("kubectl", kubectl)] {
        let Some(program) = program else { continue };
        for (step, words, most) in STEPS {
            let mut line = command(program);
            line.args(*words).args(["--namespace", NAMESPACE, "--filename"]).arg(&file);
            let cost = measure::run(&mut line)?;
            let (wall, cpu) = (cost.wall.as_secs_f64(), cost.cpu.as_secs_f64());
            let failed = if cost.success { "" } else { "  failed" };
            let memory = cost.memory as f64 / 1e6;
            writeln!(out, "{step:<16} {name:<8} {wall:>7.3} s {cpu:>7.3} s {memory:>7.1} MB{failed}")?;
            out.flush()?;
            let most = most * (count as f64 / 1_000.0).max(1.0);
            if name == "kctl" && (!cost.success || wall > most || cost.memory > MEMORY) {
                over.push(format!("{step}: {wall:.3} s and {memory:.1} MB, {most:.0} s and 60 MB are allowed"));
            }
        }
    }
    quiet(&["delete", "namespace", NAMESPACE])?;
    if over.is_empty() { Ok(()) } else { Err(over.join("\n").into()) }
}
