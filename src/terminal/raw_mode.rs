//! A terminal that hands every key on as it is, for as long as a session in it lasts.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// How the terminal was before, for whoever must put it back: the guard, or a panic.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Keeps the terminal of standard input raw, and puts it back at its end.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Makes the terminal of standard input raw: no line editing, no echo, no signals from keys.
    ///
    /// # Errors
    /// Standard input is no terminal, or the system refuses.
    pub fn enter() -> io::Result<Self> {
        static PANICS: Once = Once::new();
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        PANICS.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                previous(panic);
            }));
        });
        let guard = Self(());
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(guard)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // There is nobody left to tell where this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}
