//! A folder with a cluster that several processes share, in real time.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A home that goes at the end, but for that of a test that fails.
pub struct Home(pub PathBuf);

impl Home {
    /// A new, empty one.
    pub fn new(name: &str) -> Self {
        let home = std::env::temp_dir().join(format!("kctl-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).expect("a home");
        Self(home)
    }

    /// The program, which knows nothing but this home.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kctl"));
        command.args(args).env_clear().env("HOME", &self.0).env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    /// What it prints where all goes well.
    pub fn kctl(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("kctl runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kctl {args:?}: {}\n{out}{err}", output.status);
        out.into_owned()
    }

    /// Starts it.
    pub fn background(&self, args: &[&str]) -> Running {
        Running(self.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("kctl runs"))
    }

    /// Serves the cluster.
    pub fn serve(&self) -> Running {
        self.serve_with(&[])
    }

    /// Serves the cluster, with more flags.
    pub fn serve_with(&self, flags: &[&str]) -> Running {
        let server = self.background(&[&["offline", "serve"], flags].concat());
        let start = Instant::now();
        while !self.kctl(&["offline", "status"]).contains("Served:   at ") {
            assert!(start.elapsed() < Duration::from_secs(60), "the server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Where the cluster is kept, which is there once it was used.
    pub fn store(&self) -> PathBuf {
        super::files_below(&self.0, "db").into_iter().next().expect("a store")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[allow(clippy::print_stderr, reason = "whoever looks for the fault needs it")]
            {
                eprintln!("what is left is in {}", self.0.display());
            }
        } else {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A process that does not outlive its test.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
