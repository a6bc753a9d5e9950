//! Who is let in, and what is left behind.

//! The server over TLS: who gets in, and how it is found.

use std::path::PathBuf;

use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::*;
use crate::backend::api::Caller;
use crate::backend::kubelet::access::{Body, respond};
use crate::backend::trust::{Order, Subject};

fn options(name: &str) -> Options {
    let dir = std::env::temp_dir().join(format!("kctl-serve-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let now = crate::object::clock::Clock::System.now();
    Options::new(dir, now)
}

async fn hello(request: Request<Incoming>) -> http::Response<Body> {
    let who = match request.extensions().get::<Caller>() {
        Some(Caller::User(user)) => user.name.clone(),
        Some(Caller::Bearer(token)) => token.clone(),
        _ => "nobody".to_owned(),
    };
    respond(StatusCode::OK, "text/plain", who)
}

fn client(running: &Running, identity: Option<&Identity>) -> reqwest::Client {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in pem(&running.certificate_authority) {
        roots.add(certificate).expect("a root");
    }
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => {
            use rustls::pki_types::pem::PemObject as _;
            let key =
                rustls::pki_types::PrivateKeyDer::from_pem_slice(identity.client_key_pem.as_bytes()).expect("a key");
            builder.with_client_auth_cert(pem(&identity.client_pem), key).expect("a certificate")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().expect("a client")
}

fn pem(text: &str) -> Vec<rustls::pki_types::CertificateDer<'static>> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::pem_slice_iter(text.as_bytes())
        .map(|item| item.expect("a certificate"))
        .collect()
}

#[tokio::test]
async fn serves_those_who_may_ask() {
    let options = options("ask");
    let dir = options.dir.clone();
    let server = Server::bind(options.clone()).await.expect("a server");
    let running = server.running().clone();
    assert_eq!(find(&dir), Some(running.clone()));
    assert!(server.warning().is_none());
    let second = Server::bind(options).await.err().expect("a refusal").to_string();
    assert!(second.starts_with("the cluster is served already, at https://127.0.0.1:"), "{second}");
    for file in [dir.join(FILE), running.kubeconfig.clone()] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
    let kubeconfig = std::fs::read_to_string(&running.kubeconfig).expect("a kubeconfig");
    assert!(kubeconfig.contains("current-context: kctl-offline"), "{kubeconfig}");

    let identity = Identity {
        ca_pem: server.identity.ca_pem.clone(),
        client_pem: server.identity.client_pem.clone(),
        client_key_pem: server.identity.client_key_pem.clone(),
        token: String::new(),
        config: Arc::clone(&server.identity.config),
        judge: server.identity.judge.clone(),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(hello, async { stopped.await.unwrap_or(()) }));
    let url = |path: &str| format!("{}{path}", running.server);

    let plain = client(&running, None);
    assert_eq!(plain.get(url("/healthz")).send().await.expect("an answer").status(), 200);
    assert_eq!(plain.get(url("/api")).send().await.expect("an answer").text().await.expect("a body"), "nobody");
    let other = plain.get(url("/api")).bearer_auth("other").send().await.expect("an answer");
    assert_eq!(other.text().await.expect("a body"), "other");
    let answer = plain.get(url("/api")).bearer_auth(&running.token).send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    assert_eq!(answer.text().await.expect("a body"), "admin");

    let certified = client(&running, Some(&identity));
    assert_eq!(certified.get(url("/api")).send().await.expect("an answer").text().await.expect("a body"), "admin");
    // A certificate of another authority does not even get a connection.
    let other = Identity::generate(
        &Trust::new(None),
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        "",
        crate::object::clock::Clock::System.now(),
    )
    .expect("keys");
    let stranger = client(&running, Some(&other));
    assert!(stranger.get(url("/healthz")).send().await.is_err());

    stop.send(()).expect("running");
    serving.await.expect("served");
    assert_eq!(find(&dir), None);
    assert!(!running.kubeconfig.exists() && !dir.join(FILE).exists());
    std::fs::remove_dir_all(dir).expect("removed");
}

#[tokio::test]
async fn certificates_are_judged_by_the_clock_of_the_cluster() {
    let options = options("clock");
    let dir = options.dir.clone();
    let server = Server::bind(options).await.expect("a server");
    let running = server.running().clone();
    let start = crate::object::time::parse_rfc3339("2031-01-01T00:00:00Z").expect("a time");
    let clock = Clock::manual(start);
    server.judge_by(&clock);
    let order = Order {
        subject: Subject { common_name: "vera".to_owned(), organizations: Vec::new() },
        names: Vec::new(),
        usages: vec!["client auth".to_owned()],
        from: start,
        duration: jiff::SignedDuration::from_hours(1),
    };
    let issued = Trust::new(Some(&dir)).authority().and_then(|authority| authority.issue(&order)).expect("issued");
    let identity = |pem: String, key: String| Identity {
        ca_pem: String::new(),
        client_pem: pem,
        client_key_pem: key,
        token: String::new(),
        config: Arc::clone(&server.identity.config),
        judge: server.identity.judge.clone(),
    };
    let vera = identity(issued.0.pem(), issued.1.serialize_pem());
    let admin = identity(server.identity.client_pem.clone(), server.identity.client_key_pem.clone());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(hello, async { stopped.await.unwrap_or(()) }));
    let url = format!("{}/api", running.server);
    let who = |identity: &Identity| {
        let asked = client(&running, Some(identity)).get(&url).send();
        async { asked.await.ok()?.text().await.ok() }
    };
    assert_eq!(who(&vera).await.as_deref(), Some("vera"));
    clock.advance_to(start + std::time::Duration::from_secs(3700));
    assert_eq!(who(&vera).await, None);
    assert_eq!(who(&admin).await.as_deref(), Some("admin"));
    stop.send(()).expect("running");
    serving.await.expect("served");
    std::fs::remove_dir_all(dir).expect("removed");
}

#[tokio::test]
async fn a_stale_file_does_not_count() {
    let options = options("stale");
    let dir: PathBuf = options.dir.clone();
    let server = Server::bind(options.clone()).await.expect("a server");
    let text = std::fs::read_to_string(dir.join(FILE)).expect("a file");
    drop(server);
    std::fs::write(dir.join(FILE), text).expect("written");
    assert_eq!(find(&dir), None);
    Server::bind(options).await.expect("a server again");
    std::fs::remove_dir_all(dir).expect("removed");
}

#[tokio::test]
async fn other_machines_only_on_demand() {
    let mut options = options("remote");
    options.bind_address = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let refusal = Server::bind(options.clone()).await.err().expect("a refusal").to_string();
    assert!(refusal.contains("which other machines may reach"), "{refusal}");
    options.allow_remote = true;
    let server = Server::bind(options.clone()).await.expect("a server");
    assert!(server.warning().is_some());
    assert!(server.running().server.starts_with("https://127.0.0.1:"));
    drop(server);
    std::fs::remove_dir_all(options.dir).expect("removed");
}
