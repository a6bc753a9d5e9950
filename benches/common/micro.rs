//! Measuring what a piece of work costs that takes microseconds: often enough to tell, the quickest of several turns.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

/// Turns, of which the quickest counts: what else the machine does only adds.
const TURNS: u32 = 7;

/// Some work over and over, and how many bytes it goes through each time; 0 where that says nothing.
pub struct Work<'a> {
    /// The bytes.
    pub bytes: usize,
    /// The work.
    pub once: Box<dyn FnMut() + 'a>,
}

/// Takes what comes of the work, so that the compiler does not leave the work out.
pub fn done<T>(value: T) {
    drop(std::hint::black_box(value));
}

/// What is asked of a bench.
pub struct Micro {
    /// Parts of names; all where there are none.
    pub only: Vec<String>,
    /// How long each case is measured.
    pub time: Duration,
    /// The most that a case may grow by where its input grows to four times as much, over four.
    pub growth: f64,
    /// Cases that grow by more.
    pub grown: Vec<String>,
}

impl Micro {
    /// Prints the headers.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn begin(&self) -> io::Result<()> {
        writeln!(io::stdout(), "{:<28} {:>12} {:>12} {:>10} {:>8}", "WORK", "INPUT", "TIME", "SPEED", "GROWTH")
    }

    /// Measures a case with an input of this size, and with four times as much.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn case<'a>(&mut self, name: &str, size: usize, make: impl Fn(usize) -> Work<'a>) -> io::Result<()> {
        if !self.only.is_empty() && !self.only.iter().any(|part| name.contains(part.as_str())) {
            return Ok(());
        }
        let (small, large) = (make(size), make(4 * size));
        let bytes = large.bytes;
        let (one, four) = (self.measure(small.once), self.measure(large.once));
        let growth = four.as_secs_f64() / one.as_secs_f64().max(1e-9) / 4.0;
        let input = if bytes == 0 { format!("{}", 4 * size) } else { format!("{:.1} kB", bytes as f64 / 1e3) };
        let speed = if bytes == 0 {
            format!("{:.0}/s", 4.0 * size as f64 / four.as_secs_f64())
        } else {
            format!("{:.0} MB/s", bytes as f64 / 1e6 / four.as_secs_f64())
        };
        let micros = four.as_secs_f64() * 1e6;
        writeln!(io::stdout(), "{name:<28} {input:>12} {micros:>9.1} µs {speed:>10} {growth:>8.2}")?;
        if growth > self.growth {
            self.grown.push(format!("{name} ({growth:.2})"));
        }
        Ok(())
    }

    fn measure(&self, mut once: Box<dyn FnMut() + '_>) -> Duration {
        once();
        let started = Instant::now();
        once();
        let first = started.elapsed().max(Duration::from_nanos(20));
        let turn = self.time / TURNS;
        let rounds = u32::try_from(turn.as_nanos() / first.as_nanos()).unwrap_or(u32::MAX).clamp(1, 1_000_000);
        let mut best = first;
        for _ in 0..TURNS {
            let started = Instant::now();
            for _ in 0..rounds {
                once();
            }
            best = best.min(started.elapsed() / rounds);
        }
        best
    }
}
