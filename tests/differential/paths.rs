//! JSONPath templates, by a grammar that mostly gives what can be executed.

use super::dice::Dice;

const FIELDS: &[&str] = &[
    ".spec.zero",
    ".spec.seven",
    ".spec.neg",
    ".spec.big",
    ".spec.min",
    ".spec.half",
    ".spec.huge",
    ".spec.tiny",
    ".spec.whole",
    ".spec.e21",
    ".spec.yes",
    ".spec.nothing",
    ".spec.empty",
    ".spec.word",
    ".spec.text",
    ".spec.utf",
    ".spec.list",
    ".spec.words",
    ".spec.mixed",
    ".spec.none",
    ".spec.bare",
    ".spec.matrix",
    ".spec.map",
    ".spec.map.h.i.j",
    ".spec.map.d-e",
    ".spec.map.f\\.g",
    ".spec.map['f.g']",
    ".spec.map['d-e']",
    ".spec.map[\"a\"]",
    ".metadata.labels.crew\\.example\\.org/oars",
    ".metadata.labels['app']",
    ".metadata.name",
    ".kind",
    ".spec.crew",
    ".spec.nosuch",
    ".nosuch.deeper",
    ".spec.word.x",
    ".metadata.annotations.note",
    "['spec']['word']",
    ".spec.only.below.last",
    ".spec",
    "",
];
const LISTS: &[&str] = &[
    ".spec.list",
    ".spec.words",
    ".spec.mixed",
    ".spec.none",
    ".spec.matrix",
    ".spec.crew",
    ".spec.crew[*].skills",
    ".spec.only.below.last",
    ".spec.nothing",
    ".spec.word",
    ".spec.map.h",
    ".spec.seven",
    ".spec.nosuch",
];
const BRACKETS: &[&str] = &[
    "[*]",
    "[0]",
    "[1]",
    "[-1]",
    "[2]",
    "[-2]",
    "[9]",
    "[0:2]",
    "[1:]",
    "[:2]",
    "[:-1]",
    "[::2]",
    "[0:3:2]",
    "[-2:]",
    "[2:1]",
    "[0,2]",
    "[-1,0]",
    "[0:1,2]",
    "[:]",
    "[]",
    "[1:1]",
    "[0:9]",
    "[-9:]",
    "[::0]",
    "[::-1]",
    "[a]",
    "[ 0 ]",
    "[0, 1]",
    "[*,0]",
    "['name','age']",
    "[1:2:3:4]",
    "[99999999999999999999]",
];
const TAILS: &[&str] = &[
    "",
    "",
    ".name",
    ".age",
    ".rank",
    ".home.city",
    ".skills[0]",
    ".skills[*]",
    ".key",
    "[0]",
    "['name','age']",
    ".*",
    "..key",
    ".home",
];
const LEFTS: &[&str] = &[
    "@.name",
    "@.age",
    "@.rank",
    "@.swift",
    "@.home.city",
    "@.skills[0]",
    "@.skills",
    "@",
    "@.key",
    ".name",
    "@['age']",
    "@.nosuch",
    "@.home",
];
const OPERATORS: &[&str] = &["==", "!=", "<", ">", "<=", ">=", " == ", " > ", "=", "=>", "!", "=~", "===", "&&"];
const RIGHTS: &[&str] = &[
    "\"jason\"",
    "'jason'",
    "30",
    "25",
    "1.5",
    "2",
    "true",
    "false",
    "\"sing\"",
    "'Iolcus'",
    "@.age",
    "-1",
    "\"\"",
    "\"v1\"",
    "3",
    "jason",
    "$.spec.one",
    "\"a)b\"",
    "'oak'",
    "1e3",
    "nil",
    "\"x\\\"y\"",
];
const TEXTS: &[&str] = &[
    "",
    " ",
    "\n",
    "text",
    "é: ",
    "{\"\\n\"}",
    "{\"\\t\"}",
    "{' '}",
    "{\"a'b\"}",
    "{'a\"b'}",
    "{\"\\u00e9\\x41\"}",
    "}",
    "{\"{}\"}",
    "{'\\n'}",
    "{\"\"}",
    "{\"\\q\"}",
];
const ODD: &[&str] = &[
    "{1}",
    "{-5}",
    "{1.5}",
    "{true}",
    "{false}",
    "{1 2}",
    "{.kind .metadata.name}",
    "{@}",
    "{$.kind}",
    "{@.kind}",
    "{kind}",
    "{end}",
    "{range}",
    "{}",
    "{ }",
    "{.}",
    "{.spec.only..key}",
    "{.spec.only.*}",
    "{.spec.only.below.*}",
    "{.spec.list.*}",
    "{.spec.crew..city}",
    "{.spec.matrix..*}",
    "{.spec.words.*}",
    "{.spec.only..*}",
    "{....}",
    "{.kind.}",
    "{[.kind,.metadata.name]}",
    "{['kind','apiVersion']}",
    "{.metadata['name','namespace']}",
    "{+1}",
    "{.spec.map.*.i}",
    "{.spec.only.below.last..key[0]}",
    "{.spec.crew[*]['name','age']}",
    "{.spec['word', 'digits']}",
    "{$}",
    "{#}",
    "{.kind,.metadata.name}",
    "{1.2.3}",
    "{.spec.word[0]}",
    "{.metadata.name}{.spec.nosuch}",
    "{\"unclosed}",
    "{.kind\n}",
    "{.spec.list[(@.length-1)]}",
    "{.spec.crew[?(@.age>26)].name}",
    "{range .spec.crew[*]}{.name}",
];
const SPOILERS: &[&str] = &[
    "{", "}", "[", "]", "(", ")", "'", "\"", ".", "?", "@", "$", ",", ":", "\\", "-", " ", "é", "\n", "0", "end",
    "range",
];

/// A template.
pub fn path(dice: &mut Dice) -> String {
    let text = parts(dice, 2);
    if dice.chance(10) {
        let spoilt = dice.spoilt(&text, SPOILERS);
        // Not a `*` or `..` more, which could ask for a whole map's values.
        let wild = |text: &str| text.matches('*').count() + text.matches("..").count();
        if wild(&spoilt) <= wild(&text) && !spoilt.contains(".*") {
            return spoilt;
        }
    }
    text
}

fn parts(dice: &mut Dice, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..=dice.below(3) {
        match dice.below(10) {
            0 | 1 => text.push_str(dice.one(TEXTS)),
            2 => text.push_str(dice.one(ODD)),
            3 | 4 if depth > 0 => {
                let list = dice.one(LISTS);
                let which = if dice.chance(70) { "[*]".to_owned() } else { brackets(dice) };
                let inner = range_body(dice, depth - 1);
                let end = if dice.chance(95) { "{end}" } else { "" };
                text.push_str(&format!("{{range {list}{which}}}{inner}{end}"));
            }
            5..=7 => {
                let list = dice.one(LISTS);
                let which = brackets(dice);
                let tail = match dice.one(TAILS) {
                    // A sailor has several fields.
                    ".*" if list.contains("crew") => "",
                    tail => tail,
                };
                text.push_str(&format!("{{{list}{which}{tail}}}"));
            }
            _ => {
                let root = dice.one(&["", "", "$", "@"]);
                text.push_str(&format!("{{{root}{}}}", dice.one(FIELDS)));
            }
        }
    }
    text
}

fn range_body(dice: &mut Dice, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..=dice.below(3) {
        match dice.below(6) {
            0 => text.push_str(dice.one(TEXTS)),
            1 => text.push_str(&parts(dice, depth)),
            2 if depth > 0 => {
                let inner = range_body(dice, depth - 1);
                text.push_str(&format!("{{range .skills[*]}}{inner}{{end}}"));
            }
            _ => text.push_str(dice.one(&[
                "{.name}",
                "{@.name}",
                "{@}",
                "{.age} ",
                "{.home.city}",
                "{.nosuch}",
                "{.skills[0]}",
                "{.key}",
                "{$.kind}",
                "{.skills}",
                "{\"\\n\"}",
            ])),
        }
    }
    text
}

fn brackets(dice: &mut Dice) -> String {
    if dice.chance(55) {
        return dice.one(BRACKETS).to_owned();
    }
    let left = dice.one(LEFTS);
    if dice.chance(25) {
        return format!("[?({left})]");
    }
    let known = dice.either(85, 8, OPERATORS.len());
    let operator = dice.one(OPERATORS.get(..known).unwrap_or_default());
    let right = dice.one(RIGHTS);
    format!("[?({left}{operator}{right})]")
}
