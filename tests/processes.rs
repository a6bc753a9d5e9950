//! Many processes on one state folder, with and without a server: nothing is lost, nobody waits in vain,
//! and a sudden end leaves a store that opens.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("kctl-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).expect("a home");
        Self(home)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kctl"));
        command.args(args).env_clear().env("HOME", &self.0).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    fn kctl(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("kctl runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kctl {args:?}: {}\n{out}{err}", output.status);
        out.into_owned()
    }

    fn background(&self, args: &[&str]) -> Running {
        Running(self.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kctl runs"))
    }

    fn serve(&self) -> Running {
        let server = self.background(&["offline", "serve"]);
        let start = Instant::now();
        while !self.kctl(&["offline", "status"]).contains("Served:   at ") {
            assert!(start.elapsed() < Duration::from_secs(20), "the server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Running(Child);

impl Running {
    /// The lines that it prints, as they come.
    fn lines(&mut self) -> mpsc::Receiver<String> {
        let (sender, receiver) = mpsc::channel();
        let out = self.0.stdout.take().expect("a pipe");
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        receiver
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One terminal watches pods while another scales: the first sees every new pod become ready.
fn a_watch_sees_what_another_process_does(home: &Home) {
    home.kctl(&["create", "deployment", "web", "--image=nginx"]);
    let mut watch = home.background(&["get", "pods", "-w"]);
    let lines = watch.lines();
    std::thread::sleep(Duration::from_millis(500));
    home.kctl(&["scale", "deployment/web", "--replicas=3"]);
    let (mut ready, start) = (BTreeSet::new(), Instant::now());
    while ready.len() < 3 {
        let left = Duration::from_secs(40).saturating_sub(start.elapsed());
        let line = lines.recv_timeout(left).unwrap_or_else(|_| panic!("only {ready:?} were seen to become ready"));
        if line.contains("1/1") && line.contains("Running") {
            ready.insert(line.split_whitespace().next().unwrap_or_default().to_owned());
        }
    }
}

#[test]
fn a_watch_sees_what_another_process_does_without_a_server() {
    a_watch_sees_what_another_process_does(&Home::new("watch"));
}

#[test]
fn a_watch_sees_what_another_process_does_with_a_server() {
    let home = Home::new("watch-served");
    let _server = home.serve();
    a_watch_sees_what_another_process_does(&home);
}

/// Twenty processes create ten objects each, all at once.
#[test]
fn twenty_processes_at_once_lose_nothing() {
    let home = Home::new("twenty");
    std::thread::scope(|scope| {
        for process in 0..20 {
            let home = &home;
            scope.spawn(move || {
                for number in 0..10 {
                    home.kctl(&["create", "configmap", &format!("c-{process}-{number}")]);
                }
            });
        }
    });
    let names = home.kctl(&["get", "configmaps", "-o", "name"]);
    let created = names.lines().filter(|name| name.starts_with("configmap/c-")).count();
    assert_eq!(created, 200, "{names}");
}

/// A process is killed at some moment of 200 writes: what it said it wrote is there, and the store opens.
#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let home = Home::new("killed");
    let manifests = home.0.join("many.yaml");
    let one = |number: u32| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\ndata: {{a: b}}\n");
    let text: Vec<String> = (0..200).map(one).collect();
    std::fs::write(&manifests, text.join("---\n")).expect("a file");
    let file = manifests.to_str().expect("text").to_owned();
    home.kctl(&["get", "nodes"]);
    let mut acknowledged = BTreeSet::new();
    for delay in [5, 20, 40, 80, 150, 300] {
        let mut writer = home.background(&["apply", "-f", &file]);
        let lines = writer.lines();
        std::thread::sleep(Duration::from_millis(delay));
        writer.0.kill().expect("can be killed");
        writer.0.wait().expect("ended");
        acknowledged.extend(lines.iter().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())));
        let there: BTreeSet<String> =
            home.kctl(&["get", "configmaps", "-o", "name"]).lines().map(str::to_owned).collect();
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "after {delay} ms: {lost:?} were acknowledged and are not there");
    }
    home.kctl(&["apply", "-f", &file]);
    assert_eq!(
        home.kctl(&["get", "configmaps", "-o", "name"]).lines().filter(|it| it.starts_with("configmap/c")).count(),
        200
    );
}
