//! Chance that repeats: names and UIDs from the store's seed and the revision of the write.

use fastrand::Rng;

use super::Api;
use crate::object::Status;

/// The letters of generated names: no vowels, and nothing that looks like another letter.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

impl Api {
    /// The chances of a write that follows a revision.
    pub(super) fn rng(&self, revision: u64) -> Result<Rng, Status> {
        let seed = match self.shared.seed.get() {
            Some(seed) => *seed,
            None => return Err(Status::internal("the cluster has no seed")),
        };
        Ok(Rng::with_seed(seed ^ revision.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Sees to it that there is a seed. Must be called outside of transactions.
    pub(super) fn ensure_seed(&self) -> Result<(), Status> {
        if self.shared.seed.get().is_some() {
            return Ok(());
        }
        let stored = self.store().meta_get("seed")?.and_then(|text| text.parse().ok());
        let seed = match stored {
            Some(seed) => seed,
            None => {
                let fresh = fastrand::u64(..);
                self.store().meta_set("seed", &fresh.to_string())?;
                fresh
            }
        };
        let _ = self.shared.seed.set(seed);
        Ok(())
    }
}

/// The end of a name made from `generateName`.
pub fn suffix(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| char::from(ALPHABET.get(rng.usize(..ALPHABET.len())).copied().unwrap_or(b'b'))).collect()
}

/// A random (version 4) UUID.
pub fn uuid(rng: &mut Rng) -> String {
    let bits = rng.u128(..) & !(0xf000 << 64) | (0x4000 << 64);
    let bits = bits & !(0xc000 << 48) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("");
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_names_and_uuids() {
        let mut rng = Rng::with_seed(7);
        let name = suffix(&mut rng, 5);
        assert!(name.len() == 5 && name.bytes().all(|byte| ALPHABET.contains(&byte)), "{name}");
        for _ in 0..100 {
            let uuid = uuid(&mut rng);
            assert_eq!(uuid.len(), 36);
            assert_eq!(uuid.as_bytes()[14], b'4', "{uuid}");
            assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        }
    }
}
