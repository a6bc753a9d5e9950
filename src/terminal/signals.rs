//! Signals that ask the process to end.

use std::io;
use std::time::Duration;

/// Waits until the process is asked to end: by Ctrl-C, by the system, or because its terminal is gone.
///
/// # Errors
/// The system does not say.
#[cfg(unix)]
pub async fn asked_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate, mut hangup) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Waits until somebody interrupts the process with Ctrl-C, from the call on. Other signals end it as they do by
/// themselves; and so does this one where the system does not say.
#[cfg(unix)]
pub fn interrupted() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = signal(SignalKind::interrupt());
    async {
        match interrupt {
            Ok(mut interrupt) => drop(interrupt.recv().await),
            Err(_) => std::future::pending().await,
        }
    }
}

/// Waits until somebody interrupts the process with Ctrl-C.
#[cfg(not(unix))]
pub async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// Waits until the process is asked to end by Ctrl-C.
///
/// # Errors
/// The system does not say.
#[cfg(not(unix))]
pub async fn asked_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// How long the process may take to end by itself once it is asked to.
const GRACE: Duration = Duration::from_millis(500);

/// Ends the process with code 1 where it is asked to end and has not done so soon after, because its only thread
/// waits for somebody who does not read.
pub fn end_if_stuck() {
    std::thread::spawn(|| -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(asked_to_end())?;
        std::thread::sleep(GRACE);
        #[allow(clippy::disallowed_methods, reason = "whoever could return an error is stuck")]
        std::process::exit(1)
    });
}
