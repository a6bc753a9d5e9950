//! kctl beside a kubectl, command by command; see `benches/README.md`.

#![allow(clippy::disallowed_methods, reason = "the environment names the programs and the cluster")]

mod curl;
mod fill;
#[cfg(unix)]
#[path = "../common/measure.rs"]
mod measure;
mod operations;
mod relay;
mod report;
#[path = "../common/served.rs"]
mod served;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use curl::Login;
use measure::Cost;
use operations::{OPERATIONS, Operation};
use relay::Relay;
use report::Line;
use served::Served;

/// Where the pods are.
const NAMESPACE: &str = "kctl-bench-compare";

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// What is asked of the bench.
struct Settings {
    kctl: PathBuf,
    kubectl: Option<PathBuf>,
    kubeconfig: Option<PathBuf>,
    pods: Vec<usize>,
    only: Vec<String>,
    runs: usize,
    markdown: Option<PathBuf>,
    svg: Option<PathBuf>,
}

fn main() -> Fallible<()> {
    let settings = Settings::read(std::env::args().skip(1).filter(|argument| argument != "--bench"))?;
    let home = std::env::temp_dir().join(format!("kctl-compare-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let result = settings.run(&home);
    std::fs::remove_dir_all(&home)?;
    result
}

impl Settings {
    fn read(mut arguments: impl Iterator<Item = String>) -> Fallible<Self> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let mut settings = Self {
            kctl: variable("KCTL_BENCH_KCTL").unwrap_or_else(|| env!("CARGO_BIN_EXE_kctl").into()),
            kubectl: variable("KCTL_BENCH_KUBECTL"),
            kubeconfig: variable("KUBECONFIG"),
            pods: vec![1, 1_000, 10_000],
            only: Vec::new(),
            runs: 3,
            markdown: None,
            svg: None,
        };
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--kctl" => settings.kctl = value.into(),
                "--kubectl" => settings.kubectl = Some(value.into()),
                "--pods" => settings.pods = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--only" => settings.only = value.split(',').map(str::to_owned).collect(),
                "--runs" => settings.runs = value.parse()?,
                "--markdown" => settings.markdown = Some(value.into()),
                "--svg" => settings.svg = Some(value.into()),
                _ => return Err(format!("unknown flag {flag}").into()),
            }
        }
        Ok(settings)
    }

    fn run(&self, home: &Path) -> Fallible<()> {
        let mut out = io::stdout();
        writeln!(out, "{}", report::headers())?;
        let mut lines = Vec::new();
        for pods in &self.pods {
            let own = home.join("kubeconfig");
            let (kubeconfig, served) = match &self.kubeconfig {
                Some(path) => (path.clone(), None),
                None => (own.clone(), Some(Served::start(&self.kctl, home, &own, 3)?)),
            };
            // Only the bundled cluster is known to run what says something.
            let result = self.compare(home, &kubeconfig, *pods, served.is_some(), &mut out, &mut lines);
            if served.is_none() {
                let arguments = ["delete", "namespace", NAMESPACE, "--ignore-not-found"];
                command(&self.kctl, home, &kubeconfig).args(arguments).stdout(Stdio::null()).status()?;
            }
            drop(served);
            let _ = std::fs::remove_file(own);
            result?;
        }
        if let Some(path) = &self.markdown {
            std::fs::write(path, report::to_markdown(&lines))?;
        }
        if let Some(path) = &self.svg {
            std::fs::write(path, report::to_svg(&lines))?;
        }
        Ok(())
    }

    fn compare(
        &self,
        home: &Path,
        kubeconfig: &Path,
        pods: usize,
        logged: bool,
        out: &mut dyn Write,
        lines: &mut Vec<Line>,
    ) -> Fallible<()> {
        let kctl = |words: &[&str]| {
            let mut command = command(&self.kctl, home, kubeconfig);
            command.args(["--namespace", NAMESPACE]).args(words);
            command
        };
        let status = kctl(&["create", "namespace", NAMESPACE]).stdout(Stdio::null()).status()?;
        if !status.success() {
            return Err(format!("the namespace {NAMESPACE} could not be made: {status}").into());
        }
        fill::fill(&kctl, pods, logged)?;

        let login = Login::read(command(&self.kctl, home, kubeconfig), home)?;
        let (scheme, address) = login.server.split_once("://").unwrap_or(("https", &login.server));
        let relay = Relay::start(address.trim_end_matches('/'))?;
        let relayed = format!("{scheme}://{}", relay.address);

        let mut programs = vec![("kctl", &self.kctl)];
        programs.extend(self.kubectl.as_ref().map(|path| ("kubectl", path)));
        let chosen = |operation: &&Operation| {
            let wanted = self.only.is_empty() || self.only.iter().any(|name| name == operation.name);
            wanted && (logged || operation.name != "logs-50")
        };
        for operation in OPERATIONS.iter().filter(chosen) {
            let line = |program: &Path| {
                let mut command = command(program, home, kubeconfig);
                // Words first: what is completed comes last.
                let (first, rest) = operation.words.split_at(1);
                command.args(first).args(["--namespace", NAMESPACE]).args(rest);
                command
            };
            let mut beside: Vec<Vec<Cost>> = vec![Vec::new(); programs.len() + 1];
            for _ in 0..self.runs {
                // The programs take turns, so that what else the machine does meets all.
                for ((_, program), costs) in programs.iter().zip(&mut beside) {
                    costs.push(measure::run(&mut line(program))?);
                }
                if let (true, Some(costs)) = (operation.curl, beside.last_mut()) {
                    // Tokens of pages end with time; so it is told anew what to ask for.
                    costs.push(measure::run(&mut curl::like(line(&self.kctl), &login, home)?)?);
                }
            }
            let mut wires = Vec::new();
            for (_, program) in &programs {
                let mut counted = line(program);
                counted.args(["--server", &relayed]);
                if scheme == "https" {
                    counted.args(["--tls-server-name", address.rsplit_once(':').map_or(address, |(host, _)| host)]);
                }
                relay.received();
                if operation.words.first() != Some(&"__complete") {
                    counted.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
                }
                wires.push(relay.received());
            }
            let names = programs.iter().map(|(name, _)| *name).chain(["curl"]);
            for ((program, costs), wire) in names.zip(beside).zip(wires.into_iter().chain([0])) {
                if costs.is_empty() {
                    continue;
                }
                let cost = Cost { wire, ..report::median(costs) };
                let line = Line { program, operation, pods, cost };
                writeln!(out, "{}", report::row(&line))?;
                out.flush()?;
                lines.push(line);
            }
        }
        Ok(())
    }
}

/// A program with nothing of the environment but what it needs.
fn command(program: &Path, home: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("KUBECONFIG", kubeconfig).env("PATH", "/usr/bin:/bin");
    command
}
