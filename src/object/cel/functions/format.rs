//! `"%s".format([x])`.

use std::fmt::Write;

use crate::object::cel::Budget;
use crate::object::cel::convert;
use crate::object::cel::fault::EvalError;
use crate::object::cel::types::Type;
use crate::object::cel::value::Value;

/// Digits behind the point where a clause names none.
const PRECISION: usize = 6;
/// The most digits that a clause may ask for.
const MOST_DIGITS: usize = 1000;

/// One part of a pattern.
enum Part<'a> {
    Text(&'a str),
    Clause(Option<usize>, char),
}

fn other<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError::other(message))
}

/// Splits a pattern; `count` is the number of its arguments.
fn parts(pattern: &str, count: usize) -> Result<Vec<Part<'_>>, EvalError> {
    let mut found = Vec::new();
    let mut rest = pattern;
    let mut used = 0;
    while let Some(at) = rest.find('%') {
        let (text, clause) = rest.split_at(at);
        found.push(Part::Text(text));
        if let Some(after) = clause.strip_prefix("%%") {
            found.push(Part::Text("%"));
            rest = after;
            continue;
        }
        if used >= count {
            return other(format!("index {used} out of range"));
        }
        used += 1;
        let mut clause = clause.get(1..).unwrap_or("");
        if clause.is_empty() {
            return other("unexpected end of string");
        }
        let mut precision = None;
        let wrong = |why: &str| other(format!("could not parse formatting clause: {why}"));
        if let Some(after) = clause.strip_prefix('.') {
            let Some(end) = after.find(|c: char| !c.is_ascii_digit()) else {
                return wrong("error while parsing precision: could not find end of precision specifier");
            };
            let digits = after.get(..end).unwrap_or("");
            match digits.parse() {
                Ok(number) if number <= MOST_DIGITS => precision = Some(number),
                _ => {
                    return wrong(&format!(
                        "error while parsing precision: error while converting precision to integer: strconv.Atoi: parsing {digits:?}: invalid syntax"
                    ));
                }
            }
            clause = after.get(end..).unwrap_or("");
        }
        let letter = clause.chars().next().unwrap_or(' ');
        if !"sdfebxXo".contains(letter) {
            return wrong(&format!("unrecognized formatting clause \"{letter}\""));
        }
        found.push(Part::Clause(precision, letter));
        rest = clause.get(letter.len_utf8()..).unwrap_or("");
    }
    found.push(Part::Text(rest));
    Ok(found)
}

/// Fills a pattern with values.
pub(super) fn format(budget: &mut Budget, pattern: &str, values: &[Value<'_>]) -> Result<String, EvalError> {
    budget.traverse(pattern.len())?;
    let mut text = String::with_capacity(pattern.len());
    let mut values = values.iter();
    for part in parts(pattern, values.len())? {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Clause(precision, letter) => {
                let Some(value) = values.next() else { return other("index out of range") };
                let before = text.len();
                clause(&mut text, precision, letter, value)
                    .map_err(|why| EvalError::other(format!("error during formatting: {why}")))?;
                budget.traverse(text.len() - before)?;
            }
        }
    }
    Ok(text)
}

/// What a clause takes, if it does not take a type.
fn refuses(letter: char, of: &Type) -> Option<&'static str> {
    let fits = match letter {
        'd' => matches!(of, Type::Int | Type::Uint),
        'f' | 'e' => matches!(of, Type::Double),
        'b' => matches!(of, Type::Int | Type::Uint | Type::Bool),
        'x' | 'X' => matches!(of, Type::Int | Type::Uint | Type::String | Type::Bytes),
        'o' => matches!(of, Type::Int | Type::Uint),
        _ => !matches!(of, Type::Opaque(..)),
    };
    if fits || of.is_dyn_or_error() {
        return None;
    }
    Some(match letter {
        'd' => "decimal clause can only be used on integers",
        'f' => "fixed-point clause can only be used on doubles",
        'e' => "scientific clause can only be used on doubles",
        'b' => "only integers and bools can be formatted as binary",
        'x' | 'X' => "only integers, byte buffers, and strings can be formatted as hex",
        'o' => "octal clause can only be used on integers",
        _ => {
            "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
        }
    })
}

fn clause(text: &mut String, precision: Option<usize>, letter: char, value: &Value<'_>) -> Result<(), String> {
    let of = value.of();
    // These stand for doubles that JSON does not know.
    let special = value.as_str().filter(|text| matches!(*text, "NaN" | "Infinity" | "-Infinity"));
    if matches!(letter, 'f' | 'e')
        && let Some(special) = special
    {
        text.push_str(&special.replace("Infinity", "∞"));
        return Ok(());
    }
    if let Some(why) = refuses(letter, &of) {
        return Err(format!("{why}, was given {}", of.name()));
    }
    let digits = precision.unwrap_or(PRECISION);
    let written = match (letter, value) {
        ('f', Value::Double(number)) => {
            text.push_str(&grouped(&special_or(*number, |number| format!("{number:.digits$}"))));
            Ok(())
        }
        ('e', Value::Double(number)) => {
            text.push_str(&special_or(*number, |number| scientific(number, digits)));
            Ok(())
        }
        ('b', Value::Bool(value)) => write!(text, "{}", u8::from(*value)),
        ('b', Value::Int(value)) => signed(text, *value, |text, value| write!(text, "{value:b}")),
        ('b', Value::Uint(value)) => write!(text, "{value:b}"),
        ('o', Value::Int(value)) => signed(text, *value, |text, value| write!(text, "{value:o}")),
        ('o', Value::Uint(value)) => write!(text, "{value:o}"),
        ('x', Value::Int(value)) => signed(text, *value, |text, value| write!(text, "{value:x}")),
        ('X', Value::Int(value)) => signed(text, *value, |text, value| write!(text, "{value:X}")),
        ('x', Value::Uint(value)) => write!(text, "{value:x}"),
        ('X', Value::Uint(value)) => write!(text, "{value:X}"),
        ('x' | 'X', Value::String(value)) => hex(text, value.as_bytes(), letter),
        ('x' | 'X', Value::Bytes(value)) => hex(text, value, letter),
        (_, value) => {
            shown(text, value, false)?;
            Ok(())
        }
    };
    written.map_err(|_| "error writing format string".to_owned())
}

fn signed(text: &mut String, value: i64, write: fn(&mut String, u64) -> std::fmt::Result) -> std::fmt::Result {
    if value < 0 {
        text.push('-');
    }
    write(text, value.unsigned_abs())
}

fn hex(text: &mut String, bytes: &[u8], letter: char) -> std::fmt::Result {
    bytes
        .iter()
        .try_for_each(|byte| if letter == 'x' { write!(text, "{byte:02x}") } else { write!(text, "{byte:02X}") })
}

fn special_or(number: f64, write: impl Fn(f64) -> String) -> String {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 { "∞".into() } else { "-∞".into() }
    } else {
        write(number)
    }
}

/// Thousands apart, as the English locale has them.
fn grouped(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{sign}{text}");
    }
    let mut out = sign.to_owned();
    for (at, c) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// `2.500000×10⁰⁰`, as the English locale writes it.
fn scientific(number: f64, digits: usize) -> String {
    let text = format!("{number:.PRECISION$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(("", exponent), |exponent| ("⁻", exponent));
    let raised = |c: char| match c {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        _ => '⁹',
    };
    let exponent: String = format!("{exponent:0>2}").chars().map(raised).collect();
    // What stands behind the point in the clause is the width here.
    format!("{:>digits$}", format!("{mantissa}×10{sign}{exponent}"))
}

/// A value as `%s` shows it; within lists and maps it is shown as it would be written in an expression.
fn shown(text: &mut String, value: &Value<'_>, inner: bool) -> Result<(), String> {
    let quote = crate::go::quote::quote;
    match value {
        Value::Null => text.push_str("null"),
        Value::String(value) if inner => text.push_str(&quote(value)),
        Value::Bytes(bytes) if inner => {
            text.push('b');
            text.push_str(&quote(&String::from_utf8_lossy(bytes)));
        }
        Value::Double(number) if inner => {
            let plain = special_or(*number, |number| format!("{number:.PRECISION$}"));
            text.push_str(&if number.is_finite() { plain } else { quote(&convert::plain(*number)) });
        }
        Value::Timestamp(_) | Value::Duration(_) if inner => {
            let name = if matches!(value, Value::Duration(_)) { "duration" } else { "timestamp" };
            text.push_str(&format!("{name}({})", quote(&convert::text(value).unwrap_or_default())));
        }
        value if value.items().is_some() => {
            text.push('[');
            for (at, item) in value.items().into_iter().flatten().enumerate() {
                if at > 0 {
                    text.push_str(", ");
                }
                shown(text, &item, true)?;
            }
            text.push(']');
        }
        value if value.is_map() => {
            let mut entries = Vec::new();
            for (key, value) in value.entries().unwrap_or_default() {
                let (mut name, mut of) = (String::new(), String::new());
                shown(&mut name, &key.into(), true)?;
                shown(&mut of, &value, true)?;
                entries.push((name, of));
            }
            entries.sort();
            text.push('{');
            for (at, (name, of)) in entries.iter().enumerate() {
                if at > 0 {
                    text.push_str(", ");
                }
                text.push_str(&format!("{name}:{of}"));
            }
            text.push('}');
        }
        value => match convert::text(value) {
            Some(plain) if !matches!(value, Value::Opaque(_)) => text.push_str(&plain),
            _ => return Err(format!("no formatting function for {}", value.of().name())),
        },
    }
    Ok(())
}

/// What is wrong with a pattern, given the types of its arguments: with which of them, and why.
pub(in crate::object::cel) fn check(pattern: &str, of: &[Type]) -> Result<(), (Option<usize>, String)> {
    let parts = parts(pattern, of.len()).map_err(|why| (None, why.to_string()))?;
    let mut used = 0;
    for part in parts {
        let Part::Clause(_, letter) = part else { continue };
        if let Some(of) = of.get(used)
            && let Some(why) = refuses(letter, of)
            // A text may stand for a number that is none, which only its value shows.
            && !(matches!(letter, 'f' | 'e') && matches!(of, Type::String))
        {
            return Err((Some(used), format!("error during formatting: {why}, was given {of}")));
        }
        used += 1;
    }
    if used < of.len() {
        return Err((
            None,
            format!("too many arguments supplied to string.format (expected {used}, got {})", of.len()),
        ));
    }
    Ok(())
}
