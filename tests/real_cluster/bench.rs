//! A place to run kctl in: a folder, a kubeconfig and a namespace of one's own on a cluster.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::common;
pub use super::common::Outcome;

/// A cluster to test with.
#[derive(Debug)]
pub struct Cluster {
    /// The kubeconfig that leads to it; its user may do everything.
    pub kubeconfig: PathBuf,
    /// The nodes that are ready.
    pub nodes: Vec<String>,
    /// Whether processes can be started in containers.
    pub exec: bool,
}

/// A folder, a kubeconfig and a namespace, thrown away when it is dropped.
#[derive(Debug)]
pub struct Bench<'a> {
    pub cluster: &'a Cluster,
    pub namespace: String,
    folder: PathBuf,
}

impl<'a> Bench<'a> {
    /// A bench without a namespace.
    pub fn bare(cluster: &'a Cluster, name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("kctl-{name}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(&namespace);
        std::fs::create_dir_all(folder.join("work")).expect("a folder of its own");
        let bench = Self { cluster, namespace, folder };
        let mut view = bench.command(&["config", "view", "--raw", "--flatten", "--minify", "-o", "yaml"]);
        let view = view.env("KUBECONFIG", &cluster.kubeconfig).output().expect("kctl runs");
        assert!(view.status.success(), "{}: {}", cluster.kubeconfig.display(), String::from_utf8_lossy(&view.stderr));
        std::fs::write(bench.kubeconfig(), view.stdout).expect("a kubeconfig");
        bench
    }

    /// A bench with a namespace of its own, which is the current one.
    pub fn new(cluster: &'a Cluster, name: &str) -> Self {
        let bench = Self::bare(cluster, name);
        bench.ok(&["create", "namespace", &bench.namespace]);
        bench.ok(&["config", "set-context", "--current", "--namespace", &bench.namespace]);
        // Pods cannot be made before.
        bench.ok(&["wait", "--for=create", "serviceaccount/default", "--timeout=60s"]);
        bench
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The folder in which commands run.
    pub fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// The text with what is known here filled in.
    pub fn fill(&self, text: &str) -> String {
        let node = self.cluster.nodes.first().map_or("", String::as_str);
        text.replace("{ns}", &self.namespace).replace("{node}", node).replace("{work}", &self.work().to_string_lossy())
    }

    /// A command, ready to run: nothing of the outer environment reaches it.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kctl"));
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &self.folder)
            .env("KUBECONFIG", self.kubeconfig())
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb")
            .env("COLUMNS", "80")
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// What a command says and does.
    pub fn run(&self, args: &[&str], input: &str) -> Outcome {
        common::finish(self.command(args), input)
    }

    /// What a command that must not fail prints.
    pub fn ok(&self, args: &[&str]) -> String {
        let Outcome { stdout, stderr, code } = self.run(args, "");
        assert_eq!(code, 0, "kctl {args:?}: {stdout}{stderr}");
        stdout
    }

    /// A command that goes on until it is dropped.
    pub fn background(&self, args: &[&str]) -> Running {
        self.spawn(self.command(args))
    }

    /// A prepared command that goes on until it is dropped.
    pub fn spawn(&self, mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().expect("kctl runs"))
    }

    /// Runs one line of a script.
    pub fn shell(&self, line: &str, input: &str) -> Outcome {
        let (line, input) = (self.fill(line), self.fill(input));
        let words = common::split(&line);
        let variables = words.iter().take_while(|word| common::is_assignment(word)).count();
        let (variables, words) = words.split_at(variables);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let path = |file: &str| self.work().join(file);
        match words.as_slice() {
            ["cat", ">", file] => {
                let file = path(file);
                file.parent().map(std::fs::create_dir_all).transpose().expect("a folder");
                std::fs::write(&file, input).unwrap_or_else(|error| panic!("{line}: {error}"));
                executable(&file);
                Outcome::default()
            }
            ["cat", file] => {
                let text = std::fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{line}: {error}"));
                Outcome { stdout: text, ..Outcome::default() }
            }
            ["kctl", args @ .., ">", file] => {
                let outcome = self.with(args, variables, &input);
                std::fs::write(path(file), &outcome.stdout).unwrap_or_else(|error| panic!("{line}: {error}"));
                Outcome { stdout: String::new(), ..outcome }
            }
            ["kctl", args @ ..] => self.with(args, variables, &input),
            _ => panic!("scripts cannot run: {line}"),
        }
    }

    fn with(&self, args: &[&str], variables: &[String], input: &str) -> Outcome {
        let mut command = self.command(args);
        command.envs(variables.iter().filter_map(|word| word.split_once('=')));
        common::finish(command, input)
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        let namespace = ["delete", "namespace", &self.namespace, "--ignore-not-found", "--wait=false"];
        let _ = self.command(&namespace).output();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A script that begins with `#!` is one that a command may start.
fn executable(file: &Path) {
    #[cfg(unix)]
    if std::fs::read(file).is_ok_and(|text| text.starts_with(b"#!")) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    }
}

/// A process that does not outlive its test.
#[derive(Debug)]
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
