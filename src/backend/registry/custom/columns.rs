//! Additional printer columns: a cell is the first value at a simple path.

use crate::object::{Meta, Object, Timestamp, time};

/// A column of a custom resource's table.
#[derive(Debug)]
pub struct Column {
    /// The header.
    pub name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: String,
    /// The OpenAPI format; mostly empty.
    pub format: String,
    /// What the definition says about it.
    pub description: String,
    /// 0 is always shown, more than 0 only with `-o wide`.
    pub priority: i64,
    path: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// `.name` or `['name']`.
    Field(String),
    /// `[0]`; negative ones count from the end.
    Index(i64),
    /// `[*]`.
    All,
    /// `[?(@.a.b=="x")]` or `!=`.
    Where { path: Vec<String>, equal: bool, value: Object },
}

/// Reads `additionalPrinterColumns`; without any, the age is shown.
pub(super) fn read(columns: Option<&Object>) -> Vec<Column> {
    let columns = columns.and_then(Object::as_array).map_or(&[][..], Vec::as_slice);
    if columns.is_empty() {
        return vec![Column {
            name: "Age".into(),
            kind: "date".into(),
            format: String::new(),
            description: String::new(),
            priority: 0,
            path: vec![Step::Field("metadata".into()), Step::Field("creationTimestamp".into())],
        }];
    }
    let column = |column: &Object| {
        let text = |field: &str| column.str_at(&[field]).to_owned();
        let path = column.str_at(&["jsonPath"]);
        let mut description = text("description");
        if description.is_empty() {
            description = format!("Custom resource definition column (in JSONPath format): {path}");
        }
        Some(Column {
            name: text("name"),
            kind: text("type"),
            format: text("format"),
            description,
            priority: column.int_at(&["priority"]).unwrap_or(0),
            path: parse(path)?,
        })
    };
    columns.iter().filter_map(column).collect()
}

impl Column {
    /// The cell of an object; ages are as of `now`.
    pub fn cell(&self, object: &Object, now: Timestamp) -> Object {
        let Some(value) = first(&self.path, object) else { return Object::Null };
        match (self.kind.as_str(), value) {
            ("string", Object::Null) => "<nil>".into(),
            ("string", Object::String(text)) => text.as_str().into(),
            ("string", value) => value.to_string().into(),
            ("integer", value) => match (value.as_i64(), value.as_f64()) {
                (Some(whole), _) => whole.into(),
                // Cuts off the fraction.
                (None, Some(number)) => (number as i64).into(),
                _ => Object::Null,
            },
            ("number", Object::Number(_)) | ("boolean", Object::Bool(_)) => value.clone(),
            ("date", Object::String(text)) => match time::parse_rfc3339(text) {
                Some(moment) => time::age(Some(moment), now).into(),
                None => "<invalid>".into(),
            },
            _ => Object::Null,
        }
    }
}

/// The first value at a path.
fn first<'a>(path: &[Step], value: &'a Object) -> Option<&'a Object> {
    let Some((step, rest)) = path.split_first() else { return Some(value) };
    match step {
        Step::Field(name) => first(rest, value.get(name)?),
        Step::Index(index) => {
            let list = value.as_array()?;
            let at = if *index < 0 {
                list.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?
            } else {
                usize::try_from(*index).ok()?
            };
            first(rest, list.get(at)?)
        }
        Step::All => match value {
            Object::Array(list) => list.iter().find_map(|value| first(rest, value)),
            Object::Object(map) => map.values().find_map(|value| first(rest, value)),
            _ => None,
        },
        Step::Where { path, equal, value: wanted } => {
            let fits = |item: &&Object| {
                let found = path.iter().try_fold(*item, |value, name| value.get(name));
                found.is_some_and(|found| (found == wanted) == *equal)
            };
            value.as_array()?.iter().filter(fits).find_map(|value| first(rest, value))
        }
    }
}

/// Reads a path: `.a['b'][0][*][?(@.c=="d")]`. `None` for what is more than that.
fn parse(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    let mut rest = text.strip_prefix('$').unwrap_or(text);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let inside = bracket(after)?;
            rest = after.get(inside.len() + 1..)?;
            steps.push(step(inside)?);
        } else {
            let after = rest.strip_prefix('.').unwrap_or(rest);
            let (name, end) = field(after)?;
            rest = after.get(end..)?;
            match name.as_str() {
                "*" => steps.push(Step::All),
                "" => {}
                _ => steps.push(Step::Field(name)),
            }
        }
    }
    Some(steps)
}

/// A name up to the next step, with `\.` for a dot in it, and where it ends.
fn field(text: &str) -> Option<(String, usize)> {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.push(letters.next()?.1),
            '.' | '[' => return Some((name, at)),
            _ => name.push(letter),
        }
    }
    Some((name, text.len()))
}

/// What stands before the bracket's end, which may be in a string.
fn bracket(text: &str) -> Option<&str> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, ']') => return text.get(..at),
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    None
}

fn step(inside: &str) -> Option<Step> {
    if inside == "*" {
        return Some(Step::All);
    }
    if let Some(name) = unquote(inside) {
        return Some(Step::Field(name.to_owned()));
    }
    if let Some(filter) = inside.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        let (left, equal, right) = match (filter.split_once("=="), filter.split_once("!=")) {
            (Some((left, right)), _) => (left, true, right),
            (None, Some((left, right))) => (left, false, right),
            _ => return None,
        };
        let path = left.trim().strip_prefix("@.")?.split('.').map(str::to_owned).collect();
        let right = right.trim();
        let value = match unquote(right) {
            Some(text) => text.into(),
            None => serde_json::from_str(right).ok()?,
        };
        return Some(Step::Where { path, equal, value });
    }
    inside.trim_end_matches(':').parse().ok().map(Step::Index)
}

fn unquote(text: &str) -> Option<&str> {
    let inner = |quote: char| text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inner('\'').or_else(|| inner('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn finds_the_first_value() {
        let object = json!({
            "spec": {"a.b": 1, "list": [{"n": "x", "v": 1}, {"n": "y", "v": 2}], "deep": {"er": true}},
        });
        for (path, want) in [
            (".spec.deep.er", Some(json!(true))),
            (".spec['a.b']", Some(json!(1))),
            (".spec.a\\.b", Some(json!(1))),
            (".spec.list[1].v", Some(json!(2))),
            (".spec.list[-1].v", Some(json!(2))),
            (".spec.list[*].n", Some(json!("x"))),
            (".spec.list[?(@.n==\"y\")].v", Some(json!(2))),
            (".spec.list[?(@.v!=1)].n", Some(json!("y"))),
            (".spec.list[?(@.n=='z')].v", None),
            (".spec.none", None),
            (".spec.list[7]", None),
        ] {
            let path = parse(path).expect("a path");
            assert_eq!(first(&path, &object).cloned(), want, "{path:?}");
        }
    }

    #[test]
    fn cells_have_their_columns_type() {
        let now = time::parse_rfc3339("2026-01-02T03:04:05Z").expect("a time");
        let object = json!({"i": 3.7, "s": "x", "o": {"a": 1}, "b": true, "t": "2026-01-01T03:04:05Z", "bad": "soon"});
        for (kind, path, want) in [
            ("integer", ".i", json!(3)),
            ("number", ".i", json!(3.7)),
            ("string", ".s", json!("x")),
            ("string", ".o", json!("{\"a\":1}")),
            ("integer", ".s", json!(null)),
            ("boolean", ".b", json!(true)),
            ("date", ".t", json!("24h")),
            ("date", ".bad", json!("<invalid>")),
            ("date", ".none", json!(null)),
        ] {
            let columns = read(Some(&json!([{"name": "C", "type": kind, "jsonPath": path}])));
            assert_eq!(columns.len(), 1, "{path}");
            assert_eq!(columns[0].cell(&object, now), want, "{kind} {path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn never_panics_on_what_looks_like_a_path(text in "[.\\[\\]?()@a*'\"=!0-9\\\\:$-]{0,24}") {
            if let Some(path) = parse(&text) {
                let _ = first(&path, &json!({"a": [{"a": 1}, "a"]}));
            }
        }
    }
}
