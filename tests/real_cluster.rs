//! kctl against a whole cluster: the one that `KCTL_TEST_KUBECONFIG` names, and always the bundled one,
//! served by this program.
//!
//! ```text
//! KCTL_TEST_KUBECONFIG=~/.kube/config cargo test --test real_cluster -- --nocapture
//! ```
//!
//! Any conformant cluster of Kubernetes 1.33 or later will do whose current context may do everything:
//! `kind create cluster`, `minikube start`, `k3s server` (`/etc/rancher/k3s/k3s.yaml`). Everything happens
//! in namespaces of its own, which are deleted in the end, as is the little outside of them (a custom
//! resource definition, cluster roles, certificate requests; a node is cordoned for some seconds). Pods run
//! `nginx` and `busybox`. Where no node is ready, what needs pods is left out, and that is said.
//!
//! The scripts are in `tests/data/real_cluster/` (their form is told in `real_cluster/script.rs`); what has
//! to happen at the same time is in `real_cluster/live.rs`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says what it skips, and reads its switches from the environment"
)]

mod common;

#[path = "real_cluster/bench.rs"]
mod bench;
#[path = "real_cluster/live.rs"]
mod live;
#[path = "real_cluster/relay.rs"]
mod relay;
#[path = "real_cluster/script.rs"]
mod script;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bench::{Bench, Cluster, Running};
use script::{Need, Script};

/// Names the kubeconfig of the cluster to test with.
const KUBECONFIG: &str = "KCTL_TEST_KUBECONFIG";
/// The script that closes a node for a moment, and so runs when the others are done.
const LAST: &str = "nodes.txt";
/// How many parts run at once.
const AT_ONCE: usize = 4;

#[test]
fn a_cluster_that_is_there() {
    let Some(kubeconfig) = std::env::var_os(KUBECONFIG) else {
        eprintln!("NOT RUN: {KUBECONFIG} names no kubeconfig of a cluster to test with");
        return;
    };
    check(Path::new(&kubeconfig));
}

#[test]
fn the_bundled_cluster_served() {
    let folder = Folder::new();
    let kubeconfig = folder.0.join("kubeconfig");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kctl"));
    command.args(["offline", "serve", "--ephemeral", "--write-kubeconfig"]).arg(&kubeconfig).env_clear();
    command.env("HOME", &folder.0).env("PATH", "/usr/local/bin:/usr/bin:/bin").env("TZ", "UTC");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = Running(command.spawn().expect("kctl runs"));
    let mut said = BufReader::new(server.0.stderr.take().expect("its errors"));
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    assert!(line.starts_with("Serving at https://127.0.0.1:"), "{line}");
    check(&kubeconfig);
}

/// A folder, removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("kctl-serve-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder of its own");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs everything on one cluster.
fn check(kubeconfig: &Path) {
    let cluster = look(kubeconfig);
    let mut parts: Vec<Part> = scripts();
    parts.extend(live::PARTS.iter().map(|(name, needs, run)| Part {
        name: (*name).to_owned(),
        needs: needs.to_vec(),
        run: Box::new(|bench| {
            run(bench);
            Vec::new()
        }),
    }));
    if let Ok(only) = std::env::var("KCTL_TEST_ONLY") {
        parts.retain(|part| part.name.contains(&only));
    }
    let (last, parts): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| part.name == LAST);
    let faults = Mutex::new(Vec::new());
    for parts in [parts, last] {
        let queue = Mutex::new(parts.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(part) = { queue.lock().expect("a queue").next() } {
                        let found = part.check(&cluster);
                        faults.lock().expect("a list").extend(found);
                    }
                });
            }
        });
    }
    let faults = faults.into_inner().expect("a list");
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

/// One part of what is checked.
struct Part {
    name: String,
    needs: Vec<Need>,
    run: Box<dyn Fn(&Bench) -> Vec<String> + Send + Sync>,
}

impl Part {
    fn check(&self, cluster: &Cluster) -> Vec<String> {
        let missing = self.needs.iter().find_map(|need| match need {
            Need::Nodes => cluster.nodes.is_empty().then_some("no node is ready"),
            Need::Exec => (!cluster.exec).then_some("no process can be started in a container"),
        });
        if let Some(missing) = missing {
            eprintln!("SKIPPED {}: {missing}", self.name);
            return Vec::new();
        }
        let start = Instant::now();
        let run = std::panic::AssertUnwindSafe(|| {
            let bench = Bench::new(cluster, self.name.trim_end_matches(".txt"));
            (self.run)(&bench)
        });
        let found = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            vec![text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()]
        });
        eprintln!(
            "{}: {} in {:.1} s",
            self.name,
            if found.is_empty() { "ok" } else { "FAILED" },
            start.elapsed().as_secs_f32()
        );
        found.into_iter().map(|fault| format!("{}: {fault}", self.name)).collect()
    }
}

/// The scripts of the data folder.
fn scripts() -> Vec<Part> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/real_cluster");
    let files = std::fs::read_dir(&folder).expect("the folder of scripts");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let script = Script::parse(&std::fs::read_to_string(file).expect("a script"));
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        Part { name, needs: script.needs.clone(), run: Box::new(move |bench| script.run(bench)) }
    };
    let parts: Vec<Part> = files.iter().map(read).collect();
    assert!(parts.len() > 10, "{} scripts", parts.len());
    parts
}

/// Looks at a cluster: what it is, and what can be done with it.
fn look(kubeconfig: &Path) -> Cluster {
    let mut cluster = Cluster { kubeconfig: kubeconfig.to_owned(), nodes: Vec::new(), exec: false };
    {
        let bench = Bench::bare(&cluster, "look");
        let nodes = bench.ok(&["get", "nodes", "--no-headers"]);
        let ready = |line: &str| {
            let mut words = line.split_whitespace();
            words.next().filter(|_| words.next() == Some("Ready")).map(str::to_owned)
        };
        let nodes = nodes.lines().filter_map(ready).collect();
        drop(bench);
        cluster.nodes = nodes;
    }
    if cluster.nodes.is_empty() {
        eprintln!(
            "SKIPPED: what needs pods, for {} leads to a cluster without a node that is ready",
            kubeconfig.display()
        );
        return cluster;
    }
    let exec = {
        let bench = Bench::new(&cluster, "look");
        bench.ok(&["run", "box", "--image=busybox", "--restart=Never", "--", "sleep", "600"]);
        bench.ok(&["wait", "pod/box", "--for=condition=Ready", "--timeout=300s"]);
        let start = Instant::now();
        loop {
            let outcome = bench.run(&["exec", "box", "--", "true"], "");
            if outcome.code == 0 || start.elapsed() > Duration::from_secs(5) {
                if outcome.code != 0 {
                    eprintln!("no processes in containers: {}", outcome.stderr.trim());
                }
                break outcome.code == 0;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    cluster.exec = exec;
    cluster
}
