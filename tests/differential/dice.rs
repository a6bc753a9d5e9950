//! Chance, repeatable from a seed.

use fastrand::Rng;

/// Chance, and what the kubectl of the comparison can do.
pub struct Dice {
    rng: Rng,
    /// The minor version of kubectl's release.
    pub minor: u32,
    /// Whether what cannot be executed is welcome too.
    pub wild: bool,
    /// Variables that can be named.
    pub variables: Vec<String>,
    /// How many `range`s are open.
    pub ranges: usize,
    /// How many templates are defined.
    pub defined: usize,
}

impl Dice {
    /// Chance from a seed.
    pub fn new(seed: usize, minor: u32) -> Self {
        let mut rng = Rng::with_seed(u64::try_from(seed).unwrap_or_default());
        let wild = rng.u32(..100) < 35;
        Self { rng, minor, wild, variables: Vec::new(), ranges: 0, defined: 0 }
    }

    /// True so many times of a hundred.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }

    /// A number below an end, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.usize(..end)
    }

    /// One of several.
    pub fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.below(of.len().max(1));
        of.get(at).copied().unwrap_or_default()
    }

    /// One of two, the first so many times of a hundred.
    pub fn either<T>(&mut self, percent: u32, first: T, second: T) -> T {
        if self.chance(percent) { first } else { second }
    }

    /// A variable that can be named.
    pub fn variable(&mut self) -> Option<String> {
        if self.variables.is_empty() {
            return None;
        }
        let at = self.below(self.variables.len());
        self.variables.get(at).cloned()
    }

    /// A text with a few characters changed, left out or doubled, so that its grammar breaks.
    pub fn spoilt(&mut self, text: &str, with: &[&str]) -> String {
        let mut chars: Vec<String> = text.chars().map(String::from).collect();
        for _ in 0..=self.below(2) {
            if chars.is_empty() {
                break;
            }
            let at = self.below(chars.len());
            match self.below(4) {
                0 => drop(chars.remove(at)),
                1 => chars.truncate(at),
                2 => {
                    let word = self.one(with).to_owned();
                    chars.insert(at, word);
                }
                _ => {
                    let end = (at + 1 + self.below(6)).min(chars.len());
                    chars.drain(at..end);
                }
            }
        }
        chars.concat()
    }
}
