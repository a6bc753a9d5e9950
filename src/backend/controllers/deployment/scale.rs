//! Scaling a deployment: all of it to the one active set, or in proportion to several.

use super::Rollout;
use super::sets::{DESIRED, MAXIMUM, Set};
use crate::object::Meta;

impl Rollout<'_> {
    /// Whether the deployment's size differs from the one its active sets were last scaled for.
    pub fn is_scaling_event(&self) -> bool {
        self.sets
            .iter()
            .filter(|set| set.size() > 0)
            .any(|set| number(set, DESIRED).is_some_and(|desired| desired != self.replicas()))
    }

    /// Scales without moving the rollout on.
    pub fn scale(&mut self) {
        if self.sets.is_empty() {
            return;
        }
        let active: Vec<usize> = self.positions(|set| set.size() > 0);
        let one = match active.as_slice() {
            [] => self.sets.iter().position(|set| set.is_new).or(Some(self.sets.len() - 1)),
            [only] => Some(*only),
            _ => None,
        };
        if let Some(index) = one {
            self.resize(index, self.replicas(), false);
            return;
        }
        if self.new_set().is_some_and(|set| self.is_saturated(set)) {
            for index in self.old_with_pods() {
                self.resize(index, 0, false);
            }
            return;
        }
        if self.original.str_at(&["spec", "strategy", "type"]) != "Recreate" {
            self.scale_in_proportion(active);
        }
    }

    fn positions(&self, wanted: impl Fn(&Set) -> bool) -> Vec<usize> {
        self.sets.iter().enumerate().filter(|(_, set)| wanted(set)).map(|(index, _)| index).collect()
    }

    fn is_saturated(&self, set: &Set) -> bool {
        let wanted = self.replicas();
        set.size() == wanted && number(set, DESIRED) == Some(wanted) && set.available() == wanted
    }

    fn scale_in_proportion(&mut self, mut active: Vec<usize>) {
        let allowed = if self.replicas() > 0 { self.replicas() + self.max_surge() } else { 0 };
        let total: i64 = self.total_size();
        let to_add = allowed - total;
        // The largest first; of equals, the newest when growing and the oldest when shrinking.
        let place = |index: &usize| *index as i64 * if to_add > 0 { -1 } else { 1 };
        active.sort_by_key(|index| (-self.sets.get(*index).map_or(0, Set::size), place(index)));
        let mut added = 0;
        let mut sizes: Vec<(usize, i64)> = Vec::new();
        for index in active {
            let Some(set) = self.sets.get(index) else { continue };
            let share = self.share(set, to_add, added);
            added += share;
            sizes.push((index, set.size() + share));
        }
        if let Some(largest) = sizes.first_mut() {
            largest.1 = (largest.1 + to_add - added).max(0);
        }
        for (index, size) in sizes {
            self.resize(index, size, true);
        }
    }

    /// How much of `to_add` a set gets, of which `added` is given already.
    fn share(&self, set: &Set, to_add: i64, added: i64) -> i64 {
        if set.size() == 0 || to_add == added {
            return 0;
        }
        let rest = to_add - added;
        let fraction = self.fraction(set);
        if to_add > 0 { fraction.min(rest) } else { fraction.max(rest) }
    }

    fn fraction(&self, set: &Set) -> i64 {
        if self.replicas() == 0 {
            return -set.size();
        }
        let before = number(set, MAXIMUM).filter(|maximum| *maximum != 0);
        let before = before.unwrap_or_else(|| self.original.int_at(&["status", "replicas"]).unwrap_or(0));
        if before == 0 {
            return 0;
        }
        let maximum = self.replicas() + self.max_surge();
        let size = (set.size() * maximum) as f64 / before as f64;
        size.round() as i64 - set.size()
    }
}

/// A count kept in an annotation.
fn number(set: &Set, annotation: &str) -> Option<i64> {
    let number = set.object.annotation(annotation)?.parse::<u32>().ok()?;
    i32::try_from(number).ok().map(i64::from)
}
