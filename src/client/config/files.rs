//! Certificates, keys and tokens: in a kubeconfig, or in files that it names.

use std::path::Path;

use crate::go::base64;

use super::go_error;

/// A file of text.
pub(super) fn read_text(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| anyhow::anyhow!(go_error("open", "read", file, &error)))
}

/// Inline data, else the file's content.
pub(super) fn pem(data: &str, file: &str) -> anyhow::Result<Vec<u8>> {
    if !data.is_empty() {
        return Ok(base64::decode(data)?);
    }
    if file.is_empty() {
        return Ok(Vec::new());
    }
    std::fs::read(file).map_err(|error| anyhow::anyhow!(go_error("open", "read", Path::new(file), &error)))
}
