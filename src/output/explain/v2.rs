//! The layout of `-o plaintext-openapiv2`, from a document of OpenAPI version 2.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Unanswered;
use crate::object::{GroupVersionKind, Meta};

/// How deep schemas are followed into one another; no real one comes near.
const MAX_DEPTH: usize = 200;
/// Where lines are broken.
const WIDTH: usize = 80;
const FIELD_MARGIN: usize = 3;
const DESCRIPTION_MARGIN: usize = 5;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The type.
    pub kind: &'a GroupVersionKind,
    /// The way to the field; empty for the type itself.
    pub fields: &'a [&'a str],
    /// Whether the fields of fields are shown, instead of what they are for.
    pub recursive: bool,
}

/// Explains a type, or a field, by a document.
///
/// # Errors
/// A type that is not in the document, and a field that it does not have.
pub fn explain(document: &Value, question: &Question<'_>) -> Result<String, Unanswered> {
    let models = Models { definitions: document.at(&["definitions"]).and_then(Value::as_object) };
    let kind = question.kind;
    let Some(model) = models.of_kind(kind) else {
        let name = format!("{}/{}, Kind={}", kind.group, kind.version, kind.kind);
        return Err(Unanswered(format!("couldn't find resource for {name:?}")));
    };
    let schema = models.look_up(model, question.fields)?;
    let mut page = Page { models, question, out: String::new() };
    page.model(schema);
    Ok(page.out)
}

/// The schemas of a document.
struct Models<'a> {
    definitions: Option<&'a serde_json::Map<String, Value>>,
}

/// How a schema is read.
enum Shape<'a> {
    /// Another schema.
    Reference {
        name: &'a str,
        schema: Option<&'a Value>,
    },
    /// An object with fields.
    Kind,
    /// An object whose values are of a schema; none where they may be anything.
    Map(Option<&'a Value>),
    List(Option<&'a Value>),
    /// A text, a number or a boolean.
    Primitive(&'a str),
    /// Anything.
    Arbitrary,
}

impl<'a> Models<'a> {
    fn of_kind(&self, kind: &GroupVersionKind) -> Option<&'a Value> {
        let is_it = |of: &Value| {
            (of.str_at(&["group"]), of.str_at(&["version"]), of.str_at(&["kind"]))
                == (kind.group.as_str(), kind.version.as_str(), kind.kind.as_str())
        };
        let mut models = self.definitions?.values();
        models.find(|model| model.list_at(&["x-kubernetes-group-version-kind"]).iter().any(is_it))
    }

    fn shape(&self, schema: &'a Value) -> Shape<'a> {
        let reference = schema.str_at(&["$ref"]);
        if !reference.is_empty() {
            let name = reference.strip_prefix("#/definitions/").unwrap_or(reference);
            return Shape::Reference { name, schema: self.definitions.and_then(|all| all.get(name)) };
        }
        let has_fields = schema.at(&["properties"]).is_some_and(Value::is_object);
        match schema.str_at(&["type"]) {
            "" | "object" if has_fields => Shape::Kind,
            "" => Shape::Arbitrary,
            "object" => Shape::Map(schema.at(&["additionalProperties"]).filter(|values| values.is_object())),
            "array" => Shape::List(schema.at(&["items"])),
            primitive => Shape::Primitive(primitive),
        }
    }

    /// Follows the way to a field. The rest of a way that leads into a primitive does not count.
    fn look_up(&self, schema: &'a Value, fields: &[&str]) -> Result<&'a Value, Unanswered> {
        let (mut schema, mut fields) = (schema, fields);
        for _ in 0..MAX_DEPTH {
            let Some((name, rest)) = fields.split_first() else { return Ok(schema) };
            let inner = match self.shape(schema) {
                Shape::Kind => {
                    let missing = || Unanswered(format!("field {name:?} does not exist"));
                    fields = rest;
                    Some(schema.at(&["properties", name]).ok_or_else(missing)?)
                }
                Shape::Reference { schema: inner, .. } | Shape::Map(inner) | Shape::List(inner) => inner,
                Shape::Primitive(_) | Shape::Arbitrary => None,
            };
            match inner {
                Some(inner) => schema = inner,
                None => return Ok(schema),
            }
        }
        Ok(schema)
    }

    /// `string`, `[]Object`, `map[string]string`.
    fn type_of(&self, schema: &'a Value, depth: usize) -> String {
        let inner = |inner: Option<&'a Value>| match inner {
            Some(inner) if depth < MAX_DEPTH => self.type_of(inner, depth + 1),
            _ => String::new(),
        };
        match self.shape(schema) {
            Shape::Reference { schema, .. } => inner(schema),
            Shape::Kind => "Object".to_owned(),
            Shape::Map(values) => format!("map[string]{}", inner(values)),
            Shape::List(items) => format!("[]{}", inner(items)),
            Shape::Primitive(name) => name.to_owned(),
            Shape::Arbitrary => String::new(),
        }
    }
}

struct Page<'a> {
    models: Models<'a>,
    question: &'a Question<'a>,
    out: String,
}

impl<'a> Page<'a> {
    fn line(&mut self, margin: usize, text: &str) {
        if !text.is_empty() {
            self.out.extend(std::iter::repeat_n(' ', margin));
            self.out.push_str(text);
        }
        self.out.push('\n');
    }

    fn wrapped(&mut self, margin: usize, text: &str) {
        for line in wrap(text, WIDTH.saturating_sub(margin)) {
            self.line(margin, &line);
        }
    }

    /// Writes what a schema, or that behind it, is.
    fn model(&mut self, schema: &'a Value) {
        let (mut schema, mut kind) = (schema, None);
        let mut descriptions = Vec::new();
        for _ in 0..MAX_DEPTH {
            let inner = match self.models.shape(schema) {
                Shape::Reference { schema, .. } => schema,
                Shape::Map(inner) | Shape::List(inner) => {
                    kind.get_or_insert_with(|| self.models.type_of(schema, 0));
                    inner
                }
                _ => break,
            };
            descriptions.push(schema.str_at(&["description"]));
            // A map of anything describes itself once more.
            match inner {
                Some(inner) => schema = inner,
                None => break,
            }
        }
        let of = self.question.kind;
        self.line(0, &format!("KIND:     {}", of.kind));
        self.line(0, &format!("VERSION:  {}\n", of.group_version()));
        let name = self.question.fields.last().copied().unwrap_or_default();
        let kind = kind.unwrap_or_else(|| self.models.type_of(schema, 0));
        descriptions.push(schema.str_at(&["description"]));
        match self.models.shape(schema) {
            Shape::Kind => {
                if !name.is_empty() {
                    self.line(0, &format!("RESOURCE: {name} <{kind}>\n"));
                }
                self.describe(&descriptions);
                self.line(0, "\nFIELDS:");
                if self.question.recursive {
                    self.tree(schema, FIELD_MARGIN, &mut Vec::new(), 0);
                } else {
                    self.list(schema);
                }
            }
            Shape::Primitive(_) => {
                self.line(0, &format!("FIELD:    {name} <{kind}>\n"));
                self.describe(&descriptions);
            }
            _ => self.describe(&descriptions),
        }
    }

    fn describe(&mut self, descriptions: &[&str]) {
        self.line(0, "DESCRIPTION:");
        for (at, text) in descriptions.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            if at > 0 {
                self.line(0, "");
            }
            self.wrapped(DESCRIPTION_MARGIN, text);
        }
        if descriptions.iter().all(|text| text.is_empty()) {
            self.wrapped(DESCRIPTION_MARGIN, "<empty>");
        }
    }

    /// The fields of a schema and what they are for.
    fn list(&mut self, schema: &'a Value) {
        let required = schema.list_at(&["required"]);
        for (name, field) in fields(schema) {
            let mark = if required.iter().any(|required| required.as_str() == Some(name)) { " -required-" } else { "" };
            let kind = self.models.type_of(field, 0);
            self.line(FIELD_MARGIN, &format!("{name}\t<{kind}>{mark}"));
            self.wrapped(DESCRIPTION_MARGIN, field.str_at(&["description"]));
            self.line(0, "");
        }
    }

    /// The fields of a schema and theirs. A reference within itself is not followed.
    fn tree(&mut self, schema: &'a Value, margin: usize, within: &mut Vec<&'a str>, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        match self.models.shape(schema) {
            Shape::Kind => {
                for (name, field) in fields(schema) {
                    let kind = self.models.type_of(field, 0);
                    self.line(margin, &format!("{name}\t<{kind}>"));
                    self.tree(field, margin + FIELD_MARGIN, within, depth + 1);
                }
            }
            Shape::Reference { name, schema: Some(schema) } if !within.contains(&name) => {
                within.push(name);
                self.tree(schema, margin, within, depth + 1);
                within.pop();
            }
            Shape::Map(Some(inner)) | Shape::List(Some(inner)) => self.tree(inner, margin, within, depth + 1),
            _ => {}
        }
    }
}

/// The fields of a schema in order of their names.
fn fields(schema: &Value) -> BTreeMap<&str, &Value> {
    let fields = schema.at(&["properties"]).and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, field)| (name.as_str(), field)).collect()
}

/// Fills lines with words. Empty lines, lists and what is indented by four spaces stay as they are.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let flush = |line: &mut String, lines: &mut Vec<String>| {
        if !line.is_empty() {
            lines.push(std::mem::take(line));
        }
    };
    for given in text.split('\n') {
        if given.starts_with("    ") {
            flush(&mut line, &mut lines);
            lines.push(given.to_owned());
            continue;
        }
        let trimmed = given.trim();
        if trimmed.is_empty() && !lines.is_empty() {
            flush(&mut line, &mut lines);
            lines.push(String::new());
            continue;
        }
        if line.ends_with(':') || trimmed.is_empty() || is_item(trimmed) {
            flush(&mut line, &mut lines);
        }
        for word in given.split_whitespace() {
            if !line.is_empty() && line.len() + 1 + word.len() > width {
                flush(&mut line, &mut lines);
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    flush(&mut line, &mut lines);
    lines
}

/// Whether a line begins an item of a list: `- x`, `* x`, `1. x`.
fn is_item(line: &str) -> bool {
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match line.len() - digits.len() {
        0 => line.strip_prefix(['-', '*']),
        _ => Some(digits.strip_prefix('.').unwrap_or(digits)),
    };
    rest.is_some_and(|rest| rest.starts_with([' ', '\t', '\n', '\r', '\x0c']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_lines_and_keeps_lists() {
        let text = "One two\nthree four:\nfive\n\n - a b\n1. c\n    code  x\nend";
        let want = ["One two three", "four:", "five", "", "- a b", "1. c", "    code  x", "end"];
        assert_eq!(wrap(text, 13), want);
        assert!(wrap("", 10).is_empty());
        assert_eq!(wrap("averylongword", 3), ["averylongword"]);
    }
}
