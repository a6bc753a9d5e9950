//! The program once more, as the server that it measures with: a process of its own, so that the server's work is
//! not counted.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// The first argument of the process that serves.
pub const ARGUMENT: &str = "--serve";

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    /// `127.0.0.1:12345`, the first line that it says.
    pub address: String,
}

impl Server {
    /// Starts it, with how much it is to have.
    ///
    /// # Errors
    /// This program cannot be started once more.
    pub fn start(amount: u64) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, &amount.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut address)?;
        }
        Ok(Self { child, address: address.trim().to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
