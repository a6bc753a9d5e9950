//! What it costs to print long lists; see `benches/README.md`.

#![allow(clippy::disallowed_methods, reason = "the environment names the programs to measure")]

#[path = "../common/again.rs"]
mod again;
mod fixture;
#[cfg(unix)]
#[path = "../common/measure.rs"]
mod measure;
mod report;
mod server;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use again::Server;
use measure::Cost;
use report::Line;

/// What is printed: a name for it, and the arguments behind `get pods`.
const FORMATS: &[(&str, &[&str])] = &[
    ("table", &[]),
    ("wide", &["-o", "wide"]),
    ("name", &["-o", "name"]),
    ("json", &["-o", "json"]),
    ("yaml", &["-o", "yaml"]),
    ("jsonpath", &["-o", "jsonpath={.items[*].metadata.name}"]),
    ("jsonpath-range", &["-o", "jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.status.phase}{\"\\n\"}{end}"]),
    ("go-template", &["-o", "go-template={{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}"]),
    ("custom-columns", &["-o", "custom-columns=NAME:.metadata.name,NODE:.spec.nodeName"]),
    ("sort-by", &["--sort-by", "{.spec.nodeName}"]),
    ("sort-by-json", &["--sort-by", "{.spec.nodeName}", "-o", "json"]),
];

/// What is asked of the bench.
struct Settings {
    kctl: PathBuf,
    kubectl: Option<PathBuf>,
    pods: Vec<usize>,
    formats: Vec<String>,
    runs: usize,
    json: Option<PathBuf>,
    svg: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").peekable();
    if arguments.next_if(|first| first == again::ARGUMENT).is_some() {
        let pods = arguments.next().unwrap_or_default().parse()?;
        return Ok(server::serve(pods)?);
    }
    let settings = Settings::read(arguments)?;
    let home = std::env::temp_dir().join(format!("kctl-lists-{}", std::process::id()));
    std::fs::create_dir_all(&home)?;
    let result = settings.run(&home);
    std::fs::remove_dir_all(&home)?;
    result
}

impl Settings {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn std::error::Error>> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let mut settings = Self {
            kctl: variable("KCTL_BENCH_KCTL").unwrap_or_else(|| env!("CARGO_BIN_EXE_kctl").into()),
            kubectl: variable("KCTL_BENCH_KUBECTL"),
            pods: vec![1, 1_000, 10_000, 100_000],
            formats: Vec::new(),
            runs: 3,
            json: None,
            svg: None,
        };
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--kctl" => settings.kctl = value.into(),
                "--kubectl" => settings.kubectl = Some(value.into()),
                "--pods" => settings.pods = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--formats" => settings.formats = value.split(',').map(str::to_owned).collect(),
                "--runs" => settings.runs = value.parse()?,
                "--json" => settings.json = Some(value.into()),
                "--svg" => settings.svg = Some(value.into()),
                _ => return Err(format!("unknown flag {flag}").into()),
            }
        }
        Ok(settings)
    }

    fn run(&self, home: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let mut programs = vec![("kctl", &self.kctl)];
        programs.extend(self.kubectl.as_ref().map(|path| ("kubectl", path)));
        let mut out = io::stdout();
        writeln!(out, "{}", report::headers())?;
        let mut lines = Vec::new();
        for pods in &self.pods {
            let server = Server::start(*pods as u64)?;
            let kubeconfig = home.join("config");
            std::fs::write(&kubeconfig, config(&server.address))?;
            for (format, arguments) in FORMATS {
                if !self.formats.is_empty() && !self.formats.iter().any(|wanted| wanted == format) {
                    continue;
                }
                let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); programs.len()];
                for _ in 0..self.runs {
                    // The programs take turns, so that what else the machine does meets both.
                    for ((_, program), costs) in programs.iter().zip(&mut costs) {
                        server.sent()?;
                        let mut command = Command::new(program);
                        command.args(["get", "pods"]).args(*arguments);
                        command.env_clear().env("HOME", home).env("KUBECONFIG", &kubeconfig);
                        let mut cost = measure::run(&mut command)?;
                        cost.wire = server.sent()?;
                        costs.push(cost);
                    }
                }
                for ((program, _), costs) in programs.iter().zip(costs) {
                    let line = Line { program, format, pods: *pods, cost: report::median(costs) };
                    writeln!(out, "{}", report::row(&line))?;
                    out.flush()?;
                    lines.push(line);
                }
            }
        }
        if let Some(path) = &self.json {
            std::fs::write(path, format!("{:#}\n", report::to_json(&lines)))?;
        }
        if let Some(path) = &self.svg {
            std::fs::write(path, report::to_svg(&lines))?;
        }
        Ok(())
    }
}

/// A kubeconfig for a server.
fn config(address: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: bench\nclusters:\n- name: bench\n  cluster: {{server: 'http://{address}'}}\ncontexts:\n- name: bench\n  context: {{cluster: bench, namespace: default, user: bench}}\nusers:\n- name: bench\n  user: {{}}\n"
    )
}
