//! Tokens to nodes. Control structures nest on a stack of this module's own, so that no text can
//! exhaust the program's; parentheses recurse, to a limit.

use std::collections::HashMap;

use super::ast::{Call, Conditional, Node, Pipe, Range};
use super::error::Error;
use super::funcs::Function;
use super::lex::{Kind, Lexer, Token};
use crate::go::quote::{quote, unquote};

/// How deep parentheses may nest. Go allows 10,000 on its growing stacks; this is safe on a thread
/// of 2 MiB without optimisation.
pub(super) const MAX_EXPRESSION_DEPTH: usize = 100;
/// How deep control structures may nest; dropping and displaying the tree recurse.
const MAX_NESTING: usize = 500;

/// The trees of a parsed text, by name.
pub(super) type Trees = HashMap<String, Vec<Node>>;

/// Parses a text: its own tree under `name`, and those that it defines.
pub(super) fn parse(name: &str, text: &str, functions: &[Function]) -> Result<Trees, Error> {
    let mut parser = Parser {
        name,
        functions,
        lexer: Lexer::new(text),
        lookahead: Vec::with_capacity(3),
        line: 0,
        trees: Trees::new(),
        tree: Tree::new(name.to_owned()),
        open: Vec::new(),
    };
    parser.run()?;
    Ok(parser.trees)
}

/// What is known of the tree that is being parsed; definitions and blocks have their own.
pub(super) struct Tree {
    name: String,
    nodes: Vec<Node>,
    pub(super) variables: Vec<String>,
    ranges: usize,
    pub(super) parens: usize,
    /// The line on which the current action started, for errors further down; 0 outside.
    action_line: usize,
}

impl Tree {
    fn new(name: String) -> Self {
        Self { name, nodes: Vec::new(), variables: vec!["$".to_owned()], ranges: 0, parens: 0, action_line: 0 }
    }
}

/// A control structure that waits for its `{{end}}`.
enum Open {
    Conditional {
        with: bool,
        /// The branches that are complete.
        done: Vec<(Pipe, Vec<Node>)>,
        /// The condition of the branch that is being read; nothing in the final `else`.
        current: Option<Pipe>,
        variables: usize,
        /// What stood before it in its list.
        before: Vec<Node>,
    },
    Range {
        pipe: Pipe,
        /// The body, once `{{else}}` was read.
        body: Option<Vec<Node>>,
        variables: usize,
        before: Vec<Node>,
    },
    /// `{{define}}`: the tree around it.
    Define(Tree),
    /// `{{block}}`: the tree around it, the call it stands for, and the line of its clause.
    Block(Tree, Call, usize),
}

/// The parser's state.
pub(super) struct Parser<'t> {
    name: &'t str,
    pub(super) functions: &'t [Function],
    lexer: Lexer<'t>,
    /// Tokens that were read and put back, the next one last.
    lookahead: Vec<Token<'t>>,
    /// The line of the token read last, which errors name.
    line: usize,
    trees: Trees,
    pub(super) tree: Tree,
    open: Vec<Open>,
}

/// A part of the tree, or the error that ends the parse.
pub(super) type Parsed<T> = Result<T, Error>;

impl<'t> Parser<'t> {
    pub(super) fn next(&mut self) -> Token<'t> {
        self.lookahead.pop().unwrap_or_else(|| {
            let token = self.lexer.token();
            self.line = token.line;
            token
        })
    }

    pub(super) fn next_word(&mut self) -> Token<'t> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    pub(super) fn back(&mut self, token: Token<'t>) {
        self.lookahead.push(token);
    }

    pub(super) fn peek(&mut self) -> Kind {
        let token = self.next();
        let kind = token.kind;
        self.back(token);
        kind
    }

    /// The kind and position of the next token that is no space; spaces are dropped.
    pub(super) fn peek_word(&mut self) -> (Kind, usize) {
        let token = self.next_word();
        let found = (token.kind, token.pos);
        self.back(token);
        found
    }

    pub(super) fn error<T>(&self, message: impl std::fmt::Display) -> Parsed<T> {
        self.error_at(self.line, message)
    }

    fn error_at<T>(&self, line: usize, message: impl std::fmt::Display) -> Parsed<T> {
        Err(Error::Parse(format!("template: {}:{line}: {message}", self.name)))
    }

    pub(super) fn unexpected<T>(&self, token: &Token<'_>, context: &str) -> Parsed<T> {
        if token.kind != Kind::Error {
            return self.error(format_args!("unexpected {} in {context}", token.describe()));
        }
        let action = self.tree.action_line;
        if action == 0 || action == token.line {
            return self.error(&token.text);
        }
        let link = if token.text.ends_with(" action") { "" } else { " in action" };
        self.error(format_args!("{}{link} started at {}:{action}", token.text, self.name))
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'t>> {
        let token = self.next_word();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    /// The whole text.
    fn run(&mut self) -> Parsed<()> {
        loop {
            let token = self.next_word();
            match token.kind {
                Kind::Eof if self.open.is_empty() => break,
                Kind::Eof => return self.error("unexpected EOF"),
                Kind::Text => self.tree.nodes.push(Node::Text(token.text.into_owned())),
                Kind::LeftDelim => {
                    if self.open.is_empty() && self.peek_word().0 == Kind::Define {
                        self.next();
                        self.define()?;
                        continue;
                    }
                    self.tree.action_line = token.line;
                    self.action()?;
                }
                _ => return self.unexpected(&token, "input"),
            }
        }
        let tree = std::mem::replace(&mut self.tree, Tree::new(String::new()));
        self.add(tree)
    }

    /// Keeps a complete tree. An empty one never replaces another, and is replaced by any.
    fn add(&mut self, tree: Tree) -> Parsed<()> {
        match self.trees.get(&tree.name) {
            Some(nodes) if !is_empty(nodes) => {
                if !is_empty(&tree.nodes) {
                    let name = quote(&tree.name);
                    return self.error(format_args!("template: multiple definition of template {name}"));
                }
            }
            _ => {
                self.trees.insert(tree.name, tree.nodes);
            }
        }
        Ok(())
    }

    fn enter(&mut self, open: Open) -> Parsed<()> {
        if self.open.len() >= MAX_NESTING {
            return self.error("max nesting depth exceeded");
        }
        self.open.push(open);
        Ok(())
    }

    /// An action, of which the left delimiter is read.
    fn action(&mut self) -> Parsed<()> {
        let token = self.next_word();
        match token.kind {
            Kind::If | Kind::With => return self.conditional(token.kind == Kind::With),
            Kind::Range => return self.range(),
            Kind::Block => return self.block(),
            Kind::Else => self.otherwise()?,
            Kind::End => self.end()?,
            Kind::Break => self.jump("break", Node::Break)?,
            Kind::Continue => self.jump("continue", Node::Continue)?,
            Kind::Template => self.call()?,
            _ => {
                self.back(token);
                let pipe = self.pipeline("command", Kind::RightDelim)?;
                self.tree.nodes.push(Node::Action(pipe));
            }
        }
        self.tree.action_line = 0;
        Ok(())
    }

    fn conditional(&mut self, with: bool) -> Parsed<()> {
        let variables = self.tree.variables.len();
        let pipe = self.pipeline(if with { "with" } else { "if" }, Kind::RightDelim)?;
        let before = std::mem::take(&mut self.tree.nodes);
        self.enter(Open::Conditional { with, done: Vec::new(), current: Some(pipe), variables, before })
    }

    fn range(&mut self) -> Parsed<()> {
        let variables = self.tree.variables.len();
        let pipe = self.pipeline("range", Kind::RightDelim)?;
        self.tree.ranges += 1;
        let before = std::mem::take(&mut self.tree.nodes);
        self.enter(Open::Range { pipe, body: None, variables, before })
    }

    fn jump(&mut self, word: &str, node: Node) -> Parsed<()> {
        let token = self.next_word();
        if token.kind != Kind::RightDelim {
            return self.unexpected(&token, &format!("{{{{{word}}}}}"));
        }
        if self.tree.ranges == 0 {
            return self.error(format_args!("{{{{{word}}}}} outside {{{{range}}}}"));
        }
        self.tree.nodes.push(node);
        Ok(())
    }

    /// `{{else}}`, or the start of `{{else if …}}` and `{{else with …}}`.
    fn otherwise(&mut self) -> Parsed<()> {
        let (next, _) = self.peek_word();
        if !matches!(next, Kind::If | Kind::With) {
            self.expect(Kind::RightDelim, "else")?;
        }
        // The action that this line belonged to is over, also where a condition follows.
        self.tree.action_line = 0;
        let nodes = std::mem::take(&mut self.tree.nodes);
        match self.open.last_mut() {
            Some(Open::Conditional { with, done, current, .. }) if current.is_some() => {
                let with = *with;
                if let Some(pipe) = current.take() {
                    done.push((pipe, nodes));
                }
                if next == if with { Kind::With } else { Kind::If } {
                    self.next();
                    let pipe = self.pipeline(if with { "with" } else { "if" }, Kind::RightDelim)?;
                    if let Some(Open::Conditional { current, .. }) = self.open.last_mut() {
                        *current = Some(pipe);
                    }
                }
                Ok(())
            }
            Some(Open::Range { body: body @ None, .. }) => {
                *body = Some(nodes);
                self.tree.ranges -= 1;
                Ok(())
            }
            Some(Open::Conditional { .. } | Open::Range { .. }) => self.error("expected end; found {{else}}"),
            Some(Open::Define(_)) => self.error("unexpected {{else}} in define clause"),
            Some(Open::Block(_, _, line)) => {
                let line = *line;
                self.error_at(line, "unexpected {{else}} in block clause")
            }
            None => self.error("unexpected {{else}}"),
        }
    }

    fn end(&mut self) -> Parsed<()> {
        self.expect(Kind::RightDelim, "end")?;
        let nodes = std::mem::take(&mut self.tree.nodes);
        match self.open.pop() {
            None => return self.error("unexpected {{end}}"),
            Some(Open::Conditional { with, mut done, current, variables, before }) => {
                self.tree.variables.truncate(variables);
                self.tree.nodes = before;
                let otherwise = match current {
                    Some(pipe) => {
                        done.push((pipe, nodes));
                        Vec::new()
                    }
                    None => nodes,
                };
                let conditional = Conditional { branches: done, otherwise };
                self.tree.nodes.push(if with { Node::With(conditional) } else { Node::If(conditional) });
            }
            Some(Open::Range { pipe, body, variables, before }) => {
                self.tree.variables.truncate(variables);
                self.tree.nodes = before;
                let (body, otherwise) = match body {
                    Some(body) => (body, nodes),
                    None => {
                        self.tree.ranges -= 1;
                        (nodes, Vec::new())
                    }
                };
                self.tree.nodes.push(Node::Range(Range { pipe, body, otherwise }));
            }
            Some(Open::Define(outer)) => self.close_tree(nodes, outer)?,
            Some(Open::Block(outer, call, _)) => {
                self.close_tree(nodes, outer)?;
                self.tree.nodes.push(Node::Call(call));
            }
        }
        Ok(())
    }

    fn close_tree(&mut self, nodes: Vec<Node>, outer: Tree) -> Parsed<()> {
        let mut tree = std::mem::replace(&mut self.tree, outer);
        tree.nodes = nodes;
        self.add(tree)
    }

    /// `{{define}}`, of which the word is read.
    fn define(&mut self) -> Parsed<()> {
        let outer = std::mem::replace(&mut self.tree, Tree::new(String::new()));
        let token = self.next_word();
        self.tree.name = self.template_name(&token, "define clause")?;
        self.expect(Kind::RightDelim, "define clause")?;
        self.enter(Open::Define(outer))
    }

    /// `{{block}}`: a definition and its call in one.
    fn block(&mut self) -> Parsed<()> {
        let token = self.next_word();
        let name = self.template_name(&token, "block clause")?;
        let pipe = self.pipeline("block clause", Kind::RightDelim)?;
        let call = Call { pos: token.pos, name: name.clone(), pipe: Some(pipe) };
        let outer = std::mem::replace(&mut self.tree, Tree::new(name));
        let line = self.line;
        self.enter(Open::Block(outer, call, line))
    }

    fn call(&mut self) -> Parsed<()> {
        let token = self.next_word();
        let name = self.template_name(&token, "template clause")?;
        let next = self.next_word();
        let pipe = if next.kind == Kind::RightDelim {
            None
        } else {
            self.back(next);
            Some(self.pipeline("template clause", Kind::RightDelim)?)
        };
        self.tree.nodes.push(Node::Call(Call { pos: token.pos, name, pipe }));
        Ok(())
    }

    fn template_name(&mut self, token: &Token<'_>, context: &str) -> Parsed<String> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return self.unexpected(token, context);
        }
        match unquote(&token.text) {
            Some(name) => Ok(String::from_utf8_lossy(&name).into_owned()),
            None => self.error("invalid syntax"),
        }
    }
}

/// Whether a tree holds nothing but space.
fn is_empty(nodes: &[Node]) -> bool {
    nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
}
