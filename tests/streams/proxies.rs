//! `proxy`, asked for many things under many flags: what kctl answers, and that kubectl answers the same.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::bench::{Client, Cluster, Running, kubectl};

/// What comes back for a request: everything, as text.
pub fn ask(place: &str, method: &str, target: &str, host: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(place) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
    let length = if matches!(method, "GET" | "HEAD") { "" } else { "Content-Length: 0\r\n" };
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}\r\n");
    let mut text = Vec::new();
    // A connection that is cut off answers nothing.
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

/// The headers of an answer that matter.
const HEADERS: [&str; 6] =
    ["content-type", "content-length", "x-content-type-options", "location", "last-modified", "accept-ranges"];

/// An answer as it is compared: status, headers that matter, body.
fn seen(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    let mut headers: Vec<String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value))
        .filter(|(name, _)| HEADERS.contains(&name.as_str()))
        // What is no request gets an answer that ends with its connection.
        .filter(|(name, _)| name != "content-length" || !status.contains(" 400 "))
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    headers.sort();
    format!("{status}\n{}\n\n{body}", headers.join("\n"))
}

/// A command; and requests under them: method, target, host, and the status of the answer.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str, &'a str, u16)]);

const CASES: &[Case<'_>] = &[
    (
        &["proxy"],
        &[
            ("GET", "/version", "localhost", 200),
            ("HEAD", "/version", "localhost", 200),
            ("OPTIONS", "/version", "localhost", 200),
            ("GET", "/version", "127.0.0.1:99", 200),
            ("GET", "/version", "[::1]:8", 403),
            ("GET", "/version", "[::1]", 200),
            ("GET", "/version", "LOCALHOST", 403),
            ("GET", "/version", "evil.com", 403),
            ("GET", "/version", "", 403),
            ("GET", "http://localhost/version", "evil.com", 200),
            ("GET", "/api/v1/namespaces/default/pods/nosuch", "localhost", 404),
            ("DELETE", "/api/v1/namespaces/default/pods/nosuch", "localhost", 404),
            ("GET", "/api/v1/namespaces/default/pods/web/exec", "localhost", 403),
            ("POST", "/api/v1/namespaces/default/pods/web/attach?x=1", "localhost", 403),
            ("GET", "/static/a.html", "localhost", 404),
            ("GET", "//version", "localhost", 301),
            ("POST", "/x/../version?a=b", "localhost", 301),
            ("GET", "/%zz", "localhost", 400),
        ],
    ),
    (
        &["proxy", "--www=www"],
        &[
            ("GET", "/static/a.html", "localhost", 200),
            ("HEAD", "/static/a.html", "localhost", 200),
            ("POST", "/static/a.html", "localhost", 200),
            ("GET", "/static/a.html", "evil.com", 200),
            ("GET", "/static/a.html/?q", "localhost", 301),
            ("GET", "/static/", "localhost", 200),
            ("GET", "/static", "localhost", 301),
            ("GET", "/static/sub", "localhost", 301),
            ("GET", "/static/sub/", "localhost", 200),
            ("GET", "/static/sub/index.html", "localhost", 301),
            ("GET", "/static/list/", "localhost", 200),
            ("GET", "/static/list/a%20b%26c.txt", "localhost", 200),
            ("GET", "/static/nosuch", "localhost", 404),
            ("GET", "/static/../version", "localhost", 301),
            ("GET", "/version", "localhost", 200),
        ],
    ),
    (
        &["proxy", "--www=www", "--www-prefix=/my/"],
        &[("GET", "/my/a.html", "localhost", 200), ("GET", "/my", "localhost", 301)],
    ),
    (
        &["proxy", "--api-prefix=/custom"],
        &[
            ("GET", "/custom/version", "localhost", 200),
            ("GET", "/version", "localhost", 404),
            ("GET", "/custom", "localhost", 301),
            ("GET", "/custom/api/v1/namespaces/default/pods/web/exec", "localhost", 403),
        ],
    ),
    (
        &["proxy", "--api-prefix=/api/"],
        &[("GET", "/api/v1/namespaces/default/pods/nosuch", "localhost", 404), ("GET", "/version", "localhost", 404)],
    ),
    (
        &["proxy", "--accept-paths=^/version$"],
        &[("GET", "/version?x=1", "localhost", 200), ("GET", "/versions", "localhost", 403)],
    ),
    (&["proxy", "--accept-paths="], &[("GET", "/version", "localhost", 403)]),
    (
        &["proxy", "--reject-paths=^/version,^/healthz"],
        &[
            ("GET", "/version", "localhost", 403),
            ("GET", "/healthz", "localhost", 403),
            ("GET", "/api/v1/namespaces/default/pods/web/attach", "localhost", 400),
        ],
    ),
    (
        &["proxy", "--reject-methods=POST,^PATCH$"],
        &[
            ("POST", "/version", "localhost", 403),
            ("PATCH", "/version", "localhost", 403),
            ("GET", "/version", "localhost", 200),
        ],
    ),
    (&["proxy", "--accept-hosts=^.*$"], &[("GET", "/version", "evil.com", 200), ("GET", "/version", "", 200)]),
    (&["proxy", "--accept-hosts="], &[("GET", "/version", "localhost", 403)]),
    (&["proxy", "--reject-paths="], &[("GET", "/api/v1/namespaces/default/pods/web/exec", "localhost", 400)]),
    (&["proxy", "--disable-filter"], &[("GET", "/version", "evil.com", 200)]),
];

#[test]
fn answers_as_kubectl_does() {
    let cluster = Cluster::new();
    let www = cluster.sandbox.work().join("www");
    for (path, text) in [("a.html", "<b>a</b>"), ("sub/index.html", "index"), ("list/a b&c.txt", "text")] {
        let path = www.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let real = kubectl().map(|program| cluster.kubectl(&program));
    for (flags, requests) in CASES {
        let start = |client: &Client| {
            let args: Vec<&str> = flags.iter().copied().chain(["--port=0"]).collect();
            let (running, line) = Running::start(client.command(&cluster, &args), false);
            let place = line.strip_prefix("Starting to serve on ").unwrap_or_else(|| panic!("{flags:?}: {line}"));
            (running, place.to_owned())
        };
        let (_ours, here) = start(&cluster.kctl());
        let theirs = real.as_ref().map(start);
        for (method, target, host, status) in *requests {
            let answer = ask(&here, method, target, host);
            let ours = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
            assert_eq!(ours, Some(*status), "{flags:?} {method} {target} {host}: {answer}");
            if let Some((_, there)) = &theirs {
                let other = ask(there, method, target, host);
                assert_eq!(seen(&answer), seen(&other), "{flags:?} {method} {target} {host}");
            }
        }
    }
}

/// A server whose URL has a path, which requests get only where that is asked for.
#[test]
fn the_path_of_the_server_is_put_before_theirs() {
    let cluster = Cluster::new();
    let (_behind, line) =
        Running::start(cluster.kctl().command(&cluster, &["proxy", "--port=0", "--api-prefix=/deep/er"]), false);
    let place = line.strip_prefix("Starting to serve on ").expect(&line).to_owned();
    let server = format!("--server=http://{place}/deep/er");
    let mut clients = vec![cluster.kctl()];
    clients.extend(kubectl().map(|program| cluster.kubectl(&program)));
    for client in clients {
        for (flag, target, status) in [
            ("--append-server-path", "/version", 200),
            ("--append-server-path", "/deep/er/version", 404),
            ("--append-server-path=false", "/version", 404),
            ("--append-server-path=false", "/deep/er/version", 200),
        ] {
            let args = ["proxy", "--port=0", flag, &server];
            let (_proxy, line) = Running::start(client.command(&cluster, &args), false);
            let place = line.strip_prefix("Starting to serve on ").expect(&line);
            let answer = ask(place, "GET", target, "localhost");
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{:?} {flag} {target}: {answer}",
                client.program
            );
        }
        let said = Running::start(client.command(&cluster, &["proxy", "--port=0", &server]), true).1;
        let hint = "Your kube context contains a server path /deep/er, use --append-server-path to automatically append the path to each request";
        assert!(said.starts_with('W') && said.ends_with(hint), "{said}");
    }
}

#[test]
fn listens_where_it_is_told() {
    let cluster = Cluster::new();
    let kctl = cluster.kctl();
    let socket = cluster.sandbox.work().join("socket");
    let path = socket.to_string_lossy();
    let place = format!("--unix-socket={path}");
    let args = ["proxy", "--keepalive=30s", &place];
    let (_proxy, line) = Running::start(kctl.command(&cluster, &args), false);
    assert_eq!(line, format!("Starting to serve on {path}"));
    let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("a connection");
    write!(stream, "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("asked");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("gitVersion"), "{text}");
    let (_proxy, line) = Running::start(kctl.command(&cluster, &["proxy", "--port=0", "--address=127.0.0.2"]), false);
    let place = line.strip_prefix("Starting to serve on ").expect(&line);
    assert!(place.starts_with("127.0.0.2:") && ask(place, "GET", "/version", "localhost").contains("gitVersion"));
    // A port in use, by this one.
    let port = place.rsplit(':').next().expect("a port");
    let taken = kctl.run(&cluster, &["proxy", "--address=127.0.0.2", &format!("--port={port}")], "");
    assert_eq!(taken.code, 1);
    assert!(taken.stderr.ends_with("bind: address already in use\n"), "{}", taken.stderr);
}
