//! Certificates of one run, the server's and a client's, by the cluster's authority.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;
use rcgen::SanType;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::backend::api::User;
use crate::backend::trust::{Order, Subject, Trust};
use crate::object::Timestamp;

/// Names under which clients may reach the server.
pub(super) const NAMES: &[&str] = &[
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// How long certificates of one run are good, from the day before on.
const VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 366);

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
    /// Makes new keys for a server at that address. Clients may have certificates of the cluster's
    /// authority, and of `others` (PEM; empty for none).
    ///
    /// # Errors
    /// The system has no randomness, certificates that are none, or the library refuses.
    pub fn generate(trust: &Trust, address: IpAddr, others: &str, now: Timestamp) -> anyhow::Result<Self> {
        let authority = trust.authority()?;
        let order = |subject: Subject, names: Vec<SanType>, usage: &str| Order {
            subject,
            names,
            usages: vec!["digital signature".to_owned(), usage.to_owned()],
            from: now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(now),
            duration: VALIDITY,
        };
        let mut addresses = vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1)),
            IpAddr::V4(Ipv4Addr::new(127, 96, 0, 1)),
        ];
        if !address.is_unspecified() && !addresses.contains(&address) {
            addresses.push(address);
        }
        let mut names: Vec<SanType> = addresses.into_iter().map(SanType::IpAddress).collect();
        for name in NAMES {
            names.push(SanType::DnsName((*name).try_into()?));
        }
        let own = Subject { common_name: "kube-apiserver".to_owned(), organizations: Vec::new() };
        let (server, server_key) = authority.issue(&order(own, names, "server auth"))?;
        let admin = User::admin();
        let groups = admin.groups.iter().filter(|group| *group != "system:authenticated").cloned().collect();
        let subject = Subject { common_name: admin.name, organizations: groups };
        let (client, client_key) = authority.issue(&order(subject, Vec::new(), "client auth"))?;

        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.certificate().as_bytes()) {
            roots.add(certificate?)?;
        }
        for certificate in CertificateDer::pem_slice_iter(others.as_bytes()) {
            roots
                .add(certificate.context("a client certificate authority")?)
                .context("a client certificate authority")?;
        }
        let config =
            server_config(roots, server.der().clone(), PrivatePkcs8KeyDer::from(server_key.serialize_der()).into())?;
        let mut random = [0_u8; 32];
        let provider = rustls::crypto::ring::default_provider();
        provider.secure_random.fill(&mut random).map_err(|_| anyhow!("the system has no randomness"))?;
        Ok(Self {
            ca_pem: authority.certificate().to_owned(),
            client_pem: client.pem(),
            client_key_pem: client_key.serialize_pem(),
            token: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            config: Arc::new(config),
        })
    }
}

fn server_config(
    roots: RootCertStore,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
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
