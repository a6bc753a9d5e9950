//! The part of the jq language that picks values out of objects: paths, `select`, comparisons.
//!
//! ```
//! use kctl::object::jq::Query;
//!
//! let query = Query::parse(r#".conditions.[] | select(.type == "Ready") | .status"#).unwrap();
//! let data = serde_json::json!({"conditions": [{"type": "Ready", "status": "True"}]});
//! assert_eq!(query.run(&data).unwrap(), [serde_json::json!("True")]);
//! ```
//!
//! There are `.`, `.name`, `."name"`, `.["name"]`, `.[0]`, `.[]`, `?`, `|`, `,`, `//`, `and`, `or`, the six
//! comparisons, literals, parentheses, and the functions `select`, `map`, `not`, `length`, `has`, `any`, `all`,
//! `first`, `last`, `keys`, `empty`, `tostring`, `tonumber`, `startswith`, `endswith`. Anything else is an error when the
//! query is parsed.

mod eval;
mod parse;

use super::Object;

/// Parentheses and functions nest up to so deep.
const MAX_DEPTH: usize = 64;
/// A query gives so many values at most.
const MAX_VALUES: usize = 10_000;

/// A query that was parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Query(Expr);

#[derive(Clone, Debug, PartialEq)]
enum Expr {
    Identity,
    Literal(Object),
    Field(Box<Expr>, String),
    At(Box<Expr>, i64),
    Each(Box<Expr>),
    /// Errors of what is inside are no values.
    Try(Box<Expr>),
    Pipe(Box<Expr>, Box<Expr>),
    Comma(Box<Expr>, Box<Expr>),
    Alternative(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Compare(Box<Expr>, Comparison, Box<Expr>),
    Call(Function, Option<Box<Expr>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Select,
    Map,
    Not,
    Length,
    Has,
    Any,
    All,
    First,
    Last,
    Keys,
    Empty,
    ToString,
    ToNumber,
    StartsWith,
    EndsWith,
}

/// What a function takes in parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Something,
    Either,
}

const FUNCTIONS: &[(&str, Function, Takes)] = &[
    ("select", Function::Select, Takes::Something),
    ("map", Function::Map, Takes::Something),
    ("not", Function::Not, Takes::Nothing),
    ("length", Function::Length, Takes::Nothing),
    ("has", Function::Has, Takes::Something),
    ("any", Function::Any, Takes::Either),
    ("all", Function::All, Takes::Either),
    ("first", Function::First, Takes::Either),
    ("last", Function::Last, Takes::Either),
    ("keys", Function::Keys, Takes::Nothing),
    ("empty", Function::Empty, Takes::Nothing),
    ("tostring", Function::ToString, Takes::Nothing),
    ("tonumber", Function::ToNumber, Takes::Nothing),
    ("startswith", Function::StartsWith, Takes::Something),
    ("endswith", Function::EndsWith, Takes::Something),
];

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    /// What is wrong or not supported, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::parse(text).map(Self)
    }

    /// The values that the query gives.
    ///
    /// # Errors
    /// A value that is not of the kind that an operation needs.
    pub fn run(&self, data: &Object) -> Result<Vec<Object>, String> {
        let values = eval::eval(&self.0, &eval::Item::Borrowed(data))?;
        Ok(values.into_iter().map(eval::Item::into_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn picks_values() {
        let data = json!({
            "a": {"b.c": 1, "d": [1, 2, 3], "n": null, "e": []},
            "list": [{"t": "x", "v": true}, {"t": "y", "v": false}, {"t": "x", "v": 7}],
        });
        for (query, values) in [
            (".a.d", json!([[1, 2, 3]])),
            (r#".a["b.c"]"#, json!([1])),
            (r#".a."b.c""#, json!([1])),
            (".a.d[1]", json!([2])),
            (".a.d.[-1]", json!([3])),
            (".a.d[9]", json!([null])),
            (".a.d[]", json!([1, 2, 3])),
            (".a.x.y", json!([null])),
            (r#".list.[] | select( .t == "x" ) | .v"#, json!([true, 7])),
            (r#".list[] | select(.t == "x" and .v == true) | .t"#, json!(["x"])),
            (".list | map(.t) | length", json!([3])),
            (".a.n // \"none\"", json!(["none"])),
            (".a.x[]? // 4", json!([4])),
            (".a | has(\"d\"), has(\"z\")", json!([true, false])),
            (".a.d | any(. > 2)", json!([true])),
            (".a.d | all(. > 2) | not", json!([true])),
            (".a.e | length == 0", json!([true])),
            ("first(.a.d[])", json!([1])),
            (".a.d | last", json!([3])),
            (".a | keys", json!([["b.c", "d", "e", "n"]])),
            (".a.d[0] | tostring | tonumber", json!([1])),
            (".list[0].t | startswith(\"x\")", json!([true])),
            ("(1, 2) | . < 2", json!([true, false])),
            ("null < false, \"b\" > \"a\", [] >= {}", json!([true, true, false])),
            ("empty", json!([])),
            (".", json!([data])),
        ] {
            let found = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}")).run(&data);
            assert_eq!(found.map(Object::Array), Ok(values), "{query}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for query in [
            "",
            ".a |",
            "reduce .[] as $x (0; . + $x)",
            ".a + 1",
            "$x",
            ".a[",
            "select",
            "not(1)",
            ".[1:2]",
            "foo(.)",
            "\"a",
        ] {
            assert!(Query::parse(query).is_err(), "{query}");
        }
        for query in [".a.b", ".a[]", "length", ".[0]"] {
            assert!(Query::parse(query).expect(query).run(&json!({"a": 1, "b": true})["b"]).is_err(), "{query}");
        }
        assert!(Query::parse(&"(".repeat(10_000)).is_err());
        assert!(Query::parse(&format!(".{}", "[0]".repeat(10_000))).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(query in r#"[.a\[\]|,()"=<>/ 0-9?-]{0,40}|\PC{0,30}"#) {
            if let Ok(query) = Query::parse(&query) {
                let _ = query.run(&json!({"a": [1, {"a": null}]}));
            }
        }
    }
}
