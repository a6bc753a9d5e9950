//! `-o custom-columns=NAME:.metadata.name,…` and `custom-columns-file`.

use std::io::{self, Write};

use serde_json::Value;

use super::jsonpath::{self, JsonPath};
use super::number;
use super::table::escape_terminal;
use super::tabwriter::{Settings, TabWriter};

/// Columns that the user chose.
#[derive(Clone, Debug)]
pub struct CustomColumns {
    columns: Vec<(String, JsonPath)>,
    no_headers: bool,
    printed_headers: bool,
}

/// A mistake in a column's specification, in kubectl's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError(pub String);

impl std::fmt::Display for SpecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SpecError {}

impl From<jsonpath::Error> for SpecError {
    fn from(error: jsonpath::Error) -> Self {
        Self(error.to_string())
    }
}

impl CustomColumns {
    /// Parses `HEADER:path,…`.
    pub fn parse(spec: &str, no_headers: bool) -> Result<Self, SpecError> {
        if spec.is_empty() {
            return Err(SpecError("custom-columns format specified but no custom columns given".to_owned()));
        }
        let parts = spec.split(',').map(|part| {
            let (header, path) = part.split_once(':').ok_or_else(|| {
                SpecError(format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"))
            })?;
            Ok((header, jsonpath::relaxed(path)?))
        });
        let parts: Vec<_> = parts.collect::<Result<_, SpecError>>()?;
        Self::compile(parts, no_headers)
    }

    /// Parses a template of two lines: headers, and below each the path of its column.
    pub fn parse_template(template: &str) -> Result<Self, SpecError> {
        let mut lines = template.lines();
        let mut line = |which: &str| {
            lines.next().ok_or_else(|| {
                SpecError(format!(
                    "invalid template, missing {which} line. Expected format is one line of space separated headers, \
                     one line of space separated column specs."
                ))
            })
        };
        let headers: Vec<_> = line("header")?.split_whitespace().collect();
        let specs: Vec<_> = line("spec")?.split_whitespace().collect();
        if headers.len() != specs.len() {
            return Err(SpecError(format!(
                "number of headers ({}) and field specifications ({}) don't match",
                headers.len(),
                specs.len()
            )));
        }
        let paths = specs.into_iter().map(jsonpath::relaxed).collect::<Result<Vec<_>, _>>()?;
        Self::compile(headers.into_iter().zip(paths).collect(), false)
    }

    fn compile(columns: Vec<(&str, String)>, no_headers: bool) -> Result<Self, SpecError> {
        let compile =
            |(header, path): (&str, String)| Ok((header.to_owned(), JsonPath::parse(&path)?.allow_missing_keys(true)));
        let columns = columns.into_iter().map(compile).collect::<Result<_, SpecError>>()?;
        Ok(Self { columns, no_headers, printed_headers: false })
    }

    /// The paths of the fields that the columns show; none where they may show any.
    pub fn wanted(&self) -> Option<Vec<Vec<String>>> {
        let paths: Option<Vec<_>> = self.columns.iter().map(|(_, path)| path.wanted()).collect();
        paths.map(|paths| paths.concat())
    }

    /// Prints an object, or each item of a list, aligned on its own. Headers are printed once.
    pub fn print(&mut self, object: &Value, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut writer = TabWriter::new(out, Settings::TABLE);
        match object.get("items").and_then(Value::as_array) {
            Some(items) => self.print_to(items.iter(), &mut writer)?,
            None => self.print_to([object], &mut writer)?,
        }
        writer.flush()?;
        Ok(())
    }

    /// Writes the lines of objects, their cells apart by tabs, headers before the first. The caller's
    /// [`TabWriter`] aligns them: any number of objects in one alignment.
    pub fn print_to<'a, W: Write + ?Sized>(
        &mut self,
        objects: impl IntoIterator<Item = &'a Value>,
        writer: &mut W,
    ) -> anyhow::Result<()> {
        self.headers(writer)?;
        objects.into_iter().try_for_each(|object| self.row(object, writer))
    }

    fn headers<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.no_headers || std::mem::replace(&mut self.printed_headers, true) {
            return Ok(());
        }
        for (index, (header, _)) in self.columns.iter().enumerate() {
            writer.write_all(if index > 0 { b"\t" } else { b"" })?;
            writer.write_all(header.as_bytes())?;
        }
        writer.write_all(b"\n")
    }

    fn row<W: Write + ?Sized>(&self, object: &Value, writer: &mut W) -> anyhow::Result<()> {
        for (index, (_, path)) in self.columns.iter().enumerate() {
            writer.write_all(if index > 0 { b"\t" } else { b"" })?;
            let results = path.find(object)?;
            let mut separator: &[u8] = b"";
            if results.first().is_none_or(Vec::is_empty) {
                writer.write_all(b"<none>")?;
                separator = b",";
            }
            for found in results.iter().flatten() {
                writer.write_all(separator)?;
                separator = b",";
                match found.as_ref() {
                    Value::String(text) => writer.write_all(escape_terminal(text).as_bytes())?,
                    other => writer.write_all(escape_terminal(&number::go_print(other)).as_bytes())?,
                }
            }
        }
        Ok(writer.write_all(b"\n")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn prints_columns() {
        let list = json!({"kind": "List", "items": [
            {"metadata": {"name": "a", "labels": {"x": "y", "b": "c"}}, "n": [1, 2.5, null]},
            {"metadata": {"name": "b\u{1b}[0m"}},
        ]});
        let mut columns = CustomColumns::parse("NAME:.metadata.name,LABELS:{.metadata.labels},N:n[*]", false).unwrap();
        let mut out = Vec::new();
        columns.print(&list, &mut out).unwrap();
        columns.print(&list["items"][0], &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "NAME     LABELS         N\na        map[b:c x:y]   1,2.5,<nil>\nb^[[0m   <none>         <none>\na     map[b:c x:y]   1,2.5,<nil>\n"
        );
    }

    #[test]
    fn words_mistakes_as_kubectl() {
        for (spec, want) in [
            ("", "custom-columns format specified but no custom columns given"),
            ("NAME", "unexpected custom-columns spec: NAME, expected <header>:<json-path-expr>"),
            (
                "A:{.b",
                "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
            ),
            ("A:.b[", "unterminated array"),
        ] {
            assert_eq!(CustomColumns::parse(spec, false).unwrap_err().to_string(), want);
        }
        assert_eq!(
            CustomColumns::parse_template("A B\n.a\n").unwrap_err().to_string(),
            "number of headers (2) and field specifications (1) don't match"
        );
    }
}
