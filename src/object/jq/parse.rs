//! Text to a tree.

use super::{Comparison, Expr, FUNCTIONS, MAX_DEPTH, Takes};
use crate::object::Object;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Sign(&'static str),
    Word(String),
    Text(String),
    Number(serde_json::Number),
}

/// Longer ones first.
const SIGNS: &[&str] = &["==", "!=", "<=", ">=", "//", ".", "[", "]", "{", "}", "(", ")", "|", ",", "?", "<", ">"];

pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, depth: 0 };
    let expr = parser.pipe()?;
    match parser.tokens.first() {
        None => Ok(expr),
        Some(token) => Err(unexpected(Some(token))),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let negative = first == '-' && rest.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let length = if first == '"' {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
            let Some(Ok(string)) = stream.next() else { return Err(format!("a string without an end: {rest}")) };
            tokens.push(Token::Text(string));
            stream.byte_offset()
        } else if first.is_ascii_digit() || negative {
            let end = rest.char_indices().skip(1).find(|(_, c)| !(c.is_ascii_digit() || *c == '.'));
            let length = end.map_or(rest.len(), |(at, _)| at);
            let number = rest.get(..length).and_then(|digits| digits.parse().ok());
            tokens.push(Token::Number(number.ok_or_else(|| format!("not a number: {rest}"))?));
            length
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            tokens.push(Token::Word(rest.get(..end).unwrap_or_default().to_owned()));
            end
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("{first:?} is not supported"))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
}

fn unexpected(token: Option<&Token>) -> String {
    match token {
        None => "the expression breaks off".to_owned(),
        Some(Token::Sign(sign)) => format!("unexpected {sign:?}"),
        Some(Token::Word(word)) => format!("{word:?} is not supported"),
        Some(Token::Text(text)) => format!("unexpected {text:?}"),
        Some(Token::Number(number)) => format!("unexpected {number}"),
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    depth: usize,
}

/// Joins two expressions.
type Join = fn(Box<Expr>, Box<Expr>) -> Expr;

impl Parser<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        match self.tokens.split_first() {
            Some((Token::Sign(found), rest)) if *found == sign => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        match self.tokens.split_first() {
            Some((Token::Word(found), rest)) if found == word => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    fn needs(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(unexpected(self.tokens.first())) }
    }

    /// The deeper an expression, the longer the way to its end; both are bounded.
    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err("the expression is nested too deep".to_owned()) } else { Ok(()) }
    }

    fn pipe(&mut self) -> Result<Expr, String> {
        self.deeper()?;
        let expr = self.chain("|", Expr::Pipe, |parser| {
            parser.chain(",", Expr::Comma, |parser| {
                parser.chain("//", Expr::Alternative, |parser| {
                    parser.words("or", Expr::Or, |parser| parser.words("and", Expr::And, Self::comparison))
                })
            })
        });
        self.depth -= 1;
        expr
    }

    fn chain(
        &mut self,
        sign: &str,
        join: Join,
        next: impl Fn(&mut Self) -> Result<Expr, String>,
    ) -> Result<Expr, String> {
        let mut expr = next(self)?;
        let mut length = 0;
        while self.takes(sign) {
            length += 1;
            expr = self.joined(length, join, expr, &next)?;
        }
        Ok(expr)
    }

    fn words(
        &mut self,
        word: &str,
        join: Join,
        next: impl Fn(&mut Self) -> Result<Expr, String>,
    ) -> Result<Expr, String> {
        let mut expr = next(self)?;
        let mut length = 0;
        while self.takes_word(word) {
            length += 1;
            expr = self.joined(length, join, expr, &next)?;
        }
        Ok(expr)
    }

    fn joined(
        &mut self,
        length: usize,
        join: Join,
        left: Expr,
        next: impl Fn(&mut Self) -> Result<Expr, String>,
    ) -> Result<Expr, String> {
        if length > MAX_DEPTH {
            return Err("the expression is too long".to_owned());
        }
        Ok(join(Box::new(left), Box::new(next(self)?)))
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        let left = self.postfix()?;
        for (sign, comparison) in [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ] {
            if self.takes(sign) {
                return Ok(Expr::Compare(Box::new(left), comparison, Box::new(self.postfix()?)));
            }
        }
        Ok(left)
    }

    /// A term with what is picked out of it.
    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.term()?;
        for _ in 0..MAX_DEPTH {
            if self.takes("?") {
                expr = Expr::Try(Box::new(expr));
            } else if self.takes("[") {
                expr = self.bracket(expr)?;
            } else if self.takes(".") {
                expr = self.after_dot(expr)?;
            } else {
                return Ok(expr);
            }
        }
        Err("the path is too long".to_owned())
    }

    fn after_dot(&mut self, of: Expr) -> Result<Expr, String> {
        if self.takes("[") {
            return self.bracket(of);
        }
        match self.tokens.split_first() {
            Some((Token::Word(name) | Token::Text(name), rest)) => {
                self.tokens = rest;
                Ok(Expr::Field(Box::new(of), name.clone()))
            }
            other => Err(unexpected(other.map(|(token, _)| token))),
        }
    }

    fn bracket(&mut self, of: Expr) -> Result<Expr, String> {
        if self.takes("]") {
            return Ok(Expr::Each(Box::new(of)));
        }
        let expr = match self.tokens.split_first() {
            Some((Token::Text(name), rest)) => {
                self.tokens = rest;
                Expr::Field(Box::new(of), name.clone())
            }
            Some((Token::Number(number), rest)) => {
                self.tokens = rest;
                let index = number.as_i64().ok_or_else(|| format!("not an index: {number}"))?;
                Expr::At(Box::new(of), index)
            }
            other => return Err(unexpected(other.map(|(token, _)| token))),
        };
        self.needs("]")?;
        Ok(expr)
    }

    fn term(&mut self) -> Result<Expr, String> {
        let Some((token, rest)) = self.tokens.split_first() else { return Err(unexpected(None)) };
        self.tokens = rest;
        match token {
            Token::Number(number) => Ok(Expr::Literal(Object::Number(number.clone()))),
            Token::Text(text) => Ok(Expr::Literal(Object::String(text.clone()))),
            Token::Sign("(") => {
                let expr = self.pipe()?;
                self.needs(")")?;
                Ok(expr)
            }
            Token::Sign("[") => {
                self.needs("]")?;
                Ok(Expr::Literal(Object::Array(Vec::new())))
            }
            Token::Sign("{") => {
                self.needs("}")?;
                Ok(Expr::Literal(Object::Object(serde_json::Map::new())))
            }
            Token::Sign(".") => match self.tokens.first() {
                Some(Token::Word(_) | Token::Text(_) | Token::Sign("[")) => self.after_dot(Expr::Identity),
                _ => Ok(Expr::Identity),
            },
            Token::Sign(_) => Err(unexpected(Some(token))),
            Token::Word(word) => match word.as_str() {
                "null" => Ok(Expr::Literal(Object::Null)),
                "true" => Ok(Expr::Literal(Object::Bool(true))),
                "false" => Ok(Expr::Literal(Object::Bool(false))),
                _ => self.call(token, word),
            },
        }
    }

    fn call(&mut self, token: &Token, word: &str) -> Result<Expr, String> {
        let known = FUNCTIONS.iter().find(|(name, ..)| *name == word);
        let (_, function, takes) = known.ok_or_else(|| unexpected(Some(token)))?;
        if !self.takes("(") {
            return match takes {
                Takes::Something => Err(format!("{word} needs something in parentheses")),
                _ => Ok(Expr::Call(*function, None)),
            };
        }
        if *takes == Takes::Nothing {
            return Err(format!("{word} takes nothing in parentheses"));
        }
        let argument = self.pipe()?;
        self.needs(")")?;
        Ok(Expr::Call(*function, Some(Box::new(argument))))
    }
}
