//! The flags that every command takes: what reaches the server for each of them, and what is written beside.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod servers;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use serde_json::json;
use servers::api::{Kind, Style, document};
use servers::{Authority, Place, Server, Stream, answer, answer_json, base64};

/// A version, and an empty object for all else.
fn anything(request: &str, stream: &mut dyn Stream) {
    let body = match request.split(' ').nth(1) {
        Some("/version" | "/version?timeout=32s") => {
            json!({"major": "1", "minor": "2", "gitVersion": "v1.2.3", "gitCommit": "", "gitTreeState": "",
                "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})
        }
        _ => json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x", "namespace": "default"}}),
    };
    answer_json(stream, "200 OK", &body);
}

/// A header of a request's head.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.to_lowercase().starts_with(&format!("{name}: ")).then(|| &line[name.len() + 2..]))
}

#[test]
fn flags_say_who_asks_and_how() {
    // Nobody is told who asks over a connection that others can read.
    let authority = Authority::new("harbour-ca");
    let server = Server::secure(&authority.issue(&["127.0.0.1"]), None, anything);
    let place = Place::new();
    let cluster = json!({"server": server.url(), "certificate-authority-data": base64(&authority.pem())});
    place.config(&cluster, &json!({"token": "mine"}));
    let config = std::fs::read_to_string(place.0.join("config")).expect("a file");
    let users = r#""users":[{"name":"ann","user":{"token":"hers"}},{"name":"bare","user":{}},"#;
    place.file("config", &config.replace(r#""users":["#, users));
    for (line, name, value) in [
        ("get cm x -o json", "authorization", Some("Bearer mine")),
        ("get cm x -o json --user=ann", "authorization", Some("Bearer hers")),
        ("get cm x -o json --user=bare --username=u --password=p", "authorization", Some("Basic dTpw")),
        ("get cm x -o json --token=other", "authorization", Some("Bearer other")),
        ("get cm x -o json --as=bob --as-uid=7", "impersonate-uid", Some("7")),
        ("get cm x -o json --as=bob --as-user-extra=team=red", "impersonate-extra-team", Some("red")),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let outcome = place.run(&args);
        assert_eq!((outcome.stderr.as_str(), outcome.code), ("", 0), "{line}");
        let seen = server.seen();
        let head = seen.last().expect("a request");
        assert_eq!(header(head, name), value, "{line}: {head}");
    }
    let proxy = Server::plain(anything);
    // On the way to a server elsewhere, by way of a proxy that answers itself.
    for (line, value) in [
        ("get cm x -o json --server=http://api.example.org", Some("gzip")),
        ("get cm x -o json --server=http://api.example.org --disable-compression", None),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let mut command = place.command(&args);
        command.env("HTTP_PROXY", proxy.url());
        assert_eq!(servers::finish(command).stderr, "", "{line}");
        let seen = proxy.seen();
        let head = seen.last().expect("a request");
        assert_eq!(header(head, "accept-encoding"), value, "{line}: {head}");
    }
    let unknown = place.run(&["get", "cm", "x", "--user=nobody"]);
    assert_eq!((unknown.stderr.as_str(), unknown.code), ("error: auth info \"nobody\" does not exist\n", 1));
    let uid = place.run(&["get", "cm", "x", "--as-uid=7"]);
    assert_eq!(uid.code, 1);
    assert!(uid.stderr.contains("impersonat"), "{}", uid.stderr);
    let before = server.seen().len();
    let other = place.run(&["get", "cm", "x", "--match-server-version"]);
    assert_eq!(other.code, 1);
    assert!(
        other.stderr.starts_with("error: server version (version.Info{Major:\"1\", Minor:\"2\", "),
        "{}",
        other.stderr
    );
    assert!(other.stderr.contains("GitVersion:\"v1.2.3\""), "{}", other.stderr);
    assert!(other.stderr.contains(") differs from client version (version.Info{"), "{}", other.stderr);
    assert!(server.seen()[before..].iter().all(|head| head.starts_with("GET /version")));
}

#[test]
fn flags_say_whom_to_trust() {
    let (authority, other) = (Authority::new("harbour-ca"), Authority::new("other-ca"));
    let clients = Authority::new("clients-ca");
    let server = Server::secure(&authority.issue(&["api.example.org"]), Some(&clients), anything);
    let place = Place::new();
    place.config(&json!({"server": server.url()}), &json!({}));
    let client = clients.issue_client();
    place.file("ca.crt", &authority.pem());
    place.file("other.crt", &other.pem());
    place.file("c.crt", &client.pem);
    place.file("c.key", &client.key.serialize_pem());
    for (line, want) in [
        (
            "get cm x --certificate-authority=ca.crt --tls-server-name=api.example.org --client-certificate=c.crt --client-key=c.key -o name",
            Ok("configmap/x\n"),
        ),
        (
            "get cm x --insecure-skip-tls-verify --client-certificate=c.crt --client-key=c.key -o name",
            Ok("configmap/x\n"),
        ),
        (
            "get cm x --certificate-authority=ca.crt --client-certificate=c.crt --client-key=c.key",
            Err(
                "tls: failed to verify certificate: x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
            ),
        ),
        (
            "get cm x --certificate-authority=other.crt --tls-server-name=api.example.org --client-certificate=c.crt --client-key=c.key",
            Err("tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        ),
        ("get cm x --certificate-authority=ca.crt --tls-server-name=api.example.org --token=x", Err("tls: ")),
        ("get cm x --certificate-authority=nosuch.crt", Err("unable to read certificate-authority nosuch.crt")),
        (
            "get cm x --insecure-skip-tls-verify --client-certificate=nosuch.crt --client-key=c.key",
            Err("unable to read client-cert nosuch.crt"),
        ),
        (
            "get cm x --insecure-skip-tls-verify --client-certificate=c.crt --client-key=nosuch.key",
            Err("unable to read client-key nosuch.key"),
        ),
        (
            "get cm x --insecure-skip-tls-verify --certificate-authority=ca.crt",
            Err("specifying a root certificates file with the insecure flag is not allowed"),
        ),
    ] {
        let args: Vec<&str> = line.split(' ').collect();
        let outcome = place.run(&args);
        match want {
            Ok(stdout) => assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (stdout, ""), "{line}"),
            Err(words) => {
                assert_eq!(outcome.code, 1, "{line}");
                assert!(outcome.stderr.contains(words), "{line}: {}", outcome.stderr);
            }
        }
    }
}

#[test]
fn flags_write_logs_profiles_and_caches() {
    let server = Server::plain(anything);
    let place = Place::new();
    place.config(&json!({"server": server.url()}), &json!({}));
    let run = |line: &str| {
        let args: Vec<&str> = line.split(' ').collect();
        let outcome = place.run(&args);
        assert_eq!(outcome.code, 0, "{line}: {}", outcome.stderr);
        outcome.stderr
    };
    assert_eq!(run("get cm x --v=0 --log-flush-frequency=1s"), "");
    let logged = run("get cm x --v=6");
    assert!(logged.contains("\"Response\" verb=\"GET\" url=\"http://127.0.0.1"), "{logged}");
    let logged = run("get cm x --vmodule=round_trippers=6");
    assert!(logged.contains("\"Response\" verb=\"GET\" url=\"http://127.0.0.1"), "{logged}");
    assert_eq!(run("get cm x --vmodule=nothing=9"), "");
    let wrong = place.run(&["get", "cm", "x", "--vmodule=nonsense"]);
    assert!(wrong.stderr.contains("syntax error: expect comma-separated list of filename=N"), "{}", wrong.stderr);
    run("get cm x --profile=heap --profile-output=here.pprof");
    let profile = std::fs::read(place.0.join("here.pprof")).expect("a profile");
    assert!(profile.starts_with(&[0x1f, 0x8b]), "it is compressed");
    let wrong = place.run(&["get", "cm", "x", "--profile=nonsense"]);
    assert_eq!((wrong.stderr.as_str(), wrong.code), ("error: unknown profile 'nonsense'\n", 1));
}

/// The files below a folder.
fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

#[test]
fn what_a_server_says_of_itself_is_kept_where_it_is_told() {
    const BEACONS: Kind = Kind {
        group: "sea.example.org",
        version: "v1",
        plural: "beacons",
        kind: "Beacon",
        namespaced: true,
        short: &[],
        categories: &[],
    };
    let server = Server::plain(|request, stream| {
        let path = request.split([' ', '?']).nth(1).unwrap_or_default();
        match document(Style::V2, &[BEACONS], &[], path) {
            Some((media, document)) => {
                answer(stream, "200 OK", &format!("Content-Type: {media}\r\n"), &document.to_string())
            }
            None => answer_json(
                stream,
                "200 OK",
                &json!({"kind": "Beacon", "apiVersion": "sea.example.org/v1", "metadata": {"name": "x"}}),
            ),
        }
    });
    let place = Place::new();
    place.config(&json!({"server": server.url()}), &json!({}));
    let get = ["get", "beacons", "x", "-o", "name", "--cache-dir=kept"];
    for _ in 0..2 {
        let outcome = place.run(&get);
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("beacon.sea.example.org/x\n", ""));
    }
    let asked = server
        .seen()
        .iter()
        .filter(|head| head.starts_with("GET /apis HTTP") || head.starts_with("GET /apis?"))
        .count();
    assert_eq!(asked, 1, "the second time it is known");
    assert!(files(&place.0.join("kept")) > 0 && !place.0.join(".kube").exists());
    std::fs::remove_dir_all(place.0.join("kept")).expect("removed");
    assert_eq!(place.run(&get).code, 0);
    assert!(files(&place.0.join("kept")) > 0);
}

#[test]
fn flags_on_trial_are_in_the_help_where_they_are_switched_on() {
    let place = Place::new();
    for (value, shown) in [("true", true), ("TRUE", true), ("false", false), ("", false)] {
        let mut command = place.command(&["apply", "--help"]);
        command.env("KUBECTL_APPLYSET", value);
        let outcome = servers::finish(command);
        assert_eq!((outcome.stdout.contains("    --applyset='':\n"), outcome.code), (shown, 0), "{value:?}");
        let mut command = place.command(&["apply", "--applyset=x", "-f", "x"]);
        command.env("KUBECTL_APPLYSET", value);
        let known = !servers::finish(command).stderr.contains("unknown flag: --applyset");
        assert_eq!(known, shown, "{value:?}");
    }
}

#[test]
fn a_proxy_keeps_the_servers_path_where_it_is_told() {
    let server = Server::plain(anything);
    let place = Place::new();
    place.config(&json!({"server": format!("{}/below", server.url())}), &json!({}));
    for (args, asked) in [
        (&["proxy", "--port=0", "--append-server-path"][..], "GET /below/version HTTP/1.1"),
        (&["proxy", "--port=0"], "GET /version HTTP/1.1"),
    ] {
        let mut proxy = place.command(args).spawn().expect("it starts");
        let mut line = String::new();
        let output = proxy.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let mut stream = servers::connect(port);
        write!(stream, "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("asked");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        proxy.kill().and_then(|()| proxy.wait()).expect("ended");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{args:?}: {answer}");
        assert_eq!(server.seen().last().and_then(|head| head.lines().next()), Some(asked));
    }
}
