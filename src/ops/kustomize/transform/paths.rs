//! Paths of replacements: `spec.containers.[name=main].image`, `a.*.b`, `list.0`.

use regex_lite::Regex;

use crate::object::Object;
use crate::ops::kustomize::fields::split_path;

/// Splits a path at its dots. Dots in brackets do not count; brackets around what is no condition fall away.
pub fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut open: Option<Vec<String>> = None;
    let close = |pieces: Vec<String>| {
        let text = pieces.join(".");
        if text.contains('=') { text } else { text.trim_matches(['[', ']']).to_owned() }
    };
    for piece in split_path(path, '.') {
        if let Some(mut pieces) = open.take() {
            let done = piece.ends_with(']');
            pieces.push(piece);
            if done {
                parts.push(close(pieces));
            } else {
                open = Some(pieces);
            }
        } else if piece.starts_with('[') && !piece.ends_with(']') {
            open = Some(vec![piece]);
        } else {
            parts.push(piece);
        }
    }
    parts.extend(open.map(close));
    parts
}

/// One step of a path.
enum Step<'a> {
    Index(usize),
    /// Elements whose field has this value; of scalars where the name is empty.
    Where(&'a str, &'a str),
    Every,
    Field(&'a str),
}

impl<'a> Step<'a> {
    fn of(part: &'a str) -> anyhow::Result<Self> {
        if part == "*" {
            return Ok(Self::Every);
        }
        if let Some(inner) = part.strip_prefix('[').and_then(|part| part.strip_suffix(']')) {
            let Some((name, value)) = inner.split_once('=') else {
                anyhow::bail!("list path element must contain fieldName=fieldValue for element to match");
            };
            return Ok(Self::Where(name, value));
        }
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(part.parse().map_or(Self::Field(part), Self::Index));
        }
        Ok(Self::Field(part))
    }
}

/// What is made where a path's end is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing.
    Absent,
    /// A null, to be filled.
    Scalar,
    /// An empty map.
    Map,
    /// An empty list.
    List,
}

impl Missing {
    fn value(self) -> Object {
        match self {
            Self::Absent | Self::Scalar => Object::Null,
            Self::Map => Object::Object(serde_json::Map::new()),
            Self::List => Object::Array(Vec::new()),
        }
    }
}

/// The value at a path, where every step leads to one.
///
/// # Errors
/// A path that cannot be read.
pub fn lookup<'a>(object: &'a Object, path: &[String]) -> anyhow::Result<Option<&'a Object>> {
    let mut node = object;
    for part in path {
        let next = match (Step::of(part)?, node) {
            (Step::Index(at), Object::Array(elements)) => elements.get(at),
            (Step::Where(name, value), Object::Array(elements)) => {
                elements.iter().find(|element| scalar_text(field_of(element, name)) == value)
            }
            (Step::Field("-"), Object::Array(elements)) => elements.last(),
            (_, Object::Object(map)) => map.get(part.as_str()),
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

fn field_of<'a>(element: &'a Object, name: &str) -> &'a Object {
    static NOTHING: Object = Object::Null;
    if name.is_empty() { element } else { element.get(name).unwrap_or(&NOTHING) }
}

/// A scalar's text.
pub fn scalar_text(value: &Object) -> String {
    match value {
        Object::Null => String::new(),
        Object::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Does something with every value at a path, making what is missing; tells how many there were.
///
/// # Errors
/// A path that cannot be read, or leads where none is; what `act` finds wrong.
pub fn visit(
    node: &mut Object,
    path: &[String],
    missing: Missing,
    act: &mut dyn FnMut(&mut Object) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let Some((first, rest)) = path.split_first() else {
        act(node)?;
        return Ok(1);
    };
    let makes = missing != Missing::Absent;
    // What a made value is, which the next step decides.
    let made = || -> anyhow::Result<Object> {
        Ok(match rest.first().map(|part| Step::of(part)).transpose()? {
            None => missing.value(),
            Some(Step::Index(_) | Step::Where(..) | Step::Every) => Missing::List.value(),
            Some(Step::Field(_)) => Missing::Map.value(),
        })
    };
    match (Step::of(first)?, &mut *node) {
        (Step::Every, Object::Array(elements)) => {
            let mut count = 0;
            for element in elements {
                count += visit(element, rest, missing, act)?;
            }
            Ok(count)
        }
        (Step::Every, Object::Object(map)) => {
            let mut count = 0;
            for (_, value) in map.iter_mut() {
                count += visit(value, rest, missing, act)?;
            }
            Ok(count)
        }
        (Step::Index(at), Object::Array(elements)) => {
            if elements.len() == at && makes {
                elements.push(made()?);
            }
            let count = elements.len();
            let Some(element) = elements.get_mut(at) else {
                anyhow::bail!("index {at} specified but only {count} elements found");
            };
            visit(element, rest, missing, act)
        }
        (Step::Where(name, value), Object::Array(elements)) => {
            let pattern = Regex::new(value)?;
            let fits = |element: &Object| {
                let field = field_of(element, name);
                !field.is_null() && pattern.is_match(&scalar_text(field))
            };
            if makes && !elements.iter().any(fits) {
                elements.push(if name.is_empty() { value.into() } else { serde_json::json!({ name: value }) });
            }
            let mut count = 0;
            for element in elements.iter_mut().filter(|element| fits(element)) {
                count += if name.is_empty() {
                    act(element)?;
                    1
                } else {
                    visit(element, rest, missing, act)?
                };
            }
            Ok(count)
        }
        (_, Object::Object(map)) => {
            if !map.contains_key(first.as_str()) {
                if !makes {
                    return Ok(0);
                }
                map.insert(first.clone(), made()?);
            }
            map.get_mut(first.as_str()).map_or(Ok(0), |field| visit(field, rest, missing, act))
        }
        (_, Object::Null) if !makes => Ok(0),
        (_, other) => {
            let kind = if other.is_array() { "SequenceNode" } else { "ScalarNode" };
            anyhow::bail!("wrong node kind: expected MappingNode but got {kind}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        for (path, want) in [
            ("a.b", vec!["a", "b"]),
            ("a.[name=x.y].c", vec!["a", "[name=x.y]", "c"]),
            ("metadata.annotations.[a.b/c]", vec!["metadata", "annotations", "a.b/c"]),
            (r"metadata.annotations.a\.b", vec!["metadata", "annotations", "a.b"]),
        ] {
            assert_eq!(split(path), want);
        }
    }
}
