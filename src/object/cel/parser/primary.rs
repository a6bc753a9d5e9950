//! Operands: literals, names, lists, maps, messages.

use super::super::ast::{Kind, Literal};
use super::super::lexer::{self, Token};
use super::super::macros;
use super::{Parser, Read, Stop};

/// Words that are no variables.
pub const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

impl Parser {
    pub(super) fn primary(&mut self) -> Read {
        let at = self.at();
        match self.peek() {
            Token::Symbol("(") => {
                self.next += 1;
                let inner = self.expression(&[])?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => self.list(at),
            Token::Symbol("{") => self.map(at),
            Token::Symbol("-") if matches!(self.after(), Token::Int | Token::Float) => {
                self.next += 1;
                self.literal(at, "-")
            }
            Token::Symbol(symbol @ ("-" | "!")) => {
                self.next += 1;
                self.syntax(format!("no viable alternative at input '{symbol}'"));
                Err(Stop)
            }
            Token::Symbol(".") => {
                self.next += 1;
                if self.peek() != Token::Ident {
                    let text = self.text();
                    let shown = if self.peek() == Token::End { String::new() } else { text };
                    self.syntax(format!("no viable alternative at input '.{shown}'"));
                    return Err(Stop);
                }
                self.name(".")
            }
            Token::Ident => self.name(""),
            Token::Symbol("true" | "false" | "null")
            | Token::Int
            | Token::Uint
            | Token::Float
            | Token::String
            | Token::Bytes => self.literal(at, ""),
            _ => {
                self.begin(&[])?;
                self.primary()
            }
        }
    }

    fn name(&mut self, dot: &str) -> Read {
        let at = self.at();
        let name = self.text();
        if let Some(open) = self.opens_struct() {
            return self.structure(dot, open);
        }
        self.next += 1;
        let reserved = RESERVED.contains(&name.as_str());
        let open = self.at();
        if self.take("(") {
            let args = self.arguments()?;
            if reserved {
                return Ok(self.fault(at, format!("reserved identifier: {name}")));
            }
            return Ok(match macros::global(self, open, &name, &args) {
                Some(expanded) => expanded,
                None => self.call(open, &format!("{dot}{name}"), None, args),
            });
        }
        if reserved {
            return Ok(self.fault(at, format!("reserved identifier: {name}")));
        }
        Ok(self.add(at, Kind::Ident(format!("{dot}{name}"))))
    }

    /// Where the brace of `a.b.c{` is, if that stands here.
    fn opens_struct(&self) -> Option<usize> {
        let token = |at: usize| self.tokens.get(at).map(|lexeme| lexeme.token);
        let mut at = self.next;
        loop {
            if token(at)? != Token::Ident {
                return None;
            }
            match token(at + 1)? {
                Token::Symbol("{") => return Some(at + 1),
                Token::Symbol(".") => at += 2,
                _ => return None,
            }
        }
    }

    fn structure(&mut self, dot: &str, open: usize) -> Read {
        let name: String =
            self.tokens.get(self.next..open).unwrap_or(&[]).iter().map(|part| part.text.as_str()).collect();
        self.next = open;
        let at = self.at();
        self.next += 1;
        let mut fields = Vec::new();
        while !self.take("}") {
            let optional = self.take("?");
            let field = self.text();
            if self.peek() != Token::Ident {
                self.syntax(format!(
                    "mismatched input '{field}' expecting {{'}}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}}"
                ));
                return Err(Stop);
            }
            self.next += 1;
            let colon = self.at();
            self.expect(":")?;
            let value = self.expression(&[])?;
            fields.push((colon, field, value, optional));
            if !self.more("}")? {
                break;
            }
        }
        Ok(self.add(at, Kind::Struct { name: format!("{dot}{name}"), fields }))
    }

    /// After an element: whether another may follow. `close` is read where it ends.
    fn more(&mut self, close: &'static str) -> Result<bool, Stop> {
        if self.take(",") {
            return Ok(true);
        }
        if self.take(close) {
            return Ok(false);
        }
        let text = self.text();
        if self.after() == Token::Symbol(close) || self.after() == Token::Symbol(",") {
            self.syntax(format!("extraneous input '{text}' expecting {{'{close}', ','}}"));
            self.next += 1;
            return self.more(close);
        }
        self.syntax(format!("mismatched input '{text}' expecting {{'{close}', ','}}"));
        Err(Stop)
    }

    fn list(&mut self, at: usize) -> Read {
        self.next += 1;
        let mut items = Vec::new();
        while !self.take("]") {
            if self.is(",") && items.is_empty() {
                self.next += 1;
                self.expect("]")?;
                break;
            }
            if self.is(",") {
                self.syntax("mismatched input ',' expecting ']'".into());
                return Err(Stop);
            }
            let optional = self.take("?");
            let also: &[&str] = if items.is_empty() && !optional { &["]", ",", "?"] } else { &[] };
            items.push((self.expression(also)?, optional));
            if !self.more("]")? {
                break;
            }
        }
        Ok(self.add(at, Kind::List(items)))
    }

    fn map(&mut self, at: usize) -> Read {
        self.next += 1;
        let mut entries = Vec::new();
        while !self.take("}") {
            if self.is(",") && entries.is_empty() {
                self.next += 1;
                self.expect("}")?;
                break;
            }
            let optional = self.take("?");
            let also: &[&str] = if entries.is_empty() && !optional { &["}", ",", "?"] } else { &[] };
            let key = self.expression(also)?;
            self.expect(":")?;
            let value = self.expression(&[])?;
            entries.push((key, value, optional));
            if !self.more("}")? {
                break;
            }
        }
        Ok(self.add(at, Kind::Map(entries)))
    }

    fn literal(&mut self, at: usize, sign: &str) -> Read {
        let token = self.peek();
        let text = self.text();
        self.next += 1;
        let integer = |text: &str| match text.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(&format!("{sign}{digits}"), 16),
            None => format!("{sign}{text}").parse(),
        };
        let literal = match token {
            Token::Int => match integer(&text) {
                Ok(value) => Literal::Int(value),
                Err(_) => return Ok(self.fault(at, "invalid int literal")),
            },
            Token::Uint => {
                let digits = text.trim_end_matches(['u', 'U']);
                let value = match digits.strip_prefix("0x") {
                    Some(digits) => u64::from_str_radix(digits, 16),
                    None => digits.parse(),
                };
                match value {
                    Ok(value) => Literal::Uint(value),
                    Err(_) => return Ok(self.fault(at, "invalid uint literal")),
                }
            }
            Token::Float => match format!("{sign}{text}").parse::<f64>() {
                Ok(value) if value.is_finite() => Literal::Double(value),
                _ => return Ok(self.fault(at, "invalid double literal")),
            },
            Token::String => match lexer::unquote(&text, false).map(String::from_utf8) {
                Ok(Ok(value)) => Literal::String(value.into()),
                Ok(Err(_)) => return Ok(self.fault(at, "invalid UTF-8 in string")),
                Err(why) => return Ok(self.fault(at, why)),
            },
            Token::Bytes => match lexer::unquote(&text, true) {
                Ok(value) => Literal::Bytes(value.into()),
                Err(why) => return Ok(self.fault(at, why)),
            },
            Token::Symbol("true") => Literal::Bool(true),
            Token::Symbol("false") => Literal::Bool(false),
            _ => Literal::Null,
        };
        Ok(self.add(at, Kind::Literal(literal)))
    }
}
