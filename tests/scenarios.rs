//! Recorded sequences of kubectl's commands, run by kctl as kubectl against the bundled cluster while it
//! is served.
//!
//! `KCTL_SCENARIO=name` runs those whose names contain it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regex_lite::Regex;
use serde::Deserialize;

/// The nodes of the cluster that the scenarios were recorded on.
const NODES: [&str; 3] = ["berth-1", "berth-2", "berth-3"];

#[derive(Deserialize)]
struct Scenario {
    id: String,
    namespace: String,
    steps: Vec<Step>,
    #[serde(default)]
    cleanup: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct Step {
    args: Vec<String>,
    stdin: Option<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    env: Option<BTreeMap<String, String>>,
    pause: Option<f64>,
    stdout: String,
    stderr: String,
    code: i32,
    normalise: Vec<(String, String)>,
}

struct Cluster {
    home: PathBuf,
    server: Child,
}

impl Cluster {
    fn start() -> Self {
        let home = std::env::temp_dir().join(format!("kctl-scenarios-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).expect("a home");
        let server = Command::new(env!("CARGO_BIN_EXE_kctl"))
            .args(["offline", "serve", "--nodes", "0", "--write-kubeconfig"])
            .arg(home.join("kubeconfig"))
            .env_clear()
            .env("HOME", &home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("kctl runs");
        let cluster = Self { home, server };
        let start = Instant::now();
        while !cluster.home.join("kubeconfig").exists() {
            assert!(start.elapsed() < Duration::from_secs(30), "the server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        for node in NODES {
            let (_, err, code) = cluster.kctl(&["offline", "node", "add", node]);
            assert_eq!(code, 0, "{err}");
        }
        cluster
    }

    fn kctl(&self, args: &[&str]) -> (String, String, i32) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.run(&args, None, &BTreeMap::new(), &self.home)
    }

    fn run(
        &self,
        args: &[String],
        stdin: Option<&str>,
        env: &BTreeMap<String, String>,
        folder: &Path,
    ) -> (String, String, i32) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kctl"))
            .args(args)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("KCTL_COMPAT", "kubectl")
            .env("KUBECONFIG", self.home.join("kubeconfig"))
            .envs(env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kctl runs");
        if let Some(mut pipe) = child.stdin.take() {
            // Whoever reads nothing may be gone already.
            let _ = pipe.write_all(stdin.unwrap_or_default().as_bytes());
        }
        let output = child.wait_with_output().expect("kctl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
    }

    /// What differs, step by step.
    fn play(&self, scenario: &Scenario) -> Vec<String> {
        let folder = self.home.join(&scenario.id);
        std::fs::create_dir_all(&folder).expect("a folder");
        let start = Instant::now();
        while self.kctl(&["create", "namespace", &scenario.namespace]).2 != 0 {
            assert!(start.elapsed() < Duration::from_secs(30), "{}: no namespace", scenario.id);
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut faults = Vec::new();
        for (index, step) in scenario.steps.iter().enumerate() {
            for (name, content) in &step.files {
                let path = folder.join(name);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent).expect("a folder");
                }
                std::fs::write(path, content).expect("a file");
            }
            if let Some(seconds) = step.pause {
                std::thread::sleep(Duration::from_secs_f64(seconds));
            }
            let none = BTreeMap::new();
            let env = step.env.as_ref().unwrap_or(&none);
            let (out, err, code) = self.run(&step.args, step.stdin.as_deref(), env, &folder);
            for (what, want, got) in [("stdout", &step.stdout, out), ("stderr", &step.stderr, err)] {
                let (want, got) = (normalise(want, &step.normalise), normalise(&got, &step.normalise));
                if want != got {
                    faults.push(format!("step {}: {:?}: {what}\n-- want\n{want}\n-- got\n{got}", index + 1, step.args));
                }
            }
            if code != step.code {
                faults.push(format!("step {}: {:?}: code {code}, not {}", index + 1, step.args, step.code));
            }
        }
        self.kctl(&["delete", "namespace", &scenario.namespace, "--wait=false", "--ignore-not-found"]);
        for args in &scenario.cleanup {
            self.run(args, None, &BTreeMap::new(), &folder);
        }
        faults
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.server.id().to_string()).status();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Applies substitutions that are written as Python's.
fn normalise(text: &str, substitutions: &[(String, String)]) -> String {
    let group = Regex::new(r"\\(\d)").expect("a pattern");
    substitutions.iter().fold(text.to_owned(), |text, (pattern, replacement)| {
        // The temporary folder that they speak of is another here.
        let pattern = pattern.replace("/tmp/", &format!("{}/", std::env::temp_dir().display()));
        let pattern = Regex::new(&format!("(?m){pattern}")).expect("a pattern");
        let replacement = group.replace_all(&replacement.replace('$', "$$"), "$${$1}").into_owned();
        pattern.replace_all(&text, replacement.as_str()).into_owned()
    })
}

#[test]
fn every_recorded_scenario_goes_as_it_was_recorded() {
    let text = include_str!("data/golden/scenarios.jsonl");
    let scenarios: Vec<Scenario> = text.lines().map(|line| serde_json::from_str(line).expect("a scenario")).collect();
    let wanted = std::env::var("KCTL_SCENARIO").unwrap_or_default();
    let cluster = Cluster::start();
    let mut failed = Vec::new();
    for scenario in scenarios.iter().filter(|scenario| scenario.id.contains(&wanted)) {
        let mut faults = cluster.play(scenario);
        // Commands race controllers, on a real server too ("no change" where a status changes meanwhile):
        // what is wrong is wrong twice.
        if !faults.is_empty() {
            eprintln!("{}, played again, for it differed:\n{}", scenario.id, faults.join("\n"));
            faults = cluster.play(scenario);
        }
        if !faults.is_empty() {
            failed.push(format!("== {}\n{}", scenario.id, faults.join("\n")));
        }
    }
    assert!(failed.is_empty(), "{} of {} failed\n{}", failed.len(), scenarios.len(), failed.join("\n"));
}
