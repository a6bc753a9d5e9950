//! The sizes that were asked for lately, and the changes that were made: what windows and policies look back on.
//!
//! Kept in an annotation of the autoscaler while there is something to remember. A size that was asked for
//! counts until another one is.

use serde_json::json;

use crate::object::{Meta, Object};

/// The annotation.
const ANNOTATION: &str = "kctl.dev/scaling-history";

/// See the module's text. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    asked: Vec<(i64, i64)>,
    up: Vec<(i64, i64)>,
    down: Vec<(i64, i64)>,
}

impl History {
    /// What an autoscaler remembers. What cannot be read is forgotten.
    pub fn of(scaler: &Object) -> Self {
        let text = scaler.annotation(ANNOTATION).unwrap_or_default();
        let object: Object = serde_json::from_str(text).unwrap_or_default();
        let list = |field: &str| {
            let pairs = object.list_at(&[field]).iter();
            pairs.filter_map(|pair| Some((pair.get(0)?.as_i64()?, pair.get(1)?.as_i64()?))).collect()
        };
        Self { asked: list("asked"), up: list("up"), down: list("down") }
    }

    /// Notes it on an autoscaler whose target has `current` replicas.
    pub fn keep(&self, scaler: &mut Object, current: i64) {
        let is_plain = self.asked.iter().all(|(_, size)| *size == current);
        if self.up.is_empty() && self.down.is_empty() && is_plain {
            scaler.remove_at(&["metadata", "annotations", ANNOTATION]);
            return;
        }
        let object = json!({"asked": self.asked, "up": self.up, "down": self.down});
        scaler.set_at(&["metadata", "annotations", ANNOTATION], object.to_string());
    }

    /// A size is asked for; before anything was, it was the current one.
    pub fn ask(&mut self, now: i64, size: i64, current: i64) {
        if self.asked.is_empty() {
            self.asked.push((now, current));
        }
        if self.asked.last().is_none_or(|(_, last)| *last != size) {
            self.asked.push((now, size));
        }
    }

    /// A size was changed.
    pub fn change(&mut self, now: i64, by: i64) {
        match by {
            1.. => self.up.push((now, by)),
            ..=-1 => self.down.push((now, -by)),
            0 => {}
        }
    }

    /// The sizes that were asked for within a window.
    fn within(&self, now: i64, window: i64) -> impl Iterator<Item = i64> {
        let ends = self.asked.iter().skip(1).map(|(begin, _)| *begin).chain([i64::MAX]);
        let spans = self.asked.iter().zip(ends);
        spans.filter(move |(_, end)| *end > now.saturating_sub(window)).map(|((_, size), _)| *size)
    }

    /// The largest size that was asked for within a window.
    pub fn largest(&self, now: i64, window: i64) -> Option<i64> {
        self.within(now, window).max()
    }

    /// The smallest.
    pub fn smallest(&self, now: i64, window: i64) -> Option<i64> {
        self.within(now, window).min()
    }

    /// By how much the size grew within a period, less by how much it shrank.
    pub fn growth(&self, now: i64, period: i64) -> i64 {
        let sum = |list: &[(i64, i64)]| -> i64 {
            list.iter().filter(|(time, _)| *time > now.saturating_sub(period)).map(|(_, by)| by).sum()
        };
        sum(&self.up) - sum(&self.down)
    }

    /// Forgets what is older than the window and the period; and when the next of it will be.
    pub fn forget(&mut self, now: i64, window: i64, period: i64) -> Option<i64> {
        for list in [&mut self.up, &mut self.down] {
            list.retain(|(time, _)| *time > now.saturating_sub(period));
        }
        let ended = self.asked.iter().skip(1).take_while(|(end, _)| *end <= now.saturating_sub(window)).count();
        self.asked.drain(..ended);
        let changes = self.up.iter().chain(&self.down).map(|(time, _)| time.saturating_add(period));
        let asked = self.asked.iter().skip(1).map(|(end, _)| end.saturating_add(window));
        changes.chain(asked).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_what_windows_need() {
        let mut history = History::default();
        history.ask(100, 5, 2);
        history.ask(200, 5, 2);
        history.ask(300, 1, 5);
        assert_eq!((history.largest(599, 300), history.largest(600, 300)), (Some(5), Some(1)));
        assert_eq!((history.smallest(300, 250), history.smallest(300, 0)), (Some(1), Some(1)));
        history.change(100, 3);
        history.change(300, -4);
        assert_eq!([history.growth(300, 60), history.growth(300, 250)], [-4, -1]);
        let mut object = json!({});
        history.keep(&mut object, 1);
        assert_eq!(History::of(&object), history);
        assert_eq!(history.forget(310, 300, 60), Some(360));
        assert_eq!(history.forget(610, 300, 60), None);
        history.keep(&mut object, 1);
        assert_eq!(History::of(&object), History::default());
    }
}
