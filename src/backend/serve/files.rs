//! The files by which clients find a server. They hold secrets: nobody else may read them.

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tls::Identity;

/// A server that runs, as `serve.json` describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Address and port.
    pub address: String,
    /// Its URL.
    pub server: String,
    /// A kubeconfig that leads to it.
    pub kubeconfig: PathBuf,
    /// The administrator's bearer token.
    pub token: String,
    /// The certificate of its authority, PEM.
    pub certificate_authority: String,
}

/// Makes the state folder, which is its owner's alone.
///
/// # Errors
/// It cannot be made.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).with_context(|| format!("making the folder {}", folder.display()))
}

/// Writes a file that only its owner can read, and its folder where there is none.
pub(super) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    crate::backend::trust::write_private(path, text)
}

/// A kubeconfig for the cluster's administrator, which says which folder is served. JSON is YAML, too; this one looks like it.
pub(super) fn kubeconfig(running: &Running, identity: &Identity, folder: &Path) -> String {
    let encode = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "kctl-offline", "cluster": {
            "server": running.server,
            "certificate-authority-data": encode(&identity.ca_pem),
            "extensions": [{"name": "kctl-offline", "extension": {"folder": folder}}],
        }}],
        "contexts": [{"name": "kctl-offline", "context": {"cluster": "kctl-offline", "user": "kctl-offline"}}],
        "current-context": "kctl-offline",
        "users": [{"name": "kctl-offline", "user": {
            "client-certificate-data": encode(&identity.client_pem),
            "client-key-data": encode(&identity.client_key_pem),
            "token": identity.token,
        }}],
    });
    serde_yaml::to_string(&config).unwrap_or_else(|_| config.to_string())
}
