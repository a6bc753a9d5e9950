//! Shell text to a tree.

/// How deep commands may be nested.
const MAX_DEPTH: usize = 24;

/// One command or a composition of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A command with its arguments.
    Simple(Simple),
    /// One after the other.
    List(Vec<Self>),
    /// The second runs if the first succeeds (`true`) or fails (`false`).
    Chain(Box<Self>, bool, Box<Self>),
    /// `! command`
    Not(Box<Self>),
    /// The output of each is the input of the next.
    Pipe(Vec<Self>),
    /// Runs beside what follows.
    Background(Box<Self>),
    /// `while` (or `until`, if false) a condition holds.
    Loop(bool, Box<Self>, Box<Self>),
    /// `for NAME in WORDS`
    For(String, Vec<Word>, Box<Self>),
    /// `if`, with what else.
    If(Box<Self>, Box<Self>, Option<Box<Self>>),
}

/// A command with its arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Simple {
    /// `NAME=value` before the command.
    pub assignments: Vec<(String, Word)>,
    /// The command and its arguments.
    pub words: Vec<Word>,
    /// Where its output goes instead: a file, and whether it is appended to.
    pub output: Option<(Word, bool)>,
}

/// A word in parts, before expansion.
pub type Word = Vec<Part>;

/// Part of a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// As it stands.
    Text(String),
    /// `$NAME`; in double quotes it is not split.
    Variable(String, bool),
    /// `$(command)`
    Command(Box<Node>, bool),
    /// `$((expression))`
    Arithmetic(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(Word),
    /// `;` `&` `&&` `||` `|` newline `(` `)`
    Operator(&'static str),
    /// A redirection of an output to a file, or of something that does not matter here.
    Redirect {
        append: bool,
        ignored: bool,
    },
}

/// Reads a script; `None` where it uses what this shell does not know.
pub fn parse(script: &str) -> Option<Node> {
    parse_nested(script, 0)
}

fn parse_nested(script: &str, depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    let tokens = tokenize(script, depth)?;
    let mut parser = Parser { tokens, at: 0, depth };
    let node = parser.list(&[])?;
    (parser.at == parser.tokens.len()).then_some(node)
}

fn tokenize(script: &str, depth: usize) -> Option<Vec<Token>> {
    let chars: Vec<char> = script.chars().collect();
    let at = |index: usize| chars.get(index).copied();
    let mut tokens = Vec::new();
    let mut i = 0;
    while let Some(c) = at(i) {
        match (c, at(i + 1)) {
            (' ' | '\t' | '\r', _) => i += 1,
            ('\\', Some('\n')) => i += 2,
            ('#', _) => {
                while at(i).is_some_and(|c| c != '\n') {
                    i += 1;
                }
            }
            ('&', Some('>')) => {
                tokens.push(Token::Redirect { append: false, ignored: false });
                i += 2;
            }
            ('&', Some('&')) => {
                tokens.push(Token::Operator("&&"));
                i += 2;
            }
            ('|', Some('|')) => {
                tokens.push(Token::Operator("||"));
                i += 2;
            }
            ('<', Some('<')) => return None,
            ('&' | '|' | ';' | '\n' | '(' | ')', _) => {
                tokens.push(Token::Operator(match c {
                    '&' => "&",
                    '|' => "|",
                    '(' => "(",
                    ')' => ")",
                    _ => ";",
                }));
                i += 1;
            }
            ('>', Some('&')) | ('2', Some('>')) if c == '2' || at(i + 2).is_some_and(|c| c.is_ascii_digit()) => {
                let descriptor = at(i + 1) == Some('&') || at(i + 2) == Some('&');
                i += if c == '2' { 2 } else { 1 };
                let append = at(i) == Some('>');
                i += usize::from(append);
                if descriptor {
                    i += 2;
                } else {
                    tokens.push(Token::Redirect { append, ignored: true });
                }
            }
            ('>', next) => {
                let append = next == Some('>');
                tokens.push(Token::Redirect { append, ignored: false });
                i += 1 + usize::from(append);
            }
            ('<', _) => {
                tokens.push(Token::Redirect { append: false, ignored: true });
                i += 1;
            }
            _ => {
                let (word, next) = word(&chars, i, depth)?;
                tokens.push(Token::Word(word));
                i = next;
            }
        }
    }
    Some(tokens)
}

/// Reads one word from `start`; returns it and where it ends.
fn word(chars: &[char], start: usize, depth: usize) -> Option<(Word, usize)> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut quoted_empty = false;
    let mut double = false;
    let mut i = start;
    while let Some(&c) = chars.get(i) {
        match c {
            '"' => {
                double = !double;
                quoted_empty = true;
                i += 1;
            }
            '\'' if !double => {
                let end = (i + 1..chars.len()).find(|&end| chars.get(end) == Some(&'\''))?;
                text.extend(chars.get(i + 1..end)?);
                quoted_empty = true;
                i = end + 1;
            }
            '\\' => {
                let next = *chars.get(i + 1)?;
                if double && !matches!(next, '"' | '\\' | '$' | '`' | '\n') {
                    text.push('\\');
                }
                if next != '\n' {
                    text.push(next);
                }
                i += 2;
            }
            '$' => {
                let (part, next) = dollar(chars, i, double, depth)?;
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(part);
                i = next;
            }
            '`' => {
                let end = (i + 1..chars.len()).find(|&end| chars.get(end) == Some(&'`'))?;
                let inner: String = chars.get(i + 1..end)?.iter().collect();
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Command(Box::new(parse_nested(&inner, depth + 1)?), double));
                i = end + 1;
            }
            ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' if !double => break,
            _ => {
                text.push(c);
                i += 1;
            }
        }
    }
    if double {
        return None;
    }
    if !text.is_empty() || (parts.is_empty() && quoted_empty) {
        parts.push(Part::Text(text));
    }
    Some((parts, i))
}

/// Reads an expansion at a `$`.
fn dollar(chars: &[char], at: usize, double: bool, depth: usize) -> Option<(Part, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match chars.get(at + 1) {
        Some('(') => {
            let mut level = 0_usize;
            let end = (at + 1..chars.len()).find(|&i| {
                match chars.get(i) {
                    Some('(') => level += 1,
                    Some(')') => level = level.saturating_sub(1),
                    _ => {}
                }
                level == 0
            })?;
            let inner: String = chars.get(at + 2..end)?.iter().collect();
            let part = match inner.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
                Some(expression) => Part::Arithmetic(expression.to_owned()),
                None => Part::Command(Box::new(parse_nested(&inner, depth + 1)?), double),
            };
            Some((part, end + 1))
        }
        Some('{') => {
            let end = (at + 2..chars.len()).find(|&i| chars.get(i) == Some(&'}'))?;
            let name: String = chars.get(at + 2..end)?.iter().collect();
            Some((Part::Variable(name, double), end + 1))
        }
        Some('?' | '$' | '#' | '@' | '*' | '!') => {
            Some((Part::Variable(chars.get(at + 1).map(char::to_string)?, double), at + 2))
        }
        Some(&c) if is_name(c) => {
            let end =
                (at + 1..chars.len()).find(|&i| !chars.get(i).copied().is_some_and(is_name)).unwrap_or(chars.len());
            Some((Part::Variable(chars.get(at + 1..end)?.iter().collect(), double), end))
        }
        _ => Some((Part::Text("$".into()), at + 1)),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_operator(&self, operator: &str) -> bool {
        matches!(self.peek(), Some(Token::Operator(found)) if *found == operator)
    }

    fn accept(&mut self, operator: &str) -> bool {
        let found = self.is_operator(operator);
        self.at += usize::from(found);
        found
    }

    /// The plain text of the next word, as keywords are.
    fn keyword(&self) -> Option<&str> {
        match self.peek()? {
            Token::Word(parts) => match parts.as_slice() {
                [Part::Text(text)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    fn expect(&mut self, keyword: &str) -> Option<()> {
        (self.keyword() == Some(keyword)).then(|| self.at += 1)
    }

    /// Commands up to one of these keywords, or the end.
    fn list(&mut self, ends: &[&str]) -> Option<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut nodes = Vec::new();
        loop {
            while self.accept(";") {}
            if self.peek().is_none() || self.is_operator(")") || self.keyword().is_some_and(|word| ends.contains(&word))
            {
                break;
            }
            let mut node = self.and_or()?;
            if self.accept("&") {
                node = Node::Background(Box::new(node));
            }
            nodes.push(node);
        }
        self.depth -= 1;
        Some(if nodes.len() == 1 { nodes.remove(0) } else { Node::List(nodes) })
    }

    fn and_or(&mut self) -> Option<Node> {
        let mut node = self.pipe()?;
        loop {
            let on_success = self.is_operator("&&");
            if !on_success && !self.is_operator("||") {
                return Some(node);
            }
            self.at += 1;
            while self.accept(";") {}
            node = Node::Chain(Box::new(node), on_success, Box::new(self.pipe()?));
        }
    }

    fn pipe(&mut self) -> Option<Node> {
        let mut nodes = vec![self.command()?];
        while self.accept("|") {
            while self.accept(";") {}
            nodes.push(self.command()?);
        }
        Some(if nodes.len() == 1 { nodes.remove(0) } else { Node::Pipe(nodes) })
    }

    fn command(&mut self) -> Option<Node> {
        if self.accept("(") {
            let node = self.list(&[])?;
            return self.accept(")").then_some(node);
        }
        let keyword = self.keyword().unwrap_or("").to_owned();
        match keyword.as_str() {
            "!" => {
                self.at += 1;
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return None;
                }
                let node = self.command()?;
                self.depth -= 1;
                Some(Node::Not(Box::new(node)))
            }
            "{" => {
                self.at += 1;
                let node = self.list(&["}"])?;
                self.expect("}")?;
                Some(node)
            }
            "while" | "until" => {
                self.at += 1;
                let condition = self.list(&["do"])?;
                let body = self.body()?;
                Some(Node::Loop(keyword == "while", Box::new(condition), Box::new(body)))
            }
            "for" => {
                self.at += 1;
                let name = self.keyword()?.to_owned();
                self.at += 1;
                let mut words = Vec::new();
                if self.keyword() == Some("in") {
                    self.at += 1;
                    while let Some(Token::Word(word)) = self.peek() {
                        words.push(word.clone());
                        self.at += 1;
                    }
                }
                while self.accept(";") {}
                let body = self.body()?;
                Some(Node::For(name, words, Box::new(body)))
            }
            "if" => {
                self.at += 1;
                self.branches()
            }
            "case" | "function" | "select" => None,
            _ => self.simple(),
        }
    }

    fn body(&mut self) -> Option<Node> {
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Some(body)
    }

    fn branches(&mut self) -> Option<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let condition = self.list(&["then"])?;
        self.expect("then")?;
        let then = self.list(&["elif", "else", "fi"])?;
        let other = match self.keyword()? {
            "elif" => {
                self.at += 1;
                Some(Box::new(self.branches()?))
            }
            "else" => {
                self.at += 1;
                let other = self.list(&["fi"])?;
                self.expect("fi")?;
                Some(Box::new(other))
            }
            _ => {
                self.expect("fi")?;
                None
            }
        };
        self.depth -= 1;
        Some(Node::If(Box::new(condition), Box::new(then), other))
    }

    fn simple(&mut self) -> Option<Node> {
        let mut simple = Simple::default();
        loop {
            match self.peek() {
                Some(Token::Word(word)) => {
                    let word = word.clone();
                    self.at += 1;
                    match assignment(&word).filter(|_| simple.words.is_empty()) {
                        Some(assignment) => simple.assignments.push(assignment),
                        None => simple.words.push(word),
                    }
                }
                Some(&Token::Redirect { append, ignored }) => {
                    self.at += 1;
                    let Some(Token::Word(file)) = self.peek() else { return None };
                    if !ignored {
                        simple.output = Some((file.clone(), append));
                    }
                    self.at += 1;
                }
                _ => break,
            }
        }
        (!simple.words.is_empty() || !simple.assignments.is_empty() || simple.output.is_some())
            .then_some(Node::Simple(simple))
    }
}

/// Splits `NAME=value`.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let (Part::Text(first), rest) = word.split_first()? else { return None };
    let (name, value) = first.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| {
        let mut value = vec![Part::Text(value.to_owned())];
        value.extend(rest.iter().cloned());
        (name.to_owned(), value)
    })
}
