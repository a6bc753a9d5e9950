//! Lists of one kind of elements, and their order.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{DIRECTIVE, PatchError, as_map, go_text, key_of, lists_of_lists, no_merge_key};
use crate::object::Object;

/// Whether the elements of these lists are maps. They must all be of one kind.
pub(super) fn holds_maps(lists: [&[Object]; 2]) -> Result<bool, PatchError> {
    let mut first: Option<&Object> = None;
    for value in lists.into_iter().flatten() {
        match first {
            None if value.is_array() => return Err(lists_of_lists()),
            None => first = Some(value),
            Some(first) if std::mem::discriminant(first) == std::mem::discriminant(value) => {}
            Some(_) => {
                let shown = lists.map(|list| go_text(&Object::Array(list.to_vec()))).join(" ");
                return Err(PatchError::Other(format!("list element types are not identical: [{shown}]")));
            }
        }
    }
    match first {
        Some(value) => Ok(value.is_object()),
        None => Err(PatchError::Other("no elements in any of the given slices".into())),
    }
}

/// The position of an element that matches by merge key.
pub(super) fn position(list: &[Object], key: &str, wanted: &Object) -> Result<Option<usize>, PatchError> {
    for (index, element) in list.iter().enumerate() {
        let Some(map) = element.as_object() else {
            return Err(PatchError::Other(format!("value for key {index} is not a map")));
        };
        if map.get(key) == Some(wanted) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Every scalar once, in the order that the original leaves them in: a later double gives its place to
/// the last element.
pub(super) fn without_doubles(mut list: Vec<Object>) -> Vec<Object> {
    let mut at = 0;
    while at < list.len() {
        let mut other = at + 1;
        while other < list.len() {
            if list.get(at) == list.get(other) {
                list.swap_remove(other);
            } else {
                other += 1;
            }
        }
        at += 1;
    }
    list
}

/// Scalars by their text.
pub(super) fn sort_scalars(list: &mut [Object]) {
    list.sort_by_cached_key(go_text);
}

/// Where each value stands in an order. Maps count by merge key.
struct Places<'a>(HashMap<String, usize>, Option<&'a str>);

impl<'a> Places<'a> {
    fn of(order: &[Object], key: Option<&'a str>) -> Self {
        let mut places = HashMap::with_capacity(order.len());
        for (index, value) in order.iter().enumerate() {
            places.entry(Self::text(value, key)).or_insert(index);
        }
        Self(places, key)
    }

    fn text(value: &Object, key: Option<&str>) -> String {
        match key {
            None => value.to_string(),
            Some(key) => value.get(key).unwrap_or(&Object::Null).to_string(),
        }
    }

    fn get(&self, value: &Object) -> Option<usize> {
        self.0.get(&Self::text(value, self.1)).copied()
    }
}

/// Brings a list into an order, elements to be deleted last. `key` is the merge key of a list of maps.
pub(super) fn in_order(list: Vec<Object>, order: &[Object], key: Option<&str>) -> Result<Vec<Object>, PatchError> {
    let (mut list, deleted) = match key {
        None => (list, Vec::new()),
        Some(key) => {
            for element in list.iter().chain(order) {
                key_of(element, key)?;
            }
            list.into_iter().partition(|element| element.get(DIRECTIVE).is_none_or(|directive| directive != "delete"))
        }
    };
    let places = Places::of(order, key);
    let mut placed: Vec<(Option<usize>, Object)> = list.drain(..).map(|value| (places.get(&value), value)).collect();
    if placed.iter().all(|(place, _)| place.is_some()) {
        placed.sort_by_key(|(place, _)| *place);
    } else {
        // The original's comparison says "before" for whatever has no place, and its sort inserts
        // from the left: that order is what clients know.
        for end in 1..placed.len() {
            for at in (1..=end).rev() {
                let before = match (placed.get(at).and_then(|p| p.0), placed.get(at - 1).and_then(|p| p.0)) {
                    (Some(this), Some(left)) => this < left,
                    _ => true,
                };
                if !before {
                    break;
                }
                placed.swap(at, at - 1);
            }
        }
    }
    Ok(placed.into_iter().map(|(_, value)| value).chain(deleted).collect())
}

/// Weaves what only the server has into what the patch speaks of: the server's order decides where
/// both elements stand in it, otherwise the patch's element comes first.
pub(super) fn weave(
    patch: Vec<Object>,
    server_only: Vec<Object>,
    patch_order: &[Object],
    server_order: &[Object],
    key: Option<&str>,
) -> Result<Vec<Object>, PatchError> {
    let patch = in_order(patch, patch_order, key)?;
    let server_only = in_order(server_only, server_order, key)?;
    let places = Places::of(server_order, key);
    let mut woven = Vec::with_capacity(patch.len() + server_only.len());
    let mut left = server_only.into_iter().peekable();
    let mut right = patch.into_iter().peekable();
    loop {
        let server_first = match (left.peek(), right.peek()) {
            (None, None) => return Ok(woven),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(left), Some(right)) => match (places.get(left), places.get(right)) {
                (Some(left), Some(right)) => left.cmp(&right) == Ordering::Less,
                _ => false,
            },
        };
        woven.extend(if server_first { left.next() } else { right.next() });
    }
}

/// The elements that a list names (first) and the others. `key` is the merge key of a list of maps.
pub(super) fn partition(
    list: Vec<Object>,
    named: &[Object],
    key: Option<&str>,
) -> Result<(Vec<Object>, Vec<Object>), PatchError> {
    if let Some(key) = key {
        for element in &list {
            let map = as_map(element)?;
            if !map.contains_key(key) {
                return Err(no_merge_key(map, key));
            }
        }
        if let Some(index) = named.iter().position(|element| !element.is_object()) {
            return Err(PatchError::Other(format!("value for key {index} is not a map")));
        }
    }
    let places = Places::of(named, key);
    Ok(list.into_iter().partition(|value| places.get(value).is_some()))
}
