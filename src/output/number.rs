//! Values as Go prints them with `fmt`.

use crate::go::quote::quote;
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
        Value::String(text) => out.push_str(&quote(text)),
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
                out.push_str(&quote(key));
                out.push(':');
                syntax_into(out, item);
            }
            out.push('}');
        }
        Value::Bool(_) | Value::Number(_) => print_into(out, value),
    }
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
}
