//! What becomes of `port-forward` when its pod goes.

use std::time::Duration;

use super::bench::{Cluster, Running, until};
use super::proxies::ask;

/// The place that a line names.
fn place(line: &str) -> String {
    line.strip_prefix("Forwarding from ").and_then(|rest| rest.split(' ').next()).expect(line).to_owned()
}

#[test]
fn a_pod_that_goes_ends_it() {
    let cluster = Cluster::new();
    let kctl = cluster.kctl();
    let mut command = kctl.command(&cluster, &["port-forward", "--address=127.0.0.1", "pod/site", ":80", ":81"]);
    let errors = cluster.sandbox.work().join("errors");
    command.stderr(std::fs::File::create(&errors).expect("a file"));
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let child = command.spawn().expect("it starts");
    let mut forward = Running::of(child);
    let (open, closed) = (place(&forward.line()), place(&forward.line()));
    // A port where nobody listens ends its own connection alone.
    assert_eq!(ask(&closed, "GET", "/", "localhost"), "");
    assert!(ask(&open, "GET", "/", "localhost").contains("Welcome to nginx!"));
    kctl.ok(&cluster, &["delete", "pod", "site", "--now", "-o", "name"], "");
    until("the pod is gone", || kctl.run(&cluster, &["get", "pod", "site"], "").code == 1);
    assert_eq!(ask(&open, "GET", "/", "localhost"), "");
    until("it ends", || forward.child.try_wait().expect("a state").is_some());
    assert_eq!(forward.child.wait().expect("ended").code(), Some(1));
    let said = std::fs::read_to_string(errors).expect("errors");
    assert!(said.ends_with("error: lost connection to pod\n"), "{said}");
    assert!(said.contains("an error occurred forwarding"), "{said}");
}

#[test]
fn with_reconnect_the_next_pod_takes_over() {
    let cluster = Cluster::new();
    let kctl = cluster.kctl();
    kctl.ok(&cluster, &["create", "deployment", "front", "--image=nginx", "--port=80", "-o", "name"], "");
    kctl.ok(&cluster, &["expose", "deployment", "front", "--port=8080", "--target-port=80", "-o", "name"], "");
    kctl.run(&cluster, &["rollout", "status", "deployment/front"], "");
    for target in ["deployment/front", "service/front"] {
        let port = if target.starts_with('s') { ":8080" } else { ":80" };
        let args = ["port-forward", "--address=127.0.0.1", "--reconnect", target, port];
        let (mut forward, line) = Running::start(kctl.command(&cluster, &args), false);
        let place = place(&line);
        for _ in 0..2 {
            assert!(ask(&place, "GET", "/", "localhost").contains("Welcome to nginx!"), "{target}");
            kctl.ok(&cluster, &["delete", "pod", "-l", "app=front", "--now", "-o", "name"], "");
            // The port stays open, and whoever asks meanwhile gets an answer.
            until("an answer", || {
                std::thread::sleep(Duration::from_millis(100));
                ask(&place, "GET", "/", "localhost").contains("Welcome to nginx!")
            });
        }
        assert!(forward.child.try_wait().expect("a state").is_none());
    }
}
