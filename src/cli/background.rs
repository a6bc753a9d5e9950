//! A server that outlives the command that starts it: this program once more, on its own.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

use crate::backend::serve as server;
use crate::ops::offline::{DETACHED, READY};

/// The flags that are for the command that starts a server, not for the server.
const OWN_FLAGS: &[&str] = &["--background", "--print-env"];
/// How long a server that was told to end may take.
const FAREWELL: Duration = Duration::from_secs(10);

/// Starts this program with the same command line to serve the cluster in a folder, and waits until it answers.
/// What it says from then on is in the folder's log.
///
/// # Errors
/// It does not come up; its last words say why.
pub(super) fn launch(dir: &Path) -> anyhow::Result<server::Running> {
    let program = std::env::current_exe().context("finding this program")?;
    let is_own = |word: &str| OWN_FLAGS.iter().any(|flag| word.split('=').next() == Some(flag));
    let words = std::env::args_os().skip(1).filter(|word| !word.to_str().is_some_and(is_own));
    server::make_folder(dir)?;
    let path = dir.join(server::LOG_FILE);
    let _ = std::fs::remove_file(&path);
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let log = options.open(&path).with_context(|| format!("writing {}", path.display()))?;
    let mut child = Command::new(program)
        .args(words)
        .env(DETACHED, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("starting the server")?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    if line.trim_end() == READY {
        return server::find(dir).ok_or_else(|| anyhow!("the server ended at once; see {}", path.display()));
    }
    child.wait()?;
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let last = text.lines().last().unwrap_or("it says nothing").trim_start_matches("error: ");
    Err(anyhow!("the server does not come up: {last}"))
}

/// Leaves the terminal and the group of whoever started this.
pub(super) fn detach() {
    // Whoever leads a group already has none to leave.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
}

/// Ends the server that runs for a folder, if there is one, and waits until it has ended.
///
/// # Errors
/// It cannot be told to, or does not.
pub(super) fn stop(dir: &Path) -> anyhow::Result<Option<server::Running>> {
    let Some(running) = server::find(dir) else { return Ok(None) };
    end(running.pid).with_context(|| format!("ending the server, process {}", running.pid))?;
    let until = Instant::now() + FAREWELL;
    while server::find(dir).is_some_and(|now| now.pid == running.pid) {
        if Instant::now() > until {
            bail!("the server, process {}, does not end", running.pid);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(Some(running))
}

/// Asks a process to end.
#[cfg(unix)]
fn end(pid: u32) -> anyhow::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).context("there is no such process")?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::TERM)?)
}

/// Asks a process to end.
#[cfg(not(unix))]
fn end(_pid: u32) -> anyhow::Result<()> {
    bail!("it must be ended first")
}

/// Ends once there is no process with that number; never where the system does not tell.
pub(super) async fn gone(pid: Option<u32>) {
    /// How often that is looked at.
    const EVERY: Duration = Duration::from_millis(500);
    while pid.is_none_or(exists) {
        tokio::time::sleep(if pid.is_some() { EVERY } else { Duration::from_secs(3600) }).await;
    }
}

#[cfg(unix)]
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let result = pid.map(rustix::process::test_kill_process);
    // A process of somebody else is there, too.
    matches!(result, Some(Ok(()) | Err(rustix::io::Errno::PERM)))
}

#[cfg(not(unix))]
fn exists(_pid: u32) -> bool {
    true
}
