//! A terminal that a command controls, and what it shows.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::bench::until;

/// What gives a command a session of its own with this terminal.
const SETSID: &str = "/usr/bin/setsid";

/// A terminal with a command on it.
pub struct Terminal {
    master: OwnedFd,
    shown: Arc<Mutex<String>>,
    /// Kept open, so that the terminal stays.
    slave: File,
    child: Child,
}

impl Terminal {
    /// Starts a command on a new terminal; none where nothing can hand a terminal over, which is said.
    pub fn start(command: &Command) -> Option<Self> {
        if !Path::new(SETSID).exists() {
            eprintln!("SKIPPED: {SETSID} is not there, which gives a command a terminal");
            return None;
        }
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("a path");
        // Not the terminal of this process: it has none to lose.
        let open = || File::options().read(true).write(true).open(&name).expect("the other side");
        let slave = open();
        let (shown, mut from) = (Arc::new(Mutex::new(String::new())), File::from(master.try_clone().expect("a copy")));
        let text = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                text.lock().expect("no panic").push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        resize(&master, 101, 33);
        let mut there = Command::new(SETSID);
        there.args(["--ctty", "--wait"]).arg(command.get_program()).args(command.get_args());
        there
            .env_clear()
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("TERM", "xterm");
        there.current_dir(command.get_current_dir().expect("a folder"));
        let child = there.stdin(open()).stdout(open()).stderr(open()).spawn().expect("it starts");
        Some(Self { master, shown, slave, child })
    }

    /// Another size, which the kernel tells the command.
    pub fn resize(&self, columns: u16, rows: u16) {
        resize(&self.master, columns, rows);
    }

    /// Types.
    pub fn kind(&self, text: &str) {
        File::from(self.master.try_clone().expect("a copy")).write_all(text.as_bytes()).expect("typed");
    }

    /// All that was shown so far, with lines that end as in a file.
    pub fn text(&self) -> String {
        self.shown.lock().expect("no panic").replace("\r\n", "\n")
    }

    /// Waits until this is shown.
    pub fn shows(&self, text: &str) {
        until(&format!("{text:?} is shown"), || self.text().contains(text));
    }

    /// Whether lines are edited and keys shown: as it is when nobody has taken the terminal over.
    pub fn is_usual(&self) -> bool {
        tcgetattr(&self.slave).expect("modes").local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
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

fn resize(master: &OwnedFd, columns: u16, rows: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(master, size).expect("a size");
}
