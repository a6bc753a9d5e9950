//! The bundled cluster, served by a process of its own.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to come up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster that is served until it is dropped.
pub struct Served(Child);

impl Served {
    /// Starts one in memory, with so many nodes, and waits for the kubeconfig that leads to it.
    ///
    /// # Errors
    /// It cannot be started or does not come up.
    pub fn start(kctl: &Path, home: &Path, kubeconfig: &Path, nodes: usize) -> io::Result<Self> {
        let child = Command::new(kctl)
            .args(["offline", "serve", "--ephemeral", "--nodes", &nodes.to_string(), "--write-kubeconfig"])
            .arg(kubeconfig)
            .env_clear()
            .env("HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let served = Self(child);
        let start = Instant::now();
        while !kubeconfig.exists() {
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other("the bundled cluster did not come up"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
