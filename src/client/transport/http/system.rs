//! Whom the system trusts.

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

/// The authorities of the system; none where only the platform itself can tell.
pub(super) fn authorities(place: &SystemAuthorities) -> Option<Vec<CertificateDer<'static>>> {
    if !cfg!(unix) || cfg!(target_vendor = "apple") {
        return None;
    }
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
    Some(found)
}
