//! Where `exec` runs processes: in a sandbox of Linux namespaces, with the container's folder as its
//! root, the host's programs read-only beside it, and nothing else of the host.
//!
//! The namespaces must be entered by a process of one thread, so this program starts itself once more:
//! [`Launcher::command`] gives the command, and whoever runs `main` hands arguments that begin with
//! [`ARGUMENT`] to [`main`] before anything else:
//!
//! ```text
//! kctl ── outer: new user, mount, pid, uts, ipc namespaces; its user becomes root in them
//!          └─ inner: first process in them; builds the root, gives up every capability
//!              └─ the command
//! ```
//!
//! Where the system does not allow that, nothing is run, and the error says so.

#[cfg(target_os = "linux")]
mod enter;
#[cfg(target_os = "linux")]
mod root;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// The first argument of a process that is to enter a sandbox.
pub const ARGUMENT: &str = "__sandbox";

/// What to run, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The container's folder: the root of the sandbox.
    pub root: PathBuf,
    /// The host's name in it.
    pub hostname: String,
    /// The pod's address, for `/etc/hosts`.
    pub ip: String,
    /// The command and its arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// The working directory; empty for the root.
    pub cwd: String,
    /// User and group as the command sees them.
    pub user: (u32, u32),
    /// Folders of the host that appear in the sandbox.
    pub mounts: Vec<Mount>,
    /// Whether standard input is a terminal that the command controls.
    pub tty: bool,
}

/// A folder or file of the host that appears in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// On the host.
    pub source: PathBuf,
    /// In the sandbox, absolute.
    pub target: String,
    /// Whether it can only be read.
    pub read_only: bool,
}

/// How the program starts itself once more.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
}

impl Launcher {
    /// Starts the program at that path.
    pub fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Starts the running program's file.
    ///
    /// # Errors
    /// The system does not say which file that is.
    pub fn this_program() -> anyhow::Result<Self> {
        std::env::current_exe().map(Self::new).context("finding this program's file")
    }

    /// The command that runs `spec`, and the file in which it says why it could not. The spec
    /// goes through a file that only its owner can read and that is gone once it is read: no secret
    /// of a container becomes an argument.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn command(&self, spec: &Spec, folder: &Path) -> anyhow::Result<(tokio::process::Command, Report)> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let name = format!("exec-{:016x}", fastrand::u64(..));
        let path = folder.join(format!("{name}.json"));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).with_context(|| format!("writing {}", path.display()))?;
        serde_json::to_writer(file, spec)?;
        let mut command = tokio::process::Command::new(&self.program);
        command.arg(ARGUMENT).arg(&path).env_clear().kill_on_drop(true).stdin(Stdio::null());
        let report = Report { spec: path, error: folder.join(format!("{name}.error")) };
        Ok((command, report))
    }
}

/// Where a sandbox says why it could not be made.
#[derive(Debug)]
pub struct Report {
    spec: PathBuf,
    error: PathBuf,
}

impl Report {
    /// Why the command was not run, once its process has ended.
    pub fn error(&self) -> Option<String> {
        std::fs::read_to_string(&self.error).ok()
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.spec);
        let _ = std::fs::remove_file(&self.error);
    }
}

/// Enters a sandbox and runs its command: the whole life of a process that was started with
/// [`ARGUMENT`]. `args` are the arguments after it. Returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let mut args = args.into_iter();
    let Some(path) = args.next().map(PathBuf::from) else { return 125 };
    let inner = args.next().is_some();
    match run(&path, inner) {
        Ok(code) => code,
        Err(error) => {
            let _ = std::fs::write(path.with_extension("error"), format!("{error:#}"));
            125
        }
    }
}

#[cfg(target_os = "linux")]
fn run(path: &Path, inner: bool) -> anyhow::Result<u8> {
    let text = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let spec: Spec = serde_json::from_slice(&text)?;
    if inner {
        std::fs::remove_file(path)?;
        enter::inner(&spec)
    } else {
        enter::outer(&spec, path)
    }
}

#[cfg(not(target_os = "linux"))]
fn run(_: &Path, _: bool) -> anyhow::Result<u8> {
    anyhow::bail!("processes can be run in containers on Linux only: the sandbox is made of its namespaces")
}
