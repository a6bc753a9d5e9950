//! Every way to log in: what the server is shown, and what is said where that does not do. The words are
//! kubectl's.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod servers;

use std::time::{Duration, SystemTime};

use base64::Engine;
use serde_json::{Value, json};
use servers::{Authority, Issued, Place, Server, Stream, answer, answer_json, base64, finish};

const GET: &[&str] = &["get", "--raw", "/x"];
const UNAUTHORIZED: &str = "error: You must be logged in to the server (Unauthorized)\n";
const CONNECT: &str = "Unable to connect to the server: ";

/// Takes `Bearer good` and `Basic dTpw` (`u:p`), and nothing else.
fn doorkeeper(request: &str, stream: &mut dyn Stream) {
    let shown = request.lines().find_map(|line| line.strip_prefix("authorization: "));
    if matches!(shown, Some("Bearer good" | "Basic dTpw")) {
        return answer_json(stream, "200 OK", &json!({"kind": "ConfigMap"}));
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized",
        "reason": "Unauthorized", "code": 401});
    answer_json(stream, "401 Unauthorized", &status);
}

/// A server that wants to know who asks, and the authority that vouches for it.
fn guarded() -> (Server, Authority) {
    let authority = Authority::new("harbour-ca");
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), None, doorkeeper);
    (server, authority)
}

fn cluster(server: &Server, authority: &Authority) -> Value {
    json!({"server": server.url(), "certificate-authority-data": base64(&authority.pem())})
}

/// A user whose credentials a script hands out.
fn program(script: &str) -> Value {
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
        "interactiveMode": "Never"}})
}

/// A user whose credentials another program hands out.
fn named(command: &str) -> Value {
    json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never"}})
}

/// A script that hands a status out.
fn hands_out(status: &Value) -> String {
    let answer = json!({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status});
    format!("cat <<'EOF'\n{answer}\nEOF\n")
}

fn token(token: &str) -> String {
    hands_out(&json!({"token": token}))
}

/// A token with an end, in seconds from now.
fn jwt(seconds: i64) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let end = i64::try_from(now).unwrap_or_default() + seconds;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json!({"exp": end}).to_string());
    format!("x.{claims}.y")
}

#[test]
fn shows_what_it_has() {
    let (server, authority) = guarded();
    let place = Place::new();
    let (good, bad) = (place.file("good", "good\n"), place.file("bad", "bad\n"));
    let missing = place.0.join("nosuch").to_string_lossy().into_owned();
    let oidc = |settings: &Value| json!({"auth-provider": {"name": "oidc", "config": settings}});
    let install = "\n\nIt looks like you are trying to use a client-go credential plugin that is not installed.\n\nTo learn more about this feature, consult the documentation available at:\n      https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins";
    let mut hinted = named("nosuch-login");
    hinted["exec"]["installHint"] = json!("get \u{1b}[1mit\nhere");
    let mut always = program(&token("good"));
    always["exec"]["interactiveMode"] = json!("Always");
    let mut older = program(&token("good").replace("/v1\"", "/v1beta1\""));
    older["exec"]["apiVersion"] = json!("client.authentication.k8s.io/v1beta1");
    let mut oldest = older.clone();
    oldest["exec"]["apiVersion"] = json!("client.authentication.k8s.io/v1alpha1");
    let mut other = program(&token("good"));
    other["exec"]["apiVersion"] = json!("client.authentication.k8s.io/v1beta1");
    let getting = |why: &str| format!("{CONNECT}getting credentials: {why}\n");
    let cases: Vec<(&str, Value, String)> = vec![
        ("a token", json!({"token": "good"}), String::new()),
        ("a wrong token", json!({"token": "bad"}), UNAUTHORIZED.to_owned()),
        ("a token's file", json!({"tokenFile": good}), String::new()),
        ("a wrong token's file", json!({"tokenFile": bad}), UNAUTHORIZED.to_owned()),
        ("the file before the token", json!({"tokenFile": good, "token": "bad"}), String::new()),
        (
            "no file",
            json!({"tokenFile": missing}),
            format!("error: open {missing}: no such file or directory\n"),
        ),
        ("a name and a password", json!({"username": "u", "password": "p"}), String::new()),
        ("a wrong password", json!({"username": "u", "password": "q"}), UNAUTHORIZED.to_owned()),
        (
            "two ways at once",
            json!({"username": "u", "password": "p", "token": "good"}),
            "error: more than one authentication method found for me; found [token basicAuth], only one is allowed\n"
                .to_owned(),
        ),
        ("nothing", json!({}), "error: EOF\n".to_owned()),
        ("a program", program(&token("good")), String::new()),
        ("a program of the older version", older, String::new()),
        ("a program's wrong token", program(&token("bad")), UNAUTHORIZED.to_owned()),
        (
            "a program of another version",
            other,
            getting(
                "exec plugin is configured to use API version client.authentication.k8s.io/v1beta1, plugin returned version client.authentication.k8s.io/v1",
            ),
        ),
        (
            "a version that is no more",
            oldest,
            "error: exec plugin: invalid apiVersion \"client.authentication.k8s.io/v1alpha1\"\n".to_owned(),
        ),
        (
            "garbage",
            program("echo hello"),
            getting(
                "decoding stdout: couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
            ),
        ),
        (
            "neither JSON nor YAML",
            program("echo '}{'"),
            getting("decoding stdout: yaml: did not find expected node content"),
        ),
        (
            "a token that no header holds",
            program(&token("a\nb")),
            format!("{CONNECT}net/http: invalid header field value for \"Authorization\"\n"),
        ),
        ("no status", program(&hands_out(&Value::Null)), getting("exec plugin didn't return a status field")),
        (
            "an empty status",
            program(&hands_out(&json!({}))),
            getting("exec plugin didn't return a token or cert/key pair"),
        ),
        (
            "half a certificate",
            program(&hands_out(&json!({"clientCertificateData": "x"}))),
            getting("exec plugin returned only certificate or key, not both"),
        ),
        (
            "no certificate",
            program(&hands_out(&json!({"clientCertificateData": "x", "clientKeyData": "y"}))),
            getting(
                "failed parsing client key/certificate: tls: failed to find any PEM data in certificate input",
            ),
        ),
        ("a program that fails", program("exit 7"), getting("exec: executable sh failed with exit code 7")),
        ("a program that is killed", program("kill -9 $$"), getting("exec: executable sh failed with exit code -1")),
        (
            "no program",
            named("nosuch-login"),
            getting(&format!("exec: executable nosuch-login not found{install}")),
        ),
        (
            "no program, but a hint",
            hinted,
            getting(&format!("exec: executable nosuch-login not found{install}\n\nget U+001B[1mit\nhere")),
        ),
        (
            "no program at a path",
            named("/nosuch/login"),
            getting("exec: fork/exec /nosuch/login: no such file or directory"),
        ),
        (
            "a program that needs a terminal",
            always,
            getting("exec plugin cannot support interactive mode: standard input is not a terminal"),
        ),
        (
            "a kind of login that is no more",
            json!({"auth-provider": {"name": "gcp"}}),
            "error: The gcp auth plugin has been removed.\nPlease use the \"gke-gcloud-auth-plugin\" kubectl/client-go credential plugin instead.\nSee https://cloud.google.com/blog/products/containers-kubernetes/kubectl-auth-changes-in-gke for further details\n"
                .to_owned(),
        ),
        (
            "a kind of login that never was",
            json!({"auth-provider": {"name": "x"}}),
            "error: no Auth Provider found for name \"x\"\n".to_owned(),
        ),
        ("a provider without an issuer", oidc(&json!({})), "error: Must provide idp-issuer-url\n".to_owned()),
        (
            "a provider without a token",
            oidc(&json!({"idp-issuer-url": "http://127.0.0.1:1", "client-id": "c"})),
            format!("{CONNECT}No valid id-token, and cannot refresh without refresh-token\n"),
        ),
        (
            "a provider that is not there",
            oidc(&json!({"idp-issuer-url": "http://127.0.0.1:1", "client-id": "c", "id-token": jwt(-60),
                "refresh-token": "r"})),
            format!(
                "The connection to the server 127.0.0.1:{} was refused - did you specify the right host or port?\n",
                server.port
            ),
        ),
    ];
    for (what, user, want) in cases {
        place.config(&cluster(&server, &authority), &user);
        let run = place.run(GET);
        assert_eq!((run.stderr.as_str(), run.code), (want.as_str(), i32::from(!want.is_empty())), "{what}");
    }
}

#[test]
fn certificates_of_clients() {
    let authority = Authority::new("harbour-ca");
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), Some(&authority), |_, stream| {
        answer(stream, "200 OK", "", "in");
    });
    let (own, other) = (authority.issue_client(), authority.issue_client());
    let place = Place::new();
    let key = |issued: &Issued| issued.key.serialize_pem();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (what, certificate, key, want) in [
        ("its own", own.pem.as_str(), key(&own), ""),
        ("another's key", &own.pem, key(&other), "tls: private key does not match public key"),
        ("an encrypted key", &own.pem, encrypted.to_owned(), "tls: failed to parse private key"),
        ("no key", &own.pem, "text".to_owned(), "tls: failed to find any PEM data in key input"),
        (
            "a certificate for a key",
            &own.pem,
            own.pem.clone(),
            "tls: found a certificate rather than a key in the PEM for the private key",
        ),
        (
            "a key for a certificate",
            &key(&own),
            key(&own),
            "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
        ),
    ] {
        let data = json!({"client-certificate-data": base64(certificate), "client-key-data": base64(&key)});
        let files =
            json!({"client-certificate": place.file("crt", certificate), "client-key": place.file("key", &key)});
        for (user, before) in [(data, "error: "), (files, CONNECT)] {
            place.config(&cluster(&server, &authority), &user);
            let run = place.run(GET);
            let want = if want.is_empty() { String::new() } else { format!("{before}{want}\n") };
            assert_eq!((run.stdout.as_str(), run.stderr), (if want.is_empty() { "in" } else { "" }, want), "{what}");
        }
    }
    let handed = hands_out(&json!({"clientCertificateData": own.pem, "clientKeyData": key(&own)}));
    place.config(&cluster(&server, &authority), &program(&handed));
    assert_eq!(place.run(GET).stdout, "in", "from a program");
}

#[test]
fn certificates_of_servers() {
    let authority = Authority::new("harbour-ca");
    let other = Authority::new("other-ca");
    let year = |year: i32| {
        move |params: &mut rcgen::CertificateParams| {
            params.not_before = rcgen::date_time_ymd(year, 1, 1);
            params.not_after = rcgen::date_time_ymd(year, 2, 1);
        }
    };
    let unhandled = |params: &mut rcgen::CertificateParams| {
        let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    };
    let place = Place::new();
    let trusted = authority.pem();
    let good = authority.issue(&["127.0.0.1"]);
    for (what, shown, trusts, name, want) in [
        ("a good one", &good, trusted.clone(), "", ""),
        ("itself trusted", &good, good.pem.clone(), "", ""),
        ("another authority's", &good, other.pem(), "", "x509: certificate signed by unknown authority"),
        (
            "an old one",
            &authority.issue_with(&["127.0.0.1"], year(2020)),
            trusted.clone(),
            "",
            "x509: certificate has expired or is not yet valid: current time <now> is after 2020-02-01T00:00:00Z",
        ),
        (
            "one for later",
            &authority.issue_with(&["127.0.0.1"], year(2090)),
            trusted.clone(),
            "",
            "x509: certificate has expired or is not yet valid: current time <now> is before 2090-01-01T00:00:00Z",
        ),
        (
            "one of other addresses",
            &authority.issue(&["10.0.0.1", "a.example.org"]),
            trusted.clone(),
            "",
            "x509: certificate is valid for 10.0.0.1, not 127.0.0.1",
        ),
        (
            "one of names only",
            &authority.issue(&["a.example.org"]),
            trusted.clone(),
            "",
            "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
        ),
        ("one of another name", &authority.issue(&["a.example.org"]), trusted.clone(), "a.example.org", ""),
        (
            "one of the wrong name",
            &authority.issue(&["a.example.org"]),
            trusted.clone(),
            "b.example.org",
            "x509: certificate is valid for a.example.org, not b.example.org",
        ),
        (
            "one for clients",
            &authority.issue_with(&["127.0.0.1"], |params| {
                params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
            }),
            trusted.clone(),
            "",
            "x509: certificate specifies an incompatible key usage",
        ),
        (
            "one that wants to be understood",
            &authority.issue_with(&["127.0.0.1"], unhandled),
            trusted.clone(),
            "",
            "x509: unhandled critical extension",
        ),
    ] {
        let server = Server::secure(shown, None, |_, stream| answer(stream, "200 OK", "", "in"));
        let mut cluster =
            json!({"server": server.url(), "certificate-authority-data": base64(&trusts), "tls-server-name": name});
        place.config(&cluster, &json!({"token": "t"}));
        let run = place.run(GET);
        let said = match (run.stderr.find("current time "), run.stderr.rfind(" is ")) {
            (Some(from), Some(to)) => format!("{}current time <now>{}", &run.stderr[..from], &run.stderr[to..]),
            _ => run.stderr,
        };
        let want = if want.is_empty() {
            String::new()
        } else {
            format!("{CONNECT}tls: failed to verify certificate: {want}\n")
        };
        assert_eq!(said, want, "{what}");
        cluster.as_object_mut().expect("fields").remove("certificate-authority-data");
        cluster["insecure-skip-tls-verify"] = json!(true);
        place.config(&cluster, &json!({"token": "t"}));
        assert_eq!(place.run(GET).stdout, "in", "{what}, unchecked");
    }
}

#[test]
fn a_program_is_asked_again_for_the_next_request() {
    let (server, authority) = guarded();
    let place = Place::new();
    let count = place.0.join("count");
    // The second token is the good one. A refusal stands; what comes after it is shown the new one.
    let script = format!(
        "echo x >> {0}; if [ $(wc -l < {0}) -gt 1 ]; then {1} else {2} fi",
        count.display(),
        token("good"),
        token("bad")
    );
    place.config(&cluster(&server, &authority), &program(&script));
    assert_eq!(place.run(GET).stderr, UNAUTHORIZED);
    assert_eq!(std::fs::read_to_string(&count).expect("counted").lines().count(), 2);
    assert_eq!(server.seen().len(), 1);
    // One whose end is near is asked for with every request.
    let past = hands_out(&json!({"token": "good", "expirationTimestamp": "2020-01-01T00:00:00Z"}));
    place.config(&cluster(&server, &authority), &program(&past));
    assert_eq!(place.run(GET).stderr, "");
}

#[test]
fn a_program_that_hangs_is_given_up() {
    let (server, authority) = guarded();
    let place = Place::new();
    place.config(&cluster(&server, &authority), &program("exec sleep 40"));
    let run = place.run(&["get", "--raw", "/x", "--request-timeout=1s"]);
    assert_eq!(run.stderr, format!("{CONNECT}getting credentials: exec: executable sh timed out\n"));
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
}

#[test]
fn a_program_is_told_what_it_should_know() {
    let (server, authority) = guarded();
    let place = Place::new();
    let mut cluster = cluster(&server, &authority);
    cluster["extensions"] =
        json!([{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "<harbour>"}}]);
    let mut user = program("echo \"$KUBERNETES_EXEC_INFO $WORD\" > told; exit 1");
    user["exec"]["env"] = json!([{"name": "WORD", "value": "a b; $(c)"}]);
    for provide in [false, true] {
        user["exec"]["provideClusterInfo"] = json!(provide);
        place.config(&cluster, &user);
        place.run(GET);
        let told = std::fs::read_to_string(place.0.join("told")).expect("told");
        let told = told.strip_suffix(" a b; $(c)\n").expect("the variable, as it stands");
        let info: Value = serde_json::from_str(told).expect("JSON");
        assert_eq!(info["spec"]["interactive"], false);
        // To the byte as Go writes it, with the end of the line.
        let authority = base64(&authority.pem());
        let about = format!(
            "\"cluster\":{{\"server\":\"{}\",\"certificate-authority-data\":\"{authority}\",\"config\":{{\"audience\":\"\\u003charbour\\u003e\"}}}},",
            server.url()
        );
        let about = if provide { about.as_str() } else { "" };
        let want = format!(
            "{{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"spec\":{{{about}\"interactive\":false}}}}\n"
        );
        assert_eq!(told, want);
    }
}

#[test]
fn preferences_decide_which_programs_run() {
    let (server, authority) = guarded();
    let place = Place::new();
    place.config(&cluster(&server, &authority), &program(&token("good")));
    let head = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
    let run = |policy: &str| {
        let mut command = place.command(GET);
        command.env("KUBERC", place.file("kuberc", &format!("{head}{policy}")));
        finish(command).stderr
    };
    let list =
        |entry: &str| format!("credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{command: {entry}}}]\n");
    assert_eq!(run("credentialPluginPolicy: AllowAll\n"), "");
    assert_eq!(run(&list("sh")), "");
    assert_eq!(
        run("credentialPluginPolicy: DenyAll\n"),
        format!("{CONNECT}getting credentials: plugin \"sh\" not allowed: policy set to \"DenyAll\"\n")
    );
    let refused = run(&list("ls"));
    assert!(refused.starts_with(&format!("{CONNECT}getting credentials: plugin path \"/")), "{refused}");
    assert!(refused.ends_with("/sh\" is not permitted by the credential plugin allowlist\n"), "{refused}");
}

#[test]
fn a_provider_hands_out_new_tokens_and_they_are_kept() {
    let authority = Authority::new("harbour-ca");
    let fresh = jwt(600);
    let expected = format!("authorization: Bearer {fresh}");
    let api = Server::secure(&authority.issue(&["127.0.0.1"]), None, move |request, stream| {
        let status = if request.contains(&expected) { "200 OK" } else { "401 Unauthorized" };
        answer(stream, status, "", "x");
    });
    let minted = fresh.clone();
    let issuer = Server::secure(&authority.issue(&["127.0.0.1"]), None, move |request, stream| {
        let host = request.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
        if request.starts_with("GET /.well-known/openid-configuration ") {
            return answer_json(stream, "200 OK", &json!({"token_endpoint": format!("https://{host}/token")}));
        }
        let good = request.starts_with("POST /token ")
            && request.contains("authorization: Basic Y2xpZW50OnMlMkZj")
            && request.contains("grant_type=refresh_token&refresh_token=r%2F1");
        let tokens = json!({"id_token": minted, "refresh_token": "r2", "access_token": "a", "token_type": "Bearer"});
        if good { answer_json(stream, "200 OK", &tokens) } else { answer(stream, "400 Bad Request", "", "no") }
    });
    let place = Place::new();
    let settings = json!({"idp-issuer-url": issuer.url(), "client-id": "client", "client-secret": "s/c",
        "id-token": jwt(-60), "refresh-token": "r/1", "idp-certificate-authority-data": base64(&authority.pem())});
    let config =
        place.config(&cluster(&api, &authority), &json!({"auth-provider": {"name": "oidc", "config": settings}}));
    let first = place.run(GET);
    assert_eq!((first.stdout.as_str(), first.stderr.as_str()), ("x", ""));
    let kept = std::fs::read_to_string(config).expect("a kubeconfig");
    assert!(kept.contains(&format!("id-token: {fresh}")) && kept.contains("refresh-token: r2"), "{kept}");
    assert!(!servers::exists(&place.0.join("config.lock")));
    let asked = issuer.seen().len();
    assert_eq!(place.run(GET).stdout, "x");
    assert_eq!(issuer.seen().len(), asked, "the new token counts");
}

#[test]
fn redirects_take_no_credentials_elsewhere() {
    let elsewhere = Server::plain(|_, stream| answer(stream, "200 OK", "", "there"));
    let place = Place::new();
    let authority = Authority::new("harbour-ca");
    let there = elsewhere.url();
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), None, move |_, stream| {
        answer(stream, "307 Temporary Redirect", &format!("Location: {there}/y\r\n"), "");
    });
    for user in [json!({"token": "canary"}), json!({"username": "u", "password": "canary"}), program(&token("canary"))]
    {
        place.config(&cluster(&server, &authority), &user);
        assert_eq!(place.run(GET).stdout, "there");
    }
    let heads = elsewhere.seen();
    assert_eq!(heads.len(), 3);
    for head in heads {
        assert!(!head.to_lowercase().contains("authorization"), "{head}");
    }
}

#[test]
fn no_level_of_the_log_shows_a_credential() {
    let authority = Authority::new("harbour-ca");
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), None, |_, stream| {
        let secret = json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x", "namespace": "default"},
            "data": {"a": base64("canary-secret")}, "stringData": {"b": "canary-plain"}});
        answer(
            stream,
            "200 OK",
            "Content-Type: application/json\r\nSet-Cookie: canary-cookie\r\n",
            &secret.to_string(),
        );
    });
    let place = Place::new();
    let own = authority.issue_client();
    let key = own.key.serialize_pem();
    let asker = json!({"auth-provider": {"name": "oidc", "config": {"idp-issuer-url": "http://127.0.0.1:1",
        "client-id": "c", "client-secret": "canary-client", "id-token": format!("{}canary", jwt(60)),
        "refresh-token": "canary"}}});
    let certificate = json!({"client-certificate-data": base64(&own.pem), "client-key-data": base64(&key)});
    let users = [
        (json!({"token": "canary-token"}), None),
        (json!({"tokenFile": place.file("token", "canary-file")}), None),
        (json!({"username": "u", "password": "canary-password"}), None),
        (program(&token("canary-program")), None),
        (certificate, None),
        (asker, None),
        (json!({}), Some("--token=canary-flag")),
        (json!({"username": "u"}), Some("--password=canary-password")),
    ];
    let through = servers::proxy::http(server.port, "");
    let basic = base64("u:canary-password");
    let proxy = base64("p:canary-proxy");
    let canaries = ["canary", &basic, &proxy, &base64("canary-secret"), key.lines().nth(1).unwrap_or("none")];
    let levels = (0..=10).map(|level| format!("-v={level}")).chain(["-v=99".to_owned(), "--vmodule=*=10".to_owned()]);
    let levels: Vec<String> = levels.collect();
    for (at, (user, flag)) in users.iter().enumerate() {
        let mut cluster = cluster(&server, &authority);
        if at == 0 {
            cluster["proxy-url"] = json!(format!("http://p:canary-proxy@127.0.0.1:{}", through.port));
        }
        place.config(&cluster, user);
        for level in &levels {
            let args = ["get", "secret", "x", "-o", "name", level].into_iter().chain(*flag).collect::<Vec<_>>();
            let run = place.run(&args);
            assert_eq!((run.stdout.as_str(), run.code), ("secret/x\n", 0), "{}", run.stderr);
            let logs = !matches!(level.as_str(), "-v=0" | "-v=1" | "-v=2" | "-v=3" | "-v=4" | "-v=5");
            assert_eq!(run.stderr.contains("\"Response\""), logs, "{level} {user}: {}", run.stderr);
            for canary in canaries {
                assert!(!run.stderr.contains(canary), "{level} {user}: {}", run.stderr);
            }
        }
        // What is configured is shown where it is asked for, and in no other place. As with kubectl, the address of a
        // proxy, the arguments of a program and the settings of a provider are no secrets there.
        for (args, raw) in [(&["config", "view", "-v=9"][..], false), (&["config", "view", "--raw", "-v=9"], true)] {
            let run = place.run(args);
            let shown = run.stdout.lines().filter(|line| !line.contains("proxy-url") && !line.contains("tokenFile"));
            let shown: String = shown.map(|line| format!("{line}\n")).collect();
            for canary in canaries {
                assert!(!run.stderr.contains(canary), "{args:?}: {}", run.stderr);
                let told = raw || user.get("exec").or(user.get("auth-provider")).is_some();
                assert!(told || !shown.contains(canary), "{args:?}: {shown}");
            }
        }
    }
}

/// The bundled cluster has no network in between, and logs as if there were.
#[test]
fn no_level_of_the_log_shows_what_a_secret_holds() {
    let place = Place::new();
    let run = |args: &[&str]| {
        let mut command = place.command(args);
        command.env_remove("KUBECONFIG").env("KCTL_OFFLINE", "1").env("KCTL_OFFLINE_DIR", place.0.join("state"));
        finish(command)
    };
    let manifest = json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "x"},
        "stringData": {"a": "canary-plain"}});
    let file = place.file("secret.json", &manifest.to_string());
    let encoded = base64("canary-plain");
    for level in 0..=10 {
        let level = format!("-v={level}");
        for args in [
            &["create", "-f", &file, "-o", "name", &level][..],
            &["get", "secret", "x", "-o", "name", &level],
            &["get", "secrets", "-o", "name", &level],
            &["describe", "secret", "x", &level],
            &["create", "token", "default", "--duration=600s", &level],
            &["delete", "secret", "x", "-o", "name", &level],
        ] {
            let run = run(args);
            assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
            for canary in ["canary", &encoded] {
                assert!(!run.stderr.contains(canary) && !run.stdout.contains(canary), "{args:?}: {}", run.stderr);
            }
            if args[1] == "token" {
                assert!(!run.stderr.contains(run.stdout.trim()), "{args:?}: {}", run.stderr);
            }
        }
    }
}
