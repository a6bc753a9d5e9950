//! Streams as users meet them: exec, attach, cp, port-forward, logs and proxy against `kctl offline serve`, by kctl and
//! by a real kubectl (on PATH, or the one that `KUBECTL` names), over websockets and over SPDY.
//!
//! Without a kubectl its part is left out, and said.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it skips, and reads its switches from the environment"
)]
#![cfg(target_os = "linux")]

mod bench;
#[path = "../common/mod.rs"]
mod common;
mod copies;
mod forwards;
mod logs;
mod proxies;
#[path = "../servers/mod.rs"]
mod servers;
mod terminals;
mod through_proxies;

use bench::{Client, Cluster, Running, kubectl};
use common::Outcome;

/// Everything that a client does with streams.
fn streams(cluster: &Cluster, client: &Client) {
    if cluster.runs_processes() {
        exec(cluster, client);
        copies(cluster, client);
        attach(cluster, client);
    }
    logs(cluster, client);
    forward(cluster, client);
}

#[test]
fn kctl_over_websockets() {
    let cluster = Cluster::new();
    streams(&cluster, &cluster.kctl());
    proxy(&cluster, &cluster.kctl());
}

#[test]
fn kctl_where_websockets_are_refused() {
    let cluster = Cluster::new();
    for status in ["403 Forbidden", "400 Bad Request"] {
        let mut client = cluster.kctl();
        let (_proxy, relay) = cluster.refusing(&mut client, status);
        if status.starts_with("403") {
            streams(&cluster, &client);
        } else {
            exec(&cluster, &client);
            forward(&cluster, &client);
        }
        assert!(relay.refused() > 3, "{status}: no websocket was asked for");
    }
}

#[test]
fn kubectl_over_websockets() {
    let Some(program) = kubectl() else { return };
    let cluster = Cluster::new();
    let client = cluster.kubectl(&program);
    streams(&cluster, &client);
    proxy(&cluster, &client);
}

#[test]
fn kubectl_over_spdy() {
    let Some(program) = kubectl() else { return };
    let cluster = Cluster::new();
    let mut client = cluster.kubectl(&program);
    client.variables =
        vec![("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false"), ("KUBECTL_PORT_FORWARD_WEBSOCKETS", "false")];
    streams(&cluster, &client);
}

fn outcome(stdout: &str, stderr: &str, code: i32) -> Outcome {
    Outcome { stdout: stdout.into(), stderr: stderr.into(), code }
}

/// Commands in containers: their streams and their ends.
fn exec(cluster: &Cluster, client: &Client) {
    let long = "0123456789abcdef\n".repeat(60_000);
    let defaulted = "Defaulted container \"first\" out of: first, second\n";
    for (args, input, want) in [
        (&["web", "--", "sh", "-c", "echo out; echo err >&2"][..], "", outcome("out\n", "err\n", 0)),
        (&["web", "--", "sh", "-c", "exit 3"], "", outcome("", "command terminated with exit code 3\n", 3)),
        (&["web", "--", "sh", "-c", "kill -9 $$"], "", outcome("", "command terminated with exit code 137\n", 137)),
        // Without -i there is no input; with it, all of it, and its end.
        (&["web", "--", "cat"], "lost", outcome("", "", 0)),
        (&["-i", "web", "--", "cat"], "", outcome("", "", 0)),
        (&["-i", "web", "--", "cat"], &long, outcome(&long, "", 0)),
        (&["-i", "web", "--", "head", "-c", "3"], &long, outcome("012", "", 0)),
        (
            &["-it", "web", "--", "echo", "hi"],
            "",
            outcome("hi\n", "Unable to use a TTY - input is not a terminal or the right kind of file\n", 0),
        ),
        (&["duo", "--", "echo", "hi"], "", outcome("hi\n", defaulted, 0)),
        (&["duo", "-q", "--", "echo", "hi"], "", outcome("hi\n", "", 0)),
        (&["duo", "-c", "second", "--", "echo", "hi"], "", outcome("hi\n", "", 0)),
        (&["chosen", "--", "echo", "hi"], "", outcome("hi\n", "", 0)),
        (&["svc/site", "--", "hostname"], "", outcome("site\n", "", 0)),
    ] {
        let args: Vec<&str> = ["exec"].iter().chain(args).copied().collect();
        let got = client.run(cluster, &args, input);
        assert!(got == want, "{args:?}: {} {:?} {}", got.code, got.stderr, got.stdout.len());
    }
    // A process that ends while its output is on its way loses none of it.
    let many = client.ok(cluster, &["exec", "web", "--", "head", "-c", "3000000", "/dev/zero"], "");
    assert_eq!(many.len(), 3_000_000);
}

/// Files there and back, singly, as folders, and through pipes.
fn copies(cluster: &Cluster, client: &Client) {
    let work = cluster.sandbox.work();
    let source = work.join("source");
    let _ = std::fs::remove_dir_all(&source);
    std::fs::create_dir_all(source.join("deep/er")).expect("folders");
    std::fs::write(source.join("deep/er/a file"), "content").expect("a file");
    std::fs::write(source.join("large"), "0123456789abcdef\n".repeat(60_000)).expect("a file");
    client.ok(cluster, &["cp", "source", "web:/tmp"], "");
    client.ok(cluster, &["cp", "source/large", "default/web:/tmp/other", "-c", "web"], "");
    let same = |ours: &str, theirs: &str| {
        let read = |path: &str| std::fs::read(work.join(path)).expect(path);
        assert!(read(ours) == read(theirs), "{ours} {theirs}");
    };
    for retries in ["--retries=0", "--retries=2"] {
        let _ = std::fs::remove_dir_all(work.join("back"));
        assert_eq!(client.run(cluster, &["cp", retries, "web:/tmp/source", "back"], "").code, 0);
        same("source/large", "back/large");
        same("source/deep/er/a file", "back/deep/er/a file");
        assert_eq!(client.run(cluster, &["cp", retries, "web:/tmp/other", "other"], "").code, 0);
        same("source/large", "other");
    }
    // A pipe each way.
    let text = "through a pipe\n".repeat(10_000);
    client.ok(cluster, &["exec", "-i", "web", "--", "sh", "-c", "cat > /tmp/piped"], &text);
    assert_eq!(client.ok(cluster, &["exec", "web", "--", "cat", "/tmp/piped"], ""), text);
    let missing = client.run(cluster, &["cp", "nosuch", "web:/tmp"], "");
    assert_eq!(missing, outcome("", "error: nosuch doesn't exist in local filesystem\n", 1));
}

/// A container's own process, and that what it writes is in its log.
fn attach(cluster: &Cluster, client: &Client) {
    // The pod ends with its process: whoever comes next gets another one.
    let fresh = [&["delete", "pod", "box", "--now"][..], &["apply", "-f", "-"]];
    let pods = include_str!("pods.yaml");
    let pod = pods.split("---\n").find(|part| part.contains("name: box}")).expect("a pod");
    for args in fresh {
        assert_eq!(cluster.kctl().run(cluster, args, pod).code, 0);
    }
    cluster.kctl().ok(cluster, &["wait", "pod/box", "--for=condition=Ready", "--timeout=60s", "-o", "name"], "");
    let attached = client.run(cluster, &["attach", "-q", "-i", "box"], "one\ntwo\n");
    assert_eq!(attached, outcome("got one\ngot two\nend\n", "", 0));
    assert_eq!(client.ok(cluster, &["logs", "box"], ""), "got one\ngot two\nend\n");
    let ended = client.run(cluster, &["attach", "box"], "");
    let phase = "error: cannot attach a container in a completed pod; current phase is Succeeded\n";
    assert_eq!(ended, outcome("", phase, 1));
}

/// Logs of one and of many, as they are and as they grow.
fn logs(cluster: &Cluster, client: &Client) {
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join("\n")
    };
    assert_eq!(client.ok(cluster, &["logs", "-f", "count"], ""), "line 1\nline 2\nline 3\nline 4\n");
    // Those that end early do not end the others.
    let all = client.ok(cluster, &["logs", "-f", "-l", "app=count", "--prefix", "--tail=-1"], "");
    let want: Vec<String> = [("count", 4), ("more", 6)]
        .into_iter()
        .flat_map(|(pod, lines)| (1..=lines).map(move |line| format!("[pod/{pod}/count] line {line}")))
        .collect();
    assert_eq!(sorted(all), want.join("\n"));
    for (args, want) in [
        (&["count", "--tail=2"][..], "line 3\nline 4"),
        (&["count", "--since=1h", "--limit-bytes=9"], "li\nline 1"),
        (&["duo", "-c", "second"], "two"),
        (&["duo", "second"], "two"),
        (&["chosen"], "two"),
        (&["duo", "--all-containers"], "one\ntwo"),
        (&["duo", "--all-containers", "--prefix"], "[pod/duo/first] one\n[pod/duo/second] two"),
        (&["-l", "app=count", "--tail=1"], "line 4\nline 6"),
        (
            &["-l", "app=count", "-c", "count", "--tail=1", "--prefix"],
            "[pod/count/count] line 4\n[pod/more/count] line 6",
        ),
    ] {
        let args: Vec<&str> = ["logs"].iter().chain(args).copied().collect();
        assert_eq!(sorted(client.ok(cluster, &args, "")), want, "{args:?}");
    }
    let stamped = client.ok(cluster, &["logs", "web", "--timestamps"], "");
    assert!(stamped.starts_with("20") && stamped.ends_with("Z up\n"), "{stamped}");
    for (args, want) in [
        (
            &["-f", "-l", "app=count", "--max-log-requests=1"][..],
            "error: you are attempting to follow 2 log streams, but maximum allowed concurrency is 1, use --max-log-requests to increase the limit\n",
        ),
        (
            &["web", "--previous"],
            "Error from server (BadRequest): previous terminated container \"web\" in pod \"web\" not found\n",
        ),
    ] {
        let args: Vec<&str> = ["logs"].iter().chain(args).copied().collect();
        assert_eq!(client.run(cluster, &args, ""), outcome("", want, 1), "{args:?}");
    }
    let ignored = client.run(cluster, &["logs", "-l", "app=idle", "--previous", "--ignore-errors"], "");
    assert_eq!((ignored.code, ignored.stderr.contains("Defaulted container")), (0, true), "{ignored:?}");
    assert_eq!(ignored.stdout.matches("error: previous terminated container").count(), 2, "{ignored:?}");
}

/// HTTP through a port, by many at once.
fn forward(cluster: &Cluster, client: &Client) {
    for (target, port) in [("pod/site", ":80"), ("site", ":http"), ("service/site", ":web")] {
        let args = ["port-forward", "--address=127.0.0.1", target, port];
        let (_forward, line) = Running::start(client.command(cluster, &args), false);
        let place = line.strip_prefix("Forwarding from ").and_then(|rest| rest.strip_suffix(" -> 80")).expect(&line);
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    let answer = proxies::ask(place, "GET", "/", "localhost");
                    assert!(answer.contains("Welcome to nginx!"), "{target}: {answer}");
                });
            }
        });
    }
    let refused = client.run(cluster, &["port-forward", "service/site", "53"], "");
    assert_eq!(refused, outcome("", "error: UDP protocol is not supported for 53\n", 1));
}

/// The API on a port of this machine.
fn proxy(cluster: &Cluster, client: &Client) {
    let (_proxy, line) = Running::start(client.command(cluster, &["proxy", "--port=0"]), false);
    let place = line.strip_prefix("Starting to serve on ").expect(&line);
    let answer = proxies::ask(place, "GET", "/api/v1/namespaces/default/pods/web", "localhost");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"uid\""), "{answer}");
    let (_open, line) = Running::start(client.command(cluster, &["proxy", "--port=0", "--disable-filter"]), false);
    let open = line.strip_prefix("Starting to serve on ").expect(&line);
    if !cluster.runs_processes() {
        return;
    }
    for (place, want) in [(place, outcome("", "error: Internal error occurred: \n", 1)), (open, outcome("hi\n", "", 0))]
    {
        let server = format!("--server=http://{place}");
        for program in [cluster.kctl(), cluster.kubectl(&client.program)] {
            let got = program.run(cluster, &[&server, "exec", "web", "--", "echo", "hi"], "");
            assert_eq!((got.stdout.as_str(), got.code), (want.stdout.as_str(), want.code), "{}", got.stderr);
        }
    }
}
