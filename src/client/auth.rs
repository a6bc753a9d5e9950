//! Credentials from a program (`users[].user.exec`, `client.authentication.k8s.io`).

use std::fmt;
use std::io::{self, IsTerminal};
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::config::ClientConfig;
use super::config::kubeconfig::Exec;
use crate::object::clock::Clock;
use crate::object::{Meta, Object, Timestamp, time};

const GROUP: &str = "client.authentication.k8s.io";

/// What a program handed out: a token, or a certificate with its key (PEM), or both.
#[derive(Clone, Default)]
pub struct Credential {
    /// Bearer token; empty for none.
    pub token: String,
    /// Certificate; empty for none.
    pub certificate: String,
    /// The certificate's key.
    pub key: String,
    /// When it stops counting; never, where none is said.
    pub expires: Option<Timestamp>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// A program that hands out credentials, and what it handed out last.
pub struct Plugin {
    exec: Exec,
    cluster: Object,
    last: Mutex<Option<Arc<Credential>>>,
}

impl Plugin {
    /// Fails on an API version that is not known.
    pub fn new(exec: Exec, config: &ClientConfig) -> anyhow::Result<Self> {
        let version = exec.api_version.strip_prefix(GROUP);
        if !matches!(version, Some("/v1" | "/v1beta1")) {
            anyhow::bail!("exec plugin: invalid apiVersion {:?}", exec.api_version);
        }
        let mut cluster = json!({"server": config.server});
        if !config.tls_server_name.is_empty() {
            cluster["tls-server-name"] = json!(config.tls_server_name);
        }
        if config.insecure {
            cluster["insecure-skip-tls-verify"] = json!(true);
        }
        if !config.certificate_authority.is_empty() {
            let authority = base64::engine::general_purpose::STANDARD.encode(&config.certificate_authority);
            cluster["certificate-authority-data"] = json!(authority);
        }
        if !config.proxy_url.is_empty() {
            cluster["proxy-url"] = json!(config.proxy_url);
        }
        Ok(Self { exec, cluster, last: Mutex::new(None) })
    }

    /// The credential in use. Runs the program where there is none yet, where it has expired, or where
    /// `fresh` asks for another.
    pub async fn credential(&self, fresh: bool) -> anyhow::Result<Arc<Credential>> {
        let mut last = self.last.lock().await;
        let now = Clock::System.now();
        if !fresh
            && let Some(credential) = last.as_ref()
            && credential.expires.is_none_or(|expires| now < expires)
        {
            return Ok(Arc::clone(credential));
        }
        let credential = self.run().await.map_err(|error| anyhow::anyhow!("getting credentials: {error}"))?;
        let credential = Arc::new(credential);
        *last = Some(Arc::clone(&credential));
        Ok(credential)
    }

    async fn run(&self) -> anyhow::Result<Credential> {
        let exec = &self.exec;
        let terminal = io::stdin().is_terminal();
        let interactive = match exec.interactive_mode.as_str() {
            "Never" => false,
            "Always" if !terminal => {
                anyhow::bail!("exec plugin cannot support interactive mode: standard input is not a terminal")
            }
            _ => terminal,
        };
        let mut spec = json!({"interactive": interactive});
        if exec.provide_cluster_info {
            spec["cluster"] = self.cluster.clone();
        }
        let info = json!({"kind": "ExecCredential", "apiVersion": exec.api_version, "spec": spec});
        let output = Command::new(&exec.command)
            .args(&exec.args)
            .envs(exec.env.iter().map(|variable| (&variable.name, &variable.value)))
            .env("KUBERNETES_EXEC_INFO", info.to_string())
            .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
            .stderr(Stdio::inherit())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| self.not_started(&error))?
            .wait_with_output()
            .await
            .map_err(|error| anyhow::anyhow!("exec: {error}"))?;
        if !output.status.success() {
            let code = output.status.code().unwrap_or(-1);
            anyhow::bail!("exec: executable {} failed with exit code {code}", exec.command);
        }
        self.read(&output.stdout)
    }

    fn not_started(&self, error: &io::Error) -> anyhow::Error {
        if error.kind() != io::ErrorKind::NotFound {
            return anyhow::anyhow!("exec: {error}");
        }
        let mut text = format!("exec: executable {} not found", self.exec.command);
        if !self.exec.install_hint.is_empty() {
            text.push_str("\n\n");
            text.extend(self.exec.install_hint.chars().filter(|c| !c.is_control() || c.is_whitespace()));
        }
        anyhow::Error::msg(text)
    }

    fn read(&self, output: &[u8]) -> anyhow::Result<Credential> {
        let answer: Object =
            serde_json::from_slice(output).map_err(|error| anyhow::anyhow!("decoding stdout: {error}"))?;
        if answer.api_version() != self.exec.api_version {
            anyhow::bail!(
                "exec plugin is configured to use API version {}, plugin returned version {}",
                self.exec.api_version,
                answer.api_version()
            );
        }
        let Some(status) = answer.get("status").filter(|status| status.is_object()) else {
            anyhow::bail!("exec plugin didn't return a status field");
        };
        let credential = Credential {
            token: status.str_at(&["token"]).to_owned(),
            certificate: status.str_at(&["clientCertificateData"]).to_owned(),
            key: status.str_at(&["clientKeyData"]).to_owned(),
            expires: status.at(&["expirationTimestamp"]).and_then(Object::as_str).and_then(time::parse_rfc3339),
        };
        match (credential.token.is_empty(), credential.certificate.is_empty(), credential.key.is_empty()) {
            (true, true, true) => anyhow::bail!("exec plugin didn't return a token or cert/key pair"),
            (_, false, true) | (_, true, false) => {
                anyhow::bail!("exec plugin returned only certificate or key, not both")
            }
            _ => Ok(credential),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::config::kubeconfig::ExecVariable;

    fn plugin(script: &str) -> Plugin {
        let exec = Exec {
            api_version: format!("{GROUP}/v1"),
            command: "sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![ExecVariable { name: "WORD".into(), value: "sesame".into() }],
            interactive_mode: "Never".into(),
            ..Exec::default()
        };
        Plugin::new(exec, &ClientConfig::default()).expect("a plugin")
    }

    #[tokio::test]
    async fn takes_what_the_program_says() {
        let answer = r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$WORD'"}}'"#;
        assert_eq!(plugin(answer).credential(false).await.expect("a token").token, "sesame");
        for (script, want) in [
            ("exit 3", "getting credentials: exec: executable sh failed with exit code 3"),
            (
                r#"echo '{"apiVersion":"client.authentication.k8s.io/v1"}'"#,
                "getting credentials: exec plugin didn't return a status field",
            ),
            (
                r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","status":{}}'"#,
                "getting credentials: exec plugin didn't return a token or cert/key pair",
            ),
        ] {
            assert_eq!(plugin(script).credential(false).await.expect_err("refused").to_string(), want);
        }
    }

    #[tokio::test]
    async fn tells_how_to_get_the_program() {
        let exec = Exec {
            api_version: format!("{GROUP}/v1"),
            command: "/nonexistent/login".into(),
            install_hint: "ask \u{1b}the harbour master".into(),
            ..Exec::default()
        };
        let error = Plugin::new(exec, &ClientConfig::default()).expect("a plugin").credential(false).await;
        let want = "getting credentials: exec: executable /nonexistent/login not found\n\nask the harbour master";
        assert_eq!(error.expect_err("no program").to_string(), want);
    }
}
