use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;

use super::*;

/// One line of a table: an expression, what it may name, and what comes of it.
#[derive(Deserialize)]
struct Case {
    expr: String,
    #[serde(default)]
    compile: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default, rename = "type")]
    of: Option<String>,
}

/// The variables of all tables.
const VARIABLES: &[(&str, &str)] = &[
    ("x", "dyn"),
    ("i", "int"),
    ("s", "string"),
    ("li", "list(int)"),
    ("m", "map(string, string)"),
    ("b", "bool"),
    ("d", "double"),
];

fn env() -> Env {
    VARIABLES.iter().fold(Env::new(), |env, (name, of)| env.with(*name, types::parse(of).expect("a type")))
}

fn data() -> Json {
    serde_json::json!({
        "x": {"a": 1, "l": [1, 2], "s": "q", "n": null, "f": 1.5, "o": {"k": "v", "t": true}},
        "i": 3, "s": "str", "li": [1, 2, 3], "m": {"k": "v"}, "b": true, "d": 2.5,
    })
}

fn values(data: &Json) -> Named<'_> {
    let values =
        VARIABLES.iter().map(|(name, of)| (*name, Value::of_json(&data[*name], &types::parse(of).expect("a type"))));
    Named(values.collect())
}

/// A value with its type, in one text.
fn show(value: &Value<'_>) -> String {
    let all = |items: Vec<String>| items.join(", ");
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => format!("{value}u"),
        Value::Double(value) => format!("double({})", crate::object::number::go_float(*value)),
        Value::String(text) => crate::go::quote::quote(text),
        Value::Bytes(bytes) => {
            format!("b[{}]", bytes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        }
        Value::Duration(value) => format!("duration({})", convert::duration_text(*value)),
        Value::Timestamp(value) => format!("timestamp({})", convert::timestamp_text(*value)),
        Value::Optional(None) => "optional.none()".into(),
        Value::Optional(Some(value)) => format!("optional({})", show(value)),
        Value::Type(of) => of.name(),
        Value::Opaque(value) => value.type_name().into(),
        value => match value.items() {
            Some(items) => format!("[{}]", all(items.map(|item| show(&item)).collect())),
            None => {
                let entries = value.entries().unwrap_or_default();
                let mut shown: Vec<String> = entries
                    .into_iter()
                    .map(|(key, value)| format!("{}: {}", show(&key.into()), show(&value)))
                    .collect();
                shown.sort();
                format!("{{{}}}", all(shown))
            }
        },
    }
}

#[test]
fn means_what_the_tables_say() {
    let (env, data) = (env(), data());
    let values = values(&data);
    let mut wrong = BTreeMap::new();
    let mut count = 0;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/cel");
    for file in std::fs::read_dir(folder).expect("the tables") {
        let text = std::fs::read_to_string(file.expect("a table").path()).expect("text");
        for line in text.lines() {
            let case: Case = serde_json::from_str(line).expect(line);
            count += 1;
            let got = match Program::compile(&env, &case.expr) {
                Err(why) => (Some(why.to_string()), None, None, None),
                Ok(program) => {
                    let of = Some(program.result().to_string());
                    match program.eval(&values, &mut Budget::new(1_000_000)) {
                        Ok(value) => (None, None, Some(show(&value)), of),
                        Err(why) => (None, Some(why.to_string()), None, of),
                    }
                }
            };
            let want = (case.compile, case.error, case.value, case.of);
            if got != want {
                wrong.insert(case.expr, format!("\n     got {got:?}\n    want {want:?}"));
            }
        }
    }
    assert!(count > 300, "where are the tables?");
    let texts: Vec<String> = wrong.iter().map(|(expr, why)| format!("{expr}{why}")).collect();
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), texts.join("\n"));
}

/// Pieces of expressions, of which some sequences are expressions.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "x",
        "s",
        "li",
        "i",
        ".a",
        ".l",
        ".?q",
        "[0]",
        "[?1]",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        "in",
        "&&",
        "||",
        "!",
        "1",
        "2u",
        "1.5",
        "'a'",
        "b'x'",
        "null",
        "true",
        ".map(y, y)",
        ".exists(y, y == 1)",
        ".all(k, v, true)",
        ".filter(z, z > 1)",
        "has(x.a)",
        ".size()",
        ".orValue(1)",
        ".optMap(o, o)",
        ".transformMap(k, v, v)",
        ".format([1])",
        "duration('1h')",
        "\n",
        "\"",
        "//",
        "é",
        "#",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = Program::compile(&env(), &text);
    }

    #[test]
    fn no_expression_runs_on(text in pieces()) {
        if let Ok(program) = Program::compile(&env(), &text) {
            let data = data();
            let mut budget = Budget::new(10_000);
            let _ = program.eval(&values(&data), &mut budget);
            prop_assert!(budget.left() <= 10_000);
        }
    }
}

#[test]
fn depth_and_work_have_an_end() {
    let env = env();
    for text in [
        "(".repeat(100_000),
        "[".repeat(5000),
        "-".repeat(50_000),
        "!".repeat(50_000) + "b",
        "x".to_owned() + &".a".repeat(40_000),
    ] {
        let _ = Program::compile(&env, &text);
    }
    let sum = vec!["1"; 240].join("+");
    assert!(Program::compile(&env, &sum).is_ok());
    let nested = format!("{}x{}", "[".repeat(240), "]".repeat(240));
    assert!(Program::compile(&env, &nested).is_ok());
    // A part that is used twice at every level.
    let doubling = format!("x{}", ".optMap(o, o)".repeat(30));
    let why = Program::compile(&env, &doubling).expect_err("too large").to_string();
    assert_eq!(why, "ERROR: <input>:-1:0: max recursion depth exceeded");
    for text in [
        "lists.range(100000).all(a, lists.range(100000).all(b, a + b >= 0))".to_owned(),
        "lists.range(1000000000).size() > 0".to_owned(),
        format!("[s]{}.size() > 0", ".map(t, t + t + t + t + t + t + t + t)".repeat(40)),
    ] {
        let program = Program::compile(&env, &text).expect("an expression");
        let data = data();
        let got = program.eval(&values(&data), &mut Budget::new(1_000_000));
        assert_eq!(got.map(|value| show(&value)), Err(EvalError::CostLimit), "{text}");
    }
}

#[test]
fn binds_where_it_is_allowed() {
    let text = "cel.bind(y, i + 1, y * y)";
    assert!(Program::compile(&env(), text).is_err());
    let program = Program::compile(&env().with_bind(), text).expect("an expression");
    let data = data();
    let value = program.eval(&values(&data), &mut Budget::new(1000)).expect("a value");
    assert_eq!(show(&value), "16");
    assert!(program.mentions("i") && !program.mentions("s"));
}
