//! The printer behind `-o go-template`.

use std::io::{self, Write};

use serde_json::Value as Json;

use super::error::Error;
use super::kubectl::FUNCTIONS;
use super::printf::printf;
use super::value::Value;
use super::{MissingKey, Template};
use crate::go::quote::quote;

/// Prints objects through a Go template as kubectl does.
#[derive(Clone, Debug)]
pub struct GoTemplatePrinter {
    template: Template,
}

impl GoTemplatePrinter {
    /// Parses the text of a template.
    ///
    /// # Errors
    /// `error parsing template TEXT, …`, which kubectl prints after `error: `.
    pub fn new(text: &str, allow_missing_keys: bool) -> anyhow::Result<Self> {
        let template = Template::parse_with("output", text, FUNCTIONS)
            .map_err(|error| anyhow::anyhow!("error parsing template {text}, {error}"))?;
        let missing = if allow_missing_keys { MissingKey::Default } else { MissingKey::Error };
        Ok(Self { template: template.missing_key(missing) })
    }

    /// The template, for [`Template::split`].
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Prints one object, or a list as one object. `json` writes an object as kubectl's compact JSON;
    /// it is only called when the template fails.
    ///
    /// # Errors
    /// `error executing template "…": …`, after the details have been written to `out`; or a write error.
    pub fn print(
        &self,
        object: &Json,
        json: &dyn Fn(&Json, &mut dyn Write) -> io::Result<()>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let error = match self.template.execute(object, out) {
            Ok(()) => return Ok(()),
            Err(Error::Write(error)) => return Err(error.into()),
            Err(error) => error,
        };
        Err(self.fail(&error, object, json, out))
    }

    /// Writes the details of an error to `out`, as [`print`](Self::print) does, and words it.
    pub fn fail(
        &self,
        error: &Error,
        object: &Json,
        json: &dyn Fn(&Json, &mut dyn Write) -> io::Result<()>,
        out: &mut dyn Write,
    ) -> anyhow::Error {
        if let Err(error) = self.explain(error, object, json, out) {
            return error.into();
        }
        anyhow::anyhow!("error executing template {}: {error}", quote(self.template.source()))
    }

    /// Writes what kubectl writes to standard output when a template fails.
    fn explain(
        &self,
        error: &Error,
        object: &Json,
        json: &dyn Fn(&Json, &mut dyn Write) -> io::Result<()>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        writeln!(out, "Error executing template: {error}. Printing more information for debugging the template:")?;
        writeln!(out, "\ttemplate was:\n\t\t{}", self.template.source())?;
        write!(out, "\traw data was:\n\t\t")?;
        json(object, out)?;
        write!(out, "\n\tobject given to template engine was:\n\t\t")?;
        out.write_all(&printf(b"%+v", &[Value::of(object)]))?;
        out.write_all(b"\n\n")
    }
}
