//! Go's `text/template`, as Go 1.26 has it, over JSON.
//!
//! ```
//! use kctl::output::template::Template;
//!
//! let template = Template::parse("greeting", "Hello, {{range .names}}{{.}}! {{end}}").unwrap();
//! let mut out = Vec::new();
//! template.execute(&serde_json::json!({"names": ["Ann", "Bob"]}), &mut out).unwrap();
//! assert_eq!(out, b"Hello, Ann! Bob! ");
//! ```
//!
//! | part | what it does |
//! | --- | --- |
//! | `lex`, `parse`, `expression` | text to tokens to the tree of [`ast`]; [`number`] and [`quote`] read its constants |
//! | `exec`, `eval` | walks the tree over the [`value`]s of the data |
//! | [`funcs`] | the built-in functions; comparisons are in `compare`, escaping in `escape` |
//! | [`printf`], `format`, [`float`] | Go's `fmt` |
//! | [`kubectl`], [`printer`] | the functions and the printer that make it kubectl's `-o go-template` |
//!
//! The engine knows no Kubernetes. Values are references into the data; nothing of it is copied.
//! Data has JSON's types: maps with string keys, lists, strings, booleans, null, and numbers, which
//! are `int64` where they are whole and fit, and else `float64`.
//!
//! Limits, where Go relies on growing stacks: parentheses nest up to 100 deep, control structures up
//! to 500. Templates call each other up to 100,000 deep, as in Go.

pub mod ast;
mod compare;
mod error;
mod escape;
mod eval;
mod exec;
mod expression;
pub mod float;
mod format;
pub mod funcs;
pub mod kubectl;
mod lex;
pub mod number;
mod parse;
pub mod printer;
pub mod printf;
pub mod split;
#[cfg(test)]
mod tests;
pub mod value;

use std::io::Write;

use serde_json::Value as Json;

pub use error::Error;
pub use funcs::{Function, Param};
pub use printer::GoTemplatePrinter;
pub use split::Split;
pub use value::Value;

use ast::Node;
use exec::Exec;
use parse::Trees;

/// What a key that a map does not have gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value, printed as `<no value>`; fields of it are no value either (`missingkey=default`).
    #[default]
    Default,
    /// Null (`missingkey=zero`).
    Zero,
    /// An error (`missingkey=error`).
    Error,
}

/// A parsed template with the templates it defines. It can be executed any number of times.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    source: String,
    trees: Trees,
    missing: MissingKey,
}

impl Template {
    /// Parses a template that uses the built-in functions. `name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::Parse`] in Go's words, with the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        Self::parse_with(name, text, &[])
    }

    /// Parses a template that uses `functions` besides the built-in ones.
    ///
    /// # Errors
    /// [`Error::Parse`] in Go's words, with the line.
    pub fn parse_with(name: &str, text: &str, functions: &[Function]) -> Result<Self, Error> {
        let trees = parse::parse(name, text, functions)?;
        Ok(Self { name: name.to_owned(), source: text.to_owned(), trees, missing: MissingKey::Default })
    }

    /// Sets what missing keys give.
    #[must_use]
    pub fn missing_key(mut self, missing: MissingKey) -> Self {
        self.missing = missing;
        self
    }

    /// Executes the template with `data` as its dot. Output that precedes an error is written.
    ///
    /// # Errors
    /// [`Error::Exec`] in Go's words, with the place; [`Error::Write`] if `out` fails.
    pub fn execute(&self, data: &Json, out: &mut dyn Write) -> Result<(), Error> {
        Exec::new(self, data, out).run(self.nodes(), data).map(|_| ())
    }

    /// The same with a context, which [`Function::of_context`]s look at.
    ///
    /// # Errors
    /// As for [`Self::execute`].
    pub fn execute_in(&self, context: &Json, data: &Json, out: &mut dyn Write) -> Result<(), Error> {
        Exec::new(self, data, out).with_context(context).run(self.nodes(), data).map(|_| ())
    }

    /// The name it was parsed under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The nodes of the template itself.
    pub fn nodes(&self) -> &[Node] {
        self.trees.get(&self.name).map(Vec::as_slice).unwrap_or_default()
    }

    /// A template by its name, with the name as it is kept here.
    fn tree(&self, name: &str) -> Option<(&str, &[Node])> {
        self.trees.get_key_value(name).map(|(name, nodes)| (name.as_str(), nodes.as_slice()))
    }
}
