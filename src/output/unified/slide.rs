//! A run of changed lines may often stand a few lines higher or lower and mean the same. Runs that meet
//! become one; a run stands where the other text changes too, else as low as it can.

/// Moves the runs of changed lines of one text; `other` says which lines of the other text changed.
pub(super) fn slide(lines: &[usize], changed: &mut [bool], other: &[bool]) {
    let mut slider = Slider { lines, changed, other, start: 0, at: 0, there: 0 };
    while slider.next_run() {
        slider.settle();
    }
}

struct Slider<'a> {
    lines: &'a [usize],
    changed: &'a mut [bool],
    other: &'a [bool],
    /// The run that is being moved begins here,
    start: usize,
    /// and ends before this line.
    at: usize,
    /// The place in the other text that belongs to that end, behind changes there.
    there: usize,
}

impl Slider<'_> {
    fn is_changed(&self, at: usize) -> bool {
        self.changed.get(at).copied().unwrap_or(false)
    }

    fn other_changed(&self, at: usize) -> bool {
        self.other.get(at).copied().unwrap_or(false)
    }

    fn mark(&mut self, at: usize, changed: bool) {
        if let Some(mark) = self.changed.get_mut(at) {
            *mark = changed;
        }
    }

    /// Skips changes in the other text.
    fn skip_there(&mut self) {
        while self.other_changed(self.there) {
            self.there += 1;
        }
    }

    /// Goes to the end of the next run.
    fn next_run(&mut self) -> bool {
        while self.at < self.lines.len() && !self.is_changed(self.at) {
            self.skip_there();
            self.there += 1;
            self.at += 1;
        }
        if self.at == self.lines.len() {
            return false;
        }
        self.start = self.at;
        while self.is_changed(self.at) {
            self.at += 1;
        }
        self.skip_there();
        true
    }

    /// One line up, if the line before the run is like its last one; it takes in the run above.
    fn up(&mut self) -> bool {
        if self.start == 0 || self.lines.get(self.start - 1) != self.lines.get(self.at - 1) {
            return false;
        }
        self.start -= 1;
        self.mark(self.start, true);
        self.at -= 1;
        self.mark(self.at, false);
        while self.start > 0 && self.is_changed(self.start - 1) {
            self.start -= 1;
        }
        // Back over one unchanged line there, and to behind the changes before it.
        self.there -= 1;
        while self.other_changed(self.there) && self.there > 0 {
            self.there -= 1;
        }
        true
    }

    /// One line down, if the line behind the run is like its first one; it takes in the run below.
    fn down(&mut self) -> bool {
        if self.at == self.lines.len() || self.lines.get(self.start) != self.lines.get(self.at) {
            return false;
        }
        self.mark(self.start, false);
        self.start += 1;
        self.mark(self.at, true);
        self.at += 1;
        while self.is_changed(self.at) {
            self.at += 1;
        }
        self.there += 1;
        true
    }

    /// Moves the run to its place.
    fn settle(&mut self) {
        let mut anchor;
        loop {
            let length = self.at - self.start;
            while self.up() {}
            anchor = self.touches_other().then_some(self.at);
            while self.down() {
                if self.other_changed(self.there) {
                    self.skip_there();
                    anchor = Some(self.at);
                }
            }
            if length == self.at - self.start {
                break;
            }
        }
        if let Some(anchor) = anchor {
            while self.at > anchor && self.up() {}
        }
    }

    /// Whether the other text changes just before the place that belongs to the run's end.
    fn touches_other(&self) -> bool {
        self.there > 0 && self.other_changed(self.there - 1)
    }
}
