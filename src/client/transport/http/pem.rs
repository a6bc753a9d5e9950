//! PEM as Go reads it: what a file holds decides what is said of it.

use base64::Engine;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

/// A block: its label, and its content where that is base64.
struct Block {
    label: String,
    content: Option<Vec<u8>>,
}

/// All blocks of a text; what stands between them counts for nothing.
fn blocks(text: &[u8]) -> Vec<Block> {
    let text = String::from_utf8_lossy(text);
    let mut found = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in text.lines().map(str::trim) {
        let label = |before: &str| line.strip_prefix(before).and_then(|rest| rest.strip_suffix("-----"));
        if let Some(label) = label("-----BEGIN ") {
            open = Some((label, String::new()));
        } else if let Some((name, body)) = open.take() {
            match label("-----END ") {
                Some(end) if end == name => {
                    // Encrypted keys have headers, and are none that can be used.
                    let content = base64::engine::general_purpose::STANDARD.decode(&body).ok();
                    found.push(Block { label: name.to_owned(), content });
                }
                Some(_) => {}
                None => open = Some((name, body + line)),
            }
        }
    }
    found
}

/// All certificates of a text.
pub(super) fn certificates(text: &[u8]) -> Vec<CertificateDer<'static>> {
    let found = blocks(text).into_iter().filter(|block| block.label == "CERTIFICATE");
    found.filter_map(|block| block.content).map(CertificateDer::from).collect()
}

/// The certificates of a client, its own first.
///
/// # Errors
/// There is none; Go's words.
pub(crate) fn chain(text: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain = certificates(text);
    if !chain.is_empty() {
        return Ok(chain);
    }
    let labels: Vec<String> = blocks(text).into_iter().map(|block| block.label).collect();
    match labels.as_slice() {
        [] => anyhow::bail!("tls: failed to find any PEM data in certificate input"),
        [one] if one.ends_with("PRIVATE KEY") => anyhow::bail!(
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"
        ),
        many => anyhow::bail!(
            "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [{}]",
            many.join(" ")
        ),
    }
}

/// The first key of a text, in every form that its content may have.
///
/// # Errors
/// There is none, or it is encrypted; Go's words.
pub(crate) fn keys(text: &[u8]) -> anyhow::Result<[PrivateKeyDer<'static>; 3]> {
    let blocks = blocks(text);
    let is_key = |block: &&Block| block.label == "PRIVATE KEY" || block.label.ends_with(" PRIVATE KEY");
    let Some(block) = blocks.iter().find(is_key) else {
        let labels: Vec<&str> = blocks.iter().map(|block| block.label.as_str()).collect();
        match labels.as_slice() {
            [] => anyhow::bail!("tls: failed to find any PEM data in key input"),
            ["CERTIFICATE"] => {
                anyhow::bail!("tls: found a certificate rather than a key in the PEM for the private key")
            }
            many => anyhow::bail!(
                "tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following types: [{}]",
                many.join(" ")
            ),
        }
    };
    let Some(content) = block.content.clone() else { anyhow::bail!("tls: failed to parse private key") };
    Ok([
        PrivatePkcs1KeyDer::from(content.clone()).into(),
        PrivatePkcs8KeyDer::from(content.clone()).into(),
        PrivateSec1KeyDer::from(content).into(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_finds_instead() {
        const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        const CERTIFICATE: &str = "text\n-----BEGIN CERTIFICATE-----\nAA\nAA\n-----END CERTIFICATE-----\n";
        let both = format!("{KEY}{CERTIFICATE}");
        assert_eq!(certificates(both.as_bytes()).len(), 1);
        assert!(chain(both.as_bytes()).is_ok() && keys(both.as_bytes()).is_ok());
        for (text, want) in [
            ("", "tls: failed to find any PEM data in certificate input"),
            (
                KEY,
                "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
            ),
            (
                "-----BEGIN X-----\nAAAA\n-----END X-----\n",
                "tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: [X]",
            ),
        ] {
            assert_eq!(chain(text.as_bytes()).expect_err("none").to_string(), want);
        }
        let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        for (text, want) in [
            ("", "tls: failed to find any PEM data in key input"),
            (CERTIFICATE, "tls: found a certificate rather than a key in the PEM for the private key"),
            (encrypted, "tls: failed to parse private key"),
        ] {
            assert_eq!(keys(text.as_bytes()).expect_err("none").to_string(), want);
        }
    }
}
