//! The transport against servers on loopback.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::client::install_provider;
use super::*;

/// The whole sentence of an error.
fn sentence(error: BoxError) -> String {
    error.downcast::<ConnectionError>().map_or_else(|other| other.to_string(), |fault| fault.sentence())
}

fn config(server: &str) -> ClientConfig {
    ClientConfig { server: server.into(), ..ClientConfig::default() }
}

fn request(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).expect("a request")
}

/// Answers one request on a stream with `ok` and returns its head.
async fn answer(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin) -> String {
    let mut head = vec![0; 4096];
    let size = stream.read(&mut head).await.unwrap_or(0);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await;
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(head.get(..size).unwrap_or_default()).into_owned()
}

#[tokio::test]
async fn names_the_server_that_refuses() {
    let transport = HttpTransport::new(config("http://127.0.0.1:1"), None).expect("a transport");
    let error = transport.send(request("/api/v1/pods")).await.expect_err("nothing listens there");
    assert_eq!(
        sentence(error),
        "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?"
    );
}

#[tokio::test]
async fn words_other_failures() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Reads, and says nothing: a plain text to TLS, silence to HTTP.
            tokio::spawn(async move {
                let mut first = [0; 1];
                let _ = stream.read(&mut first).await;
                if first == [0x16] {
                    let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nno TLS").await;
                } else {
                    tokio::time::sleep(Duration::from_secs(20)).await;
                }
            });
        }
    });
    let mut slow = config(&format!("http://127.0.0.1:{port}"));
    slow.timeout = Some(Duration::from_millis(50));
    for (config, want) in [
        (
            slow,
            "Unable to connect to the server: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
        ),
        (
            ClientConfig { insecure: true, ..config(&format!("https://127.0.0.1:{port}")) },
            "Unable to connect to the server: http: server gave HTTP response to HTTPS client",
        ),
        (
            config("http://nosuch.invalid:80"),
            "Unable to connect to the server: dial tcp: lookup nosuch.invalid: no such host",
        ),
    ] {
        let transport = HttpTransport::new(config, None).expect("a transport");
        let said = sentence(transport.send(request("/")).await.expect_err("no answer"));
        // Who was asked for the address is said, too.
        let asked = said.find(" on ").zip(said.rfind(": no such host"));
        let said = asked.map_or(said.clone(), |(from, to)| said.replace(said.get(from..to).unwrap_or_default(), ""));
        assert_eq!(said, want);
    }
}

#[tokio::test]
async fn asks_a_program_for_credentials() {
    use crate::client::config::kubeconfig::Exec;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        answer(stream).await
    });
    let exec = |script: &str| Exec {
        api_version: "client.authentication.k8s.io/v1".into(),
        command: "sh".into(),
        args: vec!["-c".into(), script.into()],
        interactive_mode: "Never".into(),
        ..Exec::default()
    };
    let mut config = config(&format!("http://127.0.0.1:{port}"));
    config.exec = Some(exec("exit 1"));
    let error = HttpTransport::new(config.clone(), None).expect("a transport").send(request("/")).await;
    assert_eq!(
        sentence(error.expect_err("no credentials")),
        "Unable to connect to the server: getting credentials: exec: executable sh failed with exit code 1"
    );
    config.exec =
        Some(exec(r#"echo '{"apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "sesame"}}'"#));
    HttpTransport::new(config, None).expect("a transport").send(request("/")).await.expect("an answer");
    assert!(server.await.expect("served").contains("authorization: Bearer sesame"));
}

#[tokio::test]
async fn says_who_it_is_and_keeps_the_path() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        answer(stream).await
    });
    let mut config = config(&format!("http://127.0.0.1:{port}/prefix"));
    config.token = "abc".into();
    config.impersonate.user = "vera".into();
    config.impersonate.extra.insert("a/b".into(), vec!["c".into()]);
    let transport = HttpTransport::new(config, None).expect("a transport");
    let response = transport.send(request("/api/v1/pods?limit=1")).await.expect("an answer");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(&body[..], b"ok");
    let head = server.await.expect("served");
    for line in [
        "GET /prefix/api/v1/pods?limit=1 HTTP/1.1",
        "authorization: Bearer abc",
        "impersonate-user: vera",
        "impersonate-extra-a%2fb: c",
    ] {
        assert!(head.lines().any(|have| have == line), "{line} in {head}");
    }
}

/// An authority, and what it vouches for.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    fn pem(&self) -> Vec<u8> {
        self.0.pem().into_bytes()
    }

    /// A certificate and its key, as PEM.
    fn issue(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.0).expect("a certificate"), key)
    }
}

/// A server that speaks TLS and answers every request with `ok`.
async fn serve_tls(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    clients: Option<&Authority>,
) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
    install_provider();
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let builder = rustls::ServerConfig::builder();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.0.der().clone()).expect("a root");
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier");
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = builder.with_single_cert(vec![certificate], key).expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (heads, seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                let _ = heads.send(format!("sni: {name}\n{}", answer(stream).await));
            }
        }
    });
    (port, seen)
}

#[tokio::test]
async fn trusts_whom_it_is_told_to() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue(&["127.0.0.1", "api.example.org"]);
    let (port, mut seen) = serve_tls(certificate.der().clone(), &key, None).await;
    let server = format!("https://127.0.0.1:{port}");
    let trusted = ClientConfig { certificate_authority: authority.pem(), ..config(&server) };
    let stranger = ClientConfig { certificate_authority: Authority::new().pem(), ..config(&server) };
    let localhost = ClientConfig { server: format!("https://localhost:{port}"), ..trusted.clone() };
    for (config, want) in [
        (trusted.clone(), Ok(())),
        (ClientConfig { insecure: true, ..config(&server) }, Ok(())),
        (ClientConfig { tls_server_name: "api.example.org".into(), ..localhost.clone() }, Ok(())),
        (
            stranger,
            Err(
                "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority (possibly because of \"x509: ECDSA verification failure\" while trying to verify candidate authority certificate \"rcgen self signed cert\")",
            ),
        ),
        (
            localhost,
            Err(
                "Unable to connect to the server: tls: failed to verify certificate: x509: certificate is valid for api.example.org, not localhost",
            ),
        ),
    ] {
        let name = config.tls_server_name.clone();
        let result = HttpTransport::new(config, None).expect("a transport").send(request("/x")).await;
        let result = result.map(drop).map_err(sentence);
        assert_eq!(result, want.map_err(str::to_owned));
        if result.is_ok() {
            let head = seen.recv().await.expect("a request");
            assert!(head.starts_with(&format!("sni: {name}\nGET /x ")), "{head}");
            if !name.is_empty() {
                assert!(head.contains(&format!("host: localhost:{port}")), "{head}");
            }
        }
    }
}

#[tokio::test]
async fn shows_its_certificate() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue(&["127.0.0.1"]);
    let (port, _seen) = serve_tls(certificate.der().clone(), &key, Some(&authority)).await;
    let (own, own_key) = authority.issue(&["client"]);
    let nobody =
        ClientConfig { certificate_authority: authority.pem(), ..config(&format!("https://127.0.0.1:{port}")) };
    let somebody = ClientConfig {
        client_certificate: own.pem().into_bytes(),
        client_key: own_key.serialize_pem().into_bytes(),
        ..nobody.clone()
    };
    assert!(HttpTransport::new(nobody, None).expect("a transport").send(request("/")).await.is_err());
    let response = HttpTransport::new(somebody, None).expect("a transport").send(request("/")).await;
    assert_eq!(response.expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn an_authority_may_be_the_server_itself() {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let (port, _seen) = serve_tls(certificate.der().clone(), &key, None).await;
    let config = ClientConfig {
        certificate_authority: certificate.pem().into_bytes(),
        ..config(&format!("https://127.0.0.1:{port}"))
    };
    let response = HttpTransport::new(config, None).expect("a transport").send(request("/")).await;
    assert_eq!(response.map(|response| response.status()).map_err(sentence), Ok(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn reads_a_token_again_from_time_to_time() {
    let file = std::env::temp_dir().join(format!("kctl-token-{}", std::process::id()));
    let put = |text: &str| std::fs::write(&file, text).expect("written");
    put("one\n");
    let own = ClientConfig { token: "first".into(), token_file: Some(file.clone()), ..config("https://127.0.0.1:1") };
    let transport = HttpTransport::new(own, None).expect("a transport");
    let shown = || transport.bearer().expect("a token").map(|header| header.to_str().unwrap_or("none").to_owned());
    let after = async |seconds| {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        shown().unwrap_or_default()
    };
    assert_eq!(shown().as_deref(), Some("Bearer one"));
    put("two");
    assert_eq!(after(49).await, "Bearer one");
    assert_eq!(after(2).await, "Bearer two");
    // A file that is gone takes nothing away, and counts when it is back.
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(after(60).await, "Bearer two");
    put("three");
    assert_eq!(after(20).await, "Bearer two");
    assert_eq!(after(31).await, "Bearer three");
    // So does a refusal.
    put("four");
    transport.note(StatusCode::UNAUTHORIZED, None).await;
    assert_eq!(after(0).await, "Bearer four");
    std::fs::remove_file(&file).expect("removed");
}
