//! What a template may cost. By right it may run for hours and double a string until memory ends;
//! under a fuzzer (which sets `cfg(fuzzing)`) it may not, so that a hang is a fault of the engine.

/// What is left to spend; without end unless fuzzing.
#[derive(Debug)]
pub(super) struct Budget {
    #[cfg(fuzzing)]
    left: usize,
}

impl Budget {
    /// A full one.
    pub(super) fn new() -> Self {
        Self {
            #[cfg(fuzzing)]
            left: 1 << 20,
        }
    }

    /// Whether so many steps, or bytes, can still be afforded.
    #[cfg(fuzzing)]
    pub(super) fn spend(&mut self, amount: usize) -> bool {
        let affordable = amount <= self.left;
        self.left = self.left.saturating_sub(amount);
        affordable
    }

    /// Always: there is no limit.
    #[cfg(not(fuzzing))]
    #[inline(always)]
    pub(super) fn spend(&mut self, _amount: usize) -> bool {
        true
    }
}
