//! `version`: which kubectl this program is compatible with, and which version the server has.

use std::io::Write;

use anyhow::bail;
use serde_json::{Value, json};

use crate::ops::context::{Context, Program};

/// The release of kubectl whose behaviour this program has.
pub const COMPATIBLE: &str = "v1.36.2";
/// The commit of that release.
const COMMIT: &str = "98b35193b2ac7a23a673325f5e9b830ecd5ba406";
/// The release of kustomize whose behaviour `-k` has.
const KUSTOMIZE: &str = "v5.8.1";

/// Print the version of this program and of the server that the current context names.
///
/// The client's version is that of the kubectl release whose behaviour it has; kctl's own version stands beside it.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "# Print both versions\nkctl version\n\n# Print this program's version without asking a server\nkctl version --client"
)]
pub struct VersionArgs {
    /// Print this program's version only; no server is asked.
    #[arg(long)]
    client: bool,
    /// Print as 'yaml' or 'json'.
    #[arg(long, short)]
    output: Option<String>,
    #[arg(hide = true)]
    args: Vec<String>,
}

/// Runs `version`.
pub async fn run(context: &Context, args: VersionArgs) -> anyhow::Result<()> {
    let output = args.output.as_deref().unwrap_or_default();
    if !args.client && !args.args.is_empty() {
        bail!("extra arguments: [{}]", args.args.join(" "));
    }
    if !matches!(output, "" | "yaml" | "json") {
        bail!("--output must be 'yaml' or 'json'");
    }
    let mut out = context.streams.out();
    match output {
        "" => {
            writeln!(out, "Client Version: {COMPATIBLE}\nKustomize Version: {KUSTOMIZE}")?;
            if context.program == Program::Kctl {
                writeln!(out, "kctl Version: v{}", env!("CARGO_PKG_VERSION"))?;
            }
        }
        "json" => writeln!(out, "{}", as_json(context.program))?,
        _ => writeln!(out, "{}", as_yaml(context.program))?,
    }
    Ok(())
}

/// The client's version: names in kubectl's order, with their values.
fn client_info(program: Program) -> Vec<(&'static str, String)> {
    let own = program == Program::Kctl;
    let mut info = vec![
        ("major", "1".to_owned()),
        ("minor", "36".to_owned()),
        ("gitVersion", COMPATIBLE.to_owned()),
        ("gitCommit", COMMIT.to_owned()),
        ("gitTreeState", "clean".to_owned()),
        ("buildDate", "1970-01-01T00:00:00Z".to_owned()),
        ("goVersion", "go1.26.6".to_owned()),
        ("compiler", if own { "rustc" } else { "gc" }.to_owned()),
        ("platform", platform()),
    ];
    if own {
        info.retain(|(name, _)| *name != "goVersion");
    }
    info
}

/// The platform as Go names it: `linux/amd64`.
fn platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    let os = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
    format!("{os}/{arch}")
}

fn as_json(program: Program) -> String {
    let fields: Vec<String> =
        client_info(program).iter().map(|(name, value)| format!("    {}: {}", json!(name), json!(value))).collect();
    let mut text =
        format!("{{\n  \"clientVersion\": {{\n{}\n  }},\n  \"kustomizeVersion\": \"{KUSTOMIZE}\"", fields.join(",\n"));
    if program == Program::Kctl {
        text += &format!(",\n  \"kctlVersion\": \"v{}\"", env!("CARGO_PKG_VERSION"));
    }
    text + "\n}"
}

fn as_yaml(program: Program) -> String {
    let mut fields = client_info(program);
    fields.sort();
    let mut text = "clientVersion:\n".to_owned();
    for (name, value) in fields {
        let quoted = value.parse::<f64>().is_ok() || name == "buildDate";
        let shown = if quoted { Value::from(value).to_string() } else { value };
        text += &format!("  {name}: {shown}\n");
    }
    if program == Program::Kctl {
        text += &format!("kctlVersion: v{}\n", env!("CARGO_PKG_VERSION"));
    }
    text + &format!("kustomizeVersion: {KUSTOMIZE}\n")
}
