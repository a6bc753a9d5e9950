//! How far a copy is, for whoever sits before a terminal.

use std::future::Future;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::ops::context::Context;

/// What takes less is not worth a word.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line changes.
const PERIOD: Duration = Duration::from_millis(250);

/// Bytes that have passed.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicU64>);

impl Count {
    /// Some more.
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// A line on standard error that tells how far a copy is, where that is a terminal.
pub struct Progress<'a> {
    ctx: &'a Context,
    count: Count,
}

impl<'a> Progress<'a> {
    /// Nothing copied yet.
    pub fn new(ctx: &'a Context) -> Self {
        Self { ctx, count: Count::default() }
    }

    /// What is to be told of each piece.
    pub fn count(&self) -> Count {
        self.count.clone()
    }

    /// Shows it while `work` goes on, and takes it away at the end.
    pub async fn beside<T>(&self, work: impl Future<Output = T>) -> T {
        if !self.ctx.streams.err_is_terminal {
            return work.await;
        }
        let begun = Instant::now();
        let mut work = std::pin::pin!(work);
        let mut wait = PATIENCE;
        loop {
            if let Ok(result) = tokio::time::timeout(wait, &mut work).await {
                if wait == PERIOD {
                    self.draw("");
                }
                return result;
            }
            wait = PERIOD;
            self.draw(&line(self.count.0.load(Ordering::Relaxed), begun.elapsed()));
        }
    }

    fn draw(&self, line: &str) {
        let _as_it_is = self.ctx.streams.raw();
        let mut err = self.ctx.streams.err();
        let _ = write!(err, "\r\x1b[K{line}").and_then(|()| err.flush());
    }
}

fn line(bytes: u64, time: Duration) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a number to look at")]
    let bytes = bytes as f64;
    format!("{} copied, {}/s", size(bytes), size(bytes / time.as_secs_f64().max(0.001)))
}

fn size(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut number, mut unit) = (bytes, "B");
    for next in &units[1..] {
        if number < 1024.0 {
            break;
        }
        (number, unit) = (number / 1024.0, next);
    }
    let digits = usize::from(unit != "B");
    format!("{number:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_far_it_is() {
        for (bytes, seconds, want) in [
            (0, 1, "0 B copied, 0 B/s"),
            (1023, 1, "1023 B copied, 1023 B/s"),
            (1536 * 1024, 2, "1.5 MiB copied, 768.0 KiB/s"),
            (1 << 40, 1, "1.0 TiB copied, 1.0 TiB/s"),
        ] {
            assert_eq!(line(bytes, Duration::from_secs(seconds)), want);
        }
    }
}
