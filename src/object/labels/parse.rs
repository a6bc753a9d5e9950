//! The text form of label selectors.
//!
//! ```text
//! selector    = [ requirement { "," requirement } ]
//! requirement = key | "!" key | key op value | key ("in" | "notin") "(" values ")"
//! op          = "=" | "==" | "!=" | ">" | "<"
//! ```

use super::{Operator, Requirement, SelectorError, key_fault};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl Token<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// The next token and what follows it.
    fn scan(&self) -> (Token<'a>, &'a str) {
        let text = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        // A NUL ends the text, as it does for the original.
        if text.is_empty() || text.starts_with('\0') {
            return (Token::End, "");
        }
        for symbol in SYMBOLS {
            if let Some(rest) = text.strip_prefix(symbol) {
                return (Token::Symbol(symbol), rest);
            }
        }
        let end = text.find(['=', '!', '(', ')', ',', '>', '<', ' ', '\t', '\r', '\n', '\0']).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        (Token::Word(word), rest)
    }

    fn peek(&self) -> Token<'a> {
        self.scan().0
    }

    fn next(&mut self) -> Token<'a> {
        let (token, rest) = self.scan();
        self.rest = rest;
        token
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut tokens = Tokens { rest: text };
    let mut requirements = Vec::new();
    loop {
        match tokens.peek() {
            Token::End => return Ok(requirements),
            Token::Word(_) | Token::Symbol("!") => {}
            other => return fault(format!("found '{}', expected: !, identifier, or 'end of string'", other.text())),
        }
        let requirement =
            requirement(&mut tokens).map_err(|error| SelectorError(format!("unable to parse requirement: {error}")))?;
        requirements.push(requirement);
        match tokens.next() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") => match tokens.peek() {
                Token::Word(_) | Token::Symbol("!") => {}
                other => return fault(format!("found '{}', expected: identifier after ','", other.text())),
            },
            other => return fault(format!("found '{}', expected: ',' or 'end of string'", other.text())),
        }
    }
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, SelectorError> {
    let negated = tokens.peek() == Token::Symbol("!");
    if negated {
        tokens.next();
    }
    let key = match tokens.next() {
        Token::Word(key) => key,
        other => return fault(format!("found '{}', expected: identifier", other.text())),
    };
    if let Some(problem) = key_fault("<nil>", key) {
        return fault(problem);
    }
    if negated {
        // What follows is for the caller to judge.
        return Requirement::new(key, Operator::DoesNotExist, Vec::new());
    }
    if matches!(tokens.peek(), Token::End | Token::Symbol(",")) {
        return Requirement::new(key, Operator::Exists, Vec::new());
    }
    let operator = match tokens.next() {
        Token::Word("in") => Operator::In,
        Token::Word("notin") => Operator::NotIn,
        Token::Symbol("=") => Operator::Equals,
        Token::Symbol("==") => Operator::DoubleEquals,
        Token::Symbol("!=") => Operator::NotEquals,
        Token::Symbol(">") => Operator::GreaterThan,
        Token::Symbol("<") => Operator::LessThan,
        other => return fault(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", other.text())),
    };
    let mut values = match operator {
        Operator::In | Operator::NotIn => values(tokens)?,
        _ => vec![exact_value(tokens)?],
    };
    values.sort_unstable();
    values.dedup();
    Requirement::new(key, operator, values)
}

fn exact_value(tokens: &mut Tokens<'_>) -> Result<String, SelectorError> {
    match tokens.peek() {
        Token::End | Token::Symbol(",") => Ok(String::new()),
        Token::Word(value) => {
            tokens.next();
            Ok(value.to_owned())
        }
        other => fault(format!("found '{}', expected: identifier", other.text())),
    }
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, SelectorError> {
    match tokens.next() {
        Token::Symbol("(") => {}
        other => return fault(format!("found '{}' expected: '('", other.text())),
    }
    match tokens.peek() {
        Token::Word(_) | Token::Symbol(",") => {}
        Token::Symbol(")") => {
            tokens.next();
            return Ok(vec![String::new()]);
        }
        other => return fault(format!("found '{}', expected: ',', ')' or identifier", other.text())),
    }
    let mut values = Vec::new();
    loop {
        match tokens.next() {
            Token::Word(value) => {
                values.push(value.to_owned());
                match tokens.peek() {
                    Token::Symbol(",") => {}
                    Token::Symbol(")") => break,
                    other => return fault(format!("found '{}', expected: ',' or ')'", other.text())),
                }
            }
            Token::Symbol(",") => {
                if values.is_empty() {
                    values.push(String::new());
                }
                match tokens.peek() {
                    Token::Symbol(")") => {
                        values.push(String::new());
                        break;
                    }
                    Token::Symbol(",") => values.push(String::new()),
                    _ => {}
                }
            }
            other => return fault(format!("found '{}', expected: ',', or identifier", other.text())),
        }
    }
    tokens.next();
    Ok(values)
}

fn fault<T>(text: String) -> Result<T, SelectorError> {
    Err(SelectorError(text))
}
