//! Values as Go prints them with `fmt`.

use serde_json::{Number, Value};

pub use crate::object::number::{Num, go_float, json_float, yaml_float};

/// Writes a value as Go's `fmt.Print` does: `map[a:1 b:[2 3]]`, `<nil>`, strings as they are.
pub fn go_print(value: &Value) -> String {
    let mut out = String::new();
    print_into(&mut out, value);
    out
}

fn print_into(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("<nil>"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&go_number(number)),
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                print_into(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push_str("map[");
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(key);
                out.push(':');
                print_into(out, item);
            }
            out.push(']');
        }
    }
}

/// A number as Go's `fmt.Print` writes it.
pub fn go_number(number: &Number) -> String {
    match Num::of(number) {
        Num::Int(whole) => whole.to_string(),
        Num::Float(float) => go_float(float),
    }
}

/// Writes a value in Go syntax, as `%#v` does for decoded JSON:
/// `map[string]interface {}{"a":1}`.
pub fn go_syntax(value: &Value) -> String {
    let mut out = String::new();
    syntax_into(&mut out, value);
    out
}

fn syntax_into(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("interface {}(nil)"),
        Value::String(text) => go_quote_into(out, text),
        Value::Array(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                syntax_into(out, item);
            }
            out.push('}');
        }
        Value::Object(map) => {
            out.push_str("map[string]interface {}{");
            for (index, (key, item)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                go_quote_into(out, key);
                out.push(':');
                syntax_into(out, item);
            }
            out.push('}');
        }
        Value::Bool(_) | Value::Number(_) => print_into(out, value),
    }
}

/// A string in double quotes as Go's `strconv.Quote` (`%q`) writes it.
pub fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    go_quote_into(&mut out, text);
    out
}

fn go_quote_into(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\x0b' => out.push_str("\\v"),
            c if is_printable(c) => out.push(c),
            // Writing to a string cannot fail.
            c if c < ' ' || c == '\x7f' => drop(write!(out, "\\x{:02x}", u32::from(c))),
            c if u32::from(c) < 0x10000 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
}

/// Go's `unicode.IsPrint`: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // The standard library escapes what is not printable. Combining marks, which are printable, it
    // escapes only where they come first, so they are asked for behind a letter.
    let mut text = [b'a'; 5];
    let length = c.encode_utf8(&mut text[1..]).len();
    std::str::from_utf8(&text[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_as_go_prints_them() {
        let value = json!({"b": [1, "x", null], "a": {"k": 1.5, "t": true}});
        assert_eq!(go_print(&value), "map[a:map[k:1.5 t:true] b:[1 x <nil>]]");
        assert_eq!(
            go_syntax(&value),
            r#"map[string]interface {}{"a":map[string]interface {}{"k":1.5, "t":true}, "b":[]interface {}{1, "x", interface {}(nil)}}"#
        );
    }

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(
            go_quote("a\"b\\\n\u{1}\u{a0}é\u{301}\u{1f600}\u{e0001}"),
            "\"a\\\"b\\\\\\n\\x01\\u00a0é\u{301}\u{1f600}\\U000e0001\""
        );
    }
}
