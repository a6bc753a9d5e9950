//! The inside of actions: pipelines, commands, operands and terms.

use super::ast::{Command, Operand, OperandKind, Pipe};
use super::funcs::{Function, builtin};
use super::lex::{Kind, Token};
use super::number::constant;
use super::parse::{MAX_EXPRESSION_DEPTH, Parsed, Parser};
use crate::go::quote::{quote, unquote};

impl<'t> Parser<'t> {
    /// Declarations, then commands up to `end`, which is read.
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let (_, pos) = self.peek_word();
        let mut pipe = Pipe { pos, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            let token = self.next_word();
            match token.kind {
                kind if kind == end => {
                    self.check(&pipe, context)?;
                    return Ok(pipe);
                }
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back(token);
                    let command = self.command()?;
                    pipe.commands.push(command);
                }
                _ => return self.unexpected(&token, context),
            }
        }
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Parsed<()> {
        while self.peek_word().0 == Kind::Variable {
            let variable = self.next();
            // Whether a space follows decides if `$x` and what comes next are two operands.
            let space = self.next();
            let next = if space.kind == Kind::Space { self.next_word() } else { space.clone() };
            let comma = next.kind == Kind::Char && next.text == ",";
            if !comma && !matches!(next.kind, Kind::Assign | Kind::Declare) {
                self.back(next);
                if space.kind == Kind::Space {
                    self.back(space);
                }
                self.back(variable);
                return Ok(());
            }
            pipe.assigns = next.kind == Kind::Assign;
            pipe.variables.push(variable.text.to_string());
            self.tree.variables.push(variable.text.to_string());
            if !comma {
                return Ok(());
            }
            if context != "range" || pipe.variables.len() > 1 {
                return self.error(format_args!("too many declarations in {context}"));
            }
            if !matches!(self.peek_word().0, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                return self.error("range can only initialize variables");
            }
        }
        Ok(())
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.error(format_args!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let executable = !matches!(
                command.operands.first().map(|operand| &operand.kind),
                Some(
                    OperandKind::Bool(_)
                        | OperandKind::Dot
                        | OperandKind::Nil
                        | OperandKind::Number(..)
                        | OperandKind::Text(..)
                )
            );
            if !executable {
                return self.error(format_args!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    /// Operands up to a pipe symbol, which is read, or the end of the pipeline, which is not.
    fn command(&mut self) -> Parsed<Command> {
        let (_, pos) = self.peek_word();
        let mut operands = Vec::with_capacity(1);
        loop {
            self.peek_word();
            operands.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(token),
                Kind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if operands.is_empty() {
            return self.error("empty command");
        }
        Ok(Command { pos, operands })
    }

    /// A term and the fields chained to it; nothing if the next token starts none.
    fn operand(&mut self) -> Parsed<Option<Operand>> {
        let Some(term) = self.term()? else { return Ok(None) };
        if self.peek() != Kind::Field {
            return Ok(Some(term));
        }
        let mut fields = Vec::with_capacity(2);
        let mut pos = term.pos;
        while self.peek() == Kind::Field {
            let token = self.next();
            if fields.is_empty() {
                pos = token.pos;
            }
            fields.push(field_name(&token));
        }
        let kind = match term.kind {
            OperandKind::Field(mut names) => {
                names.append(&mut fields);
                OperandKind::Field(names)
            }
            OperandKind::Variable(name, mut names) => {
                names.append(&mut fields);
                OperandKind::Variable(name, names)
            }
            OperandKind::Bool(_)
            | OperandKind::Text(..)
            | OperandKind::Number(..)
            | OperandKind::Nil
            | OperandKind::Dot => {
                let text = quote(&term.to_string());
                return self.error(format_args!("unexpected . after term {text}"));
            }
            OperandKind::Function(_) | OperandKind::Chain(..) | OperandKind::Pipe(_) => {
                OperandKind::Chain(Box::new(term), fields)
            }
        };
        Ok(Some(Operand { pos, kind }))
    }

    fn term(&mut self) -> Parsed<Option<Operand>> {
        let token = self.next_word();
        let mut pos = token.pos;
        let kind = match token.kind {
            Kind::Identifier => match self.function(&token.text) {
                Some(function) => OperandKind::Function(function),
                None => {
                    let name = quote(&token.text);
                    return self.error(format_args!("function {name} not defined"));
                }
            },
            Kind::Dot => OperandKind::Dot,
            Kind::Nil => OperandKind::Nil,
            Kind::Variable => {
                if !self.tree.variables.iter().any(|name| *name == token.text) {
                    let name = quote(&token.text);
                    return self.error(format_args!("undefined variable {name}"));
                }
                OperandKind::Variable(token.text.into_owned(), Vec::new())
            }
            Kind::Field => OperandKind::Field(vec![field_name(&token)]),
            Kind::Bool => OperandKind::Bool(token.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => match constant(&token.text, token.kind) {
                Ok(value) => OperandKind::Number(token.text.into_owned(), value),
                Err(message) => return self.error(message),
            },
            Kind::LeftParen => {
                if self.tree.parens >= MAX_EXPRESSION_DEPTH {
                    return self.error("max expression depth exceeded");
                }
                self.tree.parens += 1;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.tree.parens -= 1;
                pos = pipe.pos;
                OperandKind::Pipe(Box::new(pipe))
            }
            Kind::String | Kind::RawString => match unquote(&token.text) {
                Some(bytes) => OperandKind::Text(token.text.into_owned(), bytes),
                None => return self.error("invalid syntax"),
            },
            _ => {
                self.back(token);
                return Ok(None);
            }
        };
        Ok(Some(Operand { pos, kind }))
    }

    fn function(&self, name: &str) -> Option<Function> {
        self.functions.iter().find(|function| function.name == name).copied().or_else(|| builtin(name))
    }
}

fn field_name(token: &Token<'_>) -> String {
    token.text.trim_start_matches('.').to_owned()
}
