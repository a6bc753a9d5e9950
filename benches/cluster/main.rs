//! What the bundled cluster carries: pods from their Deployments to Running, and single objects; see
//! `benches/README.md`.

#![allow(clippy::disallowed_methods, reason = "the environment and the system say how much there is")]

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kctl::backend::{Handle, Options};
use kctl::object::clock::Clock;
use kctl::object::{Meta, Object, Timestamp};
use serde_json::json;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// A kubelet takes so many pods.
const PODS_PER_NODE: usize = 110;
/// Simulated seconds after which pods that do not run are not waited for.
const PATIENCE: i64 = 600;

/// What is asked for on the command line.
struct Asked {
    pods: Vec<usize>,
    /// Pods of one Deployment.
    each: usize,
    /// Whether each Deployment has a Service.
    services: bool,
    /// The store: on disk, or in memory.
    memory: bool,
    /// How many single objects are created and read.
    singles: usize,
    /// Pods a second below which the bench fails.
    least: f64,
    /// Megabytes above which it fails.
    most: f64,
}

fn main() -> Fallible<()> {
    let mut asked = Asked {
        pods: vec![5_000, 20_000],
        each: 100,
        services: false,
        memory: false,
        singles: 20_000,
        least: 0.0,
        most: f64::INFINITY,
    };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--pods" => asked.pods = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--each" => asked.each = value.parse()?,
            "--services" => asked.services = value.parse()?,
            "--memory" => asked.memory = value.parse()?,
            "--singles" => asked.singles = value.parse()?,
            "--least" => asked.least = value.parse()?,
            "--most" => asked.most = value.parse()?,
            _ => return Err(format!("unknown flag {flag}").into()),
        }
    }
    say("what                        count   seconds   a second   peak MB   store MB")?;
    singles(&asked)?;
    for count in &asked.pods {
        pods(&asked, *count)?;
    }
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

fn report(what: &str, count: usize, took: Duration, store: Option<u64>) -> Fallible<(f64, f64)> {
    let (rate, peak) = (count as f64 / took.as_secs_f64(), peak()?);
    let store = store.map_or(String::new(), |bytes| format!("{:.1}", bytes as f64 / 1e6));
    say(&format!("{what:<24}{count:>9}{:>10.2}{rate:>11.0}{peak:>10.1}{store:>11}", took.as_secs_f64()))?;
    Ok((rate, peak))
}

/// The most memory that this process had since [`forget_peak`], in megabytes; 0 where the system does not say.
fn peak() -> io::Result<f64> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return Ok(0.0) };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0.0);
    Ok(kibibytes * 1024.0 / 1e6)
}

/// Measures the peak anew, where the system lets us.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A folder that goes when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("kctl-bench-cluster-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn size(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

fn open(folder: &Folder, asked: &Asked, nodes: usize) -> Fallible<(Handle, Clock)> {
    let clock = Clock::manual("2026-01-01T00:00:00Z".parse::<Timestamp>()?);
    let dir = (!asked.memory).then(|| folder.0.clone());
    let options = Options { dir, clock: clock.clone(), seed: Some(1), nodes, disabled: Default::default() };
    Ok((kctl::backend::open(options)?, clock))
}

/// Creates and reads single objects, each in a transaction of its own.
fn singles(asked: &Asked) -> Fallible<()> {
    if asked.singles == 0 {
        return Ok(());
    }
    let folder = Folder::new()?;
    let (handle, _) = open(&folder, asked, 3)?;
    handle.settle();
    let name = |number: usize| format!("config-{number:06}");
    let begun = Instant::now();
    for number in 0..asked.singles {
        let object = json!({"metadata": {"name": name(number), "namespace": "default"}, "data": {"a": "b"}});
        handle.api().create("configmaps", object).map_err(|status| status.message)?;
    }
    report("create", asked.singles, begun.elapsed(), Some(size(&folder.0)?))?;
    let begun = Instant::now();
    for number in 0..asked.singles {
        handle.api().get("configmaps", "default", &name(number)).map_err(|status| status.message)?;
    }
    report("get", asked.singles, begun.elapsed(), None)?;
    Ok(())
}

fn deployment(name: &str, replicas: usize) -> Object {
    json!({
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": "nginx", "ports": [{"containerPort": 80}],
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]},
            },
        },
    })
}

fn ready(handle: &Handle) -> Fallible<usize> {
    let all = handle.api().list("deployments.apps", None).map_err(|status| status.message)?;
    let ready = all.iter().filter_map(|deployment| deployment.int_at(&["status", "readyReplicas"]));
    Ok(ready.filter_map(|count| usize::try_from(count).ok()).sum())
}

/// Deployments until all of their pods run.
fn pods(asked: &Asked, count: usize) -> Fallible<()> {
    let folder = Folder::new()?;
    let (handle, clock) = open(&folder, asked, count.div_ceil(PODS_PER_NODE))?;
    handle.settle();
    forget_peak();
    let begun = Instant::now();
    let mut left = count;
    let mut number = 0;
    while left > 0 {
        let replicas = left.min(asked.each);
        let name = format!("web-{number:05}");
        handle.api().create("deployments.apps", deployment(&name, replicas)).map_err(|status| status.message)?;
        if asked.services {
            let service = json!({"metadata": {"name": name, "namespace": "default"},
                "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}});
            handle.api().create("services", service).map_err(|status| status.message)?;
        }
        (left, number) = (left - replicas, number + 1);
    }
    let start = clock.now();
    loop {
        handle.settle();
        if ready(&handle)? >= count {
            break;
        }
        if clock.now().duration_since(start).as_secs() > PATIENCE {
            return Err(
                format!("{} of {count} pods are ready after {PATIENCE} simulated seconds", ready(&handle)?).into()
            );
        }
        clock.advance_to(clock.now().checked_add(jiff::SignedDuration::from_secs(1))?);
    }
    let took = begun.elapsed();
    let store = (!asked.memory).then(|| size(&folder.0)).transpose()?;
    let (rate, peak) = report("pods to Running", count, took, store)?;
    drop(handle);
    if !asked.memory {
        // What a command pays for a cluster in which nothing is due, and one that has to look at all of it.
        let begun = Instant::now();
        let (handle, clock) = open(&folder, asked, 0)?;
        clock.advance_to(start.checked_add(jiff::SignedDuration::from_secs(PATIENCE))?);
        handle.settle();
        report("open and settle again", count, begun.elapsed(), None)?;
    }
    if rate < asked.least || peak > asked.most {
        return Err(
            format!("{rate:.0} pods a second and {peak:.0} MB: not within {} and {}", asked.least, asked.most).into()
        );
    }
    Ok(())
}
