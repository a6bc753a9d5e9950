//! Text to tokens.

use super::fault::Fault;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Int,
    Uint,
    Float,
    String,
    Bytes,
    Ident,
    Escaped,
    /// Operators, brackets and the words `in`, `true`, `false`, `null`.
    Symbol(&'static str),
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    pub token: Token,
    /// In characters.
    pub at: usize,
    pub text: String,
}

/// Longest first.
const SYMBOLS: &[&str] = &[
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!", "?", ":", "+", "*",
    "/", "%",
];
const WORDS: &[&str] = &["in", "true", "false", "null"];

/// Splits a text. What is no token is reported and left out.
pub(super) fn split(text: &str, faults: &mut Vec<Fault>) -> Vec<Lexeme> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0 };
    let mut found = Vec::new();
    while lexer.skip_blank() {
        let start = lexer.at;
        let token = lexer.token();
        let text: String = chars.get(start..lexer.at).unwrap_or(&[]).iter().collect();
        match token {
            Some(token) => found.push(Lexeme { token, at: start, text }),
            None => {
                let shown = text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
                faults.push(Fault::new(start, format!("Syntax error: token recognition error at: '{shown}'")));
            }
        }
    }
    found.push(Lexeme { token: Token::End, at: chars.len(), text: "<EOF>".into() });
    found
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn ended(&self) -> bool {
        self.at >= self.chars.len()
    }

    fn run(&mut self, of: impl Fn(char) -> bool) -> usize {
        let start = self.at;
        while !self.ended() && of(self.peek(0)) {
            self.at += 1;
        }
        self.at - start
    }

    /// Whether there is more after blanks and comments.
    fn skip_blank(&mut self) -> bool {
        loop {
            self.run(|c| matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{c}'));
            if self.peek(0) != '/' || self.peek(1) != '/' {
                return !self.ended();
            }
            self.run(|c| c != '\n');
        }
    }

    /// The next token; `None` leaves the place behind what is none.
    fn token(&mut self) -> Option<Token> {
        let c = self.peek(0);
        if c.is_ascii_digit() || (c == '.' && self.peek(1).is_ascii_digit()) {
            return Some(self.number());
        }
        if let Some((prefix, raw, bytes)) = self.quoted() {
            self.at += prefix;
            return self.string(raw).then_some(if bytes { Token::Bytes } else { Token::String });
        }
        if c.is_ascii_alphabetic() || c == '_' {
            let start = self.at;
            self.run(|c| c.is_ascii_alphanumeric() || c == '_');
            let word: String = self.chars.get(start..self.at)?.iter().collect();
            return Some(WORDS.iter().find(|known| **known == word).map_or(Token::Ident, |word| Token::Symbol(word)));
        }
        if c == '`' {
            self.at += 1;
            let length = self.run(|c| c.is_ascii_alphanumeric() || "_.-/ ".contains(c));
            self.at = (self.at + 1).min(self.chars.len());
            let closed = self.chars.get(self.at.wrapping_sub(1)) == Some(&'`') && length > 0;
            return closed.then_some(Token::Escaped);
        }
        let fits = |symbol: &&&str| symbol.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == c);
        if let Some(symbol) = SYMBOLS.iter().find(fits) {
            self.at += symbol.len();
            return Some(Token::Symbol(symbol));
        }
        // The second character of `&&`, `||`, `==` was missed: it is part of what is wrong.
        self.at += if "&|=".contains(c) { 2 } else { 1 };
        self.at = self.at.min(self.chars.len());
        None
    }

    fn number(&mut self) -> Token {
        if self.peek(0) == '0' && self.peek(1) == 'x' && self.peek(2).is_ascii_hexdigit() {
            self.at += 2;
            self.run(|c| c.is_ascii_hexdigit());
        } else {
            let mut float = false;
            self.run(|c| c.is_ascii_digit());
            if self.peek(0) == '.' && self.peek(1).is_ascii_digit() {
                float = true;
                self.at += 1;
                self.run(|c| c.is_ascii_digit());
            }
            if matches!(self.peek(0), 'e' | 'E') {
                let sign = usize::from(matches!(self.peek(1), '+' | '-'));
                if self.peek(1 + sign).is_ascii_digit() {
                    float = true;
                    self.at += 1 + sign;
                    self.run(|c| c.is_ascii_digit());
                }
            }
            if float {
                return Token::Float;
            }
        }
        if matches!(self.peek(0), 'u' | 'U') {
            self.at += 1;
            return Token::Uint;
        }
        Token::Int
    }

    /// Whether a string begins here: how many letters stand before it, and what they say.
    fn quoted(&self) -> Option<(usize, bool, bool)> {
        let (mut prefix, mut raw, mut bytes) = (0, false, false);
        if matches!(self.peek(prefix), 'b' | 'B') {
            bytes = true;
            prefix += 1;
        }
        if matches!(self.peek(prefix), 'r' | 'R') {
            raw = true;
            prefix += 1;
        }
        matches!(self.peek(prefix), '"' | '\'').then_some((prefix, raw, bytes))
    }

    /// Whether a string is whole.
    fn string(&mut self, raw: bool) -> bool {
        let quote = self.peek(0);
        let long = self.peek(1) == quote && self.peek(2) == quote;
        let closing = if long { 3 } else { 1 };
        self.at += closing;
        loop {
            if self.ended() {
                return false;
            }
            let c = self.peek(0);
            if c == quote && (!long || (self.peek(1) == quote && self.peek(2) == quote)) {
                self.at += closing;
                return true;
            }
            if !long && matches!(c, '\n' | '\r') {
                self.at += 1;
                return false;
            }
            if c == '\\' && !raw {
                let length = self.escape();
                self.at = (self.at + length.unwrap_or_else(|broken| broken)).min(self.chars.len());
                if length.is_err() {
                    return false;
                }
            } else {
                self.at += 1;
            }
        }
    }

    /// The length of an escape sequence, or up to where it is broken.
    fn escape(&self) -> Result<usize, usize> {
        let digits = |count: usize, of: fn(char) -> bool| {
            let fits = (0..count).take_while(|ahead| of(self.peek(2 + ahead))).count();
            if fits == count { Ok(2 + count) } else { Err(3 + fits) }
        };
        match self.peek(1) {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`' => Ok(2),
            'x' | 'X' => digits(2, |c| c.is_ascii_hexdigit()),
            'u' => digits(4, |c| c.is_ascii_hexdigit()),
            'U' => digits(8, |c| c.is_ascii_hexdigit()),
            '0'..='3' => digits(2, |c| matches!(c, '0'..='7')),
            _ => Err(2),
        }
    }
}

/// The characters of a string or bytes literal, as bytes; for strings they are UTF-8.
pub(super) fn unquote(literal: &str, bytes: bool) -> Result<Vec<u8>, &'static str> {
    let broken = "unable to unescape string";
    let literal = literal.replace("\r\n", "\n").replace('\r', "\n");
    let mut text = if bytes { literal.get(1..).ok_or(broken)? } else { &literal };
    let raw = text.starts_with(['r', 'R']);
    if raw {
        text = text.get(1..).ok_or(broken)?;
    }
    let long = text.len() >= 6 && (text.starts_with("\"\"\"") || text.starts_with("'''"));
    let edge = if long { 3 } else { 1 };
    let text = text.len().checked_sub(edge).and_then(|end| text.get(edge..end)).ok_or(broken)?;
    if raw || !text.contains('\\') {
        return Ok(text.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let mut push = |c: char| out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        if c != '\\' {
            push(c);
            continue;
        }
        let escape = chars.next().ok_or(broken)?;
        let (count, radix, mut code) = match escape {
            'a' => (0, 0, 7),
            'b' => (0, 0, 8),
            'f' => (0, 0, 12),
            'n' => (0, 0, 10),
            'r' => (0, 0, 13),
            't' => (0, 0, 9),
            'v' => (0, 0, 11),
            '\\' | '\'' | '"' | '`' | '?' => (0, 0, escape as u32),
            'x' | 'X' => (2, 16, 0),
            'u' if !bytes => (4, 16, 0),
            'U' if !bytes => (8, 16, 0),
            '0'..='3' => (2, 8, escape.to_digit(8).unwrap_or(0)),
            _ => return Err(broken),
        };
        for _ in 0..count {
            let digit = chars.next().and_then(|c| c.to_digit(radix)).ok_or(broken)?;
            code = code.wrapping_mul(radix).wrapping_add(digit);
        }
        if bytes {
            out.push(u8::try_from(code).map_err(|_| broken)?);
        } else {
            push(char::from_u32(code).ok_or("invalid unicode code point")?);
        }
    }
    Ok(out)
}
