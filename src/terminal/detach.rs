//! The keys that leave a session without ending it.

/// A sequence of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetachKeys {
    keys: Vec<u8>,
    /// How many of them were typed in a row.
    typed: usize,
}

/// What of the input goes on, and whether the sequence is complete.
#[derive(Debug, PartialEq, Eq)]
pub struct Filtered {
    /// The input without keys of the sequence, unless it turned out to be none.
    pub input: Vec<u8>,
    /// Whether the session is to be left.
    pub detached: bool,
}

impl DetachKeys {
    /// Reads `ctrl-p,ctrl-q`: single characters and `ctrl-` with a letter or one of `@ [ \ ] ^ _`.
    ///
    /// # Errors
    /// Something else, in the words of the library that kubectl uses.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for key in text.split(',') {
            match key.as_bytes() {
                [single] => keys.push(*single),
                [b'c', b't', b'r', b'l', b'-', control] if control.is_ascii_lowercase() => {
                    keys.push(control - b'a' + 1)
                }
                [b'c', b't', b'r', b'l', b'-', control] => {
                    let position = b"@[\\]^_".iter().position(|known| known == control);
                    let codes = [0, 27, 28, 29, 30, 31];
                    keys.push(
                        position
                            .and_then(|at| codes.get(at).copied())
                            .ok_or_else(|| format!("Unknown character: '{key}'"))?,
                    );
                }
                _ => return Err(format!("Unknown character: '{key}'")),
            }
        }
        Ok(Self { keys, typed: 0 })
    }

    /// Looks at input on its way.
    pub fn filter(&mut self, input: &[u8]) -> Filtered {
        let mut filtered = Filtered { input: Vec::with_capacity(input.len()), detached: false };
        for byte in input {
            if self.keys.get(self.typed) == Some(byte) {
                self.typed += 1;
                if self.typed == self.keys.len() {
                    filtered.detached = true;
                    return filtered;
                }
                continue;
            }
            // The keys that were held back were none of the sequence.
            filtered.input.extend_from_slice(self.keys.get(..self.typed).unwrap_or_default());
            self.typed = 0;
            if self.keys.first() == Some(byte) && self.keys.len() > 1 {
                self.typed = 1;
            } else {
                filtered.input.push(*byte);
            }
        }
        filtered
    }

    /// At the end of the input: the keys that were held back and are none of the sequence.
    pub fn rest(&self) -> &[u8] {
        self.keys.get(..self.typed).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_keys() {
        let keys = |text: &str| DetachKeys::parse(text).map(|keys| keys.keys);
        assert_eq!(keys("ctrl-p,ctrl-q"), Ok(vec![16, 17]));
        assert_eq!(keys("a,ctrl-@,ctrl-_"), Ok(vec![97, 0, 31]));
        assert_eq!(keys("ctrl-A"), Err("Unknown character: 'ctrl-A'".to_owned()));
        assert_eq!(keys("ab"), Err("Unknown character: 'ab'".to_owned()));
        assert_eq!(keys(""), Err("Unknown character: ''".to_owned()));
    }

    #[test]
    fn finds_the_sequence_across_reads() {
        let mut keys = DetachKeys::parse("ctrl-p,ctrl-q").expect("keys");
        let part = |keys: &mut DetachKeys, input: &[u8]| {
            let filtered = keys.filter(input);
            (filtered.input, filtered.detached)
        };
        assert_eq!(part(&mut keys, b"a\x10"), (b"a".to_vec(), false));
        assert_eq!(part(&mut keys, b"b"), (b"\x10b".to_vec(), false));
        assert_eq!(part(&mut keys, b"\x10\x10"), (b"\x10".to_vec(), false));
        assert_eq!(part(&mut keys, b"\x11rest"), (Vec::new(), true));
    }

    proptest! {
        #[test]
        fn loses_nothing_else(input in proptest::collection::vec(0_u8..20, 0..40)) {
            let mut keys = DetachKeys::parse("ctrl-p,ctrl-q").expect("keys");
            let filtered = keys.filter(&input);
            prop_assert_eq!(filtered.detached, input.windows(2).any(|pair| pair == [16, 17]));
            if !filtered.detached {
                prop_assert_eq!([filtered.input.as_slice(), keys.rest()].concat(), input);
            }
        }
    }
}
