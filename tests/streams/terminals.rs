//! Sessions in a terminal: sizes, signals, connections that break, and that the terminal is put back as it was.

use std::process::{Child, Command};
use std::time::Duration;

use super::bench::{Cluster, ended, signal, until};
use super::servers::terminal::Terminal;

/// A new one, of 101 columns and 33 rows.
pub fn sized() -> Terminal {
    let terminal = Terminal::new();
    terminal.resize(101, 33);
    terminal
}

impl Terminal {
    /// Starts a command that has this terminal, and is told of its changes as one in the foreground is.
    pub fn start(&self, mut command: Command) -> Child {
        let (input, output, talk) = (self.stream(), self.stream(), self.stream());
        command.stdin(input).stdout(output).stderr(talk).env("TERM", "xterm").spawn().expect("it starts")
    }

    /// Waits until it shows a text.
    pub fn shows(&self, text: &str) {
        until(&format!("{text:?} is shown"), || self.raw().contains(text));
    }
}

#[test]
fn a_terminal_is_handed_over_and_put_back() {
    use rustix::process::Signal;
    let cluster = Cluster::new();
    if !cluster.runs_processes() {
        return;
    }
    let kctl = cluster.kctl();
    let session = ["exec", "-it", "web", "--", "sh"];
    for (how, code) in [("exit", 5), ("terminate", 1), ("interrupt", 1), ("hang up", 1)] {
        let terminal = sized();
        let mut child = terminal.start(kctl.command(&cluster, &session));
        until("the terminal is taken over", || !terminal.is_usual());
        terminal.kind("stty size; echo a-$((1+1))\n");
        terminal.shows("33 101");
        terminal.shows("a-2");
        // The kernel tells only who controls the terminal.
        terminal.resize(77, 22);
        signal(&child, Signal::WINCH);
        std::thread::sleep(Duration::from_millis(300));
        terminal.kind("stty size\n");
        terminal.shows("22 77");
        match how {
            "exit" => terminal.kind("exit 5\n"),
            "terminate" => signal(&child, Signal::TERM),
            "interrupt" => signal(&child, Signal::INT),
            _ => signal(&child, Signal::HUP),
        }
        assert_eq!(ended(&mut child), code, "{how}: {}", terminal.raw());
        assert!(terminal.is_usual(), "{how}: the terminal is left raw");
    }
    // Keys are the command's: none of them leaves an exec.
    let terminal = sized();
    let mut child = terminal.start(kctl.command(
        &cluster,
        &[
            "exec",
            "-it",
            "web",
            "--",
            "sh",
            "-c",
            "stty -icanon -echo -ixon min 1; echo ready; dd bs=1 count=3 2>/dev/null | od -c",
        ],
    ));
    terminal.shows("ready");
    terminal.kind("\x10\x11\x10");
    terminal.shows("020 021 020");
    assert_eq!(ended(&mut child), 0);
    assert!(terminal.is_usual());
    // The server goes in the middle of it.
    let terminal = sized();
    let mut child = terminal.start(kctl.command(&cluster, &session));
    until("the terminal is taken over", || !terminal.is_usual());
    terminal.kind("echo b-$((1+1))\n");
    terminal.shows("b-2");
    drop(cluster);
    assert_eq!(ended(&mut child), 1);
    assert!(terminal.is_usual());
}

/// What is said before a session.
const PROMPT: &str = "All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\r\nIf you don't see a command prompt, try pressing enter.\r\n";

/// Sessions that begin with something else than `exec`: what is said, how they are left, and how they end.
#[test]
fn sessions_are_announced_left_and_ended() {
    let cluster = Cluster::new();
    if !cluster.runs_processes() {
        return;
    }
    let kctl = cluster.kctl();
    let resume = "Session ended, resume using 'kubectl attach talk -c talk -n default -i -t' command";
    let again = "may be reattached using 'kubectl attach web -c look -n default -i -t' if it is still running";
    let other = "Session ended, the ephemeral container will not be restarted but";
    let debug = &["debug", "-it", "web", "--image=busybox"];
    for (args, keys, code, end) in [
        (&["attach", "-it", "talk"][..], "\x10\x11", 0, vec![resume]),
        (&["attach", "-it", "talk", "--detach-keys=ctrl-x,x"], "\x18x", 0, vec![resume]),
        (&["exec", "-it", "web", "--detach-keys=ctrl-^", "--", "sh"], "\x1e", 0, vec![]),
        (&[&debug[..], &["-c", "look"]].concat(), "\x10\x11", 0, vec![other, again]),
        (&[&debug[..], &["-c", "peek", "--detach-keys=q"]].concat(), "q", 0, vec![other]),
        (&[&debug[..], &["-c", "done"]].concat(), "exit 3\n", 0, vec![other]),
        (
            &["run", "-it", "--rm", "once", "--image=busybox", "--restart=Never", "--", "sh"],
            "exit 3\n",
            3,
            vec![
                "Session ended, resume using 'kubectl attach once -c once -n default -i -t' command",
                "pod \"once\" deleted from default namespace",
                "pod default/once terminated (Error)",
            ],
        ),
        (
            &["run", "-it", "left", "--image=busybox", "--restart=Always", "--detach-keys=ctrl-t,q", "--", "sh"],
            "\x14q",
            0,
            vec!["Session ended, resume using 'kubectl attach left -c left -n default -i -t' command"],
        ),
        (
            &["run", "-it", "--rm", "well", "--image=busybox", "--restart=Never", "--", "sh"],
            "\x04",
            0,
            vec!["pod \"well\" deleted from default namespace"],
        ),
    ] {
        let terminal = sized();
        let mut child = terminal.start(kctl.command(&cluster, args));
        until("the terminal is taken over", || !terminal.is_usual());
        terminal.kind("stty size; echo a-$((1+1))\n");
        terminal.shows("33 101");
        terminal.shows("a-2");
        terminal.kind(keys);
        assert_eq!(ended(&mut child), code, "{args:?}: {}", terminal.raw());
        assert!(terminal.is_usual(), "{args:?}: the terminal is left raw");
        if let Some(last) = end.last() {
            terminal.shows(last);
        }
        let shown = terminal.raw().clone();
        assert_eq!(shown.contains(PROMPT), args[0] != "exec", "{args:?}: {shown}");
        let places: Vec<_> = end.iter().map(|line| shown.find(line)).collect();
        assert!(places.is_sorted() && !places.contains(&None), "{args:?}: {shown}");
    }
    for args in [
        &["exec", "-it", "web", "--detach-keys=nope", "--", "sh"][..],
        &["attach", "-it", "talk", "--detach-keys=nope"],
    ] {
        let terminal = sized();
        let mut child = terminal.start(kctl.command(&cluster, args));
        assert_eq!(ended(&mut child), 1, "{args:?}");
        terminal.shows("error: could not bind detach keys: Unknown character: 'nope'");
    }
}

/// Texts that would steer a terminal are shown, not sent, wherever lists, descriptions and messages come from the server.
#[test]
fn what_a_server_says_steers_no_terminal() {
    let cluster = Cluster::new();
    let kctl = cluster.kctl();
    let hostile = "a\u{1b}]0;title\u{7}b\u{9b}31mc\rd";
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "List", "items": [
            {
                "apiVersion": "v1", "kind": "Event", "metadata": {"name": "evil", "namespace": "default"},
                "involvedObject": {"kind": "Pod", "name": "web", "namespace": "default", "apiVersion": "v1"},
                "reason": format!("R{hostile}"), "message": format!("M{hostile}"), "type": "Warning",
                "source": {"component": hostile}, "count": 1,
                "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
            },
            {
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "evil", "annotations": {"note": hostile}}, "data": {"key": hostile},
            },
        ],
    });
    kctl.ok(&cluster, &["create", "-f", "-", "-o", "name"], &object.to_string());
    for args in [
        &["get", "events"][..],
        &["events"],
        &["get", "events", "-o", "wide"],
        &["describe", "configmap", "evil"],
        &["describe", "pod", "web"],
        &["get", "configmap", "evil", "-o", "yaml"],
        &["get", "configmap", "evil", "-o", "json"],
        &["get", "--raw", "/api/v1/namespaces/default/pods/a%1bb"],
        &["get", "configmap", "a\u{1b}b"],
    ] {
        let terminal = sized();
        let mut child = terminal.start(kctl.command(&cluster, args));
        ended(&mut child);
        std::thread::sleep(Duration::from_millis(100));
        let shown = terminal.raw().replace("\r\n", "\n");
        assert!(!shown.is_empty(), "{args:?}");
        let steering = shown.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(steering, None, "{args:?}: {shown:?}");
    }
    if cluster.runs_processes() {
        // What a process writes is its own business.
        let raw = kctl.ok(&cluster, &["exec", "web", "--", "printf", "a\\033[1mb"], "");
        assert_eq!(raw, "a\u{1b}[1mb");
    }
}
