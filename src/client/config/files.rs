//! Certificates, keys and tokens: in a kubeconfig, or in files that it names.

use std::path::Path;

use base64::Engine;

use super::go_error;

/// A file of text.
pub(super) fn read_text(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| anyhow::anyhow!(go_error("open", "read", file, &error)))
}

/// Inline data, else the file's content.
pub(super) fn pem(data: &str, file: &str) -> anyhow::Result<Vec<u8>> {
    if !data.is_empty() {
        return decode(data).map_err(anyhow::Error::msg);
    }
    if file.is_empty() {
        return Ok(Vec::new());
    }
    std::fs::read(file).map_err(|error| anyhow::anyhow!(go_error("open", "read", Path::new(file), &error)))
}

/// Base64 as Go decodes it: line breaks do not count.
pub(super) fn decode(data: &str) -> Result<Vec<u8>, String> {
    let text: Vec<u8> = data.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    base64::engine::general_purpose::STANDARD.decode(&text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            _ => text.len(),
        };
        format!("illegal base64 data at input byte {at}")
    })
}
