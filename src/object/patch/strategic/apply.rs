//! Applying a patch, and merging two patches into one.

use super::lists::{holds_maps, partition, position, weave, without_doubles};
use super::{
    DELETE_PREFIX, DIRECTIVE, Map, ORDER_PREFIX, PatchError, Place, RETAIN_KEYS, Rule, as_map, bad_argument,
    bad_directive, bad_order_list, bad_retain_keys, directed_field, go_text, no_merge_key,
};
use crate::object::Object;
use crate::object::schema::Type;

/// Applies a patch to an object of a type; the object is gone from its place where that fails, so give a copy
/// that may be lost.
pub fn apply(original: Object, patch: Object, of: &'static Type) -> Result<Object, PatchError> {
    let (Object::Object(original), Object::Object(patch)) = (original, patch) else {
        return Err(PatchError::Malformed("invalid JSON document".into()));
    };
    merge_maps(original, patch, Place::Typed(of), Mode::Apply).map(Object::Object)
}

/// What the left side of a merge is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    /// An object: directives are carried out.
    Apply,
    /// Another patch: directives and nulls are kept.
    Combine,
}

pub(super) fn merge_maps(mut original: Map, mut patch: Map, place: Place<'_>, mode: Mode) -> Result<Map, PatchError> {
    if let Some(directive) = patch.get(DIRECTIVE) {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(bad_directive(directive, &patch)),
        };
    }
    retain_keys(&mut original, &mut patch, mode)?;
    ordered_lists(&mut original, &mut patch, place, mode)?;
    for (key, value) in patch {
        let mut deletes = false;
        let mut name = key.as_str();
        if key.starts_with(DELETE_PREFIX) {
            if mode == Mode::Combine {
                original.insert(key, value);
                continue;
            }
            name = directed_field(&key, DELETE_PREFIX)
                .ok_or_else(|| PatchError::Malformed("invalid patch format of primitive list".into()))?;
            deletes = true;
        }
        if value.is_null() {
            original.remove(name);
            if mode == Mode::Apply {
                continue;
            }
        }
        let same_kind =
            original.get(name).filter(|old| std::mem::discriminant(*old) == std::mem::discriminant(&value)).is_some();
        if !same_kind {
            // Nothing to merge with.
            if !deletes {
                let mut value = value;
                if mode == Mode::Apply {
                    drop_nulls(&mut value);
                }
                match without_directives(value) {
                    Some(value) => drop(original.insert(name.to_owned(), value)),
                    None => drop(original.remove(name)),
                }
            }
            continue;
        }
        let old = original.remove(name).unwrap_or_default();
        let merged = match (old, value) {
            (Object::Object(old), Object::Object(new)) => {
                let rule = place.field(name)?;
                if rule.strategy.replace {
                    Object::Object(new)
                } else {
                    Object::Object(merge_maps(old, new, rule.inner, mode)?)
                }
            }
            (Object::Array(old), Object::Array(new)) => {
                let rule = place.field(name)?;
                if rule.strategy.merge || deletes {
                    Object::Array(merge_lists(old, new, rule, mode, deletes, &mut Vec::new())?)
                } else {
                    Object::Array(new)
                }
            }
            (_, new) => new,
        };
        original.insert(name.to_owned(), merged);
    }
    Ok(original)
}

fn retain_keys(original: &mut Map, patch: &mut Map, mode: Mode) -> Result<(), PatchError> {
    let Some(list) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    if mode == Mode::Combine {
        return match original.get(RETAIN_KEYS) {
            Some(other) if *other != list => Err(PatchError::Other(format!(
                "{} and {} are not deep equal: this may happen when calculating the 3-way diff patch",
                go_text(other),
                go_text(&list)
            ))),
            _ => {
                original.insert(RETAIN_KEYS.into(), list);
                Ok(())
            }
        };
    }
    let Object::Array(list) = list else { return Err(bad_retain_keys()) };
    let retained = |key: &str| list.iter().any(|retained| retained == key);
    let speaks_of_others = patch.iter().any(|(key, value)| {
        !value.is_null() && !key.starts_with(DELETE_PREFIX) && !key.starts_with(ORDER_PREFIX) && !retained(key)
    });
    if speaks_of_others {
        return Err(bad_retain_keys());
    }
    original.retain(|key, _| retained(key));
    Ok(())
}

/// Merges the lists for which the patch gives an order, and takes both from the patch.
fn ordered_lists(original: &mut Map, patch: &mut Map, place: Place<'_>, mode: Mode) -> Result<(), PatchError> {
    let orders: Vec<String> = patch.keys().filter(|key| key.starts_with(ORDER_PREFIX)).cloned().collect();
    for key in orders {
        let Some(order) = patch.remove(&key) else { continue };
        if mode == Mode::Combine {
            match original.get(&key) {
                Some(other) if *other != order => return Err(bad_order_list()),
                _ => drop(original.insert(key.clone(), order.clone())),
            }
        }
        let Object::Array(order) = order else { return Err(bad_argument("[]interface {}", &order)) };
        let name = directed_field(&key, ORDER_PREFIX).ok_or_else(bad_order_list)?;
        let list = |value: Option<&Object>| match value {
            None => Ok(None),
            Some(Object::Array(list)) => Ok(Some(list.clone())),
            // A null stands for an empty list.
            Some(other) => Err(bad_argument("[]interface {}", other)),
        };
        let old = list(original.get(name))?;
        let new = list(patch.get(name))?;
        let rule = place.field(name)?;
        let merge_key = (!rule.merge_key.is_empty()).then_some(rule.merge_key);
        check_order(new.as_deref().unwrap_or(&[]), &order, merge_key)?;
        let mut server_order = old.clone().unwrap_or_default();
        let maps_in = |old: &[Object], new: &[Object]| holds_maps([old, new]);
        let maps = |old: &Option<Vec<Object>>, new: &Option<Vec<Object>>| {
            maps_in(old.as_deref().unwrap_or(&[]), new.as_deref().unwrap_or(&[]))
        };
        let (merged, are_maps) = match (old, new) {
            (None, None) => continue,
            (Some(old), None) => {
                let are_maps = maps(&Some(old.clone()), &None);
                (old, are_maps)
            }
            (None, Some(new)) => {
                let are_maps = maps(&None, &Some(new.clone()));
                let clean = new.into_iter().filter_map(without_directives).collect();
                (clean, are_maps)
            }
            (Some(old), Some(new)) => {
                let are_maps = maps_in(&old, &new);
                let merged = if rule.strategy.merge {
                    merge_lists(old, new, rule, mode, false, &mut server_order)?
                } else {
                    new
                };
                (merged, are_maps)
            }
        };
        let (patched, server_only) = partition(merged, &order, merge_key)?;
        let element_key = are_maps?.then_some(rule.merge_key);
        let woven = weave(patched, server_only, &order, &server_order, element_key)?;
        original.insert(name.to_owned(), Object::Array(woven));
        patch.remove(name);
    }
    Ok(())
}

/// The elements of a patch's list must stand in the order that the patch gives.
fn check_order(list: &[Object], order: &[Object], merge_key: Option<&str>) -> Result<(), PatchError> {
    if list.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut left = Vec::new();
    for element in list {
        if merge_key.is_some() {
            as_map(element)?;
        }
        if element.get(DIRECTIVE).is_none() {
            left.push(element);
        }
    }
    let mut left = left.into_iter().peekable();
    for ordered in order {
        let Some(element) = left.peek() else { return Ok(()) };
        let same = match merge_key {
            None => *element == ordered,
            Some(key) => super::key_of(element, key)? == super::key_of(ordered, key)?,
        };
        if same {
            left.next();
        }
    }
    if left.peek().is_none() {
        return Ok(());
    }
    Err(PatchError::Other(format!(
        "The order in patch list:\n{}\n doesn't match {ORDER_PREFIX} list:\n{}\n",
        go_text(&Object::Array(list.to_vec())),
        go_text(&Object::Array(order.to_vec()))
    )))
}

/// Merges two lists. `order` is the server's order of the elements, by which a patch that gives an order
/// of its own weaves in the rest: elements that are added take the places of those that are deleted,
/// which is what servers have always done.
fn merge_lists(
    original: Vec<Object>,
    patch: Vec<Object>,
    rule: Rule<'_>,
    mode: Mode,
    deletes: bool,
    order: &mut Vec<Object>,
) -> Result<Vec<Object>, PatchError> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    if !holds_maps([&original, &patch])? {
        if mode == Mode::Apply && deletes {
            return Ok(original.into_iter().filter(|value| !patch.contains(value)).collect());
        }
        let both = without_doubles(original.iter().chain(&patch).cloned().collect());
        let (patched, server_only) = partition(both, &patch, None)?;
        return weave(patched, server_only, &patch, &original, None);
    }
    let key = rule.merge_key;
    if key.is_empty() {
        return Err(PatchError::Other("cannot merge lists without merge key for struct".into()));
    }
    let length = original.len();
    let (mut merged, patch) = directed_elements(original, patch, key)?;
    let after_deletions = merged.clone();
    for element in &patch {
        let map = as_map(element)?;
        let wanted = map.get(key).ok_or_else(|| no_merge_key(map, key))?;
        let at = position(&merged, key, wanted)?;
        match at.and_then(|at| merged.get_mut(at)) {
            Some(place) => {
                let old = std::mem::take(place);
                let Object::Object(old) = old else { return Err(bad_argument("map[string]interface {}", &old)) };
                *place = Object::Object(merge_maps(old, map.clone(), rule.inner, mode)?);
            }
            None => merged.push(element.clone()),
        }
    }
    if !patch.is_empty() {
        *order = merged.iter().take(length).cloned().collect();
    }
    let (patched, server_only) = partition(merged, &patch, Some(key))?;
    weave(patched, server_only, &patch, &after_deletions, Some(key))
}

/// Carries out the elements that are directives: the list without what they remove, and the other elements.
fn directed_elements(
    mut original: Vec<Object>,
    patch: Vec<Object>,
    key: &str,
) -> Result<(Vec<Object>, Vec<Object>), PatchError> {
    let mut rest = Vec::with_capacity(patch.len());
    let mut replace = false;
    for element in patch {
        let map = as_map(&element)?;
        match map.get(DIRECTIVE) {
            None => rest.push(element),
            Some(directive) => match directive.as_str() {
                Some("delete") => {
                    let wanted = map.get(key).ok_or_else(|| no_merge_key(map, key))?;
                    while let Some(at) = position(&original, key, wanted)? {
                        original.remove(at);
                    }
                }
                Some("replace") => replace = true,
                Some("merge") => {
                    return Err(PatchError::Other("merging lists cannot yet be specified in the patch".into()));
                }
                _ => return Err(bad_directive(directive, map)),
            },
        }
    }
    Ok(if replace { (rest, Vec::new()) } else { (original, rest) })
}

/// A value for a place where there was none: without directives, or nothing where it is one itself.
fn without_directives(value: Object) -> Option<Object> {
    match value {
        Object::Object(map) if map.contains_key(DIRECTIVE) => None,
        Object::Object(map) => Some(Object::Object(
            map.into_iter().filter_map(|(key, value)| Some((key, without_directives(value)?))).collect(),
        )),
        Object::Array(list) => Some(Object::Array(list.into_iter().filter_map(without_directives).collect())),
        value => Some(value),
    }
}

/// Nulls remove; where there is nothing they mean nothing.
fn drop_nulls(value: &mut Object) {
    match value {
        Object::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Object::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
