//! Go's `sort.Sort`, a pattern-defeating quicksort. It is not stable, and where values are equal (or
//! compare strangely) the order that users see is the one that its steps leave; so they are the same
//! steps here. Unlike Rust's own, it takes any `less`, also one that contradicts itself.

/// Lengths up to this are sorted by insertion.
const MAX_INSERTION: usize = 12;

/// Sorts the numbers `0..length` and returns them in order; `less` says of two of them whether the
/// first comes before the second.
pub fn sort(length: usize, less: impl FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut sorter = Sorter { items: (0..length).collect(), less };
    if length > 1 {
        sorter.quicksort(0, length, length.ilog2() + 1);
    }
    sorter.items
}

struct Sorter<F> {
    items: Vec<usize>,
    less: F,
}

#[derive(PartialEq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

impl<F: FnMut(usize, usize) -> bool> Sorter<F> {
    /// Whether what is at place `a` comes before what is at place `b`.
    fn less(&mut self, a: usize, b: usize) -> bool {
        match (self.items.get(a), self.items.get(b)) {
            (Some(a), Some(b)) => (self.less)(*a, *b),
            _ => false,
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        if a.max(b) < self.items.len() {
            self.items.swap(a, b);
        }
    }

    fn quicksort(&mut self, mut from: usize, mut to: usize, mut limit: u32) {
        let (mut balanced, mut partitioned) = (true, true);
        loop {
            let length = to - from;
            if length <= MAX_INSERTION {
                return self.insertion(from, to);
            }
            if limit == 0 {
                return self.heapsort(from, to);
            }
            if !balanced {
                self.break_patterns(from, to);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.choose_pivot(from, to);
            if hint == Hint::Decreasing {
                self.items[from..to].reverse();
                pivot = to - 1 - (pivot - from);
                hint = Hint::Increasing;
            }
            if balanced && partitioned && hint == Hint::Increasing && self.partial_insertion(from, to) {
                return;
            }
            if from > 0 && !self.less(from - 1, pivot) {
                from = self.partition_equal(from, to, pivot);
                continue;
            }
            let middle;
            (middle, partitioned) = self.partition(from, to, pivot);
            let (left, right) = (middle - from, to - middle);
            if left < right {
                balanced = left >= length / 8;
                self.quicksort(from, middle, limit);
                from = middle + 1;
            } else {
                balanced = right >= length / 8;
                self.quicksort(middle + 1, to, limit);
                to = middle;
            }
        }
    }

    fn insertion(&mut self, from: usize, to: usize) {
        for i in from + 1..to {
            let mut j = i;
            while j > from && self.less(j, j - 1) {
                self.swap(j, j - 1);
                j -= 1;
            }
        }
    }

    fn heapsort(&mut self, from: usize, to: usize) {
        let length = to - from;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift_down(root, length, from);
        }
        for end in (0..length).rev() {
            self.swap(from, from + end);
            self.sift_down(0, end, from);
        }
    }

    fn sift_down(&mut self, mut root: usize, end: usize, first: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= end {
                return;
            }
            if child + 1 < end && self.less(first + child, first + child + 1) {
                child += 1;
            }
            if !self.less(first + root, first + child) {
                return;
            }
            self.swap(first + root, first + child);
            root = child;
        }
    }

    /// Puts what is less than the pivot before it and the rest behind; also tells whether that was so
    /// already.
    fn partition(&mut self, from: usize, to: usize, pivot: usize) -> (usize, bool) {
        self.swap(from, pivot);
        let (mut i, mut j) = (from + 1, to - 1);
        let mut swapped = false;
        loop {
            while i <= j && self.less(i, from) {
                i += 1;
            }
            while i <= j && !self.less(j, from) {
                j -= 1;
            }
            if i > j {
                break;
            }
            self.swap(i, j);
            swapped = true;
            i += 1;
            j -= 1;
        }
        self.swap(j, from);
        (j, !swapped)
    }

    /// Puts what equals the pivot before what is more, where nothing is less.
    fn partition_equal(&mut self, from: usize, to: usize, pivot: usize) -> usize {
        self.swap(from, pivot);
        let (mut i, mut j) = (from + 1, to - 1);
        loop {
            while i <= j && !self.less(from, i) {
                i += 1;
            }
            while i <= j && self.less(from, j) {
                j -= 1;
            }
            if i > j {
                return i;
            }
            self.swap(i, j);
            i += 1;
            j -= 1;
        }
    }

    /// Mends an order that is almost right; tells whether it is right now.
    fn partial_insertion(&mut self, from: usize, to: usize) -> bool {
        const MAX_STEPS: usize = 5;
        const SHORTEST_SHIFTING: usize = 50;
        let mut i = from + 1;
        for _ in 0..MAX_STEPS {
            while i < to && !self.less(i, i - 1) {
                i += 1;
            }
            if i == to {
                return true;
            }
            if to - from < SHORTEST_SHIFTING {
                return false;
            }
            self.swap(i, i - 1);
            if i - from >= 2 {
                for j in (1..i).rev() {
                    if !self.less(j, j - 1) {
                        break;
                    }
                    self.swap(j, j - 1);
                }
            }
            if to - i >= 2 {
                for j in i + 1..to {
                    if !self.less(j, j - 1) {
                        break;
                    }
                    self.swap(j, j - 1);
                }
            }
        }
        false
    }

    /// Scatters a few items, by numbers that follow from the length.
    fn break_patterns(&mut self, from: usize, to: usize) {
        let length = to - from;
        if length < 8 {
            return;
        }
        let mut random = length as u64;
        let mask = (1u64 << (length.ilog2() + 1)) - 1;
        let middle = from + (length / 4) * 2 - 1;
        for i in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut other = usize::try_from(random & mask).unwrap_or(0);
            if other >= length {
                other -= length;
            }
            self.swap(middle + i, from + other);
        }
    }

    fn choose_pivot(&mut self, from: usize, to: usize) -> (usize, Hint) {
        const SHORTEST_NINTHER: usize = 50;
        const MAX_SWAPS: usize = 4 * 3;
        let length = to - from;
        let quarter = length / 4;
        let (mut i, mut j, mut k) = (from + quarter, from + quarter * 2, from + quarter * 3);
        let mut swaps = 0;
        if length >= 8 {
            if length >= SHORTEST_NINTHER {
                i = self.median(i - 1, i, i + 1, &mut swaps);
                j = self.median(j - 1, j, j + 1, &mut swaps);
                k = self.median(k - 1, k, k + 1, &mut swaps);
            }
            j = self.median(i, j, k, &mut swaps);
        }
        let hint = match swaps {
            0 => Hint::Increasing,
            MAX_SWAPS => Hint::Decreasing,
            _ => Hint::Unknown,
        };
        (j, hint)
    }

    fn median(&mut self, mut a: usize, mut b: usize, mut c: usize, swaps: &mut usize) -> usize {
        self.order(&mut a, &mut b, swaps);
        self.order(&mut b, &mut c, swaps);
        self.order(&mut a, &mut b, swaps);
        b
    }

    fn order(&mut self, a: &mut usize, b: &mut usize, swaps: &mut usize) {
        if self.less(*b, *a) {
            *swaps += 1;
            std::mem::swap(a, b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Orders that a program built with Go 1.24 left.
    #[test]
    fn equals_are_left_as_go_leaves_them() {
        for (keys, want) in [
            ([1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0], [6, 12, 13, 3, 4, 5, 8, 7, 1, 10, 9, 11, 0, 2]),
            ([1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0], [6, 9, 2, 3, 13, 11, 10, 4, 1, 12, 8, 5, 7, 0]),
        ] {
            assert_eq!(sort(keys.len(), |a, b| keys[a] < keys[b]), want);
        }
    }

    proptest! {
        #[test]
        fn sorts(keys in proptest::collection::vec(0u8..40, 0..300)) {
            let order = sort(keys.len(), |a, b| keys[a] < keys[b]);
            let sorted: Vec<_> = order.iter().map(|index| keys[*index]).collect();
            let mut want = keys;
            want.sort_unstable();
            prop_assert_eq!(sorted, want);
        }

        #[test]
        fn survives_any_answers(answers in proptest::collection::vec(any::<bool>(), 1..50), length in 0usize..200) {
            let mut at = 0;
            let order = sort(length, |_, _| {
                at += 1;
                answers[at % answers.len()]
            });
            let mut all = order;
            all.sort_unstable();
            prop_assert_eq!(all, (0..length).collect::<Vec<_>>());
        }
    }
}
