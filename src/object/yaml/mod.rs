//! Reading YAML as kubectl reads it: `sigs.k8s.io/yaml` over go-yaml v2, with the same meaning of
//! scalars and the same words for mistakes.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`resolve`] | what a plain scalar means |
//! | `tree` | text to nodes, with their anchors and lines |
//! | `decode` | nodes to JSON: keys, merges, aliases, tags |
//! | [`documents`] | a stream of YAML or JSON documents |
//! | `json_error` | what is wrong with a JSON text, in Go's words |

mod decode;
mod documents;
mod guard;
mod json_error;
pub mod resolve;
mod tree;

use std::fmt;

use serde_json::Value;

use decode::Words;
pub use documents::{Documents, documents, documents_v3};

/// How deep lists and maps may nest.
pub const MAX_DEPTH: usize = 500;

/// What is wrong with a document. The text is kubectl's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The document is no YAML, or no JSON can be made of it: `yaml: line 3: …`.
    Convert(String),
    /// The stream is at fault, not a document's YAML.
    Stream(String),
}

impl Error {
    fn yaml(message: impl fmt::Display) -> Self {
        Self::Convert(format!("yaml: {message}"))
    }

    /// The text without `error converting YAML to JSON: ` before it.
    pub fn bare(&self) -> &str {
        match self {
            Self::Convert(message) | Self::Stream(message) => message,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convert(message) => write!(f, "error converting YAML to JSON: {message}"),
            Self::Stream(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

/// Reads the first document of a YAML text; the last of equal keys wins. Nothing at all is null.
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    decode::decode(&tree::Tree::parse(text)?, false, Words::Old)
}

/// As [`parse`], with go-yaml v3's booleans: `true` and `false` alone.
pub fn parse_v3(text: &[u8]) -> Result<Value, Error> {
    decode::decode(&tree::Tree::parse(text)?, false, Words::New)
}

/// As [`parse`], but equal keys in a map are an error.
pub fn parse_strict(text: &[u8]) -> Result<Value, Error> {
    decode::decode(&tree::Tree::parse(text)?, true, Words::Old)
}

/// What keeps a text from being one JSON value, in the words of Go's `encoding/json` (`invalid
/// character 'x' looking for beginning of value`); `None` where nothing does.
pub fn json_mistake(text: &[u8]) -> Option<String> {
    json_error::mistake(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn reads_as_go_yaml() {
        for (text, want) in [
            ("", json!(null)),
            (
                "a: yes\nb: No\nc: y\nd: \"yes\"\ne: 'no'\n",
                json!({"a": true, "b": false, "c": true, "d": "yes", "e": "no"}),
            ),
            ("y: 1\n8: b\n1.5: c\ntrue: d\n010: e\n", json!({"true": "d", "8": "e", "1.5": "c"})),
            ("[010, 0644, 08, 1_000, 1_000.5, 0x1f, 1e3, .5]", json!([8, 420, 8, 1000, 1000.5, 31, 1000, 0.5])),
            (
                "[9223372036854775807, 9223372036854775808, -0.0]",
                json!([9_223_372_036_854_775_807i64, 9.223372036854776e18, 0]),
            ),
            ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", json!({"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}})),
            ("- &x {a: 1}\n- &y {a: 2, b: 2}\n- <<: [*x, *y]\n", json!([{"a": 1}, {"a": 2, "b": 2}, {"a": 1, "b": 2}])),
            // A merge that comes later wins over what is there.
            ("- &x {a: 1}\n- a: 2\n  <<: *x\n", json!([{"a": 1}, {"a": 1}])),
            (
                "a: !!binary aGVsbG8=\nb: !foo bar\nc: !!str 1\nd: !!float 1\ne: ! 5\n",
                json!({"a": "hello", "b": "bar", "c": "1", "d": 1, "e": "5"}),
            ),
            ("a: 2026-01-02\nb: 2026-01-02T03:04:05Z\n", json!({"a": "2026-01-02", "b": "2026-01-02T03:04:05Z"})),
            ("a: 1\na: 2\n", json!({"a": 2})),
            ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", json!({"a": "x\ny\n", "b": "x y"})),
            ("a: ~\nb:\nc: null\n", json!({"a": null, "b": null, "c": null})),
            // A wide letter, and a mark of the byte order, which begin alike.
            ("\u{ff21}: b\n", json!({"\u{ff21}": "b"})),
            ("\u{feff}a: b\n", json!({"a": "b"})),
            // Whatever follows the first node is not looked at.
            ("a: 1\n---\nb: 2\n", json!({"a": 1})),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(want), "{text}");
        }
    }

    #[test]
    fn a_text_cut_off_in_the_middle_is_a_mistake() {
        for text in ["\"\\", "{,,!,", "a: \"\\x", "!", "&", "*", "%", "!<", "!%f"] {
            let _ = parse(text.as_bytes());
        }
        assert!(parse(b"\"\\").is_err());
    }

    #[test]
    fn words_mistakes_as_kubectl() {
        for (text, want) in [
            ("a:\n\t- b\n", "yaml: line 2: found character that cannot start any token"),
            ("a: [1, 2\n", "yaml: line 1: did not find expected ',' or ']'"),
            ("a: 1\nb: *x\n", "yaml: unknown anchor 'x' referenced"),
            ("a: &x [*x]\n", "yaml: anchor 'x' value contains itself"),
            ("a: .inf\n", "json: unsupported value: +Inf"),
            ("a: .nan\n", "json: unsupported value: NaN"),
            ("null: d\n", "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"d\""),
            (
                "a: {{ .Values.x }}\n",
                "yaml: invalid map key: map[interface {}]interface {}{\".Values.x\":interface {}(nil)}",
            ),
            ("a: !!int x\n", "yaml: cannot decode !!str `x` as a !!int"),
            ("a: 1\n<<: 2\n", "yaml: map merge requires map or sequence of maps as the value"),
        ] {
            assert_eq!(parse(text.as_bytes()).map_err(|error| error.bare().to_owned()), Err(want.to_owned()), "{text}");
        }
        assert_eq!(
            parse_strict(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n").unwrap_err().to_string(),
            "error converting YAML to JSON: yaml: unmarshal errors:\n  line 4: key \"c\" already set in map\n  line 5: key \"a\" already set in map"
        );
    }

    #[test]
    fn stops_bombs() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(","));
        }
        assert_eq!(parse(bomb.as_bytes()).unwrap_err().bare(), "yaml: document contains excessive aliasing");
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        assert!(parse("- ".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ \\n\\t\\-:#\\[\\]{}&*!|>'\"%@`,?a-c0-1.~<=x\\x00\\u{85}é]{0,60}") {
            let _ = parse(text.as_bytes());
            let _ = parse_strict(text.as_bytes());
            let _ = documents(text.as_bytes()).count();
        }

        #[test]
        fn never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&bytes);
            let _ = documents(&bytes).count();
            let _ = json_mistake(&bytes);
        }
    }
}
