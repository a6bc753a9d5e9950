//! Sessions in containers: `exec`, `attach`, `run` and `debug` with `-it`, against a served cluster.

use super::pty::Terminal;
use crate::bench::Cluster;

/// What happens in a session: something is typed, or waited for.
enum Step {
    Type(&'static str),
    Sees(&'static str),
    Resize(u16, u16),
}
use Step::{Resize, Sees, Type};

/// Goes through a session; its exit code and what was shown.
fn session(cluster: &Cluster, args: &[&str], steps: &[Step]) -> Option<(i32, String)> {
    let terminal = Terminal::start(&cluster.kctl().command(cluster, args))?;
    terminal.taken_over();
    for step in steps {
        match step {
            Type(keys) => terminal.kind(keys),
            Sees(text) => terminal.shows(text),
            Resize(columns, rows) => terminal.resize(*columns, *rows),
        }
    }
    Some(terminal.end())
}

#[test]
fn exec_is_a_terminal_in_the_container() {
    let cluster = Cluster::new();
    if !cluster.runs_processes() {
        return;
    }
    let shell = ["exec", "-it", "web", "--", "sh"];
    // The size, and another one; what is typed is shown once.
    let steps = [
        Type("stty size\r"),
        Sees("33 101"),
        Resize(77, 22),
        Type("sleep 0.3; stty size\r"),
        Sees("22 77"),
        Type("exit 7\r"),
    ];
    let Some((code, shown)) = session(&cluster, &shell, &steps) else { return };
    assert_eq!(code, 7, "{shown}");
    assert!(shown.ends_with("command terminated with exit code 7\n"), "{shown}");
    // The end of input ends the shell.
    let (code, shown) =
        session(&cluster, &shell, &[Type("echo a-$((1+1))\r"), Sees("a-2"), Type("\u{4}")]).expect("so");
    assert_eq!(code, 0, "{shown}");
    // Ctrl-C is the container's, and the session goes on.
    let steps = [
        Type("sleep 100\r"),
        Sees("sleep 100"),
        Type("\u{3}"),
        Type("echo still-$((2+1))\r"),
        Sees("still-3"),
        Type("exit\r"),
    ];
    let (_, shown) = session(&cluster, &shell, &steps).expect("so");
    assert!(!shown.contains("error:"), "{shown}");
}

#[test]
fn run_and_attach_and_debug_are_sessions() {
    let cluster = Cluster::new();
    if !cluster.runs_processes() {
        return;
    }
    // A pod of one's own, gone with the session.
    let args = ["run", "once", "-it", "--rm", "--image=busybox", "--restart=Never", "--", "sh"];
    let steps = [Type("\r"), Type("echo here-$((1+1))\r"), Sees("here-2"), Type("exit 3\r")];
    let Some((code, shown)) = session(&cluster, &args, &steps) else { return };
    assert_eq!(code, 3, "{shown}");
    assert!(shown.contains("pod \"once\" deleted"), "{shown}");
    let left = cluster.kctl().run(&cluster, &["get", "pod", "once"], "");
    assert_eq!(left.stderr, "Error from server (NotFound): pods \"once\" not found\n");
    // A process that is there already.
    let kept = ["run", "kept", "-i", "-t", "--attach=false", "--image=busybox", "--restart=Never", "--", "sh"];
    cluster.kctl().ok(&cluster, &kept, "");
    cluster.kctl().ok(&cluster, &["wait", "pod/kept", "--for=condition=Ready", "--timeout=30s"], "");
    let steps = [Type("echo there-$((2+2))\r"), Sees("there-4"), Type("exit\r")];
    let (code, shown) = session(&cluster, &["attach", "kept", "--stdin", "--tty"], &steps).expect("so");
    assert_eq!(code, 0, "{shown}");
    // A container beside others.
    let args = ["debug", "web", "-it", "--image=busybox", "--profile=general", "--", "sh"];
    let steps = [Type("\r"), Type("echo beside-$((3+3))\r"), Sees("beside-6"), Type("exit\r")];
    let (code, shown) = session(&cluster, &args, &steps).expect("so");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Defaulting debug container name to debugger-"), "{shown}");
}
