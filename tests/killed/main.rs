//! A served cluster is killed again and again while clients write and watch, and so are short commands on a
//! shared folder. Afterwards all that was acknowledged is there, watches go on from where they were without a
//! gap or a repetition, no two Services share an address, and resource versions never go back.
//!
//! A few rounds by default, as many as `KCTL_KILLS` says otherwise.

#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and is told how long to go on"
)]

mod checks;
mod clients;
#[path = "../common/mod.rs"]
mod common;
mod server;
#[cfg(target_os = "linux")]
mod syscalls;

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use checks::{addresses, compare, replayed};
use clients::{Acknowledged, Watched, watch_until, write};
use common::home::Home;
use server::Server;

/// Clients that write at the same time.
const WRITERS: usize = 6;
/// Resources that are watched, each by so many.
const WATCHED: [&str; 2] = ["configmaps", "services"];

fn rounds() -> usize {
    std::env::var("KCTL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_loses_nothing() {
    let home = Home::new("killed-server");
    let mut chance = fastrand::Rng::with_seed(std::env::var("KCTL_SEED").map_or(7, |seed| seed.parse().unwrap()));
    let acknowledged: Vec<_> = (0..WRITERS).map(|_| Arc::new(Mutex::new(Acknowledged::default()))).collect();
    let mut watched: Vec<Watched> =
        WATCHED.iter().flat_map(|resource| [Watched::new(resource), Watched::new(resource)]).collect();
    let (mut newest, mut writes, mut events, begun) = (0, 0, 0, Instant::now());
    let rounds = rounds();
    for round in 0..=rounds {
        let server = Arc::new(Server::start(&home).await);
        // What is written now comes after all that anybody has seen.
        for resource in WATCHED {
            let mark = server.mark(resource, &format!("mark-{round}")).await;
            assert!(mark > newest, "round {round}: the resource version went back from {newest} to {mark}");
            newest = mark;
            // The watches of before go on, up to the mark.
            for watch in watched.iter_mut().filter(|watch| watch.resource == resource) {
                events += watch_until(&server, watch, Some(mark)).await;
            }
        }
        for watch in &watched {
            let (list, _) = server.list(watch.resource).await;
            compare(&replayed(watch), &list, &format!("round {round}: {} as a watch saw them", watch.resource));
            let all = acknowledged.iter().map(|one| one.lock().expect("no panic"));
            checks::acknowledged(all, watch, &list, round);
        }
        addresses(&server.list("services").await.0, round);
        if round == rounds {
            break;
        }
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (server, acknowledged) = (Arc::clone(&server), Arc::clone(&acknowledged[writer]));
                let chance = chance.fork();
                tokio::spawn(async move { write(&server, writer, &acknowledged, chance).await })
            })
            .collect();
        let going: Vec<_> = std::mem::take(&mut watched)
            .into_iter()
            .map(|mut watch| {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    watch_until(&server, &mut watch, None).await;
                    watch
                })
            })
            .collect();
        // In the middle of it all: after so many answers, and so long.
        let (enough, latest) = (chance.usize(1..80), Instant::now() + Duration::from_secs(3));
        while server.answered() < enough && Instant::now() < latest {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(chance.u64(..10_000))).await;
        server.kill();
        for writer in writers {
            let (done, last) = writer.await.expect("a writer");
            writes += done;
            newest = newest.max(last);
        }
        for watch in going {
            let watch = watch.await.expect("a watch");
            newest = newest.max(watch.revision);
            watched.push(watch);
        }
    }
    println!(
        "killed {rounds} times in {:.0} s: {writes} writes were acknowledged, {events} events came after a kill, none is missing",
        begun.elapsed().as_secs_f64()
    );
}

/// Eight write with a command each time, one of them is killed at some moment of each command.
#[test]
fn commands_that_are_killed_lose_nothing() {
    let home = Home::new("killed-commands");
    let kctl = |args: &[&str]| {
        let output = home.command(args).output().expect("kctl runs");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    kctl(&["get", "nodes"]);
    let (rounds, done) = (rounds(), std::sync::atomic::AtomicBool::new(false));
    let mut created: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..8)
            .map(|writer| {
                let (home, done) = (&home, &done);
                scope.spawn(move || {
                    let mut created = Vec::new();
                    for number in 0.. {
                        if done.load(std::sync::atomic::Ordering::Relaxed) && number > 0 {
                            break;
                        }
                        let name = format!("other-{writer}-{number}");
                        let output = home.command(&["create", "configmap", &name]).output().expect("kctl runs");
                        let said = String::from_utf8_lossy(&output.stderr);
                        assert!(output.status.success(), "{name}: {said}");
                        created.push(name);
                    }
                    created
                })
            })
            .collect();
        let mut chance = fastrand::Rng::with_seed(11);
        for round in 0..rounds {
            let name = format!("killed-{round}");
            let mut child = home.command(&["create", "service", "nodeport", &name, "--tcp=80"]);
            let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kctl runs");
            std::thread::sleep(Duration::from_millis(chance.u64(1..400)));
            child.kill().expect("can be killed");
            let output = child.wait_with_output().expect("it ended");
            if String::from_utf8_lossy(&output.stdout).contains("created") {
                created.push(name);
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for other in others {
            created.extend(other.join().expect("no panic"));
        }
    });
    let names = kctl(&["get", "configmaps,services", "-o", "name"]);
    let there: Vec<&str> = names.lines().filter_map(|line| line.split_once('/').map(|(_, name)| name)).collect();
    for name in &created {
        assert!(there.contains(&name.as_str()), "{name} was created and is not there");
    }
    let services: serde_json::Value =
        serde_json::from_str(&kctl(&["get", "services", "-A", "-o", "json"])).expect("JSON");
    addresses(services["items"].as_array().expect("items"), rounds);
    println!("killed {rounds} commands among others: {} objects were acknowledged, none is missing", created.len());
}
