//! Tokens to a tree. Faults are worded as cel-go's parser words them, which ANTLR generates.

mod operators;
mod primary;

use super::ast::{Id, Kind, Tree};
use super::fault::Fault;
use super::lexer::{self, Lexeme, Token};

/// How deep brackets may be nested, and how long a chain of operators or fields may be.
const DEEPEST: usize = 250;
/// How deep a tree may be after macros are expanded.
const DEEPEST_TREE: usize = 500;
/// How many nodes a tree may have, counted once for each way to them.
const LARGEST_TREE: usize = 200_000;
/// The longest text, in characters.
const LONGEST: usize = 100_000;

/// What may begin an expression, in the grammar's order; the rest is only there where it is named.
const STARTS: &[(&str, bool)] = &[
    ("'['", true),
    ("']'", false),
    ("'{'", true),
    ("'}'", false),
    ("'('", true),
    ("')'", false),
    ("'.'", true),
    ("','", false),
    ("'-'", true),
    ("'!'", true),
    ("'?'", false),
    ("'true'", true),
    ("'false'", true),
    ("'null'", true),
    ("NUM_FLOAT", true),
    ("NUM_INT", true),
    ("NUM_UINT", true),
    ("STRING", true),
    ("BYTES", true),
    ("IDENTIFIER", true),
];

pub use primary::RESERVED;

/// Nothing more can be read; why is among the faults.
pub(super) struct Stop;

type Read = Result<Id, Stop>;

pub(super) struct Parser {
    tokens: Vec<Lexeme>,
    next: usize,
    depth: usize,
    /// How deep the tree below each node is, and how many nodes it has.
    measures: Vec<(usize, usize)>,
    pub tree: Tree,
    pub faults: Vec<Fault>,
    /// Whether `cel.bind` is a macro.
    pub binds: bool,
}

/// Reads an expression.
pub(super) fn parse(text: &str, binds: bool) -> Result<Tree, Vec<Fault>> {
    let length = text.chars().count();
    if length > LONGEST {
        let message = format!("expression code point size exceeds limit: size: {length}, limit {LONGEST}");
        return Err(vec![Fault { at: None, message }]);
    }
    let mut faults = Vec::new();
    let tokens = lexer::split(text, &mut faults);
    let mut parser = Parser { tokens, next: 0, depth: 0, measures: Vec::new(), tree: Tree::default(), faults, binds };
    if let Ok(root) = parser.expression(&[]) {
        parser.tree.root = root;
        parser.end();
    }
    if parser.faults.is_empty() { Ok(parser.tree) } else { Err(parser.faults) }
}

impl Parser {
    fn peek(&self) -> Token {
        self.tokens.get(self.next).map_or(Token::End, |lexeme| lexeme.token)
    }

    fn after(&self) -> Token {
        self.tokens.get(self.next + 1).map_or(Token::End, |lexeme| lexeme.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |lexeme| lexeme.at)
    }

    fn text(&self) -> String {
        self.tokens.get(self.next).or(self.tokens.last()).map_or_else(String::new, |lexeme| lexeme.text.clone())
    }

    fn is(&self, symbol: &'static str) -> bool {
        self.peek() == Token::Symbol(symbol)
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let found = self.is(symbol);
        self.next += usize::from(found);
        found
    }

    fn syntax(&mut self, message: String) {
        let at = self.at();
        self.faults.push(Fault::new(at, format!("Syntax error: {message}")));
    }

    fn too_deep(&mut self, message: &str) -> Stop {
        self.faults.push(Fault { at: None, message: message.into() });
        Stop
    }

    /// Adds a node. What has become too deep is reported once.
    pub fn add(&mut self, at: usize, kind: Kind) -> Id {
        let id = self.tree.add(at, kind);
        let (mut depth, mut size) = (0, 1_usize);
        for child in self.tree.children(id) {
            let (below, count) = self.measures.get(child).copied().unwrap_or_default();
            depth = depth.max(below);
            size = size.saturating_add(count);
        }
        self.measures.push((depth + 1, size));
        // Macros may use a part twice, which doubles it with every level.
        if (depth + 1 == DEEPEST_TREE || size > LARGEST_TREE) && !self.faults.iter().any(|fault| fault.at.is_none()) {
            self.too_deep("max recursion depth exceeded");
        }
        id
    }

    pub fn fault(&mut self, at: usize, message: impl Into<String>) -> Id {
        self.faults.push(Fault::new(at, message));
        self.add(at, Kind::Fault)
    }

    fn end(&mut self) {
        if self.peek() == Token::End {
            return;
        }
        let how = if self.after() == Token::End { "extraneous" } else { "mismatched" };
        let text = self.text();
        self.syntax(format!("{how} input '{text}' expecting <EOF>"));
    }

    /// Reads `symbol`; passes over one token that is too much, and does without it where what follows
    /// could stand behind it.
    fn expect(&mut self, symbol: &'static str) -> Result<(), Stop> {
        if self.take(symbol) {
            return Ok(());
        }
        let text = self.text();
        if self.after() == Token::Symbol(symbol) {
            self.syntax(format!("extraneous input '{text}' expecting '{symbol}'"));
            self.next += 2;
            return Ok(());
        }
        let follows = match self.peek() {
            Token::End => true,
            Token::Symbol(symbol) => !matches!(symbol, "!" | "true" | "false" | "null" | "(" | "{"),
            _ => false,
        };
        if matches!(symbol, ")" | "]") && follows {
            self.syntax(format!("missing '{symbol}' at '{text}'"));
            return Ok(());
        }
        self.syntax(format!("mismatched input '{text}' expecting '{symbol}'"));
        Err(Stop)
    }

    fn starts(token: Token, also: &[&'static str]) -> bool {
        match token {
            Token::End | Token::Escaped => false,
            Token::Symbol(symbol) => {
                also.contains(&symbol)
                    || matches!(symbol, "[" | "{" | "(" | "." | "-" | "!" | "true" | "false" | "null")
            }
            _ => true,
        }
    }

    /// Sees to it that an expression begins here, or one of the symbols in `also` stands here.
    fn begin(&mut self, also: &[&'static str]) -> Result<(), Stop> {
        if Self::starts(self.peek(), also) {
            return Ok(());
        }
        let quoted: Vec<String> = also.iter().map(|symbol| format!("'{symbol}'")).collect();
        let expected: Vec<&str> = STARTS
            .iter()
            .filter(|(name, always)| *always || quoted.iter().any(|quoted| quoted == name))
            .map(|(name, _)| *name)
            .collect();
        let skips = self.peek() != Token::End && Self::starts(self.after(), also);
        let how = if skips { "extraneous" } else { "mismatched" };
        let text = self.text();
        self.syntax(format!("{how} input '{text}' expecting {{{}}}", expected.join(", ")));
        if !skips {
            return Err(Stop);
        }
        self.next += 1;
        Ok(())
    }

    pub fn call(&mut self, at: usize, function: &str, target: Option<Id>, args: Vec<Id>) -> Id {
        self.add(at, Kind::Call { function: function.to_owned(), target, args })
    }
}
