//! Lines that only confuse the search for a shortest way are taken out beforehand: those that the other
//! text does not have, and between them those that it has very often (a lone `}` says little about what
//! belongs to what). This is what `diff` does unless it is told to look for the smallest difference.

use std::collections::HashMap;

/// What is thought of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Looked at.
    Kept,
    /// The other text does not have it.
    Alone,
    /// The other text has it very often: it goes if it stands among lines that go.
    Common,
}

/// Runs of so many lines that are alone, at an end of a longer run, hold what is common behind them.
const FIRM: usize = 3;
/// So far from an end of a run the next line that is alone holds it, too.
const FAR: usize = 8;

/// Which lines of a text are left out of the comparison with the other.
pub(super) fn left_out(lines: &[usize], other: &[usize]) -> Vec<bool> {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for line in other {
        *counts.entry(*line).or_default() += 1;
    }
    let often = often(lines.len());
    let mut marks: Vec<Mark> = lines
        .iter()
        .map(|line| match counts.get(line) {
            None => Mark::Alone,
            Some(count) if *count > often => Mark::Common,
            Some(_) => Mark::Kept,
        })
        .collect();
    let mut at = 0;
    while let Some(mark) = marks.get_mut(at) {
        match mark {
            Mark::Kept => at += 1,
            Mark::Common => {
                *mark = Mark::Kept;
                at += 1;
            }
            Mark::Alone => at += run(marks.get_mut(at..).unwrap_or_default()),
        }
    }
    marks.iter().map(|mark| *mark != Mark::Kept).collect()
}

/// How often a line must stand in the other text to be common: more than about five times the square root
/// of the length over 64.
fn often(length: usize) -> usize {
    let (mut often, mut rest) = (5, length / 64 / 4);
    while rest > 0 {
        often *= 2;
        rest /= 4;
    }
    often
}

/// Settles the run of marked lines at the beginning of these, the first of which is alone. Returns how many
/// lines are settled.
fn run(marks: &mut [Mark]) -> usize {
    let end = marks.iter().take_while(|mark| **mark != Mark::Kept).count();
    // What is common at the end does not belong to it.
    let length = marks.iter().take(end).rposition(|mark| *mark == Mark::Alone).map_or(0, |last| last + 1);
    let Some((run, behind)) = marks.split_at_mut_checked(length) else { return 1 };
    behind.iter_mut().take(end - length).for_each(|mark| *mark = Mark::Kept);
    let common = run.iter().filter(|mark| **mark == Mark::Common).count();
    if common * 4 > length {
        run.iter_mut().filter(|mark| **mark == Mark::Common).for_each(|mark| *mark = Mark::Kept);
        // Each part that is left is a run of its own.
        return run.iter().take_while(|mark| **mark == Mark::Alone).count().max(1);
    }
    let most = longest(length);
    for part in run.chunk_by_mut(|a, b| a == b) {
        if part.len() >= most && part.first() == Some(&Mark::Common) {
            part.fill(Mark::Kept);
        }
    }
    release(run.iter_mut());
    release(run.iter_mut().rev());
    length.max(1)
}

/// So many common lines next to each other are too many for a run of this length.
fn longest(length: usize) -> usize {
    let (mut longest, mut rest) = (1, length / 4 / 4);
    while rest > 0 {
        longest *= 2;
        rest /= 4;
    }
    longest + 1
}

/// Keeps what is common near an end of a run, from which the lines come.
fn release<'a>(marks: impl Iterator<Item = &'a mut Mark>) {
    let mut firm = 0;
    for (at, mark) in marks.enumerate() {
        if at >= FAR && *mark == Mark::Alone {
            return;
        }
        firm = if *mark == Mark::Alone { firm + 1 } else { 0 };
        if *mark == Mark::Common {
            *mark = Mark::Kept;
        }
        if firm == FIRM {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_goes_only_among_what_is_alone() {
        // 0 stands in the other text often, 1 once; 7 and above not at all.
        let other = [0, 0, 0, 0, 0, 0, 1];
        for (lines, want) in [
            (vec![0, 1, 0], "..."),
            (vec![7, 8, 1], "xx."),
            (vec![7, 8, 9, 0, 10, 11, 12], "xxxxxxx"),
            (vec![7, 0, 8], "x.x"),
            (vec![7, 8, 0, 9, 10], "xx.xx"),
            (vec![7, 8, 9, 0], "xxx."),
        ] {
            let marks: String = left_out(&lines, &other).iter().map(|out| if *out { 'x' } else { '.' }).collect();
            assert_eq!(marks, want, "{lines:?}");
        }
    }

    #[test]
    fn thresholds_grow_with_the_square_root() {
        assert_eq!([0, 255, 256, 1023, 1024, 4096].map(often), [5, 5, 10, 10, 20, 40]);
        assert_eq!([1, 15, 16, 63, 64].map(longest), [2, 2, 3, 3, 5]);
    }
}
