//! In a pod: the service account's files and the environment lead to the server.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod servers;

use kctl::ops::environment::Environment;
use kctl::terminal::Streams;
use serde_json::json;
use servers::{Authority, Place, Server, answer};

/// Runs a command in a pod, in this process.
fn run(place: &Place, port: &str, variables: &[(&str, &str)], args: &[&str]) -> (u8, String, String) {
    let home = place.0.to_string_lossy().into_owned();
    let pod = [("HOME", home.as_str()), ("KUBERNETES_SERVICE_HOST", "127.0.0.1"), ("KUBERNETES_SERVICE_PORT", port)];
    let env = Environment::new(pod.iter().chain(variables).copied()).with_service_account(place.0.join("account"));
    let (streams, out, err) = Streams::buffers(b"");
    let words: Vec<String> = args.iter().map(|word| (*word).to_owned()).collect();
    let code = kctl::cli::run("kubectl", &words, env, streams);
    (code, out.text(), err.text())
}

#[test]
fn goes_by_the_account() {
    let authority = Authority::new("harbour-ca");
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), None, |_, stream| {
        let object = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"}}"#;
        answer(stream, "200 OK", "Content-Type: application/json\r\n", object);
    });
    let place = Place::new();
    std::fs::create_dir(place.0.join("account")).expect("a folder");
    let port = server.port.to_string();
    let get: &[&str] = &["get", "configmap", "x", "-o", "name"];
    let good = || (0, "configmap/x\n".to_owned(), String::new());
    let asked = || server.seen().pop().unwrap_or_default();
    let account = |name: &str, text: &str| place.file(&format!("account/{name}"), text);

    account("token", "first\n");
    account("ca.crt", &authority.pem());
    for (what, namespace, variables, args, path, shown) in [
        ("no namespace", "", &[][..], get, "/api/v1/namespaces/default/configmaps/x", "Bearer first"),
        ("its own", " blue\n", &[], get, "/api/v1/namespaces/blue/configmaps/x", "Bearer first"),
        (
            "the environment's before its own",
            "blue",
            &[("POD_NAMESPACE", "green")],
            get,
            "/api/v1/namespaces/green/configmaps/x",
            "Bearer first",
        ),
        (
            "a flag before all",
            "blue",
            &[("POD_NAMESPACE", "green")],
            &["get", "configmap", "x", "-o", "name", "-n", "red"],
            "/api/v1/namespaces/red/configmaps/x",
            "Bearer first",
        ),
        (
            "another token",
            "blue",
            &[],
            &["get", "configmap", "x", "-o", "name", "--token=other"],
            "/api/v1/namespaces/blue/configmaps/x",
            "Bearer other",
        ),
    ] {
        account("namespace", namespace);
        assert_eq!(run(&place, &port, variables, args), good(), "{what}");
        let asked = asked();
        assert!(asked.starts_with(&format!("GET {path} ")), "{what}: {asked}");
        assert!(asked.contains(&format!("authorization: {shown}\r\n")), "{what}: {asked}");
    }
    // The next command reads the token anew.
    account("token", "second");
    assert_eq!(run(&place, &port, &[], get), good());
    assert!(asked().contains("authorization: Bearer second\r\n"));
    // A stranger's certificate, and one that nobody vouches for here.
    let unknown = "Unable to connect to the server: tls: failed to verify certificate: x509: certificate signed by unknown authority\n";
    account("ca.crt", &Authority::new("other-ca").pem());
    assert_eq!(run(&place, &port, &[], get), (1, String::new(), unknown.to_owned()));
    std::fs::remove_file(place.0.join("account/ca.crt")).expect("removed");
    assert_eq!(run(&place, &port, &[], get), (1, String::new(), unknown.to_owned()));
    // A configuration comes first.
    let open = Server::plain(|_, stream| answer(stream, "200 OK", "", "configured"));
    place.config(&json!({"server": open.url()}), &json!({}));
    let config = place.0.join("config").to_string_lossy().into_owned();
    let before = server.seen().len();
    assert_eq!(run(&place, &port, &[("KUBECONFIG", &config)], &["get", "--raw", "/x"]).1, "configured");
    assert_eq!(server.seen().len(), before);
    // Without a token this is no pod.
    std::fs::remove_file(place.0.join("account/token")).expect("removed");
    let (code, _, said) = run(&place, &port, &[("KUBECONFIG", "/nosuch")], &["get", "--raw", "/x", "--context=it"]);
    assert_eq!((code, said.as_str()), (1, "error: context \"it\" does not exist\n"));
}
