//! YAML as `kubectl -o yaml` writes it: the emitter of go-yaml v2 as `sigs.k8s.io/yaml` drives it.
//!
//! Block style throughout, lists at the indentation of their key, keys in go-yaml's natural order,
//! double quotes around whatever would read back as something else under YAML 1.1, and lines
//! folded at the first space behind column 80.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde_json::{Map, Value};

use super::number::{Num, json_float, yaml_float};
use crate::object::yaml::resolve::needs_quotes;

/// Column behind which text is folded.
const WIDTH: usize = 80;
/// Longest key, in bytes, that is written before a colon; longer ones are written behind a `?`.
const SIMPLE_KEY: usize = 128;

/// Writes a value as one YAML document with a line end, without a separator. Fails with
/// [`io::ErrorKind::InvalidData`] on text that YAML cannot hold.
pub fn write(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    let mut emitter = Emitter::new(out);
    emitter.node(value, None, Context::Root)?;
    emitter.write_indent(0)?;
    emitter.flush()
}

/// A value as [`write`] writes it.
pub fn to_string(value: &Value) -> io::Result<String> {
    let mut out = Vec::new();
    write(&mut out, value)?;
    String::from_utf8(out).map_err(io::Error::other)
}

/// Writes a `v1` `List` item by item, so that no more than one item is held: what `kubectl get -o
/// yaml` prints for several objects.
pub struct ListWriter<'a> {
    out: &'a mut dyn Write,
    items: usize,
}

impl<'a> ListWriter<'a> {
    /// Begins a list.
    pub fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        out.write_all(b"apiVersion: v1\nitems:")?;
        Ok(Self { out, items: 0 })
    }

    /// Writes an item; errors are those of [`write`].
    pub fn item(&mut self, item: &Value) -> io::Result<()> {
        if self.items == 0 {
            self.out.write_all(b"\n")?;
        }
        self.items += 1;
        let mut emitter = Emitter::new(self.out);
        emitter.indicator("-", false, true);
        emitter.node(item, Some(0), Context::Item)?;
        emitter.write_indent(0)?;
        emitter.flush()
    }

    /// Ends the list with its `kind` and a `metadata.resourceVersion` (empty where it is put together
    /// from several answers).
    pub fn end(self, resource_version: &str) -> io::Result<()> {
        if self.items == 0 {
            self.out.write_all(b" []\n")?;
        }
        self.out.write_all(b"kind: List\n")?;
        write(self.out, &serde_json::json!({"metadata": {"resourceVersion": resource_version}}))
    }
}

/// What a node is part of.
#[derive(Clone, Copy, PartialEq)]
enum Context {
    Root,
    Item,
    Key,
    Value,
}

/// Writes nodes and knows how far the current line has come.
struct Emitter<'a> {
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
    fn new(out: &'a mut dyn Write) -> Self {
        Self { out, line: String::new(), column: 0, whitespace: true, indention: true }
    }

    fn flush(&mut self) -> io::Result<()> {
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

    fn write_indent(&mut self, indent: usize) -> io::Result<()> {
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
    fn indicator(&mut self, text: &str, space_before: bool, indents: bool) {
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
    fn node(&mut self, value: &Value, indent: Option<usize>, context: Context) -> io::Result<()> {
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
        let mut fields: Vec<_> = map.iter().collect();
        if fields.windows(2).any(|pair| matches!(pair, [a, b] if compare_keys(a.0, b.0) == Ordering::Greater)) {
            fields.sort_by(|a, b| compare_keys(a.0, b.0));
        }
        for (key, value) in fields {
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

/// The float as it reads back from the JSON that kubectl makes first: whole ones become integers.
fn float_text(float: f64) -> String {
    let json = json_float(float);
    if json == "-0" {
        return "0".to_owned();
    }
    if json.parse::<u64>().is_ok() || json.parse::<i64>().is_ok() {
        return json;
    }
    yaml_float(float)
}

/// The text as it comes out of the JSON that kubectl reads back as YAML first: control characters
/// beyond ASCII are refused there, and a NEL is a line break, which double quotes fold.
fn readable(text: &str) -> io::Result<std::borrow::Cow<'_, str>> {
    let bad = |c: char| matches!(c, '\x7f'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(bad) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "yaml: control characters are not allowed"));
    }
    if text.contains('\u{85}') {
        return Ok(fold_nel(text).into());
    }
    Ok(text.into())
}

/// Folds the NELs of a double-quoted scalar: one becomes a space, each further one a line feed, and
/// the blanks around them go.
fn fold_nel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{85}') {
        out.push_str(rest[..at].trim_end_matches(' '));
        let mut breaks = 0;
        rest = &rest[at..];
        loop {
            if let Some(after) = rest.strip_prefix('\u{85}') {
                breaks += 1;
                rest = after;
            } else if let Some(after) = rest.strip_prefix(' ') {
                rest = after;
            } else {
                break;
            }
        }
        if breaks == 1 {
            out.push(' ');
        } else {
            out.extend(std::iter::repeat_n('\n', breaks - 1));
        }
    }
    out.push_str(rest);
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// In which styles a text may be written.
struct Shape {
    plain: bool,
    single: bool,
    block: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks) = (false, false);
        let (mut break_space, mut space_break) = (false, false);
        let (mut previous_space, mut previous_break) = (false, false);
        let mut after_blank = true;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let before_blank = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            indicators |= match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if first =>
                {
                    true
                }
                '?' | ':' | '-' if first => before_blank,
                ':' => before_blank,
                '#' => after_blank,
                _ => false,
            };
            special |= !is_printable(c);
            if c == ' ' {
                break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            } else if is_break(c) {
                breaks = true;
                space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            } else {
                (previous_space, previous_break) = (false, false);
            }
            after_blank = matches!(c, ' ' | '\t' | '\0') || is_break(c);
            first = false;
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let single = !(break_space || space_break || special);
        Self {
            plain: single && !breaks && !indicators && !text.starts_with(edge) && !text.ends_with(edge),
            single,
            block: !(text.ends_with(' ') || space_break || special),
        }
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{ffff}') && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// go-yaml's order of keys: letters after everything else, runs of digits by their value.
fn compare_keys(a: &str, b: &str) -> Ordering {
    // Equal beginnings decide nothing, but the digits before a difference may.
    let common = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let (head, tail_a) = a.split_at(common);
    let tail_b = &b[common..];
    let (Some(first_a), Some(first_b)) = (tail_a.chars().next(), tail_b.chars().next()) else {
        return a.chars().count().cmp(&b.chars().count());
    };
    match (first_a.is_alphabetic(), first_b.is_alphabetic()) {
        (true, true) => return first_a.cmp(&first_b),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let digit = |c: &char| c.is_ascii_digit();
    // A zero counts as a digit only where a number that is not zero goes before it.
    let seed = i64::from((first_a == '0' || first_b == '0') && head.chars().rev().take_while(digit).any(|c| c != '0'));
    let number = |tail: &str| {
        tail.chars().take_while(digit).fold((seed, 0usize), |(value, length), c| {
            (value.wrapping_mul(10).wrapping_add(i64::from(u32::from(c) - u32::from('0'))), length + 1)
        })
    };
    let (value_a, length_a) = number(tail_a);
    let (value_b, length_b) = number(tail_b);
    value_a.cmp(&value_b).then(length_a.cmp(&length_b)).then(first_a.cmp(&first_b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::yaml::parse;
    use proptest::prelude::*;
    use serde_json::json;

    /// Values and the YAML that real kubectl writes of them, null where it refuses to.
    const WRITTEN: &str = include_str!("../../tests/data/yaml/written.json");

    #[test]
    fn equals_kubectl() {
        let cases: Vec<(Value, Option<String>)> = serde_json::from_str(WRITTEN).unwrap();
        assert_eq!(cases.len(), 192);
        for (value, want) in cases {
            assert_eq!(to_string(&value).ok(), want, "{value}");
        }
    }

    #[test]
    fn writes_numbers_as_go_yaml() {
        let value = json!([
            0,
            -5,
            1.5,
            1e-6,
            1e21,
            1e20,
            2.0,
            -0.0,
            1_234_567_895.5e-1,
            18_446_744_073_709_551_615u64,
            9_223_372_036_854_775_808u64
        ]);
        assert_eq!(
            to_string(&value).unwrap(),
            "- 0\n- -5\n- 1.5\n- 1e-06\n- 1e+21\n- 1e+20\n- 2\n- 0\n- 1.2345678955e+08\n- 1.8446744073709552e+19\n- 9223372036854776000\n"
        );
    }

    #[test]
    fn orders_keys_as_go_yaml() {
        let keys = ["a10", "a2", "a", "A", "_x", "b", "1", "10", "2", "a-b", "a.b", "a01", "a/b"];
        let map: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
        let text = to_string(&Value::Object(map)).unwrap();
        let order: Vec<_> = text.lines().map(|line| line.trim_end_matches(": null").trim_matches('"')).collect();
        assert_eq!(order, ["_x", "1", "2", "10", "A", "a", "a-b", "a.b", "a/b", "a01", "a2", "a10", "b"]);
    }

    #[test]
    fn keeps_nested_shapes() {
        for value in
            [json!(null), json!("x"), json!({}), json!([]), json!([[1, [2]], {"a": [[]]}]), json!({"a": {"b": {}}})]
        {
            assert_eq!(parse(to_string(&value).unwrap().as_bytes()).unwrap(), value);
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        // Everything that YAML can hold: NELs fold, and the last two planes' non-characters are refused.
        let text = prop_oneof![
            "[ -~\\n\\t\\r\\x00-\\x1f\u{a0}-\u{d7ff}\u{2028}\u{feff}\u{1f600}]{0,30}",
            "([a-z:#'\"-]{1,9} {1,2}){0,30}",
            "[ \\n]{0,4}([a-z \\n]{0,12}\\n){0,5}[ \\n]{0,3}",
            "[0-9yntfo_.eExX:+~-]{0,6}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_filter("not whole", |float| float.fract() != 0.0).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map(text.clone(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_back_the_same(value in values()) {
            let text = to_string(&value).unwrap();
            prop_assert_eq!(parse(text.as_bytes()).unwrap(), value, "{}", text);
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = to_string(&json!({text.clone(): text}));
        }
    }
}
