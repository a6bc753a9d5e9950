//! JSON as `kubectl -o json` writes it: Go's escapes and numbers, four spaces of indentation.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::number::{Num, json_float};

/// In which order the fields of an object are written. Objects that came from a server are written
/// sorted by key; objects made here keep the order of their type's fields.
pub trait KeyOrder {
    /// The position of a field among those of its type. Fields without a position come last, sorted.
    fn rank(&self, key: &str) -> Option<usize>;
    /// The order within the value (or within each item of the list) of a field, `None` for sorted.
    fn child(&self, key: &str) -> Option<&dyn KeyOrder>;
}

/// Writes a value over several lines with four spaces of indentation, without a line end after it
/// (`json.MarshalIndent(value, "", "    ")`). Keys are sorted.
pub fn write_pretty(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    Writer { out, pretty: true }.value(value, 0, None)
}

/// As [`write_pretty`], for a value that stands `depth` levels deep in what is written around it.
pub fn write_pretty_at(out: &mut dyn Write, value: &Value, depth: usize) -> io::Result<()> {
    Writer { out, pretty: true }.value(value, depth, None)
}

/// As [`write_pretty`], with the keys in the order of a type.
pub fn write_ordered(out: &mut dyn Write, value: &Value, order: &dyn KeyOrder) -> io::Result<()> {
    Writer { out, pretty: true }.value(value, 0, Some(order))
}

/// Writes a value on one line, without spaces (`json.Marshal`). Keys are sorted.
pub fn write_compact(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    Writer { out, pretty: false }.value(value, 0, None)
}

/// A value on one line, as [`write_compact`] writes it.
pub fn compact(value: &Value) -> String {
    text(|out| write_compact(out, value))
}

/// A value on one line, with the keys in the order of a type.
pub fn compact_ordered(value: &Value, order: &dyn KeyOrder) -> String {
    text(|out| Writer { out, pretty: false }.value(value, 0, Some(order)))
}

/// A value over several lines, as [`write_pretty`] writes it.
pub fn pretty(value: &Value) -> String {
    text(|out| write_pretty(out, value))
}

fn text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail, and everything written is UTF-8.
    let _ = write(&mut out);
    String::from_utf8(out).unwrap_or_default()
}

struct Writer<'a> {
    out: &'a mut dyn Write,
    pretty: bool,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize, order: Option<&dyn KeyOrder>) -> io::Result<()> {
        match value {
            Value::Null => self.out.write_all(b"null"),
            Value::Bool(true) => self.out.write_all(b"true"),
            Value::Bool(false) => self.out.write_all(b"false"),
            Value::Number(number) => match Num::of(number) {
                Num::Int(whole) => write!(self.out, "{whole}"),
                Num::Float(float) => self.out.write_all(json_float(float).as_bytes()),
            },
            Value::String(text) => self.string(text),
            Value::Array(items) if items.is_empty() => self.out.write_all(b"[]"),
            Value::Array(items) => {
                self.out.write_all(b"[")?;
                for (index, item) in items.iter().enumerate() {
                    self.separate(index, depth + 1)?;
                    self.value(item, depth + 1, order)?;
                }
                self.newline(depth)?;
                self.out.write_all(b"]")
            }
            Value::Object(map) if map.is_empty() => self.out.write_all(b"{}"),
            Value::Object(map) => self.object(map, depth, order),
        }
    }

    fn object(&mut self, map: &Map<String, Value>, depth: usize, order: Option<&dyn KeyOrder>) -> io::Result<()> {
        self.out.write_all(b"{")?;
        match order {
            None => {
                for (index, (key, value)) in map.iter().enumerate() {
                    self.separate(index, depth + 1)?;
                    self.field(key, value, depth, None)?;
                }
            }
            Some(order) => {
                let mut fields: Vec<_> = map.iter().collect();
                fields.sort_by_key(|(key, _)| order.rank(key).unwrap_or(usize::MAX));
                for (index, (key, value)) in fields.into_iter().enumerate() {
                    self.separate(index, depth + 1)?;
                    self.field(key, value, depth, order.child(key))?;
                }
            }
        }
        self.newline(depth)?;
        self.out.write_all(b"}")
    }

    fn field(&mut self, key: &str, value: &Value, depth: usize, order: Option<&dyn KeyOrder>) -> io::Result<()> {
        self.string(key)?;
        self.out.write_all(if self.pretty { b": " } else { b":" })?;
        self.value(value, depth + 1, order)
    }

    fn separate(&mut self, index: usize, depth: usize) -> io::Result<()> {
        if index > 0 {
            self.out.write_all(b",")?;
        }
        self.newline(depth)
    }

    fn newline(&mut self, depth: usize) -> io::Result<()> {
        if !self.pretty {
            return Ok(());
        }
        self.out.write_all(b"\n")?;
        indent(self.out, depth)
    }

    fn string(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(b"\"")?;
        let bytes = text.as_bytes();
        let mut start = 0;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let (escape, length): (&[u8], usize) = match byte {
                b'"' => (b"\\\"", 1),
                b'\\' => (b"\\\\", 1),
                b'\n' => (b"\\n", 1),
                b'\r' => (b"\\r", 1),
                b'\t' => (b"\\t", 1),
                0x08 => (b"\\b", 1),
                0x0c => (b"\\f", 1),
                b'<' => (b"\\u003c", 1),
                b'>' => (b"\\u003e", 1),
                b'&' => (b"\\u0026", 1),
                0xe2 if bytes.get(at..at + 3) == Some("\u{2028}".as_bytes()) => (b"\\u2028", 3),
                0xe2 if bytes.get(at..at + 3) == Some("\u{2029}".as_bytes()) => (b"\\u2029", 3),
                0..0x20 => {
                    self.out.write_all(bytes.get(start..at).unwrap_or_default())?;
                    write!(self.out, "\\u{byte:04x}")?;
                    at += 1;
                    start = at;
                    continue;
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            self.out.write_all(bytes.get(start..at).unwrap_or_default())?;
            self.out.write_all(escape)?;
            at += length;
            start = at;
        }
        self.out.write_all(bytes.get(start..).unwrap_or_default())?;
        self.out.write_all(b"\"")
    }
}

fn indent(out: &mut dyn Write, depth: usize) -> io::Result<()> {
    const SPACES: &[u8] = &[b' '; 64];
    let mut left = depth * 4;
    while left > 0 {
        let now = left.min(SPACES.len());
        out.write_all(&SPACES[..now])?;
        left -= now;
    }
    Ok(())
}

/// Writes a `v1` `List` item by item, so that no more than one item is held: what `kubectl get -o
/// json` prints for several objects.
pub struct ListWriter<'a> {
    out: &'a mut dyn Write,
    items: usize,
}

impl<'a> ListWriter<'a> {
    /// Begins a list.
    pub fn begin(out: &'a mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [")?;
        Ok(Self { out, items: 0 })
    }

    /// Writes an item.
    pub fn item(&mut self, item: &Value) -> io::Result<()> {
        self.out.write_all(if self.items == 0 { b"\n        " } else { b",\n        " })?;
        self.items += 1;
        write_pretty_at(self.out, item, 2)
    }

    /// Ends the list with its `kind` and a `metadata.resourceVersion` (empty where it is put together
    /// from several answers), and a line end.
    pub fn end(self, resource_version: &str) -> io::Result<()> {
        self.out.write_all(if self.items == 0 { b"]" } else { b"\n    ]" })?;
        self.out.write_all(b",\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": ")?;
        write_compact(self.out, &Value::from(resource_version))?;
        self.out.write_all(b"\n    }\n}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_as_encoding_json() {
        let value = json!({"b": [], "a": {"x": "<&>\u{2028}é\u{1}\u{7f}\"\\\n"}, "c": {}, "d": [1, 2.0, null, true]});
        assert_eq!(
            compact(&value),
            "{\"a\":{\"x\":\"\\u003c\\u0026\\u003e\\u2028é\\u0001\u{7f}\\\"\\\\\\n\"},\"b\":[],\"c\":{},\"d\":[1,2,null,true]}"
        );
        assert_eq!(
            pretty(&json!({"a": [{"b": 1}], "c": {}})),
            "{\n    \"a\": [\n        {\n            \"b\": 1\n        }\n    ],\n    \"c\": {}\n}"
        );
    }

    #[test]
    fn a_streamed_list_equals_a_whole_one() {
        for items in [vec![], vec![json!({"a": 1})], vec![json!({"a": 1}), json!([])]] {
            let mut out = Vec::new();
            let mut list = ListWriter::begin(&mut out).unwrap();
            for item in &items {
                list.item(item).unwrap();
            }
            list.end("7").unwrap();
            let whole =
                json!({"apiVersion": "v1", "kind": "List", "items": items, "metadata": {"resourceVersion": "7"}});
            assert_eq!(String::from_utf8(out).unwrap(), pretty(&whole) + "\n");
        }
    }

    struct Order(&'static [&'static str]);
    impl KeyOrder for Order {
        fn rank(&self, key: &str) -> Option<usize> {
            self.0.iter().position(|name| *name == key)
        }
        fn child(&self, key: &str) -> Option<&dyn KeyOrder> {
            (key == "spec").then_some(self as &dyn KeyOrder)
        }
    }

    #[test]
    fn keeps_the_order_of_a_type() {
        let value = json!({"spec": {"z": 1, "kind": 2, "a": 3}, "kind": "A", "metadata": {"z": 1, "kind": 2}});
        let mut out = Vec::new();
        write_ordered(&mut out, &value, &Order(&["kind", "metadata", "spec"])).unwrap();
        let text: String = String::from_utf8(out).unwrap().split_whitespace().collect();
        assert_eq!(text, r#"{"kind":"A","metadata":{"kind":2,"z":1},"spec":{"kind":2,"a":3,"z":1}}"#);
    }
}
