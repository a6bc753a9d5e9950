//! Strategic merge patches: merging that knows from the [`schema`](crate::object::schema) which lists
//! are maps in disguise, and by which key.
//!
//! Besides values a patch may hold directives:
//!
//! | directive | where | meaning |
//! | --- | --- | --- |
//! | `$patch: delete` | map, list element | remove it |
//! | `$patch: replace` | map, list element | replace the map, or the whole list by the rest of the patch's |
//! | `$retainKeys: […]` | map | remove all other fields |
//! | `$setElementOrder/FIELD: […]` | beside a list | the order of the elements |
//! | `$deleteFromPrimitiveList/FIELD: […]` | beside a list | remove these scalars |

mod apply;
mod diff;
mod lists;

use super::{Map, PatchError, go_map, go_text};
use crate::object::schema::{Field, Shape, Strategy, Type};
use crate::object::{Object, go_type};

pub use apply::apply;
pub use diff::{create_three_way, create_two_way};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_PREFIX: &str = "$deleteFromPrimitiveList";
const ORDER_PREFIX: &str = "$setElementOrder";

/// Where in the schema a merge is.
#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    /// In an object of a named type.
    Typed(&'static Type),
    /// In a map, whose values have this shape.
    Map(&'a Shape),
    /// Beyond what the schema describes.
    Free,
}

/// How a field merges.
#[derive(Clone, Copy, Debug)]
struct Rule<'a> {
    /// The place inside the field (inside an element, for a list).
    inner: Place<'a>,
    strategy: Strategy,
    /// Empty where there is none.
    merge_key: &'a str,
}

impl<'a> Place<'a> {
    fn of(shape: &'a Shape) -> Self {
        match shape {
            Shape::Object(_) => shape.object().map_or(Self::Free, Self::Typed),
            Shape::Map(element) => Self::Map(element),
            Shape::List(element) => Self::of(element),
            _ => Self::Free,
        }
    }

    /// The rule of a field here.
    fn field(self, name: &str) -> Result<Rule<'a>, PatchError> {
        let free = |inner| Rule { inner, strategy: Strategy::default(), merge_key: "" };
        match self {
            Self::Free => Ok(free(Self::Free)),
            Self::Map(element) => Ok(free(Self::of(element))),
            Self::Typed(of) => of.field(name).map(Rule::of).ok_or_else(|| {
                PatchError::Other(format!(
                    "unable to find api field in struct {} for the json field {name:?}",
                    of.short_name()
                ))
            }),
        }
    }
}

impl Rule<'static> {
    fn of(field: &'static Field) -> Self {
        Self {
            inner: Place::of(&field.shape),
            strategy: field.strategy,
            merge_key: field.merge_key.unwrap_or_default(),
        }
    }
}

fn bad_order_list() -> PatchError {
    PatchError::Malformed("invalid patch format of setElementOrder list".into())
}

fn bad_retain_keys() -> PatchError {
    PatchError::Malformed("invalid patch format of retainKeys".into())
}

fn lists_of_lists() -> PatchError {
    PatchError::Unprocessable("lists of lists are not supported".into())
}

fn no_merge_key(element: &Map, key: &str) -> PatchError {
    PatchError::Other(format!("map: {} does not contain declared merge key: {key}", go_map(element)))
}

fn bad_directive(directive: &Object, map: &Map) -> PatchError {
    PatchError::Other(format!("unknown patch type: {} in map: {}", go_text(directive), go_map(map)))
}

fn bad_argument(expected: &str, got: &Object) -> PatchError {
    // A type that is none is no text to Go.
    let got = if got.is_null() { "%!s(<nil>)" } else { go_type(got) };
    PatchError::Other(format!("expected a {expected}, but received a {got}"))
}

/// An element that must be a map.
fn as_map(value: &Object) -> Result<&Map, PatchError> {
    value.as_object().ok_or_else(|| bad_argument("map[string]interface {}", value))
}

/// The value of an element's merge key.
fn key_of<'a>(element: &'a Object, key: &str) -> Result<&'a Object, PatchError> {
    let map = as_map(element)?;
    map.get(key).ok_or_else(|| no_merge_key(map, key))
}

/// The field that a parallel directive such as `$setElementOrder/FIELD` speaks of.
fn directed_field<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    key.strip_prefix(prefix)?.strip_prefix('/')
}

#[cfg(test)]
mod tests;
