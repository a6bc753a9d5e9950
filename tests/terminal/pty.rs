//! A terminal that a command controls, and what it shows.

use std::path::Path;
use std::process::{Child, Command};

use crate::bench::until;
use crate::servers::terminal::Terminal as Device;

/// What gives a command a session of its own with this terminal.
const SETSID: &str = "/usr/bin/setsid";

/// A terminal with a command on it.
pub struct Terminal {
    device: Device,
    child: Child,
}

impl Terminal {
    /// Starts a command on a new terminal; none where nothing can hand a terminal over, which is said.
    pub fn start(command: &Command) -> Option<Self> {
        if !Path::new(SETSID).exists() {
            eprintln!("SKIPPED: {SETSID} is not there, which gives a command a terminal");
            return None;
        }
        // Not the terminal of this process: it has none to lose.
        let device = Device::new();
        device.resize(101, 33);
        let mut there = Command::new(SETSID);
        there.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        there
            .env_clear()
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("TERM", "xterm");
        there.current_dir(command.get_current_dir().expect("a folder"));
        let child =
            there.stdin(device.stream()).stdout(device.stream()).stderr(device.stream()).spawn().expect("it starts");
        Some(Self { device, child })
    }

    /// Another size, which the kernel tells the command.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.device.resize(columns, rows);
    }

    /// Types.
    pub fn kind(&self, text: &str) {
        self.device.kind(text);
    }

    /// All that was shown so far, with lines that end as in a file.
    pub fn text(&self) -> String {
        self.device.shown()
    }

    /// Waits until this is shown.
    pub fn shows(&self, text: &str) {
        until(&format!("{text:?} is shown"), || self.text().contains(text));
    }

    /// Whether lines are edited and keys shown: as it is when nobody has taken the terminal over.
    pub fn is_usual(&self) -> bool {
        self.device.is_usual()
    }

    /// Waits until keys go to the command one by one.
    pub fn taken_over(&self) {
        until("the terminal is taken over", || !self.is_usual());
    }

    /// Waits for the end, at which the terminal must be as it was. The exit code, and all that was shown.
    pub fn end(mut self) -> (i32, String) {
        let child = &mut self.child;
        until("it ends", || child.try_wait().expect("a state").is_some());
        let code = child.wait().expect("ended").code().unwrap_or(-1);
        assert!(self.is_usual(), "the terminal is left raw: {}", self.text());
        // What was written last may still be on its way.
        std::thread::sleep(std::time::Duration::from_millis(50));
        (code, self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
