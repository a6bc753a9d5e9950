//! KYAML (`-o kyaml`): YAML in flow style, explicit and without significant white space, as
//! `sigs.k8s.io/yaml/kyaml` writes it.

use std::io::{self, Write};

use serde_json::Value;

use super::json::KeyOrder;
use super::number::{Num, json_float};
use crate::go::quote::is_printable;
use crate::object::yaml::resolve::{Scalar, resolve};

/// Writes a value as a document: a separator line, the value, a line end. Keys are sorted.
pub fn write(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    write_in_order(out, value, None)
}

/// As [`write`], with the keys in the order of a type.
pub fn write_ordered(out: &mut dyn Write, value: &Value, order: &dyn KeyOrder) -> io::Result<()> {
    write_in_order(out, value, Some(order))
}

fn write_in_order(out: &mut dyn Write, value: &Value, order: Option<&dyn KeyOrder>) -> io::Result<()> {
    let mut text = String::from("---\n");
    render(&mut text, value, 0, order);
    text.push('\n');
    out.write_all(text.as_bytes())
}

/// Writes a `v1` `List` item by item, so that no more than one item is held.
pub struct ListWriter<'a> {
    out: &'a mut dyn Write,
    items: usize,
    text: String,
}

impl<'a> ListWriter<'a> {
    /// Begins a list.
    pub fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        out.write_all(b"---\n{\n  apiVersion: \"v1\",\n  items: [")?;
        Ok(Self { out, items: 0, text: String::new() })
    }

    /// Writes an item, which is an object.
    pub fn item(&mut self, item: &Value) -> io::Result<()> {
        self.text.clear();
        if self.items > 0 {
            self.text.push_str(", ");
        }
        self.items += 1;
        render(&mut self.text, item, 1, None);
        self.out.write_all(self.text.as_bytes())
    }

    /// Ends the list with its `kind` and a `metadata.resourceVersion` (empty where it is put together
    /// from several answers).
    pub fn end(self, resource_version: &str) -> io::Result<()> {
        let mut text = String::from("],\n  kind: \"List\",\n  metadata: {\n    resourceVersion: ");
        string(&mut text, resource_version, 3, true);
        text.push_str(",\n  },\n}\n");
        self.out.write_all(text.as_bytes())
    }
}

fn render(out: &mut String, value: &Value, indent: usize, order: Option<&dyn KeyOrder>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => match Num::of(number) {
            Num::Int(whole) => out.push_str(&whole.to_string()),
            Num::Float(float) => out.push_str(&json_float(float)),
        },
        Value::String(text) => string(out, text, indent + 1, true),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        // Lists of maps and lists hug their brackets.
        Value::Array(items) if items.iter().all(|item| item.is_array() || item.is_object()) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                render(out, item, indent, order);
            }
            out.push(']');
        }
        Value::Array(items) => {
            out.push_str("[\n");
            for item in items {
                pad(out, indent + 1);
                render(out, item, indent + 1, order);
                out.push_str(",\n");
            }
            pad(out, indent);
            out.push(']');
        }
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Object(map) => {
            out.push_str("{\n");
            let mut fields: Vec<_> = map.iter().collect();
            if let Some(order) = order {
                fields.sort_by_key(|(key, _)| order.rank(key).unwrap_or(usize::MAX));
            }
            for (key, value) in fields {
                pad(out, indent + 1);
                if needs_quotes(key) {
                    string(out, key, indent + 1, false);
                } else {
                    out.push_str(key);
                }
                out.push_str(": ");
                render(out, value, indent + 1, order.and_then(|order| order.child(key)));
                out.push_str(",\n");
            }
            pad(out, indent);
            out.push('}');
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n("  ", indent));
}

/// Writes a string in double quotes; one of several lines, with `fold`, line by line, each ending in
/// an escaped line end.
fn string(out: &mut String, text: &str, indent: usize, fold: bool) {
    const FOLD: &str = "\\\n";
    let multi = fold && text.contains('\n');
    out.push('"');
    if multi {
        out.push_str(FOLD);
    }
    for c in text.chars() {
        if multi && out.ends_with('\n') {
            pad(out, indent);
            // White space at the start of a line is kept by an escape; other lines get a space, which
            // reading drops, so that all line up.
            out.push(if c.is_whitespace() && c != '\n' { '\\' } else { ' ' });
        }
        match c {
            '\n' if fold => {
                out.push_str("\\n");
                out.push_str(FOLD);
            }
            '\t' if fold => out.push('\t'),
            '"' | '\\' => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => escape(out, c),
        }
    }
    if multi {
        if !out.ends_with('\n') {
            out.push_str(FOLD);
        }
        pad(out, indent);
    }
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    let short = match c {
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0c' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\x0b' => "\\v",
        '\0' => "\\0",
        '\x1b' => "\\e",
        '\u{85}' => "\\N",
        '\u{a0}' => "\\_",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        _ => {
            let code = u32::from(c);
            out.push_str(&match code {
                0..0x20 | 0x7f => format!("\\x{code:02x}"),
                ..0x10000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
            return;
        }
    };
    out.push_str(short);
}

/// Whether a key must be quoted: it may read back as something else, or holds more than letters,
/// digits, `_`, and, inside, `-`, `.` and `/`.
fn needs_quotes(key: &str) -> bool {
    if is_ambiguous(key) {
        return true;
    }
    let last = key.chars().count().saturating_sub(1);
    key.chars().enumerate().any(|(index, c)| {
        let inside = index > 0 && index < last;
        !(c.is_alphanumeric() || c == '_' || inside && matches!(c, '-' | '.' | '/'))
    })
}

/// Whether some YAML reader might take a plain text for another type than a string.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 16] =
        ["null", "~", "", "true", "y", "yes", "on", "false", "n", "no", "off", ".inf", "-.inf", "+.inf", ".nan", "t"];
    let lower = text.to_ascii_lowercase();
    if WORDS.contains(&lower.as_str()) || lower == "f" {
        return true;
    }
    let plain = lower.replace('_', "");
    let unsigned = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    if matches!(unsigned, "inf" | "infinity" | "nan") && (unsigned != "nan" || plain == "nan") {
        return true;
    }
    resolve(&plain) != Scalar::Text || resolve(text) != Scalar::Text || is_base60(text) || is_hex_float(unsigned)
}

/// `0x1.8p3`, which Go reads as a number.
fn is_hex_float(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.strip_prefix("0x").and_then(|rest| rest.split_once('p')) else {
        return false;
    };
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let digits = mantissa.replacen('.', "", 1);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !exponent.is_empty()
        && exponent.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[+-]?[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    !unsigned.starts_with('0') && crate::object::yaml::resolve::needs_quotes(text) && unsigned.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kyaml(value: &Value) -> String {
        let mut out = Vec::new();
        write(&mut out, value).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_flow_style() {
        assert_eq!(
            kyaml(&json!({
                "a": [{"b": 1}, {"c": [], "d": {}}],
                "l": ["x", 2.5, null],
                "no": true,
                "x.y/z": "q\"",
                "1.5": "",
                "é-": "tab\t\u{1}",
                "m": "a\n  b\n\nc",
                "e": "a\n",
            })),
            r#"---
{
  "1.5": "",
  a: [{
    b: 1,
  }, {
    c: [],
    d: {},
  }],
  e: "\
     a\n\
    ",
  l: [
    "x",
    2.5,
    null,
  ],
  m: "\
     a\n\
    \  b\n\
     \n\
     c\
    ",
  "no": true,
  x.y/z: "q\"",
  "é-": "tab	\x01",
}
"#
        );
    }

    proptest::proptest! {
        /// But for a line that begins with white space that is escaped, where the original errs too.
        #[test]
        fn reads_back_the_same(key in "[ -~\\n\\t\u{e9}\u{200b}]{0,12}", text in "[ -~\\n\\x01\u{e9}\u{200b}\u{1f600}]{0,40}") {
            let value = json!({key: [text.clone(), {"t": text}]});
            let read = crate::object::yaml::parse(kyaml(&value).as_bytes()).unwrap();
            proptest::prop_assert_eq!(read, value);
        }
    }
}
