//! `cp` that is cut off, what it says meanwhile, and the completion of its arguments.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;

use super::bench::{Cluster, ended, kubectl, signal, until};
use super::terminals::sized;

/// More than is copied before a test is through with it.
const HUGE: &str = "8G";

/// Kills the processes with these arguments: those in containers are seen from here.
fn kill(arguments: &[&str]) {
    let wanted: Vec<u8> = arguments.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
    for entry in std::fs::read_dir("/proc").expect("processes").map_while(Result::ok) {
        if std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| line == wanted)
            && let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Some(id) = rustix::process::Pid::from_raw(id)
        {
            rustix::process::kill_process(id, Signal::KILL).expect("killed");
        }
    }
}

#[test]
fn half_a_file_never_stays() {
    let mut cluster = Cluster::new();
    if !cluster.runs_processes() {
        return;
    }
    let kctl = cluster.kctl();
    // No other process has this name among its arguments.
    let huge = format!("/tmp/huge-{}", std::process::id());
    kctl.ok(&cluster, &["exec", "web", "--", "truncate", "-s", HUGE, &huge], "");
    let target = cluster.sandbox.work().join("huge");
    let some = || std::fs::metadata(&target).is_ok_and(|file| file.len() > 1 << 20);
    for how in ["interrupt", "terminate", "its tar is killed", "the server goes"] {
        let mut command = kctl.command(&cluster, &["cp", &format!("web:{huge}"), "huge"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        until("some of it has come", some);
        // Longer than it would take for progress to be shown.
        std::thread::sleep(Duration::from_millis(1200));
        let code = match how {
            "interrupt" => (signal(&child, Signal::INT), 1).1,
            "terminate" => (signal(&child, Signal::TERM), 1).1,
            "its tar is killed" => {
                kill(&["tar", "cf", "-", &huge]);
                137
            }
            _ => (cluster.kill(), 1).1,
        };
        let ended = ended(&mut child);
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut said).expect("text");
        assert!(!target.exists(), "{how}: half a file is left; {said}");
        assert!(said.contains("warning: \"huge\" did not come whole and is removed\n"), "{how}: {said}");
        assert!(!said.contains("copied,"), "{how}: progress is for terminals; {said}");
        assert_eq!(ended, code, "{how}: {said}");
    }
}

#[test]
fn progress_is_for_terminals() {
    let cluster = Cluster::new();
    if !cluster.runs_processes() {
        return;
    }
    let kctl = cluster.kctl();
    kctl.ok(&cluster, &["exec", "web", "--", "truncate", "-s", HUGE, "/tmp/huge"], "");
    let terminal = sized();
    let mut child = terminal.start(kctl.command(&cluster, &["cp", "web:/tmp/huge", "huge"]));
    terminal.shows(" copied, ");
    signal(&child, Signal::INT);
    assert_eq!(ended(&mut child), 1);
    terminal.shows("error: interrupted");
    assert!(!cluster.sandbox.work().join("huge").exists());
}

#[test]
fn what_is_missing_is_said_and_what_is_there_completed() {
    let cluster = Cluster::new();
    if !cluster.runs_processes() {
        return;
    }
    let kctl = cluster.kctl();
    kctl.ok(&cluster, &["exec", "web", "--", "mkdir", "-p", "/tmp/folder/inner"], "");
    kctl.ok(&cluster, &["exec", "-i", "web", "--", "sh", "-c", "cat > '/tmp/folder/a file'"], "text");
    for (typed, want) in [
        ("web:/tmp/fol", "web:/tmp/folder/\n"),
        ("default/web:/tmp/folder/", "default/web:/tmp/folder/a file\ndefault/web:/tmp/folder/inner/\n"),
        ("web:/tmp/folder/none", ""),
    ] {
        let shown = kctl.run(&cluster, &["__complete", "cp", typed], "");
        let candidates = shown.stdout.rsplit_once(':').map(|(candidates, _)| candidates);
        assert_eq!(candidates, Some(want), "{typed}: {shown:?}");
    }
    // kubectl does not always wait for how its tar ends, nor for all that it says.
    let missing = kctl.run(&cluster, &["cp", "web:/tmp/nosuch", "nosuch"], "");
    assert_eq!((missing.code, missing.stderr.as_str()), (2, "command terminated with exit code 2\n"));
    assert!(missing.stdout.contains("/tmp/nosuch: Cannot stat: No such file or directory\n"), "{}", missing.stdout);
    assert!(!cluster.sandbox.work().join("nosuch").exists());
    if let Some(program) = kubectl() {
        let theirs = cluster.kubectl(&program).run(&cluster, &["cp", "web:/tmp/nosuch", "nosuch"], "");
        assert!(missing.stdout.starts_with(&theirs.stdout), "{}", theirs.stdout);
    }
}
