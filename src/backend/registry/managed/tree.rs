//! Walking values along what is known of them: which fields there are, what differs, merging and
//! removing. Depth is bounded by that of the JSON reader.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use super::node::{Kind, Node};
use super::set::Set;
use crate::object::Object;

/// What differs between two values.
#[derive(Default)]
pub struct Diff {
    /// What only the second has.
    pub added: Set,
    /// What both have, differently.
    pub modified: Set,
    /// What only the first has.
    pub removed: Set,
}

/// The fields of a value.
pub fn fields(node: Node, value: &Object) -> Set {
    let kind = node.kind(value);
    let mut set = Set::default();
    match (&kind, value) {
        (Kind::Map, Object::Object(map)) => {
            for (name, value) in map {
                let (child, is_field) = node.child(name);
                let mut below = fields(child, value);
                below.member |= value.is_null() || value.as_object().is_some_and(Map::is_empty) || !is_field;
                set.put(format!("f:{name}"), below);
            }
        }
        (Kind::Set(element) | Kind::Keyed(element, _), Object::Array(list)) => {
            for (step, item) in kind.items(list) {
                let mut below = fields(*element, item);
                below.member = true;
                set.put(step, below);
            }
        }
        (Kind::Leaf, _) => set.member = true,
        _ => {}
    }
    set
}

/// What differs between two values, either of which may be absent.
pub fn compare(node: Node, old: Option<&Object>, new: Option<&Object>) -> Diff {
    let mut diff = Diff::default();
    let Some(either) = new.or(old) else { return diff };
    let kind = node.kind(either);
    match &kind {
        Kind::Leaf => {
            diff.modified.member = old.is_some() && new.is_some() && old != new;
        }
        Kind::Map => {
            let map = |value: Option<&Object>| value.and_then(Object::as_object).cloned().unwrap_or_default();
            let (old, new) = (map(old), map(new));
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let (child, _) = node.child(name);
                diff.put(format!("f:{name}"), compare(child, old.get(name), new.get(name)));
            }
        }
        Kind::Set(element) | Kind::Keyed(element, _) => {
            let list = |value: Option<&Object>| -> BTreeMap<String, Object> {
                let list = value.and_then(Object::as_array).map_or(&[][..], Vec::as_slice);
                kind.items(list).into_iter().map(|(step, item)| (step, item.clone())).collect()
            };
            let (old, new) = (list(old), list(new));
            let steps: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for step in steps {
                diff.put(step.clone(), compare(*element, old.get(step), new.get(step)));
            }
        }
    }
    diff.added.member = old.is_none();
    diff.removed.member = new.is_none();
    diff
}

impl Diff {
    fn put(&mut self, step: String, below: Self) {
        self.added.put(step.clone(), below.added);
        self.modified.put(step.clone(), below.modified);
        self.removed.put(step, below.removed);
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }
}

/// A value with another laid over it.
pub fn merge(node: Node, old: &Object, new: &Object) -> Object {
    let kind = node.kind(new);
    match (&kind, old, new) {
        (Kind::Map, Object::Object(old), Object::Object(new)) => {
            let mut merged = old.clone();
            for (name, value) in new {
                let value = match old.get(name) {
                    Some(old) => merge(node.child(name).0, old, value),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            merged.into()
        }
        (Kind::Set(_) | Kind::Keyed(..), Object::Array(old), Object::Array(new)) => merge_lists(&kind, old, new).into(),
        _ => new.clone(),
    }
}

/// The new items in their order, the old ones that are not among them where they stood.
fn merge_lists(kind: &Kind, old: &[Object], new: &[Object]) -> Vec<Object> {
    let (old, new) = (kind.items(old), kind.items(new));
    let find = |items: &[(String, &Object)], step: &str| items.iter().position(|(other, _)| other == step);
    let mut merged = Vec::new();
    let mut next = 0;
    let mut take = |merged: &mut Vec<Object>, until_shared: bool| {
        while let Some((step, item)) = new.get(next) {
            next += 1;
            let shared = find(&old, step).and_then(|at| old.get(at));
            merged.push(shared.map_or_else(|| (*item).clone(), |(_, old)| merge(kind.element(), old, item)));
            if until_shared && shared.is_some() {
                break;
            }
        }
    };
    for (step, item) in &old {
        if find(&new, step).is_some() {
            take(&mut merged, true);
        } else {
            merged.push((*item).clone());
        }
    }
    take(&mut merged, false);
    merged
}

fn is_empty(value: &Object) -> bool {
    match value {
        Object::Object(map) => map.is_empty(),
        Object::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// What becomes of a map or list of which everything is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// It goes as well.
    Goes,
    /// It stays, empty.
    Stays,
}

/// A value without the fields of a set.
pub fn remove(node: Node, value: &Object, set: &Set, emptied: Emptied) -> Object {
    if set.children.is_empty() {
        return value.clone();
    }
    let kind = node.kind(value);
    match (&kind, value) {
        (Kind::Map, Object::Object(map)) => {
            let kept = map.iter().filter_map(|(name, value)| match set.children.get(&format!("f:{name}")) {
                Some(below) if below.member => None,
                Some(below) => {
                    let rest = remove(node.child(name).0, value, below, emptied);
                    let stays = emptied == Emptied::Stays || !is_empty(&rest) || is_empty(value);
                    stays.then(|| (name.clone(), rest))
                }
                None => Some((name.clone(), value.clone())),
            });
            Object::Object(kept.collect())
        }
        (Kind::Set(element) | Kind::Keyed(element, _), Object::Array(list)) => {
            let kept = kind.items(list).into_iter().filter_map(|(step, item)| match set.children.get(&step) {
                Some(below) if below.member => None,
                Some(below) => Some(remove(*element, item, below, emptied)),
                None => Some(item.clone()),
            });
            Object::Array(kept.collect())
        }
        _ => value.clone(),
    }
}
