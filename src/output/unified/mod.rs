//! Differences of two texts as `diff -u` shows them.
//!
//! | file | what it does |
//! | --- | --- |
//! | `confusing` | leaves out lines that would only mislead |
//! | `myers` | finds which lines changed |
//! | `slide` | chooses among changes that mean the same |

mod confusing;
mod myers;
mod slide;

use std::collections::HashMap;

/// Unchanged lines shown around changes.
const CONTEXT: usize = 3;

/// A change: lines of the first text that become lines of the second; both may be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    old: (usize, usize),
    new: (usize, usize),
}

/// The hunks between two texts, from `@@` on; empty where they are equal.
pub fn hunks(old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let changes = changes(&old, &new);
    let mut out = String::new();
    for hunk in changes.chunk_by(|a, b| b.old.0 - a.old.1 <= 2 * CONTEXT) {
        write_hunk(&old, &new, hunk, &mut out);
    }
    out
}

/// The changes, in order.
fn changes(old: &[&str], new: &[&str]) -> Vec<Change> {
    let (old, new) = numbered(old, new);
    let (before, after) = equal_ends(&old, &new);
    let between = |lines: &[usize]| lines.get(before..lines.len() - after).unwrap_or_default().to_vec();
    let (mid_old, mid_new) = (between(&old), between(&new));
    let (mut deleted, mut inserted) = marked(&mid_old, &mid_new);
    slide::slide(&mid_old, &mut deleted, &inserted);
    slide::slide(&mid_new, &mut inserted, &deleted);
    let whole = |marks: Vec<bool>| {
        let mut all = vec![false; before];
        all.extend(marks);
        all.resize(all.len() + after, false);
        all
    };
    let (deleted, inserted) = (whole(deleted), whole(inserted));
    let (mut at, mut changes) = ((0, 0), Vec::new());
    loop {
        let run = |marks: &[bool], from: usize| {
            let length = marks.get(from..).unwrap_or_default().iter().take_while(|marked| **marked).count();
            (from, from + length)
        };
        let (was, is) = (run(&deleted, at.0), run(&inserted, at.1));
        if was.0 < was.1 || is.0 < is.1 {
            changes.push(Change { old: was, new: is });
        }
        at = (was.1 + 1, is.1 + 1);
        if at.0 > deleted.len() || at.1 > inserted.len() {
            return changes;
        }
    }
}

/// How many lines are equal at both ends, without those next to what is not: these are all that `diff`
/// looks at, and changes slide no further.
fn equal_ends(old: &[usize], new: &[usize]) -> (usize, usize) {
    let before = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let before = before.saturating_sub(CONTEXT);
    let rest = |lines: &[usize]| lines.len() - before;
    let least = rest(old).min(rest(new));
    let after = old.iter().rev().zip(new.iter().rev()).take(least).take_while(|(old, new)| old == new).count();
    (before, after.saturating_sub(CONTEXT))
}

/// Which lines of either text are not in the other, on a shortest way from one to the other. Lines that
/// would only mislead are left out beforehand.
fn marked(old: &[usize], new: &[usize]) -> (Vec<bool>, Vec<bool>) {
    let looked_at = |lines: &[usize], other: &[usize]| -> Vec<usize> {
        let out = confusing::left_out(lines, other);
        out.iter().enumerate().filter(|(_, out)| !**out).map(|(at, _)| at).collect()
    };
    let (rest_old, rest_new) = (looked_at(old, new), looked_at(new, old));
    let pick = |lines: &[usize], rest: &[usize]| -> Vec<usize> {
        rest.iter().filter_map(|at| lines.get(*at).copied()).collect()
    };
    let (deleted, inserted) = myers::changed(&pick(old, &rest_old), &pick(new, &rest_new));
    let spread = |length: usize, rest: &[usize], marks: &[bool]| {
        let mut all = vec![true; length];
        for (at, marked) in rest.iter().zip(marks) {
            if let Some(mark) = all.get_mut(*at) {
                *mark = *marked;
            }
        }
        all
    };
    (spread(old.len(), &rest_old, &deleted), spread(new.len(), &rest_new, &inserted))
}

/// Lines as numbers, equal ones with the same.
fn numbered<'a>(old: &[&'a str], new: &[&'a str]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut number = |line: &&'a str| {
        let next = numbers.len();
        *numbers.entry(*line).or_insert(next)
    };
    (old.iter().map(&mut number).collect(), new.iter().map(&mut number).collect())
}

fn write_hunk(old: &[&str], new: &[&str], changes: &[Change], out: &mut String) {
    let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return };
    let before = first.old.0.min(CONTEXT);
    let after = (old.len() - last.old.1).min(CONTEXT);
    let (from, to) = ((first.old.0 - before, first.new.0 - before), (last.old.1 + after, last.new.1 + after));
    out.push_str(&format!("@@ -{} +{} @@\n", range(from.0, to.0), range(from.1, to.1)));
    let mut at = from.0;
    let mut lines = |mark: char, text: &[&str], from: usize, to: usize| {
        for line in text.get(from..to).unwrap_or_default() {
            out.push(mark);
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push_str("\n\\ No newline at end of file\n");
            }
        }
    };
    for change in changes {
        lines(' ', old, at, change.old.0);
        lines('-', old, change.old.0, change.old.1);
        lines('+', new, change.new.0, change.new.1);
        at = change.old.1;
    }
    lines(' ', old, at, to.0);
}

/// Lines from one to before another, as `FIRST,COUNT`; no count of 1, and of none the line before.
fn range(from: usize, to: usize) -> String {
    match to - from {
        0 => format!("{from},0"),
        1 => format!("{}", from + 1),
        count => format!("{},{count}", from + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(words: &str) -> String {
        words.split_whitespace().map(|word| format!("{word}\n")).collect()
    }

    #[test]
    fn shows_changes_with_what_is_around_them() {
        for (old, new, want) in [
            ("a b c", "a b c", ""),
            ("", "a b", "@@ -0,0 +1,2 @@\n+a\n+b\n"),
            ("a", "", "@@ -1 +0,0 @@\n-a\n"),
            ("a", "b", "@@ -1 +1 @@\n-a\n+b\n"),
            ("1 2 3 4 5 6 7 8 9", "1 2 3 4 x 6 7 8 9", "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"),
            // What could be either of two is the later one.
            ("a b", "a b a b", "@@ -1,2 +1,4 @@\n a\n b\n+a\n+b\n"),
            ("x - a - b y", "x - a - c - b y", "@@ -2,5 +2,7 @@\n -\n a\n -\n+c\n+-\n b\n y\n"),
            ("a 1 2 3 4 5 6 b", "A 1 2 3 4 5 6 B", "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n"),
            (
                "a 1 2 3 4 5 6 7 b",
                "A 1 2 3 4 5 6 7 B",
                "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n",
            ),
        ] {
            assert_eq!(hunks(&lines(old), &lines(new)), want, "{old} to {new}");
        }
        assert_eq!(hunks("a", "b\n"), "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n");
    }

    /// What the hunks make of the first text.
    fn patched(old: &str, hunks: &str) -> String {
        let old: Vec<&str> = old.split_inclusive('\n').collect();
        let (mut at, mut new) = (0, String::new());
        for line in hunks.split_inclusive('\n') {
            let rest = &line[1..];
            match line.as_bytes()[0] {
                b'@' => {
                    let (first, count) =
                        line[4..].split(' ').next().unwrap().split_once(',').unwrap_or((&line[4..], "1"));
                    let first: usize = first.split(' ').next().unwrap().parse().unwrap();
                    let to = if count == "0" { first } else { first - 1 };
                    old[at..to].iter().for_each(|line| new.push_str(line));
                    at = to;
                }
                b'+' => new.push_str(rest),
                mark => {
                    assert_eq!(old[at], rest);
                    if mark == b' ' {
                        new.push_str(rest);
                    }
                    at += 1;
                }
            }
        }
        old[at..].iter().for_each(|line| new.push_str(line));
        new
    }

    proptest! {
        #[test]
        fn leads_from_one_to_the_other(old in "([a-e]\n){0,40}", new in "([a-e]\n){0,40}") {
            let hunks = hunks(&old, &new);
            prop_assert_eq!(hunks.is_empty(), old == new);
            prop_assert_eq!(patched(&old, &hunks), new);
        }
    }
}
