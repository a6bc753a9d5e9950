//! The keys that are due to be looked at, in order of time.

use std::collections::{BTreeMap, HashMap};

use crate::backend::controllers::Key;
use crate::object::Timestamp;

/// One controller's interest in one object.
pub type Item = (usize, Key);

/// A queue by due time. An item is in it at most once, at the earliest time it was asked for; items
/// due at the same moment leave in the order in which they came.
#[derive(Debug, Default)]
pub struct Queue {
    by_time: BTreeMap<(Timestamp, u64), Item>,
    places: HashMap<Item, (Timestamp, u64)>,
    count: u64,
}

impl Queue {
    /// Adds an item, or brings it forward.
    pub fn push(&mut self, item: Item, due: Timestamp) {
        if let Some(place) = self.places.get(&item) {
            if place.0 <= due {
                return;
            }
            self.by_time.remove(place);
        }
        self.count += 1;
        self.places.insert(item.clone(), (due, self.count));
        self.by_time.insert((due, self.count), item);
    }

    /// When the next item is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the next item, if it is due at or before `now`.
    pub fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, Item)> {
        if self.next_due()? > now {
            return None;
        }
        let ((due, _), item) = self.by_time.pop_first()?;
        self.places.remove(&item);
        Some((due, item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Item {
        (0, Key { resource: "pods", namespace: String::new(), name: name.into() })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn keeps_the_earlier_time_and_the_order_of_arrival() {
        let mut queue = Queue::default();
        for (name, second) in [("b", 5), ("a", 5), ("c", 9), ("c", 3), ("a", 7)] {
            queue.push(key(name), at(second));
        }
        assert_eq!(queue.pop(at(2)), None);
        let order: Vec<_> =
            std::iter::from_fn(|| queue.pop(at(100))).map(|(due, (_, key))| (due.as_second(), key.name)).collect();
        assert_eq!(order, [(3, "c".to_owned()), (5, "b".to_owned()), (5, "a".to_owned())]);
        assert_eq!(queue.next_due(), None);
    }
}
