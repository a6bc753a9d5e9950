//! Sets of a job's indexes, written as `0,2-4`.

use std::fmt;

/// A set of indexes as ranges, ascending and apart from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes(Vec<(i64, i64)>);

impl Indexes {
    /// Reads a set; what is malformed or not below `completions` is left out.
    pub fn parse(text: &str, completions: i64) -> Self {
        let ranges = text.split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
            let last = last.min(completions - 1);
            (0 <= first && first <= last).then_some((first, last))
        });
        Self::of(ranges.collect())
    }

    fn of(mut ranges: Vec<(i64, i64)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// This set with more indexes.
    pub fn with(&self, more: impl IntoIterator<Item = i64>) -> Self {
        let mut ranges = self.0.clone();
        ranges.extend(more.into_iter().map(|index| (index, index)));
        Self::of(ranges)
    }

    /// Both sets together.
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied().collect())
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an index is one of them.
    pub fn contains(&self, index: i64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= index);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, last)| index <= *last)
    }

    /// How many are in both sets.
    pub fn shared(&self, other: &Self) -> i64 {
        let (mut own, mut others) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut shared = 0;
        while let (Some(a), Some(b)) = (own.peek(), others.peek()) {
            shared += (a.1.min(b.1) - a.0.max(b.0) + 1).max(0);
            if a.1 <= b.1 {
                own.next()
            } else {
                others.next()
            };
        }
        shared
    }

    /// The indexes below `completions` that are not in the set, ascending.
    pub fn missing(&self, completions: i64) -> impl Iterator<Item = i64> {
        let ends = self.0.iter().map(|(first, _)| *first).chain([completions]);
        let starts = std::iter::once(0).chain(self.0.iter().map(|(_, last)| last + 1));
        starts.zip(ends).flat_map(move |(start, end)| start..end.min(completions))
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match last - first {
                0 => write!(f, "{first}")?,
                1 => write!(f, "{first},{last}")?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn reads_and_writes_ranges() {
        for (text, completions, want) in [
            ("", 9, ""),
            ("0", 9, "0"),
            ("0,1,3-5,9", 10, "0,1,3-5,9"),
            ("0-1,2,3", 9, "0-3"),
            ("0-100", 5, "0-4"),
            ("7", 5, ""),
            ("a,2-b,3,-1,5-4", 9, "3"),
        ] {
            assert_eq!(Indexes::parse(text, completions).to_string(), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn is_a_set(a in prop::collection::btree_set(0..40_i64, 0..20), b in prop::collection::btree_set(0..40_i64, 0..20)) {
            let (left, right) = (Indexes::default().with(a.iter().copied()), Indexes::default().with(b.iter().copied()));
            let union: BTreeSet<i64> = a.union(&b).copied().collect();
            prop_assert_eq!(&left.union(&right), &Indexes::default().with(union.iter().copied()));
            prop_assert_eq!(left.shared(&right), a.intersection(&b).count() as i64);
            prop_assert_eq!(left.count(), a.len() as i64);
            prop_assert!((0..40).all(|index| left.contains(index) == a.contains(&index)));
            let missing: Vec<i64> = (0..40).filter(|index| !a.contains(index)).collect();
            prop_assert_eq!(left.missing(40).collect::<Vec<_>>(), missing);
            prop_assert_eq!(&Indexes::parse(&left.to_string(), 40), &left);
        }
    }
}
