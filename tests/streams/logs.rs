//! Logs that are followed: how they end, and what a reader costs who takes his time.

use std::io::{BufRead as _, Read as _};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::bench::{Client, Cluster, Running, ended, kubectl, signal, until};
use super::servers::{Place, Server, answer_json};

/// kctl, and a real kubectl where there is one.
fn clients(cluster: &Cluster) -> Vec<Client> {
    let mut clients = vec![cluster.kctl()];
    clients.extend(kubectl().map(|program| cluster.kubectl(&program)));
    clients
}

#[test]
fn whoever_interrupts_it_gets_the_code_1() {
    let cluster = Cluster::new();
    for client in clients(&cluster) {
        for args in [&["logs", "-f", "web"][..], &["logs", "-f", "-l", "app=idle", "--prefix"]] {
            for asked in [Signal::INT, Signal::TERM] {
                let (mut running, line) = Running::start(client.command(&cluster, args), false);
                assert!(!line.is_empty(), "{args:?}");
                signal(&running.child, asked);
                assert_eq!(ended(&mut running.child), 1, "{:?} {args:?} {asked:?}", client.program);
            }
        }
        // What has no terminal of its own is ended by the signal, as any program is.
        if cluster.runs_processes() {
            for args in [&["exec", "web", "--", "sh", "-c", "echo up; sleep 60"][..], &["attach", "-q", "steady"]] {
                let (mut running, line) = Running::start(client.command(&cluster, args), false);
                assert!(!line.is_empty(), "{args:?}");
                signal(&running.child, Signal::INT);
                assert_eq!(ended(&mut running.child), -2, "{:?} {args:?}", client.program);
            }
        }
        let args = ["port-forward", "--address=127.0.0.1", "pod/site", ":80"];
        for (asked, code) in [(Signal::INT, 0), (Signal::TERM, -15)] {
            let (mut running, _) = Running::start(client.command(&cluster, &args), false);
            signal(&running.child, asked);
            assert_eq!(ended(&mut running.child), code, "{:?} {asked:?}", client.program);
        }
    }
}

#[test]
fn a_pod_that_vanishes_does_not_end_the_others() {
    let cluster = Cluster::new();
    let kctl = cluster.kctl();
    for client in clients(&cluster) {
        for name in ["gone", "stays"] {
            let pod = format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: pair}}}}\nspec: {{containers: [{{name: c, image: busybox, command: [sh, -c, \"while true; do echo tick; sleep 1; done\"]}}]}}"
            );
            kctl.ok(&cluster, &["apply", "-f", "-", "-o", "name"], &pod);
        }
        kctl.ok(
            &cluster,
            &["wait", "pod", "-l", "app=pair", "--for=condition=Ready", "--timeout=60s", "-o", "name"],
            "",
        );
        let args = ["logs", "-f", "-l", "app=pair", "--prefix", "--max-log-requests=2"];
        let (mut running, first) = Running::start(client.command(&cluster, &args), false);
        let mut seen = vec![first];
        while !["gone", "stays"].iter().all(|name| seen.iter().any(|line| line.contains(&format!("[pod/{name}/c]")))) {
            seen.push(running.line());
        }
        kctl.ok(&cluster, &["delete", "pod", "gone", "--now", "-o", "name"], "");
        until("the pod is gone", || kctl.run(&cluster, &["get", "pod", "gone"], "").code == 1);
        // What was written before is read first.
        let mut others = 0;
        while others < 3 {
            others = if running.line() == "[pod/stays/c] tick" { others + 1 } else { 0 };
        }
        assert!(running.child.try_wait().expect("a state").is_none());
        drop(running);
        kctl.ok(&cluster, &["delete", "pod", "-l", "app=pair", "--now", "-o", "name"], "");
    }
}

/// Bytes of the long log.
const LONG: usize = 96 << 20;

/// The most memory that a process has had, in KiB.
fn peak(child: &std::process::Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_slow_reader_costs_no_memory() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let line = format!("{}\n", "0123456789abcde".repeat(68));
    let piece = line.repeat(32);
    let server = Server::plain(move |head, stream| {
        if !head.contains("/log?") {
            let pod = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "namespace": "default"},
                "spec": {"containers": [{"name": "web", "image": "web"}]}, "status": {"phase": "Running"}});
            answer_json(stream, "200 OK", &pod);
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n");
        let mut left = LONG;
        while left > 0 {
            let piece = &piece.as_bytes()[..piece.len().min(left)];
            if stream.write_all(piece).is_err() {
                return;
            }
            left -= piece.len();
            count.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    let place = Place::new();
    place.config(&json!({"server": server.url()}), &json!({}));
    for (args, extra) in [(&["logs", "-f", "web"][..], 0), (&["logs", "-f", "web", "--prefix"], "[pod/web/web] ".len())]
    {
        sent.store(0, Ordering::Relaxed);
        let mut child = place.command(args).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut out = std::io::BufReader::with_capacity(1 << 16, child.stdout.take().expect("piped"));
        let mut first = String::new();
        out.read_line(&mut first).expect("a line");
        // Nobody reads, and so nobody sends.
        let mut before = usize::MAX;
        until("the server waits", || {
            std::thread::sleep(Duration::from_millis(300));
            let now = sent.load(Ordering::Relaxed);
            std::mem::replace(&mut before, now) == now
        });
        assert!(before < LONG / 2, "{before} bytes are on their way");
        let still = peak(&child);
        let mut total = first.len();
        let mut piece = vec![0; 1 << 16];
        while let Ok(count @ 1..) = out.read(&mut piece) {
            total += count;
            if (LONG / 2..LONG / 4 * 3).contains(&total) {
                assert!(peak(&child) < still.max(48 << 10) + (16 << 10), "{} KiB, {still} before", peak(&child));
            }
        }
        assert_eq!(ended(&mut child), 0, "{args:?}");
        let lines = LONG.div_ceil(line.len());
        assert_eq!(total, LONG + extra * lines, "{args:?}");
        // Where nobody reads any more at all, an interrupt still ends it.
        let mut child = place.command(args).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut out = child.stdout.take().expect("piped");
        out.read_exact(&mut [0; 9]).expect("something");
        std::thread::sleep(Duration::from_secs(1));
        signal(&child, Signal::INT);
        assert_eq!(ended(&mut child), 1, "{args:?}");
    }
}
