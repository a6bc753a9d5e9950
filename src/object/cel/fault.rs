//! What is wrong with an expression, and how it is shown.

use std::fmt;

/// Faults beyond this many are counted, not shown.
const MOST_SHOWN: usize = 100;
/// Lines with more bytes than this are not shown.
const LONGEST_LINE: usize = 16_384;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where, in characters; `None` for the whole.
    pub at: Option<usize>,
    pub message: String,
}

impl Fault {
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at: Some(at), message: message.into() }
    }
}

/// Why a text is no expression of its environment: one fault after the other, each with its line of
/// the text and a mark under it, in the form of cel-go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError(String);

impl CompileError {
    pub(super) fn new(text: &str, mut faults: Vec<Fault>) -> Self {
        let more = faults.len().saturating_sub(MOST_SHOWN);
        faults.truncate(MOST_SHOWN);
        let lines: Vec<&str> = text.split('\n').collect();
        let mut shown: Vec<((usize, usize), String)> = faults.iter().map(|fault| shown(&lines, fault)).collect();
        shown.sort_by_key(|(at, _)| *at);
        let mut texts: Vec<String> = shown.into_iter().map(|(_, text)| text).collect();
        if more > 0 {
            texts.push(format!("{more} more errors were truncated"));
        }
        Self(texts.join("\n"))
    }
}

fn shown(lines: &[&str], fault: &Fault) -> ((usize, usize), String) {
    let Some(mut column) = fault.at else {
        return ((0, 0), format!("ERROR: <input>:-1:0: {}", fault.message));
    };
    // There is no place in nothing.
    if matches!(lines, [""]) {
        return ((0, 0), format!("ERROR: <input>:1:0: {}", fault.message));
    }
    let mut number = 0;
    for line in lines {
        let length = line.chars().count();
        if column <= length {
            break;
        }
        column -= length + 1;
        number += 1;
    }
    let mut text = format!("ERROR: <input>:{}:{}: {}", number + 1, column + 1, fault.message);
    if let Some(line) = lines.get(number).filter(|line| line.len() <= LONGEST_LINE) {
        let line = line.replace('\t', " ");
        text.push_str("\n | ");
        text.push_str(&line);
        text.push_str("\n | ");
        let mut chars = line.chars();
        // A character of several bytes is marked by a wide one.
        text.extend(chars.by_ref().take(column).map(|c| if c.len_utf8() > 1 { '\u{ff0e}' } else { '.' }));
        text.push(if chars.next().is_some_and(|c| c.len_utf8() > 1) { '\u{ff3e}' } else { '^' });
    }
    ((number, column), text)
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvalError {
    /// An operation does not take what it was given; the text is cel-go's.
    NoSuchOverload(String),
    /// It took more steps than it may.
    CostLimit,
    /// Anything else: a key that is not there, a number out of range.
    Other(String),
}

impl EvalError {
    pub(super) fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }

    pub(super) fn overload() -> Self {
        Self::NoSuchOverload("no such overload".into())
    }

    pub(super) fn no_such_key(key: impl fmt::Display) -> Self {
        Self::Other(format!("no such key: {key}"))
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchOverload(message) | Self::Other(message) => f.write_str(message),
            Self::CostLimit => f.write_str("operation cancelled: actual cost limit exceeded"),
        }
    }
}

impl std::error::Error for EvalError {}
