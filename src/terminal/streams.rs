//! Named writers: `out` is data, `err` is talk. Nothing else in the program writes to the process's
//! standard streams, so tests can hand in buffers.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal, Read, Write};

use bytes::Bytes;
use std::rc::Rc;
use tokio::sync::mpsc;

use super::visible::{Visible, visible};

/// The three standard streams and what is known of the terminal behind them.
pub struct Streams {
    input: RefCell<Box<dyn Read>>,
    out: RefCell<Box<dyn Write>>,
    err: RefCell<Box<dyn Write>>,
    is_process: bool,
    /// Whether what is written goes to a terminal as it is.
    raw: Rc<Cell<bool>>,
    /// Whether standard input is a terminal.
    pub in_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub out_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub err_is_terminal: bool,
    /// Whether talk may have colours, where standard error is a terminal.
    pub colours: bool,
}

impl Streams {
    /// The process's own streams; standard output is buffered and must be flushed before the end.
    pub fn process() -> Self {
        let raw = Rc::new(Cell::new(false));
        fn shown<W: Write + IsTerminal + 'static>(to: W, raw: &Rc<Cell<bool>>) -> Box<dyn Write> {
            if to.is_terminal() { Box::new(Visible::new(to, Rc::clone(raw))) } else { Box::new(to) }
        }
        Self {
            in_is_terminal: io::stdin().is_terminal(),
            out_is_terminal: io::stdout().is_terminal(),
            err_is_terminal: io::stderr().is_terminal(),
            input: RefCell::new(Box::new(io::stdin())),
            out: RefCell::new(Box::new(io::BufWriter::with_capacity(64 * 1024, shown(io::stdout(), &raw)))),
            err: RefCell::new(shown(io::stderr(), &raw)),
            colours: false,
            is_process: true,
            raw,
        }
    }

    /// Streams for tests: the given input, and buffers that can be read afterwards.
    pub fn buffers(input: &[u8]) -> (Self, Buffer, Buffer) {
        let (out, err) = (Buffer::default(), Buffer::default());
        let streams = Self {
            in_is_terminal: false,
            out_is_terminal: false,
            err_is_terminal: false,
            input: RefCell::new(Box::new(io::Cursor::new(input.to_vec()))),
            out: RefCell::new(Box::new(out.clone())),
            err: RefCell::new(Box::new(err.clone())),
            colours: false,
            is_process: false,
            raw: Rc::default(),
        };
        (streams, out, err)
    }

    /// Standard input.
    pub fn input(&self) -> std::cell::RefMut<'_, Box<dyn Read>> {
        self.input.borrow_mut()
    }

    /// Standard input piece by piece, as it comes; the channel closes at its end. Whoever takes it has
    /// all of it.
    pub fn input_pieces(&self) -> mpsc::Receiver<Bytes> {
        /// Bytes of a piece at most.
        const PIECE: usize = 32 * 1024;
        if !self.is_process {
            let mut text = Vec::new();
            let _ = self.input().read_to_end(&mut text);
            let (sender, receiver) = mpsc::channel(text.len() / PIECE + 1);
            for piece in text.chunks(PIECE) {
                let _ = sender.try_send(Bytes::copy_from_slice(piece));
            }
            return receiver;
        }
        let (sender, receiver) = mpsc::channel(8);
        // A thread of its own: reading cannot be broken off, and the process does not wait for it.
        std::thread::spawn(move || {
            let mut input = io::stdin().lock();
            let mut buffer = vec![0; PIECE];
            loop {
                match input.read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => return,
                    Ok(count) => {
                        let piece = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                        if sender.blocking_send(piece).is_err() {
                            return;
                        }
                    }
                }
            }
        });
        receiver
    }

    /// Standard output: data.
    pub fn out(&self) -> std::cell::RefMut<'_, Box<dyn Write>> {
        self.out.borrow_mut()
    }

    /// From here on, until what is returned is dropped, a terminal gets every byte as it is: what a process in a
    /// container writes is between it and the terminal.
    pub fn raw(&self) -> Raw<'_> {
        let _ = self.out().flush();
        let before = self.raw.replace(true);
        Raw { streams: self, before }
    }

    /// Standard error: talk.
    pub fn err(&self) -> std::cell::RefMut<'_, Box<dyn Write>> {
        self.err.borrow_mut()
    }

    /// Writes a line of talk from any thread, past everything that is handed in.
    pub fn say_from_anywhere(line: &str) {
        let mut err = io::stderr().lock();
        let _ = if err.is_terminal() { writeln!(err, "{}", visible(line)) } else { writeln!(err, "{line}") };
    }

    /// Reads a line from the terminal that does not show what is typed; none where standard input is no
    /// terminal.
    ///
    /// # Errors
    /// The terminal does not let itself be told so.
    pub fn read_password(&self) -> io::Result<Option<String>> {
        #[cfg(unix)]
        if self.is_process && self.in_is_terminal {
            use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
            let terminal = io::stdin();
            let before = tcgetattr(&terminal)?;
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            silent.local_modes.insert(LocalModes::ICANON | LocalModes::ISIG);
            tcsetattr(&terminal, OptionalActions::Now, &silent)?;
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            tcsetattr(&terminal, OptionalActions::Now, &before)?;
            read?;
            return Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()));
        }
        Ok(None)
    }

    /// Writes a warning; on a terminal that has colours its first word is yellow.
    pub fn warn(&self, text: impl AsRef<str>) {
        if !(self.colours && self.err_is_terminal) {
            return self.say(format!("Warning: {}", text.as_ref()));
        }
        let before = self.raw.replace(true);
        let _ = write!(self.err(), "\u{1b}[33;1mWarning:\u{1b}[0m ");
        self.raw.set(before);
        self.say(text);
    }

    /// Writes a line of talk; a closed standard error is no reason to fail.
    pub fn say(&self, line: impl AsRef<str>) {
        let mut err = self.err();
        let _ = writeln!(err, "{}", line.as_ref());
    }
}

/// While it is there, nothing is made visible that steers a terminal.
pub struct Raw<'a> {
    streams: &'a Streams,
    before: bool,
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        // Whoever dies while the output is in use has nothing more to write.
        if let Ok(mut out) = self.streams.out.try_borrow_mut() {
            let _ = out.flush();
        }
        self.streams.raw.set(self.before);
    }
}

/// A buffer that a test keeps while [`Streams`] write into it.
#[derive(Clone, Default)]
pub struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    /// What was written, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(data);
        Ok(data.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
