//! Many processes on one state folder, with and without a server: nothing is lost, nobody waits in vain,
//! and a sudden end leaves a store that opens.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::home::{Home, Running};

/// The lines that a process prints, as they come.
fn lines(running: &mut Running) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let out = running.0.stdout.take().expect("a pipe");
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// One terminal watches pods while another scales: the first sees every new pod become ready.
fn a_watch_sees_what_another_process_does(home: &Home) {
    home.kctl(&["create", "deployment", "web", "--image=nginx"]);
    let mut watch = home.background(&["get", "pods", "-w"]);
    let lines = lines(&mut watch);
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

/// A hundred processes at once, again and again, on one folder that is new: each creates two objects, and some list,
/// scale and delete meanwhile.
fn a_hundred_processes_lose_nothing(home: &Home) {
    std::thread::scope(|scope| {
        for process in 0..100 {
            scope.spawn(move || {
                for number in 0..2 {
                    home.kctl(&["create", "configmap", &format!("c-{process}-{number}")]);
                }
                match process % 10 {
                    0 => drop(home.kctl(&["get", "configmaps", "-o", "json"])),
                    1 => drop(home.kctl(&["delete", "configmap", &format!("c-{process}-1")])),
                    2 => drop(home.kctl(&["label", "configmap", &format!("c-{process}-0"), "a=b"])),
                    _ => {}
                }
            });
        }
    });
    let names = home.kctl(&["get", "configmaps", "-o", "name"]);
    let created = names.lines().filter(|name| name.starts_with("configmap/c-")).count();
    assert_eq!(created, 200 - 10, "{names}");
    let labelled = home.kctl(&["get", "configmaps", "-l", "a=b", "-o", "name"]);
    assert_eq!(labelled.lines().count(), 10, "{labelled}");
    // One of them made the cluster, and only one.
    assert_eq!(home.kctl(&["get", "nodes", "-o", "name"]).lines().count(), 3);
}

#[test]
fn a_hundred_processes_at_once_lose_nothing() {
    a_hundred_processes_lose_nothing(&Home::new("hundred"));
}

#[test]
fn a_hundred_clients_of_a_server_lose_nothing() {
    let home = Home::new("hundred-served");
    let _server = home.serve();
    a_hundred_processes_lose_nothing(&home);
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
        let lines = lines(&mut writer);
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
