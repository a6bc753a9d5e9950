//! kubectl's JSONPath: a small template language with text around `{…}` actions, `{range}` and
//! `{end}`, filters, unions and slices. It knows JSON values and no Kubernetes.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`parse`](self::parse) | text to nodes |
//! | [`unquote`](self::unquote) | string literals |
//! | [`exec`](self::exec) | nodes on a value to results |
//! | [`compare`](self::compare) | the operators of filters |

mod compare;
mod exec;
mod parse;
mod unquote;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde_json::Value;

use super::{json, number};

/// A JSONPath template, ready to be used on any number of values.
#[derive(Clone, Debug)]
pub struct JsonPath {
    text: String,
    nodes: Vec<parse::Node>,
    allow_missing_keys: bool,
    as_json: bool,
}

/// What is wrong with a template, or with using it on a value; the text is kubectl's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(self) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// A value that a template found, or a literal that it holds.
pub type Found<'a> = Cow<'a, Value>;

impl JsonPath {
    /// Parses a template: `{.metadata.name}{"\n"}`. Missing keys are errors until
    /// [`allow_missing_keys`](Self::allow_missing_keys) says otherwise.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(Self { text: text.to_owned(), nodes: parse::parse(text)?, allow_missing_keys: false, as_json: false })
    }

    /// Parses what `--sort-by` and custom columns take: `metadata.name`, `.metadata.name`,
    /// `{metadata.name}` or `{.metadata.name}`. Missing keys are no error.
    pub fn parse_relaxed(expression: &str) -> Result<Self, Error> {
        Ok(Self::parse(&relaxed(expression)?)?.allow_missing_keys(true))
    }

    /// Whether fields that do not exist are nothing, instead of an error.
    #[must_use]
    pub fn allow_missing_keys(mut self, allow: bool) -> Self {
        self.allow_missing_keys = allow;
        self
    }

    /// Whether results are printed as JSON lists (`-o jsonpath-as-json`).
    #[must_use]
    pub fn as_json(mut self, as_json: bool) -> Self {
        self.as_json = as_json;
        self
    }

    /// The template's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The results of each action and text of the template in turn.
    pub fn find<'a>(&'a self, value: &'a Value) -> Result<Vec<Vec<Found<'a>>>, Error> {
        exec::find(&self.nodes, value, self.allow_missing_keys)
    }

    /// Writes the results; on an error nothing has been written. The outer error is that of the
    /// writer, the inner one that of the template.
    pub fn execute(&self, value: &Value, out: &mut dyn Write) -> io::Result<Result<(), Error>> {
        let results = match self.find(value) {
            Ok(results) => results,
            Err(error) => return Ok(Err(error)),
        };
        for found in &results {
            self.print(found, out)?;
        }
        Ok(Ok(()))
    }

    fn print(&self, found: &[Found<'_>], out: &mut dyn Write) -> io::Result<()> {
        if self.as_json {
            let list = Value::Array(found.iter().map(|found| found.as_ref().clone()).collect());
            json::write_pretty(out, &list)?;
            return out.write_all(b"\n");
        }
        for (index, found) in found.iter().enumerate() {
            if index > 0 {
                out.write_all(b" ")?;
            }
            match found.as_ref() {
                Value::Null => out.write_all(b"null")?,
                Value::String(text) => out.write_all(text.as_bytes())?,
                composite @ (Value::Array(_) | Value::Object(_)) => json::write_compact(out, composite)?,
                simple => out.write_all(number::go_print(simple).as_bytes())?,
            }
        }
        Ok(())
    }

    /// The error as kubectl words it for a template that failed on a value.
    pub fn explain(&self, error: &Error, value: &Value) -> String {
        format!(
            "error executing jsonpath {}: Error executing template: {error}. Printing more information for debugging \
             the template:\n\ttemplate was:\n\t\t{}\n\tobject given to jsonpath engine was:\n\t\t{}\n\n\n",
            number::go_quote(&self.text),
            self.text,
            number::go_syntax(value),
        )
    }
}

/// Completes a short path to a template: `metadata.name` to `{.metadata.name}`.
pub fn relaxed(expression: &str) -> Result<String, Error> {
    if expression.is_empty() {
        return Ok(String::new());
    }
    let inner = match expression.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => inner,
        None => expression,
    };
    let path = match inner.strip_prefix('.') {
        Some(rest) if !rest.is_empty() => rest,
        _ => inner,
    };
    if path.is_empty() || path.contains(['{', '}']) {
        return Err(Error::new(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
        ));
    }
    Ok(format!("{{.{path}}}"))
}
