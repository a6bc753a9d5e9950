//! `version`: which kubectl this program is compatible with, and which version the server has.

use std::io::Write;

use anyhow::bail;
use http::{Method, StatusCode};
use serde_json::json;

use crate::client::error::generic_status;
use crate::client::request::Call;
use crate::object::{Object, Status};
use crate::ops::context::{COMPATIBLE, Context, Program};

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

/// The parts of a version, in kubectl's order.
const PARTS: [&str; 13] = [
    "major",
    "minor",
    "emulationMajor",
    "emulationMinor",
    "minCompatibilityMajor",
    "minCompatibilityMinor",
    "gitVersion",
    "gitCommit",
    "gitTreeState",
    "buildDate",
    "goVersion",
    "compiler",
    "platform",
];

type Parts = Vec<(&'static str, String)>;

/// Runs `version`.
///
/// # Errors
/// Wrong arguments; a server that does not answer, after this program's own version is printed.
pub async fn run(context: &Context, args: VersionArgs) -> anyhow::Result<()> {
    let output = args.output.as_deref().unwrap_or_default();
    if !args.client && !args.args.is_empty() {
        bail!("extra arguments: [{}]", args.args.join(" "));
    }
    if !matches!(output, "" | "yaml" | "json") {
        bail!("--output must be 'yaml' or 'json'");
    }
    let own = own_version(context.program);
    let (server, failure) = if args.client {
        (None, None)
    } else {
        match context.client().await?.json(Call::new(Method::GET, "/version")).await {
            Ok(version) => (Some(parts_of(&version)), None),
            Err(error) => (None, Some(undecoded(error))),
        }
    };
    let extra = (context.program == Program::Kctl).then(|| format!("v{}", env!("CARGO_PKG_VERSION")));
    let text = match output {
        "" => as_text(server.as_ref(), extra.as_deref()),
        "json" => as_json(&own, server.as_ref(), extra.as_deref()),
        _ => as_yaml(&own, server.as_ref(), extra.as_deref()),
    };
    context.streams.out().write_all(text.as_bytes())?;
    if let Some(warning) = server.as_ref().and_then(|server| skew(&own, server)) {
        if context.overrides.warnings_as_errors {
            bail!(warning);
        }
        context.streams.say(format!("Warning: {warning}"));
    }
    failure.map_or(Ok(()), Err)
}

fn own_version(program: Program) -> Parts {
    let kubectl = program == Program::Kubectl;
    let mut parts = vec![
        ("major", "1".to_owned()),
        ("minor", "36".to_owned()),
        ("gitVersion", COMPATIBLE.to_owned()),
        ("gitCommit", COMMIT.to_owned()),
        ("gitTreeState", "clean".to_owned()),
        ("buildDate", "1970-01-01T00:00:00Z".to_owned()),
    ];
    if kubectl {
        parts.push(("goVersion", "go1.26.6".to_owned()));
    }
    parts.push(("compiler", if kubectl { "gc" } else { "rustc" }.to_owned()));
    parts.push(("platform", platform()));
    parts
}

fn parts_of(version: &Object) -> Parts {
    let part = |name: &'static str| Some((name, version.get(name)?.as_str()?.to_owned()));
    PARTS.into_iter().filter_map(part).collect()
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

fn get<'a>(parts: &'a Parts, name: &str) -> &'a str {
    parts.iter().find(|(part, _)| *part == name).map_or("", |(_, value)| value.as_str())
}

fn as_text(server: Option<&Parts>, extra: Option<&str>) -> String {
    let mut text = format!("Client Version: {COMPATIBLE}\nKustomize Version: {KUSTOMIZE}\n");
    if let Some(server) = server {
        text += &format!("Server Version: {}\n", get(server, "gitVersion"));
    }
    if let Some(extra) = extra {
        text += &format!("kctl Version: {extra}\n");
    }
    text
}

/// A refusal as kubectl says it here, where it does not read what the server says of it.
fn undecoded(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Status>() {
        Ok(status) => match StatusCode::from_u16(status.code) {
            Ok(code) => generic_status(&Method::GET, None, code, None, None).into(),
            Err(_) => status.into(),
        },
        Err(other) => other,
    }
}

fn as_json(own: &Parts, server: Option<&Parts>, extra: Option<&str>) -> String {
    let object = |parts: &Parts| {
        let lines: Vec<String> =
            parts.iter().map(|(name, value)| format!("    {}: {}", json!(name), json!(value))).collect();
        format!("{{\n{}\n  }}", lines.join(",\n"))
    };
    let mut fields =
        vec![format!("\"clientVersion\": {}", object(own)), format!("\"kustomizeVersion\": \"{KUSTOMIZE}\"")];
    fields.extend(server.map(|server| format!("\"serverVersion\": {}", object(server))));
    fields.extend(extra.map(|extra| format!("\"kctlVersion\": \"{extra}\"")));
    format!("{{\n  {}\n}}\n", fields.join(",\n  "))
}

/// Keys in alphabetical order, and an empty line at the end, as kubectl prints it.
fn as_yaml(own: &Parts, server: Option<&Parts>, extra: Option<&str>) -> String {
    let object = |parts: &Parts| {
        let mut parts = parts.clone();
        parts.sort();
        let line = |(name, value): &(&str, String)| {
            let quoted = value.is_empty() || *name == "buildDate" || name.ends_with("ajor") || name.ends_with("inor");
            let value = if quoted { json!(value).to_string() } else { value.clone() };
            format!("  {name}: {value}\n")
        };
        parts.iter().map(line).collect::<String>()
    };
    let mut text = format!("clientVersion:\n{}", object(own));
    text.extend(extra.map(|extra| format!("kctlVersion: {extra}\n")));
    text += &format!("kustomizeVersion: {KUSTOMIZE}\n");
    text.extend(server.map(|server| format!("serverVersion:\n{}", object(server))));
    text + "\n"
}

/// What to say where client and server are more than one minor version apart.
fn skew(own: &Parts, server: &Parts) -> Option<String> {
    let number = |parts: &Parts, name: &str| get(parts, name).trim_end_matches('+').parse::<i64>().ok();
    let (own_major, own_minor) = (number(own, "major")?, number(own, "minor")?);
    let (major, minor) = (number(server, "major")?, number(server, "minor")?);
    (major != own_major || (minor - own_minor).abs() > 1).then(|| {
        format!(
            "version difference between client ({own_major}.{own_minor}) and server ({major}.{minor}) exceeds the supported minor version skew of +/-1"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_kubectls_lines_when_called_by_that_name() {
        let server = vec![("gitVersion", "v1.35.0".to_owned()), ("major", "1".to_owned()), ("minor", "35".to_owned())];
        assert_eq!(
            as_text(Some(&server), None),
            "Client Version: v1.36.2\nKustomize Version: v5.8.1\nServer Version: v1.35.0\n"
        );
        let own = own_version(Program::Kubectl);
        let read: serde_json::Value = serde_json::from_str(&as_json(&own, Some(&server), Some("v0"))).expect("JSON");
        assert_eq!(read["serverVersion"]["minor"], "35");
        assert_eq!(read["clientVersion"]["goVersion"], "go1.26.6");
        let yaml: serde_json::Value = serde_yaml::from_str(&as_yaml(&own, Some(&server), Some("v0"))).expect("YAML");
        assert_eq!(yaml, read);
    }

    #[test]
    fn warns_of_versions_too_far_apart() {
        let own = own_version(Program::Kctl);
        let server = |minor: &str| vec![("major", "1".to_owned()), ("minor", minor.to_owned())];
        for minor in ["35", "36", "37", "37+", "x"] {
            assert_eq!(skew(&own, &server(minor)), None, "{minor}");
        }
        assert!(skew(&own, &server("34")).is_some_and(|text| text.contains("server (1.34)")));
    }
}
