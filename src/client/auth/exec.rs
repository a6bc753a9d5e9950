//! Credentials from a program (`users[].user.exec`, `client.authentication.k8s.io`).

use std::io::{self, IsTerminal};
use std::process::Stdio;
use std::sync::Arc;

use base64::Engine;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::Credential;
use crate::client::config::kubeconfig::Exec;
use crate::client::config::{ClientConfig, StandardInput};
use crate::object::clock::Clock;
use crate::object::{Meta, Object, json_kind, time, yaml};

const GROUP: &str = "client.authentication.k8s.io";
/// What is said of a program that is not there, before its own hint.
const MISSING: &str = "

It looks like you are trying to use a client-go credential plugin that is not installed.

To learn more about this feature, consult the documentation available at:
      https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins";

/// A program that hands out credentials, and what it handed out last.
pub struct Plugin {
    exec: Exec,
    /// The cluster, as JSON.
    cluster: String,
    input: StandardInput,
    last: Mutex<Option<Arc<Credential>>>,
}

impl Plugin {
    /// Fails on an API version that is not known.
    pub fn new(exec: Exec, config: &ClientConfig) -> anyhow::Result<Self> {
        let version = exec.api_version.strip_prefix(GROUP);
        if !matches!(version, Some("/v1" | "/v1beta1")) {
            anyhow::bail!("exec plugin: invalid apiVersion {:?}", exec.api_version);
        }
        let cluster = described(config);
        Ok(Self { exec, cluster, input: config.input.clone(), last: Mutex::new(None) })
    }

    /// The program, as configured.
    pub fn program(&self) -> &str {
        &self.exec.command
    }

    /// Whether it may talk to whoever is at the terminal.
    pub fn is_interactive(&self) -> bool {
        self.exec.interactive_mode != "Never" && !self.input.is_taken() && io::stdin().is_terminal()
    }

    /// The credential in use. Runs the program where there is none yet, or where it has expired.
    ///
    /// # Errors
    /// client-go's words.
    pub async fn credential(&self) -> anyhow::Result<Arc<Credential>> {
        let mut last = self.last.lock().await;
        if let Some(credential) = last.as_ref().filter(|credential| counts(credential)) {
            return Ok(Arc::clone(credential));
        }
        let credential = self.run().await.map_err(|error| anyhow::anyhow!("getting credentials: {error}"))?;
        let credential = Arc::new(credential);
        *last = Some(Arc::clone(&credential));
        Ok(credential)
    }

    /// Runs the program for another credential than the one shown, unless there is another already. Where
    /// it fails, the old one stays.
    pub async fn refresh(&self, shown: &Arc<Credential>) {
        let mut last = self.last.lock().await;
        if last.as_ref().is_some_and(|credential| !Arc::ptr_eq(credential, shown) && counts(credential)) {
            return;
        }
        if let Ok(credential) = self.run().await {
            *last = Some(Arc::new(credential));
        }
    }

    async fn run(&self) -> anyhow::Result<Credential> {
        let exec = &self.exec;
        let (terminal, taken) = (io::stdin().is_terminal(), self.input.is_taken());
        let refused =
            |why: &str| anyhow::anyhow!("exec plugin cannot support interactive mode: standard input is {why}");
        let interactive = match exec.interactive_mode.as_str() {
            "Never" => false,
            "Always" if !terminal => return Err(refused("not a terminal")),
            "Always" if taken => return Err(refused("unavailable: used by stdin resource manifest reader")),
            _ => terminal && !taken,
        };
        let cluster = if exec.provide_cluster_info { format!("\"cluster\":{},", self.cluster) } else { String::new() };
        // As Go writes it, the end of the line too.
        let info = format!(
            "{{\"kind\":\"ExecCredential\",\"apiVersion\":{},\"spec\":{{{cluster}\"interactive\":{interactive}}}}}\n",
            Object::from(exec.api_version.as_str())
        );
        let output = Command::new(&exec.command)
            .args(&exec.args)
            .envs(exec.env.iter().map(|variable| (&variable.name, &variable.value)))
            .env("KUBERNETES_EXEC_INFO", info)
            .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
            .stderr(Stdio::inherit())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
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
        if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) {
            return anyhow::anyhow!("exec: {error}");
        }
        let is_path = self.exec.command.contains('/');
        if is_path {
            let why = crate::client::config::io_words(error);
            return anyhow::anyhow!("exec: fork/exec {}: {why}", self.exec.command);
        }
        let mut text = format!("exec: executable {} not found{MISSING}", self.exec.command);
        if !self.exec.install_hint.is_empty() {
            text.push_str("\n\n");
            for c in self.exec.install_hint.chars() {
                if c.is_control() && !('\t'..='\r').contains(&c) {
                    text.push_str(&format!("U+{:04X}", u32::from(c)));
                } else {
                    text.push(c);
                }
            }
        }
        anyhow::Error::msg(text)
    }

    fn read(&self, output: &[u8]) -> anyhow::Result<Credential> {
        /// What Go reads first, as its errors name it.
        const TYPE: &str = "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }";
        let wrong = |why: String| anyhow::anyhow!("decoding stdout: {why}");
        let answer = match yaml::json_mistake(output) {
            None => serde_json::from_slice(output).map_err(|error| wrong(error.to_string()))?,
            // What looks like JSON is not tried as YAML.
            Some(mistake) if output.trim_ascii_start().starts_with(b"{") => {
                return Err(wrong(format!("couldn't get version/kind; json parse error: {mistake}")));
            }
            Some(_) => yaml::parse(output).map_err(|error| wrong(error.bare().to_owned()))?,
        };
        let found = match &answer {
            Object::Object(_) | Object::Null => None,
            other => Some(json_kind(other)),
        };
        if let Some(found) = found {
            let fault = format!("json: cannot unmarshal {found} into Go value of type {TYPE}");
            return Err(wrong(format!("couldn't get version/kind; json parse error: {fault}")));
        }
        let (version, kind) = (answer.api_version(), answer.kind());
        let known = version.starts_with(GROUP) && kind == "ExecCredential";
        if !(known || version.is_empty() || kind.is_empty()) {
            return Err(wrong(format!(
                "no kind {kind:?} is registered for version {version:?} in scheme \"k8s.io/client-go/plugin/pkg/client/auth/exec/exec.go:64\""
            )));
        }
        // Go fills in what is missing by what it has in memory.
        let internal = format!("{GROUP}/__internal");
        let version = if version.is_empty() { internal.as_str() } else { version };
        if version != self.exec.api_version {
            anyhow::bail!(
                "exec plugin is configured to use API version {}, plugin returned version {version}",
                self.exec.api_version,
            );
        }
        let Some(status) = answer.get("status").filter(|status| status.is_object()) else {
            anyhow::bail!("exec plugin didn't return a status field");
        };
        for field in ["token", "clientCertificateData", "clientKeyData", "expirationTimestamp"] {
            if let Some(value) = status.get(field).filter(|value| !value.is_string() && !value.is_null()) {
                let found = json_kind(value);
                return Err(wrong(format!(
                    "json: cannot unmarshal {found} into Go struct field ExecCredentialStatus.status.{field} of type string"
                )));
            }
        }
        let expires = status.str_at(&["expirationTimestamp"]);
        let expires = match time::parse_rfc3339(expires) {
            None if !expires.is_empty() => return Err(wrong(time::rfc3339_error(expires))),
            expires => expires,
        };
        let credential = Credential {
            token: status.str_at(&["token"]).to_owned(),
            certificate: status.str_at(&["clientCertificateData"]).to_owned(),
            key: status.str_at(&["clientKeyData"]).to_owned(),
            expires,
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

/// What a program is told of a cluster, in the order and the letters of Go's.
fn described(config: &ClientConfig) -> String {
    let text = |text: &str| Object::from(text);
    let authority = base64::engine::general_purpose::STANDARD.encode(&config.certificate_authority);
    let fields = [
        ("server", Some(text(&config.server))),
        ("tls-server-name", Some(text(&config.tls_server_name)).filter(|_| !config.tls_server_name.is_empty())),
        ("insecure-skip-tls-verify", config.insecure.then_some(Object::Bool(true))),
        ("certificate-authority-data", Some(text(&authority)).filter(|_| !authority.is_empty())),
        ("proxy-url", Some(text(&config.proxy_url)).filter(|_| !config.proxy_url.is_empty())),
        ("disable-compression", config.disable_compression.then_some(Object::Bool(true))),
        ("config", Some(config.exec_config.clone().unwrap_or_default())),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)));
    let json = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
    // Characters of HTML stand for themselves in strings alone.
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Whether a credential has not expired.
fn counts(credential: &Credential) -> bool {
    let now = Clock::System.now();
    credential.expires.is_none_or(|expires| now < expires)
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
        assert_eq!(plugin(answer).credential().await.expect("a token").token, "sesame");
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
            assert_eq!(plugin(script).credential().await.expect_err("refused").to_string(), want);
        }
    }

    #[tokio::test]
    async fn tells_how_to_get_the_program() {
        let exec = Exec {
            api_version: format!("{GROUP}/v1"),
            command: "nonexistent-login".into(),
            install_hint: "ask \u{1b}the harbour master".into(),
            ..Exec::default()
        };
        let error = Plugin::new(exec, &ClientConfig::default()).expect("a plugin").credential().await;
        let want = format!(
            "getting credentials: exec: executable nonexistent-login not found{MISSING}\n\nask U+001Bthe harbour master"
        );
        assert_eq!(error.expect_err("no program").to_string(), want);
    }
}
