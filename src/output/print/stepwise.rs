//! Templates over lists that are still arriving.

use std::io::Write;

use anyhow::{anyhow, bail};
use serde_json::Value;

use super::list::list_of;
use super::{Held, Kind, Printer, compact};
use crate::object::mask::Mask;
use crate::output::jsonpath::{self, JsonPath};
use crate::output::template::{self, GoTemplatePrinter};

/// So many items are executed before anything of them is printed. Lists that are no longer are
/// printed, or fail, exactly as a whole one.
const STEP: usize = 500;

/// Executes a template that goes through a list once, some items at a time.
pub(super) struct Stepwise<'a> {
    script: Script<'a>,
    mask: Mask,
    /// Items that are not printed yet.
    pub(super) held: Held,
    /// Whether anything was printed.
    begun: bool,
    /// Whether any item was printed.
    any: bool,
    /// The template wants no more items.
    broken: bool,
}

enum Script<'a> {
    JsonPath(&'a JsonPath, jsonpath::Split<'a>),
    Go(&'a GoTemplatePrinter, template::Split<'a>),
}

impl<'a> Stepwise<'a> {
    /// None where the template needs the whole list.
    pub(super) fn new(printer: &'a Printer) -> Option<Self> {
        let script = match &printer.kind {
            Kind::JsonPath(path) => Script::JsonPath(path, path.split("items", &list_of(Vec::new(), ""))?),
            Kind::GoTemplate(template) => Script::Go(template, template.template().split("items")?),
            _ => return None,
        };
        let mask = printer.mask();
        Some(Self { script, mask, held: Held::default(), begun: false, any: false, broken: false })
    }

    /// Executes what is held once it is enough.
    pub(super) fn step(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.broken {
            self.held.clear();
        }
        if self.held.len() < STEP { Ok(()) } else { self.execute(false, out) }
    }

    /// Executes what is left.
    pub(super) fn end(mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        self.execute(true, out)
    }

    fn execute(&mut self, last: bool, out: &mut dyn Write) -> anyhow::Result<()> {
        let whole = !self.begun && last;
        if whole && self.held.is_empty() {
            return self.whole(out);
        }
        let mut text = Vec::new();
        match self.items(last, &mut text) {
            Ok(Ok(())) => {
                out.write_all(&text)?;
                self.begun = true;
                self.held.clear();
                Ok(())
            }
            Ok(Err(_)) if whole => self.whole(out),
            Ok(Err(Fault::JsonPath(error))) => {
                let Script::JsonPath(path, _) = &self.script else { bail!(error) };
                bail!(path.explain(&error, &list_of(self.held.read(&Mask::all())?, "")))
            }
            Ok(Err(Fault::Template(error))) => {
                let Script::Go(template, _) = &self.script else { bail!(error) };
                // As of a whole list, what came before the fault is printed.
                out.write_all(&text)?;
                let list = list_of(self.held.read(&Mask::all())?, "");
                Err(template.fail(&error, &list, &compact, out))
            }
            Err(error) => Err(error),
        }
    }

    /// Executes the template for the items held, and what stands around them where they are the first
    /// or the last.
    fn items(&mut self, last: bool, out: &mut Vec<u8>) -> anyhow::Result<Result<(), Fault>> {
        match &mut self.script {
            Script::JsonPath(_, split) => {
                if !self.begun {
                    split.prefix(out)?;
                }
                for raw in self.held.iter() {
                    if let Err(error) = split.item(&raw.read(&self.mask)?, out)? {
                        return Ok(Err(Fault::JsonPath(error)));
                    }
                }
                if last {
                    split.suffix(out)?;
                }
            }
            Script::Go(_, split) => {
                if !self.begun {
                    split.prefix(out)?;
                }
                for raw in self.held.iter() {
                    if self.broken {
                        break;
                    }
                    self.any = true;
                    match split.item(&raw.read(&self.mask)?, out) {
                        Ok(flow) => self.broken = flow.is_break(),
                        Err(error) => return Ok(Err(Fault::Template(error))),
                    }
                }
                if last {
                    split.suffix(out)?;
                }
            }
        }
        Ok(Ok(()))
    }

    /// Prints a list that is held to its end as a whole, so that what goes wrong goes wrong as ever.
    fn whole(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let list: Value = list_of(self.held.read(&Mask::all())?, "");
        match &self.script {
            Script::JsonPath(path, _) => match path.execute(&list, out)? {
                Ok(()) => Ok(()),
                Err(error) => Err(anyhow!(path.explain(&error, &list))),
            },
            Script::Go(template, _) => template.print(&list, &compact, out),
        }
    }
}

/// A template that fails.
enum Fault {
    JsonPath(jsonpath::Error),
    Template(template::Error),
}
