//! The terminal's size, and its changes.

use std::io;

use tokio::sync::mpsc;

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// The size of the terminal of standard output; none where there is no terminal.
pub fn size() -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(Size { width: size.ws_col, height: size.ws_row })
}

/// The sizes that the terminal has from now on, the given ones first. Needs a runtime.
pub fn sizes(first: Vec<Size>) -> mpsc::Receiver<Size> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        for size in first {
            if sender.send(size).await.is_err() {
                return;
            }
        }
        #[cfg(unix)]
        follow(&sender).await;
    });
    receiver
}

#[cfg(unix)]
async fn follow(sender: &mpsc::Sender<Size>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut changes) = signal(SignalKind::window_change()) else { return };
    let mut last = size();
    loop {
        tokio::select! {
            () = sender.closed() => return,
            change = changes.recv() => if change.is_none() { return },
        }
        let now = size();
        if let Some(now) = now.filter(|now| last != Some(*now)) {
            last = Some(now);
            if sender.send(now).await.is_err() {
                return;
            }
        }
    }
}
