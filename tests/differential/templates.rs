//! Go templates, by a grammar that mostly gives what can be executed.

use super::dice::Dice;

const INTS: &[&str] =
    &[".spec.zero", ".spec.one", ".spec.seven", ".spec.neg", ".spec.big", ".spec.min", ".spec.letter", ".spec.whole"];
const FLOATS: &[&str] = &[".spec.half", ".spec.pi", ".spec.fneg", ".spec.huge", ".spec.tiny", ".spec.e21"];
const TEXTS: &[&str] = &[
    ".spec.empty",
    ".spec.word",
    ".spec.digits",
    ".spec.text",
    ".spec.b64",
    ".spec.query",
    ".spec.utf",
    ".metadata.name",
    ".kind",
    ".metadata.annotations.note",
];
const LISTS: &[&str] = &[".spec.list", ".spec.words", ".spec.mixed", ".spec.none", ".spec.matrix", ".spec.crew"];
const MAPS: &[&str] = &[".spec.map", ".spec.bare", ".metadata.labels", ".spec.only", ".metadata", ".spec.map.h"];
const ODD: &[&str] = &[
    ".",
    ".spec.nothing",
    ".spec.nosuch",
    ".nosuch.deeper",
    ".spec.map.c",
    ".spec.word.field",
    ".spec.list.x",
    ".spec.nothing.x",
    "nil",
    ".spec.yes",
    ".spec.no",
    ".spec.map.h.i.j",
    ".spec.zero.x",
    "$.nosuch",
    ".metadata.labels.app",
    ".name",
    ".age",
    ".home.city",
    ".rank",
];
/// Neither numbers nor texts, and all can be executed.
const PLAIN: &[&str] = &[
    ".",
    "$.spec.yes",
    "$.spec.no",
    "$.spec.nothing",
    "$.spec.map.c",
    "true",
    "false",
    "1i",
    "2+3i",
    "$.spec.mixed",
    "$.spec.map.h.i.j",
];
/// What `index` is asked for.
const PLACES: &[&str] =
    &["\"a\"", "\"h\" \"i\"", "0", "1", "5", "\"app\"", "0 1", "\"f.g\" 0", "nil", "1.5", "\"nosuch\"", ".spec.one"];
/// No base64.
const BROKEN: &[&str] = &["\"a\"", "\"aGk\"", ".spec.word", "3", "$.spec.nosuch", "\"a=b=\"", "nil"];
const INT_CONSTANTS: &[&str] =
    &["0", "1", "2", "3", "-1", "42", "0x1F", "0b101", "0o17", "1_000", "'a'", "'\\n'", "'é'", "007", "+5"];
const FLOAT_CONSTANTS: &[&str] = &["0.5", "1.0", "-2.25", "1e3", "1e-7", ".5", "0x1p4", "1e100", "2.0"];
const TEXT_CONSTANTS: &[&str] = &[
    "\"\"",
    "\"a\"",
    "\"hull\"",
    "`raw \\n`",
    "\"tab\\t\\\"q\\\" \\u00e9\\x41\"",
    "\"<&>'\"",
    "\"app\"",
    "\"two words\"",
    "\"42\"",
];
const ODD_CONSTANTS: &[&str] = &["true", "false", "nil", "1i", "9223372036854775808", "08", "1.5i", "2+3i"];
const COMPARISONS: &[&str] = &["eq", "ne", "lt", "le", "gt", "ge"];
const TEXT_FUNCTIONS: &[&str] = &["html", "js", "urlquery", "print", "println"];
const VERBS: &[&str] = &[
    "v", "d", "s", "q", "x", "X", "o", "O", "b", "c", "U", "e", "E", "f", "F", "g", "G", "t", "T", "+v", "#v", "#x",
    "+d", " d", "05d", "-5d|", "5s|", "-8s|", ".2s", ".3f", "8.2f", "+.1e", "08.3f", "#q", "+q", " x", "# x", "#o",
    "#U", "z", "!", "%", "*d", ".*f", "[2]d", "[1]*d", "[3]v", "-05d", "+q", "x", "#g", "6.3v", "w", "020d", ".0d",
    ".3d", "+08.2f", "#.3g", "-10v|", "é", "[x]d", "[1]", "5t", "5c", "-5q|", "+x", "#b", ".1q",
];
const SPOILERS: &[&str] = &[
    "{{", "}}", "(", ")", "|", "\"", "$", ".", ":=", ",", "{{end}}", "{{else}}", "-", "'", "\n", "`", "{{/*", "é", "@",
];

/// What an expression is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Int,
    Float,
    Text,
    List,
    Map,
    Any,
}

/// A template.
pub fn template(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..dice.below(3) {
        if dice.chance(35) {
            let body = body(dice, 2);
            dice.variables.clear();
            let index = dice.defined;
            text.push_str(&action(dice, &format!("define \"T{index}\"")));
            text.push_str(&body);
            text.push_str(&action(dice, "end"));
            dice.defined += 1;
        }
    }
    text.push_str(&body(dice, 3));
    if dice.wild && dice.chance(25) { dice.spoilt(&text, SPOILERS) } else { text }
}

/// Braces around an action, some with trim markers.
fn action(dice: &mut Dice, inner: &str) -> String {
    let left = if dice.chance(10) { "{{- " } else { dice.one(&["{{", "{{ "]) };
    let right = if dice.chance(10) { " -}}" } else { dice.one(&["}}", " }}"]) };
    format!("{left}{inner}{right}")
}

fn body(dice: &mut Dice, depth: usize) -> String {
    let (known, mut text) = (dice.variables.len(), String::new());
    for _ in 0..=dice.below(3) {
        let part = statement(dice, depth);
        text.push_str(&part);
    }
    dice.variables.truncate(known);
    text
}

fn statement(dice: &mut Dice, depth: usize) -> String {
    let choice = if depth == 0 { dice.below(8) } else { dice.below(16) };
    match choice {
        0 => dice.one(&[" ", "text ", "\n", "a\n  b", "<p>", "é", "} "]).to_owned(),
        1 => dice.one(&["{{/* a comment */}}", "{{- /* trimmed */ -}}", "{{/* two\nlines */}}"]).to_owned(),
        2 => declaration(dice),
        3 if dice.ranges > 0 => {
            let word = dice.one(&["break", "continue"]);
            let condition = pipeline(dice, Kind::Any, 1);
            format!("{}{{{{{word}}}}}{}", action(dice, &format!("if {condition}")), action(dice, "end"))
        }
        3..=7 => {
            let inner = pipeline(dice, Kind::Any, 3);
            action(dice, &inner)
        }
        8 | 9 => conditional(dice, "if", depth),
        10 => conditional(dice, "with", depth),
        11..=13 => range(dice, depth),
        14 if dice.defined > 0 => {
            let known = dice.defined + usize::from(dice.wild && dice.chance(10));
            let index = dice.below(known);
            // The argument becomes the template's own `$`.
            let argument = if !dice.wild {
                " $".to_owned()
            } else if dice.chance(80) {
                format!(" {}", pipeline(dice, Kind::Any, 1))
            } else {
                String::new()
            };
            action(dice, &format!("template \"T{index}\"{argument}"))
        }
        _ => {
            let argument = if dice.wild { pipeline(dice, Kind::Any, 1) } else { "$".to_owned() };
            let name = dice.below(1000);
            let (start, end) = (action(dice, &format!("block \"B{name}\" {argument}")), action(dice, "end"));
            let (variables, ranges) = (std::mem::take(&mut dice.variables), std::mem::take(&mut dice.ranges));
            let inner = body(dice, depth - 1);
            (dice.variables, dice.ranges) = (variables, ranges);
            format!("{start}{inner}{end}")
        }
    }
}

fn declaration(dice: &mut Dice) -> String {
    let value = pipeline(dice, Kind::Any, 2);
    if dice.chance(40)
        && let Some(name) = dice.variable()
    {
        return action(dice, &format!("{name} = {value}"));
    }
    let name = dice.one(&["$x", "$y", "$é1", "$z_"]).to_owned();
    let text = action(dice, &format!("{name} := {value}"));
    dice.variables.push(name);
    text
}

/// `if` or `with`.
fn conditional(dice: &mut Dice, word: &str, depth: usize) -> String {
    let known = dice.variables.len();
    let mut head = pipeline(dice, Kind::Any, 2);
    if dice.chance(15) {
        head = format!("$c := {head}");
        dice.variables.push("$c".to_owned());
    }
    let mut text = action(dice, &format!("{word} {head}"));
    text.push_str(&body(dice, depth - 1));
    while dice.chance(20) {
        let condition = pipeline(dice, Kind::Any, 1);
        text.push_str(&action(dice, &format!("else {word} {condition}")));
        text.push_str(&body(dice, depth - 1));
    }
    if dice.chance(40) {
        text.push_str(&action(dice, "else"));
        text.push_str(&body(dice, depth - 1));
    }
    dice.variables.truncate(known);
    text + &action(dice, "end")
}

fn range(dice: &mut Dice, depth: usize) -> String {
    let known = dice.variables.len();
    let over = match dice.below(10) {
        0 if dice.minor >= 34 => {
            dice.one(&["3", "0", ".spec.one", "(len .spec.list)", "-1", "'\\x02'", "$.spec.seven"]).to_owned()
        }
        0..=5 => pipeline(dice, Kind::List, 1),
        6 | 7 => pipeline(dice, Kind::Map, 1),
        8 => dice.one(&["$.spec.crew", "$.spec.map", "$.spec.words", "$.spec.mixed"]).to_owned(),
        _ if dice.wild => pipeline(dice, Kind::Any, 1),
        _ => "$.spec.matrix".to_owned(),
    };
    let counts = over.ends_with("one") || over.ends_with("seven") || over.contains("len ") || over.len() < 7;
    let names: &[&str] = match dice.below(4) {
        0 if counts && !dice.wild => &["$e"],
        0 => &["$i", "$e"],
        1 => &["$e"],
        _ => &[],
    };
    let head = if names.is_empty() { over } else { format!("{} := {over}", names.join(", ")) };
    let mut text = action(dice, &format!("range {head}"));
    dice.variables.extend(names.iter().map(|name| (*name).to_owned()));
    dice.ranges += 1;
    text.push_str(&body(dice, depth - 1));
    dice.ranges -= 1;
    dice.variables.truncate(known);
    if dice.chance(30) {
        text.push_str(&action(dice, "else"));
        text.push_str(&body(dice, depth - 1));
    }
    text + &action(dice, "end")
}

fn pipeline(dice: &mut Dice, kind: Kind, depth: usize) -> String {
    let piped = matches!(kind, Kind::Any | Kind::Text) || dice.wild;
    if piped && depth > 0 && dice.chance(25) {
        let (takes, second) = match dice.below(8) {
            0 => (Kind::List, "len".to_owned()),
            1 | 2 => (Kind::Any, dice.one(TEXT_FUNCTIONS).to_owned()),
            3 => (Kind::Any, format!("printf {}", format(dice, 1))),
            4 => (
                Kind::Any,
                dice.one(&["not", "html | len", "print | js", "urlquery | html", "println | len | print"]).to_owned(),
            ),
            5 => (Kind::Int, format!("{} {}", dice.one(COMPARISONS), operand(dice, Kind::Int, 0))),
            6 => (Kind::Any, format!("{} {}", dice.one(&["and", "or"]), operand(dice, Kind::Any, 0))),
            _ if dice.wild => {
                (Kind::Any, dice.one(&["base64decode", "call", "slice", "index 1", "exists 0", "len"]).to_owned())
            }
            _ => (Kind::Text, "html".to_owned()),
        };
        let takes = if dice.wild && dice.chance(30) { Kind::Any } else { takes };
        return format!("{} | {second}", expression(dice, takes, depth - 1));
    }
    expression(dice, kind, depth)
}

/// A command: a function with its arguments, or an operand.
fn expression(dice: &mut Dice, kind: Kind, depth: usize) -> String {
    if depth == 0 || dice.chance(30) {
        return operand(dice, kind, depth);
    }
    let below = depth - 1;
    let kind = if dice.wild && dice.chance(12) { Kind::Any } else { kind };
    match (kind, dice.below(12)) {
        (Kind::Int, 0..=8) => format!("len {}", operand(dice, Kind::List, below)),
        (Kind::Text, 0..=3) => format!("{} {}", dice.one(TEXT_FUNCTIONS), operands(dice, below)),
        (Kind::Text, 4..=6) => {
            format!(
                "slice {} {}",
                operand(dice, Kind::Text, below),
                pick(dice, &["0", "0 0"], &["1", "1 2", "0 9", "2 1", "-1", "1 2 3"])
            )
        }
        (Kind::Text, _) | (Kind::Any, 0..=2) => {
            let count = 1 + dice.below(3);
            let format = format(dice, count);
            let count = if dice.chance(10) { dice.below(4) } else { count };
            let arguments: Vec<_> = (0..count).map(|_| operand(dice, Kind::Any, below)).collect();
            format!("printf {format} {}", arguments.join(" "))
        }
        (Kind::List, 0..=5) => {
            format!(
                "slice {} {}",
                operand(dice, Kind::List, below),
                pick(dice, &["0", "0 0", "0 0 0"], &["1", "0 1", "1 3", "0 5", "2 1", "0 1 2", "1 1 9", "nil"])
            )
        }
        (Kind::List, _) => {
            format!(
                "index $.spec.matrix {}",
                pick(dice, &["0", "1", "2"], &["3", "-1", ".spec.one", "nil", "\"a\"", "0 1"])
            )
        }
        (Kind::Map, _) => format!("index $.spec.crew {}", dice.one(&["0", "1", "2", "0 \"home\"", "2 \"home\""])),
        (Kind::Any, 3..=5) => comparison(dice, below),
        (Kind::Any, 6) => format!("{} {}", dice.one(&["and", "or"]), operands(dice, below)),
        (Kind::Any, 7) => format!("not {}", operand(dice, Kind::Any, below)),
        (Kind::Any, 8) if dice.wild => {
            let word = dice.one(&["index", "exists"]);
            let kind = dice.either(50, Kind::Map, Kind::List);
            let of = operand(dice, kind, below);
            format!("{word} {of} {}", dice.one(PLACES))
        }
        (Kind::Any, 8) => {
            let word = dice.one(&[
                "index $.spec.map",
                "index $.spec.bare",
                "exists $.spec.map",
                "exists $.spec.map",
                "index $.metadata.labels",
            ]);
            format!("{word} {}", dice.one(&["\"a\"", "\"d-e\"", "\"h\"", "\"nosuch\"", "\"app\"", "\"c\""]))
        }
        (Kind::Any, 9) => format!("base64decode {}", pick(dice, &["$.spec.b64", "\"aGk=\"", "\"aG\\nk=\""], BROKEN)),
        (Kind::Any, 10) => format!("{} {}", dice.one(TEXT_FUNCTIONS), operands(dice, below)),
        (Kind::Any, _) => {
            let kind = dice.either(50, Kind::Map, Kind::Text);
            format!("len {}", operand(dice, kind, below))
        }
        _ => operand(dice, kind, below),
    }
}

fn comparison(dice: &mut Dice, depth: usize) -> String {
    let word = dice.one(COMPARISONS);
    let kinds = match dice.below(if dice.wild { 6 } else { 3 }) {
        0 => [Kind::Int, Kind::Int],
        1 => [Kind::Float, Kind::Float],
        2 => [Kind::Text, Kind::Text],
        3 => [Kind::Int, Kind::Float],
        4 => [Kind::Any, Kind::Any],
        _ => [Kind::Text, Kind::Int],
    };
    let mut text = format!("{word} {} {}", operand(dice, kinds[0], depth), operand(dice, kinds[1], depth));
    while dice.chance(15) && (word == "eq" || dice.wild) {
        text.push_str(&format!(" {}", operand(dice, kinds[1], depth)));
    }
    text
}

/// What works, or where errors are welcome also what does not.
fn pick<'a>(dice: &mut Dice, good: &[&'a str], bad: &[&'a str]) -> &'a str {
    if dice.wild && dice.chance(60) { dice.one(bad) } else { dice.one(good) }
}

fn operands(dice: &mut Dice, depth: usize) -> String {
    let count = 1 + dice.below(3);
    let operands: Vec<_> = (0..count).map(|_| operand(dice, Kind::Any, depth)).collect();
    operands.join(" ")
}

fn operand(dice: &mut Dice, kind: Kind, depth: usize) -> String {
    if depth > 0 && dice.chance(25) {
        let inner = pipeline(dice, kind, depth - 1);
        let field = if dice.wild && dice.chance(10) { dice.one(&[".name", ".home.city", ".a", ".x.y"]) } else { "" };
        return format!("({inner}){field}");
    }
    // A variable may hold anything.
    if (dice.wild || kind == Kind::Any)
        && dice.chance(25)
        && let Some(name) = dice.variable()
    {
        return name
            + if dice.wild && dice.chance(15) { dice.one(&[".name", ".home", ".nosuch", ".skills"]) } else { "" };
    }
    let (fields, constants) = match kind {
        Kind::Int => (INTS, INT_CONSTANTS),
        Kind::Float => (FLOATS, FLOAT_CONSTANTS),
        Kind::Text => (TEXTS, TEXT_CONSTANTS),
        Kind::List => (LISTS, LISTS),
        Kind::Map => (MAPS, MAPS),
        Kind::Any => match dice.below(8) {
            0 | 1 => (INTS, INT_CONSTANTS),
            2 => (FLOATS, FLOAT_CONSTANTS),
            3 | 4 => (TEXTS, TEXT_CONSTANTS),
            5 => (LISTS, MAPS),
            _ if dice.wild => (ODD, ODD_CONSTANTS),
            _ => (PLAIN, PLAIN),
        },
    };
    if dice.chance(30) {
        return dice.one(constants).to_owned();
    }
    let field = dice.one(fields);
    // Inside of a `range` or `with` the dot is another.
    let roots = field.starts_with(".spec") || field.starts_with(".metadata") || field == ".kind";
    if roots && (!dice.wild || dice.chance(60)) { format!("${field}") } else { field.to_owned() }
}

/// A format with so many verbs, and text between them.
fn format(dice: &mut Dice, verbs: usize) -> String {
    let mut text = String::from("\"");
    for _ in 0..verbs {
        text.push_str(dice.one(&["", "", " ", "a=", "é", "\\n", "|"]));
        text.push('%');
        text.push_str(dice.one(VERBS));
    }
    text.push_str(dice.one(&["\"", "\"", " end\"", "\\n\"", "%\""]));
    text
}
