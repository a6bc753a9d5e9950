//! kubectl's JSONPath: a small template language with text around `{…}` actions, `{range}` and
//! `{end}`, filters, unions and slices. It knows JSON values and no Kubernetes.
//!
//! | file | what it does |
//! | --- | --- |
//! | `parse` | text to nodes |
//! | `unquote` | string literals |
//! | `exec` | nodes on a value to results |
//! | `compare` | the operators of filters |
//! | [`split`] | templates that can be executed item by item |
//! | `wanted` | which fields a template looks at |

mod compare;
mod exec;
mod parse;
pub mod split;
mod unquote;
mod wanted;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use serde_json::Value;

use super::{json, number};
pub use split::Split;

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

    /// The steps of a template that is one path: the name of a field, or none for any other step. None
    /// where the template is more than a path.
    pub fn steps(&self) -> Option<Vec<Option<String>>> {
        let [parse::Node::Action(steps)] = self.nodes.as_slice() else { return None };
        let name = |step: &parse::Node| match step {
            parse::Node::Field(name) => Some(name.clone()),
            _ => None,
        };
        Some(steps.iter().map(name).collect())
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
                nothing if exec::is_nothing(nothing) => out.write_all(b"<no value>")?,
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
            crate::go::quote::quote(&self.text),
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What real kubectl, or the table of client-go's tests, gives.
    const CASES: &str = include_str!("../../../tests/data/jsonpath/cases.json");

    #[test]
    fn equals_kubectl() {
        let data: Value = serde_json::from_str(CASES).unwrap();
        let mut count = 0;
        for case in data["cases"].as_array().unwrap() {
            let value = &data["values"][case["on"].as_str().unwrap()];
            let template = case["template"].as_str().unwrap();
            let path = match JsonPath::parse(template) {
                Ok(path) => path,
                Err(error) => {
                    assert_eq!(case["parseError"].as_str(), Some(error.to_string().as_str()), "{template}");
                    count += 1;
                    continue;
                }
            };
            let path = path.allow_missing_keys(case["strict"] != true).as_json(case["asJson"] == true);
            let mut out = Vec::new();
            match path.execute(value, &mut out).unwrap() {
                Ok(()) => {
                    assert_eq!(case["want"].as_str(), Some(String::from_utf8(out).unwrap().as_str()), "{template}")
                }
                Err(error) => assert_eq!(case["error"].as_str(), Some(error.to_string().as_str()), "{template}"),
            }
            count += 1;
        }
        assert_eq!(count, 192);
    }

    #[test]
    fn explains_errors_as_kubectl() {
        let value = serde_json::json!({"kind": "Pod", "n": [1.5]});
        let path = JsonPath::parse("{.kind[\"0\"]}");
        assert_eq!(path.unwrap_err().to_string(), "invalid array index \"0\"");
        let path = JsonPath::parse("{.nosuch}\n").unwrap();
        let error = path.find(&value).unwrap_err();
        assert_eq!(
            path.explain(&error, &value),
            "error executing jsonpath \"{.nosuch}\\n\": Error executing template: nosuch is not found. Printing more \
             information for debugging the template:\n\ttemplate was:\n\t\t{.nosuch}\n\n\tobject given to jsonpath \
             engine was:\n\t\tmap[string]interface {}{\"kind\":\"Pod\", \"n\":[]interface {}{1.5}}\n\n\n"
        );
    }

    #[test]
    fn completes_short_paths() {
        for (short, want) in [
            ("metadata.name", Some("{.metadata.name}")),
            (".metadata.name", Some("{.metadata.name}")),
            ("{metadata.name}", Some("{.metadata.name}")),
            ("{.metadata.name}", Some("{.metadata.name}")),
            ("{..name}", Some("{..name}")),
            ("", Some("")),
            ("{}", None),
            ("{.a}{.b}", None),
            ("{.a", None),
        ] {
            assert_eq!(relaxed(short).ok().as_deref(), want, "{short}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let filters = format!("{{{}{}}}", "[?(".repeat(5000), ")]".repeat(5000));
        let ranges = "{range .a[*]}".repeat(5000);
        let value = serde_json::json!({"a": [{"a": []}]});
        for template in [filters, ranges] {
            if let Ok(path) = JsonPath::parse(&template) {
                let _ = path.allow_missing_keys(true).find(&value);
            }
        }
    }

    proptest! {
        #[test]
        fn never_panics(template in "[ {}\\[\\]().,:*@$?=<>!&|'\"\\\\a-c0-3\\-ré\\n]{0,40}", wrap in any::<bool>()) {
            let value = serde_json::json!({"a": [{"b": "x"}, {"b": 2, "c": [1, 2, 3]}, null], "b": {"a": 1.5}, "c": true});
            let template = if wrap { format!("{{range .a[*]}}{{{template}}}{{end}}") } else { template };
            if let Ok(path) = JsonPath::parse(&template) {
                let _ = path.execute(&value, &mut io::sink());
                let _ = path.allow_missing_keys(true).execute(&value, &mut io::sink());
            }
            let _ = relaxed(&template);
        }
    }
}
