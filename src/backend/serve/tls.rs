//! Certificates of one run, the server's and a client's, by the cluster's authority.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, anyhow};
use jiff::SignedDuration;
use rcgen::SanType;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};

use crate::backend::api::User;
use crate::backend::trust::{Order, Subject, Trust};
use crate::object::Timestamp;
use crate::object::clock::Clock;

/// Names under which clients may reach the server.
pub(super) const NAMES: &[&str] = &[
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

/// How long the server's certificate is good, from the day before on.
const VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 366);
/// When the administrator's begins to be good: the cluster's clock may be anywhere. In seconds since 1970.
const EARLIEST: i64 = 946_684_800;
/// How long it is: a hundred years.
const FOR_EVER: SignedDuration = SignedDuration::from_hours(24 * 36_500);

/// By which clock the certificates of clients are judged: the cluster's, once it is known, or else the system's.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge(Arc<OnceLock<Clock>>);

impl Judge {
    /// The clock is known.
    pub fn set(&self, clock: &Clock) {
        // The first that was told is the cluster's.
        let _ = self.0.set(clock.clone());
    }
}

impl TimeProvider for Judge {
    fn current_time(&self) -> Option<UnixTime> {
        let now = self.0.get().map_or_else(|| Clock::System.now(), Clock::now);
        let seconds = u64::try_from(now.as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

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
    pub(super) judge: Judge,
}

impl Identity {
    /// Makes new keys for a server at that address. Clients may have certificates of the cluster's
    /// authority, and of `others` (PEM; empty for none).
    ///
    /// # Errors
    /// The system has no randomness, certificates that are none, or the library refuses.
    pub fn generate(trust: &Trust, address: IpAddr, others: &str, now: Timestamp) -> anyhow::Result<Self> {
        let authority = trust.authority()?;
        let order = |subject: Subject, names: Vec<SanType>, usage: &str, from, duration| Order {
            subject,
            names,
            usages: vec!["digital signature".to_owned(), usage.to_owned()],
            from,
            duration,
        };
        let yesterday = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(now);
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
        let (server, server_key) = authority.issue(&order(own, names, "server auth", yesterday, VALIDITY))?;
        let admin = User::admin();
        let groups = admin.groups.iter().filter(|group| *group != "system:authenticated").cloned().collect();
        let subject = Subject { common_name: admin.name, organizations: groups };
        let earliest = Timestamp::from_second(EARLIEST)?;
        let order = order(subject, Vec::new(), "client auth", earliest, FOR_EVER);
        let (client, client_key) = authority.issue(&order)?;

        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.certificate().as_bytes()) {
            roots.add(certificate?)?;
        }
        for certificate in CertificateDer::pem_slice_iter(others.as_bytes()) {
            roots
                .add(certificate.context("a client certificate authority")?)
                .context("a client certificate authority")?;
        }
        let judge = Judge::default();
        let key = PrivatePkcs8KeyDer::from(server_key.serialize_der()).into();
        let config = server_config(roots, server.der().clone(), key, judge.clone())?;
        let mut random = [0_u8; 32];
        let provider = rustls::crypto::ring::default_provider();
        provider.secure_random.fill(&mut random).map_err(|_| anyhow!("the system has no randomness"))?;
        Ok(Self {
            ca_pem: authority.certificate().to_owned(),
            client_pem: client.pem(),
            client_key_pem: client_key.serialize_pem(),
            token: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            config: Arc::new(config),
            judge,
        })
    }
}

fn server_config(
    roots: RootCertStore,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    judge: Judge,
) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(judge))
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
