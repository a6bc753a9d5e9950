//! Random parts of names that a command makes up itself.

use super::context::Context;

/// The letters and digits of which Kubernetes makes names: no vowels, and nothing that looks alike.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// One random suffix after another. With `KCTL_SEED` they are the same each time for the same moment and
/// purpose.
pub struct Suffixes(fastrand::Rng);

impl Suffixes {
    /// The suffixes for a purpose.
    pub fn new(ctx: &Context, purpose: &str) -> Self {
        let Some(seed) = ctx.env.number("KCTL_SEED") else { return Self(fastrand::Rng::new()) };
        let seed = seed.to_le_bytes();
        let now = ctx.clock.now().as_nanosecond().to_le_bytes();
        // FNV-1a.
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = seed.iter().chain(&now).chain(purpose.as_bytes());
        Self(fastrand::Rng::with_seed(bytes.fold(0xcbf2_9ce4_8422_2325, mix)))
    }

    /// The next one, of five characters.
    pub fn draw(&mut self) -> String {
        let letter = |_| ALPHABET.get(self.0.usize(..ALPHABET.len())).copied().map(char::from);
        (0..5).filter_map(letter).collect()
    }
}
