//! Printing the tables that an API server answers with (`meta.k8s.io/v1` `Table`).

use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::number;
use super::tabwriter::{Settings, TabWriter};
use crate::object::{Meta, Object, Timestamp, time};

/// A table as a server sends it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Table {
    /// The columns; empty in the tables of a watch after the first, which has the same ones.
    #[serde(deserialize_with = "none_or_list")]
    pub column_definitions: Vec<ColumnDefinition>,
    /// One row an object.
    #[serde(deserialize_with = "none_or_list")]
    pub rows: Vec<Row>,
    /// Of the list: where to continue, and which revision it shows.
    pub metadata: Value,
}

/// A list that may be null, as Go writes one that was never made.
fn none_or_list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ColumnDefinition {
    /// The header; printed in capitals.
    pub name: String,
    /// The OpenAPI type of the cells.
    #[serde(rename = "type")]
    pub kind: String,
    /// `name` for the column that holds the object's name.
    pub format: String,
    /// More than 0: only shown with `-o wide`.
    pub priority: i64,
}

impl ColumnDefinition {
    fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: "string".to_owned(), ..Self::default() }
    }
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Row {
    /// Strings, numbers, booleans or null, one a column.
    pub cells: Vec<Value>,
    /// The object, its metadata only, or nothing, as the request asked for.
    pub object: Value,
}

/// Which columns are printed and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether the line of headers is left out.
    pub no_headers: bool,
    /// Whether the columns of lower priority are printed too.
    pub wide: bool,
    /// Whether the namespace is the first column.
    pub with_namespace: bool,
    /// Whether names are printed behind their kind: `deployment.apps/web`.
    pub with_kind: bool,
    /// The kind, with its group behind a point where it has one, for [`with_kind`](Self::with_kind).
    pub kind: String,
    /// Labels that get columns of their own.
    pub column_labels: Vec<String>,
    /// Whether all labels are the last column.
    pub show_labels: bool,
}

impl Table {
    /// Whether a value is a table.
    pub fn is_table(value: &Value) -> bool {
        value.kind() == "Table" && matches!(value.api_version(), "meta.k8s.io/v1" | "meta.k8s.io/v1beta1")
    }

    /// The table of objects that a server sent no table for: their names and ages, or, of a `Status`,
    /// what it says.
    pub fn of_objects(objects: Vec<Object>, now: Timestamp) -> Self {
        if let [status] = objects.as_slice()
            && status.kind() == "Status"
            && status.api_version() == "v1"
        {
            let cells = ["status", "reason", "message"].map(|field| Value::from(status.str_at(&[field])));
            return Self {
                column_definitions: ["Status", "Reason", "Message"].map(ColumnDefinition::text).into(),
                rows: vec![Row { cells: cells.into(), object: Value::Null }],
                metadata: Value::Null,
            };
        }
        let mut name = ColumnDefinition::text("Name");
        name.format = "name".to_owned();
        let row = |object: Object| Row {
            cells: vec![object.name().into(), time::age(object.creation_timestamp(), now).into()],
            object,
        };
        Self {
            column_definitions: vec![name, ColumnDefinition::text("Age")],
            rows: objects.into_iter().map(row).collect(),
            metadata: Value::Null,
        }
    }
}

/// Prints tables one after another, each resource's apart from the next.
pub struct TablePrinter<W: Write> {
    writer: TabWriter<Separating<W>>,
    options: Options,
    columns: Vec<ColumnDefinition>,
    printed_headers: bool,
    any_group: bool,
}

/// Puts an empty line between groups, as soon as the next group has something to print.
struct Separating<W: Write> {
    out: W,
    written: bool,
    separate: bool,
}

impl<W: Write> Write for Separating<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        if self.separate {
            self.out.write_all(b"\n")?;
            self.separate = false;
        }
        self.written = true;
        self.out.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> TablePrinter<W> {
    /// A printer for the tables of one resource.
    pub fn new(out: W, options: Options) -> Self {
        let out = Separating { out, written: false, separate: false };
        Self {
            writer: TabWriter::new(out, Settings::TABLE),
            options,
            columns: Vec::new(),
            printed_headers: false,
            any_group: false,
        }
    }

    /// Goes on to another resource: an empty line comes between, widths and headers start anew.
    pub fn next_group(&mut self, options: Options) -> io::Result<()> {
        self.flush()?;
        self.writer.forget_widths();
        let no_headers = options.no_headers;
        let separating = self.writer.get_mut();
        separating.separate |= self.any_group && !no_headers && separating.written;
        self.any_group = true;
        self.options = options;
        self.columns.clear();
        self.printed_headers = false;
        Ok(())
    }

    /// Prints a table, under headers where its columns are not those of the table before. `event` is
    /// the type of the watch event that brought it, for `--output-watch-events`. Lines are held back
    /// until [`flush`](Self::flush).
    pub fn print(&mut self, table: &Table, event: Option<&str>) -> io::Result<()> {
        self.any_group = true;
        let known = table.column_definitions.is_empty() || table.column_definitions == self.columns;
        let headers = !(self.options.no_headers || self.printed_headers && known);
        if !known {
            self.columns.clone_from(&table.column_definitions);
            self.printed_headers = false;
        }
        if table.rows.is_empty() {
            return Ok(());
        }
        self.printed_headers = true;
        if headers {
            self.headers(event.is_some())?;
        }
        table.rows.iter().try_for_each(|row| self.row(row, event))
    }

    /// Writes what is held back. What follows keeps to the widths so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// Writes what is held back and tells whether anything was printed at all.
    pub fn finish(mut self) -> io::Result<bool> {
        self.writer.flush()?;
        Ok(self.writer.get_mut().written)
    }

    fn headers(&mut self, event: bool) -> io::Result<()> {
        let options = &self.options;
        let shown = self.columns.iter().filter(|column| options.wide || column.priority == 0);
        let leading = event.then_some("EVENT").into_iter().chain(options.with_namespace.then_some("NAMESPACE"));
        let labels = options.column_labels.iter().map(|label| label.rsplit('/').next().unwrap_or_default());
        let names = leading
            .map(str::to_owned)
            .chain(shown.map(|column| column.name.to_uppercase()))
            .chain(labels.map(str::to_uppercase))
            .chain(options.show_labels.then(|| "LABELS".to_owned()));
        for (index, name) in names.enumerate() {
            if index > 0 {
                self.writer.write_all(b"\t")?;
            }
            self.writer.write_all(name.as_bytes())?;
        }
        self.writer.write_all(b"\n")
    }

    fn row(&mut self, row: &Row, event: Option<&str>) -> io::Result<()> {
        let options = &self.options;
        let out = &mut self.writer;
        let mut first = true;
        let mut next = |out: &mut TabWriter<_>| {
            if std::mem::take(&mut first) { Ok(()) } else { out.write_all(b"\t") }
        };
        if let Some(event) = event {
            next(out)?;
            write!(out, "{event:<8}")?;
        }
        if options.with_namespace {
            next(out)?;
            write_text(out, row.object.namespace())?;
        }
        let name_column = self.columns.iter().position(|column| column.format == "name" && column.kind == "string");
        for (index, column) in self.columns.iter().enumerate() {
            if !options.wide && column.priority != 0 {
                continue;
            }
            // Missing cells are left out at the end, and empty before columns of labels.
            let cell = match row.cells.get(index) {
                Some(cell) => cell,
                None if options.column_labels.is_empty() && !options.show_labels => break,
                None => &Value::Null,
            };
            next(out)?;
            if options.with_kind && !options.kind.is_empty() && name_column == Some(index) {
                write_text(out, &options.kind.to_lowercase())?;
                out.write_all(b"/")?;
            }
            match cell {
                Value::Null => {}
                Value::String(text) => write_text(out, text)?,
                other => write_text(out, &number::go_print(other))?,
            }
        }
        let known = !row.object.is_null();
        for label in &options.column_labels {
            next(out)?;
            write_text(out, row.object.label(label).unwrap_or_default())?;
        }
        if options.show_labels {
            next(out)?;
            let labels = row.object.labels();
            if labels.is_empty() && known {
                out.write_all(b"<none>")?;
            }
            for (index, (key, value)) in labels.into_iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                write_text(out, &format!("{comma}{key}={value}"))?;
            }
        }
        out.write_all(b"\n")
    }
}

/// Writes a cell's first line, with control characters that move the cursor made visible.
fn write_text(out: &mut dyn Write, text: &str) -> io::Result<()> {
    if !text.bytes().any(|byte| matches!(byte, b'\n' | b'\r' | 0x0c | 0x1b)) {
        return out.write_all(text.as_bytes());
    }
    let line = text.split(['\n', '\r', '\x0c']).next().unwrap_or_default();
    out.write_all(escape_terminal(line).as_bytes())?;
    if line.len() < text.len() { out.write_all(b"...") } else { Ok(()) }
}

/// Makes escapes and carriage returns visible, which a terminal would act on.
pub fn escape_terminal(text: &str) -> String {
    text.replace('\x1b', "^[").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_that_are_null() {
        let table: Table = serde_json::from_str(r#"{"columnDefinitions": null, "rows": null}"#).expect("a table");
        assert_eq!(table, Table::default());
    }
    use serde_json::json;

    fn table(rows: Value) -> Table {
        serde_json::from_value(json!({
            "columnDefinitions": [
                {"name": "Name", "type": "string", "format": "name", "priority": 0},
                {"name": "Up-to-date", "type": "integer", "priority": 0},
                {"name": "Node", "type": "string", "priority": 1},
            ],
            "rows": rows,
        }))
        .unwrap()
    }

    fn print(table: &Table, options: Options) -> String {
        let mut out = Vec::new();
        let mut printer = TablePrinter::new(&mut out, options);
        printer.print(table, None).unwrap();
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_by_options() {
        let table = table(json!([
            {"cells": ["a", 1, "n1"], "object": {"metadata": {"namespace": "x", "labels": {"app": "w", "b": "c"}}}},
            {"cells": ["b\nc\u{1b}", 2.5, null], "object": {"metadata": {"namespace": "y"}}},
        ]));
        let kind = "Deployment.apps".to_owned();
        for (options, want) in [
            (Options::default(), "NAME   UP-TO-DATE\na      1\nb...   2.5\n"),
            (Options { no_headers: true, ..Options::default() }, "a      1\nb...   2.5\n"),
            (
                Options { wide: true, with_namespace: true, ..Options::default() },
                "NAMESPACE   NAME   UP-TO-DATE   NODE\nx           a      1            n1\ny           b...   2.5          \n",
            ),
            (
                Options { with_kind: true, kind, show_labels: true, ..Options::default() },
                "NAME                   UP-TO-DATE   LABELS\ndeployment.apps/a      1            app=w,b=c\ndeployment.apps/b...   2.5          <none>\n",
            ),
            (
                Options { column_labels: vec!["x.io/app".into(), "app".into()], ..Options::default() },
                "NAME   UP-TO-DATE   APP   APP\na      1                  w\nb...   2.5                \n",
            ),
        ] {
            assert_eq!(print(&table, options), want);
        }
    }

    #[test]
    fn separates_groups_that_print_something() {
        let full = table(json!([{"cells": ["a", 1, ""]}]));
        let empty = table(json!([]));
        let mut out = Vec::new();
        let mut printer = TablePrinter::new(&mut out, Options::default());
        for table in [&empty, &full, &empty, &full] {
            printer.next_group(Options::default()).unwrap();
            printer.print(table, None).unwrap();
        }
        assert!(printer.finish().unwrap());
        assert_eq!(String::from_utf8(out).unwrap(), "NAME   UP-TO-DATE\na      1\n\nNAME   UP-TO-DATE\na      1\n");
    }

    #[test]
    fn a_watch_prints_headers_once() {
        let first = table(json!([{"cells": ["a", 1, ""]}]));
        let later: Table = serde_json::from_value(json!({"rows": [{"cells": ["longer-name", 2, ""]}]})).unwrap();
        let mut out = Vec::new();
        let mut printer = TablePrinter::new(&mut out, Options::default());
        for table in [&first, &later, &first] {
            printer.print(table, Some("ADDED")).unwrap();
            printer.flush().unwrap();
        }
        printer.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "EVENT      NAME   UP-TO-DATE\nADDED      a      1\nADDED      longer-name   2\nADDED      a             1\n"
        );
    }
}
