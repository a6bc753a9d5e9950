//! One entry to every format but tables: a [`Printer`] prints objects one after another.

mod held;
mod list;
mod stepwise;

use std::io::{self, Write};

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::custom_columns::CustomColumns;
use super::format::Format;
use super::json::{self, KeyOrder};
use super::jsonpath::JsonPath;
use super::template::GoTemplatePrinter;
use super::{kyaml, name, yaml};
use crate::object::Meta;
pub use held::Held;
pub use list::ListPrinter;

/// Prints an object; how template engines plug in.
pub type PrintFn = Box<dyn FnMut(&Value, &mut dyn Write) -> anyhow::Result<()>>;

/// Makes a template engine's printer of a template's text. The flag says whether missing keys are
/// allowed.
pub type Compile<'a> = &'a dyn Fn(&str, bool) -> anyhow::Result<PrintFn>;

/// What a [`Printer`] is told beside its format.
pub struct Options<'a> {
    /// `--show-managed-fields`.
    pub show_managed_fields: bool,
    /// `--allow-missing-template-keys`.
    pub allow_missing_keys: bool,
    /// What was done, for the line that is printed without a format: `created`, `created (dry run)`.
    pub operation: &'a str,
    /// The engine of Handlebars templates.
    pub handlebars: Compile<'a>,
}

/// Prints objects in one format.
pub struct Printer {
    kind: Kind,
    show_managed_fields: bool,
    key_order: Option<Box<dyn KeyOrder>>,
    /// Whether cells are left to the caller to align.
    unaligned: bool,
}

enum Kind {
    /// `pod/web created`.
    Summary {
        operation: String,
    },
    Json,
    /// With the number of documents so far.
    Yaml {
        printed: usize,
    },
    Kyaml,
    Name,
    JsonPath(JsonPath),
    Columns(CustomColumns),
    GoTemplate(GoTemplatePrinter),
    Template(PrintFn),
}

impl Printer {
    /// The printer of a format. [`Format::Default`] prints a line of what was done; `get` prints
    /// tables there and for [`Format::Wide`], which is an error here.
    pub fn new(format: Format, options: &Options<'_>) -> anyhow::Result<Self> {
        let kind = match format {
            Format::Default => Kind::Summary { operation: options.operation.to_owned() },
            Format::Wide => bail!("wide is a format of tables"),
            Format::Json => Kind::Json,
            Format::Yaml => Kind::Yaml { printed: 0 },
            Format::Kyaml => Kind::Kyaml,
            Format::Name => Kind::Name,
            Format::JsonPath(path) => Kind::JsonPath(path),
            Format::CustomColumns(columns) => Kind::Columns(columns),
            Format::GoTemplate(text) => Kind::GoTemplate(GoTemplatePrinter::new(&text, options.allow_missing_keys)?),
            Format::Handlebars(text) => Kind::Template(
                (options.handlebars)(&text, options.allow_missing_keys)
                    .map_err(|error| anyhow!("error parsing template {text}, {error}"))?,
            ),
        };
        Ok(Self { kind, show_managed_fields: options.show_managed_fields, key_order: None, unaligned: false })
    }

    /// Prints JSON and KYAML with the keys in the order of a type, as for objects that were made here.
    #[must_use]
    pub fn with_key_order(mut self, order: Box<dyn KeyOrder>) -> Self {
        self.key_order = Some(order);
        self
    }

    /// As [`with_key_order`](Self::with_key_order), for the objects that follow; none sorts the keys.
    pub fn set_key_order(&mut self, order: Option<Box<dyn KeyOrder>>) {
        self.key_order = order;
    }

    /// Leaves cells of objects apart by tabs, for a caller that prints into a [`TabWriter`] of its own.
    #[must_use]
    pub fn unaligned(mut self) -> Self {
        self.unaligned = true;
        self
    }

    /// Whether `metadata.managedFields` are left out by this printer.
    fn hides_managed_fields(&self) -> bool {
        !self.show_managed_fields && matches!(self.kind, Kind::Json | Kind::Yaml { .. } | Kind::Kyaml)
    }

    /// Prints an object or a list.
    pub fn print(&mut self, mut object: Value, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.hides_managed_fields() {
            hide_managed_fields(&mut object);
        }
        if matches!(self.kind, Kind::Json | Kind::Yaml { .. } | Kind::Kyaml)
            && object.kind().is_empty()
            && object.api_version().is_empty()
        {
            bail!("missing apiVersion or kind; try GetObjectKind().SetGroupVersionKind() if you know the type");
        }
        self.write(&object, out)
    }

    /// Prints a watch event: its type (`ADDED`) and its object, which is whole: as kubectl has it,
    /// managed fields are not left out of events.
    pub fn print_event(&mut self, event: &str, object: Value, out: &mut dyn Write) -> anyhow::Result<()> {
        if matches!(self.kind, Kind::Name | Kind::Summary { .. }) {
            return self.write(&object, out);
        }
        let whole = json!({"type": event, "object": object});
        if matches!(self.kind, Kind::Json) {
            // In the order of `WatchEvent`'s fields, on one line.
            out.write_all(b"{\"type\":")?;
            json::write_compact(out, &whole["type"])?;
            out.write_all(b",\"object\":")?;
            match &self.key_order {
                Some(order) => out.write_all(json::compact_ordered(&whole["object"], order.as_ref()).as_bytes())?,
                None => json::write_compact(out, &whole["object"])?,
            }
            return Ok(out.write_all(b"}\n")?);
        }
        self.write(&whole, out)
    }

    fn write(&mut self, object: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
        match &mut self.kind {
            Kind::Summary { operation } => {
                let space = if operation.is_empty() { "" } else { " " };
                writeln!(out, "{}{space}{operation}", name::name_of(object)?)?;
            }
            Kind::Json => {
                match &self.key_order {
                    Some(order) => json::write_ordered(out, object, order.as_ref())?,
                    None => json::write_pretty(out, object)?,
                }
                out.write_all(b"\n")?;
            }
            Kind::Yaml { printed } => {
                if *printed > 0 {
                    out.write_all(b"---\n")?;
                }
                *printed += 1;
                yaml::write(out, object).map_err(plain)?;
            }
            Kind::Kyaml => match &self.key_order {
                Some(order) => kyaml::write_ordered(out, object, order.as_ref())?,
                None => kyaml::write(out, object)?,
            },
            Kind::Name => name::write(out, object)?,
            Kind::JsonPath(path) => {
                if let Err(error) = path.execute(object, out)? {
                    bail!(path.explain(&error, object));
                }
            }
            Kind::Columns(columns) if self.unaligned => columns.print_to([object], out)?,
            Kind::Columns(columns) => columns.print(object, out)?,
            Kind::GoTemplate(template) => template.print(object, &compact, out)?,
            Kind::Template(print) => print(object, out)?,
        }
        Ok(())
    }
}

/// Removes `metadata.managedFields` from an object, or from each item of a list.
pub fn hide_managed_fields(object: &mut Value) {
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        for item in items {
            item.remove_at(&["metadata", "managedFields"]);
        }
    }
    object.remove_at(&["metadata", "managedFields"]);
}

/// How templates that fail show the object.
fn compact(object: &Value, out: &mut dyn Write) -> io::Result<()> {
    json::write_compact(out, object)
}

/// An error without the layer of the writer that brought it.
fn plain(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::InvalidData { anyhow!(error.to_string()) } else { error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::format::{self, Family, Request};

    fn printer(output: &str) -> Printer {
        let read = |_: &str| Err(io::ErrorKind::NotFound.into());
        let format = format::parse(&Request::new(Family::Get, output), &read).unwrap();
        let options = Options {
            show_managed_fields: false,
            allow_missing_keys: true,
            operation: "created",
            handlebars: &|_, _| bail!("no such language"),
        };
        Printer::new(format, &options).unwrap()
    }

    fn pod(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "managedFields": [1]}})
    }

    #[test]
    fn prints_objects_one_after_another() {
        for (output, want) in [
            ("", "pod/a created\npod/b created\n"),
            ("name", "pod/a\npod/b\n"),
            (
                "yaml",
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: b\n",
            ),
            ("jsonpath={.metadata}", "{\"managedFields\":[1],\"name\":\"a\"}{\"managedFields\":[1],\"name\":\"b\"}"),
            ("custom-columns=N:.metadata.name", "N\na\nb\n"),
            ("go-template=x {{.kind}}", "x Podx Pod"),
        ] {
            let mut printer = printer(output);
            let mut out = Vec::new();
            printer.print(pod("a"), &mut out).unwrap();
            printer.print(pod("b"), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), want, "{output}");
        }
    }

    #[test]
    fn streamed_lists_equal_whole_ones() {
        for output in ["json", "yaml", "kyaml", "name", "jsonpath={.items[*].kind}", "custom-columns=N:.metadata.name"]
        {
            for names in [vec![], vec!["a"], vec!["a", "long-name"]] {
                let items: Vec<_> = names.into_iter().map(pod).collect();
                let list =
                    json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": ""}});
                let mut whole = Vec::new();
                printer(output).print(list, &mut whole).unwrap();
                let mut streamed = Vec::new();
                let mut printer = printer(output);
                let mut list = printer.list(&mut streamed).unwrap();
                items.into_iter().for_each(|item| list.item(item).unwrap());
                list.end("").unwrap();
                assert_eq!(String::from_utf8(streamed).unwrap(), String::from_utf8(whole).unwrap(), "{output}");
            }
        }
    }

    #[test]
    fn prints_events() {
        for (output, want) in [
            (
                "json",
                "{\"type\":\"ADDED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"managedFields\":[1],\"name\":\"a\"}}}\n",
            ),
            (
                "yaml",
                "object:\n  apiVersion: v1\n  kind: Pod\n  metadata:\n    managedFields:\n    - 1\n    name: a\ntype: ADDED\n",
            ),
            ("name", "pod/a\n"),
        ] {
            let mut out = Vec::new();
            printer(output).print_event("ADDED", pod("a"), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
