//! Comparing strings that are quantities: `1500m` is more than `1`, `1Gi` more than `1G`.

use std::cmp::Ordering;

use crate::object::quantity::Quantity;

/// Compares two quantities, `None` where either is none.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    Some(Quantity::parse(a).ok()?.cmp(&Quantity::parse(b).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares() {
        use Ordering::*;
        for (a, b, want) in [
            ("1", "1.0", Some(Equal)),
            ("1500m", "1", Some(Greater)),
            ("1Gi", "1G", Some(Greater)),
            ("-1", "0", Some(Less)),
            ("1e3", "1k", Some(Equal)),
            ("0.5n", "1n", Some(Equal)),
            ("9E", "99999E", Some(Less)),
            (".5", "500m", Some(Equal)),
            ("1x", "1", None),
            ("", "1", None),
            (".", "1", None),
            ("a", "b", None),
        ] {
            assert_eq!(compare(a, b), want, "{a} {b}");
        }
    }
}
