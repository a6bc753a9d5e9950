//! What time it is. Everything that needs "now" is handed a [`Clock`]; the system's clock is read
//! nowhere else, so that a run with a fixed clock repeats.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Timestamp;

/// A source of "now".
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved (`KCTL_NOW`). All clones move together.
    Manual(Arc<AtomicI64>),
    /// A clock that runs faster or slower than the system's. All clones are the same one.
    Scaled(Arc<Scaled>),
}

/// A clock that runs at its own speed, from its own beginning. It stands still while somebody
/// [holds](Clock::hold) it.
#[derive(Debug)]
pub struct Scaled {
    /// Seconds for each second of the system's.
    factor: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The time (microseconds since 1970) at `since`, or while it is held.
    at: i64,
    since: Instant,
    holds: usize,
}

impl Scaled {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings `state` up to date, and says what time it is (microseconds since 1970).
    fn read(&self, state: &mut State) -> i64 {
        let now = Instant::now();
        if state.holds == 0 {
            let passed = now.duration_since(state.since).as_secs_f64() * self.factor * 1e6;
            let whole = passed as i64;
            // What is less than a microsecond is kept for the next reading.
            if whole > 0 {
                state.at = state.at.saturating_add(whole);
                let counted = Duration::try_from_secs_f64(whole as f64 / 1e6 / self.factor).unwrap_or_default();
                state.since = state.since.checked_add(counted).unwrap_or(now).min(now);
            }
        } else {
            state.since = now;
        }
        state.at
    }
}

/// Keeps a scaled clock standing still for as long as it lives.
#[derive(Debug)]
#[must_use = "the clock goes on when this is dropped"]
pub struct Hold(Option<Arc<Scaled>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(clock) = &self.0 {
            let mut state = clock.state();
            state.since = Instant::now();
            state.holds = state.holds.saturating_sub(1);
        }
    }
}

impl Clock {
    /// A clock that stands at `now` until it is moved.
    pub fn manual(now: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(now.as_microsecond())))
    }

    /// A clock that starts at `now` and runs `factor` times as fast as the system's. A factor that is no
    /// positive number is 1.
    pub fn scaled(now: Timestamp, factor: f64) -> Self {
        let factor = if factor.is_finite() && factor > 0.0 { factor } else { 1.0 };
        let state = State { at: now.as_microsecond(), since: Instant::now(), holds: 0 };
        Self::Scaled(Arc::new(Scaled { factor, state: Mutex::new(state) }))
    }

    /// The present moment, to the microsecond.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Timestamp {
        let micros = match self {
            Self::System => Timestamp::now().as_microsecond(),
            Self::Manual(micros) => micros.load(Ordering::Relaxed),
            Self::Scaled(clock) => clock.read(&mut clock.state()),
        };
        Timestamp::from_microsecond(micros).unwrap_or(if micros > 0 { Timestamp::MAX } else { Timestamp::UNIX_EPOCH })
    }

    /// Moves a manual or scaled clock forward to `time`; one that is already later, or the system's, stays.
    pub fn advance_to(&self, time: Timestamp) {
        match self {
            Self::System => {}
            Self::Manual(micros) => {
                micros.fetch_max(time.as_microsecond(), Ordering::Relaxed);
            }
            Self::Scaled(clock) => {
                let mut state = clock.state();
                state.at = clock.read(&mut state).max(time.as_microsecond());
            }
        }
    }

    /// The same clock, or, where this is the system's and is behind `time`, one that goes on from there:
    /// whoever has lived at `time` lives on after it.
    #[must_use]
    pub fn not_before(self, time: Timestamp) -> Self {
        match self {
            Self::System if self.now() < time => Self::scaled(time, 1.0),
            Self::Scaled(_) => {
                self.advance_to(time);
                self
            }
            other => other,
        }
    }

    /// Keeps a scaled clock from running until the result is dropped: work that takes long leaves no one
    /// behind. Other clocks go their way.
    pub fn hold(&self) -> Hold {
        let Self::Scaled(clock) = self else { return Hold(None) };
        let mut state = clock.state();
        clock.read(&mut state);
        state.holds += 1;
        Hold(Some(Arc::clone(clock)))
    }

    /// How long a person waits for so much time to go by on this clock.
    pub fn real(&self, span: Duration) -> Duration {
        match self {
            Self::Scaled(clock) => Duration::try_from_secs_f64(span.as_secs_f64() / clock.factor).unwrap_or(span),
            _ => span,
        }
    }

    /// Whether this clock moves only when it is told to.
    pub fn is_manual(&self) -> bool {
        matches!(self, Self::Manual(_))
    }

    /// Whether this clock runs at its own speed.
    pub fn is_scaled(&self) -> bool {
        matches!(self, Self::Scaled(_))
    }
}

/// Reads how many times as fast as the system's a clock is to run: more than 0, at most a million.
pub fn parse_time_scale(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|factor| *factor > 0.0 && *factor <= 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_000_000).expect("a time")
    }

    fn seconds(clock: &Clock) -> f64 {
        clock.now().duration_since(start()).as_secs_f64()
    }

    #[test]
    fn a_scaled_clock_runs_and_can_be_held() {
        let clock = Clock::scaled(start(), 1_000_000.0);
        let began = Instant::now();
        std::thread::sleep(Duration::from_millis(2));
        let passed = seconds(&clock.clone());
        assert!(passed >= 2_000.0 && passed <= began.elapsed().as_secs_f64() * 1e6, "{passed}");
        let held = clock.hold();
        let also_held = clock.hold();
        let stands = clock.now();
        drop(held);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(clock.now(), stands);
        drop(also_held);
        std::thread::sleep(Duration::from_millis(1));
        let after = clock.now().duration_since(stands).as_secs_f64();
        assert!(after >= 1_000.0 && after < began.elapsed().as_secs_f64() * 1e6 - 1_000.0, "{after}");
    }

    #[test]
    fn slow_clocks_lose_nothing_by_being_read_often() {
        let clock = Clock::scaled(start(), 0.5);
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(20) {
            clock.now();
        }
        assert!(seconds(&clock) >= 0.0099, "{}", seconds(&clock));
    }

    #[test]
    fn no_clock_goes_back() {
        let later = start() + Duration::from_secs(60);
        let clock = Clock::scaled(start(), 1.0).not_before(later);
        assert!(clock.now() >= later);
        clock.advance_to(start());
        assert!(clock.now() >= later);
        let future = Clock::System.now() + Duration::from_secs(3600);
        assert!(Clock::System.not_before(future).now() >= future);
        assert!(!Clock::System.not_before(start()).is_scaled());
        assert_eq!(Clock::manual(start()).not_before(later).now(), start(), "a clock that stands is left alone");
    }

    #[test]
    fn waits_are_shorter_by_the_factor() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Clock::scaled(start(), 3600.0).real(hour), Duration::from_secs(1));
        assert_eq!(Clock::scaled(start(), f64::NAN).real(hour), hour);
        assert_eq!(Clock::System.real(hour), hour);
    }
}
