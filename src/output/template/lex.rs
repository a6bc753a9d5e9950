//! Text to tokens. Positions are bytes from the start, lines count from 1.

use crate::go::quote::is_printable;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The text cannot go on; the token's text says why.
    Error,
    Bool,
    /// A printable ASCII character with no meaning of its own, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    // Keywords.
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

const KEYWORDS: &[(&str, Kind)] = &[
    ("block", Kind::Block),
    ("break", Kind::Break),
    ("continue", Kind::Continue),
    ("define", Kind::Define),
    ("else", Kind::Else),
    ("end", Kind::End),
    ("if", Kind::If),
    ("nil", Kind::Nil),
    ("range", Kind::Range),
    ("template", Kind::Template),
    ("with", Kind::With),
];

/// A token and where it starts.
#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    pub(super) pos: usize,
    pub(super) line: usize,
    pub(super) text: std::borrow::Cow<'t, str>,
}

impl Token<'_> {
    /// As an error names it.
    pub(super) fn describe(&self) -> String {
        use crate::go::quote::quote;
        match self.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Error => self.text.to_string(),
            Kind::Dot | Kind::Break | Kind::Continue => format!("<{}>", self.text),
            kind if KEYWORDS.iter().any(|(_, keyword)| *keyword == kind) => format!("<{}>", self.text),
            _ if self.text.len() > 10 => {
                let head: String = self.text.chars().take(10).collect();
                format!("{}...", quote(&head))
            }
            _ => quote(&self.text),
        }
    }
}

const LEFT_DELIM: &str = "{{";
const RIGHT_DELIM: &str = "}}";
const LEFT_COMMENT: &str = "/*";
const RIGHT_COMMENT: &str = "*/";
/// A trim marker is a minus with a space beside it.
const TRIM_MARKER: usize = 2;

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Letters, digits and the underscore. (Rust's classes take in a few marks and numerals that Go's do
/// not: such names are no error here.)
fn is_word(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric()
}

fn has_left_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('-') && chars.next().is_some_and(is_space)
}

fn has_right_trim(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(is_space) && chars.next() == Some('-')
}

/// Which delimiter is next, if any.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    No,
    Plain,
    Trimming,
}

/// The scanner. It gives tokens until [`Kind::Eof`] or [`Kind::Error`].
pub(super) struct Lexer<'t> {
    input: &'t str,
    /// How far it has read.
    pos: usize,
    /// Where the token that it reads starts.
    start: usize,
    /// The line of `start`.
    line: usize,
    parens: usize,
    in_action: bool,
    failed: bool,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(input: &'t str) -> Self {
        Self { input, pos: 0, start: 0, line: 1, parens: 0, in_action: false, failed: false }
    }

    pub(super) fn token(&mut self) -> Token<'t> {
        if self.failed {
            return self.emit(Kind::Eof);
        }
        if self.in_action { self.action() } else { self.text() }
    }

    fn rest(&self) -> &'t str {
        self.input.get(self.pos..).unwrap_or_default()
    }

    fn pending(&self) -> &'t str {
        self.input.get(self.start..self.pos).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    /// Moves the start of the next token to here.
    fn ignore(&mut self) {
        self.line += self.pending().bytes().filter(|byte| *byte == b'\n').count();
        self.start = self.pos;
    }

    fn emit(&mut self, kind: Kind) -> Token<'t> {
        let token = Token { kind, pos: self.start, line: self.line, text: self.pending().into() };
        self.ignore();
        token
    }

    fn fail(&mut self, text: String) -> Token<'t> {
        self.failed = true;
        let token = Token { kind: Kind::Error, pos: self.start, line: self.line, text: text.into() };
        self.pos = self.input.len();
        self.ignore();
        token
    }

    /// Text up to the next action; comments are skipped.
    fn text(&mut self) -> Token<'t> {
        loop {
            let Some(length) = self.rest().find(LEFT_DELIM) else {
                self.pos = self.input.len();
                let kind = if self.pos > self.start { Kind::Text } else { Kind::Eof };
                return self.emit(kind);
            };
            if length > 0 {
                let delim = self.pos + length;
                let text = self.input.get(self.start..delim).unwrap_or_default();
                let trims = has_left_trim(self.input.get(delim + LEFT_DELIM.len()..).unwrap_or_default());
                self.pos = self.start + if trims { text.trim_end_matches(is_space).len() } else { text.len() };
                let token = (self.pos > self.start).then(|| self.emit(Kind::Text));
                self.pos = delim;
                self.ignore();
                if let Some(token) = token {
                    return token;
                }
            }
            let after = self.pos + LEFT_DELIM.len();
            let trims = has_left_trim(self.input.get(after..).unwrap_or_default());
            let body = after + if trims { TRIM_MARKER } else { 0 };
            if self.input.get(body..).is_some_and(|rest| rest.starts_with(LEFT_COMMENT)) {
                self.pos = body;
                self.ignore();
                if let Some(error) = self.comment() {
                    return error;
                }
                continue;
            }
            self.pos = after;
            let token = self.emit(Kind::LeftDelim);
            self.pos = body;
            self.ignore();
            self.in_action = true;
            self.parens = 0;
            return token;
        }
    }

    /// Skips a comment and its action; gives the error if it does not end well.
    fn comment(&mut self) -> Option<Token<'t>> {
        self.pos += LEFT_COMMENT.len();
        let Some(length) = self.rest().find(RIGHT_COMMENT) else {
            return Some(self.fail("unclosed comment".to_owned()));
        };
        self.pos += length + RIGHT_COMMENT.len();
        let right = self.right_delim();
        if right == Right::No {
            return Some(self.fail("comment ends before closing delimiter".to_owned()));
        }
        self.skip_right_delim(right);
        self.ignore();
        None
    }

    fn right_delim(&self) -> Right {
        let rest = self.rest();
        if has_right_trim(rest) && rest.get(TRIM_MARKER..).is_some_and(|rest| rest.starts_with(RIGHT_DELIM)) {
            Right::Trimming
        } else if rest.starts_with(RIGHT_DELIM) {
            Right::Plain
        } else {
            Right::No
        }
    }

    fn skip_right_delim(&mut self, right: Right) {
        if right == Right::Trimming {
            self.pos += TRIM_MARKER + RIGHT_DELIM.len();
            let rest = self.rest();
            self.pos += rest.len() - rest.trim_start_matches(is_space).len();
        } else {
            self.pos += RIGHT_DELIM.len();
        }
    }

    fn close_action(&mut self, right: Right) -> Token<'t> {
        if right == Right::Trimming {
            self.pos += TRIM_MARKER;
            self.ignore();
        }
        self.pos += RIGHT_DELIM.len();
        let token = self.emit(Kind::RightDelim);
        if right == Right::Trimming {
            let rest = self.rest();
            self.pos += rest.len() - rest.trim_start_matches(is_space).len();
            self.ignore();
        }
        self.in_action = false;
        token
    }

    /// The next token between the delimiters.
    fn action(&mut self) -> Token<'t> {
        let right = self.right_delim();
        if right != Right::No {
            if self.parens > 0 {
                return self.fail("unclosed left paren".to_owned());
            }
            return self.close_action(right);
        }
        let Some(c) = self.next() else {
            return self.fail("unclosed action".to_owned());
        };
        match c {
            c if is_space(c) => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.emit(Kind::Declare)
                } else {
                    self.fail("expected :=".to_owned())
                }
            }
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw_string(),
            '$' => self.field_or_variable(Kind::Variable, Kind::Variable),
            '.' if self.peek().is_some_and(|c| !c.is_ascii_digit()) => self.field_or_variable(Kind::Field, Kind::Dot),
            '.' | '+' | '-' | '0'..='9' => {
                self.pos -= 1;
                self.number()
            }
            c if is_word(c) => self.word(),
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => {
                if self.parens == 0 {
                    return self.fail("unexpected right paren".to_owned());
                }
                self.parens -= 1;
                self.emit(Kind::RightParen)
            }
            ' '..='~' => self.emit(Kind::Char),
            c => self.fail(format!("unrecognized character in action: {}", code_point(c))),
        }
    }

    /// A run of spaces, of which the first is read; a trimming delimiter keeps the last for itself.
    fn space(&mut self) -> Token<'t> {
        while self.peek().is_some_and(is_space) {
            self.next();
        }
        let last = self.pos - 1;
        let marker = self.input.get(last..).unwrap_or_default();
        if has_right_trim(marker) && marker.get(TRIM_MARKER..).is_some_and(|rest| rest.starts_with(RIGHT_DELIM)) {
            self.pos = last;
            if last == self.start {
                // Open parentheses are the parser's to complain about here.
                return self.close_action(Right::Trimming);
            }
        }
        self.emit(Kind::Space)
    }

    fn word(&mut self) -> Token<'t> {
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        if let Some(error) = self.bad_terminator() {
            return error;
        }
        let word = self.pending();
        let keyword = KEYWORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
        let kind = keyword.unwrap_or(if matches!(word, "true" | "false") { Kind::Bool } else { Kind::Identifier });
        self.emit(kind)
    }

    /// `.name` or `$name`, of which the first character is read; `alone` is what that is by itself.
    fn field_or_variable(&mut self, kind: Kind, alone: Kind) -> Token<'t> {
        if self.at_terminator() {
            return self.emit(alone);
        }
        while self.peek().is_some_and(is_word) {
            self.next();
        }
        match self.bad_terminator() {
            Some(error) => error,
            None => self.emit(kind),
        }
    }

    /// Whether a word may end here.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with(RIGHT_DELIM),
        }
    }

    fn bad_terminator(&mut self) -> Option<Token<'t>> {
        if self.at_terminator() {
            return None;
        }
        let c = self.peek()?;
        Some(self.fail(format!("bad character {}", code_point(c))))
    }

    fn quoted(&mut self, mark: char, kind: Kind, unterminated: &str) -> Token<'t> {
        loop {
            match self.next() {
                Some(c) if c == mark => return self.emit(kind),
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return self.fail(unterminated.to_owned());
                    }
                }
                None | Some('\n') => return self.fail(unterminated.to_owned()),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Token<'t> {
        match self.rest().find('`') {
            Some(length) => {
                self.pos += length + 1;
                self.emit(Kind::RawString)
            }
            None => self.fail("unterminated raw quoted string".to_owned()),
        }
    }

    fn number(&mut self) -> Token<'t> {
        let mut kind = Kind::Number;
        let mut good = self.scan_number();
        if good && matches!(self.peek(), Some('+' | '-')) {
            kind = Kind::Complex;
            good = self.scan_number() && self.pending().ends_with('i');
        }
        if good {
            return self.emit(kind);
        }
        let text = crate::go::quote::quote(self.pending());
        self.fail(format!("bad number syntax: {text}"))
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|c| set.contains(c));
        if found {
            self.pos += 1;
        }
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    /// Scans what looks like a number; what it lets through is checked when its value is read.
    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        const HEX: &str = "0123456789abcdefABCDEF_";
        self.accept("+-");
        let mut digits = DECIMAL;
        if self.accept("0") {
            if self.accept("xX") {
                digits = HEX;
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits == DECIMAL && self.accept("eE") || digits == HEX && self.accept("pP") {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.next();
            return false;
        }
        true
    }
}

/// `U+0041 'A'`.
fn code_point(c: char) -> String {
    let code = u32::from(c);
    if is_printable(c) { format!("U+{code:04X} '{c}'") } else { format!("U+{code:04X}") }
}
