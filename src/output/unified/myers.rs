//! The shortest way from one sequence to another, in the manner of Myers (An O(ND) Difference Algorithm
//! and Its Variations, 1986), in linear space: the middle of the way is looked for from both ends, then
//! the middle of each half.

/// Which items of the first sequence are not in the second, and the other way round, on a shortest way.
pub(super) fn changed(old: &[usize], new: &[usize]) -> (Vec<bool>, Vec<bool>) {
    let mut marks = (vec![false; old.len()], vec![false; new.len()]);
    let mut search = Search {
        old,
        new,
        forward: Diagonals::new(old.len(), new.len()),
        backward: Diagonals::new(old.len(), new.len()),
    };
    let mut boxes = vec![Area { old: (0, old.len()), new: (0, new.len()) }];
    while let Some(mut area) = boxes.pop() {
        search.strip(&mut area);
        if area.old.0 == area.old.1 {
            mark(&mut marks.1, area.new);
        } else if area.new.0 == area.new.1 {
            mark(&mut marks.0, area.old);
        } else {
            let (x, y) = search.middle(area);
            boxes.push(Area { old: (area.old.0, x), new: (area.new.0, y) });
            boxes.push(Area { old: (x, area.old.1), new: (y, area.new.1) });
        }
    }
    marks
}

fn mark(marks: &mut [bool], range: (usize, usize)) {
    marks.get_mut(range.0..range.1).unwrap_or_default().fill(true);
}

/// Parts of both sequences, each from one index to before another.
#[derive(Clone, Copy, Debug)]
struct Area {
    old: (usize, usize),
    new: (usize, usize),
}

/// How far the way on each diagonal (index in the old sequence less that in the new one) goes.
struct Diagonals {
    reach: Vec<isize>,
    zero: isize,
}

impl Diagonals {
    fn new(old: usize, new: usize) -> Self {
        Self { reach: vec![0; old + new + 3], zero: signed(new) + 1 }
    }

    fn get(&self, diagonal: isize) -> isize {
        usize::try_from(diagonal + self.zero).ok().and_then(|at| self.reach.get(at)).copied().unwrap_or(-1)
    }

    fn set(&mut self, diagonal: isize, reach: isize) {
        if let Some(slot) = usize::try_from(diagonal + self.zero).ok().and_then(|at| self.reach.get_mut(at)) {
            *slot = reach;
        }
    }
}

/// Behind every sequence.
const FAR: isize = isize::MAX / 2;

fn signed(index: usize) -> isize {
    isize::try_from(index).unwrap_or(isize::MAX)
}

fn unsigned(index: isize) -> usize {
    usize::try_from(index).unwrap_or(0)
}

/// The diagonals that are looked at, from one end.
#[derive(Clone, Copy)]
struct Span {
    low: isize,
    high: isize,
}

impl Span {
    /// Grows by one on both sides, and shrinks again where that leaves the area. `edge` is set on the new
    /// diagonals.
    fn widen(&mut self, limits: Span, edge: isize, diagonals: &mut Diagonals) {
        if self.low > limits.low {
            self.low -= 1;
            diagonals.set(self.low - 1, edge);
        } else {
            self.low += 1;
        }
        if self.high < limits.high {
            self.high += 1;
            diagonals.set(self.high + 1, edge);
        } else {
            self.high -= 1;
        }
    }

    fn contains(self, diagonal: isize) -> bool {
        (self.low..=self.high).contains(&diagonal)
    }

    /// Every other diagonal, from the highest.
    fn down(self) -> impl Iterator<Item = isize> {
        (self.low..=self.high).rev().step_by(2)
    }
}

struct Search<'a> {
    old: &'a [usize],
    new: &'a [usize],
    forward: Diagonals,
    backward: Diagonals,
}

impl Search<'_> {
    fn same(&self, x: isize, y: isize) -> bool {
        match (self.old.get(unsigned(x)), self.new.get(unsigned(y))) {
            (Some(old), Some(new)) => old == new,
            _ => false,
        }
    }

    /// Takes what is equal off both ends.
    fn strip(&self, area: &mut Area) {
        let same = |x: usize, y: usize| self.old.get(x) == self.new.get(y);
        while area.old.0 < area.old.1 && area.new.0 < area.new.1 && same(area.old.0, area.new.0) {
            area.old.0 += 1;
            area.new.0 += 1;
        }
        while area.old.0 < area.old.1 && area.new.0 < area.new.1 && same(area.old.1 - 1, area.new.1 - 1) {
            area.old.1 -= 1;
            area.new.1 -= 1;
        }
    }

    /// A point in the middle of a shortest way through an area whose ends differ.
    fn middle(&mut self, area: Area) -> (usize, usize) {
        let (old, new) = ((signed(area.old.0), signed(area.old.1)), (signed(area.new.0), signed(area.new.1)));
        let limits = Span { low: old.0 - new.1, high: old.1 - new.0 };
        let (start, end) = (old.0 - new.0, old.1 - new.1);
        let odd = (start - end) % 2 != 0;
        let (mut ahead, mut back) = (Span { low: start, high: start }, Span { low: end, high: end });
        self.forward.set(start, old.0);
        self.backward.set(end, old.1);
        loop {
            ahead.widen(limits, -1, &mut self.forward);
            for diagonal in ahead.down() {
                let (below, above) = (self.forward.get(diagonal - 1), self.forward.get(diagonal + 1));
                let mut x = if below < above { above } else { below + 1 };
                while x < old.1 && x - diagonal < new.1 && self.same(x, x - diagonal) {
                    x += 1;
                }
                self.forward.set(diagonal, x);
                if odd && back.contains(diagonal) && self.backward.get(diagonal) <= x {
                    return (unsigned(x), unsigned(x - diagonal));
                }
            }
            back.widen(limits, FAR, &mut self.backward);
            for diagonal in back.down() {
                let (below, above) = (self.backward.get(diagonal - 1), self.backward.get(diagonal + 1));
                let mut x = if below < above { below } else { above - 1 };
                while old.0 < x && new.0 < x - diagonal && self.same(x - 1, x - diagonal - 1) {
                    x -= 1;
                }
                self.backward.set(diagonal, x);
                if !odd && ahead.contains(diagonal) && x <= self.forward.get(diagonal) {
                    return (unsigned(x), unsigned(x - diagonal));
                }
            }
        }
    }
}
