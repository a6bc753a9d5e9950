//! TLS with the authorities of a kubeconfig, as Go's `crypto/tls` judges them.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

/// The client's certificate and key, as PEM; empty for none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity<'a> {
    pub(super) certificate: &'a [u8],
    pub(super) key: &'a [u8],
}

/// A configuration that trusts these authorities (PEM) and nobody else.
pub(super) fn client_config(authorities: &[u8], identity: Identity<'_>, http2: bool) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(authorities).filter_map(Result::ok).collect();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(authorities.iter().cloned());
    if added == 0 {
        anyhow::bail!("unable to load root certificates: unable to parse bytes as PEM block");
    }
    let verifier = Verifier {
        inner: WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?,
        authorities,
    };
    let builder = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = if identity.certificate.is_empty() {
        builder.with_no_client_auth()
    } else {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(identity.certificate).filter_map(Result::ok).collect();
        if chain.is_empty() {
            anyhow::bail!("tls: failed to find any PEM data in certificate input");
        }
        let key = PrivateKeyDer::from_pem_slice(identity.key)
            .map_err(|_| anyhow::anyhow!("tls: failed to find any PEM data in key input"))?;
        builder.with_client_auth_cert(chain, key)?
    };
    config.alpn_protocols = if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    Ok(config)
}

/// As webpki verifies, and one thing more: a server may show the very certificate that is trusted,
/// even if that calls itself an authority. Many self-made servers do; Go accepts them.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    authorities: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let own_authority =
            matches!(&verdict, Err(Error::InvalidCertificate(CertificateError::Other(why))) if is_authority(why));
        if own_authority && self.authorities.iter().any(|trusted| trusted == end_entity) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// webpki says this of an authority that is used as a server's certificate; its own type is out of
/// reach here.
fn is_authority(why: &OtherError) -> bool {
    format!("{why:?}").contains("CaUsedAsEndEntity")
}

/// What Go says of a certificate that does not hold, or of an answer that is no TLS.
pub(super) fn words(error: &Error) -> Option<String> {
    use CertificateError as Fault;
    let fault = match error {
        Error::InvalidCertificate(fault) => fault,
        Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            return Some("http: server gave HTTP response to HTTPS client".to_owned());
        }
        _ => return None,
    };
    let why = match fault {
        Fault::UnknownIssuer | Fault::BadSignature => "certificate signed by unknown authority".to_owned(),
        Fault::Expired | Fault::ExpiredContext { .. } | Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
            "certificate has expired or is not yet valid".to_owned()
        }
        Fault::NotValidForNameContext { expected, presented } => {
            let inner = |name: &str| {
                let name = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
                name.trim_matches('"').to_owned()
            };
            let names: Vec<String> = presented.iter().map(|name| inner(name)).collect();
            format!("certificate is valid for {}, not {}", names.join(", "), expected.to_str())
        }
        Fault::Other(why) if is_authority(why) => "certificate signed by unknown authority".to_owned(),
        other => format!("{other:?}"),
    };
    Some(format!("tls: failed to verify certificate: x509: {why}"))
}
