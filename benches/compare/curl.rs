//! The same bytes, asked for by curl: what is left of kctl's time is its own.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use serde_json::Value;

/// A kubeconfig's way to its server, for curl.
pub struct Login {
    /// The server's URL.
    pub server: String,
    arguments: Vec<String>,
}

impl Login {
    /// Reads it by `kctl config view`, and writes its certificates below `folder`.
    ///
    /// # Errors
    /// There is no server, or a file cannot be written.
    pub fn read(mut view: Command, folder: &Path) -> io::Result<Self> {
        let output =
            view.args(["config", "view", "--raw", "--minify", "-o", "json"]).stderr(Stdio::inherit()).output()?;
        let config: Value = serde_json::from_slice(&output.stdout)?;
        let part = |path: &str| config.pointer(path).and_then(Value::as_str);
        let server = part("/clusters/0/cluster/server").ok_or_else(|| io::Error::other("no server is configured"))?;
        let mut arguments = Vec::new();
        for (flag, path) in [
            ("--cacert", "/clusters/0/cluster/certificate-authority"),
            ("--cert", "/users/0/user/client-certificate"),
            ("--key", "/users/0/user/client-key"),
        ] {
            let data = part(&format!("{path}-data"));
            let file = match (data, part(path)) {
                (Some(data), _) => {
                    let file = folder.join(flag.trim_start_matches('-'));
                    let text = base64::prelude::BASE64_STANDARD.decode(data).map_err(io::Error::other)?;
                    std::fs::write(&file, text)?;
                    file
                }
                (None, Some(file)) => PathBuf::from(file),
                (None, None) => continue,
            };
            arguments.extend([flag.to_owned(), file.display().to_string()]);
        }
        if let Some(token) = part("/users/0/user/token") {
            arguments.extend(["--header".to_owned(), format!("Authorization: Bearer {token}")]);
        }
        Ok(Self { server: server.to_owned(), arguments })
    }
}

/// One curl that asks for all that a command asked for, as the command's own log at the level 9 tells it.
///
/// # Errors
/// The log cannot be read, or tells of no request.
pub fn like(mut command: Command, login: &Login, folder: &Path) -> io::Result<Command> {
    let output = command.arg("-v=9").stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let mut text = String::new();
    for line in log.lines().filter_map(|line| line.trim_start().strip_prefix("curl -v -XGET ")) {
        if !text.is_empty() {
            text.push_str("next\n");
        }
        let mut parts = line.split("-H \"").skip(1).filter_map(|part| part.split_once('"'));
        for (header, _) in parts.by_ref().filter(|(header, _)| !header.starts_with("Authorization")) {
            text.push_str(&format!("header = \"{header}\"\n"));
        }
        let url = line.rsplit('\'').nth(1).unwrap_or_default();
        text.push_str(&format!("url = \"{url}\"\noutput = \"/dev/null\"\nsilent\nfail\n"));
        for pair in login.arguments.chunks(2) {
            if let [flag, value] = pair {
                text.push_str(&format!("{} = \"{value}\"\n", flag.trim_start_matches('-')));
            }
        }
    }
    if text.is_empty() {
        return Err(io::Error::other(format!("the log tells of no request:\n{log}")));
    }
    let file = folder.join("curl");
    std::fs::write(&file, text)?;
    let mut curl = Command::new("curl");
    curl.arg("--config").arg(file);
    Ok(curl)
}
