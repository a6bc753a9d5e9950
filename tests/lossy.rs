//! Commands on a network that drops, delays, repeats and loses: what they print is right or they say that something
//! went wrong, they end, and what was applied can be applied again. Over HTTP/2 and HTTP/1.1, both in TLS, and over
//! plain HTTP/1.1.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]
#![cfg(unix)]

mod common;
mod servers;

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::Outcome;
use common::home::{Home, Running};
use servers::lossy::{Fault, Lossy};

/// Config maps that are listed.
const MAPS: usize = 24;
/// A connection is held up for so long; nobody gives up on that account.
const LATE: Duration = Duration::from_millis(250);

/// A served cluster behind a bad network.
struct Network {
    home: Home,
    relay: Lossy,
    /// What a command needs to go that way.
    arguments: Vec<String>,
    http1: bool,
    _server: Running,
    _proxy: Option<Running>,
}

/// How the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Http2,
    Http1,
    Plain,
}

impl Network {
    fn new(way: Way) -> Self {
        let home = Home::new(&format!("lossy-{way:?}"));
        let config = home.0.join("config");
        let server = home.serve_with(&["--write-kubeconfig", config.to_str().expect("text")]);
        let text = std::fs::read_to_string(&config).expect("a kubeconfig");
        let mut address = text
            .lines()
            .find_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("server: "))
            .and_then(|url| url.trim().trim_matches('"').strip_prefix("https://").map(str::to_owned))
            .expect("a server");
        let mut proxy = None;
        if way == Way::Plain {
            let mut running = home.background(&["--kubeconfig", config.to_str().expect("text"), "proxy", "--port=0"]);
            let mut line = String::new();
            BufReader::new(running.0.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
            address = line.trim().rsplit(' ').next().expect("an address").to_owned();
            proxy = Some(running);
        }
        let relay = Lossy::before(&address);
        let scheme = if way == Way::Plain { "http" } else { "https" };
        let mut arguments = vec![format!("--server={scheme}://127.0.0.1:{}", relay.port)];
        if way == Way::Plain {
            std::fs::write(&config, "").expect("written");
        }
        arguments.push(format!("--kubeconfig={}", config.display()));
        Self { home, relay, arguments, http1: way == Way::Http1, _server: server, _proxy: proxy }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.args(&self.arguments);
        if self.http1 {
            command.env("DISABLE_HTTP2", "1");
        }
        command
    }

    fn run(&self, fault: Fault, args: &[&str], input: &str) -> Outcome {
        self.relay.set(fault);
        common::finish(self.command(args), input)
    }

    /// What a command prints where nothing goes wrong.
    fn good(&self, args: &[&str], input: &str) -> String {
        let outcome = self.run(Fault::None, args, input);
        assert_eq!(outcome.code, 0, "{args:?}: {}", outcome.stderr);
        outcome.stdout
    }
}

fn faults() -> Vec<Fault> {
    let mut faults = vec![Fault::Slow];
    // In the handshake, in the head of the answer, in its body.
    for at in [700, 2_600, 9_000] {
        faults.extend([Fault::Closed(at), Fault::Lost(at), Fault::Twice(at), Fault::Late(at, LATE)]);
    }
    faults
}

fn maps(change: usize) -> String {
    let mut text = String::new();
    for number in 0..MAPS {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{number:03}, labels: {{of: many}}}}\ndata: {{n: \"{number}\", change: \"{change}\", long: {}}}\n",
            "x".repeat(600)
        );
    }
    text
}

fn network(way: Way) {
    let network = Network::new(way);
    network.good(&["apply", "-f", "-"], &maps(0));
    let (mut right, mut told) = (0, 0);
    for args in [
        &["get", "configmaps", "-l", "of=many", "-o", "name", "--chunk-size=9"][..],
        &["get", "configmaps", "-l", "of=many", "-o", "json"],
    ] {
        let want = network.good(args, "");
        for fault in faults() {
            // Who waits for bytes that do not come waits for ever, unless they say how long.
            let args = &[args, &["--request-timeout=4s"]].concat();
            let Outcome { stdout, stderr, code } = network.run(fault, args, "");
            if code == 0 {
                assert!(stdout == want, "{way:?} {fault:?} {args:?}: {} of {} bytes", stdout.len(), want.len());
                right += 1;
            } else {
                assert!(!stderr.trim().is_empty(), "{way:?} {fault:?} {args:?}: nothing is said");
                assert!(!stderr.contains("panicked"), "{way:?} {fault:?} {args:?}: {stderr}");
                // Where nothing came, kubectl prints a list of nothing.
                let is_begun = want.starts_with(&stdout) || stdout.contains("\"items\": [],");
                assert!(is_begun, "{way:?} {fault:?} {args:?}: {stdout} is no beginning of what there is");
                told += 1;
            }
            let harmless = matches!(fault, Fault::Slow | Fault::Late(..));
            assert!(!harmless || code == 0, "{way:?} {fault:?} {args:?}: {stderr}");
        }
    }
    assert!(right > 5 && told > 5, "{way:?}: {right} were right, {told} told");
    // What was applied in part is applied again.
    for (change, fault) in faults().into_iter().enumerate().step_by(5) {
        let manifests = maps(change + 1);
        let Outcome { stdout, stderr, code } =
            network.run(fault, &["apply", "-f", "-", "--request-timeout=4s"], &manifests);
        assert!(code == 0 || !stderr.is_empty(), "{way:?} {fault:?}");
        let printed = stdout.lines().filter(|line| line.ends_with(" configured")).count();
        assert!(code != 0 || stdout.lines().count() == MAPS, "{way:?} {fault:?}: {printed} of {MAPS}: {stderr}");
        let again = network.good(&["apply", "-f", "-"], &manifests);
        let rest = again.lines().filter(|line| line.ends_with(" configured")).count();
        // What was acknowledged was done, once.
        assert!(printed + rest <= MAPS, "{way:?} {fault:?}: {printed} at first, {rest} again");
        let shown = "-o=jsonpath={range .items[*]}{.data.change},{end}";
        let changes = network.good(&["get", "configmaps", "-l", "of=many", shown], "");
        assert_eq!(changes, format!("{},", change + 1).repeat(MAPS), "{way:?} {fault:?}");
    }
    watches(&network, way);
    logs(&network, way);
    network.relay.set(Fault::None);
}

/// A watch prints events in their order, none twice and none left out, until it breaks; a wait goes on.
fn watches(network: &Network, way: Way) {
    for (number, fault) in [Fault::Closed(9_000), Fault::Lost(9_000), Fault::Twice(9_000), Fault::Late(5_000, LATE)]
        .into_iter()
        .enumerate()
    {
        let label = format!("watch{number}");
        network.relay.set(fault);
        let selector = format!("of={label}");
        let args = [
            "get",
            "configmaps",
            "-l",
            &selector,
            "-w",
            "--request-timeout=15s",
            "-o",
            "jsonpath={.metadata.name}{\"\\n\"}",
        ];
        let child = network.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut watch = Running(child);
        std::thread::sleep(Duration::from_millis(700));
        let mut text = String::new();
        for number in 0..40 {
            let _ = write!(
                text,
                "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: w{number:02}-{label}, labels: {{of: {label}}}}}\ndata: {{long: {}}}\n",
                "x".repeat(300)
            );
        }
        // Not through the relay.
        let file = network.home.0.join("watched.yaml");
        std::fs::write(&file, text).expect("written");
        network.home.kctl(&["create", "-f", file.to_str().expect("text")]);
        if matches!(fault, Fault::Late(..)) {
            std::thread::sleep(Duration::from_millis(1_500));
            let _ = watch.0.kill();
        }
        let begun = Instant::now();
        while watch.0.try_wait().expect("a state").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{way:?} {fault:?}: the watch does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let names: Vec<String> =
            BufReader::new(watch.0.stdout.take().expect("piped")).lines().map_while(Result::ok).collect();
        let want: Vec<String> = (0..40).map(|number| format!("w{number:02}-{label}")).collect();
        // What is no event is shown as an error without a name.
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
        assert!(want.starts_with(&names), "{way:?} {fault:?}: {names:?}");
        let all = matches!(fault, Fault::Late(..));
        assert!(names.len() >= if all { 40 } else { 1 }, "{way:?} {fault:?}: {names:?}");
    }
    // Each connection breaks soon; whoever waits asks again.
    network.relay.set(Fault::Closed(20_000));
    let before = network.relay.connections();
    let args = ["wait", "configmap/m003", "--for=jsonpath={.data.change}=done", "--timeout=60s"];
    let child = network.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    for number in 0..12 {
        std::thread::sleep(Duration::from_millis(60));
        let change = if number == 11 { "done".to_owned() } else { format!("{number}-{}", "y".repeat(3_000)) };
        let patch = format!("{{\"data\":{{\"change\":\"{change}\"}}}}");
        network.home.kctl(&["patch", "configmap", "m003", "--type=merge", "-p", &patch]);
    }
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "configmap/m003 condition met\n", "{way:?}: {said}");
    assert!(network.relay.connections() > before, "{way:?}");
}

/// Logs that are followed are whole lines of what there is, in their order.
fn logs(network: &Network, way: Way) {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: talks}\nspec:\n  restartPolicy: Never\n  containers:\n  - {name: c, image: busybox, command: [sh, -c, \"for i in $(seq 1 400); do echo line $i of many that are long enough; done\"]}\n";
    network.relay.set(Fault::None);
    if !network.good(&["get", "pods", "-o", "name"], "").contains("talks") {
        network.good(&["apply", "-f", "-"], pod);
        network.good(&["wait", "pod/talks", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"], "");
    }
    let want = network.good(&["logs", "talks"], "");
    assert!(want.lines().count() > 3, "{want}");
    for fault in faults().into_iter().step_by(2) {
        // Without TLS nobody can tell a text from one that lost something.
        if way == Way::Plain && matches!(fault, Fault::Lost(_) | Fault::Twice(_)) {
            continue;
        }
        let Outcome { stdout, stderr, code } = network.run(fault, &["logs", "-f", "talks", "--request-timeout=4s"], "");
        assert!(want.starts_with(&stdout), "{way:?} {fault:?}: {stdout}");
        assert!(code != 0 || stdout == want, "{way:?} {fault:?}: {} of {} bytes", stdout.len(), want.len());
        assert!(code == 0 || !stderr.is_empty(), "{way:?} {fault:?}");
    }
}

#[test]
fn a_bad_network_over_http2() {
    network(Way::Http2);
}

#[test]
fn a_bad_network_over_http1() {
    network(Way::Http1);
}

#[test]
fn a_bad_network_without_tls() {
    network(Way::Plain);
}
