//! The server that is killed, and a client of it.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::common::home::Home;

/// How long it may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of the server.
pub struct Server {
    child: Mutex<Child>,
    url: String,
    token: String,
    client: reqwest::Client,
    answered: AtomicUsize,
}

impl Server {
    /// Serves the cluster of the home.
    pub async fn start(home: &Home) -> Self {
        let kubeconfig = home.0.join("kubeconfig");
        let _ = std::fs::remove_file(&kubeconfig);
        let mut command = home.command(&["offline", "serve", "--write-kubeconfig"]);
        command.arg(&kubeconfig).stdout(Stdio::null()).stderr(Stdio::null());
        let (child, begun) = (command.spawn().expect("kctl runs"), Instant::now());
        let child = Mutex::new(child);
        loop {
            assert!(begun.elapsed() < PATIENCE, "the server does not come up");
            tokio::time::sleep(Duration::from_millis(10)).await;
            let Ok(text) = std::fs::read_to_string(&kubeconfig) else { continue };
            let value = |name: &str| {
                let line = text.lines().find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(name));
                line.expect("a whole kubeconfig").trim().trim_matches('"').to_owned()
            };
            let (url, token) = (value("server:"), value("token:"));
            let client = client(&value("certificate-authority-data:"));
            while client.get(format!("{url}/readyz")).send().await.is_err() {
                assert!(begun.elapsed() < PATIENCE, "the server does not answer");
            }
            return Self { child, url, token, client, answered: AtomicUsize::new(0) };
        }
    }

    /// Kills it as a power cut would, as far as a process can tell.
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("no panic");
        let _ = child.kill();
        let _ = child.wait();
    }

    /// A request; nothing where the server is gone before it has answered to the end.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        self.send(method, path, body.map(|body| ("application/json", body))).await
    }

    /// A patch.
    pub async fn patch(&self, path: &str, media_type: &str, patch: &Value) -> Option<(u16, Value)> {
        self.send("PATCH", path, Some((media_type, patch))).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<(&str, &Value)>) -> Option<(u16, Value)> {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if let Some((media_type, body)) = body {
            request = request.header("content-type", media_type).body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let code = answer.status().as_u16();
        let text = answer.bytes().await.ok()?;
        self.answered.fetch_add(1, Ordering::Relaxed);
        Some((code, serde_json::from_slice(&text).expect("an answer in JSON")))
    }

    /// How many requests were answered, watches not counted.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Begins a watch; nothing where the server is gone.
    pub async fn watch(&self, path: &str) -> Option<reqwest::Response> {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
        let answer = request.send().await.ok()?;
        assert_eq!(answer.status(), 200, "{path}");
        Some(answer)
    }

    /// All objects of a resource of the core group, and the list's resource version.
    pub async fn list(&self, resource: &str) -> (Vec<Value>, u64) {
        let (code, mut list) = self.ask("GET", &format!("/api/v1/{resource}"), None).await.expect("an answer");
        assert_eq!(code, 200, "{list}");
        let revision = revision_of(&list);
        (list["items"].as_array_mut().map(std::mem::take).expect("items"), revision)
    }

    /// Creates something of a resource, and returns its resource version.
    pub async fn mark(&self, resource: &str, name: &str) -> u64 {
        let object = json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
        let object = if resource == "services" { object } else { json!({"metadata": {"name": name}}) };
        let path = format!("/api/v1/namespaces/default/{resource}");
        let (code, made) = self.ask("POST", &path, Some(&object)).await.expect("an answer");
        assert_eq!(code, 201, "{made}");
        revision_of(&made)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The number in an object's resource version.
pub fn revision_of(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).expect("a resource version")
}

fn client(authority: &str) -> reqwest::Client {
    let pem = base64::engine::general_purpose::STANDARD.decode(authority).expect("base64");
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.expect("a certificate")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let config = builder.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let config = config.with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().expect("a client")
}
