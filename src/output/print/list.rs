//! Printing a list item by item.

use std::io::Write;

use serde_json::{Value, json};

use super::stepwise::Stepwise;
use super::{Held, Kind, Printer, hide_managed_fields, plain};
use crate::object::mask::Mask;
use crate::object::raw::Raw;
use crate::output::custom_columns::CustomColumns;
use crate::output::tabwriter::{Settings, TabWriter};
use crate::output::{json, kyaml, name, yaml};

impl Printer {
    /// Begins a `v1` `List` that is printed item by item. JSON, YAML, names and custom columns hold one
    /// item (or its cells) at a time, and so do templates that go through the items once. Other
    /// templates need the whole list and hold it, as text.
    ///
    /// A template that fails on an item of a long list has printed what came before; see
    /// [`ListPrinter::item`].
    pub fn list<'a>(&'a mut self, out: &'a mut dyn Write) -> anyhow::Result<ListPrinter<'a>> {
        let hide = self.hides_managed_fields();
        let mask = self.mask();
        if Stepwise::new(self).is_some() {
            let list = Stepwise::new(self).ok_or_else(|| anyhow::anyhow!("the template needs the whole list"))?;
            return Ok(ListPrinter { hide, mask, inner: Inner::Stepwise(Box::new(list), out) });
        }
        if matches!(self.kind, Kind::Summary { .. } | Kind::JsonPath(_) | Kind::GoTemplate(_) | Kind::Template(_)) {
            return Ok(ListPrinter { hide, mask, inner: Inner::Held(self, out, Held::default()) });
        }
        let inner = match &mut self.kind {
            Kind::Json => Inner::Json(json::ListWriter::begin(out)?),
            Kind::Yaml { printed } => {
                if *printed > 0 {
                    out.write_all(b"---\n")?;
                }
                *printed += 1;
                Inner::Yaml(yaml::ListWriter::begin(out)?)
            }
            Kind::Kyaml => Inner::Kyaml(kyaml::ListWriter::begin(out)?),
            Kind::Columns(columns) => Inner::Columns(columns, TabWriter::new(out, Settings::TABLE)),
            // Names; what is held has left above.
            _ => Inner::Name(out),
        };
        Ok(ListPrinter { hide, mask, inner })
    }

    /// What of each item is printed.
    pub(super) fn mask(&self) -> Mask {
        match &self.kind {
            Kind::Name => Mask::of([&["apiVersion"] as &[_], &["kind"], &["metadata", "name"]]),
            Kind::Columns(columns) => columns.wanted().map_or_else(Mask::all, Mask::of),
            Kind::JsonPath(path) => match path.wanted() {
                Some(paths) => Mask::of(paths.into_iter().filter_map(|path| {
                    let (first, rest) = path.split_first()?;
                    (first == "items").then(|| rest.to_vec())
                })),
                None => Mask::all(),
            },
            _ => Mask::all(),
        }
    }
}

/// Prints the items of a list; see [`Printer::list`].
pub struct ListPrinter<'a> {
    hide: bool,
    mask: Mask,
    inner: Inner<'a>,
}

enum Inner<'a> {
    Json(json::ListWriter<'a>),
    Yaml(yaml::ListWriter<'a>),
    Kyaml(kyaml::ListWriter<'a>),
    Name(&'a mut dyn Write),
    Columns(&'a mut CustomColumns, TabWriter<&'a mut dyn Write>),
    Stepwise(Box<Stepwise<'a>>, &'a mut dyn Write),
    Held(&'a mut Printer, &'a mut dyn Write, Held),
}

impl ListPrinter<'_> {
    /// Prints an item.
    ///
    /// # Errors
    /// The item cannot be printed. Templates are executed for several hundred items before anything of
    /// these is printed: where one of the first ones fails and there are no more, nothing is printed, as
    /// of a list that is held; else what came before them has been printed.
    pub fn item(&mut self, mut item: Value) -> anyhow::Result<()> {
        if self.hide {
            hide_managed_fields(&mut item);
        }
        match &mut self.inner {
            Inner::Stepwise(list, out) => {
                list.held.push_value(&item);
                list.step(*out)
            }
            Inner::Held(_, _, held) => {
                held.push_value(&item);
                Ok(())
            }
            _ => self.read(&item),
        }
    }

    /// Prints an item as it came; only what is printed of it is read.
    ///
    /// # Errors
    /// As [`item`](Self::item), and texts that are no JSON.
    pub fn raw(&mut self, raw: &Raw<'_>) -> anyhow::Result<()> {
        match &mut self.inner {
            Inner::Stepwise(list, out) => {
                list.held.push(raw);
                list.step(*out)
            }
            Inner::Held(_, _, held) => {
                held.push(raw);
                Ok(())
            }
            _ => {
                let mut item = raw.read(&self.mask)?;
                if self.hide {
                    hide_managed_fields(&mut item);
                }
                self.read(&item)
            }
        }
    }

    fn read(&mut self, item: &Value) -> anyhow::Result<()> {
        match &mut self.inner {
            Inner::Json(list) => list.item(item)?,
            Inner::Yaml(list) => list.item(item).map_err(plain)?,
            Inner::Kyaml(list) => list.item(item)?,
            Inner::Name(out) => name::write(*out, item)?,
            Inner::Columns(columns, writer) => columns.print_to([item], writer)?,
            Inner::Stepwise(..) | Inner::Held(..) => {}
        }
        Ok(())
    }

    /// Ends the list; `resource_version` is that of the list where it is one answer of a server,
    /// else empty.
    pub fn end(self, resource_version: &str) -> anyhow::Result<()> {
        match self.inner {
            Inner::Json(list) => list.end(resource_version)?,
            Inner::Yaml(list) => list.end(resource_version)?,
            Inner::Kyaml(list) => list.end(resource_version)?,
            Inner::Name(_) => {}
            Inner::Columns(columns, mut writer) => {
                columns.print_to([], &mut writer)?;
                writer.flush()?;
            }
            Inner::Stepwise(list, out) => list.end(out)?,
            Inner::Held(printer, out, held) => {
                let list = list_of(held.read(&self.mask)?, resource_version);
                if let (Kind::JsonPath(path), false) = (&printer.kind, self.mask.is_all()) {
                    if path.execute(&list, out)?.is_ok() {
                        return Ok(());
                    }
                    // The error shows the list whole.
                    let list = list_of(held.read(&Mask::all())?, resource_version);
                    return printer.write(&list, out);
                }
                printer.write(&list, out)?;
            }
        }
        Ok(())
    }
}

/// The list that several objects are printed as.
pub(super) fn list_of(items: Vec<Value>, resource_version: &str) -> Value {
    let metadata = json!({"resourceVersion": resource_version});
    json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": metadata})
}
