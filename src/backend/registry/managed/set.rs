//! Sets of fields, in the form of `fieldsV1`.

use std::collections::BTreeMap;

use serde_json::Map;

use crate::object::Object;

/// A set of paths, as a tree. The steps are in the form that `fieldsV1` has them: `f:NAME` for a field,
/// `k:{…}` for an item by its keys, `v:…` for an item by its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Set {
    /// Whether the path that leads here is in the set.
    pub member: bool,
    /// What is below it.
    pub children: BTreeMap<String, Set>,
}

impl Set {
    /// The set of this path alone.
    pub fn leaf() -> Self {
        Self { member: true, ..Self::default() }
    }

    /// Whether no path is in it.
    pub fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Puts a set below a step; an empty one leaves no trace.
    pub fn put(&mut self, step: String, below: Self) {
        if !below.is_empty() {
            self.children.insert(step, below);
        }
    }

    /// What is in either.
    pub fn union(mut self, other: &Self) -> Self {
        self.member |= other.member;
        for (step, theirs) in &other.children {
            let own = self.children.remove(step).unwrap_or_default();
            self.children.insert(step.clone(), own.union(theirs));
        }
        self
    }

    /// What is in this one only.
    pub fn difference(&self, other: &Self) -> Self {
        let mut result = Self { member: self.member && !other.member, ..Self::default() };
        for (step, own) in &self.children {
            let below = match other.children.get(step) {
                Some(theirs) => own.difference(theirs),
                None => own.clone(),
            };
            result.put(step.clone(), below);
        }
        result
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let mut result = Self { member: self.member && other.member, ..Self::default() };
        for (step, own) in &self.children {
            if let Some(theirs) = other.children.get(step) {
                result.put(step.clone(), own.intersection(theirs));
            }
        }
        result
    }

    /// With every path on the way to one that is in it.
    pub fn with_parents(&self) -> Self {
        let children = self.children.iter().map(|(step, below)| (step.clone(), below.with_parents())).collect();
        Self { member: self.member || !self.children.is_empty(), children }
    }

    /// Its paths as messages show them: those of one level before what is below them.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(&mut String::new(), &mut paths);
        paths
    }

    fn collect(&self, path: &mut String, paths: &mut Vec<String>) {
        let length = path.len();
        for (step, below) in &self.children {
            if below.member {
                paths.push(format!("{path}{}", shown(step)));
            }
        }
        for (step, below) in &self.children {
            path.push_str(&shown(step));
            below.collect(path, paths);
            path.truncate(length);
        }
    }

    /// Reads `fieldsV1`.
    pub fn read(fields: &Object) -> Self {
        let mut set = Self::default();
        for (step, below) in fields.as_object().into_iter().flatten() {
            if step == "." {
                set.member = true;
                continue;
            }
            let mut below = Self::read(below);
            // Nothing below means the path itself.
            below.member |= below.children.is_empty();
            set.children.insert(step.clone(), below);
        }
        set
    }

    /// Writes `fieldsV1`.
    pub fn write(&self) -> Object {
        let mut fields = Map::new();
        if self.member && !self.children.is_empty() {
            fields.insert(".".into(), Map::new().into());
        }
        fields.extend(self.children.iter().map(|(step, below)| (step.clone(), below.write())));
        fields.into()
    }
}

/// A step in a message: `.name`, `[name="c"]`, `[="x"]`.
pub(super) fn shown(step: &str) -> String {
    match step.split_at_checked(2) {
        Some(("f:", name)) => format!(".{name}"),
        Some(("k:", keys)) => {
            let keys: Object = serde_json::from_str(keys).unwrap_or_default();
            let keys = keys.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={value}"));
            format!("[{}]", keys.collect::<Vec<_>>().join(","))
        }
        Some(("v:", value)) => format!("[={value}]"),
        Some((_, index)) => format!("[{index}]"),
        None => String::new(),
    }
}
