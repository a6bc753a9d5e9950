//! Running a program once and seeing what it cost.

#![allow(unsafe_code, reason = "the standard library does not say what a child has used")]

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// From start to end.
    pub wall: Duration,
    /// Time on a processor, the system's work for it included.
    pub cpu: Duration,
    /// From start to the first byte on standard output.
    pub first: Duration,
    /// The most memory it had at one time, in bytes.
    pub memory: u64,
    /// Bytes on standard output.
    pub output: u64,
    /// Bytes of bodies that the server sent.
    pub wire: u64,
    /// Whether it ended with code 0.
    pub success: bool,
}

/// Runs a command to its end. Its output is read and dropped.
#[allow(clippy::zombie_processes, reason = "it is waited for below, by its id")]
pub fn run(command: &mut Command) -> io::Result<Cost> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
    let mut cost = Cost::default();
    let mut buffer = vec![0; 256 * 1024];
    if let Some(mut out) = child.stdout.take() {
        loop {
            let count = out.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            if cost.output == 0 {
                cost.first = start.elapsed();
            }
            cost.output += count as u64;
        }
    }
    let id = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: zeros are a valid `rusage`, which holds nothing but numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to values that outlive the call.
    if unsafe { libc::wait4(id, &raw mut status, 0, &raw mut usage) } != id {
        return Err(io::Error::last_os_error());
    }
    cost.wall = start.elapsed();
    cost.cpu = time(usage.ru_utime) + time(usage.ru_stime);
    cost.memory = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
    cost.success = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
    Ok(cost)
}

fn time(value: libc::timeval) -> Duration {
    let seconds = u64::try_from(value.tv_sec).unwrap_or(0);
    let micros = u64::try_from(value.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}
