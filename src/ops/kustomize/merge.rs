//! Strategic merge patches as kustomize applies them. It differs from the API server's merging: new
//! list elements come first, in the patch's order, and kinds without a schema merge by RFC 7396.

use super::schemas::Definitions;
use crate::object::schema::{self, Field, Shape, Type};
use crate::object::{GroupVersionKind, Object};

type Map = serde_json::Map<String, Object>;

const DIRECTIVE: &str = "$patch";

/// Where in the schema a merge is.
#[derive(Clone, Copy)]
enum Place<'s> {
    Typed(&'static Type),
    Map(&'static Shape),
    /// A definition of a file.
    Defined(&'s Definitions, &'s Object),
    Free,
}

/// How a field merges.
#[derive(Clone)]
struct Rule<'s> {
    inner: Place<'s>,
    /// Whether elements of lists merge.
    merges: bool,
    /// The keys by which elements are told apart; none for lists of scalars.
    keys: Vec<&'s str>,
}

impl<'s> Place<'s> {
    fn of(shape: &'static Shape) -> Self {
        match shape {
            Shape::Object(_) => shape.object().map_or(Self::Free, Self::Typed),
            Shape::Map(element) => Self::Map(element),
            Shape::List(element) => Self::of(element),
            _ => Self::Free,
        }
    }

    fn field(self, name: &str) -> Rule<'s> {
        match self {
            Self::Typed(of) => of.field(name).map_or_else(Rule::free, Rule::of),
            Self::Map(shape) => Rule { inner: Self::of(shape), ..Rule::free() },
            Self::Defined(all, of) => all.field(of, name).map_or_else(Rule::free, |of| Rule::defined(all, of)),
            Self::Free => Rule::free(),
        }
    }
}

impl<'s> Rule<'s> {
    fn free() -> Self {
        Self { inner: Place::Free, merges: false, keys: Vec::new() }
    }

    fn of(field: &'static Field) -> Self {
        let keys =
            if field.list_keys.is_empty() { field.merge_key.into_iter().collect() } else { field.list_keys.clone() };
        Self { inner: Place::of(&field.shape), merges: field.strategy.merge, keys }
    }

    fn defined(all: &'s Definitions, of: &'s Object) -> Self {
        let (strategy, keys) = Definitions::strategy(of).unwrap_or_default();
        // Of a list, its elements are inside.
        let inner = if of.get("items").is_some() { all.elements(of) } else { Some(of) };
        let inner = inner.map_or(Place::Free, |of| Place::Defined(all, of));
        Self { inner, merges: strategy.split(',').any(|word| word == "merge"), keys }
    }
}

/// What a patch's map or list says of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(text: &Object) -> anyhow::Result<Directive> {
    match text.as_str() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        other => anyhow::bail!("unknown patch strategy '{}'", other.unwrap_or_default()),
    }
}

fn map_directive(patch: &Map) -> anyhow::Result<Directive> {
    patch.get(DIRECTIVE).map_or(Ok(Directive::Merge), directive)
}

/// The directive of a list is an element that holds nothing else.
fn list_directive(patch: &[Object]) -> anyhow::Result<Directive> {
    let alone =
        |element: &&Object| element.as_object().is_some_and(|map| map.len() == 1 && map.contains_key(DIRECTIVE));
    patch.iter().find(alone).and_then(|element| element.get(DIRECTIVE)).map_or(Ok(Directive::Merge), directive)
}

/// The schema's type of a kind; of another version where this one is not there.
fn type_of(gvk: &GroupVersionKind) -> Option<&'static Type> {
    schema::of(gvk).or_else(|| {
        ["v1", "v2"]
            .iter()
            .find_map(|version| schema::of(&GroupVersionKind::new(gvk.group.clone(), *version, gvk.kind.clone())))
    })
}

/// Applies a patch by the built-in schemas or, where there are others, by those; `None` where it deletes the object.
///
/// # Errors
/// Unknown directives; a map where a list is, and the like.
pub fn apply(
    object: Object,
    patch: &Object,
    gvk: &GroupVersionKind,
    others: Option<&Definitions>,
) -> anyhow::Result<Option<Object>> {
    let inner = match others {
        Some(all) => all.of(gvk).map_or(Place::Free, |of| Place::Defined(all, of)),
        None => type_of(gvk).map_or(Place::Free, Place::Typed),
    };
    merge(object, patch, &Rule { inner, ..Rule::free() })
}

/// Merges a patch that is not null into a value that may be.
fn merge(target: Object, patch: &Object, rule: &Rule<'_>) -> anyhow::Result<Option<Object>> {
    match (target, patch) {
        (_, Object::Null) => Ok(None),
        (Object::Null, patch) => settle(patch, rule),
        (Object::Object(mut target), Object::Object(changes)) => {
            match map_directive(changes)? {
                Directive::Delete => return Ok(None),
                Directive::Replace => return settle(patch, rule),
                Directive::Merge => {}
            }
            for (key, change) in changes.iter().filter(|(key, _)| *key != DIRECTIVE) {
                let rule = rule.inner.field(key);
                let old = target.remove(key).unwrap_or_default();
                if let Some(new) = merge(old, change, &rule)? {
                    target.insert(key.clone(), new);
                }
            }
            Ok(Some(Object::Object(target)))
        }
        (Object::Array(target), Object::Array(changes)) => {
            if !rule.merges {
                return Ok(Some(patch.clone()));
            }
            match list_directive(changes)? {
                Directive::Delete => Ok(None),
                Directive::Replace => settle(patch, rule),
                Directive::Merge => merge_lists(target, changes, rule).map(Some),
            }
        }
        (target, patch) if is_scalar(&target) && is_scalar(patch) => Ok(Some(patch.clone())),
        (target, patch) => anyhow::bail!(
            "wrong node kind: expected {} but got {}: node contents:\n{}",
            node_kind(&target),
            node_kind(patch),
            crate::output::yaml::to_string(patch).unwrap_or_default()
        ),
    }
}

fn is_scalar(value: &Object) -> bool {
    !value.is_object() && !value.is_array()
}

fn node_kind(value: &Object) -> &'static str {
    match value {
        Object::Object(_) => "MappingNode",
        Object::Array(_) => "SequenceNode",
        _ => "ScalarNode",
    }
}

/// What a patch adds where there was nothing: no nulls, no directives, nothing that they delete.
fn settle(patch: &Object, rule: &Rule<'_>) -> anyhow::Result<Option<Object>> {
    match patch {
        Object::Null => Ok(None),
        Object::Object(changes) => {
            if map_directive(changes)? == Directive::Delete {
                return Ok(None);
            }
            let mut settled = Map::new();
            for (key, change) in changes.iter().filter(|(key, _)| *key != DIRECTIVE) {
                if let Some(value) = settle(change, &rule.inner.field(key))? {
                    settled.insert(key.clone(), value);
                }
            }
            Ok(Some(Object::Object(settled)))
        }
        Object::Array(changes) if rule.merges => merge_lists(Vec::new(), changes, rule).map(Some),
        other => Ok(Some(other.clone())),
    }
}

/// The patch's elements first, merged with those that they match, then what they do not match. Where several
/// keys tell elements apart, those that were there keep their order behind the new ones.
fn merge_lists(target: Vec<Object>, changes: &[Object], rule: &Rule<'_>) -> anyhow::Result<Object> {
    let element = Rule { inner: rule.inner, ..Rule::free() };
    let used = rule.keys.iter().filter(|key| target.iter().chain(changes).any(|element| element.get(**key).is_some()));
    let in_place = used.count() > 1;
    // What a patch deleted stays as a gap, so that positions hold.
    let mut target: Vec<Option<Object>> = target.into_iter().map(Some).collect();
    let mut merged: Vec<Object> = Vec::new();
    for change in changes {
        if change.as_object().is_some_and(|map| map.len() == 1 && map.contains_key(DIRECTIVE)) {
            continue;
        }
        let same = |other: &Object| match_elements(other, change, &rule.keys);
        let old = target.iter_mut().find(|old| old.as_ref().is_some_and(same));
        if let Some(slot) = old {
            let new = merge(slot.take().unwrap_or_default(), change, &element)?;
            if in_place {
                *slot = new;
            } else {
                merged.extend(new);
            }
            continue;
        }
        let old = merged.iter().position(same).map_or(Object::Null, |at| merged.remove(at));
        merged.extend(merge(old, change, &element)?);
    }
    merged.extend(target.into_iter().flatten());
    Ok(Object::Array(merged))
}

/// Whether two elements are the same one: no key differs that both have, and at least one is equal.
fn match_elements(one: &Object, other: &Object, keys: &[&str]) -> bool {
    if keys.is_empty() {
        return one == other;
    }
    let mut equal = false;
    for key in keys {
        match (one.get(key), other.get(key)) {
            (Some(one), Some(other)) if one != other => return false,
            (Some(_), Some(_)) => equal = true,
            _ => {}
        }
    }
    equal
}
