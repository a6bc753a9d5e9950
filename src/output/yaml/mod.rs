//! YAML as `kubectl -o yaml` writes it: the emitter of go-yaml v2 as `sigs.k8s.io/yaml` drives it.
//!
//! Block style throughout, lists at the indentation of their key, keys in go-yaml's natural order,
//! double quotes around whatever would read back as something else under YAML 1.1, and lines
//! folded at the first space behind column 80.

mod emitter;
mod keys;
mod text;

use std::io::{self, Write};

use serde_json::Value;

use emitter::{Context, Emitter};

/// Writes a value as one YAML document with a line end, without a separator. Fails with
/// [`io::ErrorKind::InvalidData`] on text that YAML cannot hold.
pub fn write(out: &mut dyn Write, value: &Value) -> io::Result<()> {
    let mut emitter = Emitter::new(out);
    emitter.node(value, None, Context::Root)?;
    emitter.write_indent(0)?;
    emitter.flush()
}

/// A value as [`write()`] writes it.
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

    /// Writes an item; errors are those of [`write()`].
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::yaml::parse;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    /// Values and the YAML that real kubectl writes of them, null where it refuses to.
    const WRITTEN: &str = include_str!("../../../tests/data/yaml/written.json");

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

    proptest! {
        /// The order of keys contradicts itself, which must not matter.
        #[test]
        fn writes_any_keys(keys in prop::collection::btree_set("[ab019é_-]{1,6}", 20..80)) {
            let value: Value = keys.into_iter().map(|key| (key, json!(1))).collect::<Map<_, _>>().into();
            prop_assert_eq!(parse(to_string(&value).unwrap().as_bytes()).unwrap(), value);
        }
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
