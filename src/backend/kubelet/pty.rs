//! Terminals for processes that want one.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Both ends of a terminal.
pub struct Terminal {
    master: OwnedFd,
    /// The end that the process gets.
    pub slave: OwnedFd,
}

/// Opens a new terminal.
///
/// # Errors
/// The system has none.
pub fn open() -> io::Result<Terminal> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Terminal { master, slave })
}

/// One direction of a terminal's master.
pub struct Master(Arc<AsyncFd<OwnedFd>>);

impl Terminal {
    /// What the terminal shows, what is typed at it, and how its size is set (columns, rows).
    ///
    /// # Errors
    /// The descriptor cannot be shared.
    pub fn master(&self) -> io::Result<(Master, Master, Box<dyn Fn(u16, u16) + Send + Sync>)> {
        let master = self.master.try_clone()?;
        fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
        #[allow(unsafe_code, reason = "the descriptor must stay open while it is registered")]
        // SAFETY: the master is owned by what registers it, and is closed only after that.
        let master = Arc::new(unsafe { AsyncFd::register(master) }?);
        let sized = Arc::clone(&master);
        let resize = move |columns, rows| {
            let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
            let _ = tcsetwinsize(sized.get_ref(), size);
        };
        Ok((Master(Arc::clone(&master)), Master(master), Box::new(resize)))
    }
}

impl AsyncRead for Master {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            let unfilled = buffer.initialize_unfilled();
            match guard.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), unfilled)?)) {
                Ok(result) => {
                    buffer.advance(result?);
                    return Poll::Ready(Ok(()));
                }
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Master {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(context))?;
            match guard.try_io(|fd| Ok(rustix::io::write(fd.get_ref(), bytes)?)) {
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The end of the input, as a terminal says it: its end-of-file character.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write(context, &[4]).map_ok(|_| ())
    }
}
