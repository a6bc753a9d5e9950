//! Texts: searching, cutting, patterns.

use regex_lite::Regex;

use super::{Function, format, function, mismatch};
use crate::go::regexp::fault;
use crate::object::cel::Budget;
use crate::object::cel::fault::EvalError;
use crate::object::cel::value::{Eval, Text, Value};

pub(super) static TABLE: &[Function] = &[
    function("contains", &["string.(string) -> bool"], |budget, args| test(budget, args, |a, b| a.contains(b))),
    function("startsWith", &["string.(string) -> bool"], |budget, args| test(budget, args, |a, b| a.starts_with(b))),
    function("endsWith", &["string.(string) -> bool"], |budget, args| test(budget, args, |a, b| a.ends_with(b))),
    function("matches", &["(string, string) -> bool", "string.(string) -> bool"], |budget, args| match args {
        [Value::String(text), Value::String(pattern)] => Ok(Value::Bool(regex(budget, text, pattern)?.is_match(text))),
        _ => mismatch(),
    }),
    function("find", &["string.(string) -> string"], |budget, args| match args {
        [Value::String(text), Value::String(pattern)] => {
            let found = regex(budget, text, pattern).map_err(illegal)?.find(text);
            Ok(found.map_or("", |found| found.as_str()).to_owned().into())
        }
        _ => mismatch(),
    }),
    function("findAll", &["string.(string) -> list(string)", "string.(string, int) -> list(string)"], find_all),
    function("charAt", &["string.(int) -> string"], |budget, args| match args {
        [Value::String(text), Value::Int(at)] => {
            let length = characters(budget, text)?;
            match usize::try_from(*at) {
                Ok(at) if at <= length => Ok(text.chars().nth(at).map(String::from).unwrap_or_default().into()),
                _ => Err(out_of_range(*at)),
            }
        }
        _ => mismatch(),
    }),
    function(
        "indexOf",
        &["list(A).(A) -> int", "string.(string) -> int", "string.(string, int) -> int"],
        |budget, args| match args {
            [Value::String(text), Value::String(part)] => index_of(budget, text, part, 0),
            [Value::String(text), Value::String(part), Value::Int(from)] => index_of(budget, text, part, *from),
            args => super::lists::index_of(budget, args, false),
        },
    ),
    function(
        "lastIndexOf",
        &["list(A).(A) -> int", "string.(string) -> int", "string.(string, int) -> int"],
        |budget, args| match args {
            [Value::String(text), Value::String(part)] => {
                let last = characters(budget, text)?;
                if part.is_empty() {
                    return Ok(Value::Int(last as i64));
                }
                if last == 0 || text.len() < part.len() {
                    return Ok(Value::Int(-1));
                }
                last_index_of(budget, text, part, last as i64 - 1)
            }
            [Value::String(text), Value::String(part), Value::Int(from)] => last_index_of(budget, text, part, *from),
            args => super::lists::index_of(budget, args, true),
        },
    ),
    function("lowerAscii", &["string.() -> string"], |budget, args| {
        map(budget, args, |text| text.to_ascii_lowercase())
    }),
    function("upperAscii", &["string.() -> string"], |budget, args| {
        map(budget, args, |text| text.to_ascii_uppercase())
    }),
    function("trim", &["string.() -> string"], |budget, args| map(budget, args, |text| text.trim().to_owned())),
    function("strings.quote", &["(string) -> string"], |budget, args| map(budget, args, quote)),
    function(
        "replace",
        &["string.(string, string) -> string", "string.(string, string, int) -> string"],
        |budget, args| match args {
            [Value::String(text), Value::String(from), Value::String(to)] => replace(budget, text, from, to, -1),
            [Value::String(text), Value::String(from), Value::String(to), Value::Int(count)] => {
                replace(budget, text, from, to, *count)
            }
            _ => mismatch(),
        },
    ),
    function("split", &["string.(string) -> list(string)", "string.(string, int) -> list(string)"], |budget, args| {
        match args {
            [Value::String(text), Value::String(by)] => split(budget, text, by, -1),
            [Value::String(text), Value::String(by), Value::Int(count)] => split(budget, text, by, *count),
            _ => mismatch(),
        }
    }),
    function("substring", &["string.(int) -> string", "string.(int, int) -> string"], |budget, args| match args {
        [Value::String(text), Value::Int(start)] => {
            let end = characters(budget, text)? as i64;
            if *start < 0 || *start > end { Err(out_of_range(*start)) } else { cut(text, *start, end) }
        }
        [Value::String(text), Value::Int(start), Value::Int(end)] => {
            let length = characters(budget, text)? as i64;
            if start > end {
                let message = format!("invalid substring range. start: {start}, end: {end}");
                return Err(EvalError::other(message));
            }
            for at in [*start, *end] {
                if at < 0 || at > length {
                    return Err(out_of_range(at));
                }
            }
            cut(text, *start, *end)
        }
        _ => mismatch(),
    }),
    function("join", &["list(string).() -> string", "list(string).(string) -> string"], |budget, args| match args {
        [list] => join(budget, list, ""),
        [list, Value::String(by)] => join(budget, list, by),
        _ => mismatch(),
    }),
    function("format", &["string.(list(dyn)) -> string"], |budget, args| match args {
        [Value::String(text), list] if list.items().is_some() => {
            let items: Vec<Value<'_>> = list.items().into_iter().flatten().collect();
            format::format(budget, text, &items).map(Value::from)
        }
        _ => mismatch(),
    }),
    function(
        "size",
        &[
            "(bytes) -> int",
            "bytes.() -> int",
            "(list(A)) -> int",
            "list(A).() -> int",
            "(map(A, B)) -> int",
            "map(A, B).() -> int",
            "(string) -> int",
            "string.() -> int",
        ],
        |_, args| match args {
            [value] => match value.size() {
                Some(size) => Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX))),
                None => Err(EvalError::NoSuchOverload("no such overload: size".into())),
            },
            _ => mismatch(),
        },
    ),
];

fn out_of_range(at: i64) -> EvalError {
    EvalError::other(format!("index out of range: {at}"))
}

fn illegal(error: EvalError) -> EvalError {
    match error {
        EvalError::CostLimit => EvalError::CostLimit,
        error => EvalError::other(format!("Illegal regex: {error}")),
    }
}

fn characters(budget: &mut Budget, text: &str) -> Result<usize, EvalError> {
    budget.traverse(text.len())?;
    Ok(text.chars().count())
}

fn test<'v>(budget: &mut Budget, args: &[Value<'v>], holds: fn(&str, &str) -> bool) -> Eval<'v> {
    match args {
        [Value::String(text), Value::String(part)] => {
            budget.traverse(text.len())?;
            Ok(Value::Bool(holds(text, part)))
        }
        _ => mismatch(),
    }
}

fn map<'v>(budget: &mut Budget, args: &[Value<'v>], change: fn(&str) -> String) -> Eval<'v> {
    match args {
        [Value::String(text)] => {
            budget.traverse(text.len())?;
            Ok(change(text).into())
        }
        _ => mismatch(),
    }
}

/// A pattern. Matching takes time in proportion to the text and the pattern, never more.
fn regex(budget: &mut Budget, text: &str, pattern: &str) -> Result<Regex, EvalError> {
    budget.charge((text.len() as u64 / 10 + 1).saturating_mul(pattern.len() as u64 / 4 + 1))?;
    compile(pattern).map_err(EvalError::other)
}

/// Reads a pattern; the error is worded as Go's.
pub(in crate::object::cel) fn compile(pattern: &str) -> Result<Regex, String> {
    if let Some(why) = fault(pattern) {
        return Err(why);
    }
    // What Go reads and this engine does not is told in words of Go's that come nearest.
    Regex::new(pattern).map_err(|_| format!("error parsing regexp: invalid or unsupported Perl syntax: `{pattern}`"))
}

fn find_all<'v>(budget: &mut Budget, args: &[Value<'v>]) -> Eval<'v> {
    let (text, pattern, most) = match args {
        [Value::String(text), Value::String(pattern)] => (text, pattern, -1),
        [Value::String(text), Value::String(pattern), Value::Int(most)] => (text, pattern, *most),
        _ => return mismatch(),
    };
    let regex = regex(budget, text, pattern).map_err(illegal)?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    Ok(Value::list(regex.find_iter(text).take(most).map(|found| found.as_str().to_owned().into()).collect()))
}

fn index_of<'v>(budget: &mut Budget, text: &str, part: &str, from: i64) -> Eval<'v> {
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    budget.traverse(text.len())?;
    let Ok(start) = usize::try_from(from) else { return Err(out_of_range(from)) };
    let found = text.char_indices().nth(start).and_then(|(byte, _)| {
        let at = text.get(byte..)?.find(part)?;
        Some(start + text.get(byte..byte + at)?.chars().count())
    });
    Ok(Value::Int(found.map_or(-1, |at| at as i64)))
}

fn last_index_of<'v>(budget: &mut Budget, text: &str, part: &str, from: i64) -> Eval<'v> {
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    let length = characters(budget, text)?;
    let Ok(last) = usize::try_from(from) else { return Err(out_of_range(from)) };
    if last >= length {
        return Ok(Value::Int(-1));
    }
    let end = text.char_indices().nth(last).map_or(text.len(), |(byte, _)| byte);
    let end = (end + part.len()).min(text.len());
    let mut end = end;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let found = text.get(..end).and_then(|head| head.rfind(part)).and_then(|at| text.get(..at));
    Ok(Value::Int(found.map_or(-1, |head| head.chars().count() as i64)))
}

fn replace<'v>(budget: &mut Budget, text: &str, from: &str, to: &str, count: i64) -> Eval<'v> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let places = if from.is_empty() { text.len() + 1 } else { text.len() / from.len() };
    budget.traverse(text.len().saturating_add(places.min(most).saturating_mul(to.len())))?;
    Ok(text.replacen(from, to, most).into())
}

fn split<'v>(budget: &mut Budget, text: &str, by: &str, count: i64) -> Eval<'v> {
    budget.traverse(text.len())?;
    let parts: Vec<String> = match (count, by) {
        (0, _) => Vec::new(),
        (count, "") => {
            let most = usize::try_from(count).unwrap_or(usize::MAX);
            let mut parts: Vec<String> = text.chars().map(String::from).collect();
            if parts.len() > most {
                let rest = parts.split_off(most.saturating_sub(1)).concat();
                parts.push(rest);
            }
            parts
        }
        (count, by) => match usize::try_from(count) {
            Ok(most) => text.splitn(most, by).map(str::to_owned).collect(),
            Err(_) => text.split(by).map(str::to_owned).collect(),
        },
    };
    Ok(Value::list(parts.into_iter().map(Value::from).collect()))
}

fn cut<'v>(text: &str, start: i64, end: i64) -> Eval<'v> {
    let start = usize::try_from(start).unwrap_or(0);
    let end = usize::try_from(end).unwrap_or(0);
    Ok(text.chars().skip(start).take(end.saturating_sub(start)).collect::<String>().into())
}

fn join<'v>(budget: &mut Budget, list: &Value<'v>, by: &str) -> Eval<'v> {
    let Some(items) = list.items() else { return mismatch() };
    let mut joined = String::new();
    for (at, item) in items.enumerate() {
        let Value::String(text) = &item else {
            return Err(EvalError::NoSuchOverload("no such overload: join(list, string)".into()));
        };
        budget.traverse(text.len() + by.len() + 10)?;
        if at > 0 {
            joined.push_str(by);
        }
        joined.push_str(text);
    }
    Ok(Value::String(Text::Shared(joined.into())))
}

fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' | '"' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
