//! Tables of templates with the results that Go gives for them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;

use super::kubectl::FUNCTIONS;
use super::lex::Kind;
use super::number::{Constant, constant};
use super::printf::printf;
use super::{Error, Function, GoTemplatePrinter, MissingKey, Param, Split, Template, Value, float};
use crate::go::quote::{quote_bytes, unquote};

/// A line of a table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    template: String,
    /// What is written, up to the error if there is one.
    #[serde(default)]
    out: String,
    error: Option<String>,
    /// The value of the option `missingkey`.
    missing: Option<String>,
    /// The name of an object in `objects.json` that is the data, instead of `data.json`.
    object: Option<String>,
}

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/template").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a template; the output and the error's words.
fn run(case: &Case, data: &Json) -> (String, Option<String>) {
    let missing = match case.missing.as_deref() {
        Some("error") => MissingKey::Error,
        Some("zero") => MissingKey::Zero,
        _ => MissingKey::Default,
    };
    let mut out = Vec::new();
    let result = Template::parse_with("output", &case.template, FUNCTIONS)
        .and_then(|template| template.missing_key(missing).execute(data, &mut out));
    (String::from_utf8_lossy(&out).into_owned(), result.err().map(|error| error.to_string()))
}

/// Runs a template through kubectl's printer; the output without what it adds for an error.
fn print(case: &Case, object: &Json) -> (String, Option<String>) {
    let mut out = Vec::new();
    let json = |object: &Json, out: &mut dyn Write| serde_json::to_writer(out, object).map_err(Into::into);
    let result = GoTemplatePrinter::new(&case.template, case.missing.is_none())
        .and_then(|printer| printer.print(object, &json, &mut out));
    let mut out = String::from_utf8_lossy(&out).into_owned();
    out.truncate(out.find("Error executing template: ").unwrap_or(out.len()));
    (out, result.err().map(|error| error.to_string()))
}

fn check(table: &str) {
    let data: Json = serde_json::from_str(&read("data.json")).unwrap();
    let objects: Json = serde_json::from_str(&read("objects.json")).unwrap();
    let mut faults = String::new();
    let mut count = 0;
    for (index, line) in read(table).lines().enumerate() {
        let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{table}:{}: {error}", index + 1));
        let (out, error) = match &case.object {
            Some(name) => print(&case, &objects[name]),
            None => run(&case, &data),
        };
        count += 1;
        if out != case.out || error != case.error {
            faults.push_str(&format!(
                "{table}:{}: {}\n  want {:?} {:?}\n  got  {out:?} {error:?}\n",
                index + 1,
                case.template,
                case.out,
                case.error
            ));
        }
    }
    assert!(count > 0 && faults.is_empty(), "{count} cases\n{faults}");
}

#[test]
fn language() {
    check("language.jsonl");
}

#[test]
fn corners() {
    check("corners.jsonl");
}

/// Templates thrown together at random.
#[test]
fn random() {
    check("random.jsonl");
}

#[test]
fn formats() {
    check("printf.jsonl");
}

/// All verbs with all flags on values of all types: each row is a value, a verb, and the outputs for the
/// flags in order.
#[derive(Deserialize)]
struct Grid {
    flags: Vec<String>,
    rows: Vec<(String, String, String)>,
}

#[test]
fn verbs() {
    let data: Json = serde_json::from_str(&read("data.json")).unwrap();
    let grid: Grid = serde_json::from_str(&read("verbs.json")).unwrap();
    assert!(grid.rows.len() > 300);
    for (value, verb, expected) in &grid.rows {
        let formats: Vec<String> = grid.flags.iter().map(|flags| format!("%{flags}{verb}")).collect();
        let args = vec![value.as_str(); formats.len()].join(" ");
        let template = format!("{{{{printf \"{}\" {args}}}}}", formats.join("|"));
        let mut out = Vec::new();
        Template::parse("output", &template).unwrap().execute(&data, &mut out).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), *expected, "{template}");
    }
}

#[test]
fn kubectl() {
    check("kubectl.jsonl");
}

/// Runs a template over the table's data.
fn execute(template: &str, data: &Json) -> Result<String, String> {
    let mut out = Vec::new();
    Template::parse("t", template)
        .and_then(|template| template.execute(data, &mut out))
        .map(|()| String::from_utf8_lossy(&out).into_owned())
        .map_err(|error| error.to_string())
}

#[test]
fn limits_are_errors_and_not_crashes() {
    let none = Json::Null;
    let nested = |depth: usize| format!("{{{{{}1{}}}}}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(execute(&nested(100), &none).as_deref(), Ok("1"));
    assert_eq!(execute(&nested(101), &none), Err("template: t:1: max expression depth exceeded".to_owned()));
    assert!(execute(&nested(100_000), &none).is_err());
    let calls = format!("{{{{{}1{}}}}}", "(print ".repeat(100), ")".repeat(100));
    assert_eq!(execute(&calls, &none).as_deref(), Ok("1"));

    let blocks = |depth: usize| format!("{}x{}", "{{if 1}}".repeat(depth), "{{end}}".repeat(depth));
    assert_eq!(execute(&blocks(500), &none).as_deref(), Ok("x"));
    assert_eq!(execute(&blocks(501), &none), Err("template: t:1: max nesting depth exceeded".to_owned()));
    assert!(execute(&"{{range 1}}".repeat(100_000), &none).is_err());

    let chain = format!("{{{{if 0}}}}{}{{{{else}}}}x{{{{end}}}}", "{{else if 0}}".repeat(10_000));
    assert_eq!(execute(&chain, &none).as_deref(), Ok("x"));

    for endless in
        ["{{template \"t\"}}", "{{range 1}}{{template \"t\"}}{{end}}x", "{{if true}}{{template \"t\" .}}{{end}}x"]
    {
        let error = execute(endless, &none).unwrap_err();
        assert!(error.ends_with("exceeded maximum template depth (100000)"), "{error}");
    }
    assert_eq!(execute("{{printf \"%070000d\" 1 | len}}", &none).as_deref(), Ok("70000"));
    assert_eq!(execute("{{printf \"%.1000000f\" 1.0 | len}}", &none).as_deref(), Ok("1000002"));
    assert_eq!(execute("{{printf \"%.1000000x\" 1.0 | len}}", &none).as_deref(), Ok("1000008"));
}

#[test]
fn missing_keys_can_be_zero() {
    let template = Template::parse("t", "{{.a}}{{.b}}").unwrap().missing_key(MissingKey::Zero);
    let mut out = Vec::new();
    template.execute(&serde_json::json!({"b": 1}), &mut out).unwrap();
    assert_eq!(out, b"<no value>1");
}

#[test]
fn the_name_is_part_of_errors() {
    let error = Template::parse("a b", "{{x}}").unwrap_err().to_string();
    assert_eq!(error, "template: a b:1: function \"x\" not defined");
    assert_eq!(
        execute("\n {{len 1}}", &Json::Null),
        Err("template: t:2:3: executing \"t\" at <len 1>: error calling len: len of type int".to_owned())
    );
}

#[test]
fn functions_of_the_caller_come_first() {
    const FUNCTIONS: &[Function] = &[
        Function::new("len", &[], Some(Param::Any), |args| Ok(Value::Int(args.len().try_into().unwrap_or(0)))),
        Function::new("shout", &[Param::Text], None, |args| match args {
            [Value::Text(text)] => Ok(Value::text(text.bytes().to_ascii_uppercase())),
            _ => Err("no text".to_owned()),
        }),
        Function::new("fail", &[], None, |_| Err("on purpose".to_owned())),
    ];
    let run = |text: &str| {
        let mut out = Vec::new();
        Template::parse_with("t", text, FUNCTIONS)
            .and_then(|template| template.execute(&Json::Null, &mut out))
            .map(|()| String::from_utf8_lossy(&out).into_owned())
            .map_err(|error| error.to_string())
    };
    assert_eq!(run("{{len 1 2 3}} {{shout \"a\"}} {{\"b\" | shout | printf \"%s!\"}}").as_deref(), Ok("3 A B!"));
    assert_eq!(
        run("{{fail}}"),
        Err("template: t:1:2: executing \"t\" at <fail>: error calling fail: on purpose".to_owned())
    );
}

#[test]
fn write_errors_end_the_execution() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for text in ["x", "{{1}}", "{{\"x\"}}", "{{.x}}"] {
        let error = Template::parse("t", text).unwrap().execute(&Json::Null, &mut Full).unwrap_err();
        assert!(matches!(error, Error::Write(_)), "{text}: {error}");
    }
}

/// JSON of any shape, with the keys that the templates below look for.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,5}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Pieces of templates, joined at random: often something that parses.
fn any_template() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "{{",
        "}}",
        "{{end}}",
        "{{else}}",
        "{{if .a}}",
        "{{else if .b}}",
        "{{range .}}",
        "{{range $i, $x := .a}}",
        "{{range 3}}",
        "{{with $y := .b}}",
        "{{break}}",
        "{{continue}}",
        "{{define \"d\"}}",
        "{{template \"d\" .}}",
        "{{block \"e\" .c}}",
        "{{.}}",
        "{{.a.b.c}}",
        "{{$}}",
        "{{$x}}",
        "{{$x := .a}}",
        "{{$x = 1}}",
        "{{index . 0 \"a\"}}",
        "{{slice . 1}}",
        "{{slice .a 0 2 3}}",
        "{{len .}}",
        "{{printf \"%v %d %5.2f %q %x %[3]*.[2]*[1]f\" . .a 1 .b}}",
        "{{eq . .a nil}}",
        "{{lt .a .b}}",
        "{{html . | js | urlquery}}",
        "{{and .a .b | or .c}}",
        "{{call .a}}",
        "{{(index .a).b}}",
        "{{- ",
        " -}}",
        "{{/* c */}}",
        "(",
        ")",
        "|",
        "\"",
        "`",
        "'",
        "1i",
        "0x1p-2",
        "nil",
        ".",
        "$",
        " ",
        "\n",
        "é",
        ",",
        "{{print 1 .a nil}}",
        "{{range $k, $v := .}}{{$k}}{{$v}}{{end}}",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_parses_or_is_an_error(text in "(\\PC|\\{\\{|\\}\\}|[(|$.\n\"' -]){0,40}") {
        if let Err(error) = Template::parse("t", &text) {
            prop_assert!(error.to_string().starts_with("template: t:"));
        }
    }

    #[test]
    fn any_template_executes_or_is_an_error(text in any_template(), data in any_json()) {
        if let Ok(template) = Template::parse("t", &text) {
            let (mut first, mut second) = (Vec::new(), Vec::new());
            let one = template.execute(&data, &mut first).map_err(|error| error.to_string());
            let two = template.execute(&data, &mut second).map_err(|error| error.to_string());
            prop_assert_eq!((&first, &one), (&second, &two));
            if let Err(error) = one {
                prop_assert!(error.starts_with("template: t:"), "{}", error);
            }
        }
    }

    #[test]
    fn any_format_prints(format in "(%|[-+# 0]|[0-9]{1,3}|\\.|\\[[0-9]\\]|\\*|[a-zA-Z]|\\PC){0,12}", data in any_json()) {
        let args = [Value::of(&data), Value::Int(3), Value::Float(2.5), Value::text("é")];
        printf(format.as_bytes(), &args);
    }

    #[test]
    fn quoted_text_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..20), ascii: bool) {
        let quoted = quote_bytes(&bytes, ascii);
        prop_assert_eq!(unquote(&quoted), Some(bytes));
        prop_assert!(!ascii || quoted.is_ascii());
    }

    #[test]
    fn floats_read_back(value in any::<f64>().prop_filter("a number", |value| value.is_finite())) {
        for verb in ['e', 'f', 'g', 'E', 'G'] {
            let text = float::format(value, verb, None);
            prop_assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{}", text);
        }
        let hex = float::format(value, 'x', None);
        let read = constant(&hex, Kind::Number);
        prop_assert_eq!(read, Ok(Constant::Float(value)), "{}", hex);
    }

    #[test]
    fn a_split_template_prints_the_same(
        body in any_template(),
        otherwise: bool,
        items in prop::collection::vec(any_json(), 0..4),
    ) {
        let otherwise = if otherwise { "{{else}}none" } else { "" };
        let text = format!("<{{{{range .items}}}}{body}{otherwise}{{{{end}}}}>");
        let list = serde_json::json!({"items": items});
        let Ok(template) = Template::parse("t", &text) else { return Ok(()) };
        let Some(split) = template.split("items") else { return Ok(()) };
        let mut whole = Vec::new();
        let expected = template.execute(&list, &mut whole).map_err(|error| error.to_string());
        let mut parts = Vec::new();
        let got = run_split(split, &items, &mut parts).map_err(|error| error.to_string());
        prop_assert_eq!((&parts, &got), (&whole, &expected), "{}", text);
    }
}

fn run_split(split: Split<'_>, items: &[Json], out: &mut Vec<u8>) -> Result<(), Error> {
    split.prefix(out)?;
    for item in items {
        if split.item(item, out)?.is_break() {
            break;
        }
    }
    if items.is_empty() {
        split.none(out)?;
    }
    split.suffix(out)
}

#[test]
fn what_can_be_split() {
    for (text, expected) in [
        ("{{range .items}}{{.metadata.name}}{{end}}", true),
        ("a{{/* c */}}b{{range .items}}{{$x := .a}}{{$x}}{{else}}none{{end}}c\n", true),
        ("{{range .items}}{{template \"x\" .}}{{break}}{{end}}{{define \"x\"}}{{$}}{{end}}", true),
        ("{{range .items}}{{$.kind}}{{end}}", false),
        ("{{range .items}}{{if (index $ \"a\").b}}{{end}}{{end}}", false),
        ("{{range .items}}{{range $}}{{end}}{{end}}", false),
        ("{{range $i, $x := .items}}{{$i}}{{end}}", false),
        ("{{.kind}}{{range .items}}{{end}}", false),
        ("{{range .items}}{{end}}{{len .items}}", false),
        ("{{range .items}}{{else}}{{.kind}}{{end}}", false),
        ("{{range .items.x}}{{end}}", false),
        ("{{range .other}}{{end}}", false),
        ("{{range .items | len}}{{end}}", false),
        ("text", false),
        ("", false),
    ] {
        assert_eq!(Template::parse("t", text).unwrap().split("items").is_some(), expected, "{text}");
    }
}

#[test]
fn the_printer_explains_failures() {
    let object = serde_json::json!({"a": {"b": [1, 2.5, "x"]}, "c": null});
    let printer = GoTemplatePrinter::new("x{{\n.a.b.c}}", true).unwrap();
    let json = |object: &Json, out: &mut dyn Write| serde_json::to_writer(out, object).map_err(Into::into);
    let mut out = Vec::new();
    let error = printer.print(&object, &json, &mut out).unwrap_err().to_string();
    let cause = "template: output:2:2: executing \"output\" at <.a.b.c>: can't evaluate field c in type interface {}";
    assert_eq!(error, format!("error executing template \"x{{{{\\n.a.b.c}}}}\": {cause}"));
    let expected = format!(
        "xError executing template: {cause}. Printing more information for debugging the template:\n\
         \ttemplate was:\n\t\tx{{{{\n.a.b.c}}}}\n\
         \traw data was:\n\t\t{{\"a\":{{\"b\":[1,2.5,\"x\"]}},\"c\":null}}\n\
         \tobject given to template engine was:\n\t\tmap[a:map[b:[1 2.5 x]] c:<nil>]\n\n"
    );
    assert_eq!(String::from_utf8_lossy(&out), expected);
    let error = GoTemplatePrinter::new("{{x}}", true).unwrap_err().to_string();
    assert_eq!(error, "error parsing template {{x}}, template: output:1: function \"x\" not defined");
}
