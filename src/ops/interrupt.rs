//! Work that takes its time and ends when the process is asked to end.

use std::future::Future;

use crate::error::Exit;
use crate::terminal::signals;

/// Does something that takes its time. Where the process is asked to end meanwhile, it ends with code 1
/// and without a word, as kubectl does wherever it watches.
///
/// # Errors
/// What the work fails with, or [`Exit`].
pub async fn interruptible<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::select! {
        // Work that never has to wait does not pay for signals.
        biased;
        result = work => result,
        Ok(()) = signals::asked_to_end() => Err(Exit(1).into()),
    }
}

/// The same for work that writes to standard output for long: where nobody reads that, the work stands still
/// with the whole thread, and only another one still hears that the process is asked to end.
///
/// # Errors
/// As above.
pub async fn interruptible_though_unread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let watched = async {
        signals::end_if_stuck();
        work.await
    };
    interruptible(watched).await
}
