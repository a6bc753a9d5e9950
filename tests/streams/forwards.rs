//! What `port-forward` listens on and refuses, and what becomes of it when its pod goes.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use super::bench::{Cluster, Running, kubectl, signal, until};
use super::common::Outcome;
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

#[test]
fn what_cannot_be_forwarded_is_said_as_kubectl_says_it() {
    let cluster = Cluster::new();
    let kctl = cluster.kctl();
    let real = kubectl().map(|program| cluster.kubectl(&program));
    kctl.ok(&cluster, &["create", "deployment", "none", "--image=nginx", "--replicas=0", "-o", "name"], "");
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = other.local_addr().expect("its address").port();
    let pair = format!("{taken}:80");
    let in_use = format!(
        "Unable to listen on port {taken}: Listeners failed to create with the following errors: [unable to create listener: Error listen tcp4 127.0.0.1:{taken}: bind: address already in use]\nerror: unable to listen on any of the requested ports: [{{{taken} 80}}]\n"
    );
    let help = "See 'kubectl port-forward -h' for help and examples\n";
    for (args, said) in [
        (&["--address=127.0.0.1", "pod/site", &pair][..], in_use.as_str()),
        (
            &["--address=192.0.2.1", "pod/site", ":80"],
            "Unable to listen on port 0: Listeners failed to create with the following errors: [unable to create listener: Error listen tcp4 192.0.2.1:0: bind: cannot assign requested address]\nerror: unable to listen on any of the requested ports: [{0 80}]\n",
        ),
        (&["--address=", "pod/site", ":80"], "error: you must specify at least 1 address\n"),
        (&["--address=nosuch", "pod/site", ":80"], "error: nosuch is not a valid IP\n"),
        (&["pod/site", ":https"], "error: Pod 'site' does not have a named port 'https'\n"),
        (&["service/site", "nosuch"], "error: Service 'site' does not have a named port 'nosuch'\n"),
        (&["service/site", "99"], "error: Service site does not have a service port 99\n"),
        (&["service/site", "talk"], "error: UDP protocol is not supported for talk\n"),
        (&["service/site", "1053:53"], "error: UDP protocol is not supported for 53\n"),
        (&["pod/site", "0"], "error: remote port must be > 0\n"),
        (&["pod/nosuch", "80"], "Error from server (NotFound): pods \"nosuch\" not found\n"),
        (
            &["--pod-running-timeout=0s", "pod/site", "80"],
            &format!("error: --pod-running-timeout must be higher than zero\n{help}"),
        ),
        (&["--pod-running-timeout=1s", "deployment/none", "80"], "error: timed out waiting for the condition\n"),
        (&["pod/site"], &format!("error: TYPE/NAME and list of ports are required for port-forward\n{help}")),
    ] {
        let args: Vec<&str> = ["port-forward"].iter().chain(args).copied().collect();
        let want = Outcome { stdout: String::new(), stderr: said.to_owned(), code: 1 };
        assert_eq!(kctl.run(&cluster, &args, ""), want, "{args:?}");
        if let Some(real) = &real {
            assert_eq!(real.run(&cluster, &args, ""), want, "kubectl {args:?}");
        }
    }
}

/// Browsers and load generators connect many times at once: they wait for no second attempt of their systems.
#[test]
fn many_may_wait_until_they_are_accepted() {
    let cluster = Cluster::new();
    let kctl = cluster.kctl();
    for args in [&["port-forward", "--address=127.0.0.1", "pod/site", ":80"][..], &["proxy", "--port=0"]] {
        let (running, line) = Running::start(kctl.command(&cluster, args), false);
        let place = if args[0] == "proxy" { line.rsplit(' ').next().expect(&line).to_owned() } else { place(&line) };
        // It accepts none of them for now.
        signal(&running.child, Signal::STOP);
        let address = place.parse().expect("an address");
        let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(900));
        let waiting: Vec<_> = (0..300).map(|_| connect().expect("a place to wait")).collect();
        signal(&running.child, Signal::CONT);
        drop(waiting);
        assert!(ask(&place, "GET", "/", "localhost").starts_with("HTTP/1.1 "), "{args:?}");
    }
}

#[test]
fn listens_on_every_address_that_it_can_have() {
    let cluster = Cluster::new();
    let mut clients = vec![cluster.kctl()];
    clients.extend(kubectl().map(|program| cluster.kubectl(&program)));
    for client in clients {
        let args = ["port-forward", "--address=127.0.0.1,127.0.0.3", "service/site", ":web"];
        let (mut forward, line) = Running::start(client.command(&cluster, &args), false);
        for (line, address) in [(line, "127.0.0.1:"), (forward.line(), "127.0.0.3:")] {
            let place = place(&line);
            assert!(place.starts_with(address) && ask(&place, "GET", "/", "localhost").contains("nginx"), "{line}");
        }
        // One port is in use, the other is not.
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let pair = format!("{}:80", taken.local_addr().expect("its address").port());
        let args = ["port-forward", "--address=127.0.0.1", "pod/site", &pair, ":http"];
        let (mut forward, line) = Running::start(client.command(&cluster, &args), false);
        assert!(ask(&place(&line), "GET", "/", "localhost").contains("nginx"), "{line}");
        assert!(forward.child.try_wait().expect("a state").is_none());
    }
}
