//! Whom the system trusts.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use super::pem;
use crate::client::config::SystemAuthorities;

/// Bundles of authorities, where systems keep them; the first that is there counts.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Whether the system keeps its authorities in files. Elsewhere only the platform can tell.
pub(super) const fn is_known() -> bool {
    cfg!(unix) && !cfg!(target_vendor = "apple")
}

/// The judge of the platform.
///
/// # Errors
/// There is none.
#[cfg(any(windows, target_vendor = "apple"))]
pub(super) fn platform(provider: &Arc<CryptoProvider>) -> anyhow::Result<Arc<dyn ServerCertVerifier>> {
    Ok(Arc::new(rustls_platform_verifier::Verifier::new(Arc::clone(provider))?))
}

/// The judge of the platform.
///
/// # Errors
/// There is none.
#[cfg(not(any(windows, target_vendor = "apple")))]
pub(super) fn platform(_provider: &Arc<CryptoProvider>) -> anyhow::Result<Arc<dyn ServerCertVerifier>> {
    anyhow::bail!("this system does not tell whom it trusts: the kubeconfig needs a certificate authority")
}

/// The authorities of the system, from its files.
pub(super) fn authorities(place: &SystemAuthorities) -> Vec<CertificateDer<'static>> {
    let mut found = Vec::new();
    let bundle = match &place.file {
        Some(file) => std::fs::read(file).ok(),
        None => BUNDLES.iter().find_map(|file| std::fs::read(file).ok()),
    };
    found.extend(bundle.iter().flat_map(|text| pem::certificates(text)));
    for folder in &place.folders {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            found.extend(std::fs::read(entry.path()).iter().flat_map(|text| pem::certificates(text)));
        }
    }
    found
}
