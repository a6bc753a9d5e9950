//! Numbers that may be given as a percentage (`IntOrString`).

use crate::object::Object;

/// Which way a percentage that gives no whole number is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// To the next larger number.
    Up,
    /// To the next smaller number.
    Down,
}

/// The number that `3` or `"25%"` means for `total`; `None` for anything else.
pub fn scaled(value: Option<&Object>, total: i64, round: Round) -> Option<i64> {
    let value = value?;
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    let text = value.as_str()?;
    let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
    let product = percent.checked_mul(total)?;
    Some(match round {
        Round::Up => product.checked_add(99)?.div_euclid(100),
        Round::Down => product.div_euclid(100),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rounds_percentages() {
        for (value, total, up, down) in [
            (json!(3), 10, Some(3), Some(3)),
            (json!("25%"), 10, Some(3), Some(2)),
            (json!("50%"), 10, Some(5), Some(5)),
            (json!("0%"), 10, Some(0), Some(0)),
            (json!("x%"), 10, None, None),
            (json!("25"), 10, None, None),
            (json!(null), 10, None, None),
        ] {
            assert_eq!(scaled(Some(&value), total, Round::Up), up, "{value}");
            assert_eq!(scaled(Some(&value), total, Round::Down), down, "{value}");
        }
    }
}
