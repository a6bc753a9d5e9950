//! Choosing and building a printer from a command's flags.

use std::io::{self, Write};

use super::context::Context;
use crate::output::format::{self, Family, Format, FormatError, Request};
use crate::output::handlebars::HandlebarsPrinter;
use crate::output::print::{Options, PrintFn, Printer};
use crate::terminal::Streams;

/// The flags of commands that print objects.
#[derive(clap::Args, Clone, Debug)]
pub struct PrintArgs {
    /// If false, a template that asks for a field or key that is not there fails. Only for golang and jsonpath templates.
    #[arg(long, action = clap::ArgAction::Set, default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_missing_template_keys: bool,
    /// If true, keep managedFields when printing objects as JSON or YAML.
    #[arg(long)]
    pub show_managed_fields: bool,
    /// Template text, or the path of a template's file, for -o=go-template and -o=go-template-file. The language is that of Go's text/template.
    #[arg(long)]
    pub template: Option<String>,
}

impl PrintArgs {
    /// Reads `-o`.
    ///
    /// # Errors
    /// A format that the family has not, or one without its template.
    pub fn format(
        &self,
        ctx: &Context,
        family: Family,
        output: Option<&str>,
        no_headers: bool,
    ) -> Result<Format, FormatError> {
        let request = Request {
            family,
            output: output.unwrap_or_default(),
            output_given: output.is_some(),
            template: self.template.as_deref().unwrap_or_default(),
            allow_missing_keys: self.allow_missing_template_keys,
            no_headers,
            kyaml: ctx.env.get("KUBECTL_KYAML") != Some("false"),
        };
        format::parse(&request, &|path| std::fs::read(path))
    }

    /// The printer of a format; `operation` is what was done, for the line printed without a format.
    pub fn printer(&self, format: Format, operation: &str) -> anyhow::Result<Printer> {
        // The engine words its errors whole; the printer would word them once more.
        if let Format::Handlebars(text) = &format {
            drop(HandlebarsPrinter::new(text, self.allow_missing_template_keys)?);
        }
        let options = Options {
            show_managed_fields: self.show_managed_fields,
            allow_missing_keys: self.allow_missing_template_keys,
            operation,
            handlebars: &handlebars,
        };
        Printer::new(format, &options)
    }
}

fn handlebars(text: &str, allow_missing_keys: bool) -> anyhow::Result<PrintFn> {
    let printer = HandlebarsPrinter::new(text, allow_missing_keys)?;
    Ok(Box::new(move |object, out| printer.print(object, out)))
}

/// Standard output, borrowed anew for each write, so that it may be kept while requests go on.
pub struct Out<'a>(pub &'a Streams);

impl Write for Out<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.out().write(data)
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.0.out().write_all(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.out().flush()
    }
}
