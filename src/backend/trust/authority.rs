//! The cluster's certificate authority.

use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use jiff::SignedDuration;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

use super::files::read_or_make;
use super::request::Request;
use super::subject::Subject;
use crate::object::Timestamp;

const NAME: &str = "kctl-offline-ca";
/// The years for which the authority is good: it is made once, and the clock may be one of a test.
const YEARS: (i32, i32) = (2000, 2126);

/// An authority: its certificate and its key.
pub struct Authority {
    certificate: String,
    key: String,
}

/// What a certificate is for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The name in it.
    pub subject: Subject,
    /// Further names.
    pub names: Vec<SanType>,
    /// What it may be used for, as Kubernetes calls it: `client auth`.
    pub usages: Vec<String>,
    /// From when it is good.
    pub from: Timestamp,
    /// How long.
    pub duration: SignedDuration,
}

impl Authority {
    /// The authority of a state folder, or a new one.
    pub(super) fn open(folder: Option<&Path>) -> anyhow::Result<Self> {
        let Some(folder) = folder else {
            let key = KeyPair::generate()?;
            return Ok(Self { certificate: certificate(&key)?, key: key.serialize_pem() });
        };
        let key = read_or_make(&folder.join("ca.key"), || Ok(KeyPair::generate()?.serialize_pem()))?;
        let certificate = read_or_make(&folder.join("ca.crt"), || certificate(&KeyPair::from_pem(&key)?))?;
        Ok(Self { certificate, key })
    }

    /// Its certificate in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs a certificate for whoever has the request's key.
    ///
    /// # Errors
    /// A name that no certificate can hold.
    pub fn sign(&self, request: &Request, order: &Order) -> anyhow::Result<String> {
        let issuer = Issuer::new(own_params()?, KeyPair::from_pem(&self.key)?);
        Ok(order.params()?.signed_by(request, &issuer)?.pem())
    }

    /// A certificate with a new key.
    ///
    /// # Errors
    /// A name that no certificate can hold, a system without randomness.
    pub fn issue(&self, order: &Order) -> anyhow::Result<(rcgen::Certificate, KeyPair)> {
        let issuer = Issuer::new(own_params()?, KeyPair::from_pem(&self.key)?);
        let key = KeyPair::generate()?;
        Ok((order.params()?.signed_by(&key, &issuer)?, key))
    }
}

impl Order {
    fn params(&self) -> anyhow::Result<CertificateParams> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = DistinguishedName::new();
        // A name has one value of each kind; a second organization goes under the same number as a kind of its own.
        let kinds = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
        if self.subject.organizations.len() > kinds.len() {
            return Err(anyhow!("more than {} organizations", kinds.len()));
        }
        for (kind, organization) in kinds.into_iter().zip(&self.subject.organizations) {
            params.distinguished_name.push(kind, organization.as_str());
        }
        params.distinguished_name.push(DnType::CommonName, self.subject.common_name.as_str());
        params.subject_alt_names.clone_from(&self.names);
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + seconds(self.from)?;
        params.not_after = epoch + seconds(self.from.saturating_add(self.duration)?)?;
        params.use_authority_key_identifier_extension = true;
        params.is_ca = IsCa::ExplicitNoCa;
        for usage in &self.usages {
            match usage.as_str() {
                "digital signature" | "signing" => params.key_usages.push(KeyUsagePurpose::DigitalSignature),
                "content commitment" => params.key_usages.push(KeyUsagePurpose::ContentCommitment),
                "key encipherment" => params.key_usages.push(KeyUsagePurpose::KeyEncipherment),
                "data encipherment" => params.key_usages.push(KeyUsagePurpose::DataEncipherment),
                "key agreement" => params.key_usages.push(KeyUsagePurpose::KeyAgreement),
                "cert sign" => params.key_usages.push(KeyUsagePurpose::KeyCertSign),
                "crl sign" => params.key_usages.push(KeyUsagePurpose::CrlSign),
                "any" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any),
                "server auth" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth),
                "client auth" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth),
                "code signing" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::CodeSigning),
                "email protection" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::EmailProtection),
                "timestamping" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::TimeStamping),
                "ocsp signing" => params.extended_key_usages.push(ExtendedKeyUsagePurpose::OcspSigning),
                other => return Err(anyhow!("unrecognized usage: {other}")),
            }
        }
        Ok(params)
    }
}

fn own_params() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.not_before = date_time_ymd(YEARS.0, 1, 1);
    params.not_after = date_time_ymd(YEARS.1, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn certificate(key: &KeyPair) -> anyhow::Result<String> {
    Ok(own_params()?.self_signed(key)?.pem())
}

/// Since 1970.
fn seconds(time: Timestamp) -> anyhow::Result<Duration> {
    Ok(Duration::from_secs(u64::try_from(time.as_second())?))
}
