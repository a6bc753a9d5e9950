//! Nodes to lines.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde_json::{Map, Value};

use super::keys::compare_keys;
use super::text::{Shape, Style, float_text, is_break, is_printable, readable};
use crate::go::sort;
use crate::object::yaml::resolve::needs_quotes;
use crate::output::number::Num;

/// Column behind which text is folded.
const WIDTH: usize = 80;
/// Longest key, in bytes, that is written before a colon; longer ones are written behind a `?`.
const SIMPLE_KEY: usize = 128;

/// What a node is part of.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Context {
    Root,
    Item,
    Key,
    Value,
}

/// Writes nodes and knows how far the current line has come.
pub(super) struct Emitter<'a> {
    out: &'a mut dyn Write,
    line: String,
    /// Characters on the current line.
    column: usize,
    /// Whether the last thing written was white space.
    whitespace: bool,
    /// Whether nothing but indentation and `-`, `?`, `:` stands on the current line.
    indention: bool,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, line: String::new(), column: 0, whitespace: true, indention: true }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }

    fn put(&mut self, c: char) {
        self.line.push(c);
        self.column += 1;
    }

    fn put_break(&mut self) -> io::Result<()> {
        self.line.push('\n');
        self.column = 0;
        if self.line.len() > 8192 { self.flush() } else { Ok(()) }
    }

    pub(super) fn write_indent(&mut self, indent: usize) -> io::Result<()> {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break()?;
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
        Ok(())
    }

    /// Writes an indicator; `indents` says that what follows on the line may still indent.
    pub(super) fn indicator(&mut self, text: &str, space_before: bool, indents: bool) {
        if space_before && !self.whitespace {
            self.put(' ');
        }
        for c in text.chars() {
            self.put(c);
        }
        self.whitespace = false;
        self.indention &= indents;
    }

    /// Writes a node; `indent` is that of the collection around it.
    pub(super) fn node(&mut self, value: &Value, indent: Option<usize>, context: Context) -> io::Result<()> {
        match value {
            Value::Null => self.plain("null", indent, context),
            Value::Bool(flag) => self.plain(if *flag { "true" } else { "false" }, indent, context),
            Value::Number(number) => match Num::of(number) {
                Num::Int(whole) => self.plain(&whole.to_string(), indent, context),
                Num::Float(float) => self.plain(&float_text(float), indent, context),
            },
            Value::String(text) => self.string(text, indent, context),
            Value::Array(items) if items.is_empty() => {
                self.indicator("[]", true, false);
                Ok(())
            }
            Value::Array(items) => self.sequence(items, indent, context),
            Value::Object(map) if map.is_empty() => {
                self.indicator("{}", true, false);
                Ok(())
            }
            Value::Object(map) => self.mapping(map, indent),
        }
    }

    fn sequence(&mut self, items: &[Value], indent: Option<usize>, context: Context) -> io::Result<()> {
        let at_parent = context == Context::Value && !self.indention;
        let indent = match indent {
            Some(indent) if at_parent => indent,
            indent => deeper(indent),
        };
        for item in items {
            self.write_indent(indent)?;
            self.indicator("-", true, true);
            self.node(item, Some(indent), Context::Item)?;
        }
        Ok(())
    }

    fn mapping(&mut self, map: &Map<String, Value>, indent: Option<usize>) -> io::Result<()> {
        let indent = deeper(indent);
        let fields: Vec<_> = map.iter().collect();
        let is_after =
            |pair: &[(&String, &Value)]| matches!(pair, [a, b] if compare_keys(a.0, b.0) == Ordering::Greater);
        // The order of keys is no total order, which Rust's sort panics on.
        let order = if fields.windows(2).any(is_after) {
            sort::sort(fields.len(), |a, b| match (fields.get(a), fields.get(b)) {
                (Some(a), Some(b)) => compare_keys(a.0, b.0) == Ordering::Less,
                _ => false,
            })
        } else {
            (0..fields.len()).collect()
        };
        for (key, value) in order.into_iter().filter_map(|at| fields.get(at)) {
            self.write_indent(indent)?;
            if key.len() <= SIMPLE_KEY && !key.contains(is_break) {
                self.string(key, Some(indent), Context::Key)?;
                self.indicator(":", false, false);
            } else {
                self.indicator("?", true, true);
                self.string(key, Some(indent), Context::Value)?;
                self.write_indent(indent)?;
                self.indicator(":", true, true);
            }
            self.node(value, Some(indent), Context::Value)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &str, indent: Option<usize>, context: Context) -> io::Result<()> {
        let text = readable(text)?;
        let text = text.as_ref();
        let shape = Shape::of(text);
        let mut style = if text.contains('\n') {
            Style::Literal
        } else if needs_quotes(text) {
            Style::Double
        } else {
            Style::Plain
        };
        if style == Style::Plain && !shape.plain {
            style = Style::Single;
        }
        if style == Style::Single && !shape.single
            || style == Style::Literal && (!shape.block || context == Context::Key)
        {
            style = Style::Double;
        }
        let fold = context != Context::Key;
        let indent = indent.map_or(2, |indent| indent + 2);
        match style {
            Style::Plain => self.write_plain(text, indent, fold),
            Style::Single => self.write_single(text, indent, fold),
            Style::Double => self.write_double(text, indent, fold),
            Style::Literal => self.write_literal(text, indent),
        }
    }

    fn plain(&mut self, text: &str, indent: Option<usize>, _context: Context) -> io::Result<()> {
        self.write_plain(text, indent.unwrap_or(0) + 2, false)
    }

    fn write_plain(&mut self, text: &str, indent: usize, fold: bool) -> io::Result<()> {
        if !self.whitespace {
            self.put(' ');
        }
        if !fold || self.column + text.len() <= WIDTH {
            self.line.push_str(text);
            self.column += text.chars().count();
            self.whitespace = false;
            self.indention = false;
            return Ok(());
        }
        let mut spaces = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' {
                if fold && !spaces && self.column > WIDTH && chars.peek() != Some(&' ') {
                    self.write_indent(indent)?;
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                self.indention = false;
                spaces = false;
            }
        }
        self.whitespace = false;
        self.indention = false;
        Ok(())
    }

    fn write_single(&mut self, text: &str, indent: usize, fold: bool) -> io::Result<()> {
        self.indicator("'", true, false);
        let (mut spaces, mut breaks) = (false, false);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if c == ' ' {
                let inside = at > 0 && chars.peek().is_some_and(|(_, next)| *next != ' ');
                if fold && !spaces && self.column > WIDTH && inside {
                    self.write_indent(indent)?;
                } else {
                    self.put(c);
                }
                spaces = true;
            } else if is_break(c) {
                self.put(c);
                self.column = 0;
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent(indent)?;
                }
                if c == '\'' {
                    self.put(c);
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
        self.indicator("'", false, false);
        Ok(())
    }

    fn write_double(&mut self, text: &str, indent: usize, fold: bool) -> io::Result<()> {
        self.indicator("\"", true, false);
        // go-yaml looks for a byte order mark at the start of the text at every character.
        let escape_all = text.starts_with('\u{feff}');
        let mut spaces = false;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if escape_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.escape(c);
                spaces = false;
            } else if c == ' ' {
                if fold && !spaces && self.column > WIDTH && at > 0 && chars.peek().is_some() {
                    self.write_indent(indent)?;
                    if chars.peek().is_some_and(|(_, next)| *next == ' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.indicator("\"", false, false);
        Ok(())
    }

    fn escape(&mut self, c: char) {
        self.put('\\');
        let short = match c {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0b' => 'v',
            '\x0c' => 'f',
            '\r' => 'r',
            '\x1b' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let text = match code {
                    0..=0xff => format!("x{code:02X}"),
                    0x100..=0xffff => format!("u{code:04X}"),
                    _ => format!("U{code:08X}"),
                };
                text.chars().for_each(|c| self.put(c));
                return;
            }
        };
        self.put(short);
    }

    fn write_literal(&mut self, text: &str, indent: usize) -> io::Result<()> {
        self.indicator("|", true, false);
        if text.starts_with(' ') || text.starts_with(is_break) {
            self.indicator("2", false, false);
        }
        let mut ends = text.chars().rev();
        let last_breaks = ends.next().is_some_and(is_break);
        let before_breaks = ends.next().is_none_or(is_break);
        match (last_breaks, before_breaks) {
            (false, _) => self.indicator("-", false, false),
            (true, true) => self.indicator("+", false, false),
            (true, false) => {}
        }
        self.put_break()?;
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            if c == '\n' {
                self.put_break()?;
                self.indention = true;
                breaks = true;
            } else if is_break(c) {
                self.put(c);
                self.column = 0;
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent(indent)?;
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
        Ok(())
    }
}

fn deeper(indent: Option<usize>) -> usize {
    indent.map_or(0, |indent| indent + 2)
}
