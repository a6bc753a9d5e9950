//! What time it is. Everything that needs "now" is handed a [`Clock`]; the system's clock is read
//! nowhere else, so that a run with a fixed clock repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::Timestamp;

/// A source of "now".
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved (`KCTL_NOW`). All clones move together.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `now` until it is moved.
    pub fn manual(now: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.as_microsecond())))
    }

    /// The present moment, to the microsecond.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(micros) => {
                Timestamp::from_microsecond(micros.load(Ordering::Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
        }
    }

    /// Moves a manual clock forward to `time`; one that is already later, or the system's, stays.
    pub fn advance_to(&self, time: Timestamp) {
        if let Self::Manual(micros) = self {
            micros.fetch_max(time.as_microsecond(), Ordering::Relaxed);
        }
    }

    /// Whether this clock moves only when it is told to.
    pub fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }
}
