//! TLS with the authorities of a kubeconfig, as Go's `crypto/tls` judges them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, SignatureScheme,
};

use super::certificate::Certificate;
use super::dial::NO_TLS;
use super::verify::Question;
use super::{pem, signatures, system};
use crate::client::config::SystemAuthorities;

/// The client's certificate and key, as PEM; empty for none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity<'a> {
    pub(super) certificate: &'a [u8],
    pub(super) key: &'a [u8],
}

/// Whom to trust.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trust<'a> {
    /// Anybody.
    All,
    /// Those of the system, or of the place that stands for it.
    System(&'a SystemAuthorities),
    /// These authorities (PEM) and nobody else.
    These(&'a [u8]),
}

/// A configuration that trusts so, and shows who the client is.
///
/// # Errors
/// Authorities, a certificate or a key that cannot be read; Go's words.
pub(super) fn client_config(trust: Trust<'_>, identity: Identity<'_>) -> anyhow::Result<ClientConfig> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.signature_verification_algorithms = signatures::algorithms();
    let provider = Arc::new(provider);
    let own = |authorities| -> Arc<dyn ServerCertVerifier> {
        Arc::new(Verifier { authorities, algorithms: provider.signature_verification_algorithms })
    };
    let verifier = match trust {
        Trust::All => Arc::new(Anybody(provider.signature_verification_algorithms)),
        Trust::These(text) => {
            let authorities = pem::certificates(text);
            if authorities.is_empty() {
                anyhow::bail!("unable to load root certificates: unable to parse bytes as PEM block");
            }
            own(Authorities::These(authorities))
        }
        Trust::System(place) if system::is_known() => own(Authorities::System(place.clone(), OnceLock::new())),
        Trust::System(_) => system::platform(&provider)?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    if identity.certificate.is_empty() {
        return Ok(builder.with_no_client_auth());
    }
    Ok(builder.with_client_cert_resolver(Arc::new(Own(Arc::new(certified(&provider, identity)?)))))
}

/// The client's certificate with its key, which must fit. What the certificate says is the server's
/// concern.
fn certified(provider: &CryptoProvider, identity: Identity<'_>) -> anyhow::Result<CertifiedKey> {
    let chain = pem::chain(identity.certificate)?;
    let own = chain.first().map(|own| Certificate::parse(own)).transpose().map_err(anyhow::Error::msg)?;
    let keys = pem::keys(identity.key)?;
    let key = keys.into_iter().find_map(|key| provider.key_provider.load_private_key(key).ok());
    let Some(key) = key else { anyhow::bail!("tls: failed to parse private key") };
    if let (Some(own), Some(public)) = (&own, key.public_key())
        && public.as_ref() != own.key.encoded
    {
        // The identifier of the algorithm, behind two heads of at most four bytes each.
        let kind =
            |encoded: &[u8]| encoded.windows(own.key.algorithm.len()).take(9).any(|part| part == own.key.algorithm);
        if kind(public.as_ref()) {
            anyhow::bail!("tls: private key does not match public key");
        }
        anyhow::bail!("tls: private key type does not match public key type");
    }
    Ok(CertifiedKey::new(chain, key))
}

/// Shows the client's certificate to every server that asks for one.
#[derive(Debug)]
struct Own(Arc<CertifiedKey>);

impl ResolvesClientCert for Own {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Why a certificate does not hold: the whole sentence.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn refuse(words: String) -> Error {
    CertificateError::Other(OtherError(Arc::new(Refusal(words)))).into()
}

/// Whom to believe.
#[derive(Debug)]
enum Authorities {
    /// These.
    These(Vec<CertificateDer<'static>>),
    /// Those of the system, read with the first question.
    System(SystemAuthorities, OnceLock<Vec<CertificateDer<'static>>>),
}

impl Authorities {
    fn all(&self) -> &[CertificateDer<'static>] {
        match self {
            Self::These(all) => all,
            Self::System(place, read) => read.get_or_init(|| system::authorities(place)),
        }
    }
}

/// Believes those whom the authorities vouch for.
#[derive(Debug)]
struct Verifier {
    authorities: Authorities,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let malformed = |why| refuse(format!("tls: failed to parse certificate from server: {why}"));
        let leaf = Certificate::parse(end_entity).map_err(malformed)?;
        let between: Vec<_> =
            intermediates.iter().map(|one| Certificate::parse(one).map_err(malformed)).collect::<Result<_, _>>()?;
        let roots: Vec<_> = self.authorities.all().iter().filter_map(|one| Certificate::parse(one).ok()).collect();
        let question = Question {
            roots: &roots,
            intermediates: &between,
            host: &server_name.to_str(),
            now: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            algorithms: self.algorithms,
        };
        question.ask(&leaf).map_err(|why| refuse(format!("tls: failed to verify certificate: {why}")))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        handshake(&self.algorithms, message, cert, dss, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        handshake(&self.algorithms, message, cert, dss, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Checks that the server has the key of its certificate, whatever version that is of.
fn handshake(
    algorithms: &WebPkiSupportedAlgorithms,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    tls13: bool,
) -> Result<HandshakeSignatureValid, Error> {
    use SignatureScheme as Scheme;
    let old = matches!(
        signed.scheme,
        Scheme::RSA_PKCS1_SHA1 | Scheme::RSA_PKCS1_SHA256 | Scheme::RSA_PKCS1_SHA384 | Scheme::RSA_PKCS1_SHA512
    );
    let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    let Some((_, usable)) = known.filter(|_| !(tls13 && old)) else {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    };
    let certificate = Certificate::parse(certificate).map_err(|_| CertificateError::BadEncoding)?;
    // There a scheme names the curve, too: its own stands first.
    let curve = matches!(
        signed.scheme,
        Scheme::ECDSA_NISTP256_SHA256 | Scheme::ECDSA_NISTP384_SHA384 | Scheme::ECDSA_NISTP521_SHA512
    );
    let usable = if tls13 && curve { usable.get(..1).unwrap_or_default() } else { usable };
    let fits = usable.iter().any(|algorithm| {
        algorithm.public_key_alg_id().as_ref() == certificate.key.algorithm
            && algorithm.verify_signature(certificate.key.bits, message, signed.signature()).is_ok()
    });
    if fits { Ok(HandshakeSignatureValid::assertion()) } else { Err(CertificateError::BadSignature.into()) }
}

/// Believes anybody.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    // Whoever anybody may be need not have a key either: keys that are not known here will do.
    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// What Go says of a certificate that does not hold, of an alert, or of an answer that is no TLS.
pub(super) fn words(error: &Error) -> Option<String> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => {
            why.downcast_ref::<Refusal>().map(ToString::to_string)
        }
        Error::InvalidCertificate(fault) => {
            let why = match fault {
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "certificate signed by unknown authority".to_owned()
                }
                CertificateError::Expired | CertificateError::NotValidYet => {
                    "certificate has expired or is not yet valid".to_owned()
                }
                other => format!("{other:?}"),
            };
            Some(format!("tls: failed to verify certificate: x509: {why}"))
        }
        Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Some(NO_TLS.to_owned()),
        Error::AlertReceived(rustls::AlertDescription::CloseNotify) => Some("EOF".to_owned()),
        Error::AlertReceived(alert) => Some(format!("remote error: tls: {}", alert_words(*alert))),
        _ => None,
    }
}

/// An alert in Go's words.
fn alert_words(alert: rustls::AlertDescription) -> String {
    use rustls::AlertDescription as Alert;
    let words = match alert {
        Alert::UnexpectedMessage => "unexpected message",
        Alert::BadRecordMac => "bad record MAC",
        Alert::RecordOverflow => "record overflow",
        Alert::HandshakeFailure => "handshake failure",
        Alert::BadCertificate => "bad certificate",
        Alert::UnsupportedCertificate => "unsupported certificate",
        Alert::CertificateRevoked => "revoked certificate",
        Alert::CertificateExpired => "expired certificate",
        Alert::CertificateUnknown => "unknown certificate",
        Alert::IllegalParameter => "illegal parameter",
        Alert::UnknownCA => "unknown certificate authority",
        Alert::AccessDenied => "access denied",
        Alert::DecodeError => "error decoding message",
        Alert::DecryptError => "error decrypting message",
        Alert::ProtocolVersion => "protocol version not supported",
        Alert::InsufficientSecurity => "insufficient security level",
        Alert::InternalError => "internal error",
        Alert::UserCanceled => "user canceled",
        Alert::UnrecognisedName => "unrecognized name",
        Alert::CertificateRequired => "certificate required",
        Alert::NoApplicationProtocol => "no application protocol",
        Alert::InappropriateFallback => "inappropriate fallback",
        Alert::MissingExtension => "missing extension",
        Alert::UnsupportedExtension => "unsupported extension",
        Alert::BadCertificateStatusResponse => "bad certificate status response",
        Alert::UnknownPSKIdentity => "unknown PSK identity",
        Alert::EncryptedClientHelloRequired => "encrypted client hello required",
        other => return format!("alert({})", u8::from(other)),
    };
    words.to_owned()
}
