//! "Did you mean this?": near names, as cobra finds them.

use crate::commands::{COMMANDS, Group};

/// Names that other programs have for a command.
const ELSEWHERE: &[(&str, &str)] = &[
    ("inspect", "describe"),
    ("list", "get"),
    ("ls", "get"),
    ("remove", "delete"),
    ("rm", "delete"),
    ("stats", "top"),
];

/// Commands at the top of the tree whose names begin with `typed` or are at most two edits away, and
/// those that are called so elsewhere, in the tree's order.
pub fn suggestions(typed: &str) -> Vec<&'static str> {
    let typed = typed.to_lowercase();
    COMMANDS
        .iter()
        .filter(|entry| entry.group != Group::Hidden)
        .map(|entry| entry.name)
        .filter(|name| {
            distance(&typed, name) <= 2 || name.starts_with(&typed) || ELSEWHERE.contains(&(typed.as_str(), *name))
        })
        .collect()
}

/// The Levenshtein distance: insertions, deletions and replacements.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for (j, (y, pair)) in b.iter().zip(row.windows(2)).enumerate() {
            let (diagonal, above) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
            let left = next.get(j).copied().unwrap_or(0);
            next.push((diagonal + usize::from(x != *y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (a, b, want) in [
            ("", "", 0),
            ("get", "get", 0),
            ("gett", "get", 1),
            ("gett", "set", 2),
            ("a", "", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn suggests_near_names_in_the_order_of_the_tree() {
        assert_eq!(suggestions("gett"), ["set", "get"]);
        assert_eq!(suggestions("Roll"), ["rollout"]);
        assert_eq!(suggestions("List"), ["get"]);
        assert_eq!(suggestions("remove"), ["delete"]);
        assert!(suggestions("xxxxxxxx").is_empty());
    }
}
