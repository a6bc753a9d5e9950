//! A served cluster with pods, and the programs that talk to it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::common::{self, Outcome, Sandbox};
use super::servers::refusing::Refusing;

/// Load alone fails no test.
const PATIENCE: Duration = Duration::from_secs(120);

const PODS: &str = include_str!("pods.yaml");

/// A process that does not outlive its test.
pub struct Running {
    pub child: Child,
    /// What it prints, line by line.
    pub lines: BufReader<Box<dyn std::io::Read + Send>>,
}

impl Running {
    /// Starts a command and reads its first line, from standard output or from error output.
    pub fn start(mut command: Command, errors: bool) -> (Self, String) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(if errors { Stdio::piped() } else { Stdio::null() });
        let mut child = command.spawn().expect("it starts");
        let from: Box<dyn std::io::Read + Send> = match errors {
            true => Box::new(child.stderr.take().expect("piped")),
            false => Box::new(child.stdout.take().expect("piped")),
        };
        let mut running = Self { child, lines: BufReader::new(from) };
        let line = running.line();
        (running, line)
    }

    /// A process that is started, and whose output is piped.
    pub fn of(mut child: Child) -> Self {
        let from: Box<dyn std::io::Read + Send> = Box::new(child.stdout.take().expect("piped"));
        Self { child, lines: BufReader::new(from) }
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program, and the way it takes to the cluster.
pub struct Client {
    pub program: PathBuf,
    pub kubeconfig: PathBuf,
    pub variables: Vec<(&'static str, &'static str)>,
}

/// A cluster in another process, in real time.
pub struct Cluster {
    pub sandbox: Sandbox,
    kubeconfig: PathBuf,
    server: Running,
}

impl Cluster {
    /// One with the pods of the tests, which all run.
    pub fn new() -> Self {
        let sandbox = Sandbox::new();
        let kubeconfig = sandbox.home().join("serve.kubeconfig");
        let mut command = sandbox.command("kctl");
        command.env_remove("KCTL_NOW");
        command.args(["offline", "serve", "--write-kubeconfig"]).arg(&kubeconfig);
        let (server, line) = Running::start(command, true);
        assert!(line.starts_with("Serving at https://"), "{line}");
        let cluster = Self { sandbox, kubeconfig, server };
        let kctl = cluster.kctl();
        let applied = kctl.run(&cluster, &["apply", "-f", "-"], PODS);
        assert_eq!(applied.code, 0, "{}", applied.stderr);
        let running = ["wait", "pod", "--all", "--for=jsonpath={.status.phase}=Running", "--timeout=120s"];
        let waited = kctl.run(&cluster, &running, "");
        assert_eq!(waited.code, 0, "{}", waited.stderr);
        cluster
    }

    /// Ends the server, at once.
    pub fn kill(&mut self) {
        self.server.child.kill().expect("killed");
        self.server.child.wait().expect("ended");
    }

    /// kctl under kubectl's name.
    pub fn kctl(&self) -> Client {
        let program = self.sandbox.bin().join("kubectl");
        Client { program, kubeconfig: self.kubeconfig.clone(), variables: Vec::new() }
    }

    /// A real kubectl.
    pub fn kubectl(&self, program: &Path) -> Client {
        Client { program: program.to_owned(), kubeconfig: self.kubeconfig.clone(), variables: Vec::new() }
    }

    /// Whether processes can be started in containers here.
    pub fn runs_processes(&self) -> bool {
        let ran = self.kctl().run(self, &["exec", "web", "--", "true"], "");
        if ran.stderr.contains("does not allow this user to make namespaces") {
            eprintln!("SKIPPED: {}", ran.stderr.trim());
            return false;
        }
        assert_eq!((ran.stderr.as_str(), ran.code), ("", 0));
        true
    }

    /// The cluster behind something that refuses websockets with this status; the client goes that way.
    pub fn refusing(&self, client: &mut Client, status: &'static str) -> (Running, Refusing) {
        let (proxy, line) =
            Running::start(self.kctl().command(self, &["proxy", "--port=0", "--disable-filter"]), false);
        let place = line.rsplit(' ').next().expect("a place");
        let relay = Refusing::before(place, status);
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\nclusters: [{{name: it, cluster: {{server: \"http://127.0.0.1:{}\"}}}}]\ncontexts: [{{name: it, context: {{cluster: it, user: \"\"}}}}]\n",
            relay.port
        );
        client.kubeconfig = self.sandbox.home().join(format!("relay-{}", relay.port));
        std::fs::write(&client.kubeconfig, config).expect("written");
        (proxy, relay)
    }
}

impl Client {
    /// A command, ready to run.
    pub fn command(&self, cluster: &Cluster, args: &[&str]) -> Command {
        let sealed = cluster.sandbox.command("kubectl");
        let mut command = Command::new(&self.program);
        command.env_clear().envs(sealed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(cluster.sandbox.work()).args(args).env_remove("KCTL_OFFLINE").env_remove("KCTL_NOW");
        command.env("KUBECONFIG", &self.kubeconfig).envs(self.variables.iter().copied());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, cluster: &Cluster, args: &[&str], input: &str) -> Outcome {
        common::finish(self.command(cluster, args), input)
    }

    /// What a command prints that must do well and say nothing.
    pub fn ok(&self, cluster: &Cluster, args: &[&str], input: &str) -> String {
        let Outcome { stdout, stderr, code } = self.run(cluster, args, input);
        assert_eq!((stderr.as_str(), code), ("", 0), "{args:?}: {stdout}");
        stdout
    }
}

/// The kubectl that `KUBECTL` names, else the first on PATH that is not this program; says so where there is none.
pub fn kubectl() -> Option<PathBuf> {
    let named = std::env::var_os("KUBECTL").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        named.or_else(|| std::env::split_paths(&path).map(|dir| dir.join("kubectl")).find(|path| path.exists()));
    let is_one = |program: &PathBuf| {
        let version = Command::new(program).args(["version", "--client"]).env("HOME", std::env::temp_dir()).output();
        version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("Client Version"))
            && !Command::new(program).arg("offline").output().is_ok_and(|out| out.status.success())
    };
    let found = found.filter(is_one);
    if found.is_none() {
        eprintln!("NOT RUN: nothing was compared with kubectl, for there is none on PATH or in KUBECTL");
    }
    found
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How a child ends: its code, or the signal that ended it, below zero.
pub fn ended(child: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    until("it ends", || child.try_wait().expect("a state").is_some());
    let status = child.wait().expect("ended");
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

/// Sends a signal.
pub fn signal(child: &Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(id, signal).expect("sent");
}
