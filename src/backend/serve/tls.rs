//! Certificates of one run: an authority, the server's and a client's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use anyhow::anyhow;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::object::Timestamp;

/// Names under which clients may reach the server.
pub(super) const NAMES: &[&str] = &[
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// The keys of one run.
pub struct Identity {
    /// The authority's certificate.
    pub ca_pem: String,
    /// The certificate of the cluster's administrator.
    pub client_pem: String,
    /// Its key.
    pub client_key_pem: String,
    /// The administrator's bearer token: 256 random bits in hexadecimal.
    pub token: String,
    pub(super) config: Arc<ServerConfig>,
}

impl Identity {
    /// Makes new keys for a server at that address.
    ///
    /// # Errors
    /// The system has no randomness, or the library refuses.
    pub fn generate(address: IpAddr, now: Timestamp) -> anyhow::Result<Self> {
        let year = i32::from(now.to_zoned(jiff::tz::TimeZone::UTC).year());
        let params = |name: &str| -> anyhow::Result<CertificateParams> {
            let mut params = CertificateParams::new(Vec::new())?;
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = date_time_ymd(year - 1, 1, 1);
            params.not_after = date_time_ymd(year + 2, 1, 1);
            Ok(params)
        };

        let mut ca = params("kctl-offline-ca")?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let ca_key = KeyPair::generate()?;
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let mut server = params("kube-apiserver")?;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let mut addresses = vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1)),
            IpAddr::V4(Ipv4Addr::new(127, 96, 0, 1)),
        ];
        if !address.is_unspecified() && !addresses.contains(&address) {
            addresses.push(address);
        }
        server.subject_alt_names = addresses.into_iter().map(SanType::IpAddress).collect();
        for name in NAMES {
            server.subject_alt_names.push(SanType::DnsName((*name).try_into()?));
        }
        let server_key = KeyPair::generate()?;
        let server_certificate = server.signed_by(&server_key, &issuer)?;

        let mut client = params("kubernetes-admin")?;
        client.distinguished_name.push(DnType::OrganizationName, "system:masters");
        client.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client_key = KeyPair::generate()?;
        let client_certificate = client.signed_by(&client_key, &issuer)?;

        let config = server_config(
            ca_certificate.der().clone(),
            server_certificate.der().clone(),
            PrivatePkcs8KeyDer::from(server_key.serialize_der()).into(),
        )?;
        let mut random = [0_u8; 32];
        let provider = rustls::crypto::ring::default_provider();
        provider.secure_random.fill(&mut random).map_err(|_| anyhow!("the system has no randomness"))?;
        Ok(Self {
            ca_pem: ca_certificate.pem(),
            client_pem: client_certificate.pem(),
            client_key_pem: client_key.serialize_pem(),
            token: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            config: Arc::new(config),
        })
    }
}

fn server_config(
    ca: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(ca)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
