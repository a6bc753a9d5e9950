//! Names and hashes that look like the cluster's own and follow from what they name, so that the
//! same cluster at the same moment always gets the same names.

/// The letters of generated names: no vowels, no characters that look alike.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A 64-bit FNV-1a hash of several texts.
pub fn hash(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(hash)
}

/// Spreads a number over all bits (the finaliser of splitmix64).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Five letters of the name alphabet, as `generateName` appends them.
pub fn suffix(parts: &[&str]) -> String {
    let mut rest = hash(parts);
    (0..5)
        .map(|_| {
            let letter = letter(rest % 27);
            rest /= 27;
            letter
        })
        .collect()
}

/// A name that is not taken: `prefix` and a suffix that follows from `parts`. A prefix that leaves no
/// room is cut, as the API server does.
pub fn unused(prefix: &str, parts: &[&str], taken: impl Fn(&str) -> bool) -> String {
    let prefix: String = prefix.chars().take(58).collect();
    let mut attempt: u32 = 0;
    loop {
        let number = attempt.to_string();
        let mut seed = parts.to_vec();
        seed.push(&number);
        let name = format!("{prefix}{}", suffix(&seed));
        if !taken(&name) || attempt > 1000 {
            return name;
        }
        attempt += 1;
    }
}

/// A hash as a label shows it: a 32-bit number in decimal, at least eight digits, each digit written
/// as a letter of the name alphabet.
pub fn label_hash(parts: &[&str]) -> String {
    let number = hash(parts) as u32;
    format!("{number:08}").bytes().map(|digit| letter(u64::from(digit) % 27)).collect()
}

fn letter(index: u64) -> char {
    ALPHABET.get(index as usize).copied().map_or('b', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn suffixes_and_hashes_keep_their_alphabet(text in ".*") {
            let suffix = suffix(&[&text]);
            let hash = label_hash(&[&text]);
            prop_assert_eq!(suffix.len(), 5);
            prop_assert!((8..=10).contains(&hash.len()));
            prop_assert!(suffix.bytes().chain(hash.bytes()).all(|byte| ALPHABET.contains(&byte)));
        }
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }

    #[test]
    fn skips_names_that_are_taken() {
        let first = unused("web-", &["u"], |_| false);
        let second = unused("web-", &["u"], |name| name == first);
        assert_ne!(first, second);
        assert!(second.starts_with("web-") && second.len() == 9);
    }
}
