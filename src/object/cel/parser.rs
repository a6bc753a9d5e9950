//! Tokens to a tree. Faults are worded as cel-go's parser words them, which ANTLR generates.

use super::ast::{Id, Kind, Literal, Tree};
use super::fault::Fault;
use super::lexer::{self, Lexeme, Token};
use super::macros;

/// How deep brackets may be nested, and how long a chain of operators or fields may be.
const DEEPEST: usize = 250;
/// How deep a tree may be after macros are expanded.
const DEEPEST_TREE: usize = 500;
/// How many nodes a tree may have, counted once for each way to them.
const LARGEST_TREE: usize = 200_000;
/// The longest text, in characters.
const LONGEST: usize = 100_000;

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

const RELATIONS: &[(&str, &str)] =
    &[("<", "_<_"), ("<=", "_<=_"), (">=", "_>=_"), (">", "_>_"), ("==", "_==_"), ("!=", "_!=_"), ("in", "@in")];
const SUMS: &[(&str, &str)] = &[("+", "_+_"), ("-", "_-_")];
const PRODUCTS: &[(&str, &str)] = &[("*", "_*_"), ("/", "_/_"), ("%", "_%_")];

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

    fn expression(&mut self, also: &[&'static str]) -> Read {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.too_deep(&format!("expression recursion limit exceeded: {DEEPEST}")));
        }
        self.begin(also)?;
        let condition = self.logical("||", "_||_")?;
        let at = self.at();
        let result = if self.take("?") {
            self.begin(&[])?;
            let yes = self.logical("||", "_||_")?;
            self.expect(":")?;
            let no = self.expression(&[])?;
            self.call(at, "_?_:_", None, vec![condition, yes, no])
        } else {
            condition
        };
        self.depth -= 1;
        Ok(result)
    }

    /// A chain of `||` or, below it, of `&&`: one node, however long it is.
    fn logical(&mut self, symbol: &'static str, function: &str) -> Read {
        let mut terms = Vec::new();
        let mut at = None;
        loop {
            terms.push(if symbol == "||" { self.logical("&&", "_&&_")? } else { self.chain(0)? });
            let here = self.at();
            if !self.take(symbol) {
                break;
            }
            at.get_or_insert(here);
            self.begin(&[])?;
        }
        match (at, terms.as_slice()) {
            (None, [only]) => Ok(*only),
            _ => Ok(self.call(at.unwrap_or(0), function, None, terms)),
        }
    }

    /// A chain of operators of one level: relations, sums, products.
    fn chain(&mut self, level: usize) -> Read {
        let Some(operators) = [RELATIONS, SUMS, PRODUCTS].get(level) else { return self.unary() };
        let mut left = self.chain(level + 1)?;
        let mut length = 0;
        while let Token::Symbol(symbol) = self.peek() {
            let Some((_, function)) = operators.iter().find(|(known, _)| *known == symbol) else { break };
            length += 1;
            if length >= DEEPEST {
                return Err(self.too_deep("max recursion depth exceeded"));
            }
            let at = self.at();
            self.next += 1;
            self.begin(&[])?;
            let right = self.chain(level + 1)?;
            left = self.call(at, function, None, vec![left, right]);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Read {
        let at = self.at();
        let (symbol, function) = if self.is("!") { ("!", "!_") } else { ("-", "-_") };
        let mut count = 0_usize;
        while self.is(symbol) && !(symbol == "-" && matches!(self.after(), Token::Int | Token::Float)) {
            self.next += 1;
            count += 1;
        }
        if count > 0 {
            self.begin(&[])?;
        }
        let operand = self.member()?;
        if count.is_multiple_of(2) { Ok(operand) } else { Ok(self.call(at, function, None, vec![operand])) }
    }

    fn member(&mut self) -> Read {
        let mut operand = self.primary()?;
        let mut length = 0;
        loop {
            length += 1;
            if length >= DEEPEST {
                return Err(self.too_deep("max recursion depth exceeded"));
            }
            let at = self.at();
            if self.take(".") {
                let optional = self.take("?");
                operand = self.field(operand, at, optional)?;
            } else if self.take("[") {
                let optional = self.take("?");
                let also: &[&str] = if optional { &[] } else { &["?"] };
                let index = self.expression(also)?;
                self.expect("]")?;
                operand = self.call(at, if optional { "_[?_]" } else { "_[_]" }, None, vec![operand, index]);
            } else {
                return Ok(operand);
            }
        }
    }

    fn field(&mut self, operand: Id, at: usize, optional: bool) -> Read {
        let here = self.at();
        let name = self.text();
        match self.peek() {
            Token::Ident => {}
            Token::Escaped => {
                self.next += 1;
                return Ok(self.fault(here, "unsupported syntax: '`'"));
            }
            token => {
                let shown = if token == Token::End { String::new() } else { name };
                self.syntax(format!("no viable alternative at input '.{shown}'"));
                return Err(Stop);
            }
        }
        self.next += 1;
        if optional {
            let name = self.add(here, Kind::Literal(Literal::String(name.into())));
            return Ok(self.call(at, "_?._", None, vec![operand, name]));
        }
        let open = self.at();
        if self.take("(") {
            let args = self.arguments()?;
            return Ok(match macros::receiver(self, open, &name, operand, &args) {
                Some(expanded) => expanded,
                None => self.call(open, &name, Some(operand), args),
            });
        }
        Ok(self.add(at, Kind::Select { operand, field: name, test: false }))
    }

    fn arguments(&mut self) -> Result<Vec<Id>, Stop> {
        let mut args = Vec::new();
        if self.take(")") {
            return Ok(args);
        }
        self.begin(&[")"])?;
        if self.take(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression(&[])?);
            if !self.take(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(args)
    }

    pub fn call(&mut self, at: usize, function: &str, target: Option<Id>, args: Vec<Id>) -> Id {
        self.add(at, Kind::Call { function: function.to_owned(), target, args })
    }

    fn primary(&mut self) -> Read {
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
