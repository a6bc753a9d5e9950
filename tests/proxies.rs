//! Every kind of proxy on the way to a server: which one is taken, what it is told, and what is said where
//! it does not do. The words are kubectl's.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![cfg(unix)]

mod servers;

use std::io::{Read, Write};

use serde_json::{Value, json};
use servers::proxy::{GOOD, Proxy, Socks, http, socks};
use servers::{Authority, Place, Server, answer, base64, finish};

const RAW: &[&str] = &["get", "--raw", "/x", "--request-timeout=20s"];
const CONNECT: &str = "Unable to connect to the server: ";

/// A server that says `in`, and the authority that vouches for it.
fn server() -> (Server, Authority) {
    let authority = Authority::new("harbour-ca");
    let shown = authority.issue(&["127.0.0.1", "api.test"]);
    (Server::secure(&shown, None, |_, stream| answer(stream, "200 OK", "", "in")), authority)
}

fn cluster(url: &str, authority: &Authority, proxy: &str) -> Value {
    json!({"server": url, "certificate-authority-data": base64(&authority.pem()), "proxy-url": proxy})
}

/// Places of this test's own in words.
fn named(text: &str, server: &Server, proxy: u16) -> String {
    text.replace(&format!("127.0.0.1:{}", server.port), "SERVER").replace(&format!("127.0.0.1:{proxy}"), "PROXY")
}

#[test]
fn proxies_of_http() {
    let (server, authority) = server();
    let place = Place::new();
    let unauthorized = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    for (what, login, refusal, shown, want) in [
        ("open", "", "", "", ""),
        ("with a login", "u:p@", "", "Basic dTpw", ""),
        ("with an odd login", "u%40x:p%2F%20%3A@", "", "Basic dUB4OnAvIDo=", ""),
        ("with a name alone", "u@", "", "Basic dTo=", ""),
        ("407", "", unauthorized, "", "Proxy Authentication Required"),
        ("403", "", "HTTP/1.1 403 No Way Today\r\n\r\n", "", "No Way Today"),
        ("no words", "", "HTTP/1.1 599\r\n\r\n", "", "unknown status code"),
        ("another protocol", "", "hello\r\n\r\n", "", "malformed HTTP response \"hello\""),
        ("half an answer", "", "HTTP/1.1 200", "", "unexpected EOF"),
    ] {
        let proxy = http(server.port, refusal);
        let url = format!("http://{login}127.0.0.1:{}", proxy.port);
        place.config(&cluster(&server.url(), &authority, &url), &json!({"token": "canary"}));
        let run = place.run(RAW);
        let want = if want.is_empty() { String::new() } else { format!("{CONNECT}{want}\n") };
        assert_eq!((run.stderr.as_str(), run.code), (want.as_str(), i32::from(!want.is_empty())), "{what}");
        let asked = proxy.asked().concat();
        if want.is_empty() {
            assert_eq!(run.stdout, "in", "{what}");
        } else {
            assert!(asked.starts_with(&format!("CONNECT 127.0.0.1:{} HTTP/1.1\r\n", server.port)), "{what}: {asked}");
        }
        assert!(!asked.contains("canary"), "credentials are for the server, not for the proxy");
        if !asked.is_empty() {
            assert_eq!(asked.contains("Proxy-Authorization: "), !shown.is_empty(), "{what}: {asked}");
            assert!(asked.contains(shown), "{what}: {asked}");
        }
    }
}

#[test]
fn proxies_that_are_none() {
    let (server, authority) = server();
    let place = Place::new();
    let invalid = |url: &str, why: &str| format!("error: invalid 'proxy-url' {url:?} for cluster \"it\": {why}\n");
    let scheme = |url: &str, scheme: &str| {
        invalid(url, &format!("unsupported scheme {scheme:?}, must be http, https, or socks5"))
    };
    let parse = |url: &str| invalid(url, &format!("could not parse: {url}"));
    let refused = format!(
        "The connection to the server 127.0.0.1:{} was refused - did you specify the right host or port?\n",
        server.port
    );
    for (url, want) in [
        ("ftp://x:1", scheme("ftp://x:1", "ftp")),
        ("x:1", scheme("x:1", "x")),
        ("/path", scheme("/path", "")),
        ("socks5h://x:1", scheme("socks5h://x:1", "socks5h")),
        ("://x", parse("://x")),
        ("127.0.0.1:3128", parse("127.0.0.1:3128")),
        ("http://[::1", parse("http://[::1")),
        ("http://127.0.0.1:1", refused.clone()),
        ("https://127.0.0.1:1", refused.clone()),
        ("socks5://127.0.0.1:1", refused.clone()),
        ("http://127.0.0.1:99999", format!("{CONNECT}proxyconnect tcp: dial tcp: address 99999: invalid port\n")),
    ] {
        place.config(&cluster(&server.url(), &authority, url), &json!({"token": "t"}));
        assert_eq!(place.run(RAW).stderr, want, "{url}");
    }
    place.config(&cluster(&server.url(), &authority, "http://nosuch.invalid:3128"), &json!({"token": "t"}));
    let said = place.run(RAW).stderr;
    assert!(said.starts_with(&format!("{CONNECT}proxyconnect tcp: dial tcp: lookup nosuch.invalid")), "{said}");
    // What speaks no TLS, and what shows a stranger's certificate.
    let deaf = Proxy::new(|client| {
        let _ = client.read(&mut [0; 512]);
        let _ = client.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
        None
    });
    let url = format!("https://127.0.0.1:{}", deaf.port);
    place.config(&cluster(&server.url(), &authority, &url), &json!({"token": "t"}));
    let want = "proxyconnect tcp: http: server gave HTTP response to HTTPS client";
    assert_eq!(place.run(RAW).stderr, format!("{CONNECT}{want}\n"));
    let stranger = Server::secure(&Authority::new("other-ca").issue(&["127.0.0.1"]), None, |_, _| {});
    place.config(&cluster(&server.url(), &authority, &stranger.url()), &json!({"token": "t"}));
    let want = "proxyconnect tcp: tls: failed to verify certificate: x509: certificate signed by unknown authority";
    assert_eq!(place.run(RAW).stderr, format!("{CONNECT}{want}\n"));
    let known = Server::secure(&authority.issue(&["127.0.0.1"]), None, |_, stream| {
        answer(stream, "403 Forbidden", "", "");
    });
    place.config(&cluster(&server.url(), &authority, &known.url()), &json!({"token": "t"}));
    assert_eq!(place.run(RAW).stderr, format!("{CONNECT}Forbidden\n"));
    assert!(known.seen().concat().starts_with("CONNECT "), "over TLS");
}

#[test]
fn proxies_of_socks() {
    let (server, authority) = server();
    let place = Place::new();
    let reply = |reply: u8| Socks { reply, ..GOOD };
    let before = "socks connect tcp PROXY->SERVER: ";
    for (what, login, does, asked, want) in [
        ("open", "", GOOD, "[0] 127.0.0.1", ""),
        ("with a login", "u:p@", Socks { method: 2, ..GOOD }, "[0, 2] u:p 127.0.0.1", ""),
        ("with a login that it does not want", "u:p@", GOOD, "[0, 2] 127.0.0.1", ""),
        ("wants a login", "", Socks { method: 0xff, ..GOOD }, "", "no acceptable authentication methods"),
        ("another login", "u:p@", Socks { method: 2, login: 1, ..GOOD }, "", "username/password authentication failed"),
        ("no known login", "u:p@", Socks { method: 7, ..GOOD }, "", "unsupported authentication method 7"),
        ("leaves", "", Socks { leaves: true, ..GOOD }, "[0] 127.0.0.1", "EOF"),
        ("1", "", reply(1), "[0] 127.0.0.1", "unknown error general SOCKS server failure"),
        ("2", "", reply(2), "[0] 127.0.0.1", "unknown error connection not allowed by ruleset"),
        ("3", "", reply(3), "[0] 127.0.0.1", "unknown error network unreachable"),
        ("4", "", reply(4), "[0] 127.0.0.1", "unknown error host unreachable"),
        ("6", "", reply(6), "[0] 127.0.0.1", "unknown error TTL expired"),
        ("7", "", reply(7), "[0] 127.0.0.1", "unknown error command not supported"),
        ("8", "", reply(8), "[0] 127.0.0.1", "unknown error address type not supported"),
        ("9", "", reply(9), "[0] 127.0.0.1", "unknown error unknown code: 9"),
    ] {
        let proxy = socks(server.port, does);
        let url = format!("socks5://{login}127.0.0.1:{}", proxy.port);
        place.config(&cluster(&server.url(), &authority, &url), &json!({"token": "t"}));
        let run = place.run(RAW);
        let want = if want.is_empty() { String::new() } else { format!("{CONNECT}{before}{want}\n") };
        assert_eq!(named(&run.stderr, &server, proxy.port), want, "{what}");
        if want.is_empty() {
            assert_eq!(run.stdout, "in", "{what}");
        } else {
            assert_eq!(proxy.asked().concat(), asked, "{what}");
        }
    }
    let proxy = socks(server.port, reply(5));
    let url = format!("socks5://127.0.0.1:{}", proxy.port);
    place.config(&cluster(&server.url(), &authority, &url), &json!({"token": "t"}));
    let said = place.run(RAW).stderr;
    assert!(said.ends_with(" was refused - did you specify the right host or port?\n"), "{said}");
    // It looks names up itself.
    let proxy = socks(server.port, GOOD);
    let url = format!("socks5://127.0.0.1:{}", proxy.port);
    place.config(&cluster("https://api.test:6443", &authority, &url), &json!({"token": "t"}));
    assert_eq!(place.run(RAW).stdout, "in");
}

#[test]
fn proxies_of_the_environment() {
    let (server, authority) = server();
    let place = Place::new();
    let (good, bad) = (http(server.port, ""), http(server.port, "HTTP/1.1 403 Forbidden\r\n\r\n"));
    let (good, bad) = (format!("http://127.0.0.1:{}", good.port), format!("http://127.0.0.1:{}", bad.port));
    let bare = good.trim_start_matches("http://").to_owned();
    let by_name = "https://api.invalid:6443";
    let run = |url: &str, own: &str, variables: &[(&str, &str)]| {
        let mut cluster = cluster(url, &authority, own);
        cluster["tls-server-name"] = json!("api.test");
        place.config(&cluster, &json!({"token": "t"}));
        let mut command = place.command(RAW);
        command.envs(variables.iter().copied());
        let run = finish(command);
        if run.code == 0 { run.stdout } else { run.stderr }
    };
    let forbidden = format!("{CONNECT}Forbidden\n");
    let cgi = format!("{CONNECT}refusing to use HTTP_PROXY value in CGI environment; see golang.org/s/cgihttpproxy\n");
    let plain = "http://api.invalid:80";
    for (url, own, variables, want) in [
        (by_name, "", &[("HTTPS_PROXY", good.as_str())][..], "in"),
        (by_name, "", &[("https_proxy", &good)], "in"),
        (by_name, "", &[("HTTPS_PROXY", &bare)], "in"),
        (by_name, "", &[("HTTPS_PROXY", &good), ("https_proxy", &bad)], "in"),
        (by_name, "", &[("HTTPS_PROXY", &bad), ("NO_PROXY", "api.invalid:1,.api.invalid")], forbidden.as_str()),
        (by_name, &good, &[("HTTPS_PROXY", &bad), ("NO_PROXY", "*")], "in"),
        (plain, "", &[("HTTP_PROXY", &good), ("HTTPS_PROXY", &bad)], "via"),
        (plain, "", &[("HTTP_PROXY", &good), ("REQUEST_METHOD", "GET")], &cgi),
        // Never for this machine.
        (&server.url(), "", &[("HTTPS_PROXY", &bad)], "in"),
    ] {
        assert_eq!(run(url, own, variables), want, "{url} {variables:?}");
    }
    for variables in [
        &[("ALL_PROXY", good.as_str())][..],
        &[("HTTP_PROXY", &good)],
        &[("HTTPS_PROXY", &bad), ("NO_PROXY", "api.invalid")],
        &[("HTTPS_PROXY", &bad), ("NO_PROXY", "invalid")],
        &[("HTTPS_PROXY", &bad), ("NO_PROXY", "*.invalid")],
        &[("HTTPS_PROXY", &bad), ("NO_PROXY", " x, API.Invalid:6443 ")],
    ] {
        let said = run(by_name, "", variables);
        assert!(said.starts_with(&format!("{CONNECT}dial tcp: lookup api.invalid")), "{variables:?}: {said}");
    }
}

#[test]
fn streams_go_through_them_too() {
    let (server, authority) = server();
    let place = Place::new();
    for (proxy, url) in [(http(server.port, ""), "http"), (socks(server.port, GOOD), "socks5")] {
        let url = format!("{url}://127.0.0.1:{}", proxy.port);
        place.config(&cluster("https://api.test:6443", &authority, &url), &json!({"token": "t"}));
        let before = server.seen().len();
        // The server switches to no protocol: that it was asked to is what counts.
        place.run(&["exec", "x", "--request-timeout=20s", "--", "true"]);
        place.run(&["attach", "x", "--request-timeout=20s"]);
        assert!(server.seen().len() > before, "{url}");
    }
}
