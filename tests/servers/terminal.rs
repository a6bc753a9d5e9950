//! A terminal: what is typed into it, and what it shows.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// What is written to the terminal after everything else.
const MARK: char = '\u{6}';

/// A terminal.
pub struct Terminal {
    master: OwnedFd,
    name: String,
    shown: Arc<Mutex<String>>,
    /// Kept open, so that the terminal stays.
    slave: File,
}

impl Terminal {
    /// A new one.
    pub fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("its name").into_string().expect("a path");
        let slave = File::options().read(true).write(true).open(&name).expect("the other side");
        let (shown, mut from) = (Arc::new(Mutex::new(String::new())), File::from(master.try_clone().expect("a copy")));
        let text = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut piece) {
                text.lock().expect("no panic").push_str(&String::from_utf8_lossy(&piece[..count]));
            }
        });
        Self { master, name, shown, slave }
    }

    /// The terminal as one of a command's streams.
    pub fn stream(&self) -> File {
        File::options().read(true).write(true).open(&self.name).expect("the other side")
    }

    /// Runs a command to its end, and types: each text when the one before it is shown. Returns the exit code.
    pub fn run(&self, mut command: Command, typed: &[(&str, &str)]) -> i32 {
        let mut child = command.spawn().expect("it starts");
        // Its copies of the terminal.
        drop(command);
        let begun = Instant::now();
        let mut typed = typed.iter().peekable();
        loop {
            if let Some((_, text)) = typed.next_if(|(before, _)| self.shown().contains(before)) {
                // Whoever asks may be about to turn the echo off.
                std::thread::sleep(Duration::from_millis(100));
                self.kind(text);
            }
            if let Some(status) = child.try_wait().expect("its state") {
                self.catch_up();
                return status.code().unwrap_or(-1);
            }
            if begun.elapsed() > Duration::from_secs(60) {
                let _ = child.kill();
                panic!("it hangs; the terminal shows {:?}", self.shown());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for what was written last: until a mark that is written after it has come through.
    fn catch_up(&self) {
        (&self.slave).write_all(MARK.encode_utf8(&mut [0; 4]).as_bytes()).expect("the terminal takes text");
        let begun = Instant::now();
        while !self.take_mark() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the terminal shows nothing any more");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether the mark is the last that came, which is then taken away.
    fn take_mark(&self) -> bool {
        let mut shown = self.shown.lock().expect("no panic");
        let there = shown.ends_with(MARK);
        if there {
            shown.pop();
        }
        there
    }

    /// Another size, which the kernel tells whoever controls it.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).expect("a size");
    }

    /// Types.
    pub fn kind(&self, text: &str) {
        File::from(self.master.try_clone().expect("a copy")).write_all(text.as_bytes()).expect("typed");
    }

    /// Whether lines are edited and keys shown: as it is when nobody has taken the terminal over.
    pub fn is_usual(&self) -> bool {
        tcgetattr(&self.slave).expect("modes").local_modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// What it shows, to the byte, what is typed included.
    pub fn raw(&self) -> String {
        self.shown.lock().expect("no panic").clone()
    }

    /// The same with lines that end as in files.
    pub fn shown(&self) -> String {
        self.raw().replace("\r\n", "\n")
    }
}
