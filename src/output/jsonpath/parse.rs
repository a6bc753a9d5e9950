//! Template text to nodes.

use super::Error;
use super::unquote::unquote;

/// How deep actions may nest within filters and unions.
const MAX_DEPTH: usize = 64;

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// What stands between braces: steps, one after another.
    Action(Vec<Node>),
    /// Text around actions, or a string literal.
    Text(String),
    /// `.name`.
    Field(String),
    /// A bare word: `range`, `end`.
    Word(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// `[from:to:step]`.
    Slice(Slice),
    /// `[?(left op right)]`.
    Filter(Box<Filter>),
    /// `*` as a field.
    Wildcard,
    /// `..`.
    Recursive,
    /// `[a,b]`.
    Union(Vec<Vec<Node>>),
}

/// An index or a slice of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Slice {
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) step: Option<i64>,
    /// A single index: `to` follows from `from`.
    pub(super) index: bool,
}

/// The condition of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    pub(super) left: Vec<Node>,
    /// `exists` where there is nothing to compare with.
    pub(super) operator: String,
    pub(super) right: Vec<Node>,
}

/// Parses a template.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Error> {
    Parser { input: text, at: 0, depth: 0 }.template()
}

struct Parser<'a> {
    input: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn since(&self, start: usize) -> &'a str {
        self.input.get(start..self.at).unwrap_or_default()
    }

    /// Whether the byte before the character just read is a backslash.
    fn is_escaped(&self) -> bool {
        self.at.checked_sub(2).and_then(|at| self.input.as_bytes().get(at)) == Some(&b'\\')
    }

    fn template(&mut self) -> Result<Vec<Node>, Error> {
        let mut nodes = Vec::new();
        loop {
            let rest = self.rest();
            let text = rest.find('{').map_or(rest, |brace| &rest[..brace]);
            if !text.is_empty() {
                nodes.push(Node::Text(text.to_owned()));
                self.at += text.len();
            }
            if self.next().is_none() {
                return Ok(nodes);
            }
            nodes.push(Node::Action(self.action()?));
        }
    }

    /// The steps up to the closing brace.
    fn action(&mut self) -> Result<Vec<Node>, Error> {
        let mut nodes = Vec::new();
        loop {
            let rest = self.rest();
            if rest.starts_with('}') {
                self.at += 1;
                return Ok(nodes);
            }
            if rest.starts_with("[?(") {
                nodes.push(self.filter()?);
                continue;
            }
            if rest.starts_with("..") {
                if nodes.last() == Some(&Node::Recursive) {
                    return Err(Error::new("invalid multiple recursive descent"));
                }
                self.at += 2;
                nodes.push(Node::Recursive);
                if self.peek().is_some_and(is_alphanumeric) {
                    nodes.push(self.field());
                }
                continue;
            }
            let start = self.at;
            match self.next() {
                None | Some('\r' | '\n') => return Err(Error::new("unclosed action")),
                Some(' ' | '@' | '$') => {}
                Some('[') => self.brackets(&mut nodes)?,
                Some(quote @ ('"' | '\'')) => nodes.push(self.quoted(start, quote)?),
                Some('.') => nodes.push(self.field()),
                Some(c) if c == '+' || c == '-' || c.is_numeric() => nodes.push(self.number(start)?),
                Some(c) if is_alphanumeric(c) => nodes.push(self.word(start)),
                Some(c) => {
                    let shown = if crate::go::quote::is_printable(c) { format!(" '{c}'") } else { String::new() };
                    return Err(Error::new(format!("unrecognized character in action: U+{:04X}{shown}", u32::from(c))));
                }
            }
        }
    }

    fn word(&mut self, start: usize) -> Node {
        self.until_terminator();
        match self.since(start) {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            word => Node::Word(word.to_owned()),
        }
    }

    fn until_terminator(&mut self) {
        let rest = self.rest();
        self.at += rest.find(is_terminator).unwrap_or(rest.len());
    }

    fn field(&mut self) -> Node {
        let start = self.at;
        while let Some(c) = self.peek() {
            if c == '\\' {
                self.next();
                self.next();
            } else if is_terminator(c) {
                break;
            } else {
                self.next();
            }
        }
        match self.since(start) {
            "*" => Node::Wildcard,
            name => Node::Field(name.replace('\\', "")),
        }
    }

    fn number(&mut self, start: usize) -> Result<Node, Error> {
        let rest = self.rest();
        self.at += rest.find(|c: char| c != '.' && !c.is_numeric()).unwrap_or(rest.len());
        let text = self.since(start);
        if let Ok(whole) = text.parse() {
            return Ok(Node::Int(whole));
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Node::Float(float)),
            _ => Err(Error::new(format!("cannot parse number {text}"))),
        }
    }

    fn quoted(&mut self, start: usize, quote: char) -> Result<Node, Error> {
        loop {
            match self.next() {
                None | Some('\n') => return Err(Error::new("unterminated quoted string")),
                Some(c) if c == quote && !self.is_escaped() => break,
                Some(_) => {}
            }
        }
        let literal = self.since(start);
        unquote(literal)
            .map(Node::Text)
            .ok_or_else(|| Error::new(format!("unquote string {literal} error invalid syntax")))
    }

    /// What stands in brackets, up to the first closing one.
    fn brackets(&mut self, nodes: &mut Vec<Node>) -> Result<(), Error> {
        let start = self.at;
        loop {
            match self.next() {
                None | Some('\n') => return Err(Error::new("unterminated array")),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text = self.input.get(start..self.at - 1).unwrap_or_default();
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let parts = text.split(',').map(|part| self.nested(&format!("[{}]", part.trim_matches(' '))));
            nodes.push(Node::Union(parts.collect::<Result<_, _>>()?));
            return Ok(());
        }
        let key = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        if let Some(key) = key.filter(|key| !key.contains('\'')) {
            nodes.extend(self.nested(&format!(".{key}"))?);
            return Ok(());
        }
        nodes.push(Node::Slice(slice(text)?));
        Ok(())
    }

    fn filter(&mut self) -> Result<Node, Error> {
        self.at += "[?(".len();
        let start = self.at;
        let mut open_quote = None;
        let mut closed = false;
        loop {
            match self.next() {
                None | Some('\n') => return Err(Error::new("unterminated filter")),
                Some(quote @ ('"' | '\'')) => match open_quote {
                    None => open_quote = Some(quote),
                    Some(open) => closed |= open == quote && !self.is_escaped(),
                },
                Some(')') if open_quote.is_some() == closed => break,
                Some(_) => {}
            }
        }
        let condition = self.input.get(start..self.at - 1).unwrap_or_default();
        if self.next() != Some(']') {
            return Err(Error::new("unclosed array expect ]"));
        }
        let operator = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let parts = condition.find(operator).filter(|at| *at > 0).and_then(|at| {
            let (left, rest) = condition.split_at(at);
            // The operator leaves at least one character to compare with.
            let end = rest.find(|c| !operator(c)).unwrap_or(rest.len() - 1);
            let (operator, right) = rest.split_at(end);
            (!operator.is_empty() && !right.is_empty()).then_some((left, operator, right))
        });
        let filter = match parts {
            None => Filter { left: self.nested(condition)?, operator: "exists".to_owned(), right: Vec::new() },
            Some((left, operator, right)) => {
                Filter { left: self.nested(left)?, operator: operator.to_owned(), right: self.nested(right)? }
            }
        };
        Ok(Node::Filter(Box::new(filter)))
    }

    /// The steps of the first action of `{text}`.
    fn nested(&self, text: &str) -> Result<Vec<Node>, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::new("expression is nested too deeply"));
        }
        let input = format!("{{{text}}}");
        let nodes = Parser { input: &input, at: 0, depth: self.depth + 1 }.template()?;
        match nodes.into_iter().next() {
            Some(Node::Action(nodes)) => Ok(nodes),
            _ => Ok(Vec::new()),
        }
    }
}

/// `-?\d*(:-?\d*)?(:-?\d*)?`
fn slice(text: &str) -> Result<Slice, Error> {
    let parts: Vec<&str> = text.split(':').collect();
    let well_formed = parts.len() <= 3
        && parts.iter().all(|part| part.strip_prefix('-').unwrap_or(part).bytes().all(|byte| byte.is_ascii_digit()));
    if !well_formed {
        return Err(Error::new(format!("invalid array index {text}")));
    }
    let bound = |at: usize| match parts.get(at).copied().unwrap_or_default() {
        "" => Ok(None),
        part => part.parse().map(Some).map_err(|_| Error::new(format!("array index {part} is not a number"))),
    };
    let from: Option<i64> = bound(0)?;
    let step = bound(2)?;
    if parts.len() == 1 {
        return Ok(Slice { from, to: Some(from.unwrap_or(0).saturating_add(1)), step, index: true });
    }
    Ok(Slice { from, to: bound(1)?, step, index: false })
}

fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
