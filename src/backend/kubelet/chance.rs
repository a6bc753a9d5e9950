//! Chance that repeats: numbers drawn from a hash of what they are for.

/// A well mixed hash of the parts, always the same.
pub fn hash(parts: &[&str]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    mix(state)
}

/// A number below `limit` (0 for a limit of 0).
pub fn below(limit: u64, parts: &[&str]) -> u64 {
    hash(parts).checked_rem(limit).unwrap_or(0)
}

/// 64 hexadecimal digits that look like a SHA-256 of `text`.
pub fn hex64(text: &str) -> String {
    let first = hash(&[text]);
    (0..4)
        .map(|part: u64| format!("{:016x}", mix(first.wrapping_add(part.wrapping_mul(0x9e37_79b9_7f4a_7c15)))))
        .collect()
}

/// The finaliser of splitmix64.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_and_differs() {
        assert_eq!(hex64("a"), hex64("a"));
        assert_ne!(hex64("a"), hex64("b"));
        assert_eq!(hex64("a").len(), 64);
        assert_ne!(hash(&["a", "b"]), hash(&["ab"]));
        assert_eq!(below(0, &["x"]), 0);
        assert!(below(10, &["x"]) < 10);
    }
}
