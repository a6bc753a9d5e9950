//! Making patches: the difference of two objects, and of three.

use std::cmp::Ordering;

use super::apply::{Mode, merge_maps};
use super::lists::{holds_maps, in_order, sort_scalars, without_doubles};
use super::{DELETE_PREFIX, DIRECTIVE, Map, ORDER_PREFIX, PatchError, Place, RETAIN_KEYS, Rule, go_text, key_of};
use crate::object::Object;
use crate::object::schema::Type;

/// What a difference is to contain.
#[derive(Clone, Copy, Debug)]
struct Options {
    changes: bool,
    deletions: bool,
    /// Whether the order of lists is said.
    order: bool,
    /// Whether the map at hand names the fields that stay.
    retain_keys: bool,
}

/// The patch that turns `original` into `modified`.
pub fn create_two_way(original: &Object, modified: &Object, of: &'static Type) -> Result<Object, PatchError> {
    let options = Options { changes: true, deletions: true, order: true, retain_keys: false };
    diff_maps(map(original)?, map(modified)?, Place::Typed(of), options).map(Object::Object)
}

/// The patch that brings `current` to `modified` where `modified` says something, and removes what
/// `original` had and `modified` no longer has: what `apply` sends. Without `overwrite` a field that
/// was changed on both sides is a [`PatchError::Conflict`].
pub fn create_three_way(
    original: &Object,
    modified: &Object,
    current: &Object,
    of: &'static Type,
    overwrite: bool,
) -> Result<Object, PatchError> {
    let place = Place::Typed(of);
    let (original, modified, current) = (map(original)?, map(modified)?, map(current)?);
    let both = Options { changes: true, deletions: true, order: true, retain_keys: false };
    let changes = diff_maps(current, modified, place, Options { deletions: false, ..both })?;
    let deletions = diff_maps(original, modified, place, Options { changes: false, ..both })?;
    let patch = merge_maps(deletions, changes, place, Mode::Combine)?;
    if !overwrite {
        let changed = diff_maps(original, current, place, Options { order: false, ..both })?;
        if maps_conflict(&patch, &changed, place)? {
            return Err(PatchError::Conflict(format!(
                "patch:\n{}\nconflicts with changes made from original to current:\n{}\n",
                Object::Object(patch),
                Object::Object(changed)
            )));
        }
    }
    Ok(Object::Object(patch))
}

/// A document; null stands for an empty one.
fn map(document: &Object) -> Result<&Map, PatchError> {
    static EMPTY: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::new);
    match document {
        Object::Object(map) => Ok(map),
        Object::Null => Ok(&EMPTY),
        _ => Err(PatchError::Malformed("invalid JSON document".into())),
    }
}

fn diff_maps(original: &Map, modified: &Map, place: Place<'_>, options: Options) -> Result<Map, PatchError> {
    let mut patch = Map::new();
    let inner = Options { retain_keys: false, ..options };
    for (key, new) in modified {
        let Some(old) = original.get(key) else {
            if options.changes {
                patch.insert(key.clone(), new.clone());
            }
            continue;
        };
        if key == DIRECTIVE {
            if !(old.is_string() && new.is_string()) {
                return Err(PatchError::Other(format!("invalid value for special key: {DIRECTIVE}")));
            }
            if old != new {
                patch.insert(key.clone(), new.clone());
            }
            continue;
        }
        match (old, new) {
            (Object::Object(old_map), Object::Object(new_map)) => match place.field(key) {
                // A field that nobody knows can still be the same on both sides.
                Err(_) if old == new => {}
                Err(error) => return Err(error),
                Ok(rule) if rule.strategy.replace => {
                    if options.changes {
                        patch.insert(key.clone(), new.clone());
                    }
                }
                Ok(rule) => {
                    let options = Options { retain_keys: rule.strategy.retain_keys, ..inner };
                    let difference = diff_maps(old_map, new_map, rule.inner, options)?;
                    if !difference.is_empty() {
                        patch.insert(key.clone(), difference.into());
                    }
                }
            },
            (Object::Array(old_list), Object::Array(new_list)) => match place.field(key) {
                Err(_) if old == new => {}
                Err(error) => return Err(error),
                Ok(rule) if rule.strategy.merge => {
                    let options = Options { retain_keys: rule.strategy.retain_keys, ..inner };
                    let difference = diff_lists(old_list, new_list, rule, options)?;
                    let parallel = |prefix: &str| format!("{prefix}/{key}");
                    for (key, list) in [
                        (key.clone(), difference.patch),
                        (parallel(DELETE_PREFIX), difference.deleted),
                        (parallel(ORDER_PREFIX), difference.order),
                    ] {
                        if !list.is_empty() {
                            patch.insert(key, list.into());
                        }
                    }
                }
                Ok(_) => {
                    if options.changes && old != new {
                        patch.insert(key.clone(), new.clone());
                    }
                }
            },
            _ => {
                if options.changes && old != new {
                    patch.insert(key.clone(), new.clone());
                }
            }
        }
    }
    if options.deletions {
        for key in original.keys().filter(|key| !modified.contains_key(*key)) {
            patch.insert(key.clone(), Object::Null);
        }
    }
    if options.retain_keys {
        let mut retained: Vec<Object> =
            modified.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.as_str().into()).collect();
        let loses = || original.iter().any(|(key, value)| !value.is_null() && !modified.contains_key(key));
        if !retained.is_empty() && (!patch.is_empty() || loses()) {
            sort_scalars(&mut retained);
            patch.insert(RETAIN_KEYS.into(), retained.into());
        }
    }
    Ok(patch)
}

/// What a patch says about a merged list.
#[derive(Default)]
struct ListDifference {
    patch: Vec<Object>,
    deleted: Vec<Object>,
    order: Vec<Object>,
}

fn diff_lists(
    original: &[Object],
    modified: &[Object],
    rule: Rule<'_>,
    options: Options,
) -> Result<ListDifference, PatchError> {
    if original.is_empty() {
        let patch = if options.changes { modified.to_vec() } else { Vec::new() };
        return Ok(ListDifference { patch, ..ListDifference::default() });
    }
    if !holds_maps([original, modified])? {
        let (added, deleted) = diff_scalars(original, modified, options);
        let patch = in_order(added, modified, None)?;
        let says = (options.deletions && !deleted.is_empty()) || (options.changes && original != modified);
        let order = if options.order && says { modified.to_vec() } else { Vec::new() };
        return Ok(ListDifference { patch, deleted, order });
    }
    let key = rule.merge_key;
    let (patch, deletions) = diff_elements(original, modified, rule, options)?;
    let mut patch = in_order(patch, modified, Some(key))?;
    let mut same_order = original.len() == modified.len();
    for (old, new) in original.iter().zip(modified) {
        same_order = same_order && key_of(old, key)? == key_of(new, key)?;
    }
    patch.extend(deletions);
    let says = (options.changes && (!patch.is_empty() || !same_order)) || (options.deletions && !patch.is_empty());
    let mut order = Vec::new();
    if options.order && says {
        for element in modified {
            let mut named = Map::new();
            named.insert(key.to_owned(), key_of(element, key)?.clone());
            order.push(Object::Object(named));
        }
    }
    Ok(ListDifference { patch, deleted: Vec::new(), order })
}

/// The scalars that were added and those that were removed.
fn diff_scalars(original: &[Object], modified: &[Object], options: Options) -> (Vec<Object>, Vec<Object>) {
    fn sorted(list: &[Object]) -> Vec<(String, &Object)> {
        let mut list: Vec<(String, &Object)> = list.iter().map(|value| (go_text(value), value)).collect();
        list.sort_by(|a, b| a.0.cmp(&b.0));
        list
    }
    let mut added = Vec::new();
    let mut deleted = Vec::new();
    walk_sorted(&sorted(original), &sorted(modified), |old, new| {
        match (old, new) {
            (Some(old), None) if options.deletions => deleted.push((*old).clone()),
            (None, Some(new)) if options.changes => added.push((*new).clone()),
            _ => {}
        }
        Ok(())
    })
    .unwrap_or_default();
    (added, without_doubles(deleted))
}

/// The patches of a list's elements, and the directives that remove the others.
fn diff_elements(
    original: &[Object],
    modified: &[Object],
    rule: Rule<'_>,
    options: Options,
) -> Result<(Vec<Object>, Vec<Object>), PatchError> {
    let key = rule.merge_key;
    let sorted = |list: &'_ [Object]| -> Result<Vec<(String, usize)>, PatchError> {
        let mut keys = Vec::with_capacity(list.len());
        for (index, element) in list.iter().enumerate() {
            keys.push((go_text(key_of(element, key)?), index));
        }
        keys.sort();
        Ok(keys)
    };
    let mut patch = Vec::new();
    let mut deletions = Vec::new();
    walk_sorted(&sorted(original)?, &sorted(modified)?, |old, new| {
        let old = old.and_then(|index| original.get(*index));
        let new = new.and_then(|index| modified.get(*index));
        match (old, new) {
            (Some(Object::Object(old)), Some(Object::Object(new))) => {
                let mut difference = diff_maps(old, new, rule.inner, options)?;
                if !difference.is_empty() {
                    difference.insert(key.to_owned(), new.get(key).cloned().unwrap_or_default());
                    patch.push(Object::Object(difference));
                }
            }
            (None, Some(new)) if options.changes => patch.push(new.clone()),
            (Some(old), None) if options.deletions => {
                let mut deletion = Map::new();
                deletion.insert(key.to_owned(), key_of(old, key)?.clone());
                deletion.insert(DIRECTIVE.into(), "delete".into());
                deletions.push(Object::Object(deletion));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((patch, deletions))
}

/// Walks two sorted lists side by side: what both have, what only the left has, what only the right has.
fn walk_sorted<T>(
    left: &[(String, T)],
    right: &[(String, T)],
    mut visit: impl FnMut(Option<&T>, Option<&T>) -> Result<(), PatchError>,
) -> Result<(), PatchError> {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.0.cmp(&new.0),
        };
        let old = if order == Ordering::Greater { None } else { left.next() };
        let new = if order == Ordering::Less { None } else { right.next() };
        visit(old.map(|(_, value)| value), new.map(|(_, value)| value))?;
    }
}

/// Whether two patches give a field different values.
fn maps_conflict(left: &Map, right: &Map, place: Place<'_>) -> Result<bool, PatchError> {
    for (key, value) in left.iter().filter(|(key, _)| *key != DIRECTIVE && *key != RETAIN_KEYS) {
        let Some(other) = right.get(key) else { continue };
        let rule = match value {
            Object::Array(_) | Object::Object(_) => place.field(key)?,
            _ => Rule { inner: Place::Free, strategy: Default::default(), merge_key: "" },
        };
        if values_conflict(value, other, rule)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn values_conflict(left: &Object, right: &Object, rule: Rule<'_>) -> Result<bool, PatchError> {
    match (left, right) {
        (Object::Object(left), Object::Object(right)) => {
            if left.get(DIRECTIVE) != right.get(DIRECTIVE) {
                return Ok(true);
            }
            if rule.strategy.replace {
                return Ok(false);
            }
            maps_conflict(left, right, rule.inner)
        }
        (Object::Array(left), Object::Array(right)) => lists_conflict(left, right, rule),
        _ => Ok(left != right),
    }
}

fn lists_conflict(left: &[Object], right: &[Object], rule: Rule<'_>) -> Result<bool, PatchError> {
    let plain = Rule { strategy: Default::default(), merge_key: "", ..rule };
    let maps = match holds_maps([left, right]) {
        Ok(maps) => maps,
        // Elements of different kinds are a conflict themselves.
        Err(_) => return Ok(true),
    };
    if rule.strategy.merge {
        if !maps {
            return Ok(false);
        }
        for element in left {
            let wanted = key_of(element, rule.merge_key)?;
            for other in right.iter().filter(|other| other.get(rule.merge_key) == Some(wanted)) {
                if values_conflict(element, other, plain)? {
                    return Ok(true);
                }
            }
        }
        return Ok(false);
    }
    if left.len() != right.len() {
        return Ok(true);
    }
    let sorted = |list: &[Object]| {
        let mut list = list.to_vec();
        if !maps {
            list = without_doubles(list);
            sort_scalars(&mut list);
        }
        list
    };
    for (left, right) in sorted(left).iter().zip(&sorted(right)) {
        if values_conflict(left, right, plain)? {
            return Ok(true);
        }
    }
    Ok(false)
}
