//! The slides, typed line by line with the real binary, an empty HOME and `offline serve` running.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and needs PATH"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A shell with an empty home of its own.
struct Shell {
    home: PathBuf,
}

impl Shell {
    fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("kctl-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).expect("a home");
        Self { home }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kctl"));
        command.args(args).env_clear().env("HOME", &self.home).env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("TZ", "UTC").env("TERM", "dumb").stdin(Stdio::null());
        command
    }

    /// Runs a line that must succeed; what it prints on standard output.
    fn kctl(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("kctl runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kctl {args:?}: {}\n{out}{err}", output.status);
        out.into_owned()
    }

    /// Runs a line until what it prints satisfies a condition.
    fn until(&self, args: &[&str], wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let out = self.kctl(args);
            if wanted(&out) {
                return out;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "kctl {args:?} still prints:\n{out}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts `offline serve` in the background and waits until it answers.
    fn serve(&self) -> Server {
        let child =
            self.command(&["offline", "serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("serve");
        let server = Server(child);
        self.until(&["offline", "status"], |out| out.contains("Served:   at "));
        server
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

/// Raised when it goes.
struct Flag<'a>(&'a AtomicBool);

impl Drop for Flag<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks a node port as any program would; the body of the answer, or what went wrong.
fn ask(port: u16) -> Result<String, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(|error| error.to_string())?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .map_err(|error| format!("write: {error}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| format!("read: {error}"))?;
    if !answer.starts_with("HTTP/1.1 200") {
        return Err(format!("answer: {answer:?}"));
    }
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).ok_or_else(|| format!("no body: {answer:?}"))
}

const NAME: &str = "kubernetes-bootcamp";
const IMAGE: &str = "docker.io/jocatalin/kubernetes-bootcamp";

#[test]
fn every_line_of_the_slides_does_what_they_say() {
    let shell = Shell::new("walkthrough");

    let nodes = shell.kctl(&["get", "nodes"]);
    assert_eq!(nodes.lines().filter(|line| line.contains(" Ready ")).count(), 3, "{nodes}");

    let out = shell.kctl(&["run", NAME, &format!("--image={IMAGE}:v1"), "--port=8080"]);
    assert_eq!(out, format!("deployment.apps/{NAME} created\n"));
    let out = shell.until(&["get", "deployments"], |out| out.contains("1/1"));
    assert!(out.starts_with("NAME                  READY   UP-TO-DATE   AVAILABLE   AGE\n"), "{out}");
    let pods = shell.kctl(&["get", "pods"]);
    assert!(pods.contains(&format!("{NAME}-")) && pods.contains("Running"), "{pods}");
    let pod = shell.kctl(&["get", "pods", "-o", "go-template={{range .items}}{{.metadata.name}}{{end}}"]);

    let description = shell.kctl(&["describe", "pods"]);
    for part in [&pod, "Status:", "Running", "Successfully assigned", "Started"] {
        assert!(description.contains(part), "{part} is not in\n{description}");
    }
    let log = shell.kctl(&["logs", &pod]);
    assert!(log.contains("Kubernetes Bootcamp App Started At:"), "{log}");
    let environment = shell.kctl(&["exec", &pod, "--", "env"]);
    assert!(environment.lines().any(|line| line == format!("HOSTNAME={pod}")), "{environment}");

    let out = shell.kctl(&["expose", &format!("deployment/{NAME}"), "--type=NodePort", "--port", "8080"]);
    assert_eq!(out, format!("service/{NAME} exposed\n"));
    let services = shell.kctl(&["get", "services"]);
    assert!(services.contains("NodePort") && services.contains("8080:"), "{services}");
    let description = shell.kctl(&["describe", &format!("services/{NAME}")]);
    assert!(description.contains("NodePort:") && description.contains("Endpoints:"), "{description}");
    let template = "go-template={{(index .spec.ports 0).nodePort}}";
    let port: u16 = shell.kctl(&["get", &format!("services/{NAME}"), "-o", template]).parse().expect("a port");

    let _server = shell.serve();
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1"]);
    let answer = curl.arg(format!("127.0.0.1:{port}")).output().expect("curl is installed");
    let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert_eq!(answer, format!("Hello Kubernetes bootcamp! | Running on: {pod} | v=1\n"));

    let out = shell.kctl(&["scale", &format!("deployments/{NAME}"), "--replicas=4"]);
    assert_eq!(out, format!("deployment.apps/{NAME} scaled\n"));
    shell.until(&["get", "deployments"], |out| out.contains("4/4"));
    let wide = shell.kctl(&["get", "pods", "-o", "wide"]);
    assert!(wide.contains("NOMINATED NODE") && wide.contains("kctl-worker2"), "{wide}");
    let start = Instant::now();
    let mut answering = std::collections::BTreeSet::new();
    while answering.len() < 4 && start.elapsed() < Duration::from_secs(10) {
        answering.insert(ask(port).expect("an answer"));
    }
    assert_eq!(answering.len(), 4, "not every pod answers: {answering:?}");

    rolling_update(&shell, port);

    // A bad image stalls; nothing that works is taken down; undo recovers.
    shell.kctl(&["set", "image", &format!("deployments/{NAME}"), &format!("{NAME}={IMAGE}:v10")]);
    shell.until(&["get", "pods"], |out| out.contains("ErrImagePull") || out.contains("ImagePullBackOff"));
    let ready = shell.kctl(&["get", "deployment", NAME, "-o", "jsonpath={.status.readyReplicas}"]);
    assert!(ready == "3" || ready == "4", "{ready} are ready");
    assert!(ask(port).expect("an answer").contains("v=2"));
    let out = shell.kctl(&["rollout", "undo", &format!("deployments/{NAME}")]);
    assert_eq!(out, format!("deployment.apps/{NAME} rolled back\n"));
    shell.kctl(&["rollout", "status", &format!("deployments/{NAME}"), "--timeout=60s"]);
    let images = shell.kctl(&["get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].image}"]);
    assert!(!images.contains("v10"), "{images}");

    // A node goes down: its pods move.
    let node = shell.kctl(&["get", "pods", "-o", "jsonpath={.items[0].spec.nodeName}"]);
    shell.kctl(&["offline", "node", "fail", &node]);
    shell.until(&["get", "nodes"], |out| out.contains("NotReady"));
    shell.until(&["get", "deployments"], |out| out.contains("4/4"));
    let places = ["get", "pods", "-o", "jsonpath={range .items[*]}{.spec.nodeName}{\"\\n\"}{end}"];
    shell.until(&places, |out| out.lines().all(|line| line != node) && out.lines().count() == 4);
    shell.kctl(&["offline", "node", "recover", &node]);
    shell.until(&["get", "nodes"], |out| !out.contains("NotReady"));

    // A Deployment and its Service in one line, and an autoscaler.
    let out = shell.kctl(&["run", "web", "--image=nginx", "--replicas=2", "--port=80", "--expose"]);
    assert_eq!(out, "service/web created\ndeployment.apps/web created\n");
    shell.until(&["get", "deployment", "web"], |out| out.contains("2/2"));
    shell.kctl(&["set", "resources", "deployment", "web", "--requests=cpu=100m"]);
    let out = shell.kctl(&["autoscale", "deployment", "web", "--min=2", "--max=5", "--cpu=80%"]);
    assert_eq!(out, "horizontalpodautoscaler.autoscaling/web autoscaled\n");
    shell.until(&["get", "hpa"], |out| out.contains("Deployment/web") && !out.contains("<unknown>"));

    shell.kctl(&["delete", "service,deployment", NAME]);
    shell.kctl(&["delete", "service,deployment,hpa", "web"]);
    shell.until(&["get", "pods", "-o", "name"], |out| out.is_empty());
}

/// `set image` to v2 under 400 requests at 50 a second: none fails, and the number of pods stays
/// within what maxUnavailable (25 %) and maxSurge (25 %) of four replicas allow.
fn rolling_update(shell: &Shell, port: u16) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // However this ends, the watcher is not left watching.
        let _end = Flag(&done);
        let requests = scope.spawn(|| {
            let start = Instant::now();
            let mut faults = Vec::new();
            let mut versions = std::collections::BTreeMap::new();
            for request in 0..400_u32 {
                let due = Duration::from_millis(20) * request;
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                match ask(port) {
                    Ok(body) => *versions.entry(body.trim_end().chars().last()).or_insert(0) += 1,
                    Err(fault) => faults.push(format!("request {request}: {fault}")),
                }
            }
            (faults, versions)
        });
        let watcher = scope.spawn(|| {
            let mut seen = Vec::new();
            let ready = r#"jsonpath={range .items[*]}{.metadata.deletionTimestamp}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
            while !done.load(Ordering::Relaxed) {
                let pods = shell.kctl(&["get", "pods", "-o", ready]);
                let living = pods.lines().filter(|line| line.starts_with(' '));
                seen.push((living.clone().filter(|line| line.ends_with("True")).count(), living.count()));
            }
            seen
        });
        std::thread::sleep(Duration::from_millis(500));
        let out = shell.kctl(&["set", "image", &format!("deployments/{NAME}"), &format!("{NAME}={IMAGE}:v2")]);
        assert_eq!(out, format!("deployment.apps/{NAME} image updated\n"));
        let status = shell.kctl(&["rollout", "status", &format!("deployments/{NAME}")]);
        assert!(status.ends_with(&format!("deployment \"{NAME}\" successfully rolled out\n")), "{status}");
        let (faults, versions) = requests.join().expect("requests");
        done.store(true, Ordering::Relaxed);
        assert!(faults.is_empty(), "{} of 400 requests failed: {:?}", faults.len(), &faults[..faults.len().min(5)]);
        assert!(versions.contains_key(&Some('1')) && versions.contains_key(&Some('2')), "{versions:?}");
        let seen = watcher.join().expect("watcher");
        assert!(seen.iter().all(|(ready, all)| *ready >= 3 && *all <= 5), "ready and all pods: {seen:?}");
    });
}
